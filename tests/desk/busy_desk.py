"""A live desk process for the kill proof: `python -m tests.desk.busy_desk FOLDER busy|calm`. It says when it is ready.

Busy, it places, replaces and cancels at every quote; calm, it only looks after what it has. It leaves its orders at the
venue when it ends, so that both sides can be compared.
"""

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.config import load_desk  # noqa: E402 - the capacity is read when the kernel is imported
from quarterdeck.desk.bell import Bell  # noqa: E402 - as above
from quarterdeck.desk.live import LiveOptions, LiveSession  # noqa: E402 - as above
from quarterdeck.desk.loop import run_session  # noqa: E402 - as above
from quarterdeck.desk.place import DeskPlace  # noqa: E402 - as above
from quarterdeck.desk.session import Voices  # noqa: E402 - as above
from quarterdeck.strategies.views import DeskView, Quote  # noqa: E402 - as above
from quarterdeck.venues.links import open_venue  # noqa: E402 - as above
from tests.desk.builders import Idle  # noqa: E402 - as above

IMPORTED = time.monotonic()
STEP = 1  # tick of the practice walk
DISTANCES = (0, 1, 2, 60, 90)  # the last ones rest for as long as they are let
HELD_MOST = 200
WORKING_MOST = 10


class Busy(Idle):
    """Keeps a handful of orders moving: makers near the market, a taker now and then, back to flat when it is long."""

    kind = "busy"

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self._chance = random.Random()

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        chance, held = self._chance, desk.position(0)
        orders = [order for order in desk.open_orders(0) if not order.cancel_pending]
        if len(orders) >= WORKING_MOST:
            desk.cancel(orders[0].order_id)
        draw = chance.random()
        lots = chance.randrange(1, 6)
        if draw < 0.05:
            desk.sell(0, lots) if held > 0 else desk.buy(0, lots)
        elif draw < 0.15 and held < HELD_MOST:
            desk.buy(0, lots, quote.ask)
        elif draw < 0.3 and held > -HELD_MOST:
            desk.sell(0, lots, quote.bid)
        elif draw < 0.5 and held < HELD_MOST:
            desk.buy(0, lots, quote.bid - STEP * chance.choice(DISTANCES))
        elif draw < 0.7 and held > -HELD_MOST:
            desk.sell(0, lots, quote.ask + STEP * chance.choice(DISTANCES))
        elif draw < 0.85 and orders:
            order = chance.choice(orders)
            desk.replace(order.order_id, order.price + STEP * chance.choice((-1, 1)), order.quantity + lots)
        elif orders:
            desk.cancel(chance.choice(orders).order_id)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(folder: str, mood: str) -> None:
    config = load_desk(folder)
    bell = Bell()
    source = Busy if mood == "busy" else Idle
    options = LiveOptions(wake=bell.ring, sources=[source], keep_orders=True, voices=Voices(narrate=mood != "busy"))
    session = LiveSession(config, DeskPlace(Path(folder)), [open_venue(config, 0)], options)
    told = False
    begun = time.monotonic()

    def each() -> None:
        nonlocal told
        if session.ready and not told:
            told = True
            now = time.monotonic()
            facts = (
                session.recovered.epoch,
                f"{IMPORTED - BEGAN:.3f}",
                f"{begun - IMPORTED:.3f}",
                f"{now - begun:.3f}",
            )
            say("ready", *facts)

    run_session(session, each=each, bell=bell)
    say("digest", session.desk.digest.hex())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
