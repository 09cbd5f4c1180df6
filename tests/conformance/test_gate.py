"""Before a desk goes live: the table, walked, and what it is decided by.

What is tested: `quarterdeck.conformance.gate`, `quarterdeck.conformance.places`, `quarterdeck.conformance.report`,
`quarterdeck.config.conformance`.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.conformance.gate import GATE, Proof, Verdict, check_gate, decide, limits_missing, proof_of
from quarterdeck.conformance.outcome import Finding, Outcome
from quarterdeck.conformance.places import is_local
from quarterdeck.conformance.report import Report, adapter_hash, kept_at, read_report, timings, write_report
from quarterdeck.errors import ConfigError, DeskError
from tests.desk.hyperliquid_folder import write_desk
from tests.desk.live_rig import DESK_TOML

DAY_NS = 86_400 * 10**9
NOW = 1_790_000_000 * 10**9
GOOD = Finding(name="kill", outcome=Outcome.PASSED, why="4 orders were ended", took_ms=12)
REMOTE = "api.example.org:443"


def finding(outcome: Outcome) -> Finding:
    return msgspec.structs.replace(GOOD, outcome=outcome)


def report(**changes: object) -> Report:
    terms: dict[str, object] = {
        "desk": "d", "venue": "hl", "kind": "hyperliquid", "address": "127.0.0.1:8901", "instrument": "XRP",
        "date": "2026-09-21T13:33:20+00:00", "time_ns": NOW, "source": adapter_hash(), "scenarios": (GOOD,),
        "timings_ms": timings({"Place": [1.0, 3.0, 2.0]}),
    }  # fmt: skip
    return Report(**{**terms, **changes})  # pyright: ignore[reportArgumentType] by name


# Every case there is, and what must hold of all of them.

CASES = [*itertools.product((True, False), (True, False), Proof, (True, False), (True, False))]


@pytest.mark.parametrize(("live", "local", "proof", "limits", "credentials"), CASES)
def test_the_gate(live: bool, local: bool, proof: Proof, limits: bool, credentials: bool) -> None:
    row = decide(live=live, local=local, proof=proof, limits=limits, credentials=credentials)
    whole = proof is Proof.PASSED and limits and credentials
    short = Verdict.WARN if local else Verdict.REFUSE
    wanted = Verdict.OPEN if not live or whole else short
    assert row.verdict is wanted
    assert bool(row.why) == (wanted is not Verdict.OPEN)


def test_every_row_of_the_gate_decides_something() -> None:
    used = {
        id(decide(live=live, local=local, proof=proof, limits=limits, credentials=credentials))
        for live, local, proof, limits, credentials in CASES
    }
    assert used == {id(row) for row in GATE}


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        ({}, Proof.PASSED),
        ({"kind": "binance"}, Proof.OTHER_KIND),
        ({"scenarios": (GOOD, finding(Outcome.FAILED))}, Proof.FAILED),
        ({"scenarios": (GOOD, finding(Outcome.NOT_RUN))}, Proof.FAILED),
        ({"scenarios": (finding(Outcome.NOT_APPLICABLE),)}, Proof.FAILED),
        ({"scenarios": ()}, Proof.FAILED),
        ({"scenarios": (GOOD, finding(Outcome.NOT_APPLICABLE))}, Proof.PASSED),
        ({"source": "0" * 16}, Proof.OTHER_CODE),
        ({"time_ns": NOW - 14 * DAY_NS}, Proof.PASSED),
        ({"time_ns": NOW - 14 * DAY_NS - 1}, Proof.STALE),
        ({"time_ns": NOW + 1}, Proof.STALE),
        ({"address": "127.0.0.1:8902"}, Proof.ELSEWHERE),
    ],
)
def test_what_a_report_proves(changes: dict[str, object], proof: Proof) -> None:
    made = report(**changes)
    assert proof_of(made, kind="hyperliquid", address="127.0.0.1:8901", now_ns=NOW, days_max=14) is proof


def test_without_a_report_nothing_is_proven(tmp_path: Path) -> None:
    assert read_report(tmp_path / "none.json") is None
    (tmp_path / "broken.json").write_text('{"desk": 7')
    assert read_report(tmp_path / "broken.json") is None
    assert proof_of(None, kind="", address="", now_ns=NOW, days_max=1) is Proof.NONE


def test_a_report_is_kept_whole_and_read_again(tmp_path: Path) -> None:
    path = kept_at(tmp_path / "data", "hl")
    write_report(path, report(scenarios=(GOOD, finding(Outcome.FAILED))))
    made = report()
    write_report(path, made)
    assert read_report(path) == made
    assert [one.name for one in path.parent.iterdir()] == ["hl.json"]
    kept = msgspec.json.decode(path.read_bytes())
    assert kept["passed"] is True
    assert kept["timings_ms"] == {"Place": {"count": 3, "p50": 2.0, "most": 3.0}}
    assert kept["scenarios"] == [{"name": "kill", "outcome": "passed", "why": "4 orders were ended", "took_ms": 12}]
    assert made.lines()[0].split() == ["kill", "passed", "12", "ms", "4", "orders", "were", "ended"]
    assert made.lines()[-2].startswith("PASSED  hl (hyperliquid at 127.0.0.1:8901), XRP: 1 passed")


def test_a_report_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DeskError, match="could not be kept"):
        write_report(kept_at(tmp_path / "data", "hl"), report())


@pytest.mark.parametrize(
    ("kind", "address", "local"),
    [
        ("simulated", None, True),
        ("hyperliquid", None, False),
        ("practice", "practice.sock", True),
        ("practice", "folder/practice.sock", True),
        ("practice", "127.0.0.1:9001", True),
        ("practice", "10.0.0.1:9001", False),
        ("hyperliquid", "127.0.0.1:8901", True),
        ("hyperliquid", "[::1]:8901", True),
        ("hyperliquid", "::1:8901", False),
        ("hyperliquid", "127.0.0.1", False),
        ("hyperliquid", "localhost:8901", False),
        ("hyperliquid", "practice.sock", False),
        ("binance", "api.binance.example", False),
        ("binance", "https://127.0.0.1:443", False),
        ("alpaca", "127.0.0.1:0", False),
        ("alpaca", "127.0.0.1:65536", False),
        ("alpaca", "127.0.0.1:٣", False),
        ("alpaca", "0.0.0.0:80", False),
    ],
)
def test_what_is_on_this_machine(kind: str, address: str | None, local: bool) -> None:
    assert is_local(kind, address) is local


# The gate as a session meets it.


def moved(config: DeskConfig, address: str) -> DeskConfig:
    """The desk with its venue elsewhere, as no configuration can say it yet."""
    venue = config.venues[0].model_copy(update={"address": address})
    return config.model_copy(update={"venues": (venue,)})


def asked(config: DeskConfig, data: Path, *, keys: bool = True) -> list[str]:
    said: list[str] = []
    check_gate(config, data, now_ns=NOW, has_credentials=lambda _: keys, say=said.append)
    return said


def test_at_a_twin_it_is_only_said(tmp_path: Path) -> None:
    config = load_desk(str(write_desk(tmp_path / "desk", 8901)))
    assert asked(config, tmp_path) == ["hl is on this machine, so it is only said: no conformance run of it is kept"]
    assert asked(config, tmp_path, keys=False) == [
        "hl is on this machine, so it is only said: its credentials are not there"
    ]
    write_report(kept_at(tmp_path, "hl"), report())
    assert asked(config, tmp_path) == []


@pytest.mark.parametrize(
    ("kept", "keys", "words"),
    [
        ([], True, "no conformance run of it is kept; quarterdeck conformance twinned --venue hl"),
        ([report()], True, "was at another address"),
        ([report(address=REMOTE, time_ns=NOW - 99 * DAY_NS)], True, "is too old"),
        ([report(address=REMOTE, scenarios=(finding(Outcome.FAILED),))], True, "failed"),
        ([report(address=REMOTE)], False, "its credentials are not there"),
    ],
)
def test_where_money_can_be_lost_it_is_refused(tmp_path: Path, kept: Sequence[Report], keys: bool, words: str) -> None:
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    for one in kept:
        write_report(kept_at(tmp_path, "hl"), one)
    with pytest.raises(DeskError, match=f"may not go live at hl .{REMOTE}.: .*{words}"):
        asked(config, tmp_path, keys=keys)


def test_with_everything_there_it_opens(tmp_path: Path) -> None:
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    write_report(kept_at(tmp_path, "hl"), report(address=REMOTE))
    assert asked(config, tmp_path) == []


def test_limits_nobody_wrote_are_named(tmp_path: Path) -> None:
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    write_report(kept_at(tmp_path, "hl"), report(address=REMOTE))
    limits = type(config.limits)(max_drawdown=config.limits.max_drawdown)
    loose = config.model_copy(update={"limits": limits})
    assert limits_missing(config) == []
    assert limits_missing(loose) == ["limits.max_exposure"]
    with pytest.raises(DeskError, match=r"limits are not all set by hand and finite \(limits.max_exposure\)"):
        asked(loose, tmp_path)


@pytest.mark.parametrize(("days", "good"), [(1, True), (365, True), (0, False), (366, False)])
def test_how_old_a_run_may_be_is_a_setting(tmp_path: Path, days: int, good: bool) -> None:
    (tmp_path / "desk.toml").write_text(f"{DESK_TOML}\n[conformance]\nmax_age_days = {days}\n")
    if good:
        assert load_desk(str(tmp_path)).conformance.max_age_days == days
    else:
        with pytest.raises(ConfigError, match="max_age_days"):
            load_desk(str(tmp_path))
