"""The websocket's side of the twin: who listens to what, and the messages that carry it."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from quarterdeck.twins.hyperliquid.exchange import News, TwinExchange
from quarterdeck.twins.hyperliquid.information import Information, order_update

__all__ = ["Hub", "Session"]

Wire = dict[str, Any]
_BOOK_EVERY_MS: Final = 500
_SNAPSHOT_FILLS: Final = 2_000
_COIN: Final = frozenset({"trades", "l2Book", "bbo", "activeAssetCtx"})
_USER: Final = frozenset({"orderUpdates", "userFills", "userFundings", "userEvents"})
_MESSAGE_BYTES_MAX: Final = 65_536


class Session:
    """One connection. `send` takes whole messages; it must not block."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.keys: set[tuple[str, str]] = set()


class Hub:
    """All connections of one exchange."""

    def __init__(self, exchange: TwinExchange, information: Information) -> None:
        self._exchange, self._information = exchange, information
        self.sessions: set[Session] = set()
        self._told: dict[int, Wire] = {}
        self._books_due: set[int] = set()
        self._book_ms: dict[int, int] = {}

    # What clients say.

    def hear(self, session: Session, raw: bytes | str, post: Callable[[Wire], Wire]) -> None:
        """Takes one message of a client; `post` answers a request that came over the websocket."""
        try:
            message: Any = msgspec.json.decode(raw) if len(raw) <= _MESSAGE_BYTES_MAX else None
            method = message["method"]
            if method == "ping":
                session.send(b'{"channel":"pong"}')
            elif method == "post":
                session.send(_message("post", {"id": int(message["id"]), "response": post(message["request"])}))
            elif method in {"subscribe", "unsubscribe"}:
                self._subscribe(session, method, message["subscription"])
            else:
                raise ValueError(method)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
            session.send(_message("error", f"Error parsing JSON into valid websocket request: {text[:200]}"))

    def _subscribe(self, session: Session, method: str, subscription: Wire) -> None:
        kind = subscription["type"]
        named = "coin" if kind in _COIN else "user" if kind in _USER else "" if kind == "allMids" else None
        shown = msgspec.json.encode(subscription).decode()
        if named is None or (named == "coin" and subscription["coin"] not in self._exchange.by_coin):
            session.send(_message("error", f"Invalid subscription {shown}"))
            return
        subject = str(subscription[named]) if named else ""
        key = (kind, subject.lower() if named == "user" else subject)
        if method == "subscribe" and key in session.keys:
            session.send(_message("error", f"Already subscribed: {shown}"))
            return
        if method == "unsubscribe" and key not in session.keys:
            session.send(_message("error", f"Already unsubscribed: {shown}"))
            return
        said = {**subscription, "user": key[1]} if named == "user" else subscription
        session.send(_message("subscriptionResponse", {"method": method, "subscription": said}))
        if method == "unsubscribe":
            session.keys.discard(key)
            return
        session.keys.add(key)
        self._snapshot(session, *key)

    def _snapshot(self, session: Session, kind: str, subject: str) -> None:
        exchange = self._exchange
        if kind in _COIN and kind != "trades":
            index = exchange.by_coin[subject].index
            message = self._market_message(kind, index)
            session.send(_message(*message))
        elif kind == "allMids":
            session.send(_message("allMids", {"mids": self._information.answer({"type": "allMids"})}))
        elif kind in {"userFills", "userFundings"}:
            account = exchange.accounts.get(subject)
            rows = list(account.fills if kind == "userFills" else account.fundings) if account else []
            name = "fills" if kind == "userFills" else "fundings"
            newest = list(reversed(rows))[:_SNAPSHOT_FILLS]
            session.send(_message(kind, {"isSnapshot": True, "user": subject, name: newest}))

    # What they are told.

    def publish(self, news: News, wall_ms: int) -> None:
        """Tells everybody what happened."""
        if not self.sessions:
            self._books_due.clear()
            return
        wanted = {key for session in self.sessions for key in session.keys}
        for coin in dict.fromkeys(coin for coin, _ in news.trades):
            rows = [row for other, row in news.trades if other == coin]
            self._tell(wanted, ("trades", coin), "trades", rows)
        self._publish_books(wanted, news, wall_ms)
        for index in news.marks:
            coin = self._exchange.listings[index].coin
            if ("activeAssetCtx", coin) in wanted:
                self._tell(wanted, ("activeAssetCtx", coin), *self._market_message("activeAssetCtx", index))
        self._publish_accounts(wanted, news)

    def _publish_books(self, wanted: set[tuple[str, str]], news: News, wall_ms: int) -> None:
        self._books_due |= news.books
        for index in news.books:
            coin = self._exchange.listings[index].coin
            if ("bbo", coin) in wanted:
                channel, data = self._market_message("bbo", index)
                if self._told.get(index) != data["bbo"]:
                    self._told[index] = data["bbo"]
                    self._tell(wanted, ("bbo", coin), channel, data)
        for index in list(self._books_due):
            coin = self._exchange.listings[index].coin
            if wall_ms - self._book_ms.get(index, 0) >= _BOOK_EVERY_MS:
                self._books_due.discard(index)
                if ("l2Book", coin) in wanted:
                    self._book_ms[index] = wall_ms
                    self._tell(wanted, ("l2Book", coin), *self._market_message("l2Book", index))
        if news.marks and ("allMids", "") in wanted:
            self._tell(wanted, ("allMids", ""), "allMids", {"mids": self._information.answer({"type": "allMids"})})

    def _publish_accounts(self, wanted: set[tuple[str, str]], news: News) -> None:
        for user in dict.fromkeys(one[0] for one in news.orders):
            rows = [order_update(order, status, left) for owner, order, status, left in news.orders if owner == user]
            self._tell(wanted, ("orderUpdates", user), "orderUpdates", rows)
        for user in dict.fromkeys(one[0] for one in news.fills):
            rows = [row for owner, row in news.fills if owner == user]
            self._tell(wanted, ("userFills", user), "userFills", {"user": user, "fills": rows})
            self._tell(wanted, ("userEvents", user), "user", {"fills": rows})
        for user in dict.fromkeys(one[0] for one in news.fundings):
            rows = [row for owner, row in news.fundings if owner == user]
            self._tell(wanted, ("userFundings", user), "userFundings", {"user": user, "fundings": rows})
            for row in rows:
                self._tell(wanted, ("userEvents", user), "user", {"funding": row})

    def _market_message(self, kind: str, index: int) -> tuple[str, Any]:
        listing = self._exchange.listings[index]
        if kind == "l2Book":
            return kind, self._information.book(listing.coin)
        if kind == "bbo":
            bids, asks = self._exchange.books[index].wire_levels(self._exchange.resting(), 1)
            touch = [bids[0] if bids else None, asks[0] if asks else None]
            return kind, {"coin": listing.coin, "time": self._exchange.now_ns // 1_000_000, "bbo": touch}
        channel = "activeSpotAssetCtx" if listing.spot else "activeAssetCtx"
        return channel, {"coin": listing.coin, "ctx": self._information.context(index)}

    def _tell(self, wanted: set[tuple[str, str]], key: tuple[str, str], channel: str, data: Any) -> None:
        if key not in wanted:
            return
        message = _message(channel, data)
        for session in self.sessions:
            if key in session.keys:
                session.send(message)


def _message(channel: str, data: Any) -> bytes:
    return msgspec.json.encode({"channel": channel, "data": data})
