"""One command for all of a floor: starts the processes, starts again what dies, and winds them down in order.

A process that ends in order (exit 0) was stopped by somebody and stays down; one that refuses its settings (exit 2)
would do so again and stays down too. Anything else is a death: it is started again, later and later, and given up when
it dies too often in a row. What it said last is in its own file, and the last line of that is told.

The children are sessions of their own: a Ctrl-C reaches this process alone, and if this process is killed, desks go on
trading. A desk that runs already is left alone.
"""

import contextlib
import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from quarterdeck.config.ops import OpsConfig
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Command, Verb, ask
from quarterdeck.errors import DeskError

__all__ = ["Child", "Patience", "Upkeep", "children_of", "desk_runs"]

_REFUSED: Final = 2  # the exit code of a configuration that cannot be used
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ASKING_S: Final = 3.0
_LAST_BYTES: Final = 4096
_LINE_MAX: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When a dead process is started again, and for how long one that is told to end may take; all in seconds."""

    first_s: float = 1.0
    longest_s: float = 30.0
    steady_s: float = 60.0
    """One that ran for so long has not died in a row."""
    deaths: int = 5
    """So many in a row, and it is given up."""
    ending_s: float = 60.0

    def pause_s(self, deaths: int) -> float:
        """How long to wait after so many deaths in a row: twice as long each time."""
        return min(self.first_s * 2.0 ** (deaths - 1), self.longest_s)


@dataclass
class Child:
    """One process. `rank` is when it ends, the lowest first. `runs` tells whether it runs already, by somebody else.

    It is started once `after` is true: what it stands on is there. A `tethered` one is given a standard input that ends
    when this process does, however it ends. One that is not to be started `again` after a death is given up at once.
    """

    name: str
    argv: Sequence[str]
    rank: int = 0
    runs: Callable[[], bool] = lambda: False
    after: Callable[[], bool] = lambda: True
    tethered: bool = False
    again: bool = True
    over: str = ""
    """Why it is not started again; empty while it is kept."""
    failed: bool = False
    deaths: int = 0
    starts: int = 0
    began_s: float = 0.0
    due_s: float = 0.0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)


def desk_runs(folder: Path) -> bool:
    """Whether a desk answers on its control socket."""
    place = DeskPlace(folder)
    if not place.socket.exists():
        return False
    try:
        ask(place.socket, folder.name, Command(verb=Verb.STATUS, origin="quarterdeck up"), _ASKING_S)
    except DeskError as error:
        return "not running" not in str(error)  # one that is too busy to answer runs all the same
    return True


def children_of(config: OpsConfig, command: Sequence[str], *, without: Sequence[str] = ()) -> list[Child]:
    """Returns the processes of an ops plane: its desks, the plane itself, the console; less those named in `without`.

    `command` is how quarterdeck is called.
    """
    folder = str(config.folder)
    made = [
        Child(place.name, (*command, "run", str(place)), 0, lambda place=place: desk_runs(place))
        for place in config.desk_places
    ]
    made += [Child("ops", (*command, "ops", folder), 1), Child("console", (*command, "console", folder), 2)]
    return [child for child in made if child.name not in without]


class Upkeep:
    """Keeps some processes. `folder` takes what they say on standard error; `say` is told each thing that is done."""

    def __init__(
        self,
        children: Sequence[Child],
        folder: Path,
        say: Callable[[str], None],
        patience: Patience | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.children = list(children)
        self._folder, self._say = folder, say
        self._patience = patience or Patience()
        self._environment = dict(os.environ if environment is None else environment)
        # A signal's handler may put into it whatever it interrupted; at an Event's lock it could wait for itself.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stops = 0  # how often a person asked for the end
        self._ending = False

    def run(self, seconds: float | None = None) -> int:
        """Runs until a signal or `stop`, until `seconds` have passed, or until nothing is left; returns the exit code.

        To be called in the main thread. 1: something was refused or given up, or had to be killed in the end.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        before = {number: signal.signal(number, self._asked_to_end) for number in _SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._somebody_died)
        try:
            while not self._ending:
                self._look()
                now = time.monotonic()
                if now >= ends or all(child.over for child in self.children):
                    break
                due = min(
                    (child.due_s for child in self.children if self._waiting(child) and child.after()), default=ends
                )
                self._rest(max(0.0, min(due, ends, now + 1.0) - now))
        finally:
            self._wind_down()
            for number, handler in before.items():
                signal.signal(number, handler)
        return int(any(child.failed for child in self.children))

    def stop(self) -> None:
        """Ends the run in order, from any thread. It makes no haste, however often it is said."""
        self._ending = True
        self._wake.put(None)

    def _asked_to_end(self, _number: int, _frame: FrameType | None) -> None:
        self._stops += 1
        self.stop()

    def _somebody_died(self, _number: int, _frame: FrameType | None) -> None:
        self._wake.put(None)

    def _rest(self, seconds: float) -> None:
        """Returns after that time, or as soon as something has happened."""
        with contextlib.suppress(queue.Empty):
            self._wake.get(timeout=seconds)
            for _ in range(self._wake.qsize()):
                self._wake.get_nowait()

    @staticmethod
    def _waiting(child: Child) -> bool:
        return child.process is None and not child.over

    def _look(self) -> None:
        """Takes note of who died, and starts whoever is due."""
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                self._died(child, code)
            if self._waiting(child) and child.due_s <= time.monotonic() and child.after() and not self._ending:
                self._start(child)

    def _start(self, child: Child) -> None:
        if child.runs():
            child.over = "runs already"
            self._say(f"{child.name}: runs already; it is left alone")
            return
        try:
            with self._said(child).open("wb") as said:
                child.process = subprocess.Popen(
                    child.argv,
                    stdin=subprocess.PIPE if child.tethered else subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    env=self._environment,
                    start_new_session=True,
                )
        except OSError as error:
            self._buried(child, f"could not be started: {error}")
            return
        child.starts += 1
        child.began_s = time.monotonic()
        self._say(f"{child.name}: started, process {child.process.pid}")

    def _died(self, child: Child, code: int) -> None:
        _let_go(child)
        last = self._last_line(child)
        more = f": {last}" if last else ""
        if code == 0:
            child.over = "ended in order"
            self._say(f"{child.name}: ended in order; it is not started again")
        elif code == _REFUSED:
            child.over, child.failed = "refused", True
            self._say(f"{child.name}: refused its settings, and is not started again{more}")
        else:
            steady = time.monotonic() - child.began_s >= self._patience.steady_s
            child.deaths = 0 if steady else child.deaths
            self._buried(child, f"died ({_end(code)}){more}")

    def _buried(self, child: Child, why: str) -> None:
        """After a death: again later, or never."""
        child.deaths += 1
        if not child.again:
            child.over, child.failed = "died", True
            self._say(f"{child.name}: {why}; it is not started again")
            return
        if child.deaths > self._patience.deaths:
            child.over, child.failed = "given up", True
            self._say(f"{child.name}: {why}; given up after {child.deaths} deaths in a row")
            return
        pause_s = self._patience.pause_s(child.deaths)
        child.due_s = time.monotonic() + pause_s
        self._say(f"{child.name}: {why}; started again in {pause_s:g} s")

    def _wind_down(self) -> None:
        """Desks first, while the ops plane still shows and tells; then the plane, then the console."""
        running = [child for child in self.children if child.process is not None]
        for rank in sorted({child.rank for child in running}):
            group = [child for child in running if child.rank == rank]
            for child in group:
                self._say(f"{child.name}: told to end")
                _signal(child, signal.SIGTERM)
            self._await(group)

    def _await(self, group: Sequence[Child]) -> None:
        """Returns when all of them have ended: by themselves in time, or killed, at once if somebody asks again."""
        ends, patient_until = time.monotonic() + self._patience.ending_s, max(1, self._stops)
        left = [child for child in group if not self._ended(child)]
        killed = False
        while left:
            if not killed and (time.monotonic() >= ends or self._stops > patient_until):
                killed = True
                for child in left:
                    self._say(f"{child.name}: did not end in time; killed")
                    _signal(child, signal.SIGKILL)
            self._rest(0.2)
            left = [child for child in left if not self._ended(child)]

    def _ended(self, child: Child) -> bool:
        """Whether a process that was told to end has done so; says how."""
        code = None if child.process is None else child.process.poll()
        if code is None:
            return child.process is None
        _let_go(child)
        child.failed |= code not in {0, -signal.SIGTERM}  # told to end before it had begun: it left nothing behind
        last = self._last_line(child) if code else ""
        self._say(f"{child.name}: {_end(code)}{f': {last}' if last else ''}")
        return True

    def _said(self, child: Child) -> Path:
        return self._folder / f"{child.name}.said"

    def _last_line(self, child: Child) -> str:
        """The last thing that a process said on standard error."""
        path = self._said(child)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip()[:_LINE_MAX] for line in reversed(lines) if line.strip()), "")


def _let_go(child: Child) -> None:
    """After a process has ended."""
    if child.process is not None and child.process.stdin is not None:
        child.process.stdin.close()
    child.process = None


def _signal(child: Child, number: signal.Signals) -> None:
    process: Any = child.process
    if process is not None and process.poll() is None:
        process.send_signal(number)


def _end(code: int) -> str:
    """How a process ended, in words."""
    if code == 0:
        return "ended in order"
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
