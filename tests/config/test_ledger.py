"""What is tested: `quarterdeck.config.ledger`."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from quarterdeck.config.ledger import Ledger


def test_defaults_let_nothing_pass_that_matters() -> None:
    found = Ledger()
    assert found.price_tolerance_bps == 0
    assert found.fee_tolerance_bps == Decimal("0.01")
    assert found.statement_timeout_s == 60


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_tolerance_bps": -1},
        {"fee_tolerance_bps": "0.001"},
        {"statement_timeout_s": 0},
        {"statement_timeout_s": 1.5},
        {"quantity_tolerance_bps": 1},
    ],
)
def test_what_may_not_stand_there(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Ledger.model_validate(wrong)
