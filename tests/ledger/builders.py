"""What the ledger's tests are built from: a desk with every kind of posting, journals of its life, rows to compare."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
from sqlalchemy import select

from quarterdeck.journal import JournalOptions, JournalWriter, digest_word
from quarterdeck.kernel.account import digest
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import (
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentTerm,
    OrderType,
    Reason,
    StrategyLimit,
    Table,
)
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.labels import Labels, Purse
from quarterdeck.ledger.tables import DATA_TABLES
from tests.kernel.desks import DAY, LOT, PRICE, SECOND, Desk, submitted

NAME = "harbour"
OPTIONS = JournalOptions(segment_records=512, block_records=64, fsync="os", reserve_bytes=4096)
LABELS = Labels(
    NAME,
    ("BTC-PERP", "BTC", "ACME", "WETH"),
    ("TIDE", "WIND", "EBB"),
    ("desk", "operator-1", "operator-2"),
    (Purse("north", "USDT", 8), Purse("north", "USD", 6), Purse("south", "ETH", 12)),
    tuple(map(Decimal, ("1", "0.1", "1", "0.001"))),
    (0, 0, 1, 2),
)
_KINDS = (InstrumentKind.PERPETUAL, InstrumentKind.SPOT, InstrumentKind.EQUITY, InstrumentKind.TOKEN)
_RATES = (1_000_000_000, 1_000_000_000, 2_000_000_000)
MAKING = Flag.MAKER
TRADED = 4


class Step(NamedTuple):
    """Something that happens to a desk: each word means something for each `what`."""

    what: str
    instrument: int
    strategy: int
    amount: int


WHATS = ("buy", "sell", "buy", "sell", "buy", "sell", "quote", "fund", "settle", "charge", "move", "adopt", "split")
RARE = ("stray", "repeat", "reprice", "flatten", "day", "liquidate", "partial", "wait", "ask")
OPERATIONS = st.lists(
    st.builds(Step, st.sampled_from(WHATS + RARE), st.integers(0, 3), st.integers(0, 2), st.integers(-40, 40)),
    max_size=60,
)


class Trader:
    """A desk of four kinds of instruments, three purses and two venues, and what happens to it."""

    def __init__(self) -> None:
        self.desk = Desk(counts=(TRADED, 3, 2, 3), deposit=0, quoted=False)
        self.prices = [PRICE] * TRADED
        for row, kind in enumerate(_KINDS):
            self.desk.term(InstrumentTerm.KIND, kind, row)
            self.desk.term(InstrumentTerm.ACCOUNT, LABELS.settled[row], row)
            self.desk.term(InstrumentTerm.PRICE_EXPONENT, -row, row)
        for row, rate in enumerate(_RATES):
            self.desk.set(Table.ACCOUNT_VENUE, row, 1, rate)
            self.desk.event(EventKind.TRANSFER, row=row, amount=10_000 * LOT)
        for row in range(3):
            self.desk.limit(StrategyLimit.MAX_EXECUTIONS, 2**40, row)
        for row in range(TRADED):
            self.desk.quote(PRICE, instrument=row, half_spread=2)

    def live(self, steps: Sequence[Step]) -> "Trader":
        for step in steps:
            getattr(self, f"_{step.what}")(step)
            if self.desk.state["instruments"][step.instrument]["unreconciled"]:  # or nothing more is traded there
                self._event(EventKind.RECONCILIATION, step.instrument, value=0)
        return self

    def _event(self, kind: EventKind, instrument: int = 0, strategy: int = 0, **words: int) -> list[Any]:
        return self.desk.event(kind, instrument=instrument, strategy=strategy, after=SECOND // 7, **words)

    def _trade(self, side: int, instrument: int, strategy: int, amount: int, share: int = 1) -> None:
        """A market order, and its fill at a price near the quote; a fee, or a rebate for a maker."""
        lots = abs(amount) + 1
        flags = Flag.SELL if side < 0 else 0
        said = self._event(
            *(EventKind.ORDER_REQUEST, instrument, strategy),
            quantity=lots,
            order_type=OrderType.MARKET,
            flags=flags,
            reason=Reason.SIGNAL_ENTRY,
            person=-1 if amount % 2 else 1,
        )
        for order_id in submitted(said):
            price = max(1, self.prices[instrument] + amount // 8)
            maker = MAKING if amount < 0 else 0
            fee = -lots * 7 if maker else lots * 31
            self.desk.now += SECOND // 9
            self.desk.fill(
                order_id, max(1, lots // share), price, fee=fee, venue_time_ns=self.desk.now - 5, flags=flags | maker
            )

    def _buy(self, at: Step) -> None:
        self._trade(1, at.instrument, at.strategy, at.amount)

    def _sell(self, at: Step) -> None:
        self._trade(-1, at.instrument, at.strategy, at.amount)

    def _partial(self, at: Step) -> None:
        self._trade(1 if at.amount > 0 else -1, at.instrument, at.strategy, at.amount, share=3)

    def _ask(self, at: Step) -> None:
        """An order that rests."""
        self.desk.ask(
            1, abs(at.amount) + 1, self.prices[at.instrument] // 2, instrument=at.instrument, strategy=at.strategy
        )

    def _quote(self, at: Step) -> None:
        self.prices[at.instrument] = max(100, self.prices[at.instrument] + at.amount * 9)
        self.desk.quote(
            self.prices[at.instrument], instrument=at.instrument, after=SECOND, half_spread=abs(at.amount) % 4
        )

    def _fund(self, at: Step) -> None:
        self._event(EventKind.FUNDING_PAYMENT, at.instrument, amount=at.amount * 1001, venue_time_ns=self.desk.now)

    def _settle(self, at: Step) -> None:
        self._event(EventKind.FUNDING, at.instrument, rate=at.amount * 1000, flags=Flag.SETTLE)

    def _charge(self, at: Step) -> None:
        """Some with an id: those are told twice now and then, and are somebody's."""
        words = {"row": at.strategy, "amount": at.amount * 77, "column": 2 + abs(at.amount) % 9}
        if at.amount % 3:
            words |= {"trade_id": abs(at.amount) + at.instrument, "tag": 5 if at.amount % 2 else 0}
        self._event(EventKind.CHARGE, at.instrument, at.strategy, **words)

    def _move(self, at: Step) -> None:
        self._event(EventKind.TRANSFER, row=at.strategy, amount=at.amount * LOT)

    def _adopt(self, at: Step) -> None:
        self._event(
            EventKind.POSITION_ADOPTED, at.instrument, at.strategy, price=self.prices[at.instrument], quantity=at.amount
        )

    def _split(self, at: Step) -> None:
        new, old = (abs(at.amount) % 3 + 1, 1) if at.amount > 0 else (1, abs(at.amount) % 3 + 1)
        self._event(EventKind.SPLIT, at.instrument, numerator=new, denominator=old)
        self.prices[at.instrument] = max(100, self.prices[at.instrument] * old // new)

    def _reprice(self, at: Step) -> None:
        self._event(EventKind.TICK_SIZE_CHANGE, at.instrument, numerator=10, denominator=1, aux=100)

    def _stray(self, at: Step) -> None:
        """A fill of an order that nobody knows, of a at.strategy or of none."""
        self.desk.trade_id += 1
        owner = at.strategy if at.amount % 2 else -1
        words = {"price": self.prices[at.instrument], "quantity": abs(at.amount) + 1, "trade_id": self.desk.trade_id}
        self._event(EventKind.FILL, at.instrument, owner, order_id=999, fee=at.amount, **words)

    def _liquidate(self, at: Step) -> None:
        self.desk.trade_id += 1
        words = {"price": self.prices[at.instrument], "quantity": abs(at.amount) + 1, "trade_id": self.desk.trade_id}
        self._event(EventKind.FILL, at.instrument, at.strategy, flags=Flag.LIQUIDATED | Flag.SELL, **words)

    def _repeat(self, at: Step) -> None:
        """A fill that was heard before, or one that cannot be."""
        words = {"price": self.prices[at.instrument], "quantity": 1, "trade_id": max(0, self.desk.trade_id)}
        self._event(EventKind.FILL, at.instrument, at.strategy, order_id=1, **words)

    def _flatten(self, at: Step) -> None:
        """A command whose closing orders no request asked for; then entries are allowed again."""
        said = self._event(EventKind.FLATTEN, at.instrument, at.strategy, person=2)
        for order_id in submitted(said):
            order = self.desk.order_of(order_id)
            self.desk.now += 1
            self.desk.fill(order_id, int(order["quantity"]), self.prices[int(order["instrument"])])
        self._event(EventKind.RESUME, at.instrument, at.strategy, person=2)

    def _day(self, at: Step) -> None:
        self.desk.clock(after=DAY * (1 + abs(at.amount) % 2))

    def _wait(self, at: Step) -> None:
        self.desk.clock(after=SECOND * (1 + abs(at.amount)))


def life(seed: int, steps: int) -> Trader:
    """A trader's life that is the same for the same seed."""
    draw = np.random.default_rng(seed)
    whats = (*WHATS * 2, *RARE)
    words = zip(
        *(draw.integers(0, len(whats), steps), draw.integers(0, 4, steps), draw.integers(0, 3, steps)),
        draw.integers(-40, 41, steps),
        strict=True,
    )
    return Trader().live([Step(whats[what], int(i), int(s), int(amount)) for what, i, s, amount in words])


def write_journal(folder: Path, tape: Sequence[bytes], state_digest: int = 0, *, seal: bool = True) -> None:
    """Appends records to the journal below a folder."""
    records = np.frombuffer(b"".join(tape), EVENT)
    writer = JournalWriter(folder / "data" / "journal", NAME, OPTIONS, clock=lambda: SECOND)
    try:
        for first in range(0, len(records), 32):
            writer.append(records[first : first + 32])
        if seal:
            writer.seal(state_digest)
        writer.sync()
    finally:
        writer.close() if seal else writer._release()  # a process that dies seals nothing


def write_life(folder: Path, desk: Desk) -> None:
    """Journals all that happened to a desk, under one last digest."""
    write_journal(folder, desk.tape, digest_word(digest(desk.states)))


def all_rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in one order."""
    with database.reading() as line:
        return {
            table.name: [
                dict(row) for row in line.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in DATA_TABLES
        }
