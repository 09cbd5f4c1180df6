"""A live desk with a crowd of orders far from the market: `python -m tests.ops.api.crowded_desk FOLDER ORDERS`.

It asks for another order at each quote for as long as fewer than that many work, so that whoever kills it takes back
what it at once wants to have again. It says `crowded` when they all rest at the venue.
"""

import os
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
from quarterdeck.kernel.vocabulary import OrderStatus
from quarterdeck.strategies.views import DeskView, Quote
from quarterdeck.venues.links import open_venue
from tests.desk.builders import Idle

STEP = 100  # ticks of five significant figures
FAR = 150  # steps from the touch, and more: none of them is filled
AT_ONCE = 4
LOTS = 12


class Crowd(Idle):
    """Fills the book below the market."""

    kind = "crowd"
    orders = 0

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self._placed = 0

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if not quote.bid or not quote.ask:
            return
        missing = self.orders - len(list(desk.open_orders(0)))
        for _ in range(min(missing, AT_ONCE)):
            away = FAR + self._placed % self.orders
            desk.buy(0, LOTS, quote.bid - quote.bid % STEP - STEP * away)
            self._placed += 1


def main(folder: str, orders: str) -> None:
    Crowd.orders = int(orders)
    config, bell = load_desk(folder), Bell()
    options = LiveOptions(wake=bell.ring, sources=[Crowd], voices=Voices(say=lambda _: None))
    session = LiveSession(config, DeskPlace(Path(folder)), [open_venue(config, 0)], options)
    told = False

    def each() -> None:
        nonlocal told
        table: Any = session.desk.states[0]["orders"]
        if not told and int((table["status"] == OrderStatus.ACCEPTED).sum()) == Crowd.orders:
            told = True
            sys.stdout.write("crowded\n")
            sys.stdout.flush()

    run_session(session, each=each, bell=bell)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
