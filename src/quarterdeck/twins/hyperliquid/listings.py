"""What the twin lists, and the market around it. It shows no real market.

Three perpetuals and one spot pair. The pair follows the perpetual of its coin tick by tick, so that a hedge is one.
Each flow stays between 10,000 and 99,999 of its own steps, which is where five significant figures are one step.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.instruments import Instrument
from quarterdeck.market.orderflow import OrderFlowTerms

__all__ = ["SPOT_ASSETS", "USDC", "Listing", "default_listings"]

SPOT_ASSETS: Final = 10_000
USDC: Final = "USDC"
_LEVELS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One market. `step` is ticks of one step of its flow, `lots` how many lots one of the flow's lots is."""

    index: int  # the kernel's
    asset: int
    coin: str
    base: str
    spot: bool
    size_decimals: int
    price_decimals: int
    max_leverage: int
    instrument: Instrument
    terms: OrderFlowTerms
    seed: int  # added to the twin's
    step: int = 1
    lots: int = 1


def _listing(
    index: int, asset: int, base: str, size_decimals: int, first: int, step_decimals: int, **more: int
) -> Listing:
    """A market whose flow moves in steps of 10**-step_decimals, from `first` steps on."""
    spot = asset >= SPOT_ASSETS
    price_decimals = (8 if spot else 6) - size_decimals
    leverage = more.get("leverage", 1)
    instrument = Instrument(
        symbol=f"{base}/{USDC}" if spot else base, venue="hyperliquid", base=base, quote=USDC,
        kind=InstrumentKind.SPOT if spot else InstrumentKind.PERPETUAL,
        tick=Decimal(1).scaleb(-price_decimals), lot=Decimal(1).scaleb(-size_decimals), significant_figures=5,
        maker_fee_bps=Decimal("4" if spot else "1.5"), taker_fee_bps=Decimal("7" if spot else "4.5"),
        min_notional=Decimal(10), short_allowed=not spot,
    )  # fmt: skip
    return Listing(
        index=index, asset=asset, coin=instrument.symbol, base=base, spot=spot, size_decimals=size_decimals,
        price_decimals=price_decimals, max_leverage=leverage, instrument=instrument,
        terms=OrderFlowTerms(price_ticks=first, floor=10_100, ceiling=99_000, levels=_LEVELS, instrument=index),
        seed=more["seed"], step=10 ** (price_decimals - step_decimals), lots=more.get("lots", 1),
    )  # fmt: skip


def default_listings(start_ns: int) -> list[Listing]:
    """Returns BTC, ETH and XRP perpetuals and the XRP spot pair, their flows beginning at `start_ns`."""
    listings = [
        _listing(0, 0, "BTC", 5, 60_000, 0, leverage=40, seed=0),
        _listing(1, 1, "ETH", 4, 25_000, 1, leverage=25, seed=1),
        _listing(2, 2, "XRP", 0, 12_000, 4, leverage=20, seed=2),
        _listing(3, SPOT_ASSETS, "XRP", 2, 12_000, 4, lots=100, seed=2),
    ]
    return [replace(one, terms=replace(one.terms, start_ns=start_ns)) for one in listings]
