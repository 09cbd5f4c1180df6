"""What the twin lists, and the market around it. Symbols and exchanges are real, prices are invented.

A tick is 0.0001 USD, so that prices below a dollar have their four decimals; above it only whole cents are taken. A lot
is a millionth of a share: the kernel's largest quantity is then 4.4 million shares, and one tick of one lot is one unit
of money, 1e-10 USD. (The venue takes nine decimals of a share; here only six of them may be other than zero.)
"""

import uuid
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.orderflow import OrderFlowTerms

__all__ = ["LOTS", "TEST_SYMBOL", "TICKS", "UNITS", "Listing", "default_listings", "stream_listing"]

TICKS: Final = 10_000  # of a dollar
LOTS: Final = 1_000_000  # of a share
UNITS: Final = TICKS * LOTS  # of a dollar, in money
TEST_SYMBOL: Final = "FAKEPACA"
_CENT: Final = 100  # ticks
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_OID, "alpaca twin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One stock. `step` is ticks of one step of its flow, `lots` how many lots one of the flow's lots is."""

    index: int  # the kernel's
    symbol: str
    name: str
    exchange: str
    tape: str
    code: str  # of its exchange, in market data
    instrument: Instrument
    terms: OrderFlowTerms
    seed: int  # added to the twin's
    step: int = _CENT
    lots: int = LOTS
    shortable: bool = True
    easy_to_borrow: bool = True
    fractionable: bool = True

    @property
    def asset_id(self) -> str:
        """A UUID that stays the same for the symbol."""
        return str(uuid.uuid5(_NAMESPACE, self.symbol))

    @property
    def first_ticks(self) -> int:
        """The price at which its flow begins."""
        return self.terms.price_ticks * self.step


def _listing(index: int, symbol: str, name: str, exchange: str, cents: int, *, seed: int) -> Listing:
    tape, code = ("C", "V") if exchange == "NASDAQ" else ("B", "V")
    instrument = Instrument(
        symbol=symbol, venue="alpaca", base=symbol, quote="USD", kind=InstrumentKind.EQUITY,
        tick=Decimal(1) / TICKS, lot=Decimal(1) / LOTS, short_allowed=True,
    )  # fmt: skip
    terms = OrderFlowTerms(
        price_ticks=cents, floor=cents // 2, ceiling=min(cents * 8 // 5, 99_000), levels=10, instrument=index,
        quote_rate=3.0, trade_rate=0.4, queue_lots=600.0, trade_lots=80.0, mark_seconds=60.0,
    )  # fmt: skip
    return Listing(
        index=index, symbol=symbol, name=name, exchange=exchange, tape=tape, code=code, instrument=instrument,
        terms=terms, seed=seed,
    )  # fmt: skip


def default_listings(start_ns: int) -> list[Listing]:
    """Returns four stocks whose flows begin at `start_ns`, a time of trading (`calendar.Calendar.active_ns`)."""
    listings = [
        _listing(0, "AAPL", "Apple Inc. Common Stock", "NASDAQ", 23_000, seed=0),
        _listing(1, "MSFT", "Microsoft Corporation Common Stock", "NASDAQ", 42_500, seed=1),
        _listing(2, "SPY", "SPDR S&P 500 ETF Trust", "ARCA", 58_000, seed=2),
        _listing(3, "NVDA", "NVIDIA Corporation Common Stock", "NASDAQ", 14_000, seed=3),
    ]
    return [replace(one, terms=replace(one.terms, start_ns=start_ns)) for one in listings]


def stream_listing(start_ns: int) -> Listing:
    """Returns the symbol of the test stream, which never closes and is not traded."""
    listing = _listing(0, TEST_SYMBOL, "Test stream", "NASDAQ", 13_500, seed=9)
    return replace(listing, terms=replace(listing.terms, start_ns=start_ns, levels=1))
