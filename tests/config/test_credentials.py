"""What is tested: `quarterdeck.config.credentials`, `quarterdeck.config.secrets` and `quarterdeck.cli.keys`."""

import io
import pickle
import stat
import sys
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck import cli
from quarterdeck.config import load_desk
from quarterdeck.config.credentials import Credentials, CredentialsFile, check_name, credentials
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from quarterdeck.errors import AuditError, ConfigError
from tests.desk.hyperliquid_folder import write_desk

SECRET = "planted-secret-7f3a"
OTHER = "planted-secret-91bc"


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv(IDENTITY_FILE_VARIABLE, raising=False)
    own = str(pyrage.x25519.Identity.generate())
    monkeypatch.setenv(IDENTITY_VARIABLE, own)
    return own


def test_what_is_kept_is_found_again_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    kept = CredentialsFile(tmp_path)
    assert kept.read() == {}
    kept.set("ALPACA_KEY_ID", SECRET)
    kept.set("ALPACA_SECRET_KEY", OTHER)
    assert kept.names() == ["ALPACA_KEY_ID", "ALPACA_SECRET_KEY"]
    assert kept.read() == {"ALPACA_KEY_ID": SECRET, "ALPACA_SECRET_KEY": OTHER}
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert SECRET.encode() not in kept.path.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.age"]
    kept.remove("ALPACA_KEY_ID")
    assert kept.read() == {"ALPACA_SECRET_KEY": OTHER}
    with pytest.raises(ConfigError, match="one of ALPACA_SECRET_KEY"):
        kept.remove("ALPACA_KEY_ID")


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{2,20}", fullmatch=True), st.from_regex(r"[!-~]{1,80}", fullmatch=True)
    )
)
def test_any_credentials_are_kept(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    kept = CredentialsFile(tmp_path_factory.mktemp("desk"))
    for name, value in values.items():
        kept.set(name, value)
    assert kept.read() == values


@pytest.mark.parametrize("name", ["", "AB", "lower_case", "1ST", "_X_", "WITH SPACE", "A" * 65, "A-B-C", "ÄÖÜ"])
def test_what_is_no_name_of_a_variable_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="the name of a variable"):
        check_name(name)


@pytest.mark.parametrize("value", ["", f"{SECRET}\n{SECRET}", f"{SECRET}\0", SECRET * 1_000])
def test_a_value_that_cannot_be_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="printable characters") as caught:
        CredentialsFile(tmp_path).set("ALPACA_KEY_ID", value)
    assert SECRET not in str(caught.value)
    assert not CredentialsFile(tmp_path).path.exists()


def test_without_its_identity_the_file_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = CredentialsFile(tmp_path)
    kept.set("ALPACA_KEY_ID", SECRET)
    monkeypatch.setenv(IDENTITY_VARIABLE, str(pyrage.x25519.Identity.generate()))
    with pytest.raises(AuditError, match=r"credentials\.age: none of the identities given opens it"):
        kept.names()
    monkeypatch.delenv(IDENTITY_VARIABLE)
    with pytest.raises(AuditError, match=f"name an identity by {IDENTITY_FILE_VARIABLE}"):
        kept.names()
    fresh = CredentialsFile(tmp_path / "other")
    with pytest.raises(AuditError, match="no identity to encrypt it to"):
        fresh.set("ALPACA_KEY_ID", SECRET)


def test_a_file_that_others_may_read_is_not_opened(tmp_path: Path) -> None:
    kept = CredentialsFile(tmp_path)
    kept.set("ALPACA_KEY_ID", SECRET)
    kept.path.chmod(0o644)
    with pytest.raises(AuditError, match="others may read it"):
        kept.read()


@pytest.mark.parametrize("inside", [SECRET.encode(), b'{"A": 1}', b"[]", b""])
def test_what_is_no_table_is_said_without_what_it_is(tmp_path: Path, identity: str, inside: bytes) -> None:
    kept = CredentialsFile(tmp_path)
    recipient = pyrage.x25519.Identity.from_str(identity).to_public()
    kept.path.write_bytes(pyrage.encrypt(inside, [recipient]))
    kept.path.chmod(0o600)
    with pytest.raises(AuditError, match="no table of credentials") as caught:
        kept.read()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("environment", "file", "name", "found"),
    [
        ({}, {}, "X_KEY", None),
        ({"X_KEY": "env"}, {}, "X_KEY", "env"),
        ({}, {"X_KEY": "file"}, "X_KEY", "file"),
        ({"X_KEY": "env"}, {"X_KEY": "file"}, "X_KEY", "env"),
        ({"X_KEY": ""}, {"X_KEY": "file"}, "X_KEY", "file"),  # an empty variable is none
        ({"X_KEY_FILE": "path"}, {"X_KEY": "file"}, "X_KEY", None),  # the environment says it in the other form
        ({"X_KEY_FILE": "path"}, {"X_KEY": "file"}, "X_KEY_FILE", "path"),
        ({"X_KEY": "env"}, {"X_KEY_FILE": "file"}, "X_KEY_FILE", None),
    ],
)
def test_the_environment_comes_first(
    tmp_path: Path, environment: dict[str, str], file: dict[str, str], name: str, found: str | None
) -> None:
    kept = CredentialsFile(tmp_path)
    for key, value in file.items():
        kept.set(key, value)
    looked = Credentials(environment, kept)
    assert looked.get(name) == found
    assert set(looked) == {*environment, *file}
    assert len(looked) == len({*environment, *file})


def test_a_key_in_the_environment_needs_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = CredentialsFile(tmp_path)
    kept.set("X_KEY", SECRET)
    monkeypatch.delenv(IDENTITY_VARIABLE)
    looked = Credentials({"X_KEY": "env"}, kept)
    assert looked["X_KEY"] == "env"
    assert "X_KEY_FILE" not in looked


def test_credentials_show_nothing_of_themselves(tmp_path: Path) -> None:
    kept = CredentialsFile(tmp_path)
    kept.set("X_KEY", SECRET)
    looked = Credentials({"Y_KEY": OTHER}, kept)
    assert looked["X_KEY"] == SECRET
    assert SECRET not in repr(looked) + str(looked) + f"{looked!r}"
    assert OTHER not in repr(looked)
    with pytest.raises(TypeError, match="not copied or stored"):
        pickle.dumps(looked)


def test_a_desks_credentials_lie_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_desk(tmp_path / "desk", 8901)
    CredentialsFile(folder).set("HYPERLIQUID_PRIVATE_KEY", SECRET)
    monkeypatch.delenv("HYPERLIQUID_PRIVATE_KEY", raising=False)
    assert credentials(load_desk(folder))["HYPERLIQUID_PRIVATE_KEY"] == SECRET


def call(monkeypatch: pytest.MonkeyPatch, *words: str, typed: str = "") -> int:
    monkeypatch.setattr(sys, "argv", ["quarterdeck", *words])
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_reads_a_value_from_standard_input_and_never_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = str(write_desk(tmp_path / "desk", 8901))
    assert call(monkeypatch, "keys", "set", desk, "X_KEY", typed=f"{SECRET}\n") == 0
    assert call(monkeypatch, "keys", "list", desk) == 0
    assert call(monkeypatch, "keys", "list", desk, "--json") == 0
    assert call(monkeypatch, "keys", "remove", desk, "X_KEY") == 0
    assert call(monkeypatch, "keys", "remove", desk, "X_KEY") == 2
    assert call(monkeypatch, "keys", "set", desk, "X_KEY", typed="\n") == 2
    assert call(monkeypatch, "keys", "set", desk, "x-key", typed=f"{SECRET}\n") == 2
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert "X_KEY is kept in" in said.out
    assert '"names": [\n    "X_KEY"\n  ]' in said.out
