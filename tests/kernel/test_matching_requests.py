"""Replaced, refused, expired: one hand-computed case a line, steps -> what the venue tells.

Modules: quarterdeck.kernel.venue_requests, quarterdeck.kernel.resting, quarterdeck.kernel.market_reports.
"""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import Flag, TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

DAY = {"tif": TimeInForce.DAY}
POST = {"flags": int(Flag.POST_ONLY)}
REDUCE = {"flags": int(Flag.REDUCE_ONLY)}
SHOWN = {"displayed": True}
Case = tuple[str, dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]

REPLACING: list[Case] = [
    (
        "a smaller quantity at the same price keeps its place in the queue",
        {},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("trade", 99, 8),
            ("replace", 1, 99, 5),
            ("tick",),
            ("trade", 99, 4),
        ],
        [("ACCEPTED", 1), ("REPLACED", 1, 99, 5), ("FILL", 1, 99, 2, "maker")],
    ),
    (
        "a larger quantity goes to the end of the queue",
        {},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("trade", 99, 8),
            ("replace", 1, 99, 8),
            ("tick",),
            ("trade", 99, 11),
        ],
        [("ACCEPTED", 1), ("REPLACED", 1, 99, 8), ("FILL", 1, 99, 1, "maker")],
    ),
    (
        "a new price that crosses trades at once",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 99), ("tick",), ("replace", 1, 102, 7), ("tick",)],
        [("ACCEPTED", 1), ("REPLACED", 1, 102, 7), ("FILL", 1, 101, 7, "taker")],
    ),
    (
        "a total that is filled already is refused and the order stands",
        SHOWN,
        [
            ("quote", 99, 101),
            ("buy", 1, 7, 100),
            ("tick",),
            ("quote", 98, 100, 5, 4),
            ("replace", 1, 100, 4),
            ("tick",),
            ("quote", 98, 100, 5, 4),
        ],
        [
            ("ACCEPTED", 1),
            ("FILL", 1, 100, 4, "maker"),
            ("REPLACE_REJECTED", 1, "ORDER_SHAPE_INVALID"),
            ("FILL", 1, 100, 3, "maker"),
        ],
    ),
    (
        "a post-only order is not moved across the touch",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 99, POST), ("tick",), ("replace", 1, 101, 7), ("tick",), ("quote", 98, 99)],
        [("ACCEPTED", 1), ("REPLACE_REJECTED", 1, "POST_ONLY_WOULD_CROSS"), ("FILL", 1, 99, 7, "maker")],
    ),
    (
        "an unknown order is not replaced",
        {},
        [("replace", 9, 99, 5), ("tick",)],
        [("REPLACE_REJECTED", 9, "UNKNOWN_ORDER")],
    ),
]

LIMITS: list[Case] = [
    (
        "a reduce-only order trades what closes the position and no more",
        {},
        [("quote", 99, 101), ("buy", 1, 5), ("sell", 2, 8, REDUCE), ("sell", 3, 8, REDUCE), ("tick",)],
        [
            ("ACCEPTED", 1),
            ("FILL", 1, 101, 5, "taker"),
            ("ACCEPTED", 2),
            ("FILL", 2, 99, 5, "taker"),
            ("CANCELED", 2, "REDUCE_ONLY_WOULD_INCREASE"),
            ("ACCEPTED", 3),
            ("CANCELED", 3, "REDUCE_ONLY_WOULD_INCREASE"),
        ],
    ),
    (
        "an order id that works already is a duplicate",
        {},
        [("quote", 99, 101), ("buy", 1, 5, 98), ("buy", 1, 5, 97), ("tick",)],
        [("ACCEPTED", 1), ("REJECTED", 1, "DUPLICATE_ORDER")],
    ),
    (
        "impossible terms are rejected",
        {},
        [
            ("quote", 99, 101),
            ("buy", 1, 0, 98),
            ("buy", 2, 5, -1),
            ("buy", 3, 2**50, 98),
            ("buy", 4, 5, 2**43),
            ("buy", 5, 2**40, 2**40),
            ("tick",),
        ],
        [
            ("REJECTED", 1, "ORDER_SHAPE_INVALID"),
            ("REJECTED", 2, "ORDER_SHAPE_INVALID"),
            ("REJECTED", 3, "ORDER_SHAPE_INVALID"),
            ("REJECTED", 4, "ORDER_SHAPE_INVALID"),
            ("REJECTED", 5, "OVERFLOW"),
        ],
    ),
    (
        "day orders expire at the session's end, others stay",
        {},
        [("quote", 99, 101), ("buy", 1, 5, 98, DAY), ("buy", 2, 5, 98), ("tick",), ("end",), ("quote", 90, 92)],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("EXPIRED", 1), ("FILL", 2, 98, 5, "maker")],
    ),
    (
        "a split cancels the orders and scales the position",
        {},
        [
            ("quote", 99, 101),
            ("buy", 1, 5),
            ("buy", 2, 5, 98),
            ("tick",),
            ("split", 7, 1),
            ("quote", 14, 15),
            ("sell", 3, 40, REDUCE),
            ("tick",),
        ],
        [
            ("ACCEPTED", 1),
            ("FILL", 1, 101, 5, "taker"),
            ("ACCEPTED", 2),
            ("CANCELED", 2, "NONE"),
            ("ACCEPTED", 3),
            ("FILL", 3, 14, 35, "taker"),
            ("CANCELED", 3, "REDUCE_ONLY_WOULD_INCREASE"),
        ],
    ),
    (
        "a delisted instrument cancels its orders and takes no more",
        {},
        [("quote", 99, 101), ("buy", 1, 5, 98), ("tick",), ("delist",), ("buy", 2, 5, 98), ("tick",)],
        [("ACCEPTED", 1), ("CANCELED", 1, "NONE"), ("REJECTED", 2, "SYMBOL_NOT_ALLOWED")],
    ),
    (
        "a liquidation trades at the market and tells fills only",
        {},
        [("quote", 99, 101), ("liquidate", 5, int(Flag.SELL)), ("tick",)],
        [("FILL", 0, 99, 5, "taker")],
    ),
    (
        "a liquidation on bars fills at the open",
        {},
        [("bar", 100, 110, 90, 105), ("liquidate", 5, int(Flag.SELL)), ("bar", 95, 96, 90, 92)],
        [("FILL", 0, 95, 5, "taker")],
    ),
]

CASES = REPLACING + LIMITS


@pytest.mark.parametrize(
    ("settings", "steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(settings: dict[str, Any], steps: list[Any], expected: list[Any]) -> None:
    assert SimulatedVenue(**settings).run(steps) == expected
