"""The venue's rate limits, kept to before it has to say so ("Rate limits and user limits", its API documentation).

REST calls of one internet address share a weight of 1,200 a minute. An action weighs 1 (and 1 more for each 40 in a
batch), most questions 20, the common ones 2. Of the budget a share is kept back that only cancels may use, and what a
desk asks may take two thirds: however often both sides are compared, its orders go out.
"""

from collections import deque
from typing import Final

__all__ = ["BUDGET", "RESERVE", "WEIGHT_ACTION", "RateLimiter", "info_weight"]

BUDGET: Final = 1_200
RESERVE: Final = 200
WEIGHT_ACTION: Final = 1
_WINDOW_S: Final = 60.0
_LIGHT: Final = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
)
_HEAVY: Final = {"userRole": 60}


def info_weight(kind: str) -> int:
    """Returns what a question weighs, before what its answer adds: 1 for each 20 fills and the like."""
    return 2 if kind in _LIGHT else _HEAVY.get(kind, 20)


class RateLimiter:
    """A sliding minute of weights. `now_s` is any clock that does not go back; one thread at a time."""

    def __init__(self, budget: int = BUDGET, reserve: int = RESERVE) -> None:
        if not 0 <= reserve < budget:
            raise ValueError(f"a reserve of {reserve} leaves nothing of {budget}")
        self._budget, self._reserve = budget, reserve
        self._spent: deque[tuple[float, int]] = deque()
        self._total = 0
        self._shut_until_s = 0.0

    def admit(self, weight: int, now_s: float, *, urgent: bool = False, question: bool = False) -> float:
        """Takes `weight` and returns 0, or takes nothing and returns in how many seconds there is room again."""
        self._forget(now_s)
        if now_s < self._shut_until_s and not urgent:
            return self._shut_until_s - now_s
        room = self._budget - (0 if urgent else self._budget // 3 if question else self._reserve)
        if self._total + weight <= room:
            self._spent.append((now_s, weight))
            self._total += weight
            return 0.0
        missing = self._total + weight - room
        for at, spent in self._spent:
            missing -= spent
            if missing <= 0:
                return max(at + _WINDOW_S - now_s, 0.001)
        return _WINDOW_S

    def charge(self, weight: int, now_s: float) -> None:
        """Adds what an answer turned out to weigh."""
        if weight > 0:
            self._spent.append((now_s, weight))
            self._total += weight

    def rebuked(self, now_s: float, wait_s: float = 10.0) -> None:
        """The venue said 429: nothing but cancels for a while."""
        self._shut_until_s = max(self._shut_until_s, now_s + wait_s)

    @property
    def spent(self) -> int:
        """Weight of the last minute, as of the latest call."""
        return self._total

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s - _WINDOW_S:
            self._total -= self._spent.popleft()[1]
