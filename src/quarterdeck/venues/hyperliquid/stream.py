"""What the websocket says, as market events, order news, fills and funding. Nothing that comes in raises anything.

| channel            | becomes                                                                                     |
|--------------------|---------------------------------------------------------------------------------------------|
| trades             | TRADE each, with the venue's time and trade id; SELL when the aggressor sold                |
| bbo                | QUOTE; a side that nobody offers is 0                                                       |
| l2Book             | BOOK_CLEAR and a LEVEL for each side's level: the venue sends whole books, no differences    |
| activeAssetCtx     | MARK, and FUNDING when the hourly rate has changed                                          |
| orderUpdates       | OrderNews                                                                                   |
| userFills          | FillsNews; the snapshot is left out: whoever connects asks for what he missed               |
| userFundings       | FundingNews, of the snapshot too: who knows a payment knows it by its time                  |
| user               | nothing: its fills and fundings come by the channels above; a liquidation is said aloud     |
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.venues.forms import ASK, BID, NEWEST, Form, Grids, MarketRoom
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader, nanoseconds
from quarterdeck.venues.hyperliquid.schema import (
    BboData,
    BookData,
    ContextData,
    FillsData,
    FundingsData,
    OrderUpdate,
    StreamMessage,
    UserData,
    WireBbo,
    WireBook,
    WireContext,
    WireFills,
    WireFundings,
    WireLevels,
    WireOrders,
    WireRefusal,
    WireSpotContext,
    WireTrade,
    WireTrades,
    WireUser,
)
from quarterdeck.venues.hyperliquid.universe import Listed, Universe
from quarterdeck.venues.levels import OBJECTS, LevelScanner
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import FillsNews, FundingNews, MarketData, Message, OrderNews

__all__ = ["GREETING", "MESSAGE_BYTES_MAX", "StreamReader"]

GREETING: Final = b"Websocket connection established."
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
_PPB: Final = 9  # decimals of a rate
_ROWS_MAX: Final = 20_000
_PROBLEM_MAX: Final = 160
_TEXTS_MAX: Final = 8_192
_TEMPLATES_MAX: Final = 256

# EVENT's 64 bytes: two times; kind, flags, instrument, strategy, check; five words.
_EVENT: Final = struct.Struct("<qqBBhhHqqqqq")
_QUOTE, _TRADE, _LEVEL, _CLEAR = EventKind.QUOTE, EventKind.TRADE, EventKind.LEVEL, EventKind.BOOK_CLEAR
_MARK, _FUNDING = EventKind.MARK, EventKind.FUNDING
_SELL, _LAST = int(Flag.SELL), int(Flag.LAST)
_NOBODY: Final = -1
_COMMA: Final = ord(",")
_KIND_MAX: Final = 20  # where the channel's name has ended in a message of market data

_WORDS: Final = EVENT.itemsize // 8
_TIME, _HEAD, _PRICE = 1, 2, 3  # words of an event: the venue's time; kind, flags, instrument, strategy; the payload

assert _EVENT.size == EVENT.itemsize


class _Texts(dict[str, int]):
    """Figures that were read before: a book repeats its prices, and most of its sizes, in every message."""

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> int:
        value = self._read(text)
        if len(self) >= _TEXTS_MAX:
            self.clear()
        self[text] = value
        return value


class StreamReader:
    """Reads the messages of one connection, in one thread.

    `bad` is told of what cannot be read: kind, raw bytes, what is wrong. `touch` is each instrument's best bid and ask
    in ticks, `newest_ns` the latest venue time that was seen; both may be read from other threads.
    """

    def __init__(
        self, universe: Universe, reader: Reader, lineage: Lineage, bad: Callable[[str, bytes, str], None]
    ) -> None:
        self.universe, self._reader, self._lineage, self._bad = universe, reader, lineage, bad
        self._decoder = msgspec.json.Decoder(StreamMessage)
        self._wire_levels = msgspec.json.Decoder(WireLevels)
        self._room, self._forms = MarketRoom(), dict(_forms(universe))
        self._scanners: dict[int, LevelScanner] = {}
        self._templates: dict[tuple[int, int, int], NDArray[np.int64]] = {}
        self._price_texts: dict[int, _Texts] = {}
        self._size_texts: dict[int, _Texts] = {}
        self._rates: dict[int, int] = {}
        self.touch: dict[int, tuple[int, int]] = {}
        self.newest_ns = 0
        self.said: list[str] = []  # what the venue said of a subscription it refused, and of liquidations

    def read(self, raw: bytes) -> tuple[Message, ...]:
        """Returns what a message says; nothing for one that is not for us, or is put aside."""
        form = self._forms.get(raw[: raw.find(b",", _KIND_MAX)])
        if form is not None and (events := self._room.read(form, raw)) is not None:
            figures = form.figures
            self.newest_ns = max(self.newest_ns, figures[NEWEST])
            if form.kind != _TRADE:
                self.touch[form.index] = (figures[BID], figures[ASK])
            return (MarketData(events=events),)
        try:
            if len(raw) > MESSAGE_BYTES_MAX:
                raise BadMessage("oversized message", f"{len(raw)} bytes")
            message = self._decoder.decode(raw)
            return self._take(message)
        except BadMessage as error:
            self._bad(error.kind, raw, error.problem)
        except (msgspec.DecodeError, ValueError, struct.error, OverflowError, RecursionError) as error:
            if raw != GREETING:
                self._bad(_kind_of(error), raw, str(error)[:_PROBLEM_MAX])
        return ()

    def _take(self, message: StreamMessage) -> tuple[Message, ...]:
        if isinstance(message, WireTrades):
            return self._trades(message.data)
        if isinstance(message, WireBbo):
            return self._bbo(message.data)
        if isinstance(message, WireBook):
            return self._book(message.data)
        if isinstance(message, WireContext | WireSpotContext):
            return self._context(message.data)
        return self._account(message)

    def _account(self, message: StreamMessage) -> tuple[Message, ...]:
        if isinstance(message, WireOrders):
            return self._orders(message.data)
        if isinstance(message, WireFills):
            return self._fills(message.data)
        if isinstance(message, WireFundings):
            return self._fundings(message.data)
        if isinstance(message, WireUser):
            self._user(message.data)
        elif isinstance(message, WireRefusal):
            self.said.append(f"the venue refused a subscription: {message.data[:_PROBLEM_MAX]}")
        return ()

    def _trades(self, trades: list[WireTrade]) -> tuple[Message, ...]:
        out = bytearray()
        for trade in trades:
            listed = self.universe.by_coin.get(trade.coin)
            if listed is None:
                continue
            lots, time_ns = self._sizes(listed)[trade.sz], nanoseconds(trade.time)
            if lots <= 0 or not 0 < trade.tid < 2**63:
                raise BadMessage("trade", f"trade {trade.tid} of {trade.sz[:40]!r}")
            flags = _SELL if trade.side == "A" else 0
            out += _EVENT.pack(
                0,
                time_ns,
                _TRADE,
                flags,
                listed.index,
                _NOBODY,
                0,
                self._prices(listed)[trade.px],
                lots,
                0,
                trade.tid,
                0,
            )
            self.newest_ns = max(self.newest_ns, time_ns)
        return _market(out)

    def _bbo(self, data: BboData) -> tuple[Message, ...]:
        listed = self.universe.by_coin.get(data.coin)
        if listed is None:
            return ()
        bid, ask = data.bbo
        prices, sizes = self._prices(listed), self._sizes(listed)
        bid_ticks, bid_lots = (prices[bid.px], sizes[bid.sz]) if bid else (0, 0)
        ask_ticks, ask_lots = (prices[ask.px], sizes[ask.sz]) if ask else (0, 0)
        if bid_ticks >= ask_ticks > 0 or bid_lots < 0 or ask_lots < 0:
            raise BadMessage("crossed quote", f"{bid} {ask}"[:_PROBLEM_MAX])
        time_ns = nanoseconds(data.time)
        self.newest_ns = max(self.newest_ns, time_ns)
        self.touch[listed.index] = (bid_ticks, ask_ticks)
        return _market(
            bytearray(
                _EVENT.pack(
                    0, time_ns, _QUOTE, 0, listed.index, _NOBODY, 0, bid_ticks, ask_ticks, bid_lots, ask_lots, 0
                )
            )
        )

    def _book(self, data: BookData) -> tuple[Message, ...]:
        listed = self.universe.by_coin.get(data.coin)
        if listed is None:
            return ()
        time_ns, index = nanoseconds(data.time), listed.index
        bids, asks, prices, lots = self._levels(data.levels, listed)
        best_bid, best_ask = int(prices[0]) if bids else 0, int(prices[bids]) if asks else 0
        if bids and asks and best_bid >= best_ask:
            raise BadMessage("crossed book", f"bid {best_bid}, ask {best_ask} ticks")
        words = self._template(index, bids, asks).copy()
        words[:, _TIME] = time_ns
        words[1:, _PRICE], words[1:, _PRICE + 1] = prices, lots
        self.newest_ns = max(self.newest_ns, time_ns)
        self.touch[index] = (best_bid, best_ask)
        # The same bytes: a view of another type is checked by slow code of numpy's.
        return (MarketData(events=np.ndarray((len(words),), EVENT, words)),)

    def _levels(self, levels: msgspec.Raw, listed: Listed) -> tuple[int, int, NDArray[np.int64], NDArray[np.int64]]:
        """Returns how many bids and asks there are, and the ticks and lots of all, bids first, shape (levels,)."""
        scanner = self._scanners.get(listed.index)
        if scanner is None:
            grids = (1, listed.price_decimals), (1, listed.size_decimals)
            scanner = self._scanners[listed.index] = LevelScanner(OBJECTS, _ROWS_MAX, *grids, least=1)
        raw = bytes(levels)
        bids, end = scanner.scan(raw, 1)
        both, end = scanner.scan(raw, end + 1, bids) if bids >= 0 and raw[end] == _COMMA else (-1, 0)
        if both >= 0 and end == len(raw) - 1:
            return bids, both - bids, scanner.prices[:both], scanner.sizes[:both]
        return self._unusual_levels(levels, listed)

    def _unusual_levels(
        self, levels: msgspec.Raw, listed: Listed
    ) -> tuple[int, int, NDArray[np.int64], NDArray[np.int64]]:
        """As `_levels`, for what is not written in the venue's own plain form; or is wrong, and that is said."""
        bids, asks = self._wire_levels.decode(levels)
        both = [*bids, *asks]
        if len(both) > _ROWS_MAX:
            raise BadMessage("book", f"{len(both)} levels")
        prices = np.array([self._prices(listed)[level.px] for level in both], np.int64)
        lots = np.array([self._sizes(listed)[level.sz] for level in both], np.int64)
        if len(lots) and int(lots.min()) <= 0:
            raise BadMessage("book", "a level without a size")
        return len(bids), len(asks), prices, lots

    def _template(self, index: int, bids: int, asks: int) -> NDArray[np.int64]:
        """A book's events with all but time, prices and sizes: books of one shape come again and again."""
        key = (index, bids, asks)
        known = self._templates.get(key)
        if known is not None:
            return known
        words = np.zeros((1 + bids + asks, _WORDS), np.int64)
        words[0, _HEAD] = _head(_CLEAR, 0, index)
        words[1:, _HEAD] = _head(_LEVEL, 0, index)
        words[1 + bids :, _HEAD] = _head(_LEVEL, _SELL, index)
        if bids + asks:
            words[-1, _HEAD] = _head(_LEVEL, (_SELL if asks else 0) | _LAST, index)
        if len(self._templates) < _TEMPLATES_MAX:
            self._templates[key] = words
        return words

    def _prices(self, listed: Listed) -> "_Texts":
        known = self._price_texts.get(listed.index)
        if known is None:
            known = self._price_texts[listed.index] = _Texts(listed.ticks)
        return known

    def _sizes(self, listed: Listed) -> "_Texts":
        known = self._size_texts.get(listed.index)
        if known is None:
            known = self._size_texts[listed.index] = _Texts(listed.lots)
        return known

    def _context(self, data: ContextData) -> tuple[Message, ...]:
        listed = self.universe.by_coin.get(data.coin)
        if listed is None:
            return ()
        mark = listed.near_ticks(data.ctx.mark_px)
        if mark <= 0:
            raise BadMessage("mark", f"{data.ctx.mark_px[:40]!r}")
        # The message has no time of its own: the newest of the connection is no later than it.
        out = bytearray(_EVENT.pack(0, self.newest_ns, _MARK, 0, listed.index, _NOBODY, 0, mark, 0, 0, 0, 0))
        if not listed.spot:
            rate = _rate(data.ctx.funding)
            if self._rates.get(listed.index) != rate:
                self._rates[listed.index] = rate
                out += _EVENT.pack(0, self.newest_ns, _FUNDING, 0, listed.index, _NOBODY, 0, rate, 0, 0, 0, 0)
        return _market(out)

    def _orders(self, updates: list[OrderUpdate]) -> tuple[Message, ...]:
        reports: list[Any] = []
        for update in updates:
            report = self._reader.order(update.order, update.status, update.status_timestamp)
            if report is not None and (whole := self._lineage.saw_order(report)) is not None:
                reports.append(whole)
        return (OrderNews(orders=tuple(reports)),) if reports else ()

    def _fills(self, data: FillsData) -> tuple[Message, ...]:
        told = [report for report in map(self._reader.fill, data.fills) if report is not None]
        reports = [self._lineage.saw_fill(report) for report in told]
        if data.is_snapshot or not reports:
            return ()
        self.newest_ns = max(self.newest_ns, reports[-1].venue_time_ns)
        return (FillsNews(fills=tuple(reports)),)

    def _fundings(self, data: FundingsData) -> tuple[Message, ...]:
        rows = sorted(data.fundings, key=lambda row: row.time)
        payments = tuple(report for report in map(self._reader.funding, rows) if report is not None)
        return (FundingNews(payments=payments),) if payments else ()

    def _user(self, data: UserData) -> None:
        if data.liquidation is not None:
            self.said.append(f"the venue liquidates: {data.liquidation.lid}")


def _forms(universe: Universe) -> Iterator[tuple[bytes, Form]]:
    """How the venue writes market data, by what a message begins with: up to its second comma."""
    side = '{"px":"<%s>","sz":"<%s_size>","n":<number>}'
    for one in universe.listed:
        grids = Grids(one.index, (1, one.price_decimals), (1, one.size_decimals), least=1)
        traded = (
            f'{{"channel":"trades","data":[<each>{{"coin":"{one.coin}","side":"<aggressor>","px":"<price>",'
            '"sz":"<size>","time":<time>,"hash":"<text>","tid":<id>,"users":["<text>","<text>"]}<row>]}'
        )
        yield _beginning(traded), Form(traded, _TRADE, grids)
        quoted = f'{{"channel":"bbo","data":{{"coin":"{one.coin}","time":<time>,"bbo":['
        quoted += f"{side.replace('%s', 'bid')},{side.replace('%s', 'ask')}]}}}}<row>"
        yield _beginning(quoted), Form(quoted, _QUOTE, grids)
        book = f'{{"channel":"l2Book","data":{{"coin":"{one.coin}","time":<time>,"levels":[<bids>,<asks>]}}}}'
        yield _beginning(book), Form(book, _LEVEL, grids, levels=OBJECTS, whole=True)


def _beginning(text: str) -> bytes:
    raw = text.replace("<each>", "").encode()
    return raw[: raw.find(b",", _KIND_MAX)]


def _rate(text: str) -> int:
    """Parts per billion of notional for one hour, cut: the venue writes more decimals than that."""
    whole, _, part = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    digits = whole.lstrip("-") + part[:_PPB].ljust(_PPB, "0")
    if not digits.isdigit() or len(digits) > 18 or not (part or "0").isdigit():
        raise BadMessage("funding rate", f"{text[:40]!r}")
    return sign * int(digits)


def _head(kind: int, flags: int, index: int) -> int:
    """The third word of an event, for no strategy."""
    return int.from_bytes(struct.pack("<BBhhH", kind, flags, index, _NOBODY, 0), "little", signed=True)


def _market(out: bytearray) -> tuple[Message, ...]:
    return (MarketData(events=np.frombuffer(out, EVENT)),) if out else ()


def _kind_of(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "unknown channel" if "Invalid value" in str(error) and "$.channel" in str(error) else "wrong type"
    return "not JSON" if isinstance(error, msgspec.DecodeError) else "wrong figure"
