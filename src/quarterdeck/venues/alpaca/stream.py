"""What the data stream says, as market events. Nothing that comes in raises anything.

| message         | becomes                                                                                     |
|-----------------|---------------------------------------------------------------------------------------------|
| q, quote        | QUOTE; a side that nobody offers is 0. Sizes are shares                                      |
| t, trade        | TRADE with its time and id. The tape names no aggressor: SELL below the middle of the quote  |
| b, minute bar   | BAR                                                                                         |
| s, status       | a halt or its end: said aloud, and entries in the symbol are refused meanwhile               |
| c, x, l         | nothing: corrections, void trades and price bands change no event that was told              |
| success, error, | kept in `controls` for whoever keeps the line                                                |
| subscription    |                                                                                             |

Prices of the market that lie between two ticks (a trade at the middle of a quote does) are told at the tick next to
them. A trade whose conditions say that its price is not of this moment is left out.
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from msgspec.msgpack import Ext

from quarterdeck.kernel.records import EVENT, PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.venues.alpaca.numbers import stamp_ns
from quarterdeck.venues.alpaca.reasons import HALTS, RESUMPTIONS
from quarterdeck.venues.alpaca.schema import (
    DataBar,
    DataError,
    DataMessage,
    DataQuote,
    DataStatus,
    DataSubscription,
    DataSuccess,
    DataTrade,
)
from quarterdeck.venues.alpaca.universe import Listed, Universe
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import MarketData, Message

__all__ = ["MESSAGE_BYTES_MAX", "Control", "DataReader"]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
_PROBLEM_MAX: Final = 160
_ROWS_MAX: Final = 20_000
_CONTROLS_MAX: Final = 64

# EVENT's 64 bytes: two times; kind, flags, instrument, strategy, check; five words.
_EVENT: Final = struct.Struct("<qqBBhhHqqqqq")
_NOBODY: Final = -1
_QUOTE, _TRADE, _BAR, _SELL = EventKind.QUOTE, EventKind.TRADE, EventKind.BAR, int(Flag.SELL)

# Sale conditions of both tapes: average price, cash, price variation, official close and open, next day, prior
# reference, seller, extended hours out of sequence, contingent, weighted average, out of sequence, derived, corrected.
_NOT_OF_NOW: Final = frozenset("BCHMNPQRUVWZ479")

Control = DataSuccess | DataError | DataSubscription

assert _EVENT.size == EVENT.itemsize


class DataReader:
    """Reads the messages of one connection, in one thread.

    `bad` is told of what cannot be read: kind, raw bytes, what is wrong. `touch` is each instrument's best bid and ask
    in ticks, `halted` the instruments in which trading is; both may be read from other threads.
    """

    def __init__(self, universe: Universe, bad: Callable[[str, bytes, str], None]) -> None:
        self._universe, self._bad = universe, bad
        self._decoder = msgspec.msgpack.Decoder(list[DataMessage])
        self._rows = msgspec.msgpack.Decoder(list[msgspec.Raw])
        self._row = msgspec.msgpack.Decoder(DataMessage)
        self.touch: dict[int, tuple[int, int]] = {}
        self.halted: set[int] = set()
        self.controls: list[Control] = []
        self.said: list[str] = []

    def read(self, raw: bytes) -> tuple[Message, ...]:
        """Returns what a message says; nothing for one that is not for us. Its bad parts are put aside."""
        out = bytearray()
        for row in self._decoded(raw):
            try:
                self._take(row, out)
            except BadMessage as error:
                self._bad(error.kind, raw, error.problem)
            except (ValueError, OverflowError, struct.error) as error:
                self._bad("wrong figure", raw, str(error)[:_PROBLEM_MAX])
        return (MarketData(events=np.frombuffer(out, EVENT)),) if out else ()

    def _decoded(self, raw: bytes) -> list[DataMessage]:
        if len(raw) > MESSAGE_BYTES_MAX:
            self._bad("oversized message", raw, f"{len(raw)} bytes")
            return []
        try:
            return self._decoder.decode(raw)[:_ROWS_MAX]
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._one_by_one(raw)

    def _one_by_one(self, raw: bytes) -> list[DataMessage]:
        """The rows that can be read of a message that has one which cannot."""
        try:
            rows = self._rows.decode(raw)[:_ROWS_MAX]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self._bad("not a list of messages", raw, str(error)[:_PROBLEM_MAX])
            return []
        good: list[DataMessage] = []
        for row in rows:
            try:
                good.append(self._row.decode(row))
            except msgspec.ValidationError as error:
                kind = "unknown message" if "$.T" in str(error) else "wrong type"
                self._bad(kind, bytes(row), str(error)[:_PROBLEM_MAX])
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                self._bad("not MessagePack", bytes(row), str(error)[:_PROBLEM_MAX])
        return good

    def _take(self, row: DataMessage, out: bytearray) -> None:
        if isinstance(row, DataQuote):
            self._quote(row, out)
        elif isinstance(row, DataTrade):
            self._trade(row, out)
        elif isinstance(row, DataBar):
            self._bar(row, out)
        elif isinstance(row, DataStatus):
            self._status(row)
        elif isinstance(row, DataSuccess | DataError | DataSubscription):
            self.controls = [*self.controls[-_CONTROLS_MAX:], row]

    def _quote(self, row: DataQuote, out: bytearray) -> None:
        listed = self._universe.by_symbol.get(row.symbol)
        if listed is None:
            return
        bid, ask = _ticks(listed, row.bid), _ticks(listed, row.ask)
        if bid >= ask > 0:
            raise BadMessage("crossed or locked quote", f"{row.bid} {row.ask}")
        bid_lots, ask_lots = _lots(listed, row.bid_size), _lots(listed, row.ask_size)
        time_ns = _time_ns(row.time)
        self.touch[listed.index] = (bid, ask)
        out += _EVENT.pack(0, time_ns, _QUOTE, 0, listed.index, _NOBODY, 0, bid, ask, bid_lots, ask_lots, 0)

    def _trade(self, row: DataTrade, out: bytearray) -> None:
        listed = self._universe.by_symbol.get(row.symbol)
        if listed is None or (row.conditions and not _NOT_OF_NOW.isdisjoint(row.conditions)):
            return
        price, lots = _ticks(listed, row.price), _lots(listed, row.size)
        if not price or not 0 < row.trade_id < 2**63:
            raise BadMessage("trade", f"trade {row.trade_id} at {row.price}")
        if not lots:
            return  # less than a lot of the desk
        bid, ask = self.touch.get(listed.index, (0, 0))
        flags = _SELL if bid and ask and 2 * price < bid + ask else 0
        time_ns = _time_ns(row.time)
        out += _EVENT.pack(0, time_ns, _TRADE, flags, listed.index, _NOBODY, 0, price, lots, 0, row.trade_id, 0)

    def _bar(self, row: DataBar, out: bytearray) -> None:
        listed = self._universe.by_symbol.get(row.symbol)
        if listed is None:
            return
        first, high, low, last = (_ticks(listed, price) for price in (row.open, row.high, row.low, row.close))
        if not 0 < low <= min(first, last) <= max(first, last) <= high:
            raise BadMessage("bar", f"{row.open} {row.high} {row.low} {row.close}")
        time_ns, lots = _time_ns(row.time), _lots(listed, row.volume)
        out += _EVENT.pack(0, time_ns, _BAR, 0, listed.index, _NOBODY, 0, first, high, low, last, lots)

    def _status(self, row: DataStatus) -> None:
        listed = self._universe.by_symbol.get(row.symbol)
        if listed is None:
            return
        if row.code in HALTS:
            self.halted.add(listed.index)
            why = f" ({row.reason[:_PROBLEM_MAX]})" if row.reason else ""
            self.said.append(f"trading in {row.symbol} is halted{why}: entries wait until it goes on")
        elif row.code in RESUMPTIONS and listed.index in self.halted:
            self.halted.discard(listed.index)
            self.said.append(f"trading in {row.symbol} goes on")


def _time_ns(stamp: Ext) -> int:
    return stamp_ns(stamp.code, bytes(stamp.data))


def _ticks(listed: Listed, price: float) -> int:
    """The ticks next to a price; 0 for none."""
    ticks = round(price * listed.ticks_per_dollar)
    if not 0 <= ticks < PRICE_MAX:
        raise BadMessage("price", f"{price}")
    return ticks


def _lots(listed: Listed, size: float) -> int:
    """The lots of a size, cut to whole ones; 1e-6 of a lot is the float's, not the market's."""
    lots = int(size * listed.lots_per_share + 1e-6)
    if not 0 <= lots < QUANTITY_MAX or size < 0:
        raise BadMessage("size", f"{size}")
    return lots
