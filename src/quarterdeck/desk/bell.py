"""Wakes the desk's loop when something has come for it, from any thread."""

import asyncio
import threading

__all__ = ["Bell"]


class Bell:
    """Rings are remembered, also before there is a loop: `wait` returns at once when one came since the last `wait`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Ends the loop's wait, or its next one. Any thread; many rings are one."""
        with self._lock:
            if self._rung:
                return
            self._rung = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        """Waits for a ring, or so many seconds; other tasks of the loop get a turn in any case."""
        self._loop = asyncio.get_running_loop()
        timer = self._loop.call_later(max(0.0, seconds), self._event.set)
        try:
            if self._answer():
                await asyncio.sleep(0)
            else:
                await self._event.wait()
                self._answer()
        finally:
            timer.cancel()

    def _answer(self) -> bool:
        """Takes note of a ring; whether there was one."""
        with self._lock:
            rung, self._rung = self._rung, False
            self._event.clear()
            return rung

    def leave(self) -> None:
        """The loop is about to end: rings go nowhere from now on."""
        with self._lock:
            self._loop = None
