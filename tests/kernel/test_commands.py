"""Pause, kill, flatten and lock are four things, each with a scope; only flatten closes positions.

What is tested: `quarterdeck.kernel.commands` and `quarterdeck.kernel.events` and `quarterdeck.kernel.emission`.
"""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    BreakerTerm,
    Decision,
    EventKind,
    Flag,
    OrderFlag,
    OrderType,
    Reason,
    TimeInForce,
)
from tests.kernel.desks import PRICE, SECOND, Desk, canceled, decided, of_kind, spoken, submitted
from tests.kernel.invariants import check, check_net_is_the_sum

LOTS = 10
SCOPES = ((-1, -1), (0, -1), (-1, 0), (0, 0))
PROTECTED = Flag.REDUCE_ONLY | Flag.PROTECTIVE


def trading() -> tuple[Desk, dict[tuple[int, int], int]]:
    """Two strategies in two instruments: each holds LOTS and has an entry at work."""
    desk = Desk()
    entries = {}
    for strategy in (0, 1):
        for instrument in (0, 1):
            desk.hold(LOTS, strategy=strategy, instrument=instrument)
            entries[strategy, instrument] = desk.order(1, 1, PRICE - 5, strategy=strategy, instrument=instrument)
    return desk, entries


def inside(scope: tuple[int, int], place: tuple[int, int]) -> bool:
    return all(wanted in {-1, at} for wanted, at in zip(scope, place, strict=True))


def command(desk: Desk, kind: EventKind, scope: tuple[int, int] = (-1, -1), **words: int) -> list[Any]:
    return desk.event(kind, strategy=scope[0], instrument=scope[1], **words)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", [EventKind.PAUSE, EventKind.KILL, EventKind.FLATTEN], ids=lambda kind: kind.name)
def test_a_command_reaches_its_scope_and_no_further(kind: EventKind, scope: tuple[int, int]) -> None:
    desk, entries = trading()
    said = command(desk, kind, scope)
    reached = [order for place, order in entries.items() if inside(scope, place)]
    assert canceled(said) == ([] if kind == EventKind.PAUSE else reached)
    for strategy, instrument in entries:
        words = {"strategy": strategy, "instrument": instrument}
        stopped = inside(scope, (strategy, instrument))
        assert (decided(desk.ask(1, 1, PRICE - 6, **words))[0] == Decision.REJECTED) == stopped
        assert decided(desk.ask(-1, 1, PRICE + 6, **words))[0] == Decision.APPROVED, "exits pass"
    closes = [action for action in said if action["kind"] == EventKind.SUBMIT]
    assert closes == [], "positions are closed once nothing works on them"
    check(desk.state)


@pytest.mark.parametrize("scope", SCOPES)
def test_resume_undoes_pause(scope: tuple[int, int]) -> None:
    desk = Desk()
    command(desk, EventKind.PAUSE, scope)
    assert decided(desk.ask(1, 1))[2] == Reason.TRADING_DISABLED
    command(desk, EventKind.RESUME, scope)
    assert decided(desk.ask(1, 1))[0] == Decision.APPROVED


def test_what_a_narrow_scope_paused_stays_paused_when_a_wide_one_resumes() -> None:
    desk = Desk()
    command(desk, EventKind.PAUSE, (0, 0))
    command(desk, EventKind.PAUSE)
    command(desk, EventKind.RESUME)
    assert decided(desk.ask(1, 1))[2] == Reason.TRADING_DISABLED
    assert decided(desk.ask(1, 1, strategy=1))[0] == Decision.APPROVED


def test_pause_leaves_orders_kill_cancels_them_flatten_closes_too() -> None:
    for kind, cancels, closes in (
        (EventKind.PAUSE, False, False),
        (EventKind.KILL, True, False),
        (EventKind.FLATTEN, True, True),
    ):
        desk = Desk()
        desk.hold(LOTS)
        order_id = desk.order(1, 1, PRICE - 5)
        said = command(desk, kind)
        if cancels:
            assert canceled(said) == [order_id]
            said += desk.report(EventKind.ORDER_CANCELED, order_id)
        said += desk.clock(2 * SECOND)
        assert bool(submitted(said)) == closes
        assert bool(canceled(said)) == cancels


def test_kill_of_a_scope_does_not_kill_the_desk() -> None:
    desk = Desk()
    command(desk, EventKind.KILL, (0, -1))
    assert desk.state["breaker"]["stage"] == BreakerStage.NORMAL
    assert decided(desk.ask(1, 1, strategy=1))[0] == Decision.APPROVED


def test_flatten_takes_two_steps_and_ends_with_flattened() -> None:
    desk = Desk()
    desk.hold(LOTS)
    flags = PROTECTED
    stop = desk.order(-1, LOTS, 0, trigger_price=PRICE - 50, order_type=OrderType.STOP, flags=flags)
    said = command(desk, EventKind.FLATTEN, person=7)
    assert spoken(said) == [("CANCEL", "EMERGENCY_EXIT")]
    assert canceled(said) == [stop]
    (close,) = of_kind(desk.report(EventKind.ORDER_CANCELED, stop), EventKind.SUBMIT)
    assert (close["quantity"], close["order_type"], close["time_in_force"]) == (LOTS, OrderType.MARKET, TimeInForce.IOC)
    assert close["flags"] & Flag.SELL
    assert (close["person"], close["reason"]) == (7, Reason.EMERGENCY_EXIT)
    assert desk.order_of(int(close["order_id"]))["flags"] & OrderFlag.REDUCING
    desk.fill(int(close["order_id"]), LOTS)
    (flattened,) = of_kind(desk.clock(SECOND), EventKind.FLATTENED)
    assert (flattened["instrument"], flattened["strategy"], flattened["person"]) == (0, 0, 7)
    assert desk.state["flattening"] == 0
    assert desk.clock(SECOND) == []
    check(desk.state)
    check_net_is_the_sum(desk.state)


def test_flatten_closes_each_strategys_position_though_they_offset() -> None:
    desk = Desk()
    desk.hold(LOTS, strategy=0)
    desk.hold(-LOTS, strategy=1)
    said = command(desk, EventKind.FLATTEN)
    assert [bool(action["flags"] & Flag.SELL) for action in of_kind(said, EventKind.SUBMIT)] == [True, False]


def test_flatten_of_a_flat_scope_says_so_once_what_works_is_gone() -> None:
    desk = Desk()
    assert command(desk, EventKind.FLATTEN) == []
    order_id = desk.order(1, 3, strategy=0) if command(desk, EventKind.RESUME) == [] else 0
    assert canceled(command(desk, EventKind.FLATTEN)) == [order_id]
    # It is filled before the cancel arrives: what it opened is closed too.
    desk.fill(order_id, 3)
    (close,) = of_kind(desk.clock(SECOND), EventKind.SUBMIT)
    assert close["quantity"] == 3


def test_a_rejected_close_is_tried_at_the_next_second_and_not_at_once() -> None:
    desk = Desk()
    desk.hold(LOTS)
    (order_id,) = submitted(command(desk, EventKind.FLATTEN))
    tries = 0
    for _ in range(5):
        for _ in range(20):
            said = desk.report(EventKind.ORDER_REJECTED, order_id)
            assert submitted(said) == []
            desk.now += SECOND // 40
        said = desk.clock(SECOND // 2)
        assert len(submitted(said)) == 1
        (order_id,) = submitted(said)
        tries += 1
    assert tries == 5
    desk.fill(order_id, LOTS)
    assert spoken(desk.clock(SECOND)) == [("FLATTENED", "NONE")]


def test_a_partial_close_goes_on_until_nothing_is_left() -> None:
    desk = Desk()
    desk.hold(LOTS)
    (order_id,) = submitted(command(desk, EventKind.FLATTEN))
    desk.fill(order_id, 4)
    desk.report(EventKind.ORDER_CANCELED, order_id)
    (close,) = of_kind(desk.clock(SECOND), EventKind.SUBMIT)
    assert close["quantity"] == LOTS - 4


def test_a_cancel_that_flatten_waits_for_is_tried_again() -> None:
    desk = Desk()
    desk.hold(LOTS)
    order_id = desk.order(-1, 2, PRICE + 50)
    command(desk, EventKind.FLATTEN)
    desk.report(EventKind.CANCEL_REJECTED, order_id)
    assert canceled(desk.clock(SECOND)) == [order_id]


def test_a_strategy_cannot_hold_up_a_flatten_with_new_exits() -> None:
    desk = Desk()
    desk.hold(LOTS)
    stays = desk.order(1, 1, PRICE - 50)
    command(desk, EventKind.FLATTEN)
    (exit_order,) = submitted(desk.ask(-1, LOTS, PRICE + 50))
    assert canceled(desk.report(EventKind.ORDER_CANCELED, stays)) == [exit_order]


def test_a_kill_does_not_cancel_the_closing_order_of_a_flatten() -> None:
    desk = Desk()
    desk.hold(LOTS)
    (close,) = submitted(command(desk, EventKind.FLATTEN))
    assert canceled(command(desk, EventKind.KILL)) == []
    assert canceled(desk.clock(SECOND)) == []
    desk.fill(close, LOTS)
    assert of_kind(desk.clock(SECOND), EventKind.FLATTENED)


def test_a_lock_holds_even_a_flatten() -> None:
    desk = Desk()
    desk.hold(LOTS)
    desk.event(EventKind.LOCK)
    assert submitted(command(desk, EventKind.FLATTEN)) == []
    assert submitted(desk.clock(SECOND)) == []
    desk.event(EventKind.UNLOCK)
    assert len(submitted(desk.clock(SECOND))) == 1


def test_lock_cancels_all_but_protection() -> None:
    desk = Desk()
    desk.hold(LOTS)
    entry = desk.order(1, 1, PRICE - 5)
    desk.order(-1, LOTS, 0, trigger_price=PRICE - 50, order_type=OrderType.STOP, flags=PROTECTED)
    assert canceled(desk.event(EventKind.LOCK)) == [entry]
    assert desk.state["breaker"]["locked"] == 1
    desk.event(EventKind.RESUME, strategy=-1, instrument=-1)
    assert decided(desk.ask(1, 1))[2] == Reason.EMERGENCY_LOCK, "only an unlock opens a lock"


def test_resume_from_a_kill_begins_small() -> None:
    desk = Desk()
    command(desk, EventKind.KILL)
    command(desk, EventKind.RESUME, person=7)
    assert desk.state["breaker"]["stage"] == BreakerStage.RECOVERY_1
    assert desk.state["breaker"]["terms"][BreakerTerm.RECOVERY_1_PPM] == 250_000
    assert decided(desk.ask(1, 100)) == (Decision.MODIFIED, 25, Reason.RISK_MANAGEMENT)


@pytest.mark.parametrize("scope", [(3, 0), (0, 2), (-2, 0), (0, -2), (100, 100)])
def test_a_scope_that_is_not_there_is_refused(scope: tuple[int, int]) -> None:
    desk = Desk()
    for kind in (EventKind.PAUSE, EventKind.RESUME, EventKind.KILL, EventKind.FLATTEN):
        assert spoken(command(desk, kind, scope)) == [("REFUSED", "INDEX_OUT_OF_RANGE")]


def test_a_lock_comes_before_what_time_has_made_due() -> None:
    """A flatten would send its closing order again in this very second."""
    desk = Desk()
    desk.hold(LOTS)
    (close,) = submitted(command(desk, EventKind.FLATTEN))
    desk.report(EventKind.ORDER_REJECTED, close)
    desk.now += 2 * SECOND
    assert submitted(command(desk, EventKind.LOCK)) == []
    desk.now += 2 * SECOND
    assert submitted(desk.clock()) == []
    command(desk, EventKind.UNLOCK)
    desk.now += 2 * SECOND
    assert len(submitted(desk.clock())) == 1
