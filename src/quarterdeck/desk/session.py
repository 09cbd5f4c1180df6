"""One session of a paper desk: opened, pumped, commanded and closed, in that order and in one thread.

    session = PaperSession(config, DeskPlace(config.folder))
    session.open()
    while ...: session.pump()
    session.close()

Whatever stops the journal stops trading: from then on no effect leaves, and `fail` says the last words.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck import __version__
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.desk.commands import command_event, command_payload
from quarterdeck.desk.feeds import Feed, GeneratedFeed, RecordedFeed
from quarterdeck.desk.keeping import JournalKeeper
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line, Narrator
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, held_positions, lost_orders, recover
from quarterdeck.desk.replica import Replica
from quarterdeck.desk.status import standing, status
from quarterdeck.desk.tally import Tally
from quarterdeck.desk.trading import PaperDesk
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, JournalError
from quarterdeck.journal import OS_DISK, Disk, note, rfc3339
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market import market_apply, new_market
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.vocabulary import EventKind, Reason
from quarterdeck.market import Events
from quarterdeck.runtime.directory import directory
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.exchange import new_reports
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import opening_events

__all__ = ["PaperSession", "SessionOptions", "paper_market"]

_SECOND_NS: Final = 1_000_000_000
_CHUNK: Final = 2_048  # events between two looks at the control socket
_MS: Final = 1_000_000


def _silent(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session differs from the plain one: `data` replays recorded events, at `speed` times their own pace.

    `tell` is given each narrated line, `say` each sentence for people. `sources` gives strategies in place of those
    that the config names.
    """

    seed: int | None = None
    speed: float = 1.0
    data: Events | None = None
    tell: Callable[[Line], None] = _silent
    say: Callable[[str], None] = _silent
    sources: Sequence[StrategySource] | None = None
    disk: Disk = OS_DISK


def paper_market(config: DeskConfig) -> Records[Market]:
    """Returns an empty simulated venue with the latencies of the desk's first venue."""
    venue = config.venues[0]
    return new_market(
        order_latency_ns=int(venue.order_latency_ms * _MS), response_latency_ns=int(venue.response_latency_ms * _MS)
    )


class PaperSession:
    """A desk trading at the simulated venue of its own process."""

    def __init__(self, config: DeskConfig, place: DeskPlace, options: SessionOptions | None = None) -> None:
        self.config, self.place = config, place
        self.options = options or SessionOptions()
        self.names = directory(config)
        self.tally = Tally()
        self.stopping = False
        _warm_up(config, self.options.sources)
        self.failure: JournalError | None = None
        self.logs: DeskLogs
        self.recovered: Recovered
        self.desk: PaperDesk
        self.clock: DeskClock
        self.behind = False  # more market data is due than was taken
        self._narrator = Narrator(config, self._heard)
        self._replica = Replica(self._narrator.hear)
        self._feed: Feed
        self._keeper: JournalKeeper
        self._clock_ns = self._looked_ns = 0

    @property
    def ended(self) -> bool:
        """Whether recorded data is over."""
        return self._feed.ended

    def open(self) -> None:
        """Recovers, and begins the session. JournalError, ReplayError, DeskError: nothing was begun."""
        self.recovered = recovered = recover(self.config, self.place, disk=self.options.disk)
        self.logs = DeskLogs(self.place.logs, self.config.desk.name)
        try:
            self._open(recovered)
        except BaseException:
            self.abandon()
            raise

    def _open(self, recovered: Recovered) -> None:
        options = self.options
        for sentence in recovered.said:
            options.say(sentence)
        self.clock = self._new_clock(recovered.time_ns)
        self.desk = PaperDesk(paper_market(self.config), recovered.writer)
        if recovered.states is not None:
            cast(Any, self.desk.states)[0] = cast(Any, recovered.states)[0]
            self._replica.begin(recovered.states)
        now = self.clock.now()
        self._keeper = JournalKeeper(
            recovered.writer, self.config.journal, self.place.snapshots, now, disk=options.disk
        )
        self._guarded(lambda: self._begin(now))
        self._feed = self._new_feed(now)
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        for sentence in standing(self.desk.states, self.names):
            options.say(sentence)
        facts = {"epoch": recovered.epoch, "source_hash": source_hash(), "version": __version__, "said": recovered.said}
        self.logs.system("SESSION_OPENED", mode=self.config.desk.mode, **facts)

    def pump(self) -> None:
        """Takes in what is due now: market data, and time once a second. JournalError: trading has stopped."""
        self._guarded(self._pump)

    def obey(self, command: Command) -> dict[str, object]:
        """Does what a person says; returns once it is journaled, applied and flushed."""
        if command.verb is Verb.STATUS:
            return self.status()
        if command.verb is Verb.STOP:
            self.stopping = True
            self.logs.system("COMMAND_STOP", person=command.person, origin=command.origin, why=command.why)
            return {"text": "the desk winds down"}
        if self.failure is not None:
            raise self.failure
        self.pump()
        time_ns = int(self.desk.states[0]["time_ns"]) if self.behind else self.clock.now()
        event = command_event(command, self.names, time_ns)
        sequence = self._guarded(lambda: self.desk.command(event, command_payload(command)))
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

    def status(self) -> dict[str, object]:
        """Returns what the desk says of itself."""
        writer = self.recovered.writer
        return {
            **status(self.config, self.desk.states, self.desk.digest),
            "recovered": True,  # a desk that is not does not answer
            "recovery": list(self.recovered.said),
            "sequence": writer.next_sequence,
            "durable_sequence": writer.durable_sequence,
            "clock": rfc3339(self.clock.now()),
            "disk_low": self._keeper.low,
            "stopping": self.stopping,
        }

    def follow(self) -> None:
        """Lets the replica catch up: logs and words for people come from it."""
        for sequence, records in self.desk.take_tape():
            self._replica.follow(records, sequence)

    def close(self) -> None:
        """Winds down in order: strategies rest, orders are cancelled, final seal and snapshot."""
        try:
            self._guarded(self._wind_down)
            self.follow()
            if self._replica.digest != self.desk.digest:
                raise DeskError("the replica has another state than the desk: keep the journal and tell the developers")
            self.logs.system("SESSION_CLOSED", epoch=self.recovered.epoch, digest=self.desk.digest.hex())
        finally:
            self.recovered.writer.close()
            self.logs.close()

    def fail(self) -> str:
        """Ends after a failure: last words as far as the disk takes them; returns what became of them."""
        assert self.failure is not None
        said = self._keeper.last_words(self.failure, self.desk.states)
        self.logs.error("TRADING_STOPPED", error=str(self.failure), last_words=said)
        self.abandon()
        return said

    def abandon(self) -> None:
        """Gives back lock and files without another word to the journal: what was flushed is what counts."""
        self.recovered.writer.close()
        self.logs.close()

    def _guarded(self, act: Callable[[], Any]) -> Any:
        if self.failure is not None:
            raise self.failure
        try:
            return act()
        except JournalError as error:
            self.failure = error
            self.stopping = True
            raise

    def _new_clock(self, floor_ns: int) -> DeskClock:
        if self.options.data is None:
            return DeskClock(floor_ns + 1, self.options.speed)
        first = int(self.options.data["time_ns"][0])
        if floor_ns >= first:
            raise DeskError(
                f"{self.place.root}: its journal is at a later time than the data: give another folder with --dir"
            )
        return DeskClock(floor_ns + 1, self.options.speed, steered=False, wall=lambda: first - 1)

    def _new_feed(self, now: int) -> Feed:
        if self.options.data is not None:
            return RecordedFeed(self.options.data)
        seed = (self.config.desk.seed if self.options.seed is None else self.options.seed) + self.recovered.epoch - 1
        return GeneratedFeed(self.config, seed, now, self.recovered.states)

    def _begin(self, now: int) -> None:
        """What was open is gone, the venue learns what is held, and the session opens."""
        states, writer = self.desk.states, self.recovered.writer
        if self.recovered.states is not None:
            lost = lost_orders(states, now)
            held = held_positions(states, now)
            reports = new_reports()
            for index in range(len(held)):
                market_apply(self.desk.engine.market, cast(Any, held), index, cast(Any, reports))
            if len(lost):
                orders = len(set(lost["order_id"].tolist()))
                self.options.say(
                    f"the simulated venue's book did not outlive the process: {orders} open orders are reported gone"
                )
                self.desk.feed(lost)
            if len(held):
                self.options.say(f"positions in {len(held)} instruments and the cash go on as they were")
        writer.append(note(f"session {self.recovered.epoch}: quarterdeck {__version__}, source {source_hash()}", now))
        self.desk.feed(opening_events(self.config, self.recovered.epoch, now, fresh=self.recovered.fresh))
        self.desk.bind(host_strategies(self.config, states, self.options.sources))

    def _pump(self) -> None:
        now = self.clock.now()
        events = self._feed.take(now, _CHUNK)
        self.behind = len(events) == _CHUNK
        if len(events):
            self.desk.feed(events)
        elif now - self._clock_ns >= _SECOND_NS:
            self._clock_ns = now
            self.desk.feed(_moment(EventKind.CLOCK, now))
        if not self.behind:
            self._watch_disk(now)
        self._keeper.keep(self.desk.states, int(self.desk.states[0]["time_ns"]))
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        self.follow()

    def _watch_disk(self, now: int) -> None:
        """Entries stop before the disk is full; a person resumes them once there is room."""
        real = time.monotonic_ns()
        if real - self._looked_ns < _SECOND_NS:
            return
        self._looked_ns = real
        if not self._keeper.look_at_disk():
            return
        if not self._keeper.low:
            self.options.say("there is room on the disk again: `quarterdeck resume` lets the desk enter positions")
            return
        why = self._keeper.low_text()
        self.options.say(f"entries stop: {why}")
        self.logs.error("DISK_LOW", why=why)
        pause = command_event(Command(verb=Verb.PAUSE), self.names, now)
        pause["person"] = 0
        self.desk.command(pause, command_payload(Command(verb=Verb.PAUSE, person="desk", why=why)))

    def _wind_down(self) -> None:
        """Every order is cancelled, protective ones too: the venue that holds them ends with this process."""
        self.desk.bind(())
        state = self.desk.states[0]
        now = max(self.clock.now(), int(state["time_ns"])) if not self.behind else int(state["time_ns"])
        if state["open_count"]:
            cancel = _moment(EventKind.CANCEL_ALL_REQUEST, now)
            cancel["reason"] = Reason.SESSION_CLOSED
            self.desk.feed(cancel)
        patience = self.config.venues[0]
        step = int((patience.order_latency_ms + patience.response_latency_ms) * _MS) + _MS
        for _ in range(4):
            if not state["open_count"]:
                break
            now = self._wait_until(now + step)
            self.desk.feed(_moment(EventKind.CLOCK, now))
        self.desk.feed(_moment(EventKind.SESSION_END, now))
        self._keeper.close(self.desk.states, now)

    def _wait_until(self, time_ns: int) -> int:
        """Waits until the desk's clock has come that far; recorded time is over and may simply be said to pass."""
        if self.options.data is not None:
            return time_ns
        while (now := self.clock.now()) < time_ns:
            time.sleep(min(0.05, (time_ns - now) / _SECOND_NS))
        return now

    def _heard(self, line: Line) -> None:
        self.logs.tell(line)
        self.tally.take(line)
        self.options.tell(line)


def _warm_up(config: DeskConfig, sources: Sequence[StrategySource] | None) -> None:
    """Compiles all that the session runs, on a desk of its own, before a lock or a lease is taken."""
    engine = SimulatedEngine(paper_market(config), _silent)
    engine.feed(opening_events(config, 1, 1, fresh=True))
    engine.bind(host_strategies(config, engine.states, sources))
    engine.feed(_moment(EventKind.CLOCK, 2))
    GeneratedFeed(config, 1, 1).take(2, 1)


def _moment(kind: EventKind, time_ns: int) -> NDArray[np.void]:
    event = new_events(1)
    event["kind"] = kind
    event["time_ns"] = time_ns
    event["instrument"] = -1
    event["strategy"] = -1
    return event
