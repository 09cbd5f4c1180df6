"""What is tested: `quarterdeck.checks.configuration`, `quarterdeck.checks.machine`, `quarterdeck.checks.findings`.

And `quarterdeck.cli.checking`, as far as it looks at a desk alone.
"""

import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pyrage
import pytest

from quarterdeck import cli
from quarterdeck.checks import machine
from quarterdeck.checks.configuration import check_config, has_credentials
from quarterdeck.checks.findings import Findings, Level
from quarterdeck.config import load_desk
from quarterdeck.config.credentials import CredentialsFile
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from quarterdeck.conformance.outcome import Finding as Scenario
from quarterdeck.conformance.outcome import Outcome
from quarterdeck.conformance.report import Report, adapter_hash, kept_at, write_report
from quarterdeck.journal import JournalWriter, note
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE
from tests.desk.builders import desk_folder
from tests.desk.hyperliquid_folder import SPOT, write_desk
from tests.twins.hyperliquid.serving import KEYS

NOW = 1_790_000_000 * 1_000_000_000
PORT = 8901
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (KEY_VARIABLE, KEY_FILE_VARIABLE, IDENTITY_VARIABLE, IDENTITY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(machine, "clock_is_steered", lambda: True)


def checked(folder: Path, now_ns: int = NOW) -> Findings:
    return check_config(lambda: load_desk(folder), wall=lambda: now_ns)


def level(findings: Findings, what: str) -> Level:
    (one,) = [finding for finding in findings.found if finding.what == what]
    return one.level


def good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live desk that lacks nothing."""
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    desk = write_desk(folder / "desk", PORT, ("[operators]", f'[backup]\nrecipients = ["{recipient}"]\n\n[operators]'))
    desk.chmod(0o755)
    (desk / "desk.toml").chmod(0o644)
    monkeypatch.setenv(KEY_VARIABLE, KEYS["agent"])
    prove(desk, NOW - 10**15)
    return desk


def prove(desk: Path, time_ns: int, outcome: Outcome = Outcome.PASSED) -> None:
    scenario = Scenario(name="connect", outcome=outcome, took_ms=1, why="")
    report = Report(
        desk="twinned", venue="hl", kind="hyperliquid", address=f"127.0.0.1:{PORT}", instrument="XRP",
        date="2026-01-01T00:00:00Z", time_ns=time_ns, source=adapter_hash(), scenarios=(scenario,),
    )  # fmt: skip
    write_report(kept_at(desk / "data", "hl"), report)


def test_a_desk_that_lacks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = checked(good(tmp_path, monkeypatch))
    assert {one.level for one in findings.found} == {Level.OK}, findings.lines()
    assert findings.exit_code == 0
    assert [one.what for one in findings.found] == [
        "configuration", "limits", "settings", "backup", "hl credentials", "hl conformance", "clock", "disk",
        "permissions",
    ]  # fmt: skip


def test_a_desk_that_does_not_load_is_one_finding(tmp_path: Path) -> None:
    desk = write_desk(tmp_path / "desk", PORT)
    (desk / "desk.toml").write_text((desk / "desk.toml").read_text().replace('lot = "1"', 'lot = "none"'))
    findings = checked(desk)
    assert (findings.exit_code, len(findings.found)) == (1, 1)
    assert "instruments[XRP].lot = 'none' is not allowed" in findings.found[0].line()


def test_a_paper_desk_is_warned_of_what_live_asks_for(tmp_path: Path) -> None:
    config = desk_folder(tmp_path)
    findings = check_config(lambda: config, wall=lambda: NOW)
    assert findings.exit_code == 0, findings.lines()
    assert level(findings, "backup") is Level.WARN


def test_a_live_desk_without_its_surroundings_fails(tmp_path: Path) -> None:
    findings = checked(write_desk(tmp_path / "desk", PORT))
    assert level(findings, "backup") is Level.FAIL
    assert level(findings, "hl credentials") is Level.FAIL
    assert level(findings, "hl conformance") is Level.WARN  # on this machine nothing can be lost
    assert findings.exit_code == 1
    (one,) = [found for found in findings.found if found.what == "hl credentials"]
    assert KEY_VARIABLE in one.line()
    assert "quarterdeck keys set twinned NAME" in one.line()


@pytest.mark.parametrize(
    ("age_days", "outcome", "said"),
    [
        (0, Outcome.PASSED, "passed on 2026-01-01"),
        (15, Outcome.PASSED, "too old"),
        (-1, Outcome.PASSED, "too old"),
        (1, Outcome.FAILED, "failed"),
    ],
)
def test_conformance_counts_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_days: int, outcome: Outcome, said: str
) -> None:
    desk = good(tmp_path, monkeypatch)
    prove(desk, NOW - age_days * 86_400 * 10**9, outcome)
    (one,) = [found for found in checked(desk).found if found.what == "hl conformance"]
    assert said in one.why


def test_what_nothing_looks_at_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = good(tmp_path, monkeypatch)
    text = (
        (desk / "desk.toml").read_text().replace('kind = "hyperliquid"', 'kind = "hyperliquid"\norder_latency_ms = 9')
    )
    (desk / "desk.toml").write_text(text.replace(*SPOT))
    named = {one.what for one in checked(desk).found if "not used" in one.why}
    assert named == {"instruments[XRP/USDC]", "venues[hl].order_latency_ms"}


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("desk.toml", 0o666, "others may write it"),
        ("", 0o777, "others may write it"),
        ("data", 0o775, "others may write it"),
        ("credentials.age", 0o640, "others may read it"),
        ("data/keys", 0o750, "others may read it"),
    ],
)
def test_what_others_may_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, said: str
) -> None:
    desk = good(tmp_path, monkeypatch)
    (desk / "data" / "keys").mkdir(mode=0o700)
    (desk / "credentials.age").write_bytes(b"")
    (desk / "credentials.age").chmod(0o600)
    assert checked(desk).exit_code == 0
    (desk / name).chmod(mode)
    findings = checked(desk)
    assert findings.exit_code == 1
    assert said in next(one.why for one in findings.found if one.what == "permissions")
    (desk / name).chmod(0o700)


@pytest.mark.parametrize(("free_mib", "expected"), [(255, Level.FAIL), (300, Level.WARN), (5_000, Level.OK)])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mib: int, expected: Level) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free_mib << 20))
    assert level(checked(good(tmp_path, monkeypatch)), "disk") is expected


def test_a_clock_behind_the_journal_or_that_nothing_steers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = good(tmp_path, monkeypatch)
    with JournalWriter(desk / "data" / "journal", "twinned") as writer:
        writer.append(note("it was later than that", NOW + 1_000))
    assert level(checked(desk), "clock") is Level.FAIL
    assert level(checked(desk, NOW + 2_000), "clock") is Level.OK
    assert level(checked(desk, 10**18), "clock") is Level.FAIL
    monkeypatch.setattr(machine, "clock_is_steered", lambda: False)
    assert level(checked(desk, NOW + 2_000), "clock") is Level.WARN


def test_the_system_says_whether_its_clock_is_steered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert machine.clock_is_steered() in {True, False, None}


def test_a_key_in_the_desks_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = write_desk(tmp_path / "desk", PORT)
    monkeypatch.setenv(IDENTITY_VARIABLE, str(pyrage.x25519.Identity.generate()))
    config = load_desk(desk)
    assert KEY_VARIABLE in has_credentials(config, 0)
    CredentialsFile(desk).set(KEY_VARIABLE, KEYS["agent"])
    assert has_credentials(config, 0) == ""
    monkeypatch.delenv(IDENTITY_VARIABLE)
    problem = has_credentials(config, 0)
    assert IDENTITY_FILE_VARIABLE in problem
    assert KEYS["agent"] not in problem


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["quarterdeck", "check", *words])
    monkeypatch.setenv("QUARTERDECK_CAPACITY", CAPACITY.name)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_prints_a_line_for_each_and_ends_with_one_on_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = good(tmp_path, monkeypatch)
    prove(desk, 10**18)  # long ago, by the real clock
    assert call(monkeypatch, "config", str(desk)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("ok    configuration: ")
    assert said[-1] == "8 ok, 1 WARN, 0 FAIL"
    monkeypatch.delenv(KEY_VARIABLE)
    assert call(monkeypatch, "config", str(desk), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [one["what"] for one in answer["findings"] if one["level"] == "FAIL"] == ["hl credentials"]
    assert call(monkeypatch, "config", str(tmp_path / "nowhere")) == 1
    assert "FAIL  configuration: command: desk" in capsys.readouterr().out
