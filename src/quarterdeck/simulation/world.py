"""The whole of one simulated run: time, two hosts, the exchange and everybody else who trades there."""

from pathlib import Path
from random import Random
from typing import Final

from quarterdeck.desk.live import LiveSession
from quarterdeck.desk.recovery import Recovered
from quarterdeck.desk.wire import Command
from quarterdeck.journal.segment import SUFFIX
from quarterdeck.kernel.account import digest
from quarterdeck.runtime.host import StrategySource
from quarterdeck.simulation.chaos import chaos
from quarterdeck.simulation.clock import START_NS, HostClock, Timeline
from quarterdeck.simulation.desk import CASH, INSTRUMENTS, LISTINGS, NAME, PRICES
from quarterdeck.simulation.disk import ProcessDisk, SimulatedDisk
from quarterdeck.simulation.eyes import SessionEyes
from quarterdeck.simulation.leases import HostLeaseStore, Register
from quarterdeck.simulation.network import Line, Weather
from quarterdeck.simulation.process import PLACE, Habits, Process, Stage
from quarterdeck.simulation.shelf import HostShelf, Rows
from quarterdeck.simulation.venue import SimulatedVenue
from quarterdeck.simulation.watching import Watcher
from quarterdeck.twins.exchange import PracticeExchange, Ticket
from quarterdeck.twins.exchange_records import Force, Kind, Quote, Side
from quarterdeck.twins.practice_wire import EVERYBODY, PracticeWire
from quarterdeck.venues.protocol import Capabilities

__all__ = ["DESK", "JOURNAL", "STRANGER", "Host", "World"]

DESK: Final = 0
STRANGER: Final = 1
JOURNAL: Final = PLACE.journal
_MS: Final = 1_000_000
_RESTART_MS: Final = 700


class Host:
    """A machine: clocks and a way to the lease store."""

    def __init__(self, name: str, clock: HostClock, disk: SimulatedDisk, store: HostLeaseStore) -> None:
        self.name = name
        self.clock = clock
        self.disk = disk
        self.store = store
        self.process: Process | None = None
        self.processes = 0
        self.powered = True
        self.led = False


class World:
    """One run. Everything in it follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.watcher: Watcher
        self.chance = Random(seed)
        self.timeline = Timeline()
        self.trace: list[str] = []
        self.weather = Weather()
        self.capabilities = Capabilities(expiry=self.chance.randrange(4) != 0, latest_ms=1_500)
        self.exchange_ahead_ns = self.chance.randrange(-2_000, 2_000) * _MS
        self.exchange = PracticeExchange(LISTINGS)
        self.exchange.open_account(CASH)
        self.exchange.open_account(CASH)
        self.wire = PracticeWire(self.exchange, fills_most=self.chance.choice((3, 20, 500)))
        self.lines: list[Line] = []
        self.register = Register()
        self.replicated = self.chance.randrange(2) == 0  # each host has a disk of its own, and a shelf is between them
        self.synchronous = self.chance.randrange(3) > 0
        self.rows = Rows()
        self.hosts = self._make_hosts()
        self.disks = tuple({id(host.disk): host.disk for host in self.hosts}.values())
        self.journal_of = self.hosts[0]  # whose journal is the desk's: the latest leader's
        self._named: tuple[SimulatedDisk | None, int] = (None, 0)
        self._segments: list[Path] = []
        self.mids: list[int] = list(PRICES)
        self.quiet = False  # no more faults, and a calm market
        self.failure: str | None = None
        self._quote_ms = self.chance.choice((200, 400, 800))
        self._strangers = 0
        self._sources = chaos(seed, self.chance.choice((60, 80, 95)))

    def _make_hosts(self) -> list[Host]:
        hosts: list[Host] = []
        chance = self.chance
        disk = SimulatedDisk(chance)
        for name in ("A", "B"):
            clock = HostClock(
                self.timeline,
                boot_ns=chance.randrange(10**15),
                offset_ns=chance.randrange(-500, 500) * _MS,
                drift_ppb=chance.randrange(-100_000, 100_000),
            )
            own = SimulatedDisk(chance) if self.replicated else disk
            hosts.append(Host(name, clock, own, HostLeaseStore(self.register, chance)))
        return hosts

    # what processes ask of the world

    def recovered(self, process: Process, found: Recovered) -> None:
        self.journal_of = next(host for host in self.hosts if host.process is process)
        state = b"" if found.states is None else digest(found.states)
        self.watcher.recovered(process.name, self.journal_of.name, state, found.writer.next_sequence)

    def opened(self, process: Process, session: LiveSession) -> None:
        self.note(f"{process.name} leads in epoch {session.recovered.epoch}")
        self.watcher.opened(process.name, session.recovered.epoch, SessionEyes(session))

    def commanded(self, process: Process, command: Command) -> None:
        if command.strategy is None and command.instrument is None:
            self.watcher.commanded(process.name, command.verb.value)

    def connected(self, process: Process, up: bool) -> None:
        self.watcher.connected(process.name, up)

    def heard(self, process: Process, raw: bytes) -> None:
        self.watcher.heard(process.name, raw)

    def ended(self, process: Process, why: str) -> None:
        """A process is no more. One that ended between two things that it did had flushed all that it took."""
        self.note(f"{process.name} ended: {why}")
        session = process.session
        whole = why == "died" and session is not None and process.opened
        self.watcher.ended(process.name, digest(session.desk.states) if whole and session is not None else None)
        for host in self.hosts:
            if host.process is process:
                host.process = None
                host.led = (host.led or process.opened) and not process.failed_to_begin
                if why == "JournalCorrupt":
                    self.timeline.after(
                        _RESTART_MS // 2 * _MS, "people restore a good copy", lambda host=host: self.repair(host.disk)
                    )
                if host.powered:
                    self.timeline.after(_RESTART_MS * _MS, f"{host.name}: restart", lambda host=host: self.boot(host))

    def note(self, text: str) -> None:
        self.trace.append(f"{(self.timeline.now_ns - START_NS) / 1e9:10.4f}   {text}")

    def segments(self) -> list[tuple[str, bytearray]]:
        """The journal's files in order: name, and bytes as they were written, whatever the medium has changed since.

        A standby that had applied a record before it changed need not look at it again to lead.
        """
        disk = self.journal_of.disk
        if (disk, disk.namings) != self._named:
            self._named = disk, disk.namings
            found = sorted(path for path in disk.files if path.suffix == SUFFIX and path.parent == JOURNAL)
            self._segments = found
        return [(path.name, disk.files[path].as_written) for path in self._segments]

    def healthy(self) -> bool:
        """Whether a desk that leads could do its work just now."""
        leaders = [process for process in self.leaders if process.keeper.held()]
        weather, wire = self.weather, self.wire
        if len(leaders) != 1 or weather.lost or weather.late or wire.outage or self.exchange.halted:
            return False
        process = leaders[0]
        kind = self.exchange.requests_per_second == 0 and all(disk.faults.room is None for disk in self.disks)
        return kind and process.venue.heard_up and process.venue.line.up and not process.paused

    def repair(self, disk: SimulatedDisk) -> None:
        """People put right what has changed on a medium."""
        self.damage(disk)
        disk.repair()

    def damage(self, disk: SimulatedDisk) -> None:
        """A medium is about to change, or to be put right, behind everybody's back."""
        self.watcher.damaged([host.name for host in self.hosts if host.disk is disk])

    # the beginning

    def begin(self) -> None:
        for instrument in range(INSTRUMENTS):
            self._move_market(instrument)
        for host in self.hosts:
            self.timeline.after(
                self.chance.randrange(300) * _MS, f"{host.name}: boot", lambda host=host: self.boot(host)
            )

    def boot(self, host: Host) -> None:
        """Starts the host's process."""
        if host.process is not None or not host.powered:
            return
        host.processes += 1
        disk = ProcessDisk(host.disk)
        name = f"{host.name}{host.processes}"
        venue = SimulatedVenue(disk, self.capabilities, lambda raw: self.watcher.sent(name, raw))
        shelf = HostShelf(self.rows, host.store, NAME) if self.replicated else None
        # Who led goes on as it was started, unless another has led meanwhile; then it follows.
        follows = not host.led and self.chance.randrange(4) > 0
        ship_ms = self.chance.choice((20, 100, 500))
        habits = Habits(shelf, self.synchronous, follows, ship_ms)
        sources: list[StrategySource] = [self._sources, self._sources]
        process = Process(self, name, host.clock, disk, host.store, venue, sources, habits)

        def to_exchange(raw: bytes) -> None:
            self._at_exchange(process, line, raw)

        line = Line(
            self.timeline,
            self.chance,
            self.weather,
            name=name,
            to_exchange=to_exchange,
            to_desk=process.arrive,
            notice=process.notice,
            longest_ms=None if self.capabilities.expiry else self.capabilities.latest_ms,
        )
        venue.line = line
        self.lines = [other for other in self.lines if not other.closed]
        self.lines.append(line)
        host.process = process
        process.start()

    # the exchange

    @property
    def exchange_now(self) -> int:
        return self.timeline.now_ns + self.exchange_ahead_ns

    def _at_exchange(self, process: Process, line: Line, raw: bytes) -> None:
        lines = self.wire.handle(self.exchange_now, DESK, raw)
        self.watcher.arrived(process.name, raw)
        if lines:
            line.tell(lines[0][1])
            self._tell(lines[1:])

    def _tell(self, lines: list[tuple[int, bytes]]) -> None:
        for account, raw in lines:
            if account in (DESK, EVERYBODY):
                for line in self.lines:
                    line.tell(raw)

    def settle_news(self) -> None:
        """Tells what the passing of time has changed at the exchange."""
        self.exchange.advance(self.exchange_now)
        self._tell(self.wire.news())

    # everybody else

    def _move_market(self, instrument: int) -> None:
        chance = self.chance
        if not self.quiet:
            self.mids[instrument] = max(500, self.mids[instrument] + chance.randrange(-12, 13))
        mid, half = self.mids[instrument], chance.randrange(1, 5)
        quote = Quote(mid - half, mid + half, chance.randrange(0, 30), chance.randrange(0, 30))
        self._tell(self.wire.quote(self.exchange_now, [(instrument, quote)]))
        if chance.randrange(6) == 0 and not self.quiet:
            self._stranger_trades(instrument)
        heard = any(line.up for line in self.lines)  # nobody listens: no need to be quick
        delay = chance.randrange(self._quote_ms // 2, self._quote_ms * 3 // 2) * (1 if heard else 4)
        self.timeline.after(delay * _MS, "market", lambda: self._move_market(instrument))

    def _stranger_trades(self, instrument: int) -> None:
        """Somebody else takes what rests inside the outside market, and sometimes rests there."""
        chance = self.chance
        self._strangers += 1
        side = Side.BUY if chance.randrange(2) else Side.SELL
        ticket = Ticket(
            client_id=f"stranger-{self._strangers}",
            instrument=instrument,
            side=side,
            quantity=1 + chance.randrange(20),
            kind=Kind.LIMIT,
            force=Force.GTC if chance.randrange(4) == 0 else Force.IOC,
            price=self.mids[instrument] + side * chance.randrange(-3, 8),
        )
        self.exchange.place(self.exchange_now, STRANGER, ticket)
        self._tell(self.wire.news())

    def step(self) -> str:
        """Lets the next thing happen; returns its name."""
        name, action = self.timeline.next()
        self.trace.append(f"{(self.timeline.now_ns - START_NS) / 1e9:10.4f} {name}")
        action()
        return name

    @property
    def leaders(self) -> list[Process]:
        return [host.process for host in self.hosts if host.process is not None and host.process.stage is Stage.LEADING]
