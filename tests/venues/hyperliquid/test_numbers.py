"""What is tested: `quarterdeck.venues.hyperliquid.numbers` and `quarterdeck.venues.hyperliquid.universe`."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.venues.hyperliquid.numbers import decimals_of_price, fixed, plain, rounded
from quarterdeck.venues.hyperliquid.universe import Universe
from tests.venues.hyperliquid.builders import META, SPOT, SPOT_META, XRP, universe


@pytest.mark.parametrize(
    ("text", "decimals", "steps"),
    [("1.5", 6, 1_500_000), ("12", 2, 1200), ("-0.01", 2, -1), ("1.500000000", 1, 15), ("0.0", 4, 0), ("7.", 0, 7)],
)
def test_text_to_steps(text: str, decimals: int, steps: int) -> None:
    assert fixed(text, decimals) == steps


@pytest.mark.parametrize("text", ["", ".", "-", "1.05", "1e5", "nan", "+1", "1,0", "١", "--1", "1" * 41, "9" * 30])
def test_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal|large"):
        fixed(text, 1)


@given(st.integers(-(10**15), 10**15), st.integers(0, 8))
def test_steps_survive_the_wire(steps: int, decimals: int) -> None:
    text = plain(steps, decimals)
    assert fixed(text, decimals) == steps
    assert "." not in text or not text.endswith("0")
    assert Decimal(text) == Decimal(steps).scaleb(-decimals)


@given(st.decimals(-(10**6), 10**6, places=9, allow_nan=False), st.integers(0, 8))
def test_rounded_is_half_up(value: Decimal, decimals: int) -> None:
    expected = value.scaleb(decimals).quantize(Decimal(1), ROUND_HALF_UP)
    assert rounded(f"{value:f}", decimals) == int(expected)


def test_decimals_of_a_price() -> None:
    assert [decimals_of_price(0, spot=False), decimals_of_price(5, spot=False), decimals_of_price(2, spot=True)] == [
        6,
        1,
        6,
    ]


@pytest.mark.parametrize(
    ("ticks", "text"),
    [(1_234_500, "1.2345"), (12_345_000, "12.345"), (123_456_000_000, "123456"), (12_345, "0.012345")],
)
def test_price_of_five_figures_or_whole(ticks: int, text: str) -> None:
    assert universe().of_index(2).price_text(ticks) == text


@pytest.mark.parametrize("ticks", [1_234_560, 12_345_600, 123_456_100_000])
def test_price_of_six_figures_is_refused(ticks: int) -> None:
    with pytest.raises(ValueError, match="significant figures"):
        universe().of_index(2).price_text(ticks)


@given(st.integers(1, 10**11), st.sampled_from([1, -1]))
def test_aggressive_price_is_allowed_and_worse(ticks: int, side: int) -> None:
    listed = universe().of_index(2)
    price = listed.aggressive(ticks, side, 50_000)
    listed.price_text(price)
    assert (price - ticks) * side >= 0 or price <= 10


def test_instruments_are_found_in_the_lists() -> None:
    perpetual, spot = universe().listed
    assert (perpetual.coin, perpetual.asset, perpetual.price_decimals, perpetual.size_decimals) == ("XRP", 1, 6, 0)
    assert (spot.coin, spot.asset, spot.token, spot.price_decimals, spot.size_decimals) == ("@3", 10_003, "XRP", 6, 2)


@pytest.mark.parametrize(
    ("instrument", "key"),
    [
        (replace(XRP, symbol="DOGE"), "symbol"),
        (replace(XRP, tick=Decimal("0.0001")), "tick"),
        (replace(XRP, lot=Decimal("0.1")), "lot"),
        (replace(SPOT, symbol="XRP/EUR"), "symbol"),
    ],
)
def test_another_grid_or_name_is_refused(instrument: object, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Universe.bind([(0, 0, instrument)], META, SPOT_META)  # type: ignore[list-item] # one of ours
    assert caught.value.key == key
