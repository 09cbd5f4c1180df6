"""What is tested: `quarterdeck.cli.access`: tokens, people and the trail from the command line."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from quarterdeck.cli import access
from quarterdeck.cli.shared import app
from quarterdeck.config.ops import load_ops
from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.access import Action, Gate, Role
from quarterdeck.ops.store import Store
from tests.ops.access.rig import HERE, PASSWORD

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in a folder with an ops.toml; returns what it wrote. Errors of ours are raised."""
    (tmp_path / "ops.toml").write_text("[ops]\nproduction = true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPS_DATABASE_URL", raising=False)

    def run(*words: str, typed: str = "") -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            app(list(words), prog_name="quarterdeck")
        assert not ended.value.code
        said = capsys.readouterr()
        return said.out, said.err

    return run


def test_the_roles_are_those_of_the_gate() -> None:
    assert [role.value for role in access.RoleWord] == [role.value for role in Role]


def test_a_token_from_the_command_line_opens_the_gate(call: Call, tmp_path: Path) -> None:
    secret, said = call("token", "new", "robin", "--role", "operator", "--desk", "north", "--days", "2")
    assert secret.strip() not in said
    assert "not shown again" in said
    hidden, said = call("token", "new", "ops", "--role", "risk", "--file", ".ops_token")
    assert hidden == ""
    assert (tmp_path / ".ops_token").stat().st_mode & 0o777 == 0o600
    rows = json.loads(call("token", "list", "--json")[0])["tokens"]
    assert [(row["person"], row["role"], row["desks"], row["state"]) for row in rows] == [
        ("robin", "operator", ["north"], "expires soon"),
        ("ops", "risk", [], "active"),
    ]
    config = load_ops(tmp_path)
    store = Store(config.data)
    gate = Gate(store, config.access, config.ops.production, config.data / "access.jsonl")
    assert gate.identify(secret.strip(), HERE).desks == {"north"}
    adopted = gate.adopt_configured(tmp_path) if not os.environ.get("OPS_API_TOKEN") else None
    assert adopted is None or adopted.person == "ops"
    successor, _ = call("token", "rotate", rows[0]["token_id"])
    assert gate.identify(successor.strip(), HERE).role is Role.OPERATOR
    assert "is revoked" in call("token", "revoke", rows[0]["token_id"])[0]
    with pytest.raises(OpsError):
        gate.identify(secret.strip(), HERE)
    gate.close()
    store.close()
    everything = call("token", "list")[0] + call("access", "log")[0] + (tmp_path / "ops" / "access.jsonl").read_text()
    for token in (secret, successor, (tmp_path / ".ops_token").read_text()):
        assert token.strip() not in everything


def test_people_from_the_command_line(call: Call, tmp_path: Path) -> None:
    assert call("person", "add", "robin", "--role", "admin")[0] == "robin: admin, all desks\n"
    call("person", "password", "robin", typed=f"{PASSWORD}\n")
    secret = call("person", "totp", "robin")[0].split("\n")[0]
    call("person", "add", "kim", "--desk", "north")
    assert call("person", "list")[0] == "kim  viewer  north  (no password, no totp)\nrobin  admin  all desks\n"
    config = load_ops(tmp_path)
    store = Store(config.data)
    gate = Gate(store, config.access, config.ops.production, config.data / "access.jsonl")
    code = TOTP(secret).now()
    session = gate.identify(gate.sign_in("robin", PASSWORD, code, HERE), HERE)
    gate.permit(session, Action.KILL, "north", code)
    gate.close()
    store.close()
    call("person", "remove", "robin")
    assert [row["name"] for row in json.loads(call("person", "list", "--json")[0])["people"]] == ["kim"]
    with pytest.raises(OpsError, match="this password is refused"):
        app(["person", "password", "kim"], standalone_mode=False) if _typed("short\n") else None
    assert PASSWORD not in (tmp_path / "ops" / "access.jsonl").read_text()


def _typed(text: str) -> bool:
    sys.stdin = io.StringIO(text)
    return True


def test_the_trail_is_shown_and_verified(call: Call, tmp_path: Path) -> None:
    assert call("access", "verify")[0].startswith("0 records")
    call("token", "new", "robin")
    call("person", "add", "kim")
    assert [row["what"] for row in json.loads(call("access", "log", "--json")[0])["records"]] == [
        "token_made",
        "person_added",
    ]
    assert call("access", "log", "--refused")[0] == ""
    assert "person=kim role=viewer by=command line" in call("access", "log", "--last", "1")[0]
    assert json.loads(call("access", "verify", "--json")[0])["records"] == 2
    path = tmp_path / "ops" / "access.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"person":"kim"', b'"person":"eve"'))
    with pytest.raises(QuarterdeckError, match="line 2: its hash is another"):
        app(["access", "verify"], standalone_mode=False)
