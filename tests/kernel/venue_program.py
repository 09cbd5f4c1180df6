"""A seeded random life of a simulated venue, likely and impossible records alike, and a digest of all it did.

    python -m tests.kernel.venue_program SEED STEPS

Tests run it in processes of their own, compiled, uncompiled and with bounds checks, and compare what it prints.
"""

import hashlib
import random
import sys
from typing import Any

import numpy as np

from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.market import market_accept, market_apply, new_market
from quarterdeck.kernel.market_records import MARKET_REPORTS, QueueModel
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm

SOURCES = (
    (EventKind.QUOTE, EventKind.QUOTE, EventKind.TRADE),
    (EventKind.LEVEL, EventKind.LEVEL, EventKind.LEVEL, EventKind.TRADE),
    (EventKind.BAR,),
    (EventKind.TRADE,),
)
RARE = (
    EventKind.MARK, EventKind.CLOCK, EventKind.SPLIT, EventKind.TICK_SIZE_CHANGE, EventKind.SESSION_END,
    EventKind.POSITION_ADOPTED, EventKind.BOOK_CLEAR, EventKind.CONFIGURE, EventKind.DELISTING,
)  # fmt: skip
REQUESTS = (*[EventKind.SUBMIT] * 8, EventKind.CANCEL, EventKind.CANCEL, EventKind.REPLACE, EventKind.LIQUIDATION)
WILD = (-(2**63), -1, 0, 1, 2**31, 2**42, 2**42 + 1, 2**62, 2**63 - 1)


def likely_event(record: Any, draw: random.Random, kinds: tuple[EventKind, ...]) -> None:
    """Market data around 100 that could be real."""
    kind = draw.choice(kinds)
    record["kind"] = kind
    middle = draw.randint(95, 105)
    if kind == EventKind.QUOTE:
        record["bid"] = middle - draw.randint(0, 3)
        record["ask"] = middle + draw.randint(0, 3)
        record["bid_quantity"] = draw.randint(0, 30)
        record["ask_quantity"] = draw.randint(0, 30)
    elif kind == EventKind.BAR:
        low, high = middle - draw.randint(0, 6), middle + draw.randint(0, 6)
        record["open"], record["close"] = draw.randint(low, high), draw.randint(low, high)
        record["low"], record["high"] = low, high
        record["volume"] = draw.randint(0, 60)
    else:
        sells = draw.random() < 0.5
        record["flags"] = (Flag.SELL if sells else 0) | (Flag.LAST if draw.random() < 0.4 else 0)
        record["price"] = middle + (draw.randint(0, 40) if sells else -draw.randint(0, 40))
        record["quantity"] = draw.randint(0 if kind == EventKind.LEVEL else 1, 30) * draw.randint(0, 1) + (
            0 if kind == EventKind.LEVEL else 1
        )


def wild_event(record: Any, draw: random.Random) -> None:
    """Any kind, any figures."""
    record["kind"] = draw.choice((*[kind for kinds in SOURCES for kind in kinds], *RARE, draw.randint(0, 255)))
    record["instrument"] = draw.choice((-1, 0, 1, 2, 3, 4, 99, -(2**15), 2**15 - 1))
    for name in ("price", "quantity", "order_id", "trigger_price", "tag"):
        record[name] = draw.choice((*WILD, draw.randint(1, 120)))


def request(record: Any, draw: random.Random) -> None:
    """An order, cancel, replace or liquidation; now and then with figures that cannot be."""
    sells = draw.random() < 0.5
    record["kind"] = draw.choice(REQUESTS)
    record["order_id"] = draw.randint(1, 90)
    record["price"] = draw.randint(88, 112)
    record["quantity"] = draw.randint(1, 40)
    record["trigger_price"] = draw.choice((0, draw.randint(88, 112)))
    record["order_type"] = draw.choice((0, 0, 0, 1, 2, 3))
    record["time_in_force"] = draw.choice((0, 0, 0, 1, 2, 3))
    record["flags"] = (Flag.SELL if sells else 0) | draw.choice((0, 0, 0, Flag.POST_ONLY, Flag.REDUCE_ONLY))
    record["instrument"] = draw.choice((0, 0, 1, 2, 3))
    if draw.random() < 0.05:
        record["order_type"] = draw.randint(0, 255)
        record["time_in_force"] = draw.randint(0, 255)
        record["instrument"] = draw.choice((-1, 4, 2**15 - 1))
        record[draw.choice(("price", "quantity", "order_id", "trigger_price"))] = draw.choice(WILD)


def settings_of(draw: random.Random) -> dict[str, Any]:
    return {
        "response_latency_ns": draw.choice((0, 0, 7, 50)),
        "queue_model": draw.choice(tuple(QueueModel)),
        "queue_power": draw.randint(1, 3),
        "displayed": draw.random() < 0.5,
        "impact_ticks": draw.choice((0, 1, 3)),
        "bar_touch": draw.random() < 0.5,
        "participation_ppm": draw.choice((0, 0, 100_000, 1_000_000)),
    }


def live(seed: int, steps: int) -> tuple[Any, str]:
    """Returns a market after `steps` random steps, and the digest of its bytes and of every report."""
    draw = random.Random(seed)
    markets: Any = new_market(**settings_of(draw))
    for listing in markets[0]["listings"]:
        listing["terms"][InstrumentTerm.LISTED] = 1
        listing["terms"][InstrumentTerm.VALUE] = draw.choice((1, 1000, 2**20))
        listing["terms"][InstrumentTerm.MAKER_FEE_PPB] = draw.choice((-50_000, 0, 100_000))
        listing["terms"][InstrumentTerm.TAKER_FEE_PPB] = 400_000
    sources = [draw.choice(SOURCES) for _ in range(4)]
    records: Any = allocate(EVENT)
    reports: Any = allocate(EVENT, MARKET_REPORTS)
    digest = hashlib.sha256()
    now = 0
    for _ in range(steps):
        records[:] = 0
        record = records[0]
        if draw.random() < 0.45:
            request(record, draw)
            account = draw.randint(0, 3) if draw.random() < 0.97 else draw.choice((-1, 4, 2**40))
            digest.update(bytes([market_accept(markets, records, 0, account, now + draw.choice((0, 0, 3, -5, 20)))]))
            continue
        now += draw.randint(0, 9)
        record["time_ns"] = now
        record["instrument"] = draw.randint(0, 3)
        if draw.random() < 0.97:
            likely_event(record, draw, sources[int(record["instrument"])])
        else:
            wild_event(record, draw)
        count = market_apply(markets, records, 0, reports)
        digest.update(reports[:count].tobytes())
    digest.update(np.asarray(markets).tobytes())
    return markets, digest.hexdigest()


def main() -> None:
    seed, steps = int(sys.argv[1]), int(sys.argv[2])
    for lane in range(12):
        markets, digest = live(seed + lane, steps)
        sys.stdout.write(f"{digest} {' '.join(str(int(count)) for count in markets[0]['counts'])}\n")


if __name__ == "__main__":
    main()
