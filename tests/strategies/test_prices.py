"""Prices and sizes that the venue's rules allow."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.rails import significant_price_ok
from quarterdeck.kernel.records import INSTRUMENTS, STATE
from quarterdeck.kernel.vocabulary import EventKind, InstrumentTerm
from quarterdeck.market import round_figures, significant_step
from quarterdeck.strategies.prices import entries_open, least_lots, price_above, price_below, price_step
from tests.strategies.desks import Trial, write_desk


def instrument(exponent: int, figures: int) -> Any:
    one = allocate(STATE)[0]["instruments"][0]
    one["terms"][InstrumentTerm.PRICE_EXPONENT] = exponent
    one["terms"][InstrumentTerm.TICK_MANTISSA] = 1
    one["terms"][InstrumentTerm.SIGNIFICANT_FIGURES] = figures
    return one


@given(st.integers(1, 10**12), st.integers(-9, 3), st.integers(0, 9))
def test_prices_are_those_that_the_grid_and_the_rails_allow(ticks: int, exponent: int, figures: int) -> None:
    one = instrument(exponent, figures)
    below, above = int(price_below(one, ticks)), int(price_above(one, ticks))
    assert price_step(one, ticks) == significant_step(ticks, exponent, figures)
    assert below == round_figures(ticks, exponent, figures, "down")
    assert above == round_figures(ticks, exponent, figures, "up")
    assert below <= ticks <= above
    for price in (below, above):
        assert significant_price_ok(price, exponent, 1, figures)


@pytest.mark.parametrize(
    ("ticks", "below", "above"),
    [
        (99_999, 99_999, 99_999),
        (100_001, 100_000, 100_010),
        (601_234, 601_230, 601_240),
        (1_234_567, 1_234_500, 1_234_600),
    ],
)
def test_xrp_prices_have_five_figures(ticks: int, below: int, above: int) -> None:
    one = instrument(-6, 5)
    assert (price_below(one, ticks), price_above(one, ticks)) == (below, above)


def test_whole_numbers_are_always_allowed() -> None:
    assert price_below(instrument(0, 5), 1_234_567) == 1_234_567


def test_least_lots_are_worth_the_smallest_order(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {}}))
    one = trial.state["instruments"][0]
    lots = int(least_lots(trial.state, one, 2 * 12_000))
    assert (lots - 1) * 1.2 <= 10 < lots * 1.2


@pytest.mark.parametrize(
    "close", ["session", "paused", "throttled", "locked", "killed", "strategy paused", "instrument paused", "position"]
)
def test_entries_are_not_asked_for_where_none_would_pass(tmp_path: Path, close: str) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {}}))
    state = trial.state
    assert entries_open(state, 0, 0)
    places: dict[str, tuple[Any, str, int]] = {
        "session": (state, "session", 0),
        "paused": (state, "paused", 1),
        "throttled": (state["strategies"][0], "throttled", 1),
        "locked": (state["breaker"], "locked", 1),
        "killed": (state["breaker"], "multiplier_ppm", 0),
        "strategy paused": (state["strategies"][0], "paused", 1),
        "instrument paused": (state["instruments"][0], "paused", 1),
        "position": (state["positions"][0 * INSTRUMENTS], "paused", 1),
    }
    record, field, value = places[close]
    record[field] = value
    assert not entries_open(state, 0, 0)
    assert not len(trial.said(EventKind.ORDER_REQUEST))
