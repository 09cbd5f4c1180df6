"""What is tested: `quarterdeck.ops.alerts.rules`, `quarterdeck.ops.alerts.by_event`,
`quarterdeck.ops.alerts.by_figures`, `quarterdeck.ops.alerts.by_machine`, `quarterdeck.ops.alerts.windows` and
`quarterdeck.ops.alerts.model`: what each event and each figure says, and what it does not."""

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from quarterdeck.config.ops import Thresholds
from quarterdeck.ops.alerts.alerts import looked
from quarterdeck.ops.alerts.by_event import EVENT_RULES, judge_event
from quarterdeck.ops.alerts.by_figures import LOOKS, Patience, Sight, loss_severity, patience_of
from quarterdeck.ops.alerts.by_machine import MACHINE_LOOKS, component_cases, expiring_cases
from quarterdeck.ops.alerts.machine import MachineFigures
from quarterdeck.ops.alerts.model import Case, Severity
from quarterdeck.ops.alerts.rules import INHIBITIONS, RULES
from quarterdeck.ops.alerts.windows import Counter, DeskMemory, Samples, decimal_of
from quarterdeck.ops.figures import DeskFigures
from tests.desk.builders import desk_folder
from tests.ops.alerts.builders import (
    BREAKER,
    FEED,
    HEALTHY,
    MINUTE_NS,
    POSITION,
    RAIL,
    SECOND_NS,
    START_NS,
    STRATEGY,
    VENUE,
    changed,
    event,
)

LIMITS = Thresholds()
replace = msgspec.structs.replace
KILLED = replace(BREAKER, stage="COOLDOWN", trips_today=1)


def found(figures: DeskFigures, memory: DeskMemory | None = None) -> dict[str, list[Case]]:
    """The rules that found something."""
    sight = Sight(figures, memory or DeskMemory(), LIMITS)
    return {rule: cases for rule, cases in looked(sight).items() if cases}


def test_healthy_desk_is_silent() -> None:
    assert not found(HEALTHY)


FIGURES: tuple[tuple[str, dict[str, Any], str, Severity | None], ...] = (
    ("desk-dead", {"alive": False}, "desk", None),
    ("trading-stopped", {"failure": "the disk is full", "stopping": True, "alive": False}, "desk", None),
    ("trading-halted", {"trading": False, "holding_back": ("the desk is not reconciled",)}, "desk", Severity.P1),
    ("trading-halted", {"trading": False, "paused": True, "holding_back": ("paused",)}, "desk", Severity.P3),
    ("kill-switch", {"breaker": KILLED, "trading": False}, "desk", None),
    ("breaker-reduced", {"breaker": replace(BREAKER, stage="REDUCED")}, "desk", None),
    ("emergency-lock", {"breaker": replace(BREAKER, locked=True), "trading": False}, "desk", None),
    ("graded-metric", {"breaker": replace(BREAKER, grades={"VOLATILITY": "CRITICAL"})}, "VOLATILITY", Severity.P2),
    ("unprotected", {"breaker": KILLED, "positions": (replace(POSITION, protected=False),)}, "momentum XRP@sim", None),
    ("drawdown", {"drawdown": Decimal("0.031")}, "desk", Severity.P2),
    ("drawdown", {"drawdown": Decimal("0.051")}, "desk", Severity.P1),
    ("daily-loss", {"pnl_day": Decimal(-4000), "equity": Decimal(96_000)}, "desk", Severity.P1),
    ("daily-loss", {"pnl_day": Decimal(-40_000), "equity": Decimal(60_000)}, "desk", Severity.P0),
    ("limit-near", {"rails": (replace(RAIL, share=0.85),)}, "EXPOSURE_TOTAL_CAP desk", None),
    ("limit-near", {"rails": (replace(RAIL, share=0.5, warned=True),)}, "EXPOSURE_TOTAL_CAP desk", None),
    ("limit-reached", {"rails": (replace(RAIL, share=1.0),)}, "EXPOSURE_TOTAL_CAP desk", None),
    ("warnings-waiting", {"unacknowledged": 3}, "desk", None),
    ("venue-down", {"venues": (replace(VENUE, connected=False),)}, "sim", None),
    ("venue-down", {"venues_waiting": ("sim",)}, "sim", None),
    ("venue-breaker", {"venues": (replace(VENUE, error_breaker="open"),)}, "sim", None),
    ("venue-errors", {"venues": (replace(VENUE, error_rate=0.11),)}, "sim", None),
    ("feed-stale", {"feeds": (replace(FEED, age_s=61.0),)}, "XRP@sim", None),
    ("unknown-orders", {"unknown_orders": 1}, "desk", None),
    ("difference", {"differences": ({"instrument": "XRP@sim", "lots": 3},)}, "XRP@sim", None),
    ("foreign-orders", {"differences": ({"instrument": "XRP@sim", "foreign_orders": True},)}, "account", None),
    ("reconcile-old", {"venues": (replace(VENUE, reconciled_age_s=121.0),)}, "sim", None),
    ("disk-low", {"disk_low": True}, "desk", None),
    ("backup-failed", {"backup": {"enabled": True, "error": "no room"}}, "desk", None),
    ("standby", {"lease": {"standbys": {}}}, "desk", None),
    ("throttled", {"strategies": (replace(STRATEGY, throttled=True),)}, "momentum", None),
    ("loop-slow", {"loop_p99_s": 0.2}, "desk", None),
)


@pytest.mark.parametrize(("rule", "words", "subject", "severity"), FIGURES)
def test_figures_fire(rule: str, words: dict[str, Any], subject: str, severity: Severity | None) -> None:
    cases = found(changed(**words))
    assert [(case.subject, case.severity) for case in cases[rule]] == [(subject, severity)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("drawdown", {"drawdown": Decimal("0.03")}),
        ("limit-near", {"rails": (replace(RAIL, share=0.79),)}),
        ("feed-stale", {"feeds": (replace(FEED, age_s=None),)}),
        ("feed-stale", {"feeds": (replace(FEED, age_s=60.0),)}),
        ("venue-errors", {"venues": (replace(VENUE, error_rate=0.1),)}),
        ("reconcile-old", {"venues": (replace(VENUE, reconciled_age_s=None),)}),
        ("unprotected", {"positions": (replace(POSITION, protected=False),)}),
        ("daily-loss", {"pnl_day": Decimal(-2900), "equity": Decimal(97_100)}),
        ("standby", {"lease": {"standbys": {"second": "at record 9"}}}),
        ("desk-dead", {"alive": False, "stopping": True}),
        ("trading-halted", {"breaker": KILLED, "trading": False}),
    ],
)
def test_figures_at_their_limits_do_not(rule: str, words: dict[str, Any]) -> None:
    assert rule not in found(changed(**words))


def test_what_a_desks_own_settings_allow_is_no_alert() -> None:
    slow = changed(feeds=(replace(FEED, age_s=100.0),), venues=(replace(VENUE, reconciled_age_s=300.0),))
    patience = Patience({"XRP@sim": 120.0}, 600.0)
    assert not [rule for rule, cases in looked(Sight(slow, DeskMemory(), LIMITS, patience)).items() if cases]
    closed = looked(Sight(slow, DeskMemory(), LIMITS, Patience(closed=frozenset({"XRP@sim"}))))
    assert not closed["feed-stale"]
    assert closed["reconcile-old"]


def test_patience_is_the_configurations(tmp_path: Path) -> None:
    config = desk_folder(tmp_path)
    patience = patience_of(config, HEALTHY)
    assert patience.feed_s == {"XRP@sim": float(config.instruments[0].limits.stale_ms) / 1e3}
    assert patience.reconcile_s == 3 * config.reconciliation.every_s
    assert not patience.closed


def test_a_dead_desk_says_nothing_of_its_market_and_a_stopped_one_that_it_is_over() -> None:
    sick = {"feeds": (replace(FEED, age_s=61.0),), "unknown_orders": 1, "alive": False}
    dead = looked(Sight(changed(**sick), DeskMemory(), LIMITS))
    assert "feed-stale" not in dead
    assert dead["unknown-orders"]
    ended = looked(Sight(changed(**sick, stopping=True), DeskMemory(), LIMITS))
    assert ended["feed-stale"] == []
    assert ended["unknown-orders"]


EVENTS: tuple[tuple[str, dict[str, Any], str, str, Severity | None, bool], ...] = (
    ("BREAKER_CHANGE", {"stage": "COOLDOWN", "before": "NORMAL"}, "kill-switch", "desk", None, False),
    ("BREAKER_CHANGE", {"stage": "RECOVERY_1", "before": "COOLDOWN"}, "kill-switch", "desk", None, True),
    ("BREAKER_CHANGE", {"stage": "REDUCED", "before": "NORMAL"}, "breaker-reduced", "desk", None, False),
    ("METRIC_CHANGE", {"metric": "VOLATILITY", "level": "KILLED"}, "graded-metric", "VOLATILITY", Severity.P1, False),
    ("METRIC_CHANGE", {"metric": "VOLATILITY", "level": "NORMAL"}, "graded-metric", "VOLATILITY", None, True),
    ("COMMAND_LOCK", {"person": "operator-1"}, "emergency-lock", "desk", None, False),
    ("COMMAND_UNLOCK", {"person": "operator-1"}, "emergency-lock", "desk", None, True),
    ("COMMAND_KILL", {"person": "operator-1"}, "emergency-command", "kill", None, False),
    ("CONNECTION", {"venue": "sim", "state": "DOWN"}, "venue-down", "sim", None, False),
    ("CONNECTION", {"venue": "sim", "state": "UP"}, "venue-down", "sim", None, True),
    ("RECONCILIATION_DIFFERENCE", {"instrument": "XRP@sim", "differences": []}, "difference", "XRP@sim", None, False),
    ("RECONCILIATION_AGREES", {"instrument": "XRP@sim"}, "difference", "XRP@sim", None, True),
    ("TRADING_STOPPED", {"error": "no room"}, "trading-stopped", "desk", None, False),
    ("SESSION_OPENED", {"epoch": 2}, "trading-stopped", "desk", None, True),
    ("DISK_LOW", {"why": "1 MiB"}, "disk-low", "desk", None, False),
    ("BACKUP_FAILED", {"error": "no room"}, "backup-failed", "desk", None, False),
    ("BACKUP_DONE", {}, "backup-failed", "desk", None, True),
    ("NOT_SHOWN", {"error": "no room"}, "unseen", "NOT_SHOWN", None, False),
    ("LOG_NOT_ROLLED", {"error": "no room"}, "log-not-rolled", "LOG_NOT_ROLLED", None, False),
    ("ANOMALY", {"reason": "OVERFILL", "instrument": "XRP@sim"}, "anomaly", "OVERFILL XRP@sim", None, False),
    ("LIQUIDATION", {"instrument": "XRP@sim"}, "liquidation", "XRP@sim", None, False),
    ("THROTTLED", {"strategy": "momentum"}, "throttled", "momentum", None, False),
    ("RISK_BLOCK", {"reason": "DAILY_LOSS"}, "limit-refusal", "DAILY_LOSS", None, False),
    ("RISK_BLOCK", {"reason": "ORDER_RATE_EXCEEDED"}, "rate-limit", "ORDER_RATE_EXCEEDED", None, False),
)


@pytest.mark.parametrize(("name", "data", "rule", "subject", "severity", "clears"), EVENTS)
def test_events_say(
    name: str, data: dict[str, Any], rule: str, subject: str, severity: Severity | None, clears: bool
) -> None:
    cases = dict(judge_event(event(name, **data), LIMITS, DeskMemory()))
    assert (cases[rule].subject, cases[rule].severity, cases[rule].clears) == (subject, severity, clears)


def test_somebody_elses_orders_are_worse_than_a_difference() -> None:
    line = event("RECONCILIATION_DIFFERENCE", instrument="X", differences=[{"instrument": "X", "foreign_orders": True}])
    assert {rule for rule, _ in judge_event(line, LIMITS, DeskMemory())} == {"difference", "foreign-orders"}
    assert RULES["foreign-orders"].severity is Severity.P0


def test_a_line_that_goes_down_with_its_desk_is_no_alert() -> None:
    memory = DeskMemory()
    memory.hear(event("COMMAND_STOP"))
    assert not list(judge_event(event("CONNECTION", venue="sim", state="DOWN"), LIMITS, memory))


def test_slippage_is_of_its_topic() -> None:
    cost = event("", topic="exec.slippage", slippage_bps=600.0, instrument="XRP@sim")
    assert [rule for rule, _ in judge_event(cost, LIMITS, DeskMemory())] == ["slippage"]
    assert not list(judge_event(event("", topic="exec.slippage", slippage_bps=10.0), LIMITS, DeskMemory()))


def traded(memory: DeskMemory, orders: int, *, ms: float = 1.0, rejected: int = 0) -> None:
    """Orders that were accepted after so long, and then some that were rejected."""
    for number in range(orders + rejected):
        at = START_NS + number * SECOND_NS
        order = f"1-{number}"
        memory.hear(event("ORDER_SUBMITTED", at, number + 1, order_id=order))
        answer = "ORDER_ACCEPTED" if number < orders else "ORDER_REJECTED"
        memory.hear(event(answer, at + int(ms * 1e6), number + 1, order_id=order))


def rules_of(memory: DeskMemory, **words: Any) -> set[str]:
    return set(found(changed(**words), memory))


@pytest.mark.parametrize(
    ("ms", "rules"),
    [
        (99, set()),
        (101, {"latency-p95"}),
        (201, {"latency-p95", "latency-high"}),
        (2001, {"latency-p95", "latency-high", "response-slow"}),
    ],
)
def test_latency(ms: float, rules: set[str]) -> None:
    memory = DeskMemory()
    traded(memory, 20, ms=ms)
    assert rules_of(memory) == rules


def test_latency_of_few_orders_says_nothing() -> None:
    memory = DeskMemory()
    traded(memory, 19, ms=3000)
    assert not rules_of(memory)


def test_rejected_orders() -> None:
    memory = DeskMemory()
    traded(memory, 36, rejected=4)
    assert rules_of(memory) == set()
    traded(memory, 0, rejected=8)
    assert rules_of(memory) == {"order-rejects", "failed-per-hour", "failed-in-a-row"}
    memory = DeskMemory()
    traded(memory, 20, rejected=11)
    assert rules_of(memory) == {"order-rejects", "failed-per-hour", "failed-in-a-row", "low-success"}


def test_failures_in_a_row_are_told_by_the_event_that_makes_them_enough() -> None:
    memory = DeskMemory()
    traded(memory, 0, rejected=4)
    last = event("ORDER_REJECTED", START_NS + 9 * SECOND_NS, 9, order_id="1-9")
    memory.hear(last)
    assert [rule for rule, _ in judge_event(last, LIMITS, memory)] == ["failed-in-a-row"]


def test_a_burst_of_refusals() -> None:
    memory = DeskMemory()
    rules: list[str] = []
    for number in range(21):
        refused = event("RISK_BLOCK", START_NS + number, number + 1, reason="PRICE_COLLAR")
        memory.hear(refused)
        rules = [rule for rule, _ in judge_event(refused, LIMITS, memory)]
    assert rules == ["refusal-burst"]
    later = event("RISK_BLOCK", START_NS + 2 * MINUTE_NS, 99, reason="PRICE_COLLAR")
    memory.hear(later)
    assert not list(judge_event(later, LIMITS, memory))


def test_maker_share() -> None:
    memory = DeskMemory()
    for number in range(20):
        memory.hear(event("ORDER_FILLED", START_NS + number, 5, liquidity="maker" if number < 11 else "taker"))
    assert rules_of(memory) == {"maker-share"}


def test_losses_of_an_hour_and_at_once() -> None:
    memory = DeskMemory()
    memory.see(HEALTHY)
    memory.see(changed(realised=Decimal(-99), time_ns=START_NS + 10 * SECOND_NS))
    assert not found(changed(), memory)
    later = changed(realised=Decimal(-99), unrealised=Decimal(-2), time_ns=START_NS + 20 * SECOND_NS)
    memory.see(later)
    assert [case.severity for case in found(later, memory)["hourly-loss"]] == [Severity.P2]
    worse = changed(realised=Decimal(-601), time_ns=START_NS + 30 * SECOND_NS)
    memory.see(worse)
    assert [case.severity for case in found(worse, memory)["large-loss"]] == [Severity.P1]
    memory.see(worse)
    assert "large-loss" not in found(worse, memory)  # it happened once
    past = changed(realised=Decimal(-601), time_ns=START_NS + 90 * MINUTE_NS)
    memory.see(past)
    assert "hourly-loss" not in found(past, memory)


def test_losses_by_the_runbooks_levels() -> None:
    assert [loss_severity(Decimal(one)) for one in (999, 1_000, 10_000, 10_001)] == ["P2", "P1", "P1", "P0"]


def test_signals_per_minute() -> None:
    memory = DeskMemory()
    for second in range(62):
        memory.see(changed(time_ns=START_NS + second * SECOND_NS, counts={"ORDER_REQUEST": second * 9}))
    assert memory.signals_per_minute == 60 * 9
    assert "signal-rate" in found(HEALTHY, memory)


def test_a_journal_that_begins_anew_is_no_loss() -> None:
    memory = DeskMemory()
    memory.see(changed(realised=Decimal(1_000), time_ns=START_NS + MINUTE_NS))
    memory.see(changed(realised=Decimal(0), time_ns=START_NS))
    assert not found(HEALTHY, memory)


MACHINES = (
    ("disk-free", MachineFigures(disk_free_share=0.04), MachineFigures(disk_free_share=0.05)),
    ("memory", MachineFigures(memory_mib=2049.0), MachineFigures(memory_mib=2048.0)),
    ("backup-old", MachineFigures(backup_enabled=True, backup_age_s=27 * 3600.0), MachineFigures()),
    ("backup-old", MachineFigures(backup_enabled=True), MachineFigures(backup_enabled=True, backup_age_s=60.0)),
    ("capture-stale", MachineFigures(capturing=True, capture_age_s=3601.0), MachineFigures(capture_age_s=3601.0)),
    ("capture-stale", MachineFigures(capturing=True), MachineFigures(capturing=True, capture_age_s=1.0)),
)


@pytest.mark.parametrize(("rule", "sick", "well"), MACHINES)
def test_machine(rule: str, sick: MachineFigures, well: MachineFigures) -> None:
    assert [case.subject for case in MACHINE_LOOKS[rule](sick, LIMITS)] == ["desk"]
    assert not list(MACHINE_LOOKS[rule](well, LIMITS))


def test_components_and_what_expires() -> None:
    parts = {
        "clock": SimpleNamespace(status="unhealthy", message="500 ms off"),
        "alpha/journal": SimpleNamespace(status="degraded", message="behind"),
        "alpha/feed:XRP": SimpleNamespace(status="unhealthy", message="feed-stale says it"),
        "cpu": SimpleNamespace(status="healthy", message=""),
    }
    assert {case.subject: case.severity for case in component_cases(parts)} == {
        "clock": Severity.P2,
        "alpha/journal": Severity.P3,
    }
    assert [case.subject for case in expiring_cases(["token 7: it expires in 3 days"])] == ["token 7"]


def test_every_look_and_event_has_its_rule_and_every_rule_its_source() -> None:
    """The table says severity and runbook of each; nothing is judged that it does not name."""
    heard = {rule for row in EVENT_RULES.values() for rule, _ in row} | {"slippage"}
    plane = {
        "component", "expiring", "locked-out", "channel-failed", "alerts-overflow", "figures-unreadable",
        "plane-trouble",
    }  # fmt: skip
    assert heard | set(LOOKS) | set(MACHINE_LOOKS) | plane == set(RULES)
    for rule in RULES.values():
        assert rule.runbooks
        assert not rule.threshold or hasattr(LIMITS, rule.threshold)
    assert {name for source, held in INHIBITIONS for name in (source, *held)} <= set(RULES)


def test_windows_are_bounded() -> None:
    samples, counter, memory = Samples(MINUTE_NS), Counter(MINUTE_NS), DeskMemory()
    for number in range(10_000):
        samples.add(START_NS + number, number)
        counter.add(START_NS + number * SECOND_NS)
        memory.hear(event("ORDER_SUBMITTED", START_NS + number, 1, order_id=str(number)))
    assert len(samples.within(START_NS + 10_000)) == 4096
    assert counter.total(START_NS + 9_999 * SECOND_NS) == 60
    assert len(memory._submitted) == 4096
    assert not samples.within(START_NS + 3 * MINUTE_NS)


def test_figures_of_log_lines() -> None:
    assert decimal_of("1,234.5") == Decimal("1234.5")
    assert [decimal_of(value) for value in (None, True, "none", {})] == [None] * 4
