"""What is tested: `quarterdeck.cli.backup` and `quarterdeck.cli.audit`."""

import json
import sys
from pathlib import Path

import pytest

from quarterdeck import cli
from quarterdeck.cli import audit, backup
from quarterdeck.config import DeskConfig
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from tests.backup.builders import PLAIN, Keys, desk, files_of, snapshots, store

assert audit.audit_app.registered_commands
assert backup.backup_app.registered_commands


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (IDENTITY_VARIABLE, IDENTITY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "safe")


@pytest.fixture
def sealed(tmp_path: Path, keys: Keys) -> DeskConfig:
    config = desk(tmp_path / "desk", keys.settings, events=100)
    snapshots(config.folder, 200)
    return config


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["quarterdeck", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_a_backup_is_made_verified_drilled_and_restored(
    sealed: DeskConfig, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, root = sealed.folder, store(sealed).root
    assert call(monkeypatch, "backup", folder) == 0
    assert str(root) in capsys.readouterr().out
    assert call(monkeypatch, "backup", "make", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["reused"] == 0, "one segment, which is still written"
    for source in (folder, root, root.parent):
        assert call(monkeypatch, "backup", "verify", source) == 0
        assert "none was opened" in capsys.readouterr().out
        assert call(monkeypatch, "backup", "verify", source, "--identity", keys.file) == 0
        assert "is whole" in capsys.readouterr().out
        assert call(monkeypatch, "backup", "drill", source, "--identity", keys.file, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["passed"] is True
        assert (found["rpo_records"] is None) is (source is not folder)
    assert call(monkeypatch, "restore", folder, "--to", tmp_path / "new", "--identity", keys.file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["target"] == str(tmp_path / "new")
    assert (tmp_path / "new" / "data" / "journal").is_dir()


def test_backups_go_where_they_are_told(
    sealed: DeskConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "backup", sealed.folder, "--to", tmp_path / "elsewhere") == 0
    assert call(monkeypatch, "backup", "verify", tmp_path / "elsewhere") == 0
    assert call(monkeypatch, "backup", "verify", sealed.folder) == 1
    assert "no backup is here; make one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mode", "given_", "told"),
    [
        (0o600, "another", "none of the identities given opens it"),
        (0o644, "the right one", "others may read it (mode 0644): chmod 600 it"),
        (0o600, "none", "name the identity's file with --identity"),
    ],
)
def test_a_wrong_identity_is_one_clear_line(
    mode: int,
    given_: str,
    told: str,
    sealed: DeskConfig,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, "backup", sealed.folder) == 0
    other = Keys(tmp_path / "other")
    file = (other if given_ == "another" else keys).file
    file.chmod(mode)
    words = [] if given_ == "none" else ["--identity", file]
    capsys.readouterr()
    assert call(monkeypatch, "restore", sealed.folder, "--to", tmp_path / "new", *words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert str(keys.identity) not in line
    assert not (tmp_path / "new").exists()


def test_the_environment_gives_the_identity(
    sealed: DeskConfig, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(monkeypatch, "backup", sealed.folder) == 0
    monkeypatch.setenv(IDENTITY_VARIABLE, str(keys.identity))
    assert call(monkeypatch, "restore", sealed.folder, "--to", tmp_path / "new") == 0


def test_pruning_is_tried_first(
    sealed: DeskConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("--dry-run",), ()):
        assert call(monkeypatch, "backup", "prune", sealed.folder, *words) == 0
        assert "0 segments" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("backup", "nowhere"), 2, "desk"),
        (("backup", "prune", "nowhere"), 2, "desk"),
        (("backup", "verify", "EMPTY"), 1, "no backups of one desk are here"),
        (("restore", "EMPTY", "--to", "new"), 1, "no backups of one desk are here"),
        (("audit", "verify", "EMPTY"), 1, "no journal is here"),
        (("audit", "anchor", "EMPTY"), 1, "no journal is here"),
        (("audit", "log", "EMPTY"), 1, "no journal is here"),
        (("audit", "verify", "nowhere"), 2, "desk"),
    ],
)
def test_a_mistake_is_one_line(
    words: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert call(monkeypatch, *(word.replace("EMPTY", "empty") for word in words)) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_an_anchor_is_made_and_held_against_a_journal_that_was_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = desk(tmp_path / "desk", PLAIN, events=100)
    kept = tmp_path / "kept.json"
    assert call(monkeypatch, "audit", "anchor", config.folder, "--out", kept) == 0
    said = capsys.readouterr().out
    public = next(word for word in said.split() if word.startswith("ed25519:"))
    assert "(made now)" in said
    secret = files_of(config).signing_key.read_text().splitlines()[1]
    assert secret not in said + kept.read_text()
    words = ("audit", "verify", config.folder, "--anchor", kept, "--public-key", public)
    assert call(monkeypatch, *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["public_keys_given"] is True
    manifest = tmp_path / "desk" / "backups" / "harbour" / "manifests"
    assert call(monkeypatch, "backup", config.folder) == 0
    (path,) = manifest.iterdir()
    assert call(monkeypatch, "audit", "verify", config.folder, "--anchor", path) == 0
    last = sorted(files_of(config).journal.glob("*.qdj"))[-1]
    last.write_bytes(last.read_bytes()[: 4096 + 64])
    assert call(monkeypatch, *words) == 1
    assert "problem: " in capsys.readouterr().out
    assert call(monkeypatch, "audit", "anchor", config.folder, "--json") == 1, "what is not good is not signed"


def test_commands_are_listed(
    sealed: DeskConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "audit", "log", sealed.folder, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert call(monkeypatch, "audit", "log", files_of(sealed).journal) == 0


def test_another_folder_can_hold_the_data(sealed: DeskConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sealed.folder / "data").rename(tmp_path / "data")
    assert call(monkeypatch, "backup", sealed.folder, "--dir", tmp_path) == 0
    assert call(monkeypatch, "audit", "verify", sealed.folder, "--dir", tmp_path) == 0
    assert call(monkeypatch, "audit", "log", sealed.folder, "--dir", tmp_path) == 0
