"""The oracle's look into a running desk: the only place of the simulator that reads the kernel's state."""

from typing import Any, Final

from quarterdeck.desk.live import LiveSession
from quarterdeck.kernel.account import digest
from quarterdeck.kernel.records import ORDERS
from quarterdeck.simulation.desk import INSTRUMENTS, LISTINGS
from quarterdeck.simulation.watching import DeskFigures

__all__ = ["SessionEyes"]

_PURSES: Final = len({listing.purse for listing in LISTINGS})


class SessionEyes:
    """Eyes on one session. Everything is read when it is asked for."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        states: Any = session.desk.states
        instruments, accounts, orders = (states[name][0] for name in ("instruments", "accounts", "orders"))
        self._state = states[0]
        self._quantities = instruments["net"]["quantity"][:INSTRUMENTS]
        self._costs = instruments["net"]["cost"][:INSTRUMENTS]
        self._marks = instruments["mark_half_ticks"][:INSTRUMENTS]
        self._stopped = instruments["unreconciled"][:INSTRUMENTS]
        self._postings = accounts["postings"][:_PURSES]
        self._ids, self._status, self._filled = orders["id"], orders["status"], orders["filled"]
        self._totals = orders["quantity"]
        self._open: Any = states["open_orders"][0]

    @property
    def ready(self) -> bool:
        return self._session.ready

    def figures(self) -> DeskFigures:
        postings: list[list[int]] = self._postings.tolist()
        return DeskFigures(
            self._quantities.tolist(),
            self._costs.tolist(),
            self._marks.tolist(),
            [purse[0] for purse in postings],
            [sum(purse) for purse in postings],
            int(self._state["equity"]),
        )

    def order(self, order_id: int) -> tuple[int, int] | None:
        slot = order_id % ORDERS
        return (int(self._status[slot]), int(self._filled[slot])) if self._ids[slot] == order_id else None

    def open_orders(self) -> dict[int, int]:
        slots = self._open[: int(self._state["open_count"])].tolist()
        return {int(self._ids[slot]): int(self._totals[slot] - self._filled[slot]) for slot in slots}

    def stopped(self) -> list[bool]:
        return [bool(flag) for flag in self._stopped.tolist()]

    def digest(self) -> bytes:
        return digest(self._session.desk.states)
