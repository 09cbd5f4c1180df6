"""What goes wrong, and what people do meanwhile: drawn from the seed, one thing at a time."""

from collections.abc import Callable
from random import Random
from typing import Final

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.journal.segment import HEADER_BYTES, SUFFIX
from quarterdeck.simulation.process import Process, Stage
from quarterdeck.simulation.world import JOURNAL, Host, World

__all__ = ["FaultPlan"]

_MS: Final = 1_000_000
_SEGMENT_ROOM: Final = 40_000  # bytes that a disk has left when it is nearly full


class FaultPlan:
    """Draws faults and commands for one run. `only` names the faults that may happen (all, where it is empty)."""

    def __init__(self, world: World, oracle_lost_power: Callable[[Host], None]) -> None:
        self.world = world
        self.chance: Random = world.chance
        self._before_power_loss = oracle_lost_power
        self._mean_ms = self.chance.choice((1_000, 3_000, 8_000))
        self._faults: tuple[tuple[int, str, Callable[[], None]], ...] = (
            (6, "process dies", self._kill),
            (10, "process dies at work", self._kill_at_work),
            (4, "power fails", self._power),
            (10, "line breaks", self._disconnect),
            (10, "bad weather", self._storm),
            (4, "wall clock jumps", self._jump),
            (6, "disk misbehaves", self._disk),
            (3, "disk is full", self._full),
            (2, "bit flips", self._flip),
            (6, "exchange ails", self._exchange),
            (6, "process stands still", self._pause),
            (4, "lease store is cut off", self._lease),
            (3, "restart", self._restart),
            (4, "hand-over", self._hand_over),
            (6, "sync", self._sync),
        )
        self._commands: tuple[tuple[int, Callable[[], list[Command]]], ...] = (
            (8, lambda: [_command(Verb.PAUSE)]),
            (4, lambda: [_command(Verb.PAUSE, strategy=self.chance.choice(("ONE", "TWO")))]),
            (3, lambda: [_command(Verb.PAUSE, instrument=self.chance.choice(("PERP", "SPOT")))]),
            (8, lambda: [_command(Verb.KILL, protective=self.chance.randrange(2) == 0)]),
            (5, lambda: [_command(Verb.FLATTEN)]),
            (4, lambda: [_command(Verb.LOCK)]),
        )

    def begin(self) -> None:
        self._plan_fault()
        self._plan_command()

    # faults

    def _plan_fault(self) -> None:
        delay_ms = 50 + int(self.chance.expovariate(1 / self._mean_ms))
        self.world.timeline.after(delay_ms * _MS, "fault", self._fault)

    def _fault(self) -> None:
        if self.world.quiet:
            return
        total = sum(weight for weight, _, _ in self._faults)
        drawn = self.chance.randrange(total)
        for weight, name, happen in self._faults:
            drawn -= weight
            if drawn < 0:
                self.world.note(f"fault: {name}")
                happen()
                break
        self._plan_fault()

    def _later(self, low_ms: int, high_ms: int, name: str, act: Callable[[], None]) -> None:
        self.world.timeline.after(self.chance.randrange(low_ms, high_ms) * _MS, name, act)

    def _process(self) -> Process | None:
        """A process, most likely one that leads."""
        running = [host.process for host in self.world.hosts if host.process is not None]
        leading = [process for process in running if process.stage is Stage.LEADING]
        among = leading if leading and self.chance.randrange(5) else running
        return self.chance.choice(among) if among else None

    def _kill(self) -> None:
        process = self._process()
        if process is not None:
            process.die()

    def _kill_at_work(self) -> None:
        process = self._process()
        if process is not None:
            process.disk.calls_left = 1 + self.chance.randrange(12)

    def _power(self) -> None:
        host = self.chance.choice(self.world.hosts)
        self.lose_power(host)

    def lose_power(self, host: Host) -> None:
        """The machine that holds the disk goes dark, and with a shared disk everybody on it."""
        self._before_power_loss(host)
        for other in self.world.hosts:
            if other.disk is host.disk:
                other.powered = False
                if other.process is not None:
                    other.process.die()
        host.disk.lose_power()
        self._later(200, 4_000, "power returns", self._power_returns)

    def _power_returns(self) -> None:
        for host in self.world.hosts:
            if not host.powered:
                host.powered = True
                self._later(50, 900, f"{host.name}: boot", lambda host=host: self.world.boot(host))

    def _disconnect(self) -> None:
        process = self._process()
        if process is None or not process.venue.line.up:
            return
        line = process.venue.line
        line.disconnect(unnoticed_ms=self.chance.choice((1, 1, 200, 1_500)))
        self._later(30, self.chance.choice((300, 3_000, 9_000)), "reconnect", line.connect)

    def _storm(self) -> None:
        weather = self.world.weather
        kinds = self.chance.randrange(1, 16)
        weather.lost = self.chance.choice((5, 30, 150)) if kinds & 1 else 0
        weather.repeated = self.chance.choice((10, 100)) if kinds & 2 else 0
        weather.overtaken = self.chance.choice((20, 200)) if kinds & 4 else 0
        weather.late = self.chance.choice((5, 60)) if kinds & 8 else 0
        weather.slowest_ms = self.chance.choice((5, 30, 120, 400))
        self._later(500, 6_000, "weather calms", self.calm)

    def lose_words(self, for_ms: int) -> None:
        """Loses every third message for a moment."""
        self.world.weather.lost = 333
        self.world.timeline.after(for_ms * _MS, "weather calms", self.calm)

    def calm(self) -> None:
        weather = self.world.weather
        weather.lost = weather.repeated = weather.overtaken = weather.late = 0
        weather.slowest_ms = 30

    def _jump(self) -> None:
        host = self.chance.choice(self.world.hosts)
        far = self.chance.choice((20, 900, 5_000, 3_600_000))
        host.clock.jump(self.chance.choice((-1, 1)) * self.chance.randrange(1, far + 1) * _MS)

    def _disk(self) -> None:
        faults = self.chance.choice(self.world.disks).faults
        which = self.chance.randrange(4)
        if which == 0:
            faults.short_writes += 1 + self.chance.randrange(3)
        elif which == 1:
            faults.failed_writes += 1
        elif which == 2:
            faults.failed_syncs += 1
        else:
            faults.failed_creates += 1

    def _full(self) -> None:
        faults = self.chance.choice(self.world.disks).faults
        if faults.room is None:
            faults.room = self.chance.randrange(_SEGMENT_ROOM)
            self._later(300, 5_000, "room on the disk", self.make_room)

    def make_room(self) -> None:
        for disk in self.world.disks:
            disk.faults.room = None

    def _flip(self) -> None:
        """A bit of any file changes."""
        disk = self.chance.choice(self.world.disks)
        path = self.chance.choice(sorted(disk.files)) if disk.files and self.chance.randrange(2) else None
        if path is None:
            segments = sorted(path for path in disk.files if path.suffix == SUFFIX and path.parent == JOURNAL)
            path = segments[-1] if segments else None
        if path is None or not disk.files[path].content:
            return
        content = disk.files[path].content
        near = self.chance.randrange(2) and len(content) > HEADER_BYTES
        self.world.damage(disk)
        disk.flip_bit(path, self.chance.randrange(HEADER_BYTES if near else 0, len(content)))
        process = self._process()
        if process is not None and self.chance.randrange(2):
            process.die()

    def _exchange(self) -> None:
        world = self.world
        which = self.chance.randrange(4)
        if which == 0:
            world.wire.outage = True
        elif which == 1:
            world.exchange.halted = True
        elif which == 2:
            world.exchange.requests_per_second = self.chance.choice((2, 5, 12))
        else:
            world.exchange.cancel_delay_ns = self.chance.choice((50, 700, 1_400)) * _MS
        self._later(200, 4_000, "exchange is well", self.heal_exchange)

    def heal_exchange(self) -> None:
        world = self.world
        world.wire.outage = False
        world.exchange.requests_per_second = 0
        world.exchange.cancel_delay_ns = 0
        if world.exchange.halted:
            world.exchange.resume(world.exchange_now)
        world.settle_news()

    def _pause(self) -> None:
        process = self._process()
        if process is None or process.paused:
            return
        process.pause()
        self._later(50, self.chance.choice((400, 2_500, 9_000)), f"{process.name} goes on", process.go_on)

    def _lease(self) -> None:
        store = self.chance.choice(self.world.hosts).store
        if self.chance.randrange(2):
            store.cut_off = True
        else:
            store.mute = 300

        def reach() -> None:
            store.cut_off, store.mute = False, 0

        self._later(200, 5_000, "lease store is back", reach)

    def _restart(self) -> None:
        process = self._process()
        if process is not None and process.session is not None and process.opened:
            process.obey(Command(verb=Verb.STOP, person="operator-1", why="restart"))

    def _hand_over(self) -> None:
        waiting = [host.process for host in self.world.hosts if host.process and host.process.stage is Stage.WAITING]
        for process in self.world.leaders:
            if waiting and process.opened and not process.paused:
                process.hand_over(waiting[0].keeper.holder)

    def _sync(self) -> None:
        process = self._process()
        if process is not None and process.session is not None and process.opened:
            session = process.session
            process.do(lambda: session.guarded(session.recovered.writer.sync))

    # people

    def _plan_command(self) -> None:
        delay_ms = 500 + int(self.chance.expovariate(1 / (1.5 * self._mean_ms)))
        self.world.timeline.after(delay_ms * _MS, "command", self._command)

    def _command(self) -> None:
        if self.world.quiet:
            return
        drawn = self.chance.randrange(sum(weight for weight, _ in self._commands))
        for weight, make in self._commands:
            drawn -= weight
            if drawn < 0:
                for command in make():
                    self.give(command)
                break
        self._later(300, 4_000, "people let it go on", self.let_go_on)
        self._plan_command()

    def give(self, command: Command) -> None:
        """Gives a command to whoever leads; one that has not recovered hears it as well."""
        for process in self.world.leaders:
            if process.opened and not process.paused:
                self.world.note(f"{process.name} is told: {command.verb} {command.strategy} {command.instrument}")
                process.obey(command)

    def let_go_on(self) -> None:
        for strategy in (None, "ONE", "TWO"):
            self.give(_command(Verb.RESUME, strategy=strategy))
        for instrument in ("PERP", "SPOT"):
            self.give(_command(Verb.RESUME, instrument=instrument))
        self.give(_command(Verb.UNLOCK))


def _command(
    verb: Verb, strategy: str | None = None, instrument: str | None = None, protective: bool = False
) -> Command:
    return Command(
        verb=verb,
        strategy=strategy,
        instrument=instrument,
        protective=protective,
        person="operator-1",
        origin="simulator",
        why="simulated",
    )
