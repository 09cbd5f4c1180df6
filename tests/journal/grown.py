"""One life of a desk in any capacity, for `test_migration`: what it came to, as a snapshot of this process's capacity.

    python -m tests.journal.grown FOLDER ORDERS [OLDER]

With the snapshot OLDER of another capacity, takes it over and prints what was found, as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from quarterdeck.journal import Snapshot, read_snapshot, write_snapshot
from quarterdeck.kernel.account import apply, new_actions, new_events
from quarterdeck.kernel.records import STATE
from quarterdeck.kernel.vocabulary import EventKind, Flag, Table
from tests.kernel.desks import PRICE, SECOND, Desk
from tests.kernel.invariants import check

__all__ = ["life", "main"]


def life(orders: int) -> Desk:
    """Each order is accepted; every third stays open, half of the others are filled, the rest cancelled."""
    desk = Desk()
    for number in range(orders):
        desk.clock(after=SECOND)
        desk.quote(PRICE + number % 5, instrument=number % 2)
        side = 1 if number % 4 < 2 else -1
        order = desk.order(side, 1 + number % 3, PRICE - side, instrument=number % 2, strategy=number % 3)
        desk.report(EventKind.ORDER_ACCEPTED, order, venue_order_id=1000 + number, instrument=number % 2)
        if number % 3 == 0 and desk.state["open_count"] < 20:
            continue
        if number % 2:
            desk.fill(order, 1 + number % 3, PRICE - side, venue_time_ns=desk.now)
        else:
            desk.report(EventKind.ORDER_CANCELED, order, instrument=number % 2)
    return desk


def known_again(state: Any, trade: Any) -> int:
    """How often the kernel takes a fill that it has seen: its refusals and anomalies, not its cash, may change."""
    states = np.zeros(1, STATE)
    states[0] = state
    fills = int(states[0]["instruments"]["net"]["fills"].sum())
    event = new_events(1)
    event["kind"], event["time_ns"], event["venue_time_ns"] = EventKind.FILL, state["time_ns"], trade["venue_time_ns"]
    event["trade_id"], event["instrument"] = trade["trade_id"], trade["instrument"]
    event["flags"], event["price"], event["quantity"] = Flag.SELL if trade["side"] < 0 else 0, PRICE, 1
    apply(states, event, 0, new_actions())  # pyright: ignore[reportArgumentType] arrays of records
    return int(states[0]["instruments"]["net"]["fills"].sum()) - fills


def main(folder: Path, orders: int, older: Path | None) -> dict[str, object]:
    desk = life(orders)
    body = np.asarray(desk.states).tobytes()
    path = write_snapshot(folder, Snapshot("test", orders, desk.now, bytes(32), body))
    if older is None:
        return {"path": str(path)}
    snapshot = read_snapshot(older)
    grown: Any = np.frombuffer(bytearray(snapshot.present()), STATE)
    state = grown[0]
    check(state)
    desk.set(Table.COUNTS, 0, 0, 2)  # as each session's start does: it also fills the rows that there were none of
    apply(grown, desk.events, 0, new_actions())
    held = [trade for trade in state["trades"] if trade["trade_id"]]
    opened = [int(slot) for slot in state["open_orders"][: int(state["open_count"])]]
    return {
        "path": str(path),
        "same": grown.tobytes() == np.asarray(desk.states).tobytes(),
        "same_state": snapshot.same_state,
        "trades": len(held),
        "taken_twice": sum(known_again(state, trade) for trade in held),
        "open": [int(state["orders"][slot]["id"]) for slot in opened],
        "orders": sum(int(order["id"]) > 0 for order in state["orders"]),
    }


if __name__ == "__main__":
    older = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), older)) + "\n")
