"""How orders meet bars, or trades without a book: one hand-computed case a line, steps -> what the venue tells."""

from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import Flag, TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

IOC = {"tif": TimeInForce.IOC}
FOK = {"tif": TimeInForce.FOK}
POST = {"flags": int(Flag.POST_ONLY)}
REDUCE = {"flags": int(Flag.REDUCE_ONLY)}
Case = tuple[str, dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]

PRINTS: list[Case] = [
    (
        "trades alone: a market order waits for the next trade",
        {},
        [("trade", 100, 5), ("buy", 1, 9), ("tick",), ("trade", 103, 5)],
        [("ACCEPTED", 1), ("FILL", 1, 103, 9, "taker")],
    ),
    (
        "trades alone: a limit is traded through before it fills",
        {},
        [("trade", 100, 5), ("buy", 1, 9, 99), ("trade", 101, 5), ("trade", 99, 5), ("trade", 98, 5)],
        [("ACCEPTED", 1), ("FILL", 1, 99, 9, "maker")],
    ),
    (
        "trades alone, touch: a trade at the limit fills it",
        {"bar_touch": True},
        [("trade", 100, 5), ("buy", 1, 9, 99), ("trade", 101, 5), ("trade", 99, 5)],
        [("ACCEPTED", 1), ("FILL", 1, 99, 9, "maker")],
    ),
    (
        "trades alone: a stop is triggered by one trade and filled at the next",
        {},
        [("trade", 100, 5), ("sell", 1, 9, {"trigger": 98}), ("tick",), ("trade", 97, 5), ("trade", 96, 5)],
        [("ACCEPTED", 1), ("FILL", 1, 96, 9, "taker")],
    ),
    (
        "trades alone, participation: half of each trade's lots",
        {"participation_ppm": 500_000},
        [("trade", 100, 5), ("buy", 1, 9), ("trade", 103, 5), ("trade", 104, 20)],
        [("ACCEPTED", 1), ("FILL", 1, 103, 2, "taker"), ("FILL", 1, 104, 7, "taker")],
    ),
]

BARS: list[Case] = [
    (
        "a market order fills at the next bar's open",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9), ("bar", 106, 120, 100, 110)],
        [("ACCEPTED", 1), ("FILL", 1, 106, 9, "taker")],
    ),
    (
        "a limit fills at the open when the bar opens at or below it",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9, 107), ("bar", 106, 120, 100, 110)],
        [("ACCEPTED", 1), ("FILL", 1, 106, 9, "taker")],
    ),
    (
        "a limit fills at its price when the low passes it, not when it touches it",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9, 100), ("bar", 106, 120, 100, 110), ("bar", 106, 120, 99, 110)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 9, "maker")],
    ),
    (
        "touch: a low at the limit fills it",
        {"bar_touch": True},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9, 100), ("bar", 106, 120, 100, 110)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 9, "maker")],
    ),
    (
        "a resting limit that the bar gaps through fills at the open",
        {},
        [("bar", 100, 110, 90, 105), ("sell", 1, 9, 130), ("bar", 106, 120, 100, 110), ("bar", 140, 150, 139, 145)],
        [("ACCEPTED", 1), ("FILL", 1, 140, 9, "maker")],
    ),
    (
        "a stop fills at its trigger, or at the open that gaps through it",
        {},
        [
            ("bar", 100, 110, 90, 105),
            ("buy", 1, 9, {"trigger": 115}),
            ("sell", 2, 9, {"trigger": 95}),
            ("bar", 106, 120, 100, 110),
            ("bar", 90, 94, 85, 90),
        ],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("FILL", 1, 115, 9, "taker"), ("FILL", 2, 90, 9, "taker")],
    ),
    (
        "a stop-limit whose limit the trigger satisfies fills at the trigger",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9, 116, {"trigger": 115}), ("bar", 106, 120, 100, 110)],
        [("ACCEPTED", 1), ("FILL", 1, 115, 9, "taker")],
    ),
    (
        "a stop-limit that the open has gone past rests from the next bar on",
        {},
        [
            ("bar", 100, 110, 90, 105),
            ("buy", 1, 9, 116, {"trigger": 115}),
            ("bar", 118, 120, 100, 110),
            ("bar", 119, 120, 115, 118),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 116, 9, "maker")],
    ),
    (
        "where a bar reaches stop and target, the stop was first and the target has nothing left to reduce",
        {},
        [
            ("bar", 100, 110, 90, 105),
            ("buy", 1, 9),
            ("bar", 105, 106, 104, 105),
            ("sell", 2, 9, {"trigger": 95, **REDUCE}),
            ("sell", 3, 9, 115, REDUCE),
            ("bar", 105, 120, 90, 110),
        ],
        [
            ("ACCEPTED", 1),
            ("FILL", 1, 105, 9, "taker"),
            ("ACCEPTED", 2),
            ("ACCEPTED", 3),
            ("FILL", 2, 95, 9, "taker"),
            ("CANCELED", 3, "REDUCE_ONLY_WOULD_INCREASE"),
        ],
    ),
    (
        "participation: a tenth of each bar's volume, the rest goes on at the next open",
        {"participation_ppm": 100_000},
        [
            ("bar", 100, 110, 90, 105),
            ("buy", 1, 25),
            ("bar", 106, 120, 100, 110, 100),
            ("bar", 111, 120, 100, 110, 500),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 106, 10, "taker"), ("FILL", 1, 111, 15, "taker")],
    ),
    (
        "participation: IOC cancels what is left, FOK does nothing",
        {"participation_ppm": 100_000},
        [
            ("bar", 100, 110, 90, 105),
            ("buy", 1, 25, 120, FOK),
            ("buy", 2, 25, 120, IOC),
            ("bar", 106, 120, 100, 110, 100),
        ],
        [
            ("ACCEPTED", 1),
            ("ACCEPTED", 2),
            ("CANCELED", 1, "NO_LIQUIDITY"),
            ("FILL", 2, 106, 10, "taker"),
            ("CANCELED", 2, "NO_LIQUIDITY"),
        ],
    ),
    (
        "a post-only limit that the open would fill is cancelled",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9, 107, POST), ("bar", 106, 120, 100, 110)],
        [("ACCEPTED", 1), ("CANCELED", 1, "POST_ONLY_WOULD_CROSS")],
    ),
    (
        "a bar that cannot be is refused",
        {},
        [("bar", 100, 110, 90, 105), ("buy", 1, 9), ("tick",), ("bar", 106, 105, 100, 103)],
        [("ACCEPTED", 1)],
    ),
]

CASES = PRINTS + BARS


@pytest.mark.parametrize(
    ("settings", "steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(settings: dict[str, Any], steps: list[Any], expected: list[Any]) -> None:
    assert SimulatedVenue(**settings).run(steps) == expected
