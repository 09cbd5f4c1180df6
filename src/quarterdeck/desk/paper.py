"""A session of a desk that trades at the simulated venue of its own process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from quarterdeck import __version__
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.desk.feeds import Feed, GeneratedFeed, RecordedFeed
from quarterdeck.desk.keeping import JournalKeeper
from quarterdeck.desk.narrative import Line
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, held_positions, lost_orders, recover
from quarterdeck.desk.session import SECOND_NS, Session, Voices, moment, silent
from quarterdeck.desk.trading import PaperDesk
from quarterdeck.desk.wire import Command
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market import market_apply, new_market
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.vocabulary import EventKind, Reason
from quarterdeck.market import Events
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.exchange import new_reports
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import opening_events

__all__ = ["PaperSession", "SessionOptions", "paper_market"]

_CHUNK: Final = 2_048  # events between two looks at the control socket
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session differs from the plain one: `data` replays recorded events, at `speed` times their own pace.

    `tell` is given each narrated line, `say` each sentence for people. `sources` gives strategies in place of those
    that the config names. `recover` as in LiveOptions.
    """

    seed: int | None = None
    speed: float = 1.0
    data: Events | None = None
    tell: Callable[[Line], None] = silent
    say: Callable[[str], None] = silent
    sources: Sequence[StrategySource] | None = None
    disk: Disk = OS_DISK
    recover: Callable[[DeskConfig, DeskPlace, Disk], Recovered] = lambda config, place, disk: recover(
        config, place, disk=disk
    )


def paper_market(config: DeskConfig) -> Records[Market]:
    """Returns an empty simulated venue with the latencies of the desk's first venue."""
    venue = config.venues[0]
    return new_market(
        order_latency_ns=int(venue.order_latency_ms * _MS), response_latency_ns=int(venue.response_latency_ms * _MS)
    )


class PaperSession(Session[PaperDesk]):
    """A desk trading at the simulated venue of its own process."""

    def __init__(self, config: DeskConfig, place: DeskPlace, options: SessionOptions | None = None) -> None:
        self.options = options or SessionOptions()
        super().__init__(config, place, Voices(tell=self.options.tell, say=self.options.say))
        _warm_up(config, self.options.sources)
        self.behind = False  # more market data is due than was taken
        self._feed: Feed
        self._clock_ns = 0
        self._last_epoch = 0

    @property
    def ended(self) -> bool:
        """Whether recorded data is over."""
        return self._feed.ended

    def open(self) -> None:
        """Recovers, and begins the session. JournalError, ReplayError, DeskError: nothing was begun."""
        self._last_epoch = self.place.last_epoch(self.options.disk)
        self.recovered = recovered = self.options.recover(self.config, self.place, self.options.disk)
        self.logs = self._open_logs()
        try:
            self._open(recovered)
        except BaseException:
            self.abandon()
            raise

    def _open(self, recovered: Recovered) -> None:
        for sentence in recovered.said:
            self.options.say(sentence)
        self._take_over(self._last_epoch)
        self.clock = self._new_clock(recovered.time_ns)
        self.desk = PaperDesk(paper_market(self.config), recovered.writer)
        if recovered.states is not None:
            cast(Any, self.desk.states)[0] = cast(Any, recovered.states)[0]
            self._replica.begin(recovered.states)
        now = self.clock.now()
        self._keeper = JournalKeeper(
            recovered.writer, self.config.journal, self.place.snapshots, now, disk=self.options.disk
        )
        self.guarded(lambda: self._begin(now))
        self._feed = self._new_feed(now)
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        self._introduce()

    def _command_time(self) -> int:
        return int(self.desk.states[0]["time_ns"]) if self.behind else self.clock.now()

    def _real_time(self) -> int:
        return time.monotonic_ns()

    def _disk(self) -> Disk:
        return self.options.disk

    def _stop_orderly(self, command: Command) -> dict[str, object]:
        if command.keep_orders:
            allowed = "nothing else here: the simulated venue, and every order at it, ends with this process"
            raise ConfigError("command", "keep_orders", True, allowed)
        return super()._stop_orderly(command)

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
        states = self.desk.states
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
        version = f"session {self.recovered.epoch}: quarterdeck {__version__}, source {source_hash()}"
        config = self._first_words(now, version)
        self.desk.feed(opening_events(config, self.recovered.epoch, now, fresh=self.recovered.fresh))
        self.desk.bind(host_strategies(self.config, states, self.options.sources))

    def _pump(self) -> None:
        now = self.clock.now()
        events = self._feed.take(now, _CHUNK)
        self.behind = len(events) == _CHUNK
        if len(events):
            self.desk.feed(events)
        elif now - self._clock_ns >= SECOND_NS:
            self._clock_ns = now
            self.desk.feed(moment(EventKind.CLOCK, now))
        if not self.behind:
            self._watch_disk(now)
        self._keeper.keep(self.desk.states, int(self.desk.states[0]["time_ns"]))
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        self.follow()

    def _wind_down(self) -> None:
        """Every order is cancelled, protective ones too: the venue that holds them ends with this process."""
        self.desk.bind(())
        state = self.desk.states[0]
        now = max(self.clock.now(), int(state["time_ns"])) if not self.behind else int(state["time_ns"])
        if state["open_count"]:
            cancel = moment(EventKind.CANCEL_ALL_REQUEST, now)
            cancel["reason"] = Reason.SESSION_CLOSED
            self.desk.feed(cancel)
        patience = self.config.venues[0]
        step = int((patience.order_latency_ms + patience.response_latency_ms) * _MS) + _MS
        for _ in range(4):
            if not state["open_count"]:
                break
            now = self._wait_until(now + step)
            self.desk.feed(moment(EventKind.CLOCK, now))
        self.desk.feed(moment(EventKind.SESSION_END, now))
        self._keeper.close(self.desk.states, now)

    def _wait_until(self, time_ns: int) -> int:
        """Waits until the desk's clock has come that far; recorded time is over and may simply be said to pass."""
        if self.options.data is not None:
            return time_ns
        while (now := self.clock.now()) < time_ns:
            time.sleep(min(0.05, (time_ns - now) / SECOND_NS))
        return now


def _warm_up(config: DeskConfig, sources: Sequence[StrategySource] | None) -> None:
    """Compiles all that the session runs, on a desk of its own, before a lock or a lease is taken."""
    engine = SimulatedEngine(paper_market(config), silent)
    engine.feed(opening_events(config, 1, 1, fresh=True))
    engine.bind(host_strategies(config, engine.states, sources))
    engine.feed(moment(EventKind.CLOCK, 2))
    GeneratedFeed(config, 1, 1).take(2, 1)
