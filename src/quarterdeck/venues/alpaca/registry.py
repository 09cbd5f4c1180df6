"""Which of the venue's order ids (UUIDs) is which order: found by its number here, and by our own order id."""

import threading
from collections.abc import Iterable
from typing import Final

from quarterdeck.venues.alpaca.numbers import identity_number
from quarterdeck.venues.identity import order_of

__all__ = ["Registry"]

_ORDERS_MAX: Final = 65_536


class Registry:
    """The orders that were seen lately, of anybody. Any thread may use it.

    The desk knows an order of the venue by a number: 62 bits of its UUID. Numbers lead back to the UUID only here, so
    an order of before a restart is known again once the venue has named it.
    """

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._lock = threading.Lock()
        self._whose: dict[str, tuple[int, int]] = {}
        self._by_number: dict[int, str] = {}
        self._by_order: dict[int, str] = {}

    def saw(self, identity: str, client_order_id: str) -> tuple[int, int, int]:
        """Notes an order; returns its number, our order id and strategy: 0 and -1 for somebody else's."""
        identity = identity.strip().lower()
        number, (order_id, strategy) = identity_number(identity), order_of(self._tag, client_order_id)
        with self._lock:
            self._whose[identity] = (order_id, strategy)
            self._by_number[number] = identity
            if order_id:
                self._by_order[order_id] = identity
            while len(self._whose) > _ORDERS_MAX:
                self._forget(next(iter(self._whose)))
        return number, order_id, strategy

    def _forget(self, identity: str) -> None:
        order_id, _ = self._whose.pop(identity)
        self._by_number.pop(identity_number(identity), None)
        if self._by_order.get(order_id) == identity:
            del self._by_order[order_id]

    def identity(self, order_id: int, number: int) -> str:
        """Returns the venue's id of an order, by ours if it is ours, else by its number; "" when it was not seen."""
        with self._lock:
            return self._by_order.get(order_id, "") if order_id else self._by_number.get(number, "")

    def whose(self, identity: str) -> tuple[int, int] | None:
        """Returns our order id and strategy of a venue's id, 0 and -1 for somebody else's; None: it was not seen."""
        with self._lock:
            return self._whose.get(identity.strip().lower())

    def unknown(self, identities: Iterable[str]) -> list[str]:
        """Returns those that were not seen, each once."""
        with self._lock:
            return [one for one in dict.fromkeys(map(_plain, identities)) if one not in self._whose]


def _plain(identity: str) -> str:
    return identity.strip().lower()
