"""The rules of `matching` and `execution`, one hand-computed case a line: steps -> what the venue tells."""

from typing import Any

import pytest

from quarterdeck.kernel.market_records import QueueModel
from quarterdeck.kernel.vocabulary import Flag, TimeInForce
from tests.kernel.simulated_venue import SimulatedVenue

IOC = {"tif": TimeInForce.IOC}
FOK = {"tif": TimeInForce.FOK}
DAY = {"tif": TimeInForce.DAY}
POST = {"flags": int(Flag.POST_ONLY)}
REDUCE = {"flags": int(Flag.REDUCE_ONLY)}
OTHER = {"account": 1}
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

CASES = QUOTES + STOPS + TRADES + PRINTS + BARS + LEVELS + REPLACING + ACCOUNTS + LIMITS


@pytest.mark.parametrize(
    ("settings", "steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_matching_rule(settings: dict[str, Any], steps: list[Any], expected: list[Any]) -> None:
    assert SimulatedVenue(**settings).run(steps) == expected


def test_every_case_has_its_own_name() -> None:
    names = [case[0] for case in CASES]
    assert len(set(names)) == len(names)
