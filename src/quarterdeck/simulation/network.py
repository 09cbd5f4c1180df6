"""A simulated line between a desk's process and the exchange: bytes, in order, unless the weather is bad.

Each direction keeps its order. Bad weather loses, repeats, delays and overtakes single messages; a broken line loses
all that is on its way. A broken line is noticed, by the process, at once or only after a while.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from quarterdeck.simulation.clock import Timeline

__all__ = ["Line", "Weather", "message_type"]

_MS: Final = 1_000_000
_TYPE_AT: Final = len(b'{"type":"')

Arrive = Callable[[bytes], None]


@dataclass(slots=True)
class Weather:
    """Chances in a thousand, for each message, and delays in milliseconds."""

    lost: int = 0
    repeated: int = 0
    overtaken: int = 0
    late: int = 0
    fastest_ms: int = 1
    slowest_ms: int = 30
    late_ms: int = 3_000


def message_type(raw: bytes) -> str:
    """Returns the `type` that a message begins with."""
    return raw[_TYPE_AT : raw.find(b'"', _TYPE_AT)].decode("ascii", "replace")


class Line:
    """One connection. `to_exchange` and `to_desk` take what arrives; `notice` learns of up and down, when it can.

    `longest_ms` bounds how late a request may arrive (None: there is no bound).
    """

    def __init__(
        self,
        timeline: Timeline,
        chance: Random,
        weather: Weather,
        *,
        name: str,
        to_exchange: Arrive,
        to_desk: Arrive,
        notice: Callable[[bool], None],
        longest_ms: int | None = None,
    ) -> None:
        self.up = False
        self.closed = False
        self.name = name
        self._timeline, self._chance, self._weather = timeline, chance, weather
        self._arrive = to_exchange, to_desk
        self._notice = notice
        self._longest_ms = longest_ms
        self._life = 0  # how often the line broke
        self._last = [0, 0]  # when the latest message of each direction arrives

    def request(self, raw: bytes) -> None:
        """Sends to the exchange. On a broken line it is lost."""
        self._send(0, raw)

    def tell(self, raw: bytes) -> None:
        """Sends to the desk."""
        self._send(1, raw)

    def connect(self) -> None:
        if self.closed or self.up:
            return
        self.up = True
        self._later("line up", lambda: self._notice(True))

    def disconnect(self, unnoticed_ms: int = 0) -> None:
        """Breaks the line. The process learns of it after so long."""
        if not self.up:
            return
        self.up = False
        self._life += 1
        if not self.closed:
            self._later("line down", lambda: self._notice(False), unnoticed_ms)

    def close(self) -> None:
        """The process gives the line up, or is no more: nothing more is delivered to it. Requests are on their way."""
        self.closed = True

    def _later(self, name: str, act: Callable[[], None], delay_ms: int = 1) -> None:
        def happen() -> None:
            if not self.closed:
                act()

        # News of the line keep their order among themselves and with messages.
        self._last[1] = max(self._last[1] + 1, self._timeline.now_ns + delay_ms * _MS)
        self._timeline.at(self._last[1], f"{self.name}: {name}", happen)

    def _send(self, way: int, raw: bytes) -> None:
        if not self.up or (way == 1 and self.closed):
            return
        chance, weather = self._chance, self._weather
        if weather.lost and chance.randrange(1000) < weather.lost:
            return
        self._plan(way, raw)
        if weather.repeated and chance.randrange(1000) < weather.repeated:
            self._plan(way, raw, extra_ms=chance.randrange(400))

    def _plan(self, way: int, raw: bytes, extra_ms: int = -1) -> None:
        chance, weather = self._chance, self._weather
        delay_ms = chance.randrange(weather.fastest_ms, weather.slowest_ms + 1) + max(0, extra_ms)
        if weather.late and chance.randrange(1000) < weather.late:
            delay_ms += chance.randrange(weather.late_ms)
            alone = True
        else:
            alone = extra_ms >= 0 or (weather.overtaken > 0 and chance.randrange(1000) < weather.overtaken)
        if way == 0 and self._longest_ms is not None:
            delay_ms = min(delay_ms, self._longest_ms)
        due = self._timeline.now_ns + delay_ms * _MS + chance.randrange(_MS)
        if not alone:
            due = self._last[way] = max(self._last[way] + 1, due)
        life = self._life

        def arrive() -> None:
            if life == self._life and not (way == 1 and self.closed):
                self._arrive[way](raw)

        arrow = ">" if way == 0 else "<"
        self._timeline.at(due, f"{self.name}{arrow}{message_type(raw)}", arrive)
