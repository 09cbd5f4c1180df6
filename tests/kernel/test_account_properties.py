"""What holds whatever happens: a state machine over likely events, fuzz of broken ones, figures at the edge of 64 bits,
and the same life compiled, uncompiled and with every index checked.

What is tested: `quarterdeck.kernel.bounds`.
"""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quarterdeck.kernel.account import apply, digest, new_actions, new_events, new_state
from quarterdeck.kernel.compiled import JIT_ENABLED
from quarterdeck.kernel.exposure import desk_exposure, strategy_exposure, venue_exposure
from quarterdeck.kernel.records import ACTIONS, EVENT, MONEY_MAX, NO_LIMIT, PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    OrderFlag,
    Reason,
    StrategyLimit,
    Table,
    VenueLimit,
)
from tests.kernel.account_program import REPORTS, Life, bounded, broken_batch, live
from tests.kernel.desks import DEPOSIT, HOUR, LOT, PRICE, SECOND, VALUE, Desk, of_kind, refused, submitted
from tests.kernel.invariants import check, check_net_is_the_sum

REPOSITORY = Path(__file__).resolve().parents[2]
COUNTERS = ("events", "refused")
CAP = 40 * LOT


class DeskMachine(RuleBasedStateMachine):
    """Requests, reports, prices and commands in any order, with caps that bind and commands that stop."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.orders: list[int] = []
        self.said: list[Any] = []
        self.before = b""

    @initialize(reduce=st.booleans())
    def limits(self, reduce: bool) -> None:
        self.desk.limit(DeskLimit.MAX_EXPOSURE, CAP)
        self.desk.limit(VenueLimit.MAX_EXPOSURE, CAP)
        self.desk.limit(DeskLimit.ON_BREACH, int(reduce))
        for row in range(3):
            self.desk.limit(StrategyLimit.MAX_EXPOSURE, CAP // 2, row)
        for row in range(2):
            self.desk.limit(InstrumentLimit.MAX_LONG_LOTS, 25, row)
            self.desk.limit(InstrumentLimit.MAX_SHORT_LOTS, 25, row)

    def told(self, said: list[Any]) -> None:
        self.said = said
        self.orders += submitted(said)
        open_before = self.killed_before()
        for action in of_kind(said, EventKind.SUBMIT):
            order = self.desk.order_of(int(action["order_id"]))
            assert order["flags"] & OrderFlag.REDUCING or not open_before, "killed: no entry"

    def killed_before(self) -> bool:
        return int(self.desk.state["breaker"]["stage"]) in {BreakerStage.KILLED, BreakerStage.COOLDOWN}

    place = st.tuples(st.integers(0, 1), st.integers(0, 2))

    @rule(
        where=place,
        side=st.sampled_from((1, -1)),
        lots=st.integers(1, 30),
        away=st.integers(-5, 5),
        reduce=st.booleans(),
    )
    def request(self, where: tuple[int, int], side: int, lots: int, away: int, reduce: bool) -> None:
        flags = Flag.REDUCE_ONLY if reduce else 0
        said = self.desk.ask(side, lots, PRICE + away, instrument=where[0], strategy=where[1], flags=flags)
        self.told(said)
        entered = [
            a for a in of_kind(said, EventKind.SUBMIT) if not self.desk.order_of(int(a["order_id"]))["flags"] & 128
        ]
        if entered:  # measured as the rails measure: at the mark, or at the order's price where that is higher
            state = self.desk.state
            slack = 30 * 5 * VALUE
            assert desk_exposure(state) <= CAP + slack
            assert venue_exposure(state, 0) <= CAP + slack
            assert strategy_exposure(state, where[1], 0) <= CAP // 2 + slack
            net = self.desk.net(where[0])
            assert net["quantity"] - net["sell_lots"] >= -25 or side > 0
            assert net["quantity"] + net["buy_lots"] <= 25 or side < 0

    @rule(pick=st.integers(0, 10**6), part=st.integers(1, 30))
    def fill(self, pick: int, part: int) -> None:
        open_orders = self.open_orders()
        if open_orders:
            order = self.desk.order_of(open_orders[pick % len(open_orders)])
            left = int(order["quantity"]) - int(order["filled"])
            self.told(self.desk.fill(int(order["id"]), min(part, left), PRICE, fee=part))

    @rule(pick=st.integers(0, 10**6), kind=st.sampled_from(REPORTS), lots=st.integers(1, 30))
    def report(self, pick: int, kind: EventKind, lots: int) -> None:
        if self.orders:
            order_id = self.orders[pick % len(self.orders)]
            self.told(self.desk.report(kind, order_id, price=PRICE, quantity=lots))

    @rule(pick=st.integers(0, 10**6), lots=st.integers(1, 30))
    def replace(self, pick: int, lots: int) -> None:
        open_orders = self.open_orders()
        if open_orders:
            order = self.desk.order_of(open_orders[pick % len(open_orders)])
            words = {"order_id": int(order["id"]), "strategy": int(order["strategy"])}
            self.told(self.desk.event(EventKind.REPLACE_REQUEST, price=PRICE, quantity=lots, **words))

    @rule(
        price=st.integers(PRICE - 300, PRICE + 300), instrument=st.integers(0, 1), after=st.sampled_from((0, 1, SECOND))
    )
    def quote(self, price: int, instrument: int, after: int) -> None:
        self.told(self.desk.quote(price, instrument=instrument, after=after))
        self.desk.quote(PRICE, instrument=instrument)

    @rule(
        kind=st.sampled_from((EventKind.PAUSE, EventKind.RESUME, EventKind.KILL, EventKind.FLATTEN)),
        scope=st.sampled_from(((-1, -1), (0, -1), (-1, 1), (1, 1))),
    )
    def command(self, kind: EventKind, scope: tuple[int, int]) -> None:
        self.told(self.desk.event(kind, strategy=scope[0], instrument=scope[1]))

    @rule()
    def reconcile(self) -> None:
        for instrument in (0, 1):
            self.desk.event(EventKind.RECONCILIATION, instrument=instrument)

    @rule(after=st.sampled_from((SECOND, HOUR)))
    def wait(self, after: int) -> None:
        self.told(self.desk.clock(after))

    @rule(
        broken=st.sampled_from(
            (
                {"kind": EventKind.QUOTE, "bid": 2, "ask": 1},
                {"kind": EventKind.QUOTE, "bid": -1, "ask": 1},
                {"kind": EventKind.ORDER_REQUEST, "instrument": 2},
                {"kind": EventKind.FILL, "price": 0, "quantity": 1, "trade_id": 10**9},
                {"kind": EventKind.TRANSFER, "row": 1, "amount": 1},
                {"kind": EventKind.CONFIGURE, "table": 99},
                {"kind": EventKind.SEAL},
                {"kind": 250},
                {"kind": EventKind.CLOCK, "after": -1},
            )
        )
    )
    def refuse(self, broken: dict[str, int]) -> None:
        words = dict(broken)
        kind, after = words.pop("kind"), words.pop("after", 0)
        unchanged(self.desk, lambda: self.desk.event(kind, after=after, **words))
        self.desk.now = max(self.desk.now, int(self.desk.state["time_ns"]))

    def open_orders(self) -> list[int]:
        state = self.desk.state
        return [int(state["orders"][slot]["id"]) for slot in state["open_orders"][: int(state["open_count"])]]

    @invariant()
    def holds(self) -> None:
        check(self.desk.state)
        check_net_is_the_sum(self.desk.state)
        assert int(self.desk.state["time_ns"]) == self.desk.now
        assert len(set(self.orders)) == len(self.orders)


def unchanged(desk: Desk, event: Any) -> Reason:
    """Applies an event that must be refused, and compares every byte but the counters. Returns the reason."""
    before = desk.state.copy()
    reason = refused(event())
    assert reason != Reason.NONE
    after = desk.state.copy()
    assert after["events"] == before["events"] + 1
    assert after["refused"] == before["refused"] + 1
    before["reasons"][reason] += 1
    for name in COUNTERS:
        before[name] = after[name]
    assert before.tobytes() == after.tobytes()
    return reason


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(
    max_examples=40 if JIT_ENABLED else 12,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


# overflow: refused, never wrapped

HUGE = 2**62
NAMED = (Reason.OVERFLOW, Reason.VALUE_OUT_OF_RANGE)
EXTREMES = (-(2**63), -(2**62), -(2**60), -(2**59), 2**59, 2**60, 2**62, 2**63 - 1)


@pytest.mark.parametrize("price", [PRICE_MAX, HUGE, 2**63 - 1])
def test_a_price_beyond_the_kernel_is_refused(price: int) -> None:
    desk = Desk()
    desk.hold(1)
    for words in (
        {"kind": EventKind.QUOTE, "bid": price, "ask": price},
        {"kind": EventKind.TRADE, "price": price, "quantity": 1},
        {"kind": EventKind.MARK, "mark": price},
        {"kind": EventKind.BAR, "open": price, "high": price, "low": price, "close": price},
        {"kind": EventKind.FILL, "price": price, "quantity": 1, "trade_id": 99},
        {"kind": EventKind.POSITION_ADOPTED, "price": price, "quantity": 1},
        {"kind": EventKind.ORDER_ADOPTED, "price": price, "quantity": 1},
    ):
        kind = words.pop("kind")
        assert unchanged(desk, lambda: desk.event(kind, **words)) in NAMED  # noqa: B023 - called at once


@pytest.mark.parametrize("amount", EXTREMES)
def test_an_amount_beyond_the_kernel_is_refused(amount: int) -> None:
    desk = Desk()
    desk.hold(1)
    for kind, words in (
        (EventKind.TRANSFER, {"row": 0}),
        (EventKind.CHARGE, {"row": 0, "column": 3}),
        (EventKind.FUNDING_PAYMENT, {}),
    ):
        assert unchanged(desk, lambda: desk.event(kind, amount=amount, **words)) in NAMED  # noqa: B023 - called at once
    said = lambda: desk.event(EventKind.FILL, price=1, quantity=1, trade_id=99, fee=amount)  # noqa: E731
    assert unchanged(desk, said) in NAMED


@pytest.mark.parametrize("lots", [QUANTITY_MAX, HUGE, 2**63 - 1, 0, -1, -(2**63)])
def test_a_quantity_beyond_the_kernel_is_refused(lots: int) -> None:
    desk = Desk()
    assert unchanged(desk, lambda: desk.event(EventKind.FILL, price=1, quantity=lots, trade_id=99)) in NAMED
    assert unchanged(desk, lambda: desk.event(EventKind.ORDER_ADOPTED, price=1, quantity=lots)) in NAMED


def test_a_notional_beyond_the_kernel_is_refused() -> None:
    desk = Desk()
    words = {"price": 2**41, "quantity": 2**20, "trade_id": 99}
    assert unchanged(desk, lambda: desk.event(EventKind.FILL, **words)) == Reason.OVERFLOW


def test_a_position_that_fits_at_its_price_may_not_fit_at_the_mark() -> None:
    desk = Desk()
    desk.quote(2**41)
    fill = {"price": 1, "quantity": 2**30, "trade_id": 99}
    assert unchanged(desk, lambda: desk.event(EventKind.FILL, **fill)) == Reason.OVERFLOW
    desk.quote(PRICE)
    desk.event(EventKind.FILL, price=PRICE, quantity=2**20, trade_id=99)
    assert unchanged(desk, lambda: desk.quote(2**41)) == Reason.OVERFLOW
    check(desk.state)


def test_repeated_extremes_are_refused_before_a_sum_wraps() -> None:
    """Each step is admissible, their sum is not: cash, fees, funding, cost, peaks."""
    step = MONEY_MAX // 2 - 1
    desk = Desk(deposit=LOT)
    desk.hold(1)
    with np.errstate(over="raise"):
        for number in range(40):
            desk.event(EventKind.TRANSFER, row=0, amount=step)
            desk.event(EventKind.CHARGE, row=0, amount=step, column=8)
            desk.event(EventKind.FUNDING_PAYMENT, amount=-step if number % 2 else step)
            desk.event(EventKind.FILL, price=1, quantity=1, trade_id=500 + number, fee=step if number % 3 else -step)
            desk.clock(SECOND)
            check(desk.state)
    assert desk.state["refused"] > 0


@pytest.mark.parametrize("setting", [NO_LIMIT, -NO_LIMIT, 2**40, 1, 0, -1])
def test_no_setting_makes_a_request_wrap(setting: int) -> None:
    """Whatever the limits are: a decision, never a wrapped figure."""
    columns: list[tuple[int, int]] = [
        *((Table.INSTRUMENT_LIMIT, column) for column in InstrumentLimit),
        *((Table.STRATEGY_LIMIT, column) for column in StrategyLimit),
        *((Table.VENUE_LIMIT, column) for column in VenueLimit),
        *((Table.DESK_LIMIT, column) for column in DeskLimit),
        *((Table.INSTRUMENT_TERM, column) for column in InstrumentTerm),
        *((Table.BREAKER_TERM, column) for column in range(10)),
        *((Table.METRIC_TERM, column) for column in range(5)),
    ]
    with np.errstate(over="raise", divide="raise"):
        for table, column in columns:
            desk = Desk()
            desk.hold(5)
            desk.set(table, 0, column, setting)
            for lots, price in ((3, PRICE), (2**41, PRICE_MAX - 1)):
                assert len(of_kind(desk.ask(1, lots, price), EventKind.DECISION)) == 1
            desk.quote(PRICE - 9, after=SECOND)
            desk.event(EventKind.VENUE_RESULT, flags=Flag.ERROR)
            desk.clock(HOUR)
            check(desk.state)


def test_a_time_beyond_the_kernel_is_refused() -> None:
    desk = Desk()
    desk.now = NO_LIMIT
    assert unchanged(desk, desk.clock) == Reason.VALUE_OUT_OF_RANGE
    desk.now = NO_LIMIT - 1
    assert refused(desk.clock()) == Reason.NONE


def test_time_never_goes_backwards() -> None:
    desk = Desk()
    desk.now -= 1
    assert unchanged(desk, lambda: desk.quote(PRICE)) == Reason.TIME_BACKWARDS


@pytest.mark.parametrize("kind", [0, 8, 19, 24, 41, 63, 79, 94, 110, 111, 112, 127, 128, 139, 255])
def test_a_kind_that_is_no_input_is_refused(kind: int) -> None:
    desk = Desk()
    assert unchanged(desk, lambda: desk.event(kind)) == Reason.UNKNOWN_KIND


# fuzz


def test_likely_lives_keep_the_books_and_visit_every_action(seed: int) -> None:
    spoken: dict[str, int] = {}
    with np.errstate(over="raise"):
        for number in range(12 if JIT_ENABLED else 3):
            life, _ = live(seed + number, 1_500, 0, check_every=25)
            spoken |= life.kinds
            assert life.desk.state["refused"] < 50
    rare = {"LIQUIDATION", "THROTTLED", "FLATTENED", "METRIC_CHANGE", "WARNING", "REFUSED"}
    said = {EventKind(kind).name for kind in EventKind if kind >= EventKind.SUBMIT}
    assert said - rare <= spoken.keys()


def test_broken_events_break_nothing(seed: int) -> None:
    with np.errstate(over="raise"):
        life, _ = live(seed, 50, 20_000, check_every=250)
    assert life.kinds["REFUSED"] > 1_000


@pytest.mark.parametrize("batches", [500 if JIT_ENABLED else 10])
def test_batches_of_broken_events_break_nothing(seed: int, batches: int) -> None:
    """Compiled, 200,000 events: drawn by the batch, each batch on a fresh desk that trades."""
    draw = np.random.default_rng(seed)
    actions: Any = new_actions()
    refusals = 0
    for _ in range(batches):
        desk = bounded(Desk())
        desk.hold(5)
        known = [desk.order(1, 5, PRICE - 5), desk.order(-1, 3, PRICE + 5)]
        batch: Any = broken_batch(draw, 400, desk.now, known)
        with np.errstate(over="raise"):
            for number in range(len(batch)):
                assert 0 <= apply(desk.states, batch, number, actions) <= ACTIONS
        check(desk.state)
        refusals += int(desk.state["refused"])
    assert refusals > 100 * batches


def test_pure_noise_breaks_nothing(seed: int) -> None:
    draw = random.Random(seed)
    desk = bounded(Desk())
    count = 50_000 if JIT_ENABLED else 3_000
    noise = np.frombuffer(draw.randbytes(64 * count), EVENT).copy()
    noise["time_ns"] = desk.now
    actions: Any = new_actions()
    for number in range(count):
        said = apply(desk.states, noise, number, actions)  # pyright: ignore[reportArgumentType] an array of records
        assert 0 <= said <= ACTIONS
    check(desk.state)


# determinism


def test_a_tape_replayed_gives_the_same_state(seed: int) -> None:
    life = Life(seed)
    for _ in range(400):
        life.step()
    states, actions = new_state(), new_actions()
    events = new_events(len(life.desk.tape))
    events[:] = np.frombuffer(b"".join(life.desk.tape), EVENT)
    for number in range(len(events)):
        apply(states, events, number, actions)  # pyright: ignore[reportArgumentType] an array of records
    assert digest(states) == life.desk.digest()


def test_the_digest_sees_a_single_changed_byte() -> None:
    desk = Desk()
    before = desk.digest()
    assert before == Desk().digest()
    desk.state["accounts"][0]["venue_cash"] = 1
    assert desk.digest() != before
    assert len(before) == 32
    assert desk.equity() == DEPOSIT


def program(seed: int, likely: int, wild: int, **environment: str) -> str:
    """What the program printed in a process of its own."""
    command = [sys.executable, "-m", "tests.kernel.account_program", str(seed), str(likely), str(wild)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not JIT_ENABLED, reason="compares with compiled code: run with the JIT on")
def test_compiled_and_uncompiled_give_the_same_bytes(seed: int) -> None:
    likely, wild = 3_000, 3_000
    assert live(seed, likely, wild)[1] == program(seed, likely, wild, NUMBA_DISABLE_JIT="1").strip()


@pytest.mark.slow
@pytest.mark.skipif(not JIT_ENABLED, reason="needs compiled code: run with the JIT on")
def test_no_index_leaves_its_array(seed: int, tmp_path: Path) -> None:
    # Code with bounds checks gets a cache of its own: numba does not tell the two apart.
    checked = program(seed, 3_000, 60_000, NUMBA_BOUNDSCHECK="1", XDG_CACHE_HOME=str(tmp_path))
    assert checked == program(seed, 3_000, 60_000)


def test_a_decision_is_one_of_three() -> None:
    assert [decision.name for decision in Decision] == ["REJECTED", "APPROVED", "MODIFIED"]
