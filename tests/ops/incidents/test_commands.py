"""What is tested: `quarterdeck.cli.alerts` and `quarterdeck.cli.incidents`: as people type them, on one store."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import quarterdeck.cli.alerts
import quarterdeck.cli.incidents
from quarterdeck.cli.alerts import seconds_of
from quarterdeck.cli.shared import app
from quarterdeck.errors import ConfigError, OpsError
from quarterdeck.ops.alerts.engine import Engine
from quarterdeck.ops.alerts.rules import RULES
from quarterdeck.ops.store import Store
from tests.desk.builders import desk_folder
from tests.ops.alerts.builders import FILE_CHANNEL, START_NS, finding, ops, told

RUNNER = CliRunner()
DESK = "xrpliquid"
WINDOW = '[[maintenance]]\nevery = "monthly first-sunday 01:00-03:00"\nperson = "operator-2"\nreason = "updates"\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / DESK).mkdir()
    desk_folder(tmp_path / DESK)
    config = ops(tmp_path, FILE_CHANNEL + WINDOW)
    store = Store(config.data)
    found = [finding("kill-switch", desk=DESK, summary="COOLDOWN"), finding("anomaly", "x", desk=DESK)]
    Engine(config, store).work(found, START_NS)
    store.close()
    return tmp_path


def run(place: Path, *words: str, fails: int = 0) -> str:
    done = RUNNER.invoke(app, [*words, "--ops", str(place)], env={"QUARTERDECK_PERSON": None})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == fails, done.output
    return done.output


def test_alerts_are_listed_taken_and_resolved(place: Path) -> None:
    said = run(place, "alerts", "list")
    assert run(place, "alerts") == said
    assert re.search(r"1  P1  2023-11-14T22:13:20Z  xrpliquid  kill-switch  FIRING\n +COOLDOWN", said)
    assert json.loads(run(place, "alerts", "list", "--json"))[0]["rule"] == "kill-switch"
    assert run(place, "alerts", "ack", "1", "--person", "operator-1") == "alert 1 is ACKNOWLEDGED by operator-1\n"
    assert "ACKNOWLEDGED by operator-1" in run(place, "alerts", "list", "--desk", DESK)
    run(place, "alerts", "resolve", "1", "--person", "operator-1", "--note", "a drill")
    run(place, "alerts", "resolve", "2", "--person", "operator-1")
    assert run(place, "alerts", "list") == "no alert stands\n"
    assert "RESOLVED by operator-1" in run(place, "alerts", "list", "--all")
    with pytest.raises(OpsError, match="already"):
        run(place, "alerts", "ack", "1", "--person", "operator-1")
    assert "person" in run(place, "alerts", "ack", "1", fails=2)  # nobody is named


def test_silences_by_hand_and_by_the_runbook(place: Path) -> None:
    words = ("--person", "operator-1", "--why", "they move")
    assert "silence 1 holds until 20" in run(place, "alerts", "silence", "--rule", "venue-*", "--for", "2h", *words)
    said = run(place, "alerts", "silence", "--every", "weekly", *words)
    assert said == "silence 2 holds every weekly sunday 02:00-04:00 UTC\n"
    said = run(place, "alerts", "silences")
    assert "toml" in said
    assert "every monthly first-sunday 01:00-03:00 UTC" in said
    assert "rule venue-*, desk *, subject *  by operator-1: they move" in said
    run(place, "alerts", "lift", "1", "--person", "operator-2")
    assert "venue-*" not in run(place, "alerts", "silences")
    assert len(json.loads(run(place, "alerts", "silences", "--all", "--json"))) == 3
    with pytest.raises(OpsError, match="needs an end"):
        run(place, "alerts", "silence", *words)
    with pytest.raises(OpsError, match="no time"):
        run(place, "alerts", "silence", "--for", "soon", *words)


def test_rules_are_listed_with_their_figures(place: Path) -> None:
    said = run(place, "alerts", "rules")
    assert "P2  drawdown             Drawdown [drawdown_share = 0.03]" in said
    assert {row["rule"] for row in json.loads(run(place, "alerts", "rules", "--json"))} == set(RULES)


def test_channels_are_tested(place: Path) -> None:
    assert run(place, "alerts", "test") == "channel book: it arrived\n"
    assert [one["kind"] for one in told(place)] == ["TEST"]
    more = '[[channels]]\nname = "hook"\nkind = "webhook"\nurl_variable = "NOT_SET_HERE"\n'
    (place / "ops.toml").write_text(FILE_CHANNEL + more)
    assert "NOT_SET_HERE is not set" in run(place, "alerts", "test", "hook", fails=1)
    with pytest.raises(ConfigError):
        run(place / "nowhere", "alerts", "test")


def test_an_incident_from_the_command_line(place: Path) -> None:
    person = ("--person", "operator-1")
    said = run(place, "incident", "open", "--alert", "1", *person)
    assert said.startswith("incident 1 [P1] xrpliquid: COOLDOWN: OPEN\n    response: ")
    assert run(place, "incident", "ack", "1", *person).startswith("incident 1 [P1] xrpliquid: COOLDOWN: ACKNOWLEDGED")
    run(place, "incident", "note", "1", "a limit was too wide", "--kind", "cause", *person)
    said = run(place, "incident", "action", "1", "review", "--owner", "operator-2", "--due", "2026-12-01")
    assert said == "action 1: review (operator-2, due 2026-12-01)\n"
    assert run(place, "incident", "action", "1", "--done", "1", *person) == "action 1 is done by operator-1\n"
    run(place, "incident", "resolve", "1", "narrower now", *person)
    path = Path(run(place, "incident", "postmortem", "1").strip())
    assert path.read_text().startswith("# Incident 1 post-mortem: COOLDOWN\n")
    assert run(place, "incident", "list") == "no incident is open\n"
    assert "RESOLVED  COOLDOWN" in run(place, "incident", "list", "--all")
    said = run(place, "incident", "show", "1")
    assert "loss: unknown: " in said
    assert "cause  operator-1  a limit was too wide" in said
    shown = json.loads(run(place, "incident", "show", "1", "--json"))
    assert [one["text"] for one in shown["actions"]] == ["review"]
    assert {one["name"] for one in shown["clock"]} == {"response", "investigation", "recovery"}


def test_an_incident_by_hand(place: Path) -> None:
    words = ("--severity", "HIGH", "--desk", DESK, "--detected", "2026-01-05T09:30:00Z", "--person", "operator-1")
    said = run(place, "incident", "open", "the venue answers slowly", *words)
    assert said.startswith("incident 1 [P2] xrpliquid: the venue answers slowly: OPEN")
    found = json.loads(run(place, "incident", "list", "--json"))
    assert found[0]["detected_ns"] == 1_767_605_400_000_000_000
    for bad in (("--severity", "BAD"), ("--severity", "P1", "--detected", "soon"), ()):
        with pytest.raises(OpsError):
            run(place, "incident", "open", "x", "--person", "operator-1", *bad)


def test_times_that_people_write() -> None:
    assert [seconds_of(one) for one in ("90s", "30m", "2h", "1d")] == [90, 1800, 7200, 86400]
    for bad in ("", "5", "0h", "h", "-1h"):
        with pytest.raises(OpsError):
            seconds_of(bad)
    assert quarterdeck.cli.alerts.alerts_app is not quarterdeck.cli.incidents.incident_app
