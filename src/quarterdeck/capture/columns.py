"""Events as columns: which Parquet table each kind goes to, and what its columns are.

| table       | columns after time_ns, venue_time_ns, venue, symbol                                                 |
|-------------|-----------------------------------------------------------------------------------------------------|
| trades      | side (the aggressor's: buy, sell), price, quantity, trade_id                                        |
| quotes      | bid, ask, bid_quantity, ask_quantity, update_id; a side that nobody offers is null                  |
| levels      | entry (level; clear: the book is empty before the next), side (bid, ask), price, quantity (0: the   |
|             | level is gone), update_id, last (the book is whole again)                                           |
| bars        | open, high, low, close, volume                                                                      |
| marks       | mark                                                                                                |
| funding     | rate, of notional                                                                                   |
| connections | up, why; instead of symbol nothing: it is the venue's line                                          |

Times are UTC nanoseconds: `time_ns` of arrival at the desk, `venue_time_ns` the venue's own. Prices and quantities are
decimals, exact. A figure of more than 18 digits is null here; the journal has it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quarterdeck.capture.catalogue import Catalogue, Scale
from quarterdeck.capture.inbox import kinds_of
from quarterdeck.journal import payload_of
from quarterdeck.journal.payload import PAYLOAD_BYTES_MAX, SLOT_BYTES
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import ConnectionState, EventKind, Flag

__all__ = ["TABLES", "Columns", "Layout", "Table"]

_PA: Final = cast(Any, pa)  # it ships no types: its values are cast at this one place
Table: TypeAlias = Any  # pyarrow.Table
Words: TypeAlias = NDArray[np.int64]

_TIME, _VENUE_TIME, _HEAD = 0, 1, 2
_P0, _P1, _P2, _P3, _P4 = 3, 4, 5, 6, 7  # the five payload words of an event
_RATE_PLACES: Final = 9
_TEXT_ROWS: Final = 2 + PAYLOAD_BYTES_MAX // SLOT_BYTES  # an event and the longest text behind it
_DELTA: Final = "DELTA_BINARY_PACKED"


@dataclass(frozen=True, slots=True)
class Layout:
    """One table: which kinds of events its rows are, and how pyarrow packs its columns."""

    kinds: tuple[EventKind, ...]
    words: tuple[str, ...]  # columns of few different texts
    numbers: tuple[str, ...]  # columns of whole numbers that grow slowly

    def packing(self, *, brief: bool = False) -> dict[str, Any]:
        """Returns the writer's options. A `brief` file is read once and written again: it is made in half the time."""
        return {
            "compression": "lz4" if brief else "zstd",
            "compression_level": None if brief else 3,
            "write_statistics": not brief,
            "use_dictionary": list(self.words),
            "column_encoding": dict.fromkeys(self.numbers, _DELTA),
            "store_decimal_as_integer": True,
        }


_TIMES: Final = ("time_ns", "venue_time_ns")
_PLACE: Final = ("venue", "symbol")
TABLES: Final[Mapping[str, Layout]] = {
    "trades": Layout((EventKind.TRADE,), (*_PLACE, "side"), (*_TIMES, "trade_id")),
    "quotes": Layout((EventKind.QUOTE,), _PLACE, (*_TIMES, "update_id")),
    "levels": Layout((EventKind.LEVEL, EventKind.BOOK_CLEAR), (*_PLACE, "entry", "side"), (*_TIMES, "update_id")),
    "bars": Layout((EventKind.BAR,), _PLACE, _TIMES),
    "marks": Layout((EventKind.MARK,), _PLACE, _TIMES),
    "funding": Layout((EventKind.FUNDING,), _PLACE, _TIMES),
    "connections": Layout((EventKind.CONNECTION,), ("venue", "why"), ("time_ns",)),
}


class Columns:
    """Makes tables of events, by what their indices mean in one catalogue. `too_large` counts figures left out."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._prices, self._quantities = catalogue.prices, catalogue.quantities
        self._symbols = _PA.array([one.symbol for one in catalogue.instruments], _PA.string())
        self._venues = _PA.array([one.name for one in catalogue.venues], _PA.string())
        rows = {one.name: row for row, one in enumerate(catalogue.venues)}
        self._venue_of: NDArray[np.int16] = np.array([rows[one.venue] for one in catalogue.instruments], np.int16)
        self.too_large = 0
        self._makers: dict[str, Callable[[Words, NDArray[np.int16]], dict[str, Any]]] = {
            "trades": self._trades,
            "quotes": self._quotes,
            "levels": self._levels,
            "bars": self._bars,
            "marks": lambda words, index: {"mark": self._figures(self._prices, words[:, _P0], index)},
            "funding": lambda words, _: {"rate": _decimals(words[:, _P0].copy(), _RATE_PLACES, None)},
        }

    def tables(self, words: Words) -> dict[str, Table]:
        """Returns the tables that have rows, by their names. `words` has shape (events, 8), in their order.

        It is quickest where each column lies together. The tables may share its memory.
        """
        kinds = kinds_of(words)
        present = set(np.flatnonzero(np.bincount(kinds, minlength=1)).tolist())
        made: dict[str, Table] = {}
        for name, layout in TABLES.items():
            wanted = [kind for kind in layout.kinds if int(kind) in present]
            if not wanted:
                continue
            if name == "connections":
                made[name] = self._connections(words, np.flatnonzero(kinds == int(EventKind.CONNECTION)))
                continue
            if len(present) > len(wanted):
                mine = np.logical_or.reduce([kinds == int(kind) for kind in wanted])
                made[name] = self._table(name, words.T[:, np.flatnonzero(mine)].T)
            else:
                made[name] = self._table(name, words)
        return made

    def _table(self, name: str, words: Words) -> Table:
        index = (words[:, _HEAD] >> 16).astype(np.int16)
        assert 0 <= int(index.min()) <= int(index.max()) < len(self._venue_of), "an instrument that is not the desk's"
        columns = {
            "time_ns": _numbers(words[:, _TIME]),
            "venue_time_ns": _numbers(words[:, _VENUE_TIME]),
            "venue": _PA.DictionaryArray.from_arrays(_PA.array(self._venue_of[index]), self._venues),
            "symbol": _PA.DictionaryArray.from_arrays(_PA.array(index), self._symbols),
            **self._makers[name](words, index),
        }
        return _PA.table(columns)

    def _trades(self, words: Words, index: NDArray[np.int16]) -> dict[str, Any]:
        return {
            "side": _either(words, Flag.SELL, "buy", "sell"),
            "price": self._figures(self._prices, words[:, _P0], index),
            "quantity": self._figures(self._quantities, words[:, _P1], index),
            "trade_id": _numbers(words[:, _P3]),
        }

    def _quotes(self, words: Words, index: NDArray[np.int16]) -> dict[str, Any]:
        bid, ask = words[:, _P0], words[:, _P1]
        return {
            "bid": self._figures(self._prices, bid, index, bid != 0),
            "ask": self._figures(self._prices, ask, index, ask != 0),
            "bid_quantity": self._figures(self._quantities, words[:, _P2], index, bid != 0),
            "ask_quantity": self._figures(self._quantities, words[:, _P3], index, ask != 0),
            "update_id": _numbers(words[:, _P4]),
        }

    def _levels(self, words: Words, index: NDArray[np.int16]) -> dict[str, Any]:
        clear = kinds_of(words) == int(EventKind.BOOK_CLEAR)
        there = ~clear
        return {
            "entry": _PA.DictionaryArray.from_arrays(_PA.array(clear.astype(np.int8)), _PA.array(["level", "clear"])),
            "side": _either(words, Flag.SELL, "bid", "ask"),
            "price": self._figures(self._prices, words[:, _P0], index, there),
            "quantity": self._figures(self._quantities, words[:, _P1], index, there),
            "update_id": _numbers(words[:, _P4]),
            "last": _PA.array(words[:, _HEAD] >> 8 & int(Flag.LAST) != 0),
        }

    def _bars(self, words: Words, index: NDArray[np.int16]) -> dict[str, Any]:
        names = ("open", "high", "low", "close")
        prices = {name: self._figures(self._prices, words[:, _P0 + at], index) for at, name in enumerate(names)}
        return {**prices, "volume": self._figures(self._quantities, words[:, _P4], index)}

    def _connections(self, words: Words, places: NDArray[np.intp]) -> Table:
        rows = words[places]
        venue = (rows[:, _HEAD] >> 16).astype(np.int16)
        whys: list[str] = []
        for place in places.tolist():
            records = np.ascontiguousarray(words[place : place + _TEXT_ROWS]).reshape(-1).view(EVENT)
            whys.append(payload_of(records, 0).decode("utf-8", "replace"))
        return _PA.table(
            {
                "time_ns": _numbers(rows[:, _TIME]),
                "venue": _PA.DictionaryArray.from_arrays(_PA.array(venue), self._venues),
                "up": _PA.array(rows[:, _P1] == int(ConnectionState.UP)),
                "why": _PA.array(whys, _PA.string()),
            }
        )

    def _figures(
        self, scale: Scale, steps: Words, index: NDArray[np.int16], there: NDArray[np.bool_] | None = None
    ) -> Any:
        """Steps of the rows' instruments as decimals; null where not `there`."""
        one = int(index[0]) if index[0] == index[-1] and (index == index[0]).all() else -1
        most, factors = (scale.most, scale.factors) if one < 0 else (scale.most[one], scale.factors[one])
        if one < 0:
            most, factors = most[index], factors[index]
        largest, least = int(steps.max()), int(steps.min())
        if max(largest, -least) > int(most.min()):
            fits = np.abs(steps) <= most
            self.too_large += int(np.count_nonzero(~fits))
            there = fits if there is None else fits & there
        return _decimals(steps * factors, scale.places, there)


def _numbers(words: Words) -> Any:
    return _PA.array(np.ascontiguousarray(words))


def _either(words: Words, flag: Flag, without: str, having: str) -> Any:
    """One of two words by a flag."""
    has = (words[:, _HEAD] >> 8 & int(flag) != 0).astype(np.int8)
    return _PA.DictionaryArray.from_arrays(_PA.array(has), _PA.array([without, having]))


def _decimals(unscaled: Words, places: int, there: NDArray[np.bool_] | None) -> Any:
    """Whole numbers of 10**-places as decimals of 18 digits: 16 bytes each, low word first."""
    pairs = np.empty((len(unscaled), 2), np.int64)
    pairs[:, 0] = unscaled
    np.right_shift(unscaled, 63, out=pairs[:, 1])
    valid = None if there is None else _PA.py_buffer(np.packbits(there, bitorder="little"))
    kind = _PA.decimal128(18, places)
    return _PA.Array.from_buffers(kind, len(unscaled), [valid, _PA.py_buffer(pairs)])
