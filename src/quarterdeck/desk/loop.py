"""The desk's loop: one thread, asyncio on uvloop, until a signal, a command, the clock or the data ends it."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any, Final, cast

import uvloop

from quarterdeck.desk.control import ControlServer
from quarterdeck.desk.paper import PaperSession
from quarterdeck.errors import JournalError

__all__ = ["run_session"]

_TICK_S: Final = 0.01
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run_session(session: PaperSession, seconds: float | None = None, *, each: Callable[[], None] | None = None) -> None:
    """Opens the session, runs it for `seconds` (None: until it is told to stop), and winds it down.

    `each` is called after every turn of the loop. JournalFull, JournalError: trading stopped, with last words.
    """
    session.open()
    try:
        with asyncio.Runner(loop_factory=cast(Any, uvloop).new_event_loop) as runner:
            runner.run(_run(session, seconds, each))
        session.close()
    except JournalError:
        if session.failure is not None:
            session.fail()
        else:
            session.abandon()
        raise
    except BaseException:
        session.abandon()
        raise


async def _run(session: PaperSession, seconds: float | None, each: Callable[[], None] | None) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        session.stopping = True

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    server = ControlServer(session.place.socket, session.obey)
    await server.open()
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        while not session.stopping and not session.ended:
            session.pump()
            if each is not None:
                each()
            if ends is not None and time.monotonic() >= ends:
                break
            await asyncio.sleep(0 if session.behind else _TICK_S)
        if session.failure is not None:
            raise session.failure
    finally:
        await server.close()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
