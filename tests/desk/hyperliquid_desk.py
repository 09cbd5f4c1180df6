"""A live desk process on a twin of Hyperliquid: `python -m tests.desk.hyperliquid_desk FOLDER busy|calm`.

Busy, it places, changes and cancels at quotes; calm, it only looks after what it has. It leaves its orders at the venue
when it ends, so that both sides can be compared. The key comes from the environment, as every desk's does.
"""

import os
import random
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.config import load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.session import Voices
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.strategies.views import DeskView, Quote
from quarterdeck.venues.links import open_venue
from tests.desk.builders import Idle

STEP = 100  # ticks of five significant figures
DISTANCES = (0, 1, 40, 60)  # steps from the touch; the last ones rest for as long as they are let
HELD_MOST = 400
WORKING_MOST = 8
LOTS = (12, 40)  # worth more than the venue's minimum of 10 USDC


class Busy(Idle):
    """Keeps a handful of orders moving: makers near the market, a taker now and then, back to flat when it is long."""

    kind = "busy"

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self._chance = random.Random(7)

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if not quote.bid or not quote.ask:
            return
        chance, held = self._chance, desk.position(0)
        orders = [order for order in desk.open_orders(0) if not order.cancel_pending]
        if len(orders) >= WORKING_MOST:
            desk.cancel(orders[0].order_id)
            return
        draw, lots, away = chance.random(), chance.randrange(*LOTS), STEP * chance.choice(DISTANCES)
        if draw < 0.15:
            desk.sell(0, lots) if held > 0 else desk.buy(0, lots)
        elif draw < 0.45 and held < HELD_MOST:
            desk.buy(0, lots, quote.bid - away)
        elif draw < 0.75 and held > -HELD_MOST:
            desk.sell(0, lots, quote.ask + away)
        elif draw < 0.9 and orders:
            order = chance.choice(orders)
            desk.replace(order.order_id, order.price - STEP * order.side, order.quantity + lots)
        elif orders:
            desk.cancel(chance.choice(orders).order_id)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(folder: str, mood: str) -> None:
    config, bell = load_desk(folder), Bell()
    source = Busy if mood == "busy" else Idle
    options = LiveOptions(wake=bell.ring, sources=[source], keep_orders=True, voices=Voices(narrate=False))
    session = LiveSession(config, DeskPlace(Path(folder)), [open_venue(config, 0)], options)
    told: set[str] = set()
    before: list[int] = []  # events of each kind that the journal held

    def each() -> None:
        kinds: list[int] = session.desk.states[0]["kinds"].tolist()
        before.extend(kinds[len(before) :])
        fills, orders = (kinds[kind] - before[kind] for kind in (EventKind.FILL, EventKind.ORDER_ACCEPTED))
        for word, holds in (("ready", session.ready), ("traded", fills > 4 and orders > 12)):
            if holds and word not in told:
                told.add(word)
                say(word)

    run_session(session, each=each, bell=bell)
    say("digest", session.desk.digest.hex())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
