"""Threads that send: each takes what it is given, in order, from a queue with a bound, so that nobody else waits.

A venue has one sender for orders and one of its own for cancels: a cancel never stands behind an order.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["Sender"]

Item = TypeVar("Item")
_JOIN_S: Final = 10.0


class Sender(Generic[Item]):
    """One thread that calls `act` with each item.

    `put` never blocks: it returns False when `most` items wait already, or the sender is closed, and the item is the
    caller's again. `act` raises nothing; if it does, the sender is closed and the error is the interpreter's to show.
    """

    def __init__(self, name: str, act: Callable[[Item], None], most: int) -> None:
        self._act, self._most = act, most
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=False)

    def open(self) -> None:
        self._thread.start()

    def put(self, item: Item) -> bool:
        """Gives it an item; False: it did not take it."""
        with self._changed:
            if self._closed or len(self._waiting) >= self._most:
                return False
            self._waiting.append(item)
            self._changed.notify()
            return True

    def close(self) -> list[Item]:
        """Ends the thread after the item at hand; returns those that were never acted on.

        Whatever makes `act` return at once, such as closing its wire, is done before this is called.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                raise RuntimeError(f"{self._thread.name} did not end within {_JOIN_S:g} s: its wire is still open")
        return self._take_rest()

    def _take_rest(self) -> list[Item]:
        with self._changed:
            rest = list(self._waiting)
            self._waiting.clear()
            return rest

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    while not self._waiting and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        return
                    item = self._waiting.popleft()
                self._act(item)
        finally:
            with self._changed:
                self._closed = True
