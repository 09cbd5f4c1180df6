"""A live desk process on a twin of Alpaca: `python -m tests.desk.alpaca_desk FOLDER busy|calm`.

Busy, it places, changes and cancels at quotes; calm, it only looks after what it has. It leaves its orders at the venue
when it ends, so that both sides can be compared. The keys come from the environment, as every desk's do.
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
from tests.desk.live_rig import DESK_TOML

CHANGES = (
    ('name = "practised"', 'name = "twinned"'),
    ('name = "practice"\nkind = "practice"\naddress = "practice.sock"', 'name = "alp"\nkind = "alpaca"\n{venue}'),
    ('venue = "practice"\ncurrency = "USD"', 'venue = "alp"\ncurrency = "USD"\ndeposit = "100000"'),
    ('symbol = "ABC"\nvenue = "practice"\nkind = "perpetual"', 'symbol = "AAPL"\nvenue = "alp"\nkind = "equity"'),
    ('base = "ABC"', 'base = "AAPL"'),
    ("maker_fee_bps = 1\ntaker_fee_bps = 4\ninitial_margin = 0.1", "maker_fee_bps = 0\ntaker_fee_bps = 0"),
    ('max_short = "1000"\n', ""),
    ('instruments = ["ABC"]', 'instruments = ["AAPL"]'),
)
FAR = (0, 1, 200, 300)  # cents from the touch; the last ones rest for as long as they are let
HELD_MOST = 120
WORKING_MOST = 6
SHARES = (3, 20)


def write_desk(folder: Path, port: int, *changes: tuple[str, str]) -> Path:
    """A live desk at the twin that listens at that port."""
    text = DESK_TOML
    for old, new in (*CHANGES, *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new.replace("{venue}", f'address = "127.0.0.1:{port}"'))
    folder.mkdir(parents=True)
    (folder / "desk.toml").write_text(text)
    return folder


class Busy(Idle):
    """Keeps a handful of orders moving, all on one side at a time: the venue takes no two that could meet."""

    kind = "busy"

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self._chance = random.Random(7)

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if not quote.bid or not quote.ask:
            return
        chance, held = self._chance, desk.position(0)
        working = list(desk.open_orders(0))
        orders = [order for order in working if not order.cancel_pending]
        if len(orders) >= WORKING_MOST:
            for order in orders[:4]:
                desk.cancel(order.order_id)
            return
        if len(orders) < len(working):
            return
        side = int(orders[0].side) if orders else chance.choice((1, -1)) if held > SHARES[1] else 1
        draw, lots, away = chance.random(), chance.randrange(*SHARES), chance.choice(FAR)
        if side > 0 and held > HELD_MOST:
            desk.cancel(orders[0].order_id) if orders else desk.sell(0, held // 2)
        elif draw < 0.2:
            desk.buy(0, lots) if side > 0 else desk.sell(0, min(lots, held))
        elif draw < 0.8:
            desk.buy(0, lots, quote.bid - away) if side > 0 else desk.sell(0, lots, quote.ask + away)
        elif draw < 0.9 and orders:
            order = chance.choice(orders)
            desk.replace(order.order_id, order.price - side, order.quantity + lots)
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
        for word, holds in (("ready", session.ready), ("traded", fills > 4 and orders > 10)):
            if holds and word not in told:
                told.add(word)
                say(word)

    run_session(session, each=each, bell=bell)
    say("digest", session.desk.digest.hex())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
