"""What the twin lists, and the market around it. It shows no real market.

BTCUSDT and ETHUSDT, each as spot pair and as perpetual; both follow one flow, so that a hedge is one. Where the kernel
has room for a fifth market, BNBUSDT spot, in which fees may be paid.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.orderflow import OrderFlowTerms
from quarterdeck.twins.matching import LISTINGS_MAX

__all__ = ["BNB", "USDT", "Listing", "default_listings", "regrid"]

USDT: Final = "USDT"
BNB: Final = "BNB"
_LEVELS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One market. `step` is ticks of one step of its flow, `lots` how many lots one of the flow's lots is."""

    index: int  # the kernel's
    symbol: str
    futures: bool
    base: str
    instrument: Instrument
    terms: OrderFlowTerms
    seed: int  # added to the twin's
    step: int
    lots: int
    max_leverage: int = 1
    lots_max: int = 10**9  # of one order
    price_down: Decimal = Decimal("0.2")  # how far from the market a limit may be
    price_up: Decimal = Decimal(5)

    @property
    def tick(self) -> Decimal:
        """The price step."""
        return self.instrument.tick

    @property
    def lot(self) -> Decimal:
        """The quantity step."""
        return self.instrument.lot

    @property
    def unit(self) -> int:
        """Units of 1e-8 of the base asset in one lot."""
        return int(self.instrument.lot.scaleb(8))


@dataclass(frozen=True, slots=True)
class _Coin:
    """The flow of a coin: its first price in steps of `step`, what one of its lots is; the grids of both markets."""

    base: str
    first: int
    step: str
    flow_lot: str
    seed: int
    spot: tuple[str, str]  # tick, lot
    futures: tuple[str, str, str] | None  # and the least notional


_COINS: Final = (
    _Coin("BTC", 60_000, "1", "0.001", 0, ("0.01", "0.00001"), ("0.10", "0.001", "100")),
    _Coin("ETH", 25_000, "0.1", "0.01", 1, ("0.01", "0.0001"), ("0.01", "0.001", "20")),
    _Coin("BNB", 60_000, "0.01", "0.01", 2, ("0.01", "0.001"), None),
)


def _instrument(coin: _Coin, tick: str, lot: str, least: str, *, futures: bool) -> Instrument:
    return Instrument(
        symbol=f"{coin.base}{USDT}", venue="binance", base=coin.base, quote=USDT,
        kind=InstrumentKind.PERPETUAL if futures else InstrumentKind.SPOT, tick=Decimal(tick), lot=Decimal(lot),
        maker_fee_bps=Decimal(2 if futures else 10), taker_fee_bps=Decimal(5 if futures else 10),
        min_notional=Decimal(least), short_allowed=futures,
    )  # fmt: skip


def _listing(index: int, coin: _Coin, start_ns: int, *, futures: bool) -> Listing:
    """One market of a coin."""
    tick, lot, least = coin.futures if futures and coin.futures else (*coin.spot, "5")
    return Listing(
        index=index, symbol=f"{coin.base}{USDT}", futures=futures, base=coin.base,
        instrument=_instrument(coin, tick, lot, least, futures=futures),
        terms=OrderFlowTerms(price_ticks=coin.first, floor=1_100, ceiling=99_000, levels=_LEVELS, instrument=index,
                             start_ns=start_ns),
        seed=coin.seed, step=int(Decimal(coin.step) / Decimal(tick)), lots=int(Decimal(coin.flow_lot) / Decimal(lot)),
        max_leverage=125 if futures else 1, lots_max=int((1_000 if futures else 9_000) / Decimal(lot)),
        price_down=Decimal("0.95" if futures else "0.2"), price_up=Decimal("1.05" if futures else "5"),
    )  # fmt: skip


def default_listings(start_ns: int) -> list[Listing]:
    """Returns all markets, their flows beginning at `start_ns`."""
    wanted = [(coin, futures) for coin in _COINS for futures in (False, True) if not futures or coin.futures]
    return [_listing(place, coin, start_ns, futures=futures) for place, (coin, futures) in enumerate(wanted)][
        :LISTINGS_MAX
    ]


def regrid(listing: Listing, recorded: Instrument) -> Listing:
    """Returns a listing on the grid of what is replayed: a twin lists what it can show."""
    instrument = replace(listing.instrument, tick=recorded.tick, lot=recorded.lot)
    most = int(listing.lots_max * listing.lot / recorded.lot)
    return replace(listing, instrument=instrument, step=1, lots=1, lots_max=most)
