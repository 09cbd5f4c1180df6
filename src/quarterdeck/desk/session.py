"""What every session of a desk shares: opened, pumped, commanded and closed, in that order and in one thread.

    session = PaperSession(config, DeskPlace(config.folder))
    session.open()
    while ...: session.pump()
    session.close()

Whatever stops the journal stops trading: from then on no effect leaves, and `fail` says the last words.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quarterdeck import __version__
from quarterdeck.audit.operators import command_note
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.desk.commands import command_event, command_payload
from quarterdeck.desk.keeping import JournalKeeper
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line, Narrator
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered
from quarterdeck.desk.replica import Replica
from quarterdeck.desk.status import standing, status
from quarterdeck.desk.tally import Tally
from quarterdeck.desk.trading import TradingDesk
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, JournalError, LeaseLost
from quarterdeck.journal import rfc3339
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.directory import directory

__all__ = ["SECOND_NS", "Logs", "Session", "Voices", "moment", "silent"]

SECOND_NS: Final = 1_000_000_000
T = TypeVar("T")
D = TypeVar("D", bound=TradingDesk)


def silent(_: object) -> None:
    """Says nothing to nobody."""


class Logs(Protocol):
    """Where a session's lines go."""

    def system(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def tell(self, line: Line) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voices:
    """Who is told: `tell` gets each narrated line, `say` each sentence for people.

    `narrate` False: no replica follows the desk, and no line is told (the simulator has its own eyes).
    """

    tell: Callable[[Line], None] = silent
    say: Callable[[str], None] = silent
    narrate: bool = True
    logs: Callable[[DeskPlace, str], Logs] = lambda place, desk: DeskLogs(place.logs, desk)


class Session(ABC, Generic[D]):
    """The common part. `recovered`, `desk`, `clock`, `logs` are there once it is open."""

    def __init__(self, config: DeskConfig, place: DeskPlace, voices: Voices) -> None:
        self.config, self.place, self.voices = config, place, voices
        self.names = directory(config)
        self.tally = Tally()
        self.stopping = False
        self.failure: JournalError | LeaseLost | None = None
        self.logs: Logs
        self.recovered: Recovered
        self.desk: D
        self.clock: DeskClock
        self._narrator = Narrator(config, self._heard)
        self._replica = Replica(self._narrator.hear)
        self._keeper: JournalKeeper
        self._looked_ns = 0

    # what each kind of session does its own way

    @abstractmethod
    def _pump(self) -> None:
        """Takes in what is due now."""

    @abstractmethod
    def _wind_down(self) -> None:
        """Ends in order: strategies rest, orders are cancelled, final seal and snapshot."""

    def _command_time(self) -> int:
        """The desk's time at which a command is taken."""
        return self.clock.now()

    @abstractmethod
    def _real_time(self) -> int:
        """A clock for looking at the disk, in nanoseconds."""

    def pump(self) -> None:
        """Takes in what is due now. JournalError, LeaseLost: trading has stopped."""
        self.guarded(self._pump)

    def obey(self, command: Command) -> dict[str, object]:
        """Does what a person says; returns once it is journaled, applied and flushed."""
        if command.verb is Verb.STATUS:
            return self.status()
        if command.verb is Verb.STOP:
            self.note_command(command)
            self.stopping = True
            self.logs.system("COMMAND_STOP", person=command.person, origin=command.origin, why=command.why)
            return {"text": "the desk winds down"}
        if self.failure is not None:
            raise self.failure
        self.pump()
        sequence = self.guarded(lambda: self._do(command, self._command_time()))
        self.follow()
        state = self.desk.states[0]
        facts = {"person": command.person, "origin": command.origin, "why": command.why}
        self.logs.system("COMMAND", verb=command.verb.value, command_sequence=sequence, **facts)
        return {
            "text": f"{command.verb.value}: done",
            "command_sequence": sequence,
            "open_orders": int(state["open_count"]),
            "paused": bool(state["paused"]),
            "locked": bool(state["breaker"]["locked"]),
        }

    def _do(self, command: Command, time_ns: int) -> int:
        """Journals and applies a command; returns its sequence."""
        event = command_event(command, self.names, time_ns)
        return self.desk.command(event, command_payload(command))

    def note_command(self, command: Command) -> None:
        """Journals a command that is for the process, not for the kernel: who, from where and why."""
        words = command.verb.value, command.person or "", command.origin, command.why
        self.guarded(lambda: self.recovered.writer.append(command_note(*words, self.clock.now())))

    def status(self) -> dict[str, object]:
        """Returns what the desk says of itself."""
        return {
            **status(self.config, self.desk.states, self.desk.digest),
            "recovery": list(self.recovered.said),
            "clock": rfc3339(self.clock.now()),
            **self.vitals(),
        }

    def vitals(self) -> dict[str, object]:
        """Returns what is not in the state, and quickly: it is shown ten times a second."""
        writer = self.recovered.writer
        return {
            "recovered": True,  # a desk that is not does not answer
            "sequence": writer.next_sequence,
            "durable_sequence": writer.durable_sequence,
            "clock_ns": self.clock.now(),
            "disk_low": self._keeper.low,
            "stopping": self.stopping,
            "failure": "" if self.failure is None else str(self.failure),
        }

    def follow(self) -> None:
        """Lets the replica catch up: logs and words for people come from it."""
        tape = self.desk.take_tape()
        if self.voices.narrate:
            for sequence, records in tape:
                self._replica.follow(records, sequence)

    def close(self) -> None:
        """Winds down in order, says so, and gives everything back."""
        try:
            self.guarded(self._wind_down)
            self.follow()
            if self.voices.narrate and self._replica.digest != self.desk.digest:
                raise DeskError("the replica has another state than the desk: keep the journal and tell the developers")
            self.logs.system("SESSION_CLOSED", epoch=self.recovered.epoch, digest=self.desk.digest.hex())
        finally:
            self.abandon()

    def fail(self) -> str:
        """Ends after a failure: last words as far as the disk takes them; returns what became of them."""
        assert self.failure is not None
        said = "no last words: another process leads the desk"
        if isinstance(self.failure, JournalError):
            said = self._keeper.last_words(self.failure, self.desk.states)
        self.logs.error("TRADING_STOPPED", error=str(self.failure), last_words=said)
        self.abandon()
        return said

    def abandon(self) -> None:
        """Gives back lock and files without another word to the journal: what was flushed is what counts."""
        self.recovered.writer.close()
        self.logs.close()

    def guarded(self, act: Callable[[], T]) -> T:
        """Does something that a failing journal, or a lost lease, ends for good."""
        if self.failure is not None:
            raise self.failure
        try:
            return act()
        except (JournalError, LeaseLost) as error:
            self.failure = error
            self.stopping = True
            raise

    def _introduce(self) -> None:
        """Says how the session begins."""
        for sentence in standing(self.desk.states, self.names):
            self.voices.say(sentence)
        facts: dict[str, object] = {"epoch": self.recovered.epoch, "source_hash": source_hash(), "version": __version__}
        self.logs.system("SESSION_OPENED", mode=self.config.desk.mode, said=self.recovered.said, **facts)

    def _watch_disk(self, now: int) -> None:
        """Entries stop before the disk is full; a person resumes them once there is room."""
        real = self._real_time()
        if real - self._looked_ns < SECOND_NS:
            return
        self._looked_ns = real
        if not self._keeper.look_at_disk():
            return
        if not self._keeper.low:
            self.voices.say("there is room on the disk again: `quarterdeck resume` lets the desk enter positions")
            return
        why = self._keeper.low_text()
        self.voices.say(f"entries stop: {why}")
        self.logs.error("DISK_LOW", why=why)
        pause = command_event(Command(verb=Verb.PAUSE), self.names, now)
        pause["person"] = 0
        self.desk.command(pause, command_payload(Command(verb=Verb.PAUSE, person="desk", why=why)))

    def _heard(self, line: Line) -> None:
        self.logs.tell(line)
        self.tally.take(line)
        self.voices.tell(line)


def moment(kind: EventKind, time_ns: int) -> NDArray[np.void]:
    """Returns an event about nothing but time, shape (1,)."""
    event = new_events(1)
    event["kind"] = kind
    event["time_ns"] = time_ns
    event["instrument"] = -1
    event["strategy"] = -1
    return event
