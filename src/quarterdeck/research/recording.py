"""What a backtest keeps of the tape: requests for orders, fills, and the journal."""

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
_ORDER_REQUEST: Final = int(EventKind.ORDER_REQUEST)
_FILL: Final = int(EventKind.FILL)


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
        self._kept: list[NDArray[np.int64]] = []  # requests for orders, and fills
        self.records = 0

    def take(self, tape: NDArray[np.void]) -> None:
        """Takes records in the order in which they were applied. Raises JournalFull."""
        self.records += len(tape)
        kinds = tape["kind"]
        found = np.flatnonzero((kinds == _ORDER_REQUEST) | (kinds == _FILL))
        if len(found):
            self._kept.append(tape.view(np.int64).reshape(-1, _WORDS)[found])
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

    def orders(self) -> dict[int, int]:
        """Returns how many orders each strategy has asked for so far."""
        strategies, counts = np.unique(self._of(_ORDER_REQUEST)["strategy"], return_counts=True)
        return {int(strategy): int(count) for strategy, count in zip(strategies, counts, strict=True)}

    def fills(self) -> Fills:
        """Returns all fills taken so far."""
        events = self._of(_FILL)
        side = np.where(events["flags"] & Flag.SELL, -1, 1).astype(np.int8)
        columns = (events[name].copy() for name in ("price", "quantity", "fee"))
        return Fills(events["time_ns"].copy(), events["instrument"].copy(), events["strategy"].copy(), side, *columns)

    def _of(self, kind: int) -> NDArray[np.void]:
        words = np.concatenate(self._kept) if self._kept else np.zeros((0, _WORDS), np.int64)
        events: NDArray[np.void] = np.ascontiguousarray(words).reshape(-1).view(EVENT)
        return events[events["kind"] == kind]
