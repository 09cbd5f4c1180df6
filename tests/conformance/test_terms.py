"""How little is traded in a run. What is tested: `quarterdeck.conformance.terms`."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import load_desk
from quarterdeck.conformance.terms import CROSS, FAR, Terms, terms_of
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import InstrumentKind, TimeInForce
from quarterdeck.market.instruments import Instrument
from tests.desk.hyperliquid_folder import SPOT, write_desk

XRP = Instrument(
    symbol="XRP", venue="hl", kind=InstrumentKind.PERPETUAL, base="XRP", quote="USDC", tick=Decimal("0.000001"),
    lot=Decimal(1), significant_figures=5, min_notional=Decimal(10),
)  # fmt: skip
SHARE = Instrument(
    symbol="SPY", venue="al", kind=InstrumentKind.EQUITY, base="SPY", quote="USD", tick=Decimal("0.01"), lot=Decimal(1)
)


def terms(instrument: Instrument = XRP, most: str = "1000") -> Terms:
    return Terms(0, 0, instrument, Decimal(most), 0)


@given(st.integers(10_000, 900_000_000))
def test_prices_keep_their_distance_and_their_figures(ticks: int) -> None:
    bid = XRP.round_price_to_ticks(XRP.ticks_to_price(ticks), "down")
    for share in (FAR, CROSS, -FAR, -CROSS):
        moved = terms().moved(bid, share)
        assert (moved - bid * (1 + share)) * (1 if share > 0 else -1) >= 0
        assert XRP.price_to_ticks(XRP.ticks_to_price(moved)) == moved
    above, below = terms().beside(bid, 1), terms().beside(bid, -1)
    assert below < bid < above
    assert XRP.price_to_ticks(XRP.ticks_to_price(above)) == above


@given(st.integers(100_000, 900_000_000))
def test_the_smallest_order_is_enough_at_the_far_price_and_not_much_more(ticks: int) -> None:
    bid = XRP.round_price_to_ticks(XRP.ticks_to_price(ticks), "down")
    lots = terms(most="100000").lots(bid)
    assert terms().worth(terms().moved(bid, -FAR), lots) >= XRP.min_notional
    assert lots == 1 or terms().worth(bid, lots - 1) <= XRP.min_notional * Decimal("1.3")


def test_an_order_that_would_be_worth_too_much_is_not_made() -> None:
    with pytest.raises(ConfigError, match="--max-notional"):
        terms(most="10").lots(1_200_000)


def test_shares_are_traded_by_the_day() -> None:
    assert terms(SHARE).time_in_force is TimeInForce.DAY
    assert terms().time_in_force is TimeInForce.GTC
    assert not terms(SHARE).spot


def test_the_desk_says_what_is_traded(tmp_path: Path) -> None:
    config = load_desk(str(write_desk(tmp_path / "desk", 8901, SPOT)))
    first, second = terms_of(config, 0, None, None), terms_of(config, 0, "XRP/USDC", Decimal(50))
    assert (first.index, first.instrument.symbol, first.spot) == (0, "XRP", False)
    assert first.most == config.instruments[0].limits.max_notional
    assert (second.index, second.most, second.spot) == (1, Decimal(50), True)
    with pytest.raises(ConfigError, match="one of XRP, XRP/USDC"):
        terms_of(config, 0, "BTC", None)
