"""One process of the desk on a simulated host: it waits for the lease, leads, and ends as processes end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Protocol, cast

from quarterdeck.config import DeskConfig
from quarterdeck.desk.lease import LeaseKeeper, LeaseTerms
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, Warm, recover
from quarterdeck.desk.session import Voices
from quarterdeck.desk.shipping import Shipper
from quarterdeck.desk.wire import Command
from quarterdeck.errors import DeskError, JournalError, LeaseLost, QuarterdeckError, StoreUnreachable
from quarterdeck.journal import Disk
from quarterdeck.runtime.host import StrategySource
from quarterdeck.simulation.clock import HostClock, Timeline
from quarterdeck.simulation.desk import FOLDER, NAME, simulated_desk
from quarterdeck.simulation.disk import ProcessDied, ProcessDisk
from quarterdeck.simulation.leases import HostLeaseStore
from quarterdeck.simulation.shelf import HostShelf
from quarterdeck.simulation.standing_by import StandingBy
from quarterdeck.simulation.venue import SimulatedVenue

__all__ = ["LEASE", "PLACE", "Habits", "Process", "Stage", "Surroundings"]

LEASE: Final = LeaseTerms(ttl_ns=2_000_000_000, margin_ns=500_000_000, longest_ns=1_500_000_000)
PLACE: Final = DeskPlace(FOLDER)
_MS: Final = 1_000_000
_SOON_NS: Final = 20 * _MS
_LOOK_MS: Final = 700  # between two looks at the lease


class Stage(Enum):
    WAITING = "waiting for the lease"
    LEADING = "leading"
    ENDED = "ended"


class _NoLogs:
    def system(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def tell(self, line: object) -> None: ...
    def close(self) -> None: ...


class Surroundings(Protocol):
    """What a process needs of the world."""

    timeline: Timeline

    def recovered(self, process: "Process", found: Recovered) -> None: ...
    def opened(self, process: "Process", session: LiveSession) -> None: ...
    def commanded(self, process: "Process", command: Command) -> None: ...
    def connected(self, process: "Process", up: bool) -> None: ...
    def heard(self, process: "Process", raw: bytes) -> None: ...
    def ended(self, process: "Process", why: str) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Habits:
    """How a process was started. `shelf` None: the hosts share a disk. `synchronous`: orders wait for the shelf."""

    shelf: HostShelf | None = None
    synchronous: bool = True
    follows: bool = True
    ship_ms: int = 50


class Process:
    """A desk's process. `deliver`ed actions are done at once, or when a pause ends."""

    def __init__(
        self,
        world: Surroundings,
        name: str,
        clock: HostClock,
        disk: ProcessDisk,
        store: HostLeaseStore,
        venue: SimulatedVenue,
        sources: list[StrategySource],
        habits: Habits,
    ) -> None:
        self.name = name
        self.stage = Stage.WAITING
        self.disk = disk
        self.clock = clock
        self.venue = venue
        self.session: LiveSession | None = None
        self.keeper = LeaseKeeper(store, NAME, name, LEASE, monotonic=clock.monotonic)
        self.paused = False
        self.opened = False
        self.failed_to_begin = False  # its journal parted from the shelf's
        self._world = world
        self._sources = sources
        self._habits = habits
        self._waiting = StandingBy(simulated_desk(), PLACE, disk, habits.shelf, follows=habits.follows)
        self._waiting_open = False
        self._warm: Warm | None = None
        self._shipper: Shipper | None = None
        self._ship_ns = 0
        self.heir = ""
        self._backlog: list[tuple[str, Callable[[], None]]] = []
        self._wake_ns = 0
        self._at_work = False
        self._renewed_ns = clock.monotonic()

    # time

    def start(self) -> None:
        self._plan(1)

    def pause(self) -> None:
        self.paused = True

    def go_on(self) -> None:
        """Ends a pause: everything that came meanwhile is there at once."""
        self.paused = False
        backlog, self._backlog = self._backlog, []
        for _, act in backlog:
            self.do(act)
        self.do(self._turn)

    def _plan(self, delay_ns: int) -> None:
        due = self._world.timeline.now_ns + max(delay_ns, 50_000)
        if self._wake_ns > self._world.timeline.now_ns and due >= self._wake_ns:
            return
        self._wake_ns = due

        def wake() -> None:
            if self._wake_ns == due and self.stage is not Stage.ENDED:
                self._wake_ns = 0
                self.do(self._turn)

        self._world.timeline.at(due, f"{self.name}: timer", wake)

    # what happens to it

    def arrive(self, raw: bytes) -> None:
        """Bytes have come from the exchange."""

        def take() -> None:
            self._world.heard(self, raw)
            self.venue.arrive(raw)
            self._turn()

        self.do(take)

    def notice(self, up: bool) -> None:
        def take() -> None:
            self._world.connected(self, up)
            self.venue.notice(up)
            self._turn()

        self.do(take)

    def obey(self, command: Command) -> None:
        session = self.session
        if session is not None:
            self.do(lambda: self._obey(session, command))

    def die(self) -> None:
        """Ends at once, without a word."""
        self.disk.die()
        self._end("died")

    def do(self, act: Callable[[], None]) -> None:
        """Lets the process do something, and end by it if it must."""
        if self.stage is Stage.ENDED:
            return
        if self.paused:
            self._backlog.append(("", act))
            return
        try:
            act()
        except ProcessDied:
            self._end("died at work")
        except (JournalError, LeaseLost) as error:
            self._fail(error)
        except QuarterdeckError as error:
            self._give_up(error)

    def _obey(self, session: LiveSession, command: Command) -> None:
        session.obey(command)
        self._world.commanded(self, command)
        self._turn()

    # its own main loop

    def _turn(self) -> None:
        self._at_work = True
        try:
            if self.stage is Stage.WAITING:
                self._wait()
            elif self.session is not None:
                self._lead(self.session)
        finally:
            self._at_work = False

    def _woken(self) -> None:
        """A message came while it was at work: what arrives otherwise is taken in right after."""
        if self._at_work:
            self._plan(0)

    def _wait(self) -> None:
        keeper = self.keeper
        try:
            self._stand_by()
        except StoreUnreachable as error:
            self._world.note(f"{self.name}: {error}")
        if keeper.lost:
            self._waiting.close()
            self._end("lost its lease before it led")
        elif keeper.taken and keeper.wait_ns() == 0:
            self._succeed()
        else:
            self._plan(min(keeper.wait_ns(), LEASE.renew_ns) if keeper.taken else _LOOK_MS * _MS)

    def _stand_by(self) -> None:
        if not self._waiting_open:
            self._waiting.open()
            self._waiting_open = True
        self._waiting.turn()
        if self.keeper.taken:
            self._renew()
        elif not self.keeper.lost and self._waiting.fit():
            self._renewed_ns = self.clock.monotonic()
            self.keeper.take(self._waiting.epoch_known())

    def _succeed(self) -> None:
        try:
            self._warm = self._waiting.succeed()
        except StoreUnreachable as error:
            self._world.note(f"{self.name}: {error}")
            self._renew()
            self._plan(LEASE.renew_ns)
            return
        self._open()

    def _renew(self) -> None:
        if self.keeper.renew_due():
            self._renewed_ns = self.clock.monotonic()
            try:
                self.keeper.renew()
            except StoreUnreachable:
                self._world.note(f"{self.name}: the lease could not be renewed")

    def _open(self) -> None:
        options = LiveOptions(
            disk=self.disk,
            wall=self.clock.wall,
            monotonic=self.clock.monotonic,
            voices=Voices(narrate=False, logs=lambda _place, _desk: _NoLogs(), say=self._world.note),
            sources=self._sources,
            lease=self.keeper,
            wake=self._woken,
            recover=self._recover,
        )
        self.session = LiveSession(simulated_desk(), PLACE, [self.venue], options)
        self.stage = Stage.LEADING
        self.session.open()
        self.session.desk.gate = self._settle
        self.opened = True
        self._world.opened(self, self.session)
        self._lead(self.session)

    def _recover(self, config: DeskConfig, place: DeskPlace, disk: Disk) -> Recovered:
        epoch, wall = self.keeper.epoch, self.clock.wall
        found = recover(config, place, disk=disk, warm=self._warm, epoch=epoch, wall=wall)
        self._ship_from(disk, found.writer.next_sequence)
        self._world.recovered(self, found)
        return found

    def _ship_from(self, disk: Disk, end: int) -> None:
        shelf = self._habits.shelf
        if shelf is not None:
            there, epoch, holder = shelf.next_sequence(), self.keeper.epoch, self.keeper.holder
            if there is not None and there > end:
                raise DeskError(f"the journal ends at record {end}, the database has {there}")
            self._shipper = Shipper(
                PLACE.journal, cast(Any, shelf), epoch, holder, shipped=there, keep=lambda: (0, 0), disk=disk
            )

    def _ship(self) -> None:
        """What the shipper's thread does in one turn."""
        if self._shipper is not None:
            self._shipper._ship()  # pyright: ignore[reportPrivateUsage] its thread's own turn, without the thread

    def _settle(self, sequence: int) -> None:
        """Before an order leaves: the shelf has every record before it, or the lease is as good as lost."""
        if self._shipper is None or not self._habits.synchronous:
            return
        self.disk.step()
        try:
            self._ship()
        except StoreUnreachable as error:
            raise LeaseLost(f"{self.name} waits for the shelf until its lease is over: {error}") from error
        assert self._shipper.shipped >= sequence, "everything that was flushed is shipped"

    def _ship_sometimes(self) -> None:
        now = self.clock.monotonic()
        if self._shipper is None or now < self._ship_ns:
            return
        self._ship_ns = now + self._habits.ship_ms * _MS
        try:
            self._ship()
        except StoreUnreachable:
            self._world.note(f"{self.name}: the shelf is not reached")

    def _lead(self, session: LiveSession) -> None:
        self._renew()
        session.pump()
        self._ship_sometimes()
        if session.stopping and session.ended:
            session.close()
            self.release(settled=not any(courier.unresolved or len(courier.post) for courier in session.couriers))
            self._end("closed")
            return
        renew_ns = max(_SOON_NS, self._renewed_ns + LEASE.renew_ns - self.clock.monotonic())
        self._plan(min(session.next_due_ns() - session.clock.now(), renew_ns))

    def hand_over(self, heir: str) -> None:
        """Ends in order for another process that follows."""
        session = self.session
        if session is not None and self.opened:
            self.heir = heir
            session.options = replace(session.options, keep_orders=True)
            session.stopping = True
            self.do(self._turn)

    def release(self, *, settled: bool) -> None:
        """Gives the lease back, as an orderly process does; first the shelf gets what it does not have yet."""
        try:
            self._ship()
            self.keeper.release(heir=self.heir, settled=settled)
        except (StoreUnreachable, LeaseLost) as error:
            self._world.note(f"{self.name}: the lease could not be given back in order: {error}")

    def _fail(self, error: QuarterdeckError) -> None:
        self._world.note(f"{self.name}: {error}")
        try:
            if self.session is not None and self.session.failure is not None:
                self.session.fail()
        except (ProcessDied, JournalError) as last:
            self._world.note(f"{self.name}: no last words: {last}")
        self.disk.die()
        self._end(type(error).__name__)

    def _give_up(self, error: QuarterdeckError) -> None:
        self._world.note(f"{self.name}: {error}")
        self.failed_to_begin = not self.opened
        self.disk.die()
        self._end(type(error).__name__)

    def _end(self, why: str) -> None:
        self.stage = Stage.ENDED
        self.disk.alive = False
        self.venue.close()
        self._world.ended(self, why)
