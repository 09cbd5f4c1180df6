"""The websocket streams: who listens to what, and the messages that carry it.

A connection belongs to one half of the venue: spot without a prefix, USD-M under `/public`, `/market` and `/private`.
As on the venue, a USD-M stream says nothing on a connection of another category than its own, and nothing is said of a
stream that does not exist: subscribing to it is confirmed all the same.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.books import MINUTE_MS, Bar, Book
from quarterdeck.twins.binance.exchange import News, PublicTrade, TwinExchange
from quarterdeck.twins.binance.market import INTERVALS, PublicMarket, bar_row

__all__ = ["CATEGORIES", "Session", "Stream", "Streams", "parse_stream"]

Wire = dict[str, Any]
CATEGORIES: Final = ("public", "market", "private")
_MESSAGE_BYTES_MAX: Final = 65_536
_STREAMS_MAX: Final = 1_024
_SECOND_MS: Final = 1_000
_MESSAGES_MAX: Final = {False: 5, True: 10}  # a second: spot, USD-M
_KLINE_MS: Final = 250
_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_NAME: Final = re.compile(r"^[a-z0-9]+@([a-zA-Z]+)(?:(\d+)(?=@|$)|_(\w+))?(?:@(\d+)(ms|s))?$")
_DEFAULT_MS: Final = {False: 1_000, True: 250}
_PUBLIC_KINDS: Final = frozenset({"depth", "bookTicker", "trade"})


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of one market. `depth` 0: differences; `interval` names bars; `every_ms` is how often, 0: always."""

    kind: str
    index: int
    depth: int = 0
    interval: str = ""
    every_ms: int = 0

    @property
    def category(self) -> str:
        """Where USD-M serves it."""
        return "public" if self.kind in _PUBLIC_KINDS else "market"


def parse_stream(name: str, futures: bool, indices: dict[str, int]) -> Stream | None:
    """Returns what a stream's name means; None for one that says nothing. `indices`: by symbol in small letters."""
    found = _NAME.match(name)
    index = indices.get(name.partition("@")[0])
    if found is None or index is None:
        return None
    kind, depth, interval, number, unit = found.groups()
    every_ms = int(number or 0) * (1_000 if unit == "s" else 1)
    if kind == "kline" and interval in INTERVALS:
        return Stream(kind, index, interval=interval)
    if kind == "depth" and int(depth or 0) in {0, 5, 10, 20}:
        allowed = {0, 100, 250, 500} if futures else {100, 1_000}
        every_ms = every_ms if number else _DEFAULT_MS[futures]
        return Stream(kind, index, depth=int(depth or 0), every_ms=every_ms) if every_ms in allowed else None
    if depth or interval:
        return None
    if kind == "markPrice" and futures and every_ms in {0, 1_000}:
        return Stream(kind, index, every_ms=every_ms or 3_000)
    return Stream(kind, index) if kind in {"trade", "aggTrade", "bookTicker"} and not number else None


@dataclass(slots=True, eq=False)
class Session:
    """One connection. `send` takes whole messages; it must not block."""

    send: Callable[[bytes], None]
    close: Callable[[], None]
    futures: bool
    category: str = ""
    combined: bool = False
    names: dict[str, None] = field(default_factory=dict[str, None])
    heard_ms: deque[int] = field(default_factory=deque[int])
    accounts: dict[int, Account] = field(default_factory=dict[int, Account])  # by subscription, websocket API alone


class Streams:
    """All connections of one exchange."""

    def __init__(self, exchange: TwinExchange, markets: dict[bool, PublicMarket]) -> None:
        self._exchange, self._markets = exchange, markets
        self.sessions: set[Session] = set()
        self._indices = {
            futures: {one.symbol.lower(): one.index for one in exchange.listings if one.futures == futures}
            for futures in (False, True)
        }
        self._listeners: dict[tuple[bool, str], list[Session]] = {}
        self._parsed: dict[tuple[bool, str], Stream] = {}
        self._told: dict[tuple[bool, str], Any] = {}  # touch or update id
        self._due_ms: dict[tuple[bool, str], int] = {}
        self._bars: dict[tuple[bool, str], int] = {}

    # What clients say.

    def join(self, session: Session, names: list[str]) -> None:
        """Takes a new connection, with the streams that its address names."""
        self.sessions.add(session)
        session.names.update(dict.fromkeys(name for name in names if name))
        self._arrange()

    def leave(self, session: Session) -> None:
        """Forgets a connection."""
        self.sessions.discard(session)
        self._arrange()

    def hear(self, session: Session, raw: bytes | str, wall_ms: int) -> None:
        """Takes one message of a client."""
        session.heard_ms.append(wall_ms)
        while session.heard_ms[0] <= wall_ms - _SECOND_MS:
            session.heard_ms.popleft()
        if len(session.heard_ms) > _MESSAGES_MAX[session.futures]:
            session.close()
            return
        try:
            if len(raw) > _MESSAGE_BYTES_MAX:
                raise msgspec.DecodeError("too long")
            message = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            session.send(_error(3, "Invalid JSON: expected value at line 1 column 1", None))
            return
        self._answer(session, message)

    def _answer(self, session: Session, message: Wire) -> None:
        method, number = message.get("method"), message.get("id")
        given: Any = message.get("params", [])
        if method not in _METHODS:
            expected = ", ".join(f"`{one}`" for one in _METHODS)
            session.send(_error(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}", number))
            return
        params = _strings(given)
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"} and not params:
            session.send(_error(2, "Invalid request: request ID and a list of streams are due", number))
            return
        result: Any = None
        if method == "SUBSCRIBE":
            if len(session.names) + len(params) > _STREAMS_MAX:
                session.close()
                return
            session.names.update(dict.fromkeys(params))
        elif method == "UNSUBSCRIBE":
            for name in params:
                session.names.pop(name, None)
        elif method == "LIST_SUBSCRIPTIONS":
            result = list(session.names)
        elif method == "GET_PROPERTY":
            result = session.combined
        elif given == ["combined", True] or given == ["combined", False]:
            session.combined = given[1]
        session.send(msgspec.json.encode({"result": result, "id": number}))
        self._arrange()

    def _arrange(self) -> None:
        """Works out anew who listens to what."""
        self._listeners.clear()
        for session in self.sessions:
            for name in session.names:
                stream = parse_stream(name, session.futures, self._indices[session.futures])
                if stream is not None and session.category in {"", stream.category}:
                    self._parsed[session.futures, name] = stream
                    self._listeners.setdefault((session.futures, name), []).append(session)
        for kept in (self._parsed, self._told, self._due_ms, self._bars):
            for key in kept.keys() - self._listeners.keys():
                del kept[key]
        wanted: dict[int, set[int]] = {}
        for futures, name in self._listeners:
            stream = self._parsed[futures, name]
            if stream.kind == "depth" and not stream.depth:
                wanted.setdefault(stream.index, set()).add(stream.every_ms)
        for book in self._exchange.books:
            rates = wanted.get(book.listing.index, set())
            for rate in list(book.windows):
                if rate not in rates:
                    del book.windows[rate]
            for rate in rates:
                book.window(rate, self._exchange.now_ms)

    # What they are told.

    def publish(self, news: News, wall_ms: int) -> None:
        """Tells everybody what happened."""
        for trade in news.trades:
            listing = self._exchange.listings[trade.index]
            self._markets[listing.futures].trades[trade.index].append(trade)
        for key, sessions in list(self._listeners.items()):
            stream = self._parsed[key]
            for data in self._messages(key, stream, news):
                _send(sessions, key[1], data)
        self._publish_private(news, wall_ms)

    def _messages(self, key: tuple[bool, str], stream: Stream, news: News) -> list[Wire]:
        """What one stream says now."""
        book = self._exchange.books[stream.index]
        if stream.kind in {"trade", "aggTrade"}:
            row = self._trade if stream.kind == "trade" else self._aggregate
            return [row(book, one) for one in news.trades if one.index == stream.index]
        if stream.kind == "bookTicker":
            return self._ticker(book, key) if stream.index in news.books else []
        if stream.kind == "markPrice":
            return self._mark(book, key, stream) if stream.index in news.marks else []
        if stream.kind == "kline":
            return self._kline(book, key, stream, news)
        return self._partial(book, key, stream) if stream.depth else self._difference(book, stream, key)

    def _trade(self, book: Book, trade: PublicTrade) -> Wire:
        futures = book.listing.futures
        row: Wire = {
            "e": "trade", "E": trade.time_ms, "s": book.listing.symbol, "t": trade.number,
            "p": book.price_text(trade.price), "q": book.lots_text(trade.lots), "T": trade.time_ms, "m": trade.sold,
        }  # fmt: skip
        return {**row, "X": "MARKET"} if futures else {**row, "M": True}

    def _aggregate(self, book: Book, trade: PublicTrade) -> Wire:
        row: Wire = {
            "e": "aggTrade", "E": trade.time_ms, "s": book.listing.symbol, "a": trade.number,
            "p": book.price_text(trade.price), "q": book.lots_text(trade.lots), "f": trade.number, "l": trade.number,
            "T": trade.time_ms, "m": trade.sold,
        }  # fmt: skip
        return row if book.listing.futures else {**row, "M": True}

    def _ticker(self, book: Book, key: tuple[bool, str]) -> list[Wire]:
        touch = book.touch()
        if self._told.get(key) == touch:
            return []
        self._told[key] = touch
        (bid, bid_lots), (ask, ask_lots) = touch
        row: Wire = {
            "u": book.update_id, "s": book.listing.symbol, "b": book.price_text(bid), "B": book.lots_text(bid_lots),
            "a": book.price_text(ask), "A": book.lots_text(ask_lots),
        }  # fmt: skip
        now_ms = self._exchange.now_ms
        return [{"e": "bookTicker", **row, "T": now_ms, "E": now_ms} if book.listing.futures else row]

    def _due(self, key: tuple[bool, str], every_ms: int) -> bool:
        """Whether a stream may speak again, by market time; then it has."""
        now_ms = self._exchange.now_ms
        if now_ms < self._due_ms.get(key, 0):
            return False
        self._due_ms[key] = now_ms + every_ms
        return True

    def _mark(self, book: Book, key: tuple[bool, str], stream: Stream) -> list[Wire]:
        if not self._due(key, stream.every_ms - 500):  # marks come each second, give or take
            return []
        row = self._markets[True].mark_row(book.listing)
        return [
            {
                "e": "markPriceUpdate", "E": row["time"], "s": row["symbol"], "p": row["markPrice"],
                "i": row["indexPrice"], "P": row["estimatedSettlePrice"], "r": row["lastFundingRate"],
                "T": row["nextFundingTime"],
            }
        ]  # fmt: skip

    def _difference(self, book: Book, stream: Stream, key: tuple[bool, str]) -> list[Wire]:
        window, now_ms = book.windows[stream.every_ms], self._exchange.now_ms
        if not window.changed or now_ms < window.due_ms:
            return []
        levels: dict[int, list[list[str]]] = {1: [], -1: []}
        for side, price in sorted(window.changed, key=lambda one: -one[0] * one[1]):
            levels[side].append([book.price_text(price), book.lots_text(book.lots_at(side, price))])
        row: Wire = {"e": "depthUpdate", "E": now_ms}
        if key[0]:
            row["T"] = now_ms
        row |= {"s": book.listing.symbol, "U": window.last_id + 1, "u": book.update_id}
        if key[0]:
            row["pu"] = window.last_id
        window.changed.clear()
        window.last_id, window.due_ms = book.update_id, now_ms + window.interval_ms
        return [{**row, "b": levels[1], "a": levels[-1]}]

    def _partial(self, book: Book, key: tuple[bool, str], stream: Stream) -> list[Wire]:
        if self._told.get(key) == book.update_id or not self._due(key, stream.every_ms):
            return []
        before = self._told.get(key, book.update_id)
        self._told[key] = book.update_id
        bids, asks = book.rows(1, stream.depth), book.rows(-1, stream.depth)
        if not key[0]:
            return [{"lastUpdateId": book.update_id, "bids": bids, "asks": asks}]
        now_ms = self._exchange.now_ms
        return [
            {
                "e": "depthUpdate", "E": now_ms, "T": now_ms, "s": book.listing.symbol, "U": book.update_id,
                "u": book.update_id, "pu": before, "b": bids, "a": asks,
            }
        ]  # fmt: skip

    def _kline(self, book: Book, key: tuple[bool, str], stream: Stream, news: News) -> list[Wire]:
        if not any(one.index == stream.index for one in news.trades):
            return []
        minutes = INTERVALS[stream.interval]
        width = minutes * MINUTE_MS
        open_ms = self._exchange.now_ms // width * width
        before = self._bars.get(key, open_ms)
        rows: list[Wire] = []
        if before != open_ms:
            ended = book.bar_at(before, minutes)
            rows = [self._bar_row(book, ended, stream, ended=True)] if ended else []
        self._bars[key] = open_ms
        if rows or self._due(key, _KLINE_MS):
            bar = book.bar_at(open_ms, minutes)
            rows += [self._bar_row(book, bar, stream, ended=False)] if bar else []
        return rows

    def _bar_row(self, book: Book, bar: Bar, stream: Stream, *, ended: bool) -> Wire:
        cells = bar_row(book, bar, INTERVALS[stream.interval])
        names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
        row = dict(zip(names, cells, strict=True))
        row |= {"s": book.listing.symbol, "i": stream.interval, "f": bar.first, "L": bar.last, "x": ended}
        return {"e": "kline", "E": self._exchange.now_ms, "s": book.listing.symbol, "k": row}

    def _publish_private(self, news: News, wall_ms: int) -> None:
        for account, futures, event in news.private:
            for session in self.sessions:
                if futures and session.futures:
                    if account.listen_key in session.names and session.category in {"", "private"}:
                        _send([session], account.listen_key, event)
                elif not futures:
                    for number, owner in session.accounts.items():
                        if owner is account:
                            session.send(msgspec.json.encode({"subscriptionId": number, "event": event}))
        for account in self._exchange.accounts.values():
            if 0 < account.listen_until_ms <= wall_ms:
                account.listen_until_ms = 0
                event = {"e": "listenKeyExpired", "E": self._exchange.now_ms, "listenKey": account.listen_key}
                heard = [one for one in self.sessions if one.futures and account.listen_key in one.names]
                _send(heard, account.listen_key, event)


def _strings(given: Any) -> list[str]:
    """The texts of a JSON list of texts; none of anything else."""
    try:
        return msgspec.convert(given, list[str])
    except msgspec.ValidationError:
        return []


def _send(sessions: list[Session], name: str, data: Wire) -> None:
    raw = msgspec.json.encode(data)
    wrapped = b'{"stream":' + msgspec.json.encode(name) + b',"data":' + raw + b"}"
    for session in sessions:
        session.send(wrapped if session.combined else raw)


def _error(code: int, words: str, number: Any) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "msg": words}, "id": number})
