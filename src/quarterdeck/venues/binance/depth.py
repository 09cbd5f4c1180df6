"""A book that is told by its changes: joined to a whole one by number, and fetched anew where a change is missing.

("How to manage a local order book correctly", the venue's API documentation.) Each change says the first and the last
number of what it holds, U and u; futures also say pu, the last number before. A snapshot says the last number in it.

| of the snapshot numbered S     | spot                            | futures             |
|--------------------------------|---------------------------------|---------------------|
| a change is passed over where  | u <= S                          | u < S               |
| the first one must have        | U <= S + 1 <= u                 | U <= S <= u         |
| each later one must have       | U = the last u + 1              | pu = the last u     |

| the first change in hand begins | then                                                                          |
|---------------------------------|-------------------------------------------------------------------------------|
| behind S                        | the snapshot is too old: another is fetched                                   |
| at or before S                  | joined                                                                        |
"""

from collections import deque
from enum import Enum
from typing import Final

from quarterdeck.venues.binance.schema import DepthDiff

__all__ = ["Join", "Step"]

_WAITING_MAX: Final = 2_000


class Step(Enum):
    """What to do with a change."""

    HOLD = "hold"  # it waits for the snapshot
    APPLY = "apply"
    PASS = "pass"  # the snapshot has it
    BROKEN = "broken"  # one before it is missing: a new snapshot is needed


class Join:
    """The numbers of one instrument's book."""

    def __init__(self, *, spot: bool) -> None:
        self._spot = spot
        self._waiting: deque[DepthDiff] = deque(maxlen=_WAITING_MAX)
        self._last = -1  # the number up to which the book is known; -1: there is none
        self._first = True

    @property
    def whole(self) -> bool:
        """Whether there is a book."""
        return self._last >= 0

    def advance(self, first: int, last: int, before: int) -> bool:
        """Takes a change that is the next one, by its numbers; False: it was not taken, and `take` says what it is."""
        if self._last < 0 or self._first:
            return False
        if (self._last + 1 != first) if self._spot else (before != self._last):
            return False
        self._last = last
        return True

    def take(self, diff: DepthDiff) -> Step:
        """Takes a change."""
        if self._last < 0:
            self._waiting.append(diff)
            return Step.HOLD
        step = self._step(diff)
        if step is Step.APPLY:
            self._last, self._first = diff.u, False
        elif step is Step.BROKEN:
            self.drop()
            self._waiting.append(diff)
        return step

    def _step(self, diff: DepthDiff) -> Step:
        if self._first:
            if diff.u < self._last or (self._spot and diff.u == self._last):
                return Step.PASS
            joins = self._last + 1 >= diff.U if self._spot else self._last >= diff.U
            return Step.APPLY if joins else Step.BROKEN
        follows = self._last + 1 == diff.U if self._spot else diff.pu == self._last
        return Step.APPLY if follows else Step.BROKEN

    def begin(self, number: int) -> tuple[DepthDiff, ...] | None:
        """Takes a snapshot by its number. Returns the changes that go on top of it; None: it does not join them."""
        waiting, self._waiting = list(self._waiting), deque(maxlen=_WAITING_MAX)
        self._last, self._first = number, True
        applied: list[DepthDiff] = []
        for place, diff in enumerate(waiting):
            step = self.take(diff)
            if step is Step.BROKEN:
                self._waiting.extend(waiting[place + 1 :])
                return None
            if step is Step.APPLY:
                applied.append(diff)
        return tuple(applied)

    def drop(self) -> None:
        """Forgets the book: a new snapshot is needed."""
        self._last, self._first = -1, True
        self._waiting.clear()
