"""A connection that is kept: opened, served to its end, and opened again after a wait that grows.

    line = StandingLine("binance", connect, attend)
    line.open()
    ...
    line.close()

`connect` makes a wire or raises OSError; `attend` serves one wire until it ends and says why it ended. Both run in the
line's own thread, so neither needs to care about being called twice at once.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["Backoff", "StandingLine", "Wire"]

_JOIN_S: Final = 10.0


class Backoff:
    """How long to wait before the next attempt: from `first_s`, times `factor` each time, up to `most_s`.

    Of each wait a random half is taken off, so that many desks do not come back at once; a `seed` makes the waits
    repeatable. A connection that lasted `settled_s` lets the waits begin anew.
    """

    def __init__(
        self,
        *,
        first_s: float = 0.1,
        most_s: float = 10.0,
        factor: float = 2.0,
        settled_s: float = 5.0,
        seed: int | None = None,
    ) -> None:
        if not 0 < first_s <= most_s or factor < 1:
            raise ValueError(f"waits from {first_s} to {most_s} s, times {factor}: they must be above 0 and not shrink")
        self._first_s, self._most_s, self._factor, self._settled_s = first_s, most_s, factor, settled_s
        self._random = random.Random(seed)
        self._next_s = first_s

    def wait_s(self, lasted_s: float = 0.0) -> float:
        """Returns seconds to wait, given how long the connection lasted that has just ended."""
        if lasted_s >= self._settled_s:
            self._next_s = self._first_s
        wait, self._next_s = self._next_s, min(self._most_s, self._next_s * self._factor)
        return wait * (1 - self._random.random() / 2)


class Wire(Protocol):
    """One connection. `close` may be called from any thread, more than once, and wakes whoever waits in it.

    `release` gives its descriptor back; it is called once, by the line's own thread, after `attend` has returned.
    """

    def close(self) -> None: ...

    def release(self) -> None: ...


W = TypeVar("W", bound=Wire)


class StandingLine(Generic[W]):
    """Keeps one connection, from a thread of its own.

    `attend` returns why the wire ended; an OSError of it is a reason too. `down` is told of each failed attempt and of
    each end, with the reason, before the wait. None of the three may block for ever; `close` wakes `attend` by closing
    its wire, and waits until the thread has ended.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], W],
        attend: Callable[[W], str],
        down: Callable[[str], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._name, self._connect, self._attend, self._down = name, connect, attend, down
        self._backoff = backoff or Backoff()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._wire: W | None = None
        self._thread: threading.Thread | None = None

    @property
    def closing(self) -> bool:
        """Whether `close` has been called."""
        return self._closing.is_set()

    def open(self) -> None:
        """Begins to connect. A line is opened once."""
        assert self._thread is None
        self._thread = threading.Thread(target=self._run, name=f"{self._name} line", daemon=False)
        self._thread.start()

    def break_off(self) -> None:
        """Ends the present connection, as whoever finds it unusable does; a new one is made after the wait."""
        with self._lock:
            wire = self._wire
        if wire is not None:
            wire.close()

    def close(self) -> None:
        """Ends the connection and the thread; returns when both are gone."""
        self._closing.set()
        self.break_off()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                raise RuntimeError(f"the {self._name} line did not end within {_JOIN_S:g} s of its wire's close")

    def _run(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            lasted = 0.0
            try:
                wire = self._connect()
            except OSError as error:
                why = f"no connection: {error}"
            else:
                why = self._serve(wire)
                lasted = time.monotonic() - began
            if self._closing.is_set():
                return
            self._down(why)
            self._closing.wait(self._backoff.wait_s(lasted))

    def _serve(self, wire: W) -> str:
        with self._lock:
            self._wire = wire
        try:
            # Closed meanwhile: nobody else would close this wire.
            return "closed" if self._closing.is_set() else self._attend(wire)
        except OSError as error:
            return f"the connection broke: {error}"
        finally:
            with self._lock:
                self._wire = None
            wire.close()
            wire.release()
