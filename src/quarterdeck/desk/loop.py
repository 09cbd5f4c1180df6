"""The desk's loop: one thread, asyncio on uvloop, until a signal, a command, the clock or the data ends it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import uvloop

from quarterdeck.desk.bell import Bell
from quarterdeck.desk.chores import Chores
from quarterdeck.desk.control import ControlServer
from quarterdeck.desk.helm import Helm
from quarterdeck.desk.leading import Leadership
from quarterdeck.desk.live import LiveSession
from quarterdeck.desk.paper import PaperSession
from quarterdeck.desk.showing import Showing
from quarterdeck.errors import JournalError, LeaseLost

__all__ = ["AnySession", "run_session"]

AnySession: TypeAlias = PaperSession | LiveSession

_TICK_S: Final = 0.01
_LONG_S: Final = 3_600.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run_session(
    session: AnySession,
    seconds: float | None = None,
    *,
    each: Callable[[], None] | None = None,
    bell: Bell | None = None,
    leadership: Leadership | None = None,
) -> None:
    """Opens the session, runs it for `seconds` (None: until it is told to stop), and winds it down.

    `each` is called after every turn of the loop, and a `bell` that a live session's `wake` rings begins one at once.
    `leadership` is the lease that the session was made with: it ends with it. JournalFull, JournalError: trading
    stopped, with last words; LeaseLost: another process leads the desk.
    """
    bell, helm = bell or Bell(), Helm(session, leadership)
    try:
        session.open()
    except BaseException:
        helm.lost()
        raise
    try:
        helm.opened()
        chores = Chores(session.config, session.place, session.logs)
        with contextlib.closing(Showing(helm, chores)) as showing:  # last of all: what it shows then is how it ended
            with asyncio.Runner(loop_factory=cast(Any, uvloop).new_event_loop) as runner:
                runner.run(_run(session, helm, chores, showing, seconds, each, bell))
            session.close()
    except (JournalError, LeaseLost) as error:
        if session.failure is not None:
            session.fail()
        else:
            session.abandon()
        helm.failed(error)
        raise
    except BaseException:
        session.abandon()
        helm.lost()
        raise
    helm.closed()


async def _run(
    session: AnySession,
    helm: Helm,
    chores: Chores,
    showing: Showing,
    seconds: float | None,
    each: Callable[[], None] | None,
    bell: Bell,
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        session.stopping = True
        bell.ring()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    ends = None if seconds is None else time.monotonic() + seconds
    server = ControlServer(session.place.socket, showing.obey)
    await server.open()
    try:
        while not session.stopping and not session.ended:
            began_ns = time.monotonic_ns()
            helm.turn()
            session.pump()
            chores.turn()
            showing.turn(time.monotonic_ns() - began_ns)
            if each is not None:
                each()
            left_s = _LONG_S if ends is None else ends - time.monotonic()
            if left_s <= 0:
                break
            await bell.wait(min(_pause_s(session), left_s, helm.pause_s, chores.pause_s, showing.pause_s))
        session.stopping = True  # it does, also where its time is over or its data: whoever looks is told
        if session.failure is not None:
            raise session.failure
    finally:
        showing.ending()
        chores.close()
        bell.leave()
        await server.close()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _pause_s(session: AnySession) -> float:
    """How long nothing is due. A paper desk's market moves in its own process; a live one is told."""
    if isinstance(session, LiveSession):
        return (session.next_due_ns() - session.clock.now()) / 1e9
    return 0.0 if session.behind else _TICK_S
