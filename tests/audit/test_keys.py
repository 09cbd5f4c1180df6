"""What is tested: `quarterdeck.audit.keys`, `quarterdeck.config.secrets` and `quarterdeck.audit.files`."""

import base64
import stat
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.audit.files import DeskFiles
from quarterdeck.audit.keys import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    SigningKey,
    check_signature,
    load_key,
    obtain_key,
    read_public_key,
    trusted_keys,
)
from quarterdeck.config.secrets import (
    IDENTITY_FILE_VARIABLE,
    IDENTITY_VARIABLE,
    identities,
    open_sealed,
    secret_text,
)
from quarterdeck.errors import AuditError


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (KEY_VARIABLE, KEY_FILE_VARIABLE, IDENTITY_VARIABLE, IDENTITY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_secret(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    assert load_key(files) is None
    key, made = obtain_key(files)
    again, anew = obtain_key(files)
    assert (made, anew) == (True, False)
    assert key.public == again.public
    assert stat.S_IMODE(files.signing_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.keys.stat().st_mode) == 0o700
    assert files.public_key.read_text().strip() == key.public
    assert sorted(path.name for path in files.keys.iterdir()) == ["audit.key", "audit.pub"]


def test_a_key_shows_its_public_half_only(tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    key, _ = obtain_key(files)
    secret = files.signing_key.read_text().splitlines()[1]
    assert secret not in repr(key) + str(key.sign({"a": 1}))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660, 0o601])
def test_a_secret_that_others_can_read_is_refused_unread(mode: int, tmp_path: Path) -> None:
    path = write_secret(tmp_path / "secret", b"nobody sees this", mode)
    with pytest.raises(AuditError, match="others may read it") as caught:
        secret_text(path)
    assert "nobody sees" not in str(caught.value)


def test_the_environment_gives_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = Ed25519PrivateKey.generate()
    public = SigningKey(private).public
    files = DeskFiles(tmp_path / "desk")
    monkeypatch.setenv(KEY_VARIABLE, pem(private).decode())
    assert obtain_key(files)[0].public == public
    assert not files.signing_key.exists()
    assert read_public_key(str(files.public_key)) == public
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(write_secret(tmp_path / "key.pem", pem(private))))
    assert obtain_key(files)[0].public == public
    assert trusted_keys(files) == [public]


def test_a_desk_that_changes_its_key_trusts_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = DeskFiles(tmp_path)
    first, _ = obtain_key(files)
    monkeypatch.setenv(KEY_VARIABLE, pem(Ed25519PrivateKey.generate()).decode())
    second, made = obtain_key(files)
    assert not made
    assert trusted_keys(files) == [first.public, second.public]
    assert trusted_keys(files, [second.public]) == [second.public]
    files.public_key.write_text("nonsense\n")
    with pytest.raises(AuditError, match=r"audit\.pub: it is no public key"):
        trusted_keys(files)


def test_an_age_file_gives_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, identity = Ed25519PrivateKey.generate(), pyrage.x25519.Identity.generate()
    sealed = write_secret(tmp_path / "key.pem.age", pyrage.encrypt(pem(private), [identity.to_public()]))
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(sealed))
    with pytest.raises(AuditError, match="name an identity"):
        load_key(DeskFiles(tmp_path))
    monkeypatch.setenv(IDENTITY_VARIABLE, str(pyrage.x25519.Identity.generate()))
    with pytest.raises(AuditError, match="none of the identities given opens it"):
        load_key(DeskFiles(tmp_path))
    monkeypatch.setenv(IDENTITY_VARIABLE, str(identity))
    found = load_key(DeskFiles(tmp_path))
    assert found is not None
    assert found.public == SigningKey(private).public


@pytest.mark.parametrize("text", [b"", b"secret words", pem(X25519PrivateKey.generate())])
def test_what_is_no_signing_key_is_told_without_its_words(text: bytes, tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    files.keys.mkdir(parents=True)
    write_secret(files.signing_key, text)
    with pytest.raises(AuditError, match=r"no private key in PEM|not of the kind Ed25519") as caught:
        load_key(files)
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize(
    "word", ["ed25519:", "ed25519:AAAA", "ed25519:" + "A" * 44, "ed25519:nonsense!", "nowhere.pub"]
)
def test_what_is_no_public_key_is_refused(word: str) -> None:
    with pytest.raises(AuditError, match="public key"):
        read_public_key(word)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=4), st.data())
def test_a_signature_holds_for_one_document_only(document: dict[str, int | str], data: st.DataObject) -> None:
    document = {word: value for word, value in document.items() if word not in {"signature", "public_key"}}
    key = SigningKey(Ed25519PrivateKey.generate())
    signed = key.sign(document)
    check_signature(signed, [key.public], "it")
    changed = {**signed, data.draw(st.sampled_from([*document, "more"])): "something else \0"}
    with pytest.raises(AuditError, match="changed after it was signed"):
        check_signature(changed, [key.public], "it")


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ({"signature": ""}, "changed after"),
        ({"signature": None}, "not signed"),
        ({"signature": "%%"}, "changed after"),
        ({"signature": base64.b64encode(bytes(64)).decode()}, "changed after"),
        ({"public_key": "ed25519:" + base64.b64encode(bytes(32)).decode()}, "signed by the key"),
        ({"public_key": 7}, "not signed"),
    ],
)
def test_a_forged_signature_is_told(deed: dict[str, object], told: str) -> None:
    key = SigningKey(Ed25519PrivateKey.generate())
    with pytest.raises(AuditError, match=told):
        check_signature({**key.sign({"a": 1}), **deed}, [key.public], "it")


def test_without_a_known_key_nothing_is_believed() -> None:
    key = SigningKey(Ed25519PrivateKey.generate())
    with pytest.raises(AuditError, match="no public key is known"):
        check_signature(key.sign({}), [], "it")


def test_identities_come_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (pyrage.x25519.Identity.generate() for _ in range(2))
    sealed = pyrage.encrypt(b"inside", [two.to_public()])
    path = write_secret(tmp_path / "identity", f"# kept in the safe\n{one}\n\n{two}\n".encode())
    assert identities() == []
    assert open_sealed(sealed, identities(path), "it") == b"inside"
    monkeypatch.setenv(IDENTITY_FILE_VARIABLE, str(path))
    assert open_sealed(sealed, identities(), "it") == b"inside"


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"AGE-SECRET-KEY-1NONSENSE", b"-----BEGIN OPENSSH PRIVATE KEY"])
def test_what_is_no_identity_is_told_without_its_words(text: bytes, tmp_path: Path) -> None:
    path = write_secret(tmp_path / "identity", text)
    with pytest.raises(AuditError, match="it holds no age identity") as caught:
        identities(path)
    assert "NONSENSE" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="nowhere"):
        identities(tmp_path / "nowhere")


@pytest.mark.parametrize(("text", "epoch"), [(None, 0), ("7\n", 7)])
def test_the_epoch_is_read(text: str | None, epoch: int, tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    files.data.mkdir()
    if text is not None:
        files.epoch_file.write_text(text)
    assert files.epoch() == epoch


def test_an_epoch_of_nonsense_is_told(tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    files.data.mkdir()
    files.epoch_file.write_text("seven")
    with pytest.raises(AuditError, match="does not hold a number"):
        files.epoch()
