"""When a running desk shows itself to other processes, and the words that it adds to its state."""

import os
import time
from typing import Any, Final

from quarterdeck.desk.chores import Chores
from quarterdeck.desk.helm import Helm
from quarterdeck.desk.publishing import BUCKETS, SHOWN, Publisher
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.kernel.records import STATE

__all__ = ["Showing"]

_EVERY_NS: Final = 100_000_000


class Showing:
    """Call `turn` at the end of each turn of the loop: ten times a second at most, the desk is shown anew.

    The words are the session's `vitals`, its lease, its backups, and how long the loop's turns took.
    """

    def __init__(self, helm: Helm, chores: Chores) -> None:
        session: Any = helm.session
        self._helm, self._chores, self._session = helm, chores, session
        self._publisher: Publisher | None = None
        try:
            self._publisher = Publisher(session.place.data / SHOWN, STATE.itemsize)
        except OSError as error:  # a full disk: the desk trades on, or ends its orders, unseen
            session.logs.error("NOT_SHOWN", error=str(error))
        self._shown_ns = 0
        self._turns = [0] * (BUCKETS + 1)
        self._begun = {"pid": os.getpid(), "started_ns": time.time_ns()}

    @property
    def pause_s(self) -> float:
        """How long the loop may rest: whoever looks at a quiet desk sees that it lives."""
        return 1.0

    def turn(self, took_ns: int) -> None:
        """Counts a turn, and shows the desk where it is time."""
        self._turns[min(took_ns.bit_length(), BUCKETS)] += 1
        now = time.monotonic_ns()
        if now - self._shown_ns >= _EVERY_NS:
            self._shown_ns = now
            self._show()

    def obey(self, command: Command) -> dict[str, object]:
        """As the helm does; and whoever is told that it was done sees it done."""
        answer = self._helm.obey(command)
        if command.verb is not Verb.STATUS:
            self._show()
        return answer

    def ending(self) -> None:
        """Shows the desk before it winds down, which may take a while."""
        self._show()

    def close(self) -> None:
        """Shows the desk once more, with all that its winding down did: as it was left."""
        self._show(ended=True)
        if self._publisher is not None:
            self._publisher.close()

    def _show(self, ended: bool = False) -> None:
        if self._publisher is None:
            return
        helm, session = self._helm, self._session
        words: dict[str, object] = {
            **self._begun,
            **session.vitals(),
            "shown_ns": time.time_ns(),
            "ended": ended,
            "backup": self._chores.status(),
            "turns": self._turns,
        }
        if helm.leadership is not None:
            words["lease"] = helm.leadership.status()
        self._publisher.publish(session.desk.states, words)
