"""What the gate writes into the audit trail; a flood of equal refusals is written as one line that counts them."""

import threading
import time
from collections.abc import Callable
from typing import Final

from quarterdeck.ops.access.identity import Identity
from quarterdeck.ops.access.refusal import Refusal, Refused
from quarterdeck.ops.access.secret import shown
from quarterdeck.ops.access.trail import Trail

__all__ = ["EQUAL_LINES_MAX", "Recorder"]

EQUAL_LINES_MAX: Final = 1000  # of one origin and reason in a minute; what is more is counted
_ALL_LINES_MAX: Final = 5000
_WINDOW_NS: Final = 60_000_000_000


class Recorder:
    """Writes who was refused and who was permitted. Nothing that was offered to open a door is ever handed to it."""

    def __init__(self, trail: Trail, clock: Callable[[], int] = time.time_ns) -> None:
        self._trail, self._clock = trail, clock
        self._lock = threading.Lock()
        self._since_ns = 0
        self._lines: dict[tuple[str, str], int] = {}
        self._total = 0
        self._left_out: dict[tuple[str, str], int] = {}

    def refused(self, error: Refused, origin: str, identity: Identity | None = None, **what: str) -> None:
        """Records a refusal: on the medium within a second, or counted where it is one of very many."""
        place = (shown(origin), error.code.value)
        with self._lock:
            self._turn()
            self._total += 1
            seen = self._lines[place] = self._lines.get(place, 0) + 1
            if seen > EQUAL_LINES_MAX or self._total > _ALL_LINES_MAX:
                self._left_out[place] = self._left_out.get(place, 0) + 1
                return
        durable = error.code in _DURABLE
        fields = {"code": error.code.value, **_who(identity), "origin": place[0], **_clean(what)}
        self._trail.write("refused", self._clock(), fields, durable=durable)

    def permitted(self, what: str, identity: Identity | None, **more: str) -> None:
        """Records what is about to be done; it is on the medium when this returns."""
        self._trail.write(what, self._clock(), {**_who(identity), **_clean(more)}, durable=True)

    def flush(self) -> None:
        """Writes what was only counted so far, and forces everything to the medium."""
        with self._lock:
            self._tell_left_out()
        self._trail.sync()

    def _turn(self) -> None:
        """Begins a new minute where the last one is over. The lock is held."""
        now_ns = self._clock()
        if 0 <= now_ns - self._since_ns < _WINDOW_NS:
            return
        self._tell_left_out()
        self._since_ns, self._total = now_ns, 0
        self._lines.clear()

    def _tell_left_out(self) -> None:
        waiting, self._left_out = self._left_out, {}
        for (origin, code), times in waiting.items():
            fields: dict[str, object] = {"code": code, "origin": origin, "times": times}
            self._trail.write("refused", self._clock(), fields, durable=False)


_DURABLE: Final = frozenset({Refusal.APPROVAL_OWN})  # somebody with a right of his own tried to be two people


def _who(identity: Identity | None) -> dict[str, object]:
    if identity is None:
        return {}
    return {
        "person": identity.person,
        "role": identity.role.value,
        "token": identity.token_id,
        "origin": shown(identity.origin),
    }


def _clean(what: dict[str, str]) -> dict[str, object]:
    return {key: shown(value) for key, value in what.items()}
