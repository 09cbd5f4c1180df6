"""The oracle's own reading of a journal's bytes: from the format's description, with none of the journal's code.

A segment has a header of 4096 bytes, then records of 64: two times, a kind at byte 16, flags, instrument, strategy, and
five words of 64 bits from byte 24 on.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from quarterdeck.twins.exchange_records import Listing

__all__ = ["HEADER_BYTES", "RECORD_BYTES", "JournalBooks", "Said"]

HEADER_BYTES: Final = 4096
RECORD_BYTES: Final = 64
_WORDS: Final = struct.Struct("<qqBBhhHqqqqq")
_SELL: Final = 1
_QUOTE, _ORDER_REQUEST, _FILL, _POSITION_ADOPTED, _TRANSFER = 1, 20, 32, 53, 54
_PAUSE, _RESUME, _KILL, _FLATTEN, _LOCK, _UNLOCK = 70, 71, 72, 73, 74, 75
_RECONCILED: Final = 62
_SESSION_START: Final = 91
_READ: Final = frozenset(
    (
        _QUOTE,
        _ORDER_REQUEST,
        _FILL,
        _POSITION_ADOPTED,
        _TRANSFER,
        _RECONCILED,
        *range(_PAUSE, _UNLOCK + 1),
        _SESSION_START,
    )
)


class Said(NamedTuple):
    """An order as it was asked for."""

    strategy: int
    instrument: int
    side: int
    price: int
    trigger_price: int
    kind: int


@dataclass(slots=True)
class JournalBooks:
    """What a journal's records come to, by the oracle's own arithmetic.

    `trades` are the fills by their trade id: (instrument, side, price, quantity, fee). What was traded up to
    `opened_ns`, the exchange's time, was taken over with the account. `flows` is each purse's cash, had everything been
    paid for whole.
    """

    listings: Sequence[Listing]
    records: int = 0
    digest: Any = field(default_factory=hashlib.sha256)  # of all records' bytes so far
    trades: dict[int, tuple[int, int, int, int, int]] = field(default_factory=dict[int, tuple[int, int, int, int, int]])
    asked: Counter[Said] = field(default_factory=Counter[Said])
    adopted: Counter[tuple[int, int]] = field(default_factory=Counter[tuple[int, int]])  # (strategy, instrument)
    opened_ns: int = 0
    quantities: list[int] = field(init=False)
    flows: list[int] = field(init=False)
    quotes: dict[int, int] = field(default_factory=dict[int, int])  # bid + ask
    epochs: list[int] = field(default_factory=list[int])
    paused: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    killed: bool = False
    locked: bool = False
    flattened: bool = False
    odd: list[str] = field(default_factory=list[str])  # what cannot be, as it was read

    def __post_init__(self) -> None:
        self.quantities = [0] * len(self.listings)
        self.flows = [0] * (1 + max(listing.purse for listing in self.listings))

    def read(self, raw: bytes) -> None:
        """Takes whole records in."""
        self.digest.update(raw)
        self.records += len(raw) // RECORD_BYTES
        kinds = raw[16::RECORD_BYTES]
        for index, kind in enumerate(kinds):
            if kind in _READ:
                self._take(kind, _WORDS.unpack_from(raw, index * RECORD_BYTES))

    def _take(self, kind: int, words: tuple[int, ...]) -> None:
        _, venue_ns, _, flags, instrument, strategy, _, first, second, _, fourth, fifth = words
        side = -1 if flags & _SELL else 1
        if kind == _QUOTE:
            if first > 0 and second > 0:
                self.quotes[instrument] = first + second
        elif kind == _ORDER_REQUEST:
            self.asked[Said(strategy, instrument, side, first, fourth, venue_ns & 0xFF)] += 1
        elif kind == _FILL:
            self._fill(fourth, venue_ns, (instrument, side, first, second, fifth))
        elif kind == _RECONCILED:
            self.opened_ns = self.opened_ns or second
        elif kind == _TRANSFER:
            self.flows[second] += first
        elif kind == _POSITION_ADOPTED:
            self.adopted[strategy, instrument] += second
            self._hold(instrument, second, first if self.listings[instrument].margined else 0, 0)
        elif kind == _SESSION_START:
            if self.epochs and first <= self.epochs[-1]:
                self.odd.append(f"epoch {first} begins after epoch {self.epochs[-1]}")
            self.epochs.append(first)
        else:
            self._command(kind, strategy, instrument)

    def _fill(self, trade_id: int, venue_ns: int, trade: tuple[int, int, int, int, int]) -> None:
        known = self.trades.get(trade_id)
        if known is None:
            self.trades[trade_id] = trade
            if venue_ns > self.opened_ns:
                instrument, side, price, lots, fee = trade
                self._hold(instrument, side * lots, price, fee)
        elif known != trade:
            self.odd.append(f"trade {trade_id} is journaled as {known} and as {trade}")

    def _hold(self, instrument: int, lots: int, price: int, fee: int) -> None:
        listing = self.listings[instrument]
        self.quantities[instrument] += lots
        self.flows[listing.purse] -= lots * price * listing.value + fee

    def _command(self, kind: int, strategy: int, instrument: int) -> None:
        whole = strategy < 0 and instrument < 0
        if kind in (_PAUSE, _FLATTEN) or (kind == _KILL and not whole):
            self.paused.add((strategy, instrument))
            self.flattened = self.flattened or kind == _FLATTEN
        elif kind == _RESUME:
            self.paused.discard((strategy, instrument))
            if whole:
                self.killed = False
        elif kind == _KILL:
            self.killed = True
        elif kind in (_LOCK, _UNLOCK):
            self.locked = kind == _LOCK

    def entries_stopped(self, strategy: int, instrument: int) -> bool:
        """Whether a person has stopped entries there."""
        scopes = ((-1, -1), (strategy, -1), (-1, instrument), (strategy, instrument))
        return self.killed or self.locked or any(scope in self.paused for scope in scopes)
