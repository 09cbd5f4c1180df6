"""What is tested: `quarterdeck.venues.alpaca.universe` and `quarterdeck.venues.alpaca.registry`."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.venues.alpaca import registry as registry_module
from quarterdeck.venues.alpaca.numbers import identity_number
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.universe import Universe
from quarterdeck.venues.malformed import BadMessage
from tests.venues.alpaca.builders import AAPL, CLIENT_ID, FINE, OURS, TAG, THEIRS, WHOLE, asset, universe


def test_instruments_are_found_by_index_and_by_symbol() -> None:
    known = universe()
    assert known.of_index(WHOLE) is known.of_symbol("AAPL")
    assert known.of_symbol("MSFT") is None
    with pytest.raises(BadMessage, match="instrument 0"):
        known.of_index(0)


@pytest.mark.parametrize(
    ("changes", "terms", "said"),
    [
        (None, {}, "a US equity that the venue lists"),
        ({"asset_class": "crypto"}, {}, "a US equity that the venue lists"),
        ({"tradable": False}, {}, "one that is traded now; the venue says active"),
        ({"status": "inactive"}, {}, "the venue says inactive"),
        ({"shortable": False}, {}, "the venue lends none of it"),
        ({"fractionable": False}, {"lot": Decimal("0.1")}, "the venue trades no fractions of it"),
        ({"min_trade_increment": "0.01"}, {"lot": Decimal("0.001")}, "a multiple of 0.01, as listed"),
        ({"price_increment": "0.05"}, {}, "a multiple of 0.05, as listed"),
    ],
)
def test_what_is_not_traded_so_is_refused_by_name(
    changes: dict[str, Any] | None, terms: dict[str, Any], said: str
) -> None:
    ours = dataclasses.replace(AAPL, **terms)
    listed = None if changes is None else asset(**changes)
    with pytest.raises(ConfigError, match=f"instrument AAPL.*{said}"):
        Universe.bind([(0, 0, ours)], {"AAPL": listed})


def test_prices_keep_to_cents_from_a_dollar_on() -> None:
    whole, fine = universe().listed
    assert whole.price_text(18_025) == "180.25"
    assert whole.price_text(18_000) == "180"
    assert fine.price_text(1_802_500) == "180.25"
    assert fine.price_text(9_999) == "0.9999"
    assert fine.price_text(10_000) == "1"
    with pytest.raises(ValueError, match=r"1\.0001 is finer than a cent"):
        fine.price_text(10_001)
    assert whole.near_ticks("180.2549") == 18_025
    with pytest.raises(ValueError, match="not a multiple"):
        whole.ticks("180.255")
    for value in ("0", "-1", "99999999999999"):
        with pytest.raises(ValueError, match="no price"):
            whole.ticks(value)


@given(st.integers(1, 10**10))
def test_sizes_are_read_as_they_were_written(lots: int) -> None:
    for listed in universe().listed:
        assert listed.lots(listed.size_text(lots)) == lots
        assert listed.near_lots(listed.size_text(-lots)) == -lots


@given(st.integers(1, 10**7), st.integers(1, 10**8))
def test_worth_is_exact_on_the_grid(ticks: int, lots: int) -> None:
    for listed in universe().listed:
        price, size = listed.tick * ticks, listed.lot * lots
        assert listed.worth(f"{price:f}", f"{size:f}") == listed.worth_of(ticks, lots) == int(price * size * 10**8)


def test_whole_shares_and_parts() -> None:
    whole, fine = universe().listed
    assert whole.whole(7)
    assert fine.whole(20_000)
    assert not fine.whole(20_001)
    assert fine.index == FINE
    with pytest.raises(ValueError, match="not a multiple"):
        whole.lots("0.5")
    assert whole.near_lots("1.9") == 1
    assert whole.near_lots("-1.9") == -1
    with pytest.raises(ValueError, match="too large"):
        fine.lots("999999999")


def test_the_registry_knows_whose_an_order_is() -> None:
    registry = Registry(TAG)
    number, order_id, strategy = registry.saw(OURS.upper(), CLIENT_ID)
    assert (number, order_id, strategy) == (identity_number(OURS), 77, 3)
    assert registry.saw(THEIRS, "by hand") == (identity_number(THEIRS), 0, -1)
    assert registry.identity(77, 0) == OURS
    assert registry.identity(0, identity_number(THEIRS)) == THEIRS
    assert registry.identity(78, number) == ""
    assert registry.whose(OURS) == (77, 3)
    assert registry.whose(THEIRS.upper()) == (0, -1)
    assert registry.whose(AAPL.symbol) is None
    assert registry.unknown([OURS, "New", "new", THEIRS]) == ["new"]


def test_the_registry_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_ORDERS_MAX", 2)
    registry = Registry(TAG)
    registry.saw(OURS, CLIENT_ID)
    registry.saw(OURS, CLIENT_ID)
    registry.saw(THEIRS, "")
    assert registry.identity(77, 0) == OURS
    registry.saw("third", "")
    assert registry.identity(77, 0) == ""
    assert registry.whose(OURS) is None
    assert registry.identity(0, identity_number(THEIRS)) == THEIRS
