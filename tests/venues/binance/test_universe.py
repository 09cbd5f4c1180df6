"""What is tested: `quarterdeck.venues.binance.universe` and `quarterdeck.venues.binance.markets`: terms held against
the venue's list, and texts of one instrument.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.venues.binance.markets import SPOT, USDM, Market
from quarterdeck.venues.binance.universe import Universe, limits_of
from quarterdeck.venues.malformed import BadMessage
from tests.venues.binance.builders import MARKETS, info, instrument, listed, universe

TERMS = ("BTCUSDT", "BTC", "0.1", "0.001")


def bind(market: Market, row: dict[str, Any], **changes: Any) -> Universe:
    return Universe.bind(market, [(0, 0, instrument(*TERMS, market, **changes))], info(market, row))


@pytest.mark.parametrize("name", MARKETS)
def test_terms_that_are_the_venues_are_taken(name: str) -> None:
    market = MARKETS[name]
    found = universe(market)
    one = found.of_symbol("BTCUSDT")
    assert one is not None
    assert (one.index, one.spot) == (2, market.spot)
    assert (one.ticks("30000.50000000"), one.lots("0.10000000")) == (300_005, 100)
    assert found.of_symbol("XRPUSDT") is None
    with pytest.raises(BadMessage, match="instrument 3"):
        found.of_index(3)


def filters(market: Market, kind: str, **figures: str) -> dict[str, Any]:
    row = listed("BTCUSDT", "BTC", "0.10000000", "0.00100000", market)
    for one in row["filters"]:
        if one["filterType"] == kind:
            one.update(figures)
    return row


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize(
    ("kind", "figures", "said"),
    [
        ("PRICE_FILTER", {"tickSize": "0.01"}, "tick = '0.1' is not allowed: 0.01, as listed"),
        ("LOT_SIZE", {"stepSize": "0.01"}, "lot = '0.001' is not allowed: 0.01, as listed"),
        ("LOT_SIZE", {"minQty": "0.005"}, "min_quantity = '0.001' is not allowed: 0.005 or more, as listed"),
        ("value", {"minNotional": "10", "notional": "10"}, "min_notional = '5' is not allowed: 10, as listed"),
    ],
)
def test_what_differs_is_named(name: str, kind: str, figures: dict[str, str], said: str) -> None:
    market = MARKETS[name]
    value = "NOTIONAL" if market.spot else "MIN_NOTIONAL"
    row = filters(market, value if kind == "value" else kind, **figures)
    with pytest.raises(ConfigError) as caught:
        bind(market, row)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("market", "changes", "said"),
    [
        (SPOT, {"symbol": "ETHUSDT"}, "a pair that binance lists"),
        (USDM, {"contractType": "CURRENT_QUARTER"}, "a perpetual that binance-usdm lists"),
        (SPOT, {"baseAsset": "WBTC"}, "base = 'BTC' is not allowed: WBTC, as listed"),
        (SPOT, {"quoteAsset": "USDC"}, "quote = 'USDT' is not allowed: USDC, as listed"),
        (USDM, {"marginAsset": "USDC"}, "quote = 'USDT' is not allowed: USDC, as listed"),
    ],
)
def test_what_is_not_listed_is_named(market: Market, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(market, listed("BTCUSDT", "BTC", "0.1", "0.001", market) | changes)
    assert said in str(caught.value)


def test_spot_may_have_the_older_filter_or_none() -> None:
    row = listed("BTCUSDT", "BTC", "0.1", "0.001", SPOT)
    row["filters"][-1] = {"filterType": "MIN_NOTIONAL", "minNotional": "5.0"}
    assert bind(SPOT, row).listed
    del row["filters"][-1]
    assert bind(SPOT, row, min_notional=Decimal(0)).listed


@pytest.mark.parametrize("figure", ["", "x", "-1", "NaN", "Infinity"])
def test_a_list_that_cannot_be_is_a_bad_message(figure: str) -> None:
    with pytest.raises(BadMessage):
        bind(USDM, filters(USDM, "PRICE_FILTER", tickSize=figure))


def test_limits_are_read_from_the_list() -> None:
    assert limits_of(info(SPOT).rate_limits) == (3_000, ((10, 50),))
    assert limits_of([]) == (0, ())


@pytest.mark.parametrize("text", ["0", "-1", "30000.05", "1e5", "9" * 30])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match=r"price|decimal|whole|large"):
        universe(SPOT).by_index[2].ticks(text)


def test_texts_are_remembered_and_refused_each_time() -> None:
    one = universe(SPOT).by_index[2]
    assert one.tick_texts["30000.10"] == one.tick_texts["30000.10"] == 300_001
    for _ in range(2):
        with pytest.raises(ValueError, match=r"whole|decimals"):
            _ = one.tick_texts["30000.15"]
    for place in range(20_000):
        assert one.lot_texts[f"{place}"] == place * 1_000
    assert len(one.lot_texts) <= 8_192


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.booleans())
def test_an_average_price_is_its_cost_over_its_lots(ticks: int, lots: int, sells: bool) -> None:
    for one in universe(USDM).listed:
        sign = -1 if sells else 1
        value = round(
            Decimal(10) ** 8 * (one.tick.mantissa * one.lot.mantissa) / 10 ** (one.tick.decimals + one.lot.decimals)
        )
        assert one.average(sign * ticks * lots * value, sign * lots) == ticks


def test_a_fee_in_the_base_asset_is_valued() -> None:
    one = universe(SPOT).by_index[2]
    assert one.worth("0.00004000", "30000.50") == 120_002_000  # 1.20002 USDT in 1e-8
    assert one.money("0.123456789") == 12_345_679
