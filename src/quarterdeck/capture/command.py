"""`quarterdeck capture`: the recording of one desk as a process, until a signal or the clock ends it."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from quarterdeck.capture.days import Day
from quarterdeck.capture.recorder import Recorder
from quarterdeck.capture.sessions import capture_folder
from quarterdeck.config import DeskConfig
from quarterdeck.desk.bell import Bell
from quarterdeck.errors import ConfigError
from quarterdeck.market.quality import Quality
from quarterdeck.venues.links import open_market_data
from quarterdeck.venues.protocol import Venue

__all__ = ["CaptureReport", "capture_desk", "open_streams"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PAUSE_S: Final = 1.0
_TURN_S: Final = 0.005  # between two turns: what comes in bursts is recorded together
_TOLD_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """What a recording came to: its folder, events, and the quality of each of its days."""

    folder: Path
    events: int
    seconds: float
    days: Mapping[str, Quality]

    def as_dict(self) -> dict[str, Any]:
        """Returns plain types only, for JSON."""
        return {
            "folder": str(self.folder),
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "days": {name: quality.as_dict() for name, quality in self.days.items()},
        }

    def lines(self) -> list[str]:
        """Returns the report for people."""
        said = [f"{self.events:,} events in {self.seconds:.1f} s, in {self.folder}"]
        for name, quality in self.days.items():
            said += [f"{name}: {Day(self.folder, name).folder}", *(f"  {line}" for line in quality.lines())]
        return said


def open_streams(config: DeskConfig, say: Callable[[str], None]) -> dict[int, Venue]:
    """Returns the market data of every venue of the desk that streams any. ConfigError when none does."""
    found: dict[int, Venue] = {}
    for row in range(len(config.venues)):
        venue = open_market_data(config, row, say)
        if venue is not None:
            found[row] = venue
    if not found:
        kinds = ", ".join(sorted({venue.kind for venue in config.venues}))
        raise ConfigError(config.file, "venues.kind", kinds, "at least one venue that streams market data: a real one")
    return found


def capture_desk(config: DeskConfig, root: Path, seconds: float | None, say: Callable[[str], None]) -> CaptureReport:
    """Records until `seconds` have passed (None: until it is told to stop), and says what was recorded.

    JournalLocked: somebody records this desk already. JournalFull: the disk took no more; what was recorded is safe.
    """
    bell, folder = Bell(), capture_folder(root)
    recorder = Recorder(config, folder, open_streams(config, say), ring=bell.ring, say=say)
    began = time.monotonic()
    recorder.open()
    try:
        with asyncio.Runner(loop_factory=cast(Any, uvloop).new_event_loop) as runner:
            runner.run(_run(recorder, bell, seconds, say))
    except BaseException:
        recorder.abandon()
        raise
    recorder.close()
    return CaptureReport(folder, recorder.events, time.monotonic() - began, dict(recorder.quality))


async def _run(recorder: Recorder, bell: Bell, seconds: float | None, say: Callable[[str], None]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        stopped.set()
        bell.ring()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    ends = None if seconds is None else time.monotonic() + seconds
    tell_s, told = time.monotonic() + _TOLD_EVERY_S, 0
    try:
        while not stopped.is_set():
            recorder.pump()
            now_s = time.monotonic()
            if now_s >= tell_s:
                say(f"{recorder.events:,} events, {(recorder.events - told) / _TOLD_EVERY_S:,.0f} a second")
                tell_s, told = now_s + _TOLD_EVERY_S, recorder.events
            left_s = _PAUSE_S if ends is None else ends - now_s
            if left_s <= 0:
                break
            await asyncio.sleep(_TURN_S)
            await bell.wait(min(_PAUSE_S, left_s))
    finally:
        bell.leave()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
