"""A figure is read exactly as written, or refused."""

from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quarterdeck.config.figures import (
    UNLIMITED,
    Limit,
    Settings,
    Share,
    Within,
    exact_power_of_ten,
    exact_units,
    is_unlimited,
)

DIGITS = st.decimals(min_value=0, max_value=10**10, allow_nan=False, allow_infinity=False, places=8)


class Table(Settings):
    limit: Limit = Decimal(0)
    share: Share = Decimal(0)
    count: Annotated[int, Within("1", "5")] = 1


@given(DIGITS)
def test_a_text_is_read_exactly(figure: Decimal) -> None:
    assert Table(limit=str(figure)).limit == figure  # pyright: ignore[reportArgumentType] as a file gives it


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_float_is_read_as_its_shortest_decimal(figure: float) -> None:
    try:
        read = Table(limit=figure).limit  # pyright: ignore[reportArgumentType] as a file gives it
    except ValidationError:
        assert abs(int(Decimal(repr(figure)).as_tuple().exponent)) > 18
        return
    assert repr(float(read)) == repr(figure)
    assert read == Decimal(repr(figure))


@given(st.one_of(st.none(), st.booleans(), st.text(), st.binary(), st.lists(st.integers()), st.floats(), st.integers()))
def test_anything_else_is_a_validation_error_and_nothing_worse(value: object) -> None:
    for key in ("limit", "share", "count"):
        try:
            read = getattr(Table.model_validate({key: value}), key)
        except ValidationError:
            continue
        assert read == UNLIMITED or 0 <= read <= 10**10


@given(st.integers(min_value=0, max_value=10**6))
def test_a_share_is_whole_parts_per_million(ppm: int) -> None:
    share = Table.model_validate({"share": ppm / 1_000_000}).share
    assert exact_units(share, Decimal("0.000001")) == ppm


@pytest.mark.parametrize("share", ["0.0000001", "0.3333333", "1.000001", "-0.000001"])
def test_a_share_between_or_outside_is_refused(share: str) -> None:
    with pytest.raises(ValidationError):
        Table.model_validate({"share": share})


def test_unlimited_is_above_every_limit() -> None:
    limit = Table.model_validate({"limit": "unlimited"}).limit
    assert is_unlimited(limit)
    assert limit > Decimal(10**10)
    with pytest.raises(ValidationError):
        Table.model_validate({"share": "unlimited"})


@given(st.integers(min_value=-(10**18), max_value=10**18), st.integers(min_value=0, max_value=12))
def test_units_are_exact_both_ways(units: int, places: int) -> None:
    unit = Decimal(1).scaleb(-places)
    figure = Decimal(units).scaleb(-places)
    assert exact_units(figure, unit) == units
    assert exact_units(Decimal(10 * units + 1).scaleb(-places - 1), unit) is None


def test_a_figure_longer_than_any_context_is_not_rounded() -> None:
    assert exact_units(Decimal("1.00000000000000000000000000000000000001"), Decimal("0.01")) is None


@pytest.mark.parametrize(("figure", "is_one"), [("1", True), ("0.0100", True), ("1000", True), ("0.05", False)])
def test_powers_of_ten_are_known(figure: str, is_one: bool) -> None:
    assert exact_power_of_ten(Decimal(figure)) is is_one
