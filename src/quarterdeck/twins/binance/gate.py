"""The gate: each request is weighed, recognised, limited and answered here, by whichever way it came."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.endpoints import Endpoint, Security, futures_endpoints, spot_endpoints
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.futures import FuturesTrading
from quarterdeck.twins.binance.limits import OrderLimits, WeightLimits
from quarterdeck.twins.binance.market import PublicMarket
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.binance.signatures import (
    check_signature,
    check_time,
    find_account,
    sent_parameters,
    signed_text,
    signed_words,
)
from quarterdeck.twins.binance.spot import SpotTrading
from quarterdeck.twins.faults import Fault, Faults

__all__ = ["Answer", "Gate", "Half"]

_OK: Final = 200


@dataclass(slots=True)
class Answer:
    """What goes back: `acted` where an action was done, which a fault may keep from being said."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict[str, str])
    acted: bool = False


class Half:
    """Spot or USD-M: its requests and its limits."""

    def __init__(self, exchange: TwinExchange, *, futures: bool, budget: int) -> None:
        self.futures = futures
        self.weights = WeightLimits(futures=futures, budget=budget)
        self.orders = OrderLimits(futures=futures)
        self.market = PublicMarket(exchange, futures=futures, budget=self.weights.budget)
        self.endpoints: dict[tuple[str, str], Endpoint] = {}


class Gate:
    """Both halves of one exchange."""

    def __init__(self, exchange: TwinExchange, faults: Faults, wall_ms: Callable[[], int], budget: int = 0) -> None:
        self._exchange, self._faults, self._wall_ms = exchange, faults, wall_ms
        self.spot = Half(exchange, futures=False, budget=budget)
        self.futures = Half(exchange, futures=True, budget=budget)
        self.trading = FuturesTrading(exchange, wall_ms)
        self.spot.endpoints = spot_endpoints(self.spot.market, SpotTrading(exchange), wall_ms)
        self.futures.endpoints = futures_endpoints(self.futures.market, self.trading, wall_ms)

    def answer(self, method: str, path: str, query: str, body: str, key: str, address: str) -> Answer:
        """Answers a REST request."""
        half = self.futures if path.startswith("/fapi/") else self.spot
        endpoint = half.endpoints.get((method, path))
        if endpoint is None:
            words = f"Path {path}, Method {method} is invalid"
            return Answer(404, {"code": -5000, "msg": words})
        headers: dict[str, str] = {}
        try:
            asked = sent_parameters(query, body)
            used = half.weights.spend(address, endpoint.weight(asked), self._wall_ms())
            headers = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1m": str(used)}
            account = None
            if endpoint.security is not Security.NONE:
                account = find_account(self._exchange.accounts, key)
            if endpoint.security is Security.SIGNED and account is not None:
                check_time(asked, self._wall_ms())
                check_signature(account, asked.text("signature", ""), signed_text(query, body))
            said = self._act(half, endpoint, account, asked)
            if endpoint.orders and account is not None:
                headers |= half.orders.headers(account, self._wall_ms())
        except Refused as refusal:
            if refusal.status in {418, 429}:
                headers["Retry-After"] = "60"
            return Answer(refusal.status, refusal.body(), headers)
        return Answer(_OK, said, headers, acted=endpoint.acts)

    def _act(self, half: Half, endpoint: Endpoint, account: Account | None, asked: Parameters) -> Any:
        """Does what is asked. Raises Refused."""
        if endpoint.public is not None:
            return endpoint.public(asked)
        if endpoint.acts and self._faults.take(Fault.REJECT):
            raise Refused(-2010, "NEW_ORDER_REJECTED") if endpoint.orders else Refused(-2011, "CANCEL_REJECTED")
        if account is None or endpoint.private is None:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if endpoint.orders:
            half.orders.count(account, self._wall_ms())
        return endpoint.private(account, asked)

    # The websocket APIs.

    def sign_in(self, asked: Parameters) -> Account:
        """Returns who signed a websocket request. Raises Refused."""
        account = find_account(self._exchange.accounts, asked.text("apiKey", ""))
        check_time(asked, self._wall_ms())
        check_signature(account, asked.text("signature", ""), *signed_words(asked.values))
        return account

    def ask(self, half: Half, key: tuple[str, str], asked: Parameters, known: Account | None, address: str) -> Answer:
        """Answers a websocket request; `known` is who has logged on there."""
        endpoint = half.endpoints[key]
        try:
            half.weights.spend(address, endpoint.weight(asked), self._wall_ms())
            account = known
            if endpoint.security is Security.KEY and "apiKey" in asked.values:
                account = find_account(self._exchange.accounts, asked.text("apiKey"))
            elif endpoint.security is Security.SIGNED and (known is None or "signature" in asked.values):
                account = self.sign_in(asked)
            elif endpoint.security is Security.SIGNED:
                check_time(asked, self._wall_ms())
            said = self._act(half, endpoint, account, asked)
        except Refused as refusal:
            return Answer(refusal.status, refusal.body())
        return Answer(_OK, said, acted=endpoint.acts)
