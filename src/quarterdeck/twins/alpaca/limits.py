"""The twin's rate limits: 200 requests a minute for each key, told in the headers of every answer."""

from typing import Final

__all__ = ["RateLimits"]

_WINDOW_S: Final = 60


class RateLimits:
    """Counts requests of whole minutes of real time."""

    def __init__(self, budget: int = 200) -> None:
        self._budget = budget
        self._spent: dict[str, tuple[int, int]] = {}  # minute, requests

    def admit(self, key: str, now_s: int) -> tuple[bool, dict[str, str]]:
        """Takes a request; returns whether it may, and the headers that say what is left."""
        minute = now_s // _WINDOW_S
        before, spent = self._spent.get(key, (minute, 0))
        spent = spent + 1 if before == minute else 1
        self._spent[key] = minute, spent
        headers = {
            "X-RateLimit-Limit": str(self._budget),
            "X-RateLimit-Remaining": str(max(self._budget - spent, 0)),
            "X-RateLimit-Reset": str((minute + 1) * _WINDOW_S),
        }
        return spent <= self._budget, headers
