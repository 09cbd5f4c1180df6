"""A real desk that was run for a while, and what it shows, through its own publisher and reader."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quarterdeck.config import DeskConfig
from quarterdeck.desk.paper import PaperSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.publishing import SHOWN, Edition, Publisher, Reader
from quarterdeck.kernel.records import STATE
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.seeing import figures
from tests.desk.builders import Buyer, Idle, Quoter, desk_folder, session

__all__ = ["Shown", "open_desk"]

TURNS = [0] * 20 + [90] + [0] * 4 + [10] + [0] * 15  # of the loop: 90 of about a millisecond, 10 of up to 34


class Shown:
    """An open paper session of the shipped desk, and the file that it shows itself in."""

    def __init__(self, config: DeskConfig, running: PaperSession, place: DeskPlace) -> None:
        self.config, self.session, self.place = config, running, place
        self.desk = SeenDesk(config)
        self._publisher = Publisher(place.data / SHOWN, STATE.itemsize)
        self.more: dict[str, object] = {}

    @property
    def state(self) -> Any:
        return self.session.desk.states[0]

    def pump(self, until: Callable[[Any], bool], turns: int = 3_000) -> None:
        for _ in range(turns):
            if until(self.state):
                return
            self.session.pump()
            time.sleep(0.001)
        raise AssertionError(f"not so after {turns} turns")

    def publish(self, **words: object) -> None:
        vitals = {
            "pid": os.getpid(),
            "started_ns": 1,
            **self.session.vitals(),
            "clock_ns": int(
                self.state["time_ns"]
            ),  # a fast clock would make prices old while a test does something else
            "shown_ns": time.time_ns(),
            "ended": False,
            "backup": {"enabled": False, "running": False, "ended": None, "error": None},
            "turns": TURNS,
            **words,
        }
        self._publisher.publish(self.session.desk.states, vitals)

    def figures(self, alive: bool = True, **words: object) -> DeskFigures:
        """Publishes, reads it as another process would, and computes the figures."""
        self.publish(**words)
        with Reader(self.place.data / SHOWN) as reader:
            edition = reader.read()
        assert isinstance(edition, Edition)
        return figures(edition, self.config, self.desk.names, alive)

    def close(self) -> None:
        self.desk.close()
        self._publisher.close()
        self.session.close()


def open_desk(folder: Path, *changes: tuple[str, str], sources: tuple[type, ...] = (Buyer, Quoter, Idle)) -> Shown:
    """One strategy holds a position, one quotes and cancels, one asks nothing."""
    config = desk_folder(folder, ("max_executions = 120", "max_executions = 1000000"), *changes)
    place = DeskPlace(config.folder)
    running = session(config, place, sources=sources)
    running.open()
    return Shown(config, running, place)
