"""How orders meet quotes and trades: one hand-computed case a line, steps -> what the venue tells.

Modules: quarterdeck.kernel.matching, quarterdeck.kernel.execution, quarterdeck.kernel.queues.
"""

from typing import Any

import pytest

from quarterdeck.kernel.market_records import QueueModel
from quarterdeck.kernel.vocabulary import Flag, TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

IOC = {"tif": TimeInForce.IOC}
FOK = {"tif": TimeInForce.FOK}
POST = {"flags": int(Flag.POST_ONLY)}
SHOWN = {"displayed": True}
Case = tuple[str, dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]

QUOTES: list[Case] = [
    (
        "a resting buy fills whole at its price when the ask reaches it",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 100), ("quote", 99, 101, 5, 5), ("quote", 98, 100, 5, 2)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 7, "maker")],
    ),
    (
        "a resting sell fills whole at its price when the bid passes it",
        {},
        [("quote", 99, 101), ("sell", 1, 7, 100), ("tick",), ("quote", 103, 104, 1, 1)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 7, "maker")],
    ),
    (
        "an order meets the book as it was before the next event",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 101), ("quote", 110, 112)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 7, "taker")],
    ),
    (
        "displayed: a resting order fills at most what each quote shows",
        SHOWN,
        [("quote", 99, 101), ("buy", 1, 7, 100), ("quote", 98, 100, 5, 4), ("quote", 98, 99, 5, 5)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 4, "maker"), ("FILL", 1, 100, 3, "maker")],
    ),
    (
        "displayed: two resting orders share a quote, the better price first",
        SHOWN,
        [("quote", 95, 105), ("buy", 1, 4, 99), ("buy", 2, 4, 100), ("tick",), ("quote", 95, 98, 5, 6)],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("FILL", 2, 100, 4, "maker"), ("FILL", 1, 99, 2, "maker")],
    ),
    (
        "a market order takes any quantity at the touch",
        {},
        [("quote", 99, 101, 5, 5), ("buy", 1, 70), ("sell", 2, 9), ("tick",)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 70, "taker"), ("ACCEPTED", 2), ("FILL", 2, 99, 9, "taker")],
    ),
    (
        "displayed: a market order takes what is shown, the rest is cancelled",
        SHOWN,
        [("quote", 99, 101, 5, 5), ("buy", 1, 7), ("tick",)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 5, "taker"), ("CANCELED", 1, "NO_LIQUIDITY")],
    ),
    (
        "displayed: what was taken is gone until the next quote",
        SHOWN,
        [
            ("quote", 99, 101, 5, 5),
            ("buy", 1, 3),
            ("buy", 2, 3),
            ("tick",),
            ("quote", 99, 101, 5, 5),
            ("buy", 3, 3),
            ("tick",),
        ],
        [
            ("ACCEPTED", 1),
            ("FILL", 1, 101, 3, "taker"),
            ("ACCEPTED", 2),
            ("FILL", 2, 101, 2, "taker"),
            ("CANCELED", 2, "NO_LIQUIDITY"),
            ("ACCEPTED", 3),
            ("FILL", 3, 101, 3, "taker"),
        ],
    ),
    (
        "displayed with impact: each further displayed quantity costs two ticks",
        {**SHOWN, "impact_ticks": 2},
        [("quote", 99, 101, 5, 5), ("buy", 1, 12), ("tick",)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 5, "taker"), ("FILL", 1, 103, 5, "taker"), ("FILL", 1, 105, 2, "taker")],
    ),
    (
        "displayed with impact: a limit stops the walk and rests",
        {**SHOWN, "impact_ticks": 2},
        [("quote", 99, 101, 5, 5), ("buy", 1, 12, 104), ("tick",), ("quote", 99, 101, 5, 1)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 5, "taker"), ("FILL", 1, 103, 5, "taker"), ("FILL", 1, 104, 1, "maker")],
    ),
    (
        "an IOC away from the touch is cancelled",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 100, IOC), ("tick",)],
        [("ACCEPTED", 1), ("CANCELED", 1, "NO_LIQUIDITY")],
    ),
    (
        "an IOC fills what is shown and cancels the rest",
        SHOWN,
        [("quote", 99, 101, 5, 5), ("buy", 1, 7, 101, IOC), ("tick",)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 5, "taker"), ("CANCELED", 1, "NO_LIQUIDITY")],
    ),
    (
        "a FOK that is larger than what is shown does nothing",
        SHOWN,
        [("quote", 99, 101, 5, 5), ("buy", 1, 6, 101, FOK), ("buy", 2, 5, 101, FOK), ("tick",)],
        [("ACCEPTED", 1), ("CANCELED", 1, "NO_LIQUIDITY"), ("ACCEPTED", 2), ("FILL", 2, 101, 5, "taker")],
    ),
    (
        "a post-only order that would cross is rejected, one that would not rests",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 101, POST), ("buy", 2, 7, 100, POST), ("tick",), ("quote", 98, 100)],
        [("REJECTED", 1, "POST_ONLY_WOULD_CROSS"), ("ACCEPTED", 2), ("FILL", 2, 100, 7, "maker")],
    ),
    (
        "a market order without any price, or without the other side, is rejected",
        {},
        [("buy", 1, 7), ("tick",), ("quote", 99, 0, 5, 0), ("buy", 2, 7), ("sell", 3, 7), ("tick",)],
        [
            ("REJECTED", 1, "PRICE_UNAVAILABLE"),
            ("REJECTED", 2, "PRICE_UNAVAILABLE"),
            ("ACCEPTED", 3),
            ("FILL", 3, 99, 7, "taker"),
        ],
    ),
    (
        "a limit before any data meets the first quote",
        {},
        [("buy", 1, 7, 105), ("tick",), ("quote", 99, 101)],
        [("ACCEPTED", 1), ("FILL", 1, 101, 7, "taker")],
    ),
    (
        "a cancelled order does not fill at the quote that follows",
        {},
        [
            ("quote", 99, 101),
            ("buy", 1, 7, 100),
            ("tick",),
            ("cancel", 1),
            ("quote", 98, 100),
            ("cancel", 1),
            ("tick",),
        ],
        [("ACCEPTED", 1), ("CANCELED", 1, "NONE"), ("CANCEL_REJECTED", 1, "UNKNOWN_ORDER")],
    ),
    (
        "a crossed quote is refused",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 100), ("tick",), ("quote", 103, 100)],
        [("ACCEPTED", 1)],
    ),
]

STOPS: list[Case] = [
    (
        "a stop buy becomes a market order when the ask reaches the trigger",
        {},
        [("quote", 99, 101), ("buy", 1, 7, {"trigger": 105}), ("tick",), ("quote", 102, 104), ("quote", 106, 108)],
        [("ACCEPTED", 1), ("FILL", 1, 108, 7, "taker")],
    ),
    (
        "a stop sell becomes a market order when the bid falls to the trigger",
        {},
        [("quote", 99, 101), ("sell", 1, 7, {"trigger": 95}), ("tick",), ("quote", 96, 98), ("quote", 95, 97)],
        [("ACCEPTED", 1), ("FILL", 1, 95, 7, "taker")],
    ),
    (
        "a stop that is reached already triggers at once",
        {},
        [("quote", 99, 101), ("sell", 1, 7, {"trigger": 99}), ("tick",)],
        [("ACCEPTED", 1), ("FILL", 1, 99, 7, "taker")],
    ),
    (
        "a stop-limit rests at its limit when the touch has gone past it",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 106, {"trigger": 105}), ("tick",), ("quote", 107, 108), ("quote", 105, 106)],
        [("ACCEPTED", 1), ("FILL", 1, 106, 7, "maker")],
    ),
    (
        "a trade triggers stops, which meet the touch",
        {},
        [("quote", 99, 101), ("buy", 1, 7, {"trigger": 105}), ("tick",), ("trade", 105, 1, "buyer")],
        [("ACCEPTED", 1), ("FILL", 1, 101, 7, "taker")],
    ),
    (
        "stops trigger in the order of their triggers",
        {},
        [
            ("quote", 99, 101),
            ("buy", 1, 7, {"trigger": 106}),
            ("buy", 2, 7, {"trigger": 105}),
            ("tick",),
            ("quote", 106, 107),
        ],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("FILL", 2, 107, 7, "taker"), ("FILL", 1, 107, 7, "taker")],
    ),
]

TRADES: list[Case] = [
    (
        "a trade at the price goes through the queue first",
        {},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("trade", 99, 8),
            ("trade", 99, 5),
            ("trade", 99, 9),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 99, 3, "maker"), ("FILL", 1, 99, 4, "maker")],
    ),
    (
        "a trade by the other aggressor does not touch the queue",
        {},
        [("quote", 99, 101, 10, 10), ("buy", 1, 7, 99), ("tick",), ("trade", 99, 50, "buyer")],
        [("ACCEPTED", 1)],
    ),
    (
        "an order that improves the touch is first",
        {},
        [("quote", 99, 102, 10, 10), ("buy", 1, 7, 100), ("tick",), ("trade", 100, 4)],
        [("ACCEPTED", 1), ("FILL", 1, 100, 4, "maker")],
    ),
    (
        "an order behind the touch joins the queue when its price becomes the touch",
        {},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 98),
            ("tick",),
            ("trade", 98, 50),
            ("quote", 98, 100, 20, 10),
            ("trade", 98, 21),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 98, 1, "maker")],
    ),
    (
        "nobody is ahead once the bid has fallen below",
        {},
        [("quote", 99, 101, 10, 10), ("buy", 1, 7, 99), ("tick",), ("quote", 98, 101, 10, 10), ("trade", 99, 2)],
        [("ACCEPTED", 1), ("FILL", 1, 99, 2, "maker")],
    ),
    (
        "a trade through the price fills at most its lots, shared by price",
        {},
        [("quote", 99, 101), ("buy", 1, 7, 97), ("buy", 2, 7, 98), ("tick",), ("trade", 96, 10)],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("FILL", 2, 98, 7, "maker"), ("FILL", 1, 97, 3, "maker")],
    ),
    (
        "two own orders at one price share what comes past the queue",
        {},
        [("quote", 99, 101, 10, 10), ("buy", 1, 3, 99), ("buy", 2, 3, 99), ("tick",), ("trade", 99, 14)],
        [("ACCEPTED", 1), ("ACCEPTED", 2), ("FILL", 1, 99, 3, "maker"), ("FILL", 2, 99, 1, "maker")],
    ),
    (
        "conservative: a shrinking level leaves those ahead where they are, as far as there are so many",
        {},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("quote", 99, 101, 30, 10),
            ("quote", 99, 101, 12, 10),
            ("trade", 99, 11),
            ("quote", 99, 101, 4, 10),
            ("trade", 99, 2),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 99, 1, "maker"), ("FILL", 1, 99, 2, "maker")],
    ),
    (
        # front 10, back 20: p = 20/30; the level loses 15: front = 10 - 15/3 = 5
        "power 1: a shrinking level loses lots ahead in proportion",
        {"queue_model": QueueModel.POWER, "queue_power": 1},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("quote", 99, 101, 30, 10),
            ("quote", 99, 101, 15, 10),
            ("trade", 99, 6),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 99, 1, "maker")],
    ),
    (
        # front 10, back 20: p = 400/500; the level loses 15: front = 10 - 15/5 = 7
        "power 2: fewer of them were ahead",
        {"queue_model": QueueModel.POWER, "queue_power": 2},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("quote", 99, 101, 30, 10),
            ("quote", 99, 101, 15, 10),
            ("trade", 99, 8),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 99, 1, "maker")],
    ),
    (
        # the trade of 6 takes 6 ahead (4 left); the quote's loss of 6 is that trade
        "power: a trade's lots are not counted twice",
        {"queue_model": QueueModel.POWER},
        [
            ("quote", 99, 101, 10, 10),
            ("buy", 1, 7, 99),
            ("tick",),
            ("trade", 99, 6),
            ("quote", 99, 101, 4, 10),
            ("trade", 99, 5),
        ],
        [("ACCEPTED", 1), ("FILL", 1, 99, 1, "maker")],
    ),
]

CASES = QUOTES + STOPS + TRADES


@pytest.mark.parametrize(
    ("settings", "steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(settings: dict[str, Any], steps: list[Any], expected: list[Any]) -> None:
    assert SimulatedVenue(**settings).run(steps) == expected
