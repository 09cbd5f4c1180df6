"""What a backtest keeps of the tape: fills, order requests counted, and the journal."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal import JournalWriter, digest_word
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag

__all__ = ["Fills", "Recording"]

_APPEND_RECORDS: Final = 8192  # one append must fit into one block of the journal
_WORDS: Final = EVENT.itemsize // 8


@dataclass(frozen=True, slots=True)
class Fills:
    """Fills in order, columns of shape (n,). `side` is 1 or -1, `price` ticks, `quantity` lots, `fee` money units."""

    time_ns: NDArray[np.int64]
    instrument: NDArray[np.int16]
    strategy: NDArray[np.int16]
    side: NDArray[np.int8]
    price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    fee: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_ns)


class Recording:
    """The sink of a backtest's engine. With a journal, every record is in it before the sink returns."""

    def __init__(self, journal: JournalWriter | None = None) -> None:
        self._journal = journal
        self._fills: list[NDArray[np.int64]] = []
        self.records = 0
        self.orders: dict[int, int] = {}  # asked for, by strategy

    def take(self, tape: NDArray[np.void]) -> None:
        """Takes records in the order in which they were applied. Raises JournalFull."""
        self.records += len(tape)
        kinds = tape["kind"]
        asked = tape["strategy"][kinds == EventKind.ORDER_REQUEST]
        for strategy, count in zip(*np.unique(asked, return_counts=True), strict=True):
            self.orders[int(strategy)] = self.orders.get(int(strategy), 0) + int(count)
        found = np.flatnonzero(kinds == EventKind.FILL)
        if len(found):
            self._fills.append(tape.view(np.int64).reshape(-1, _WORDS)[found])
        if self._journal is not None:
            for first in range(0, len(tape), _APPEND_RECORDS):
                self._journal.append(tape[first : first + _APPEND_RECORDS])

    @property
    def seal_due(self) -> bool:
        """Whether the journal wants a seal with the state's digest now."""
        return self._journal is not None and self._journal.seal_due

    def seal(self, digest: bytes) -> None:
        """Seals the journal with the digest of the state after everything taken so far."""
        if self._journal is not None:
            self._journal.seal(digest_word(digest))

    def fills(self) -> Fills:
        """Returns all fills taken so far."""
        words = np.concatenate(self._fills) if self._fills else np.zeros((0, _WORDS), np.int64)
        events: NDArray[np.void] = np.ascontiguousarray(words).reshape(-1).view(EVENT)
        side = np.where(events["flags"] & Flag.SELL, -1, 1).astype(np.int8)
        columns = (events[name].copy() for name in ("price", "quantity", "fee"))
        return Fills(events["time_ns"].copy(), events["instrument"].copy(), events["strategy"].copy(), side, *columns)
