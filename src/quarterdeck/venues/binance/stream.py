"""What the websockets say, as market events, order news, fills. Nothing that comes in raises anything.

| stream                       | becomes                                                                               |
|------------------------------|---------------------------------------------------------------------------------------|
| aggTrade                     | TRADE, with the venue's time and the aggregate's id; SELL when the buyer made it      |
| bookTicker                   | QUOTE; a side that nobody offers is 0                                                 |
| depth                        | LEVEL for each that has changed, behind a snapshot that is fetched; see `depth`       |
| markPrice (futures)          | MARK, and FUNDING when the rate has changed: of the venue's own interval              |
| executionReport,             | FillsNews where it traded, then OrderNews                                             |
| ORDER_TRADE_UPDATE           |                                                                                       |
| ACCOUNT_UPDATE (futures)     | nothing; of FUNDING_FEE, that the payments are asked for: it does not say whose       |
| outboundAccountPosition      | nothing: balances are compared by asking                                              |
| listenKeyExpired,            | `over`: the account's stream has ended, and the line begins anew                      |
| eventStreamTerminated        |                                                                                       |
"""

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.venues.binance.depth import Join, Step
from quarterdeck.venues.binance.numbers import fixed
from quarterdeck.venues.binance.reader import Reader, nanoseconds
from quarterdeck.venues.binance.schema import (
    AccountUpdate,
    AggTrade,
    BookTicker,
    Combined,
    DepthDiff,
    MarkPrice,
    OrderTradeUpdate,
    Said,
    Snapshot,
    StreamOrder,
)
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.forms import BID, NEWEST, TIME, Form, Grids, MarketRoom
from quarterdeck.venues.levels import PAIRS, LevelScanner
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import FillsNews, MarketData, Message, OrderNews

__all__ = ["MESSAGE_BYTES_MAX", "StreamReader", "stream_names"]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
_PPB: Final = 9  # decimals of a rate
_LEVELS_MAX: Final = 20_000
_PROBLEM_MAX: Final = 160
_ENDED: Final = frozenset({"listenKeyExpired", "eventStreamTerminated"})
_KNOWN: Final = frozenset(
    {
        "outboundAccountPosition",
        "balanceUpdate",
        "listStatus",
        "externalLockUpdate",
        "ACCOUNT_CONFIG_UPDATE",
        "TRADE_LITE",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
        "ALGO_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "MARGIN_CALL",
    }
)

# EVENT's 64 bytes: two times; kind, flags, instrument, strategy, check; five words.
_EVENT: Final = struct.Struct("<qqBBhhHqqqqq")
_QUOTE, _TRADE, _LEVEL, _CLEAR = EventKind.QUOTE, EventKind.TRADE, EventKind.LEVEL, EventKind.BOOK_CLEAR
_MARK, _FUNDING = EventKind.MARK, EventKind.FUNDING
_SELL, _LAST = int(Flag.SELL), int(Flag.LAST)
_NOBODY: Final = -1
_ID_MAX: Final = 2**63
_WORDS: Final = EVENT.itemsize // 8
_TIME, _HEAD, _PRICE = 1, 2, 3  # words of an event: the venue's time; kind, flags, instrument, strategy; the payload


_UNREADABLE: Final = (msgspec.DecodeError, ValueError, struct.error, OverflowError, RecursionError)

_PAIRS: Final = msgspec.json.Decoder(list[tuple[str, str]])

assert _EVENT.size == EVENT.itemsize


def stream_names(listed: Listed, *, depth: bool) -> tuple[list[str], list[str]]:
    """Returns an instrument's streams: those of the book, and those of trades and marks."""
    symbol = listed.symbol.lower()
    book = [f"{symbol}@bookTicker", *([f"{symbol}@depth@100ms"] if depth else [])]
    return book, [f"{symbol}@aggTrade", *([] if listed.spot else [f"{symbol}@markPrice@1s"])]


class StreamReader:
    """Reads the messages of one connection after another, in one thread.

    `bad` is told of what cannot be read: kind, raw bytes, what is wrong; `want_book` which instrument needs a snapshot.
    `newest_ns` is the latest venue time that was seen, `prices` each instrument's latest best bid (or ask) in ticks;
    other threads may read both.
    """

    def __init__(
        self,
        universe: Universe,
        reader: Reader,
        bad: Callable[[str, bytes, str], None],
        want_book: Callable[[int], None],
    ) -> None:
        self.universe, self._reader, self._bad, self._want_book = universe, reader, bad, want_book
        self._combined = msgspec.json.Decoder(Combined)
        self._said = msgspec.json.Decoder(Said)
        self._routes: dict[str, tuple[Any, Callable[[Any, Listed], tuple[Message, ...]], Listed]] = {}
        kinds: tuple[tuple[str, Any, Callable[[Any, Listed], tuple[Message, ...]]], ...] = (
            ("aggTrade", msgspec.json.Decoder(AggTrade), self._trade),
            ("bookTicker", msgspec.json.Decoder(BookTicker), self._quote),
            ("depth@100ms", msgspec.json.Decoder(DepthDiff), self._diff),
            ("markPrice@1s", msgspec.json.Decoder(MarkPrice), self._mark),
        )
        for listed in universe.listed:
            for name, decoder, take in kinds:
                self._routes[f"{listed.symbol.lower()}@{name}"] = (decoder, take, listed)
        self._orders = msgspec.json.Decoder(StreamOrder)
        self._updates = msgspec.json.Decoder(OrderTradeUpdate)
        self._changes = msgspec.json.Decoder(AccountUpdate)
        self._scanners = {
            one.index: LevelScanner(
                PAIRS,
                _LEVELS_MAX,
                (one.tick.mantissa, one.tick.decimals),
                (one.lot.mantissa, one.lot.decimals),
                least=0,
            )
            for one in universe.listed
        }
        self._room, self._forms = MarketRoom(), _forms(universe)
        self._joins = {one.index: Join(spot=one.spot) for one in universe.listed}
        self._rates: dict[int, int] = {}
        self.prices: dict[int, int] = {}
        self.newest_ns = 0
        self.over = ""  # why the account's stream has ended
        self.funding_due = False

    def begin_anew(self, venue_ms: int) -> None:
        """A new connection, made after the venue said that time: nothing of the old one's books joins what it says."""
        self.newest_ns = max(self.newest_ns, nanoseconds(venue_ms))
        self.over = ""
        for join in self._joins.values():
            join.drop()

    # Market data.

    def read(self, raw: bytes) -> tuple[Message, ...]:
        """Returns what a message of the market's streams says; nothing for one that is put aside."""
        for form in self._forms.get(raw[: raw.find(b",")], ()):
            if (plain := self._plain(form, raw)) is not None:
                return plain
        try:
            if len(raw) > MESSAGE_BYTES_MAX:
                raise BadMessage("oversized message", f"{len(raw)} bytes")
            message = self._combined.decode(raw)
            route = self._routes.get(message.stream)
            if route is None:
                raise BadMessage("unknown stream", f"{message.stream[:40]!r}")
            decoder, take, listed = route
            return take(decoder.decode(message.data), listed)
        except BadMessage as error:
            self._bad(error.kind, raw, error.problem)
        except _UNREADABLE as error:
            self._bad(_kind_of(error), raw, str(error)[:_PROBLEM_MAX])
        return ()

    def _plain(self, form: Form, raw: bytes) -> tuple[Message, ...] | None:
        """What a message says that is in a form; None: it is not, or what to do with it is not as plain."""
        figures = form.figures
        if not form.timed:  # spot's quotes: the newest time is no later than theirs
            figures[TIME] = self.newest_ns
        events = self._room.read(form, raw)
        if events is None:
            return None
        if form.kind == _LEVEL:
            first, last, before = form.numbers
            if first > last or not self._joins[form.index].advance(first, last, before):
                return None
            return (MarketData(events=events),) if len(events) else ()
        self.newest_ns = max(self.newest_ns, figures[NEWEST])
        if form.kind == _QUOTE:
            self.prices[form.index] = figures[BID]
        return (MarketData(events=events),)

    def _trade(self, trade: AggTrade, listed: Listed) -> tuple[Message, ...]:
        lots, price, time_ns = listed.lot_texts[trade.q], listed.tick_texts[trade.p], nanoseconds(trade.T)
        if lots <= 0 or not 0 < trade.a < _ID_MAX or trade.s != listed.symbol:
            raise BadMessage("trade", f"trade {trade.a} of {trade.q[:40]!r} {trade.s[:40]}")
        self.newest_ns = max(self.newest_ns, time_ns)
        flags = _SELL if trade.m else 0
        return _market(_EVENT.pack(0, time_ns, _TRADE, flags, listed.index, _NOBODY, 0, price, lots, 0, trade.a, 0))

    def _quote(self, quote: BookTicker, listed: Listed) -> tuple[Message, ...]:
        sizes, prices = listed.lot_texts, listed.tick_texts
        bid_lots, ask_lots = sizes[quote.B], sizes[quote.A]
        bid, ask = prices[quote.b] if bid_lots else 0, prices[quote.a] if ask_lots else 0
        if bid >= ask > 0 or bid_lots < 0 or ask_lots < 0 or quote.s != listed.symbol or not 0 <= quote.u < _ID_MAX:
            raise BadMessage("crossed quote", f"{quote.s[:40]} {quote.b[:40]} {quote.a[:40]}")
        # Spot's has no time of its own: the newest of the connection is no later than it.
        time_ns = nanoseconds(quote.T) if quote.T else self.newest_ns
        self.newest_ns = max(self.newest_ns, time_ns)
        self.prices[listed.index] = bid or ask
        return _market(
            _EVENT.pack(0, time_ns, _QUOTE, 0, listed.index, _NOBODY, 0, bid, ask, bid_lots, ask_lots, quote.u)
        )

    def _mark(self, mark: MarkPrice, listed: Listed) -> tuple[Message, ...]:
        price, time_ns = listed.near_ticks(mark.p), nanoseconds(mark.E)
        if price <= 0 or mark.s != listed.symbol:
            raise BadMessage("mark", f"{mark.s[:40]} {mark.p[:40]!r}")
        out = bytearray(_EVENT.pack(0, time_ns, _MARK, 0, listed.index, _NOBODY, 0, price, 0, 0, 0, 0))
        rate = _rate(mark.r) if mark.r else 0
        if self._rates.get(listed.index) != rate:
            self._rates[listed.index] = rate
            out += _EVENT.pack(0, time_ns, _FUNDING, 0, listed.index, _NOBODY, 0, rate, 0, 0, 0, 0)
        self.newest_ns = max(self.newest_ns, time_ns)
        return _market(out)

    # Books.

    def _diff(self, diff: DepthDiff, listed: Listed) -> tuple[Message, ...]:
        if diff.s != listed.symbol or not 0 <= diff.U <= diff.u < _ID_MAX or (not listed.spot and diff.pu < 0):
            raise BadMessage("depth", f"{diff.s[:40]} {diff.U} {diff.u} {diff.pu}")
        join = self._joins[listed.index]
        events = self._levels(listed, diff.b, diff.a, nanoseconds(diff.T or diff.E), diff.u)
        step = join.take(diff)
        if step is Step.APPLY:
            return _market(events)
        if step is Step.BROKEN:
            self._want_book(listed.index)
            return _market(_clear(listed, nanoseconds(diff.T or diff.E)))
        return ()

    def take_snapshot(self, index: int, raw: bytes) -> tuple[Message, ...]:
        """Takes the answer with a whole book, and returns it with what has changed since; nothing if it does not join.

        A snapshot that does not join, or cannot be read, is asked for again.
        """
        listed, join = self.universe.by_index[index], self._joins[index]
        try:
            snapshot = msgspec.json.decode(raw, type=Snapshot)
            if not 0 <= snapshot.last_update_id < _ID_MAX:
                raise BadMessage("snapshot", f"numbered {snapshot.last_update_id}")
            time_ns = nanoseconds(snapshot.event_time) or self.newest_ns
            whole = _clear(listed, time_ns)
            whole += self._levels(listed, snapshot.bids, snapshot.asks, time_ns, snapshot.last_update_id)
            later = join.begin(snapshot.last_update_id)
            if later is None:
                self._want_book(index)
                return ()
            for diff in later:
                whole += self._levels(listed, diff.b, diff.a, nanoseconds(diff.T or diff.E), diff.u)
            return _market(whole)
        except BadMessage as error:
            self._bad(error.kind, raw, error.problem)
        except _UNREADABLE as error:
            self._bad(f"snapshot, {_kind_of(error)}", raw, str(error)[:_PROBLEM_MAX])
        self._want_book(index)
        return ()

    def _levels(self, listed: Listed, bids: msgspec.Raw, asks: msgspec.Raw, time_ns: int, number: int) -> bytes:
        """The levels as events, the last one flagged. Raises ValueError: a price off the grid, a size below 0."""
        scanner, texts = self._scanners[listed.index], (bytes(bids), bytes(asks))
        first, bids_end = scanner.scan(texts[0])
        count, asks_end = scanner.scan(texts[1], 0, first) if first >= 0 else (-1, 0)
        if count >= 0 and bids_end == len(texts[0]) and asks_end == len(texts[1]):
            prices, sizes = scanner.prices[:count], scanner.sizes[:count]
        else:
            first, prices, sizes = _unusual_levels(listed, (bids, asks))
            count = len(prices)
        if not count:
            return b""
        words = _template(listed.index, first, count - first).copy()
        words[:, _TIME], words[:, _PRICE], words[:, _PRICE + 1], words[:, -1] = time_ns, prices, sizes, number
        return words.tobytes()

    # The account.

    def read_account(self, raw: bytes) -> tuple[Message, ...]:
        """Returns what a message of the account's stream says; nothing for one that is put aside."""
        try:
            if len(raw) > MESSAGE_BYTES_MAX:
                raise BadMessage("oversized message", f"{len(raw)} bytes")
            said, body = self._said.decode(raw), raw
            wrapped = b"" if said.e else bytes(said.event)
            if wrapped:
                said, body = self._said.decode(wrapped), wrapped
            return self._account(said.e, body)
        except BadMessage as error:
            self._bad(error.kind, raw, error.problem)
        except _UNREADABLE as error:
            self._bad(_kind_of(error), raw, str(error)[:_PROBLEM_MAX])
        return ()

    def _account(self, kind: str, body: bytes) -> tuple[Message, ...]:
        if kind == "executionReport":
            return self._order(self._orders.decode(body))
        if kind == "ORDER_TRADE_UPDATE":
            return self._order(self._updates.decode(body).o)
        if kind == "ACCOUNT_UPDATE":
            self.funding_due = self.funding_due or self._changes.decode(body).a.m == "FUNDING_FEE"
        elif kind in _ENDED:
            self.over = f"the venue ended the account's stream: {kind}"
        elif kind not in _KNOWN:
            raise BadMessage("unknown account message", f"{kind[:40]!r}")
        return ()

    def _order(self, order: StreamOrder) -> tuple[Message, ...]:
        told = self._reader.streamed(order)
        if told is None:
            return ()
        report, fill = told
        self.newest_ns = max(self.newest_ns, report.venue_time_ns)
        news = OrderNews(orders=(report,))
        return (news,) if fill is None else (FillsNews(fills=(fill,)), news)


def _forms(universe: Universe) -> dict[bytes, list[Form]]:
    """How the venue writes market data, by what a message begins with: up to its first comma."""
    found: dict[bytes, list[Form]] = {}
    for one in universe.listed:
        grids = Grids(one.index, (one.tick.mantissa, one.tick.decimals), (one.lot.mantissa, one.lot.decimals))
        for name, kind, text in _texts(one.symbol, spot=one.spot):
            wrapped = f'{{"stream":"{one.symbol.lower()}@{name}"'
            form = Form(f'{wrapped},"data":{text}', kind, grids, levels=PAIRS if kind == _LEVEL else None)
            found.setdefault(wrapped.encode(), []).append(form)
    return found


def _texts(symbol: str, *, spot: bool) -> Iterator[tuple[str, int, str]]:
    """Stream, kind of event and form."""
    trade = (
        f'{{"e":"aggTrade","E":<number>,"s":"{symbol}","a":<id>,"p":"<price>","q":"<size>","f":<number>,"l":<number>,'
    )
    sides = '"b":"<bid>","B":"<bid_size>","a":"<ask>","A":"<ask_size>"'
    if spot:
        yield "aggTrade", _TRADE, f'{trade}"T":<time>,"m":<buyer_is_maker>,"M":<yes_or_no>}}}}<row>'
        yield "bookTicker", _QUOTE, f'{{"u":<update>,"s":"{symbol}",{sides}}}}}<row>'
        numbers = f'"E":<time>,"s":"{symbol}","U":<first>,"u":<update>'
    else:
        yield "aggTrade", _TRADE, f'{trade}"T":<time>,"m":<buyer_is_maker>}}}}<row>'
        # As it comes, and as it is documented.
        quote = '{"e":"bookTicker","u":<update>,'
        yield "bookTicker", _QUOTE, f'{quote}"s":"{symbol}",{sides},"T":<time>,"E":<number>}}}}<row>'
        yield "bookTicker", _QUOTE, f'{quote}"E":<number>,"T":<time>,"s":"{symbol}",{sides}}}}}<row>'
        numbers = f'"E":<number>,"T":<time>,"s":"{symbol}","U":<first>,"u":<update>,"pu":<before>'
    yield "depth@100ms", _LEVEL, f'{{"e":"depthUpdate",{numbers},"b":<bids>,"a":<asks>}}}}'


def _unusual_levels(
    listed: Listed, lists: tuple[msgspec.Raw, msgspec.Raw]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """What `LevelScanner` reads, for lists that are not written in the venue's plain form; or are wrong."""
    bids, asks = (_PAIRS.decode(one) for one in lists)
    both = [*bids, *asks]
    if len(both) > _LEVELS_MAX:
        raise BadMessage("depth", f"{len(bids)} and {len(asks)} levels")
    prices = np.array([listed.tick_texts[price] for price, _ in both], np.int64)
    sizes = np.array([listed.lot_texts[size] for _, size in both], np.int64)
    if len(sizes) and int(sizes.min()) < 0:
        raise ValueError("a level of a size below 0")
    return len(bids), prices, sizes


@lru_cache(maxsize=512)
def _template(index: int, bids: int, asks: int) -> NDArray[np.int64]:
    """Levels with all but time, prices, sizes and number: changes of one shape come again and again."""
    words = np.zeros((bids + asks, _WORDS), np.int64)
    words[:bids, _HEAD] = _head(index, 0)
    words[bids:, _HEAD] = _head(index, _SELL)
    words[-1, _HEAD] = _head(index, (_SELL if asks else 0) | _LAST)
    return words


def _head(index: int, flags: int) -> int:
    """The third word of a level, for no strategy."""
    return int.from_bytes(struct.pack("<BBhhH", _LEVEL, flags, index, _NOBODY, 0), "little", signed=True)


def _clear(listed: Listed, time_ns: int) -> bytearray:
    return bytearray(_EVENT.pack(0, time_ns, _CLEAR, 0, listed.index, _NOBODY, 0, 0, 0, 0, 0, 0))


def _rate(text: str) -> int:
    """Parts per billion of notional, cut: the venue may write more decimals than that."""
    whole, dot, part = text.partition(".")
    if part and not (part.isascii() and part.isdigit()):
        raise BadMessage("funding rate", f"{text[:40]!r}")
    rate = fixed(f"{whole}{dot}{part[:_PPB]}", _PPB)
    if abs(rate) >= 10**_PPB:
        raise BadMessage("funding rate", f"{text[:40]!r}")
    return rate


def _market(out: bytes | bytearray) -> tuple[Message, ...]:
    """The events, which whoever gets them may write their arrival into."""
    return (MarketData(events=np.frombuffer(bytearray(out), EVENT)),) if out else ()


def _kind_of(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "wrong type"
    return "not JSON" if isinstance(error, msgspec.DecodeError) else "wrong figure"
