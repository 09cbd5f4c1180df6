"""A clock that goes faster than the real one, for a desk on a twin whose market does, and the settings that fit it.

Desk time is the market's. What is of this machine (a request on its way, a pause of the process) takes its real time,
which is `speed` times as long on that clock; what a venue counts in real time (requests) must not come `speed` times
as often.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

__all__ = ["SPEED_MAX", "FastClock", "paced"]

SPEED_MAX: Final = 60.0  # as fast as a twin's market goes
_SECOND_NS: Final = 1_000_000_000
_RECONCILIATION: Final = {  # key: default and what the configuration admits at most
    "every_s": (30, 3_600),
    "request_ms": (1_000, 60_000),
    "retry_ms": (250, 60_000),
    "overlap_ms": (2_000, 600_000),
}
_STALE_MS: Final = 5_000
_STALE_MS_MAX: Final = 3_600_000
_ORDERS_A_MINUTE: Final = 60
_ORDERS_LEAST: Final = 12


class FastClock:
    """Begins at `begin_ns` (by default the real time) and goes `speed` times as fast, until it is slowed."""

    def __init__(
        self, speed: float, begin_ns: int | None = None, *, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._mark = monotonic()
        self._passed = 0  # on this clock, until the mark
        self._begin_ns = time.time_ns() if begin_ns is None else begin_ns

    def monotonic(self) -> int:
        """Returns nanoseconds since it began; they never go backwards."""
        return self._passed + int((self._monotonic() - self._mark) * self.speed)

    def wall(self) -> int:
        """Returns the time in UTC nanoseconds."""
        return self._begin_ns + self.monotonic()

    def slow(self) -> None:
        """Goes on at the real pace from here: the last cancels of a session need real time."""
        if self.speed != 1.0:
            self._passed, self._mark, self.speed = self.monotonic(), self._monotonic(), 1.0

    def wait(self, ns: int) -> None:
        """Slows down, and lets so many nanoseconds pass. A session that ends waits so."""
        self.slow()
        time.sleep(ns / _SECOND_NS)


def paced(document: dict[str, Any], speed: float) -> None:
    """Fits a desk's settings (as read from desk.toml, changed in place) to a clock that goes `speed` times as fast.

    Patience with the venue and with old prices grows with the speed; how often orders go out shrinks.
    """
    if speed <= 1:
        return
    patience = cast(dict[str, Any], document.setdefault("reconciliation", {}))
    for key, (usual, most) in _RECONCILIATION.items():
        patience[key] = min(int(patience.get(key, usual) * speed), most)
    for instrument in document["instruments"]:
        limits = instrument.setdefault("limits", {})
        limits["stale_ms"] = min(int(Decimal(str(limits.get("stale_ms", _STALE_MS))) * int(speed)), _STALE_MS_MAX)
    limits = document.setdefault("limits", {})
    own = int(limits.get("orders_per_minute", _ORDERS_A_MINUTE))
    limits["orders_per_minute"] = max(min(_ORDERS_LEAST, own), int(own / speed))  # never more than it was
    for strategy in document.get("strategies", []):
        told = strategy.get("parameters", {})
        if strategy["kind"] == "maker":
            told["pause_seconds"] = float(str(told.get("pause_seconds", 1))) * speed
            strategy["parameters"] = told
