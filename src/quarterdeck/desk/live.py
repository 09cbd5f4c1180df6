"""A session of a desk that trades at real venues: what it knows is asked for before it trades, and over and over again.

One thread, no waiting inside: messages come through `deliver` from any thread, and everything else happens in `pump`.
Time is read from two callables, files go through one disk, venues are behind one protocol: a simulator can hold them
all.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck import __version__
from quarterdeck.config import DeskConfig
from quarterdeck.desk.clock import DeskClock
from quarterdeck.desk.commands import cancel_requests, cancellable, command_payload
from quarterdeck.desk.courier import Courier
from quarterdeck.desk.keeping import JournalKeeper
from quarterdeck.desk.lease import Lease
from quarterdeck.desk.patience import Patience
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.post import NEVER_NS
from quarterdeck.desk.reconciliation import Books, Suspicions
from quarterdeck.desk.recovery import Recovered, recover
from quarterdeck.desk.reports import Reports
from quarterdeck.desk.session import SECOND_NS, Session, Voices, moment
from quarterdeck.desk.trading import LiveDesk
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, LeaseLost
from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, OrderFlag, OrderStatus, Reason, SessionMode
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import opening_events
from quarterdeck.venues.messages import MarketData, Message
from quarterdeck.venues.protocol import Venue

__all__ = ["LiveOptions", "LiveSession"]

_MS: Final = 1_000_000
_KIND: Final = 16  # where in a record its kind stands
_NOTE: Final = bytes((EventKind.NOTE,))
_CANCEL_EVERY_NS: Final = SECOND_NS


def _sleep(ns: int) -> None:
    time.sleep(ns / SECOND_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What a live session stands on. `wake` is called, from any thread, when a message has come.

    `recover` gives the journal and the state that it holds; a standby hands over its own. `lease` None: nobody else can
    lead this desk. `wait` passes time, in nanoseconds, while the last cancels are on their way. `keep_orders`: a
    session that ends leaves its orders at the venue.
    """

    disk: Disk = OS_DISK
    wall: Callable[[], int] = time.time_ns
    monotonic: Callable[[], int] = time.monotonic_ns
    wait: Callable[[int], None] = _sleep
    wake: Callable[[], None] = lambda: None
    voices: Voices = field(default_factory=Voices)
    sources: Sequence[StrategySource] | None = None
    lease: Lease | None = None
    recover: Callable[[DeskConfig, DeskPlace, Disk], Recovered] = lambda config, place, disk: recover(
        config, place, disk=disk
    )
    keep_orders: bool = False


class _Couriers:
    """The sink of a desk's actions: each goes to the courier of its instrument's venue, while the lease is held."""

    def __init__(self, lease: Lease | None) -> None:
        self.couriers: list[Courier] = []
        self.by_instrument: list[Courier] = []
        self.now_ns = 0
        self._lease = lease

    def submit(self, action: Any) -> None:
        self._courier(action).submit(action)

    def cancel(self, action: Any) -> None:
        self._courier(action).cancel(action)

    def replace(self, action: Any) -> None:
        self._courier(action).replace(action)

    def check(self) -> None:
        """Raises LeaseLost when another process may lead by now: nothing more may be sent."""
        if self._lease is not None and not self._lease.held():
            raise LeaseLost("the lease has run out: this process sends nothing more; the standby leads, or will")

    def _courier(self, action: Any) -> Courier:
        self.check()
        courier = self.by_instrument[int(action["instrument"])]
        courier.now_ns = self.now_ns
        return courier


class LiveSession(Session[LiveDesk]):
    """A desk at its venues. `venues` stand in the order of the configuration's."""

    def __init__(
        self, config: DeskConfig, place: DeskPlace, venues: Sequence[Venue], options: LiveOptions | None = None
    ) -> None:
        self.options = options or LiveOptions()
        super().__init__(config, place, self.options.voices)
        self._venues = tuple(venues)
        self._inbox: deque[tuple[int, Message]] = deque()
        self._sink = _Couriers(self.options.lease)
        self._own = Reports()  # the desk's own words
        self._clock_ns = 0
        self._last_epoch = 0
        self._stop_ns = NEVER_NS
        self._cancel_ns = 0
        self._told: frozenset[int] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether every venue has answered all that was open: recovered, and trading."""
        return all(courier.ready for courier in self._sink.couriers)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to wait for after a stop."""
        if self._stop_ns == NEVER_NS:
            return False
        done = self.options.keep_orders or not self._waited_for()
        return done or self.clock.now() >= self._stop_ns

    @property
    def couriers(self) -> tuple[Courier, ...]:
        """One for each venue."""
        return tuple(self._sink.couriers)

    def open(self) -> None:
        """Recovers from the journal, and begins to ask the venues; `pump` goes on from there.

        JournalError, ReplayError, DeskError: nothing was begun.
        """
        options = self.options
        self._last_epoch = self.place.last_epoch(options.disk)
        self.recovered = recovered = options.recover(self.config, self.place, options.disk)
        self.logs = self._open_logs()
        try:
            self._open(recovered)
        except BaseException:
            self.abandon()
            raise

    def _open(self, recovered: Recovered) -> None:
        options = self.options
        for sentence in recovered.said:
            self.voices.say(sentence)
        _check_live_journal(self.config, recovered)
        self._take_over(self._last_epoch)
        self.clock = DeskClock(recovered.time_ns + 1, wall=options.wall, monotonic=options.monotonic)
        self.desk = LiveDesk(recovered.writer, self._sink, recovered.states)
        if recovered.states is not None and self.voices.narrate:
            self._replica.begin(recovered.states)
        now = self.clock.now()
        self._keeper = JournalKeeper(
            recovered.writer, self.config.journal, self.place.snapshots, now, disk=options.disk
        )
        self.guarded(lambda: self._begin(now))
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        self._introduce()
        for row, venue in enumerate(self._venues):
            venue.open(self._door(row))

    def _door(self, row: int) -> Callable[[Message], None]:
        def deliver(message: Message) -> None:
            self._inbox.append((row, message))
            self.options.wake()

        return deliver

    def _begin(self, now: int) -> None:
        """The session opens with its lines down: entries wait until each venue has answered."""
        epoch = self.recovered.epoch
        self._sink.now_ns = now
        config = self._first_words(now, f"session {epoch}: quarterdeck {__version__}, source {source_hash()}")
        patience = _patience(self.config)
        rows = {venue.name: row for row, venue in enumerate(self.config.venues)}
        instruments = [rows[instrument.venue] for instrument in self.config.instruments]
        accounts = [rows[account.venue] for account in self.config.accounts]
        for row, venue in enumerate(self._venues):
            mine = [index for index, at in enumerate(instruments) if at == row]
            purses = [index for index, at in enumerate(accounts) if at == row]
            books = Books(self.desk.states, row, mine, purses)
            self._sink.couriers.append(Courier(row, venue, self.desk.states, books, patience, now))
        self._sink.by_instrument = [self._sink.couriers[row] for row in instruments]
        # Only now: a desk that was flattening goes on with it at once.
        self.desk.feed(opening_events(config, epoch, now, fresh=False))
        for courier in self._sink.couriers:
            self._apply(courier.begin(), now)
        self.desk.bind(host_strategies(self.config, self.desk.states, self.options.sources))

    # the pump

    def next_due_ns(self) -> int:
        """When `pump` has something to do even if no message comes; desk time."""
        due = min((courier.next_due_ns() for courier in self._sink.couriers), default=NEVER_NS)
        return min(due, self._clock_ns + SECOND_NS)

    def _pump(self) -> None:
        while self._inbox:
            row, message = self._inbox.popleft()
            self._hear(self._sink.couriers[row], message)
        now = self.clock.now()
        for courier in self._sink.couriers:
            if courier.next_due_ns() <= now:
                self._sink.check()
                self._apply(courier.tick(now), now)
                self._settle(courier, now)
        if now - self._clock_ns >= SECOND_NS:
            self._clock_ns = now
            self._sink.now_ns = now
            self.desk.feed(moment(EventKind.CLOCK, now))
            self._watch_disk(now)
            self._say_differences()
        if self.stopping:
            self._stop(now)
        self._keeper.keep(self.desk.states, int(self.desk.states[0]["time_ns"]))
        self.tally.see_equity(int(self.desk.states[0]["equity"]))
        self.follow()

    def _hear(self, courier: Courier, message: Message) -> None:
        now = self.clock.now()
        if isinstance(message, MarketData):
            self._sink.now_ns = now
            message.events["time_ns"] = now
            self.desk.feed(message.events)
            return
        self._sink.check()
        self._apply(courier.take(message, now), now)
        self._settle(courier, now)

    def _settle(self, courier: Courier, now: int) -> None:
        """What follows from what was just applied, until nothing does."""
        while raw := courier.settle(now):
            self._apply(raw, now)

    def _apply(self, raw: bytes, now: int) -> None:
        self._sink.now_ns = now
        if _NOTE in raw[_KIND :: EVENT.itemsize]:
            self._apply_remarks(raw)
        elif raw:
            self.desk.feed(np.frombuffer(bytearray(raw), EVENT))

    def _apply_remarks(self, raw: bytes) -> None:
        """As `_apply`, where notes stand among the records: each goes to the journal at its place."""
        records = np.frombuffer(bytearray(raw), EVENT)
        slots = records["kind"] == EventKind.CONTINUATION
        ends = (*np.flatnonzero(~slots)[1:].tolist(), len(records))
        begin = 0
        for end in ends:
            if records["kind"][begin] == EventKind.NOTE:
                self.desk.remark(records[begin:end])
            else:
                self.desk.feed(records[begin:end])
            begin = end

    def _say_differences(self) -> None:
        """Tells people what differs from a venue, once for each change."""
        differing = frozenset[int]().union(*(courier.rounds.differing for courier in self._sink.couriers))
        for instrument in sorted(differing - self._told):
            name = self.names.instruments.label(instrument)
            self.logs.error("RECONCILIATION_DIFFERENCE", instrument=name, differences=self.differences())
            self.voices.say(f"{name} differs from its venue: no entries there until it agrees, or a person adopts it")
        for instrument in sorted(self._told - differing):
            name = self.names.instruments.label(instrument)
            self.logs.system("RECONCILIATION_AGREES", instrument=name)
            self.voices.say(f"{name} agrees with its venue again")
        self._told = differing

    def differences(self) -> list[dict[str, object]]:
        """What the venues have more than the desk: lots, or cash in money units; and somebody else's orders."""
        found: list[dict[str, object]] = []
        for courier in self._sink.couriers:
            for one in sorted(courier.rounds.suspicions.confirmed):
                if one.account < 0:
                    found.append({"instrument": self.names.instruments.label(one.instrument), "lots": one.excess})
                else:
                    found.append({"account": self.names.accounts.label(one.account), "money_units": one.excess})
            strangers = (self.names.instruments.label(instrument) for instrument in sorted(courier.rounds.foreign))
            found.extend({"instrument": name, "foreign_orders": True} for name in strangers)
        return found

    # commands

    def _real_time(self) -> int:
        return self.options.monotonic()

    def _disk(self) -> Disk:
        return self.options.disk

    def _do(self, command: Command, time_ns: int) -> int:
        self._sink.now_ns = time_ns
        return self._adopt(command, time_ns) if command.verb is Verb.ADOPT else super()._do(command, time_ns)

    def _adopt(self, command: Command, time_ns: int) -> int:
        """Takes over what the venue has and the desk has not, in one instrument and its purse, in a person's name."""
        if command.instrument is None or command.person is None:
            raise DeskError("adopt needs an instrument and a person: quarterdeck adopt DESK INSTRUMENT --person NAME")
        self.names.people.index(command.person)
        instrument = self.names.instruments.index(command.instrument)
        strategy = 0 if command.strategy is None else self.names.strategies.index(command.strategy)
        courier = self._sink.by_instrument[instrument]
        mine = [one for one in sorted(courier.rounds.suspicions.confirmed) if courier.rounds.concerns(one, instrument)]
        if not mine:
            raise DeskError(f"{command.instrument} does not differ from its venue: there is nothing to adopt")
        self._own.at(time_ns)
        for one in mine:
            if one.account >= 0:
                self._own.transfer(one.account, one.excess)
            else:
                books, paid = courier.books, courier.rounds.costs.get(instrument, 0)
                price = courier.rounds.prices.get(instrument) or books.mark_ticks(instrument) or 1
                self._own.position(instrument, strategy, price, one.excess)
                more = None if paid is None else paid - books.cost(instrument)
                rounded = books.rounding(instrument, one.excess, price, more)
                if rounded:
                    self._own.transfer(books.purse(instrument), rounded)
        records = np.frombuffer(bytearray(self._own.take()), EVENT)
        sequence = self.desk.command(records[:1], command_payload(command))
        if len(records) > 1:
            self.desk.feed(records[1:])
        courier.rounds.suspicions = Suspicions()  # taken over once
        courier.rounds.begin_anew()  # both sides are compared again at once; entries wait for it
        return sequence

    def vitals(self) -> dict[str, object]:
        """As of every session, and how it stands with the venues."""
        waiting = [self.config.venues[courier.row].name for courier in self._sink.couriers if not courier.ready]
        return {
            **super().vitals(),
            "recovered": self.ready,
            "venues_waiting": waiting,
            "orders_asked_for": sum(courier.unresolved for courier in self._sink.couriers),
            "differences": self.differences(),
            "checked": self.desk.checked,
            "latency": {"venues": {self.config.venues[one.row].name: one.post.latency for one in self._sink.couriers}},
        }

    # the end

    def _stop(self, now: int) -> None:
        """Cancels what is open, and does so again: a venue may be too busy for a cancel, or know an order late."""
        if self._stop_ns == NEVER_NS:
            self.desk.bind(())
            longest_ms = max(venue.capabilities.cancel_ms for venue in self._venues)
            self._stop_ns = now + longest_ms * _MS
        if self.options.keep_orders or now < self._cancel_ns:
            return
        orders = self.orders_to_cancel()
        if len(orders):
            self._cancel_ns = now + _CANCEL_EVERY_NS
            self._sink.now_ns = now
            self.desk.feed(self._last_cancels(orders, now))

    def _last_cancels(self, orders: NDArray[np.void], now: int) -> NDArray[np.void]:
        if len(orders) < len(cancellable(self.desk.states, protective=True)):
            return cancel_requests(orders, now, Reason.SESSION_CLOSED, 0)
        self._own.at(now)
        self._own.cancel_all(Reason.SESSION_CLOSED)
        return np.frombuffer(bytearray(self._own.take()), EVENT)

    def orders_to_cancel(self) -> NDArray[np.void]:
        """All, or none, as the command to stop said; else all but the protective ones of what is held."""
        if self.keep_orders or self.options.keep_orders:
            return cancellable(self.desk.states)[:0]
        everything = self.keep_orders is False
        return cancellable(self.desk.states, protective=everything, held=not everything)

    def _waited_for(self) -> int:
        """How many open orders the end waits for: those being cancelled, and what stays until its venue has it."""
        state: Any = self.desk.states[0]
        orders = state["orders"][state["open_orders"][: int(state["open_count"])]]
        unheard = np.isin(orders["status"], (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN))
        pending = orders["flags"] & OrderFlag.CANCEL_PENDING != 0
        return len(self.orders_to_cancel()) + int(np.count_nonzero(pending | unheard))

    def _wind_down(self) -> None:
        self.stopping = True
        self._pump()
        while not self.ended:
            self.options.wait(10 * _MS)
            self._pump()
        left, waited_for = int(self.desk.states[0]["open_count"]), self._waited_for()
        if waited_for and not self.options.keep_orders:
            self.voices.say(f"{waited_for} orders could not be cancelled in time: they are asked for at the next start")
        if left > waited_for:
            self.voices.say(f"{left - waited_for} orders stay at their venues: protection of what is held, or as told")
        now = self.clock.now()
        self.desk.feed(moment(EventKind.SESSION_END, now))
        self._keeper.close(self.desk.states, now)

    def abandon(self) -> None:
        """Lets the venues go as well."""
        for venue in self._venues:
            venue.close()
        super().abandon()


def _patience(config: DeskConfig) -> Patience:
    settings = config.reconciliation
    tolerance = {
        row: int(settings.cash_tolerance * 10**account.exponent) for row, account in enumerate(config.accounts)
    }
    return Patience(
        request_ns=settings.request_ms * _MS,
        retry_ns=settings.retry_ms * _MS,
        every_ns=settings.every_s * SECOND_NS,
        overlap_ns=settings.overlap_ms * _MS,
        cash_tolerance=tolerance,
    )


def _check_live_journal(config: DeskConfig, recovered: Recovered) -> None:
    """A paper journal's positions are at no venue: they would all be differences."""
    states = recovered.states
    begun = states is not None and int(states[0]["epoch"]) > 0  # else it died before its first session began
    if begun and states is not None and int(states[0]["mode"]) != SessionMode.LIVE:
        raise DeskError(
            f"{config.file}: the journal is of a desk that did not trade live; move its data/ aside before it does"
        )
