"""A seeded random life of a desk, likely, wild and broken events alike, and a digest of all it said and became.

    python -m tests.kernel.account_program SEED LIKELY BROKEN

Tests run it in processes of their own, compiled, uncompiled and with bounds checks, and compare what it prints.
"""

import hashlib
import random
import sys
from typing import Any

import numpy as np

from quarterdeck.kernel.records import EVENT, INSTRUMENTS, ORDERS
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    MetricTerm,
    OnBreach,
    OrderType,
    StrategyLimit,
    VenueLimit,
)
from tests.kernel.desks import LOT, PRICE, SECOND, Desk, submitted
from tests.kernel.invariants import check

WILD = (
    -(2**63),
    -(2**62) - 1,
    -(2**42),
    -1,
    0,
    1,
    2,
    63,
    64,
    255,
    2**20,
    2**31,
    2**42 - 1,
    2**42,
    2**60,
    2**62,
    2**63 - 1,
)
REPORTS = (
    EventKind.ORDER_ACCEPTED,
    EventKind.ORDER_REJECTED,
    EventKind.ORDER_CANCELED,
    EventKind.ORDER_EXPIRED,
    EventKind.ORDER_UNKNOWN,
    EventKind.ORDER_NOT_FOUND,
    EventKind.ORDER_REPLACED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
)
COMMANDS = (EventKind.PAUSE, EventKind.KILL, EventKind.FLATTEN, *[EventKind.RESUME] * 12)
RARE = (
    *COMMANDS,
    *[EventKind.CLOCK] * 12,
    *[EventKind.METRIC] * 4,
    EventKind.FUNDING,
    *[EventKind.VENUE_RESULT] * 6,
    EventKind.TRANSFER,
    EventKind.CHARGE,
    EventKind.LOCK,
    *[EventKind.UNLOCK] * 9,
    *[EventKind.RECONCILIATION] * 12,
    EventKind.RECONCILED,
    *[EventKind.THROTTLE_RESET] * 2,
    EventKind.BAR,
    EventKind.MARK,
    EventKind.POSITION_ADOPTED,
    EventKind.ORDER_ADOPTED,
    EventKind.SPLIT,
    EventKind.CANCEL_ALL_REQUEST,
    EventKind.FUNDING_PAYMENT,
)
KINDS = tuple(kind for kind in EventKind if kind < EventKind.SUBMIT)
WORDS = ("price", "quantity", "order_id", "trigger_price", "tag")


def bounded(desk: Desk) -> Desk:
    """Limits that a life meets, so that every branch of the rails is walked."""
    for row in range(2):
        desk.limit(InstrumentLimit.MAX_LOTS, 60, row)
        desk.limit(InstrumentLimit.MAX_LONG_LOTS, 150, row)
        desk.limit(InstrumentLimit.MAX_EXPOSURE, 180 * LOT, row)
        desk.limit(InstrumentLimit.COLLAR_PPM, 20_000, row)
        desk.limit(InstrumentLimit.STALE_NS, 20 * SECOND, row)
        desk.limit(InstrumentLimit.DUPLICATE_WINDOW_NS, SECOND // 20, row)
    for row in range(3):
        desk.limit(StrategyLimit.MAX_EXPOSURE, 200 * LOT, row)
        desk.limit(StrategyLimit.MAX_EXECUTIONS, 60, row)
    desk.limit(VenueLimit.MESSAGES_PER_SECOND, 20)
    desk.limit(VenueLimit.CANCEL_RESERVE, 3)
    desk.limit(VenueLimit.ERROR_RATE_PPM, 400_000)
    desk.limit(DeskLimit.MAX_EXPOSURE, 300 * LOT)
    desk.limit(DeskLimit.HEAT_PPM, 1_500)
    desk.limit(DeskLimit.ORDERS_PER_MINUTE, 300)
    desk.limit(DeskLimit.ON_BREACH, OnBreach.REDUCE)
    desk.term(BreakerTerm.DRAWDOWN_TRIP_PPM, 2_000)
    desk.term(BreakerTerm.COOLDOWN_NS, 20 * SECOND)
    desk.term(BreakerTerm.DWELL_NS, 5 * SECOND)
    for metric in range(4):
        desk.term(MetricTerm.TRIGGER_PPM, 60_000, metric)
        desk.term(MetricTerm.ESCALATION_NS, 10 * SECOND, metric)
        desk.term(MetricTerm.COOLDOWN_NS, 5 * SECOND, metric)
    return desk


class Life:
    """Likely events of one desk, drawn from one generator."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.desk = bounded(Desk(simulated=True))
        self.price = PRICE
        self.orders: list[int] = []
        self.said = hashlib.sha256()
        self.kinds: dict[str, int] = {}

    def note(self, said: list[Any]) -> None:
        self.orders = (self.orders + submitted(said))[-40:]
        for action in said:
            self.said.update(action.tobytes())
            name = EventKind(int(action["kind"])).name
            self.kinds[name] = self.kinds.get(name, 0) + 1

    def step(self) -> None:
        draw, desk = self.draw, self.desk
        after = draw.choice((0, 0, SECOND // 100, SECOND // 10, SECOND))
        where = {"instrument": draw.randrange(2), "strategy": draw.randrange(3), "after": after}
        choice = draw.random()
        if choice < 0.25:
            self.price = max(PRICE // 2, self.price + draw.randint(-40, 40))
            self.note(
                desk.quote(self.price, instrument=where["instrument"], after=after, half_spread=draw.randint(0, 3))
            )
        elif choice < 0.55:
            self.note(self.request(where))
        elif choice < 0.85 and self.orders and (desk.state["open_count"] or draw.random() < 0.05):
            self.note(self.report(self.some_order(), after))
        elif choice < 0.92:
            self.note(self.rare(where))
        elif self.orders:
            kind = draw.choice((EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST))
            words = {"price": self.price + draw.randint(-30, 30), "quantity": draw.randint(1, 60)}
            self.note(desk.event(kind, order_id=self.some_order(), **words, **where))

    def some_order(self) -> int:
        """Mostly one that is open."""
        count = int(self.desk.state["open_count"])
        if count and self.draw.random() < 0.97:
            return int(self.desk.state["orders"][self.desk.state["open_orders"][self.draw.randrange(count)]]["id"])
        return self.draw.choice(self.orders)

    def request(self, where: dict[str, int]) -> list[Any]:
        draw = self.draw
        words: dict[str, int] = {"order_type": draw.choice((0, 0, 0, 1, 2, 3)), "time_in_force": draw.randrange(4)}
        words["flags"] = draw.choice((0, 0, Flag.REDUCE_ONLY, Flag.REDUCE_ONLY | Flag.PROTECTIVE, Flag.POST_ONLY))
        priced = words["order_type"] in {OrderType.LIMIT, OrderType.STOP_LIMIT}
        words["price"] = self.price + draw.randint(-60, 60) if priced else 0
        if words["order_type"] >= OrderType.STOP:
            words["trigger_price"] = self.price + draw.randint(-60, 60)
        return self.desk.ask(draw.choice((1, -1)), draw.randint(1, 70), **words, **where)

    def report(self, order_id: int, after: int) -> list[Any]:
        draw, desk = self.draw, self.desk
        order = desk.state["orders"][order_id % ORDERS]
        if order["id"] == order_id and draw.random() < 0.6:
            left = max(1, int(order["quantity"]) - int(order["filled"]))
            lots = draw.choice((left, left, draw.randint(1, left), left + 1 if draw.random() < 0.02 else left))
            fee = draw.randint(-500, 2000)
            words = {"trade_id": draw.randint(1, desk.trade_id + 1)} if draw.random() < 0.05 else {}
            return desk.fill(order_id, lots, self.price, fee=fee, venue_time_ns=desk.now, after=after, **words)
        words = {"price": self.price, "quantity": draw.randint(1, 60)}
        return desk.report(draw.choice(REPORTS), order_id, after=after, **words)

    def rare(self, where: dict[str, int]) -> list[Any]:
        draw, desk = self.draw, self.desk
        kind = draw.choice(RARE)
        words: dict[str, int] = {}
        if kind in COMMANDS:
            wide = kind == EventKind.RESUME and draw.random() < 0.5
            where = {**where, "instrument": draw.choice((-1, 0, 1)), "strategy": draw.choice((-1, 0, 2))}
            where = {**where, "instrument": -1, "strategy": -1} if wide else where
        elif kind == EventKind.VENUE_RESULT:
            where, words = {**where, "instrument": 0}, {"flags": draw.choice((0, 0, 0, Flag.ERROR))}
        elif kind == EventKind.METRIC:
            words = {"metric": 2, "value": draw.choice((0, 0, 0, 100_000))}
        elif kind == EventKind.FUNDING:
            words = {"rate": draw.randint(-100_000, 100_000), "flags": Flag.SETTLE}
        elif kind in {EventKind.TRANSFER, EventKind.FUNDING_PAYMENT}:
            words = {"amount": draw.randint(-LOT, LOT)}
        elif kind == EventKind.CHARGE:
            words = {"amount": draw.randint(-1000, 1000), "column": draw.randint(2, 10)}
            if draw.random() < 0.7:  # a small range, so that some are repeats
                words |= {"trade_id": draw.randint(1, 30), "venue_time_ns": desk.now}
        elif kind == EventKind.BAR:
            words = {
                "open": self.price,
                "high": self.price + 5,
                "low": self.price - 5,
                "close": self.price,
                "volume": 5,
            }
        elif kind == EventKind.MARK:
            words = {"mark": self.price}
        elif kind in {EventKind.POSITION_ADOPTED, EventKind.ORDER_ADOPTED}:
            words = {"price": self.price, "quantity": draw.randint(1, 5)}
        elif kind == EventKind.SPLIT:
            words = {"numerator": 1, "denominator": 1}
        return desk.event(kind, **words, **where)


def broken(desk: Desk, draw: random.Random) -> list[Any]:
    """An event of random words, or of random bytes; often close enough to a real one to get in."""
    desk.events[0] = np.frombuffer(draw.randbytes(EVENT.itemsize), EVENT)[0]
    event = desk.events[0]
    if draw.random() < 0.9:
        event["kind"] = draw.choice(KINDS)
    if draw.random() < 0.9:
        event["time_ns"] = desk.now + draw.choice((0, 0, 1, SECOND))
    if draw.random() < 0.8:
        event["instrument"], event["strategy"] = draw.randint(-1, 3), draw.randint(-1, 4)
    for word in WORDS:
        choice = draw.random()
        if choice < 0.45:
            event[word] = draw.choice(WILD)
        elif choice < 0.9:
            event[word] = draw.randint(-3, 40)
    if draw.random() < 0.3 and desk.state["open_count"]:
        event["order_id"] = desk.state["orders"][desk.state["open_orders"][0]]["id"]
    if event["kind"] == EventKind.SESSION_END and draw.random() < 0.9:
        event["kind"] = EventKind.CLOCK
    said = desk.apply()
    desk.now = max(desk.now, int(desk.state["time_ns"]))
    return said


def broken_batch(draw: np.random.Generator, count: int, now: int, known: list[int]) -> Any:
    """Many events of random words at once, at the present time."""
    batch = np.frombuffer(draw.bytes(count * EVENT.itemsize), EVENT).copy()
    batch["time_ns"] = now + np.arange(count) // 8
    batch["kind"] = draw.choice(np.array([kind for kind in KINDS if kind != EventKind.SESSION_END]), count)
    batch["instrument"] = draw.integers(-1, 3, count)
    batch["strategy"] = draw.integers(-1, 4, count)
    for word in WORDS:
        chosen = draw.integers(0, 10, count)
        batch[word] = np.where(chosen < 3, draw.choice(np.array(WILD), count), draw.integers(-3, 40, count))
    batch["order_id"] = np.where(draw.random(count) < 0.3, draw.choice(np.array(known), count), batch["order_id"])
    return batch


def run_broken(life: Life, count: int, check_every: int) -> None:
    for number in range(count):
        life.note(broken(life.desk, life.draw))
        life.desk.tape.clear()
        if number % check_every == 0:
            check(life.desk.state)
        if number % 500 == 499:  # wild times and settings end a life early: begin another
            assert life.desk.state["positions"].shape[0] % INSTRUMENTS == 0
            life.desk = bounded(Desk(simulated=True))
            life.orders = []


def live(seed: int, likely: int, wild: int, check_every: int = 50) -> tuple[Life, str]:
    """The life, and one line that says what became of it."""
    life = Life(seed)
    for number in range(likely):
        life.step()
        if number % check_every == 0:
            check(life.desk.state)
    check(life.desk.state)
    first = life.desk.digest().hex()
    run_broken(life, wild, check_every)
    return life, f"{first} {life.desk.digest().hex()} {life.said.hexdigest()} {sorted(life.kinds.items())}"


if __name__ == "__main__":
    np.seterr(over="raise")
    print(live(*(int(word) for word in sys.argv[1:4]), check_every=500)[1])  # noqa: T201 - what it is for
