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
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck import __version__
from quarterdeck.audit.operators import command_note
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.desk.commands import (
    cancellable,
    check_command,
    command_event,
    command_events,
    command_payload,
    command_words,
)
from quarterdeck.desk.keeping import JournalKeeper
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line, Narrator
from quarterdeck.desk.overrides import Overrides, find_overrides
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered
from quarterdeck.desk.replica import Replica
from quarterdeck.desk.status import standing, status
from quarterdeck.desk.tally import Tally
from quarterdeck.desk.trading import TradingDesk
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, JournalError, LeaseLost
from quarterdeck.journal import Disk, note, rfc3339
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.vocabulary import EventKind, OrderFlag
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
        self.keep_orders: bool | None = None  # as the command to stop said
        self.overrides = Overrides()
        self.failure: JournalError | LeaseLost | None = None
        self.logs: Logs
        self.recovered: Recovered
        self.desk: D
        self.clock: DeskClock
        self._narrator = Narrator(config, self._heard)
        self._replica = Replica(self._narrator.hear)
        self._narrator.states = self._replica.states
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
        check_command(command, self.names)
        if command.verb is Verb.STOP:
            return self._stop_orderly(command)
        if self.failure is not None:
            raise self.failure
        self.pump()
        pending = self._pending_cancels()
        sequence = self.guarded(lambda: self._do(command, self._command_time()))
        cancels = self._pending_cancels() - pending
        self.follow()
        state = self.desk.states[0]
        facts = {"person": command.person, "origin": command.origin, "why": command.why}
        facts |= {key: word for key, word in command_words(command).items() if key in ("scope", "settings")}
        self.logs.system("COMMAND", verb=command.verb.value, command_sequence=sequence, cancels=cancels, **facts)
        answer: dict[str, object] = {
            "text": f"{command.verb.value}: done",
            "command_sequence": sequence,
            "open_orders": int(state["open_count"]),
            "cancels": cancels,
            "paused": bool(state["paused"]),
            "locked": bool(state["breaker"]["locked"]),
        }
        return answer | ({"overrides": self.overrides.shown()} if command.verb is Verb.CONFIGURE else {})

    def _do(self, command: Command, time_ns: int) -> int:
        """Journals and applies a command; returns its sequence."""
        if command.verb is Verb.CONFIGURE:
            return self._configure(command, time_ns)
        events = command_events(command, self.names, self.desk.states, time_ns)
        if not len(events):
            return self.note_command(command)
        return self._command(events, command_payload(command))

    def _command(self, events: NDArray[np.void], payload: bytes) -> int:
        """One command of several events: the words ride behind the first."""
        sequence = self.desk.command(events[:1], payload)
        if len(events) > 1:
            self.desk.feed(events[1:])
            if self.desk.gate is not None:  # what is acknowledged is in the second copy, where there is one
                self.desk.gate(self.recovered.writer.next_sequence)
        return sequence

    def _configure(self, command: Command, time_ns: int) -> int:
        """Limits in place of desk.toml's. They are on the medium before the kernel, or anybody, knows of them."""
        then = rfc3339(time_ns)
        overrides = self.overrides.with_settings(command.settings, command.person or "", then, command.why)
        events = overrides.events(self.config, command.settings, time_ns)
        try:
            overrides.keep(self.place, self._disk())
        except JournalError as error:
            raise DeskError(f"nothing was changed, for it would not outlive a restart: {error}") from error
        self.overrides = overrides
        return self._command(events, overrides.payload(command_words(command)))

    def _stop_orderly(self, command: Command) -> dict[str, object]:
        """Ends the session soon; what becomes of its orders is in the command, else it is the desk's own policy."""
        sequence = self.note_command(command)
        self.stopping, self.keep_orders = True, command.keep_orders
        facts = {"person": command.person, "origin": command.origin, "why": command.why}
        self.logs.system("COMMAND_STOP", keep_orders=command.keep_orders, **facts)
        open_orders, cancels = int(self.desk.states[0]["open_count"]), len(self.orders_to_cancel())
        answer: dict[str, object] = {"text": "the desk winds down", "command_sequence": sequence}
        return {**answer, "open_orders": open_orders, "cancels": cancels}

    def orders_to_cancel(self) -> NDArray[np.void]:
        """The open orders that the end of the session takes back, as copies."""
        return cancellable(self.desk.states, protective=True)

    def _pending_cancels(self) -> int:
        """How many open orders are being cancelled."""
        state = self.desk.states[0]
        flags = cast(Any, state["orders"])["flags"][cast(Any, state["open_orders"])[: int(state["open_count"])]]
        return int(np.count_nonzero(flags & OrderFlag.CANCEL_PENDING))

    def note_command(self, command: Command) -> int:
        """Journals a command that is no event of the kernel: who, from where and why. Returns its sequence."""
        check_command(command, self.names)
        words = command.verb.value, command.person or "", command.origin, command.why
        return self.guarded(lambda: self.recovered.writer.append(command_note(*words, self.clock.now())))

    def _open_logs(self) -> Logs:
        """Opens the logs. What the desk's own file of credentials holds is never written into them."""
        logs = self.voices.logs(self.place, self.config.desk.name)
        if isinstance(logs, DeskLogs):
            logs.learn(self.config.folder)
        return logs

    @abstractmethod
    def _disk(self) -> Disk:
        """Where its files are."""

    def _take_over(self, last_epoch: int) -> None:
        """Finds the limits that operators set before this session. DeskError: what they set cannot be read."""
        states = self.recovered.states
        self.overrides = find_overrides(self.place, self.config, states, last_epoch, self._disk())
        for sentence in self.overrides.lines():
            self.voices.say(sentence)

    def _first_words(self, now: int, version: str) -> DeskConfig:
        """Notes that a session begins, and what operators set; returns the settings that it opens with."""
        writer = self.recovered.writer
        writer.append(note(version, now))
        if self.overrides.held:
            writer.append(note(self.overrides.payload({}).decode(), now))
        return self.overrides.applied(self.config)

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
            "overrides": self.overrides.shown(),
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
        facts |= {"overrides": self.overrides.shown()} if self.overrides.held else {}
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
