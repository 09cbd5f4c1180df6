"""A desk to write kernel tests with: every limit loose unless a test tightens it, events in one line each.

Prices are about PRICE ticks; a tick of a lot is worth VALUE money units, so LOT is what one lot costs at PRICE.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from quarterdeck.kernel.account import apply, digest, new_actions, new_events, new_state
from quarterdeck.kernel.records import INSTRUMENTS, METRICS, NO_LIMIT, ORDERS
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    MetricTerm,
    OrderStatus,
    OrderType,
    Reason,
    SessionMode,
    StrategyLimit,
    Table,
    VenueLimit,
)

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 20_000 * DAY + 12 * HOUR
PRICE = 10_000
VALUE = 1_000
LOT = PRICE * VALUE
DEPOSIT = 10_000 * LOT

INSTRUMENT_TERMS: Mapping[int, int] = {
    InstrumentTerm.KIND: InstrumentKind.PERPETUAL,
    InstrumentTerm.VALUE: VALUE,
    InstrumentTerm.MAKER_FEE_PPB: -10_000,
    InstrumentTerm.TAKER_FEE_PPB: 50_000,
    InstrumentTerm.MIN_LOTS: 1,
    InstrumentTerm.INITIAL_MARGIN_PPM: 0,
    InstrumentTerm.SHORT_ALLOWED: 1,
    InstrumentTerm.LISTED: 1,
    InstrumentTerm.TICK_MANTISSA: 1,
    InstrumentTerm.LOT_MANTISSA: 1,
}
INSTRUMENT_LIMITS: Mapping[int, int] = {
    **dict.fromkeys(InstrumentLimit, NO_LIMIT),
    InstrumentLimit.ALLOWED: 1,
    InstrumentLimit.LOCKED: 0,
    InstrumentLimit.MIN_NOTIONAL: 0,
    InstrumentLimit.DUPLICATE_WINDOW_NS: 0,
    InstrumentLimit.DEFAULT_STOP_PPM: 50_000,
}
STRATEGY_LIMITS: Mapping[int, int] = {
    **dict.fromkeys(StrategyLimit, NO_LIMIT),
    StrategyLimit.ENABLED: 1,
    StrategyLimit.WEIGHT_PPM: 1_000_000,
    StrategyLimit.EXECUTIONS_WINDOW_NS: MINUTE,
}
VENUE_LIMITS: Mapping[int, int] = {
    **dict.fromkeys(VenueLimit, NO_LIMIT),
    VenueLimit.CANCEL_RESERVE: 0,
    VenueLimit.ERROR_SAMPLES_MIN: 4,
    VenueLimit.ERROR_COOLDOWN_NS: 10 * SECOND,
}
DESK_LIMITS: Mapping[int, int] = {
    **dict.fromkeys(DeskLimit, NO_LIMIT),
    DeskLimit.EQUITY_FLOOR: -NO_LIMIT,
    DeskLimit.ON_BREACH: 0,
    DeskLimit.WARNING_PPM: 800_000,
    DeskLimit.DAY_OFFSET_NS: 0,
}
BREAKER_TERMS: Mapping[int, int] = {
    BreakerTerm.DRAWDOWN_TRIP_PPM: NO_LIMIT,
    BreakerTerm.DRAWDOWN_RECOVERY_PPM: 20_000,
    BreakerTerm.COOLDOWN_NS: HOUR,
    BreakerTerm.DWELL_NS: 10 * MINUTE,
    BreakerTerm.REDUCED_PPM: 500_000,
    BreakerTerm.RECOVERY_1_PPM: 250_000,
    BreakerTerm.RECOVERY_2_PPM: 500_000,
    BreakerTerm.RECOVERY_3_PPM: 750_000,
    BreakerTerm.RECOVERY_4_PPM: 1_000_000,
    BreakerTerm.TRIPS_PER_DAY: 3,
}
METRIC_TERMS: Mapping[int, int] = {
    MetricTerm.TRIGGER_PPM: NO_LIMIT,
    MetricTerm.RESET_PPM: 10_000,
    MetricTerm.COOLDOWN_NS: MINUTE,
    MetricTerm.TRIPS_PER_DAY: 3,
    MetricTerm.ESCALATION_NS: MINUTE,
}

_CONFIGURED: dict[tuple[int, int, int, int], tuple[bytes, list[bytes]]] = {}  # each is configured once, then copied


class Desk:
    """A configured state and the events that happen to it. Each call returns the actions that were said."""

    def __init__(
        self,
        *,
        counts: tuple[int, int, int, int] = (2, 3, 1, 1),
        deposit: int = DEPOSIT,
        mode: SessionMode = SessionMode.BACKTEST,
        simulated: bool = False,
        quoted: bool = True,
    ) -> None:
        self.states = new_state()
        self.events = new_events(1)
        self.actions = new_actions()
        self.tape: list[bytes] = []  # every event as it was applied
        self.now = NOON
        self.trade_id = 0
        if counts not in _CONFIGURED:
            self._configure(counts)
            _CONFIGURED[counts] = (self.bytes(), self.tape)
        configured, tape = _CONFIGURED[counts]
        np.asarray(self.states).view(np.uint8)[:] = np.frombuffer(configured, np.uint8)
        self.tape = list(tape)
        self.event(EventKind.SESSION_START, epoch=1, value=mode, flags=Flag.SETTLE if simulated else 0)
        for venue in range(counts[2]):
            self.event(EventKind.CONNECTION, instrument=venue, value=1)
        if deposit:
            self.event(EventKind.TRANSFER, row=0, amount=deposit)
        if quoted:
            for instrument in range(counts[0]):
                self.quote(PRICE, instrument=instrument)

    def _configure(self, counts: tuple[int, int, int, int]) -> None:
        instruments, strategies, venues, _ = counts
        for column, count in enumerate(counts):
            self.set(Table.COUNTS, 0, column, count)
        for table, rows, settings in (
            (Table.INSTRUMENT_TERM, instruments, INSTRUMENT_TERMS),
            (Table.INSTRUMENT_LIMIT, instruments, INSTRUMENT_LIMITS),
            (Table.STRATEGY_LIMIT, strategies, STRATEGY_LIMITS),
            (Table.VENUE_LIMIT, venues, VENUE_LIMITS),
            (Table.DESK_LIMIT, 1, DESK_LIMITS),
            (Table.BREAKER_TERM, 1, BREAKER_TERMS),
            (Table.METRIC_TERM, METRICS, METRIC_TERMS),
        ):
            for row in range(rows):
                for column, setting in settings.items():
                    self.set(table, row, column, setting)

    # events

    def event(self, kind: int, *, instrument: int = 0, strategy: int = 0, after: int = 0, **words: int) -> list[Any]:
        """Applies one event, `after` ns later than the last one."""
        self.now += after
        self.events[:] = 0
        event = self.events[0]
        event["time_ns"] = self.now
        event["kind"] = kind
        event["instrument"] = instrument
        event["strategy"] = strategy
        for name, word in words.items():
            event[name] = word
        return self.apply()

    def apply(self) -> list[Any]:
        """Applies what stands in `events[0]`."""
        self.tape.append(self.events.tobytes())
        count = apply(self.states, self.events, 0, self.actions)  # pyright: ignore[reportArgumentType] an array of records
        return list(self.actions[:count].copy())

    def apply_bytes(self, raw: bytes) -> list[Any]:
        self.events[0] = np.frombuffer(raw, self.events.dtype)[0]
        return self.apply()

    def set(self, table: int, row: int, column: int, setting: int) -> list[Any]:
        return self.event(EventKind.CONFIGURE, table=table, row=row, column=column, setting=setting)

    def limit(
        self, column: DeskLimit | InstrumentLimit | StrategyLimit | VenueLimit, setting: int, row: int = 0
    ) -> None:
        """Tightens a limit; its enum says in which table."""
        table = {
            DeskLimit: Table.DESK_LIMIT,
            InstrumentLimit: Table.INSTRUMENT_LIMIT,
            StrategyLimit: Table.STRATEGY_LIMIT,
            VenueLimit: Table.VENUE_LIMIT,
        }[type(column)]
        assert not self.set(table, row, column, setting)

    def term(self, column: BreakerTerm | InstrumentTerm | MetricTerm, setting: int, row: int = 0) -> None:
        table = {
            BreakerTerm: Table.BREAKER_TERM,
            InstrumentTerm: Table.INSTRUMENT_TERM,
            MetricTerm: Table.METRIC_TERM,
        }[type(column)]
        assert not self.set(table, row, column, setting)

    def clock(self, after: int = 0) -> list[Any]:
        return self.event(EventKind.CLOCK, after=after)

    def quote(self, price: int, *, instrument: int = 0, after: int = 0, half_spread: int = 0) -> list[Any]:
        """A quote around `price`; without a spread the mark is exactly the price."""
        return self.event(
            EventKind.QUOTE,
            instrument=instrument,
            after=after,
            bid=price - half_spread,
            ask=price + half_spread,
            bid_quantity=100,
            ask_quantity=100,
        )

    def ask(self, side: int, lots: int, price: int = PRICE, **words: int) -> list[Any]:
        """Asks for an order; a limit order unless told otherwise."""
        flags = words.pop("flags", 0) | (Flag.SELL if side < 0 else 0)
        return self.event(EventKind.ORDER_REQUEST, quantity=lots, price=price, flags=flags, **words)

    def order(self, side: int, lots: int, price: int = PRICE, **words: int) -> int:
        """Asks for an order that must be approved whole, and returns its id."""
        said = self.ask(side, lots, price, **words)
        assert decided(said) == (Decision.APPROVED, lots, Reason.NONE), spoken(said)
        return submitted(said)[0]

    def report(self, kind: EventKind, order_id: int, **words: int) -> list[Any]:
        return self.event(kind, order_id=order_id, **words)

    def fill(self, order_id: int, lots: int, price: int = PRICE, **words: int) -> list[Any]:
        """A fill of an order in the table, on its side; a new trade id unless one is given."""
        order = self.order_of(order_id)
        self.trade_id = max(self.trade_id, words.get("trade_id", 0)) if "trade_id" in words else self.trade_id + 1
        words.setdefault("trade_id", self.trade_id)
        words.setdefault("flags", Flag.SELL if order["side"] < 0 else 0)
        words.setdefault("instrument", int(order["instrument"]))
        words.setdefault("strategy", int(order["strategy"]))
        return self.event(EventKind.FILL, order_id=order_id, quantity=lots, price=price, **words)

    def hold(self, lots: int, price: int = PRICE, *, instrument: int = 0, strategy: int = 0) -> None:
        """Brings a strategy to a position by an order and its fill."""
        side = 1 if lots > 0 else -1
        asked = self.ask(side, abs(lots), price, instrument=instrument, strategy=strategy)
        assert decided(asked)[0] == Decision.APPROVED, spoken(asked)
        self.fill(submitted(asked)[0], abs(lots), price)

    # views

    @property
    def state(self) -> Any:
        return self.states[0]

    def order_of(self, order_id: int) -> Any:
        order = self.state["orders"][order_id % ORDERS]
        assert order["id"] == order_id
        return order

    def status(self, order_id: int) -> OrderStatus:
        return OrderStatus(int(self.order_of(order_id)["status"]))

    def position(self, strategy: int = 0, instrument: int = 0) -> Any:
        return self.state["positions"][strategy * INSTRUMENTS + instrument]

    def net(self, instrument: int = 0) -> Any:
        return self.state["instruments"][instrument]["net"]

    def posting(self, account: int, row: int = 0) -> int:
        return int(self.state["accounts"][row]["postings"][account])

    def equity(self) -> int:
        return int(self.state["equity"])

    def digest(self) -> bytes:
        return digest(self.states)

    def bytes(self) -> bytes:
        return np.asarray(self.states).tobytes()


def spoken(said: Iterable[Any]) -> list[tuple[str, str]]:
    """(kind, reason) of each action, to read."""
    return [(EventKind(int(action["kind"])).name, Reason(int(action["reason"])).name) for action in said]


def of_kind(said: Iterable[Any], kind: EventKind) -> list[Any]:
    return [action for action in said if action["kind"] == kind]


def decided(said: Iterable[Any]) -> tuple[Decision, int, Reason]:
    """(decision, lots approved, reason) of the one decision among the actions."""
    (action,) = of_kind(said, EventKind.DECISION)
    return Decision(int(action["decision"])), int(action["quantity"]), Reason(int(action["reason"]))


def submitted(said: Iterable[Any]) -> list[int]:
    return [int(action["order_id"]) for action in of_kind(said, EventKind.SUBMIT)]


def canceled(said: Iterable[Any]) -> list[int]:
    return [int(action["order_id"]) for action in of_kind(said, EventKind.CANCEL)]


def warned(said: Iterable[Any]) -> list[Reason]:
    return [Reason(int(action["reason"])) for action in of_kind(said, EventKind.WARNING)]


def refused(said: Iterable[Any]) -> Reason:
    """The reason of the one REFUSED action, which must be all that was said; NONE when the event was taken."""
    found = of_kind(said, EventKind.REFUSED)
    if not found:
        return Reason.NONE
    assert len(list(said)) == 1
    return Reason(int(found[0]["reason"]))


MARKET = {"price": 0, "order_type": OrderType.MARKET}
