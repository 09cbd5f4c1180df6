"""What the reports' tests are built from: a desk at a practice venue, its journal, and the venue's own books."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.journal import JournalOptions, JournalWriter
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, LedgerAccount, Reason, Side
from quarterdeck.runtime.opening import opening_events
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    AskFills,
    Balance,
    FillsAnswer,
    Holding,
    Line,
    Message,
    Refused,
    Request,
    TradeReport,
    Unsent,
)
from quarterdeck.venues.protocol import Capabilities, Deliver

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
DATE = "2026-11-20"
BEGIN_NS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * SECOND
NOW_NS = BEGIN_NS + 34 * HOUR
CASH = 10**12
XRP, SOL = 0, 1
VALUES = (10_000, 100_000)
OPTIONS = JournalOptions(fsync="os", reserve_bytes=4096)

DESK = """
[desk]
name = "tester"
mode = "live"
base_currency = "USDC"
capacity = "small"

[[venues]]
name = "practice"
kind = "practice"
address = "{address}"
limits = {{ max_exposure = "100000" }}

[[accounts]]
venue = "practice"
currency = "USDC"
deposit = "10000"

[[instruments]]
symbol = "XRP"
venue = "practice"
kind = "perpetual"
base = "XRP"
quote = "USDC"
tick = "0.0001"
lot = "1"
maker_fee_bps = 1
taker_fee_bps = 1
initial_margin = 0.1
limits = {{ max_exposure = "50000" }}

[[instruments]]
symbol = "SOL"
venue = "practice"
kind = "spot"
base = "SOL"
quote = "USDC"
tick = "0.01"
lot = "0.1"
maker_fee_bps = 1
taker_fee_bps = 1
limits = {{ max_exposure = "50000" }}

[[strategies]]
name = "TIDE"
kind = "maker"
instruments = ["XRP", "SOL"]
limits = {{ max_exposure = "50000" }}

[limits]
max_exposure = "100000"
"""


def desk_in(folder: Path, address: str = "practice.sock") -> DeskConfig:
    """A desk whose orders go to a practice venue."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.toml").write_text(DESK.format(address=address))
    return load_desk(folder)


def trade(trade_id: int, at_ns: int, instrument: int, side: int, price: int, lots: int, fee: int = 0) -> TradeReport:
    """A fill as the venue tells it."""
    words: dict[str, Any] = {"order_id": 0, "strategy": 0, "venue_order_id": 0, "maker": fee < 0}
    return TradeReport(
        trade_id=trade_id, instrument=instrument, side=Side(side), price=price, quantity=lots, fee=fee,
        venue_time_ns=at_ns, **words,
    )  # fmt: skip


def event(kind: EventKind, at_ns: int, **words: int) -> Any:
    """One record of the desk."""
    made = new_events(1)
    made["kind"], made["time_ns"], made["instrument"], made["strategy"] = kind, at_ns, -1, -1
    for name, word in words.items():
        made[name] = word
    return made


def fill_event(report: TradeReport, late_ns: int = 5_000) -> Any:
    """The record that a desk makes of a fill."""
    return event(
        EventKind.FILL, report.venue_time_ns + late_ns, venue_time_ns=report.venue_time_ns,
        instrument=report.instrument, strategy=0, price=report.price, quantity=report.quantity, fee=report.fee,
        trade_id=report.trade_id, flags=Flag.SELL if report.side < 0 else 0,
    )  # fmt: skip


# Three days: before, on and after the day that is reconciled.
TRADES = (
    trade(1, BEGIN_NS - 10 * HOUR, XRP, 1, 10_000, 100, 10_000),
    trade(2, BEGIN_NS - 9 * HOUR, SOL, 1, 20_000, 30, -4_000),
    trade(3, BEGIN_NS, XRP, 1, 10_100, 50, 5_000),
    trade(4, BEGIN_NS + HOUR, SOL, -1, 20_500, 10, 2_000),
    trade(5, BEGIN_NS + 2 * HOUR, XRP, -1, 10_300, 200, -3_000),
    trade(6, BEGIN_NS + 3 * HOUR, XRP, 1, 10_200, 20, 1_000),
    trade(7, BEGIN_NS + DAY - 1, SOL, 1, 20_100, 5, 900),
    trade(8, BEGIN_NS + DAY, XRP, 1, 10_250, 7, 80),
)
ON_THE_DAY = TRADES[2:7]
OTHERS = (
    event(EventKind.TRANSFER, BEGIN_NS - 11 * HOUR, row=0, amount=CASH),
    event(EventKind.FUNDING_PAYMENT, BEGIN_NS + 4 * HOUR, instrument=XRP, amount=-7_000),
    event(EventKind.CHARGE, BEGIN_NS + 5 * HOUR, row=0, column=LedgerAccount.BORROW, amount=1_500),
    event(EventKind.CHARGE, BEGIN_NS + 5 * HOUR, row=0, column=LedgerAccount.FEES, amount=-600),
    event(EventKind.QUOTE, BEGIN_NS + 6 * HOUR, instrument=XRP, bid=10_400, ask=10_400),
    event(EventKind.CLOCK, BEGIN_NS + 30 * HOUR),
)


def journal_of(config: DeskConfig, trades: Sequence[TradeReport] = TRADES, others: Sequence[Any] = OTHERS) -> None:
    """Writes the desk's journal: it opened the day before, and heard all that by its times."""
    opened = opening_events(config, 1, BEGIN_NS - 12 * HOUR, fresh=True)
    records = [*others, *map(fill_event, trades)]
    records.sort(key=lambda record: int(record["time_ns"][0]))
    with JournalWriter(config.folder / "data" / "journal", config.desk.name, OPTIONS) as writer:
        writer.append(opened)
        for record in records:
            writer.append(np.asarray(record, EVENT))


@dataclasses.dataclass
class VenueBooks:
    """What a venue has in its books; what the desk has heard plays no part in it."""

    fills: list[TradeReport]
    holdings: dict[int, int]
    cash: int
    costs: dict[int, int] = dataclasses.field(default_factory=dict[int, int])

    @classmethod
    def true(cls, trades: Sequence[TradeReport] = TRADES) -> "VenueBooks":
        """Added up from the trades alone: a perpetual keeps its value in cash until it is closed."""
        books = cls(list(trades), {}, CASH - 7_000 - 1_500 + 600)
        open_cost = 0
        held = 0
        for one in trades:
            paid = int(one.side) * one.quantity * one.price * VALUES[one.instrument]
            books.holdings[one.instrument] = books.holdings.get(one.instrument, 0) + int(one.side) * one.quantity
            books.cash -= one.fee
            if one.instrument == SOL:
                books.cash -= paid
            elif held * int(one.side) >= 0:
                held, open_cost = held + int(one.side) * one.quantity, open_cost + paid
            else:
                part = min(abs(held), one.quantity)
                closed = open_cost * part // abs(held) if open_cost >= 0 else -(-open_cost * part // abs(held))
                gone = paid * part // one.quantity if paid >= 0 else -(-paid * part // one.quantity)
                books.cash -= gone + closed
                open_cost += -closed + (paid - gone)
                held += int(one.side) * one.quantity
        books.costs[XRP] = open_cost
        return books


class StatementVenue:
    """A venue that answers questions from books, some fills at a time; `fails` is how often it fails before."""

    capabilities = Capabilities()

    def __init__(self, books: VenueBooks, *, most: int = 2, fails: int = 0, now_ns: int = NOW_NS) -> None:
        self.books, self.most, self.fails, self.now_ns = books, most, fails, now_ns
        self.asked: list[Request] = []
        self.closed = False
        self._deliver: Deliver = lambda _: None

    def open(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def send(self, request: Request) -> None:
        self.asked.append(request)
        if self.fails > 0:
            self.fails -= 1
            self._deliver(Unsent(request_id=request.request_id, text="not connected"))
            self._deliver(Line(up=True))
            return
        self._deliver(self._answer(request))

    def close(self) -> None:
        self.closed = True

    def _answer(self, request: Request) -> Message:
        number = request.request_id
        if isinstance(request, AskAccount):
            holdings = (
                Holding(instrument=i, quantity=lots, price=0, cost=self.books.costs.get(i))
                for i, lots in self.books.holdings.items()
                if lots
            )
            balances = (Balance(account=0, cash=self.books.cash),)
            return AccountAnswer(
                request_id=number, holdings=tuple(holdings), balances=balances, venue_time_ns=self.now_ns
            )
        if isinstance(request, AskFills):
            ordered = sorted(self.books.fills, key=lambda one: one.venue_time_ns)
            later = [one for one in ordered if one.venue_time_ns >= request.since_ns]
            given = later[: self.most]
            more = len(later) > len(given)
            until_ns = given[-1].venue_time_ns if more else self.now_ns
            return FillsAnswer(request_id=number, fills=tuple(given), until_ns=until_ns, more=more)
        return Refused(request_id=number, reason=Reason.VENUE_REJECTED)


def opening(venue: StatementVenue) -> Callable[[DeskConfig, int], StatementVenue]:
    return lambda _config, _row: venue
