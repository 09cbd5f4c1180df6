"""What an instrument is where not all of it is written."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from quarterdeck.config.sections import Instrument, Journal

TERMS: dict[str, Any] = {
    "symbol": "XRP",
    "venue": "venue",
    "base": "XRP",
    "quote": "USD",
    "tick": "0.01",
    "lot": 1,
}


@pytest.mark.parametrize(
    ("kind", "written", "shorts"),
    [
        ("perpetual", None, True),
        ("perpetual", False, False),
        ("spot", None, False),
        ("equity", None, False),
        ("equity", True, True),
        ("token", None, False),
    ],
)
def test_only_a_perpetual_is_sold_short_unless_written(kind: str, written: bool | None, shorts: bool) -> None:
    assert Instrument.model_validate(TERMS | {"kind": kind, "short_allowed": written}).shorts is shorts


@pytest.mark.parametrize(
    ("initial", "written", "maintenance"),
    [
        (1, None, "0.5"),
        (0.05, None, "0.025"),
        (0.000001, None, "0.000001"),
        (0.5, 0.5, "0.5"),
        (0.000003, None, "0.000001"),
    ],
)
def test_maintenance_is_half_the_initial_margin_unless_written(
    initial: float, written: float | None, maintenance: str
) -> None:
    terms = TERMS | {"kind": "spot", "initial_margin": initial, "maintenance_margin": written}
    assert Instrument.model_validate(terms).maintenance == Decimal(maintenance)


def test_a_spool_does_not_go_with_a_sync_before_each_effect() -> None:
    assert Journal.model_validate({"spool": True}).fsync == "group"
    with pytest.raises(ValidationError, match="spool"):
        Journal.model_validate({"spool": True, "fsync": "always"})
