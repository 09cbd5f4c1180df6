"""The twin's rate limits: the weights of an internet address, and the requests of an account by its traded volume."""

from collections import deque
from typing import Any, Final

from quarterdeck.twins.hyperliquid.accounts import UNITS, Account

__all__ = ["AddressLimits", "WeightLimits", "weight_of"]

_WINDOW_MS: Final = 60_000
_BUDGET: Final = 1_200
_INITIAL: Final = 10_000
_EVERY_MS: Final = 10_000
_LIGHT: Final = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
)
_LISTS: Final = frozenset(
    {"recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding"}
)


def weight_of(path: str, body: dict[str, Any]) -> int:
    """Returns a call's weight before what its answer adds."""
    if path == "/exchange":
        action: Any = body.get("action")
        batch = 1
        for name in ("orders", "cancels", "modifies"):
            rows: Any = action.get(name) if isinstance(action, dict) else None  # type: ignore[reportUnknownMemberType] # any JSON
            batch = max(batch, len(rows) if isinstance(rows, list) else 1)  # type: ignore[reportUnknownArgumentType] # any JSON
        return 1 + batch // 40
    kind = body.get("type")
    return 2 if kind in _LIGHT else 60 if kind == "userRole" else 20


class WeightLimits:
    """1,200 a minute for each internet address."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._budget = budget
        self._spent: dict[str, deque[tuple[int, int]]] = {}

    def admit(self, address: str, weight: int, now_ms: int) -> bool:
        """Takes a call; False: HTTP 429."""
        spent = self._spent.setdefault(address, deque())
        while spent and spent[0][0] <= now_ms - _WINDOW_MS:
            spent.popleft()
        if sum(one for _, one in spent) + weight > self._budget:
            return False
        spent.append((now_ms, weight))
        return True

    def add(self, address: str, kind: str, answer: Any, now_ms: int) -> None:
        """Adds what a long answer weighs: 1 for each 20 rows."""
        if kind in _LISTS and isinstance(answer, list):
            self._spent.setdefault(address, deque()).append((now_ms, len(answer) // 20))  # type: ignore[reportUnknownArgumentType] # any JSON


class AddressLimits:
    """10,000 requests to begin with and one for each USDC traded; beyond that one in ten seconds. Cancels have more."""

    def __init__(self, initial: int = _INITIAL) -> None:
        self.initial = initial
        self.now_ms = 0

    def cap(self, account: Account) -> int:
        """Returns how many requests the account may send in all."""
        return self.initial + account.volume // UNITS

    def refuse(self, account: Account, now_ms: int, *, cancel: bool, count: int) -> str:
        """Counts a request; returns the venue's refusal, or an empty text."""
        self.now_ms = now_ms
        cap = self.cap(account)
        limit = min(cap + 100_000, 2 * cap) if cancel else cap
        if account.requests + count > limit:
            if now_ms - account.last_limited_ms < _EVERY_MS:
                volume = f"{account.volume / UNITS:.2f}"
                return (
                    f"Too many cumulative requests sent ({account.requests + count} > {limit}) for cumulative volume "
                    f"traded ${volume}. Place taker orders to free up 1 request per USDC traded."
                )
            account.last_limited_ms = now_ms
        account.requests += count
        return ""
