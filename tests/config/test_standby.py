"""What is tested: `quarterdeck.config.standby`: the figures of a lease, and what they may be."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from quarterdeck.config.standby import Standby


def test_by_default_nobody_stands_by_and_a_takeover_is_due_within_five_seconds() -> None:
    settings = Standby()
    assert settings.store == "none"
    looks = Decimal("0.15")  # at the journal, and at the lease
    assert settings.ttl_s + settings.longest_request_s + looks < 3


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ({"margin_s": 2}, r"less than ttl_s \(1.5\)"),
        ({"ttl_s": "0.4"}, r"less than ttl_s \(0.4\)"),
        ({"ttl_s": 0}, "0.05 to 3600"),
        ({"longest_request_s": -1}, "0 to 3600"),
        ({"synchronous": True}, 'false unless store = "postgresql"'),
        ({"store": "file", "synchronous": True}, "one folder needs no second copy"),
        ({"store": "redis"}, "'none', 'file' or 'postgresql'"),
        ({"keep_hours": 0}, "1 to 87600"),
    ],
)
def test_figures_that_make_no_lease_are_refused(written: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        Standby.model_validate(written)


def test_an_order_may_wait_for_the_database() -> None:
    assert Standby.model_validate({"store": "postgresql", "synchronous": True}).synchronous
