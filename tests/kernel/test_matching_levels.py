"""How orders meet levels and each other: one hand-computed case a line, steps -> what the venue tells."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

FOK = {"tif": TimeInForce.FOK}
OTHER = {"account": 1}
Case = tuple[str, dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]

LEVELS: list[Case] = [
    (
        "the touch is told when a batch changed it",
        {},
        [("levels", {99: 5, 98: 7}, {101: 6, 103: 9}), ("levels", {97: 5}, {}), ("levels", {99: 0}, {})],
        [("QUOTE", 99, 101, 5, 6), ("QUOTE", 98, 101, 7, 6)],
    ),
    (
        "a taker walks the levels",
        {},
        [("levels", {99: 5, 98: 7}, {101: 6, 103: 9}), ("buy", 1, 10), ("sell", 2, 6, 98), ("tick",)],
        [
            ("QUOTE", 99, 101, 5, 6),
            ("ACCEPTED", 1),
            ("FILL", 1, 101, 6, "taker"),
            ("FILL", 1, 103, 4, "taker"),
            ("ACCEPTED", 2),
            ("FILL", 2, 99, 5, "taker"),
            ("FILL", 2, 98, 1, "taker"),
        ],
    ),
    (
        "what was taken is gone until the book changes",
        {},
        [("levels", {99: 5}, {101: 6, 103: 9}), ("buy", 1, 4), ("buy", 2, 4), ("tick",)],
        [
            ("QUOTE", 99, 101, 5, 6),
            ("ACCEPTED", 1),
            ("FILL", 1, 101, 4, "taker"),
            ("ACCEPTED", 2),
            ("FILL", 2, 101, 2, "taker"),
            ("FILL", 2, 103, 2, "taker"),
        ],
    ),
    (
        "a FOK counts the levels that it may reach",
        {},
        [("levels", {99: 5}, {101: 6, 103: 9}), ("buy", 1, 7, 102, FOK), ("buy", 2, 7, 103, FOK), ("tick",)],
        [
            ("QUOTE", 99, 101, 5, 6),
            ("ACCEPTED", 1),
            ("CANCELED", 1, "NO_LIQUIDITY"),
            ("ACCEPTED", 2),
            ("FILL", 2, 101, 6, "taker"),
            ("FILL", 2, 103, 1, "taker"),
        ],
    ),
    (
        "a resting buy fills at most the asks at its price or better, once the batch is whole",
        {},
        [
            ("levels", {99: 5}, {101: 6}),
            ("buy", 1, 9, 100),
            ("tick",),
            ("levels", {}, {100: 2, 99: 1, 101: 0}, False),
            ("levels", {99: 0}, {}),
        ],
        [("QUOTE", 99, 101, 5, 6), ("ACCEPTED", 1), ("FILL", 1, 100, 3, "maker"), ("QUOTE", 0, 99, 0, 1)],
    ),
    (
        "the queue is the level's quantity, behind the touch too",
        {},
        [
            ("levels", {99: 5, 98: 7}, {101: 6}),
            ("buy", 1, 9, 98),
            ("tick",),
            ("trade", 98, 9),
            ("trade", 97, 3),
        ],
        [("QUOTE", 99, 101, 5, 6), ("ACCEPTED", 1), ("FILL", 1, 98, 2, "maker"), ("FILL", 1, 98, 3, "maker")],
    ),
    (
        "a level that is gone has nobody ahead",
        {},
        [("levels", {99: 5, 98: 7}, {101: 6}), ("buy", 1, 9, 99), ("tick",), ("levels", {99: 0}, {}), ("trade", 99, 2)],
        [("QUOTE", 99, 101, 5, 6), ("ACCEPTED", 1), ("QUOTE", 98, 101, 7, 6), ("FILL", 1, 99, 2, "maker")],
    ),
    (
        "requests wait while a batch is not whole",
        {},
        [
            ("levels", {99: 5}, {101: 6}),
            ("levels", {}, {101: 0}, False),
            ("buy", 1, 2),
            ("levels", {}, {104: 3}),
            ("tick",),
        ],
        [("QUOTE", 99, 101, 5, 6), ("QUOTE", 99, 104, 5, 3), ("ACCEPTED", 1), ("FILL", 1, 104, 2, "taker")],
    ),
]

ACCOUNTS: list[Case] = [
    (
        "two accounts trade with each other first, at the resting price",
        {},
        [("quote", 99, 103), ("sell", 1, 5, 101), ("buy", 2, 7, 103, OTHER), ("tick",)],
        [
            ("ACCEPTED", 1),
            ("ACCEPTED", 2),
            ("FILL", 1, 101, 5, "maker"),
            ("FILL", 2, 101, 5, "taker"),
            ("FILL", 2, 103, 2, "taker"),
        ],
    ),
    (
        "by price, then by arrival; at the external price they come first",
        {},
        [
            ("quote", 99, 103),
            ("sell", 1, 2, 103),
            ("sell", 2, 2, 102),
            ("sell", 3, 2, 102),
            ("buy", 4, 7, OTHER),
            ("tick",),
        ],
        [
            ("ACCEPTED", 1),
            ("ACCEPTED", 2),
            ("ACCEPTED", 3),
            ("ACCEPTED", 4),
            ("FILL", 2, 102, 2, "maker"),
            ("FILL", 4, 102, 2, "taker"),
            ("FILL", 3, 102, 2, "maker"),
            ("FILL", 4, 102, 2, "taker"),
            ("FILL", 1, 103, 2, "maker"),
            ("FILL", 4, 103, 2, "taker"),
            ("FILL", 4, 103, 1, "taker"),
        ],
    ),
    (
        "nobody trades with himself",
        {},
        [("quote", 99, 103), ("sell", 1, 5, 101), ("buy", 2, 7, 101), ("tick",)],
        [("ACCEPTED", 1), ("ACCEPTED", 2)],
    ),
    (
        "without any external book accounts trade with each other",
        {},
        [("quote", 0, 0, 0, 0), ("sell", 1, 5, 101), ("buy", 2, 7, OTHER), ("tick",)],
        [
            ("ACCEPTED", 1),
            ("ACCEPTED", 2),
            ("FILL", 1, 101, 5, "maker"),
            ("FILL", 2, 101, 5, "taker"),
            ("CANCELED", 2, "NO_LIQUIDITY"),
        ],
    ),
    (
        "two accounts may use the same order id",
        {},
        [
            ("quote", 99, 103),
            ("buy", 1, 5, 98),
            ("buy", 1, 5, 97, OTHER),
            ("cancel", 1, OTHER),
            ("tick",),
            ("quote", 90, 96),
        ],
        [("ACCEPTED", 1), ("ACCEPTED", 1), ("CANCELED", 1, "NONE"), ("FILL", 1, 98, 5, "maker")],
    ),
]

CASES = LEVELS + ACCOUNTS


@pytest.mark.parametrize(
    ("settings", "steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(settings: dict[str, Any], steps: list[Any], expected: list[Any]) -> None:
    assert SimulatedVenue(**settings).run(steps) == expected
