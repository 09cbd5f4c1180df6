"""What is tested: `quarterdeck.backup.envelope`."""

import contextlib
import os
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.backup.envelope import Recipients, recipients_of, unwrap, wrap
from quarterdeck.config.backup import Backup
from quarterdeck.errors import BackupError, ConfigError

IDENTITY = pyrage.x25519.Identity.generate()
SEALED = Recipients((str(IDENTITY.to_public()),), "test")
OPEN = Recipients((), "test")


def wrapped(data: bytes, recipients: Recipients) -> bytes:
    parts: list[bytes] = []
    wrap(memoryview(data), recipients, parts.append)
    return b"".join(parts)


def unwrapped(data: bytes, sealed: bool) -> bytes:
    parts: list[bytes] = []
    unwrap(memoryview(data), sealed, [IDENTITY], parts.append, "it")
    return b"".join(parts)


@given(st.binary(max_size=5_000), st.integers(1, 2_000), st.booleans())
def test_what_goes_in_comes_out(data: bytes, times: int, sealed: bool) -> None:
    assert unwrapped(wrapped(data * times, SEALED if sealed else OPEN), sealed) == data * times


@given(st.binary(min_size=1, max_size=300), st.integers(0, 999), st.integers(0, 7), st.booleans())
def test_what_was_changed_does_not_come_out_as_something_else(
    data: bytes, permille: int, bit: int, sealed: bool
) -> None:
    raw = bytearray(wrapped(data, SEALED if sealed else OPEN))
    raw[len(raw) * permille // 1000] ^= 1 << bit
    with contextlib.suppress(BackupError):
        assert unwrapped(bytes(raw), sealed) == data, "only what means nothing may change"


@given(st.binary(min_size=1, max_size=300), st.integers(0, 999), st.booleans())
def test_what_was_cut_does_not_come_out(data: bytes, permille: int, sealed: bool) -> None:
    raw = wrapped(data, SEALED if sealed else OPEN)
    with pytest.raises(BackupError, match="it: "):
        unwrapped(raw[: len(raw) * permille // 1000], sealed)


@pytest.mark.parametrize("recipients", [SEALED, OPEN])
def test_a_failure_of_the_disk_is_itself(recipients: Recipients) -> None:
    def full(_: bytes) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space left"):
        wrap(memoryview(os.urandom(300_000)), recipients, full)
    with pytest.raises(OSError, match="No space left"):
        unwrap(memoryview(wrapped(os.urandom(300_000), recipients)), bool(recipients.keys), [IDENTITY], full, "it")


def test_recipients_come_from_the_settings_and_a_file(tmp_path: Path) -> None:
    two = str(pyrage.x25519.Identity.generate().to_public())
    (tmp_path / "keys").write_text(f"# the safe\n\n{two}\n{SEALED.words[0]}\n")
    found = recipients_of(Backup(recipients=SEALED.words, recipients_file="keys"), tmp_path, "desk.toml")
    assert found.words == tuple(sorted({two, *SEALED.words}))
    assert found.suffix == ".zst.age"
    assert recipients_of(Backup(unencrypted=True), tmp_path, "desk.toml").suffix == ".zst"


def test_an_ssh_key_is_a_recipient(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    from quarterdeck.config.secrets import identities

    private = Ed25519PrivateKey.generate()
    word = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path = tmp_path / "id_ed25519"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    parts: list[bytes] = []
    unwrap(memoryview(wrapped(b"inside", Recipients((word,), "test"))), True, identities(path), parts.append, "it")
    assert b"".join(parts) == b"inside"


@pytest.mark.parametrize("word", ["age1nonsense", "ssh-ed25519 nonsense", "age1" + "q" * 58])
def test_what_is_no_recipient_is_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"backup\.recipients"):
        recipients_of(Backup(recipients=(word,)), tmp_path, "desk.toml")


@pytest.mark.parametrize("settings", [Backup(), Backup(recipients_file="nowhere")])
def test_nobody_is_refused(settings: Backup, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"backup\.recipients"):
        recipients_of(settings, tmp_path, "desk.toml")


def test_an_empty_file_of_recipients_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# nobody yet\n")
    with pytest.raises(ConfigError, match="at least one public key"):
        recipients_of(Backup(recipients_file="keys"), tmp_path, "desk.toml")
