from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import MONEY_MAX, PRICE_MAX
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentTerm
from quarterdeck.market import Instrument, share_exponents, xrp_perpetual

SHARE = Instrument(
    symbol="AAPL",
    venue="simulated",
    kind=InstrumentKind.EQUITY,
    base="AAPL",
    quote="USD",
    tick=Decimal("0.01"),
    lot=Decimal(1),
)


def test_terms_stand_in_the_order_of_the_vocabulary() -> None:
    terms = replace(xrp_perpetual(), maker_fee_bps=Decimal("-0.3")).terms(venue=2, account=5)
    assert len(terms) == len(InstrumentTerm)
    assert {term.name: terms[term] for term in InstrumentTerm} == {
        "KIND": InstrumentKind.PERPETUAL,
        "VENUE": 2,
        "ACCOUNT": 5,
        "VALUE": 10_000,
        "MAKER_FEE_PPB": -30_000,
        "TAKER_FEE_PPB": 450_000,
        "MIN_NOTIONAL": 1_000_000_000,
        "MIN_LOTS": 1,
        "SIGNIFICANT_FIGURES": 5,
        "INITIAL_MARGIN_PPM": 50_000,
        "MAINTENANCE_MARGIN_PPM": 25_000,
        "SHORT_ALLOWED": 1,
        "LISTED": 1,
        "PRICE_EXPONENT": -4,
        "QUANTITY_EXPONENT": 0,
        "TICK_MANTISSA": 1,
        "LOT_MANTISSA": 1,
    }


@pytest.mark.parametrize(
    ("tick", "lot", "multiplier", "exponent", "value"),
    [
        ("0.01", "1", "1", 8, 1_000_000),
        ("0.25", "1", "50", 8, 1_250_000_000),
        ("0.01", "0.000001", "1", 8, 1),
        ("0.01", "0.0000001", "1", 9, 1),
        ("0.00000001", "0.0001", "1", 12, 1),
        ("0.5", "0.00000003", "1", 9, 15),
    ],
)
def test_the_currency_exponent_rises_until_a_tick_of_a_lot_is_whole(
    tick: str, lot: str, multiplier: str, exponent: int, value: int
) -> None:
    made = replace(SHARE, tick=Decimal(tick), lot=Decimal(lot), multiplier=Decimal(multiplier))
    assert (made.currency_exponent, made.value) == (exponent, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", ""),
        ("tick", Decimal(0)),
        ("tick", Decimal("-0.01")),
        ("tick", Decimal("NaN")),
        ("tick", Decimal("1e-13")),
        ("lot", Decimal("Infinity")),
        ("lot", 0.5),
        ("multiplier", Decimal("1e20")),
        ("maker_fee_bps", Decimal("0.000001")),
        ("taker_fee_bps", Decimal(10_001)),
        ("initial_margin", Decimal("1.5")),
        ("maintenance_margin", Decimal("0.0000001")),
        ("min_lots", -1),
        ("min_notional", Decimal(-1)),
        ("min_notional", Decimal("1e12")),
        ("significant_figures", 13),
        ("currency_exponent", 13),
    ],
)
def test_an_impossible_field_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"instrument \w*: ") as caught:
        replace(SHARE, **{field: value})
    assert caught.value.exit_code == 2


def test_a_maintenance_margin_above_the_initial_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="maintenance_margin"):
        replace(SHARE, initial_margin=Decimal("0.1"), maintenance_margin=Decimal("0.2"))


def test_significant_figures_ask_for_a_tick_that_is_a_power_of_ten() -> None:
    with pytest.raises(ConfigError, match="power of ten"):
        replace(SHARE, tick=Decimal("0.05"), significant_figures=5)


@given(st.integers(1, PRICE_MAX - 1))
def test_ticks_go_to_a_price_and_back(ticks: int) -> None:
    assert SHARE.price_to_ticks(SHARE.ticks_to_price(ticks)) == ticks
    assert SHARE.price_to_ticks(str(SHARE.ticks_to_price(ticks))) == ticks


@given(st.integers(1 - 2**42, 2**42 - 1))
def test_lots_go_to_a_quantity_and_back(lots: int) -> None:
    coin = replace(SHARE, lot=Decimal("0.00025"))
    assert coin.quantity_to_lots(coin.lots_to_quantity(lots)) == lots
    assert coin.round_quantity_to_lots(coin.lots_to_quantity(lots)) == lots


@given(st.integers(-MONEY_MAX, MONEY_MAX))
def test_money_units_go_to_money_and_back(units: int) -> None:
    assert SHARE.money_to_units(SHARE.units_to_money(units)) == units


@given(st.decimals(min_value="0.02", max_value=10**9, places=6))
def test_rounded_prices_surround_the_price(price: Decimal) -> None:
    down, up = SHARE.round_price_to_ticks(price, "down"), SHARE.round_price_to_ticks(price, "up")
    nearest = SHARE.round_price_to_ticks(price, "nearest")
    assert SHARE.ticks_to_price(down) <= price <= SHARE.ticks_to_price(up)
    assert up - down == (0 if price % SHARE.tick == 0 else 1)
    assert nearest in (down, up)
    assert abs(SHARE.ticks_to_price(nearest) - price) <= SHARE.tick / 2


@given(st.decimals(min_value=-1000, max_value=1000, places=5))
def test_a_rounded_quantity_is_never_more_than_asked(quantity: Decimal) -> None:
    lots = replace(SHARE, lot=Decimal("0.01")).round_quantity_to_lots(quantity)
    assert abs(lots * Decimal("0.01")) <= abs(quantity)
    assert lots * quantity >= 0


@pytest.mark.parametrize("price", ["1.005", "0", "-1", "nan", "inf", "ten", "1e40"])
def test_a_price_off_the_grid_is_refused(price: str) -> None:
    with pytest.raises(ConfigError, match="instrument AAPL: price"):
        SHARE.price_to_ticks(price)


def test_a_float_is_no_price() -> None:
    with pytest.raises(ConfigError):
        SHARE.price_to_ticks(1.01)  # type: ignore[arg-type]


def test_a_quantity_between_lots_is_refused() -> None:
    with pytest.raises(ConfigError, match="quantity"):
        SHARE.quantity_to_lots("1.5")


@pytest.mark.parametrize(
    ("price", "allowed"),
    [("1.2345", True), ("12.345", True), ("12.3456", False), ("123456", True), ("1234567", True), ("12345.6", False),
     ("0.0012", True), ("99999", True), ("100000.1", False)],
)  # fmt: skip
def test_five_significant_figures_or_a_whole_number(price: str, allowed: bool) -> None:
    ruled = xrp_perpetual()
    if allowed:
        assert ruled.ticks_to_price(ruled.price_to_ticks(price)) == Decimal(price)
    else:
        with pytest.raises(ConfigError, match="5 significant figures"):
            ruled.price_to_ticks(price)


@given(st.decimals(min_value="0.001", max_value=10**6, places=7), st.sampled_from(["down", "up", "nearest"]))
def test_a_rounded_price_keeps_the_significant_figures(price: Decimal, rounding: str) -> None:
    ruled = xrp_perpetual()
    ticks = ruled.round_price_to_ticks(price, rounding)  # type: ignore[arg-type]
    assert ruled.price_to_ticks(ruled.ticks_to_price(ticks)) == ticks
    digits = str(ruled.ticks_to_price(ticks).normalize().as_tuple().digits)
    whole = ruled.ticks_to_price(ticks) % 1 == 0
    assume(not whole)
    assert len(ruled.ticks_to_price(ticks).normalize().as_tuple().digits) <= 5, digits


def test_instruments_of_one_purse_share_the_finest_exponent() -> None:
    fine = replace(SHARE, symbol="FINE", lot=Decimal("0.00000001"))
    other = replace(SHARE, symbol="OTHER", quote="EUR")
    shared = share_exponents([SHARE, fine, other])
    assert [one.currency_exponent for one in shared] == [10, 10, 8]
    assert shared[0].value == SHARE.value * 100
