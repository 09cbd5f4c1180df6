"""One run from a seed: so many steps with faults, then calm, then everything must agree."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quarterdeck.desk.live import LiveSession
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import QuarterdeckError
from quarterdeck.journal import JournalReader
from quarterdeck.runtime.replay import Replayer
from quarterdeck.simulation.clock import START_NS
from quarterdeck.simulation.desk import LIMITS
from quarterdeck.simulation.disk import Faults
from quarterdeck.simulation.eyes import SessionEyes
from quarterdeck.simulation.faults import FaultPlan
from quarterdeck.simulation.oracle import Oracle, Violation
from quarterdeck.simulation.process import Process
from quarterdeck.simulation.world import JOURNAL, Host, World

__all__ = ["Outcome", "run"]

_SECOND: Final = 1_000_000_000
_LAST_STORM_MS: Final = 300
_CALM_MOST_NS: Final = 150 * _SECOND
_LIFE_CYCLE: Final = frozenset(
    ("Place", "Cancel", "Amend", "Taken", "Refused", "AskOrder", "OrderAnswer", "OrderNews", "FillsNews")
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. `digest` is of everything that happened; `violation` None: all held."""

    seed: int
    steps: int
    life_cycle: int
    digest: str
    violation: str | None
    trace: tuple[str, ...]

    @property
    def life_cycle_share(self) -> float:
        return self.life_cycle / max(1, self.steps)


class _Run:
    def __init__(self, seed: int) -> None:
        self.world = world = World(seed)
        self.oracle = Oracle(world.exchange, world.segments, lambda: world.timeline.now_ns, world, LIMITS)
        world.watcher = self.oracle
        self.oracle.shipped_first = world.synchronous and world.replicated
        self.oracle.one_disk = not world.replicated
        self.plan = FaultPlan(world, self._before_power_loss)
        self.steps = self.life_cycle = 0
        self.killed: frozenset[str] = frozenset()  # what worked when the last kill came

    def _before_power_loss(self, host: Host) -> None:
        if host.disk is self.world.journal_of.disk:
            self.oracle.lost_power(lambda name: host.disk.durable_bytes(JOURNAL / name))

    def play(self, events: int) -> None:
        self.world.begin()
        self.plan.begin()
        while self.steps < events:
            self.step()
        self._calm_down()
        self._end()

    def step(self) -> None:
        name = self.world.step()
        self.steps += 1
        if name[name.find("<") + 1 :] in _LIFE_CYCLE or name[name.find(">") + 1 :] in _LIFE_CYCLE:
            self.life_cycle += 1
        self.oracle.look()

    def _until(self, condition: Callable[[], bool], what: str, most_ns: int = _CALM_MOST_NS) -> None:
        limit = self.world.timeline.now_ns + most_ns
        while not condition():
            if self.world.timeline.now_ns > limit:
                raise Violation(f"in calm weather, after {most_ns // _SECOND} s: {what}")
            self.step()

    def _calm_down(self) -> None:
        """Ends all faults, lets somebody lead and be answered, and stops entries."""
        world, plan = self.world, self.plan
        world.quiet = True
        plan.calm()
        plan.make_room()
        plan.heal_exchange()
        for disk in world.disks:
            world.repair(disk)
            disk.faults = Faults()
        for host in world.hosts:
            host.store.cut_off, host.store.mute = False, 0
            if host.process is not None:
                host.process.disk.calls_left = -1
        self._until(lambda: self._leader() is not None, "nobody leads and is ready")
        plan.let_go_on()
        plan.give(_said(Verb.PAUSE))

    def _leader(self) -> Process | None:
        leaders = self.world.leaders
        ready = len(leaders) == 1 and leaders[0].opened and leaders[0].session is not None
        return leaders[0] if ready and leaders[0].session is not None and leaders[0].session.ready else None

    def _end(self) -> None:
        """Everything agrees; a kill takes every order back; the journal replays to where the desk stands."""
        self._until(self._agrees, "desk and exchange do not agree")
        self.killed = frozenset(order.client_id for order in self.world.exchange.open_orders(0))
        self.plan.lose_words(_LAST_STORM_MS)  # a kill comes when things go wrong
        self.plan.give(_said(Verb.KILL, protective=True))
        self._until(self._nothing_works, "orders work after a kill")
        self._until(self._agrees, "desk and exchange do not agree after the kill")
        leader = self._leader()
        assert leader is not None, "who agrees leads"
        session = leader.session
        assert session is not None, "who leads has a session"
        digest = session.desk.digest
        replayer = Replayer(JournalReader(JOURNAL, disk=leader.disk))
        replayer.advance()
        if replayer.digest != digest:
            raise Violation("the journal replays to another state than the desk has")
        self.oracle.catch_up()
        if self.oracle.books.records != session.recovered.writer.next_sequence:
            raise Violation("the journal on disk is not what the desk has written")

    def _agrees(self) -> bool:
        leader = self._leader()
        if leader is None:
            return False
        self.wrong = self.oracle.at_rest(leader.name)
        if self.wrong and self.oracle.person_may_adopt and leader.session is not None:
            self._adopt(leader, leader.session)
        return not self.wrong

    def _adopt(self, leader: Process, session: LiveSession) -> None:
        """A journal that lost its beginning does not know what was the desk's: a person says so."""
        for instrument, (name, stopped) in enumerate(
            zip(("PERP", "SPOT"), SessionEyes(session).stopped(), strict=True)
        ):
            concerns = session.couriers[0].rounds.concerns
            if stopped and any(concerns(one, instrument) for one in session.couriers[0].rounds.suspicions.confirmed):
                command = Command(verb=Verb.ADOPT, instrument=name, person="operator-1", why="the journal was lost")
                self.world.note(f"{leader.name} is told: adopt {name}")
                leader.obey(command)

    def _nothing_works(self) -> bool:
        """Of what worked when the kill came: strategies may still ask for orders that reduce."""
        return not any(order.client_id in self.killed for order in self.world.exchange.open_orders(0))


def _said(verb: Verb, protective: bool = False) -> Command:
    return Command(verb=verb, protective=protective, person="operator-1", origin="simulator", why="end of the run")


def run(seed: int, events: int = 1_000) -> Outcome:
    """Plays one run: `events` steps with faults, then as many as calm needs. It raises nothing of the desk's own."""
    of = _Run(seed)
    violation: str | None = None
    try:
        of.play(events)
    except Violation as found:
        violation = str(found)
    except (QuarterdeckError, AssertionError, ArithmeticError, LookupError, TypeError, ValueError, OSError) as crash:
        violation = f"the desk crashed: {type(crash).__name__}: {crash}"
    if violation is not None and getattr(of, "wrong", None):
        violation = f"{violation} ({'; '.join(of.wrong)})"
    trace = of.world.trace
    summary = "\n".join(
        (*trace, str(violation), of.oracle.books.digest.hexdigest(), str(of.world.timeline.now_ns - START_NS))
    )
    return Outcome(seed, of.steps, of.life_cycle, hashlib.sha256(summary.encode()).hexdigest(), violation, tuple(trace))
