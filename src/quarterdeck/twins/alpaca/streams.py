"""The websockets' side of the twin: market data in msgpack or JSON, and the account's trade updates in JSON.

Market data (/v2/iex, /v2/sip, /v2/test): the server greets, the client authenticates within ten seconds and subscribes.

| code | when                                                                           |
|------|--------------------------------------------------------------------------------|
| 400  | what was sent is not a message, or a symbol is none                            |
| 401  | a subscription before authentication                                           |
| 402  | wrong credentials; the line is cut                                             |
| 403  | authenticated already                                                          |
| 404  | no authentication in time; the line is cut                                     |
| 405  | too many symbols                                                               |
| 406  | the account has its connection to this feed already; the line is cut           |
| 409  | a feed that is not in the subscription; the line is cut                        |
| 410  | a channel that the feed does not have                                          |
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from quarterdeck.twins.alpaca.exchange import News, TwinExchange
from quarterdeck.twins.alpaca.figures import instant, timestamp_bytes
from quarterdeck.twins.alpaca.listings import TEST_SYMBOL
from quarterdeck.twins.alpaca.tape import Row

__all__ = ["CHANNELS", "DataHub", "DataSession", "UpdatesHub", "UpdatesSession"]

Wire = dict[str, Any]
CHANNELS: Final = {"trades": "t", "quotes": "q", "bars": "b", "updatedBars": "u", "dailyBars": "d", "statuses": "s"}
_SHOWN: Final = (*CHANNELS, "lulds", "corrections", "cancelErrors")
_FEEDS: Final = frozenset({"iex", "sip", "test"})
_SYMBOL: Final = re.compile(r"\*|[A-Z][A-Z.]{0,9}")
_ERRORS: Final = {
    400: "invalid syntax", 401: "not authenticated", 402: "auth failed", 403: "already authenticated",
    404: "auth timeout", 405: "symbol limit exceeded", 406: "connection limit exceeded",
    409: "insufficient subscription", 410: "invalid subscribe action for this feed",
}  # fmt: skip
_ENDING: Final = frozenset({402, 404, 406, 409})


class DataSession:
    """One connection to a feed. `send` takes whole messages; it must not block."""

    def __init__(self, feed: str, send: Callable[[bytes], None], *, binary: bool) -> None:
        self.feed, self.send, self.binary = feed, send, binary
        self.key = ""
        self.channels: dict[str, set[str]] = {name: set() for name in _SHOWN}

    def say(self, rows: list[Any]) -> None:
        """Sends rows in the client's codec."""
        self.send(msgspec.msgpack.encode(rows) if self.binary else msgspec.json.encode(rows))


class DataHub:
    """All connections to market data of one exchange."""

    def __init__(self, exchange: TwinExchange, *, connections: int = 1, symbols: int = 30) -> None:
        self._exchange = exchange
        self._connections, self._symbols = connections, symbols
        self.sessions: set[DataSession] = set()

    def greet(self, session: DataSession, key: str, secret: str) -> bool:
        """Welcomes a connection, which may have brought its keys along. Returns whether it may stay."""
        session.say([{"T": "success", "msg": "connected"}])
        self.sessions.add(session)
        return self._authenticate(session, key, secret) if key else True

    def hear(self, session: DataSession, raw: bytes | str) -> bool:
        """Takes one message of a client; returns whether it may stay."""
        try:
            message: Any = msgspec.msgpack.decode(raw) if isinstance(raw, bytes) and session.binary else None
            message = msgspec.json.decode(raw) if message is None else message
            action = message["action"]
            if action == "auth":
                return self._authenticate(session, message["key"], message["secret"])
            if action not in {"subscribe", "unsubscribe"}:
                return self._refuse(session, 400)
            return self._change(session, message, adding=action == "subscribe")
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
            return self._refuse(session, 400)

    def expire(self, session: DataSession) -> bool:
        """The ten seconds are over: returns whether it may stay."""
        return True if session.key else self._refuse(session, 404)

    def _refuse(self, session: DataSession, code: int) -> bool:
        session.say([{"T": "error", "code": code, "msg": _ERRORS[code]}])
        return code not in _ENDING

    def _authenticate(self, session: DataSession, key: str, secret: str) -> bool:
        if session.key:
            return self._refuse(session, 403)
        account = self._exchange.accounts.get(key)
        if account is None or account.secret != secret:
            return self._refuse(session, 402)
        if session.feed not in _FEEDS:
            return self._refuse(session, 409)
        if sum(one.key == key and one.feed == session.feed for one in self.sessions) >= self._connections:
            return self._refuse(session, 406)
        session.key = key
        session.say([{"T": "success", "msg": "authenticated"}])
        return True

    def _change(self, session: DataSession, message: Wire, *, adding: bool) -> bool:
        if not session.key:
            return self._refuse(session, 401)
        changes: dict[str, set[str]] = {}
        for name, symbols in message.items():
            if name == "action":
                continue
            if name not in _SHOWN:
                return self._refuse(session, 410)
            try:
                changes[name] = set(msgspec.convert(symbols, list[str]))
            except msgspec.ValidationError:
                return self._refuse(session, 400)
            if not all(_SYMBOL.fullmatch(one) for one in changes[name]):
                return self._refuse(session, 400)
        if "trades" in changes:  # corrections and cancels come with trades, unasked
            changes.setdefault("corrections", changes["trades"])
            changes.setdefault("cancelErrors", changes["trades"])
        after = {
            name: (held | changes.get(name, set())) if adding else (held - changes.get(name, set()))
            for name, held in session.channels.items()
        }
        named = set[str]().union(*after.values()) - {"*"}
        if len(named) > self._symbols:
            return self._refuse(session, 405)
        session.channels = after
        session.say([{"T": "subscription", **{name: sorted(after[name]) for name in _SHOWN}}])
        return True

    # What they are told.

    def publish(self, news: News) -> None:
        """Tells everybody what happened in the market."""
        listings = self._exchange.listings
        rows = [(name, listings[index].symbol, row) for name, index, row in news.data]
        self._send(rows, {"iex", "sip"})

    def publish_test(self, rows: list[tuple[str, Row]]) -> None:
        """Tells the test stream's listeners, as (channel, row)."""
        self._send([(name, TEST_SYMBOL, row) for name, row in rows], {"test"})

    def _send(self, rows: list[tuple[str, str, Row]], feeds: set[str]) -> None:
        listening = [one for one in self.sessions if one.key and one.feed in feeds]
        if not rows or not listening:
            return
        packed: dict[tuple[int, bool], msgspec.Raw] = {}
        for session in listening:
            wanted: list[msgspec.Raw] = []
            for place, (name, symbol, row) in enumerate(rows):
                subscribed = session.channels[name]
                if symbol in subscribed or "*" in subscribed:
                    mark = (place, session.binary)
                    if mark not in packed:
                        packed[mark] = _pack(CHANNELS[name], symbol, row, binary=session.binary)
                    wanted.append(packed[mark])
            if wanted:
                session.say(wanted)


def _pack(kind: str, symbol: str, row: Row, *, binary: bool) -> msgspec.Raw:
    """One data point, written once for all who get it."""
    time_ns: int = row["t"]
    if binary:
        stamp = msgspec.msgpack.Ext(-1, timestamp_bytes(time_ns))
        return msgspec.Raw(msgspec.msgpack.encode({"T": kind, "S": symbol, **row, "t": stamp}))
    return msgspec.Raw(msgspec.json.encode({"T": kind, "S": symbol, **row, "t": instant(time_ns)}))


class UpdatesSession:
    """One connection to /stream."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.key = ""
        self.listens = False

    def say(self, stream: str, data: Any) -> None:
        """Sends one message."""
        self.send(msgspec.json.encode({"stream": stream, "data": data}))


class UpdatesHub:
    """All connections to trade updates."""

    def __init__(self, exchange: TwinExchange) -> None:
        self._exchange = exchange
        self.sessions: set[UpdatesSession] = set()

    def hear(self, session: UpdatesSession, raw: bytes | str) -> None:
        """Takes one message of a client."""
        try:
            message = msgspec.json.decode(raw, type=Wire)
            action: Any = message["action"]
            data: Wire = message.get("data") or {}
            if action in {"authenticate", "auth"}:
                key = data.get("key_id") or message.get("key")
                secret = data.get("secret_key") or message.get("secret")
                self._authenticate(session, key, secret)
            elif action == "listen":
                self._listen(session, data["streams"])
            else:
                raise ValueError(action)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
            session.say("error", {"code": 400, "message": "invalid message"})

    def _authenticate(self, session: UpdatesSession, key: Any, secret: Any) -> None:
        account = self._exchange.accounts.get(key) if isinstance(key, str) else None
        known = account is not None and account.secret == secret
        if known:
            session.key = key
        status = "authorized" if known else "unauthorized"
        session.say("authorization", {"status": status, "action": "authenticate"})

    def _listen(self, session: UpdatesSession, streams: list[str]) -> None:
        if not session.key:
            session.say("authorization", {"status": "unauthorized", "action": "listen"})
            return
        session.listens = "trade_updates" in streams
        session.say("listening", {"streams": ["trade_updates"] if session.listens else []})

    def publish(self, news: News) -> None:
        """Tells accounts what happened to their orders."""
        for key, row in news.updates:
            listening = [one for one in self.sessions if one.listens and one.key == key]
            if listening:
                message = msgspec.json.encode({"stream": "trade_updates", "data": row})
                for session in listening:
                    session.send(message)
