"""The websocket APIs, /ws-api/v3 and /ws-fapi/v1: the REST requests over a standing connection, and user streams."""

from typing import Any, Final

import msgspec

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.endpoints import FUTURES_METHODS, SPOT_METHODS
from quarterdeck.twins.binance.gate import Answer, Gate, Half
from quarterdeck.twins.binance.limits import rate_limit_rows
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.binance.streams import Session

__all__ = ["WebsocketApi"]

Wire = dict[str, Any]
_BYTES_MAX: Final = 65_536
_OK: Final = 200


class _Request(msgspec.Struct):
    method: str
    id: str | int | None = None
    params: dict[str, str | int | float | bool | None] = {}


class WebsocketApi:
    """One connection. `session` gets the answers and, after a subscription, the account's events."""

    def __init__(self, gate: Gate, session: Session, wall_ms: int, address: str) -> None:
        self._gate, self._session, self._address = gate, session, address
        self._since_ms = wall_ms
        self._account: Account | None = None
        self._subscriptions = 0

    @property
    def _half(self) -> Half:
        return self._gate.futures if self._session.futures else self._gate.spot

    def hear(self, raw: bytes | str) -> Answer | None:
        """Takes one request; returns its answer, which `say` sends, or None where it has been answered."""
        try:
            if len(raw) > _BYTES_MAX:
                raise msgspec.DecodeError("too long")
            request = msgspec.json.decode(raw, type=_Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._session.send(_whole(None, Answer(400, Refused(-1135, f"Invalid JSON Request: {error}").body()), []))
            return None
        answer = self._act(request)
        answer.headers["id"] = msgspec.json.encode(request.id).decode()
        return answer

    def say(self, answer: Answer) -> None:
        """Sends an answer."""
        half = self._half
        rows = rate_limit_rows(futures=half.futures, budget=half.weights.budget)[:1]
        rows[0]["count"] = half.weights.used(self._address)
        number = msgspec.json.decode(answer.headers.pop("id"))
        self._session.send(_whole(number, answer, rows))

    def _act(self, request: _Request) -> Answer:
        asked = Parameters({name: _text(value) for name, value in request.params.items() if value is not None})
        methods = FUTURES_METHODS if self._session.futures else SPOT_METHODS
        named = methods.get(request.method, methods.get(request.method.removeprefix("v1/").removeprefix("v3/")))
        if named is not None:
            return self._gate.ask(self._half, named, asked, self._account, self._address)
        verbs = {
            "session.logon": self._log_on,
            "session.status": self._status,
            "session.logout": self._log_out,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        verb = verbs.get(request.method)
        try:
            if verb is None or (self._session.futures and request.method.startswith("userDataStream")):
                raise Refused(-1000, f"Unknown method: {request.method}")
            return Answer(_OK, verb(asked))
        except Refused as refusal:
            return Answer(refusal.status, refusal.body())

    # The session.

    def _log_on(self, asked: Parameters) -> Wire:
        account = self._gate.sign_in(asked)
        if not account.secret.startswith("-----BEGIN"):
            raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
        self._account = account
        return self._status(asked)

    def _log_out(self, asked: Parameters) -> Wire:
        self._account = None
        return self._status(asked)

    def _status(self, asked: Parameters) -> Wire:  # noqa: ARG002 - the table's shape
        account = self._account
        return {
            "apiKey": account.key if account else None, "authorizedSince": self._since_ms if account else None,
            "connectedSince": self._since_ms, "returnRateLimits": True, "serverTime": self._since_ms,
            "userDataStream": bool(self._session.accounts),
        }  # fmt: skip

    # The user stream of the spot half.

    def _subscribe(self, asked: Parameters) -> Wire:  # noqa: ARG002 - the table's shape
        if self._account is None:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return self._begin(self._account)

    def _subscribe_signed(self, asked: Parameters) -> Wire:
        return self._begin(self._gate.sign_in(asked))

    def _begin(self, account: Account) -> Wire:
        if any(one is account for one in self._session.accounts.values()):
            raise Refused(-2035, "User Data Stream subscription already active.")
        number = self._subscriptions
        self._subscriptions += 1
        self._session.accounts[number] = account
        return {"subscriptionId": number}

    def _unsubscribe(self, asked: Parameters) -> Wire:
        number = asked.maybe("subscriptionId")
        if number is None:
            self._session.accounts.clear()
        elif self._session.accounts.pop(number, None) is None:
            raise Refused(-2036, "User Data Stream subscription not active.")
        return {}


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _whole(number: Any, answer: Answer, limits: list[Wire]) -> bytes:
    said: Wire = {"id": number, "status": answer.status}
    said["result" if answer.status == _OK else "error"] = answer.body
    return msgspec.json.encode({**said, "rateLimits": limits})
