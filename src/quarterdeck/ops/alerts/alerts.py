"""The alerts of an ops plane, running: it hears the bus, looks at the desks, and tells people.

    heard (an event of the bus) ----> rules --\
    seen (figures, twice a second) -> rules ---> inbox -> engine (store) -> dispatcher -> channels
    measured (machine, health) -----> rules --/

An event is judged where it is heard, so from there to a channel nothing waits but two writes to the store.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from quarterdeck.config.ops import OpsConfig
from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.alerts.book import AlertBook, money_row
from quarterdeck.ops.alerts.by_event import judge_event
from quarterdeck.ops.alerts.by_figures import LOOKS, Sight, patience_of
from quarterdeck.ops.alerts.by_machine import MACHINE_LOOKS, component_cases, expiring_cases
from quarterdeck.ops.alerts.channels import Channel, channel_secrets, open_channels, send_test
from quarterdeck.ops.alerts.dispatch import Dispatcher
from quarterdeck.ops.alerts.engine import Engine
from quarterdeck.ops.alerts.inbox import Inbox
from quarterdeck.ops.alerts.looking import Looker
from quarterdeck.ops.alerts.machine import MachineFigures, measure
from quarterdeck.ops.alerts.model import Alert, Case, Event, Finding, Notice, NoticeKind, Severity
from quarterdeck.ops.alerts.rules import RULES
from quarterdeck.ops.alerts.silences import Silence
from quarterdeck.ops.alerts.windows import DeskMemory
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store
from quarterdeck.ops.tails import LogTail

__all__ = ["Alerts", "BusLike", "findings_of", "looked"]

_LOOK_S: Final = 0.5
_MACHINE_S: Final = 10.0
_HEALTH_S: Final = 15.0
_MONEY_S: Final = 10.0
_WORK_S: Final = 0.5
_CRY_NS: Final = 300_000_000_000
_VITAL_NS: Final = 30_000_000_000
_SUBJECT_MAX: Final = 120
_SUMMARY_MAX: Final = 500
_PRUNE_S: Final = 3600.0


class BusLike(Protocol):
    """What is needed of a bus."""

    def listen(self, callback: Callable[[Any], None]) -> Callable[[], None]: ...


class Alerts:
    """All alerts of one plane. What people do (acknowledge, resolve, silence) works with or without `run`.

    `health` gives a report with components; `expiring` sentences about tokens and keys that come to their end, each
    beginning with the name of what it is about. `wall` is UTC nanoseconds.
    """

    def __init__(
        self,
        config: OpsConfig,
        store: Store,
        bus: BusLike,
        desks: Mapping[str, SeenDesk],
        *,
        health: Callable[[], Awaitable[Any]] | None = None,
        expiring: Callable[[], Sequence[str]] | None = None,
        channels: Mapping[str, Channel] | None = None,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config, self._bus, self._wall = config, bus, wall
        self._health, self._expiring = health, expiring
        # Readers of its own: what a desk shows is read in threads here.
        self._desks = {name: SeenDesk(desk.config, desk.place.root) for name, desk in desks.items()}
        self._memories: dict[str, DeskMemory] = defaultdict(DeskMemory)
        self._book = AlertBook(store, wall)
        self._inbox = Inbox()
        self._engine = Engine(config, store)
        self._looker = Looker(config.thresholds)
        found = open_channels(config, channel_secrets(config.folder)) if channels is None else channels
        self._channels = found
        self._cried_ns = 0
        self._dispatcher = Dispatcher(store, found, config.channels, self._put, wall)
        self._wake = asyncio.Event()
        self._looked_ns = 0
        self._vital: dict[str, Any] = {}
        self._money_ns: dict[str, int] = {}
        self._end_hearing: Callable[[], None] | None = None
        self._listen()  # before anything is published: what nobody hears is lost

    # what people do, and look at

    def open(self, desk: str | None = None) -> list[Alert]:
        return self._book.open(desk)

    def find(self, alert_id: int) -> Alert:
        return self._book.find(alert_id)

    def history(self, limit: int = 100, desk: str | None = None) -> list[Alert]:
        return self._book.history(limit, desk)

    def acknowledge(self, alert_id: int, person: str, note: str = "") -> Alert:
        return self._book.acknowledge(alert_id, person, note)

    def resolve(self, alert_id: int, person: str, note: str = "") -> Alert:
        return self._book.resolve(alert_id, person, note)

    def silence(self, silence: Silence) -> Silence:
        return self._book.silence(silence)

    def silences(self, past: bool = False) -> list[Silence]:
        return self._book.silences(past)

    def lift(self, silence_id: int, person: str) -> None:
        self._book.lift(silence_id, person)

    def suppressed(self) -> dict[str, int]:
        return self._book.suppressed()

    async def test(self, channel: str | None = None) -> dict[str, str]:
        """Sends a test through one channel, or all; returns what went wrong of each, "" where it arrived."""
        return await send_test(self._config, channel, self._wall())

    # running

    async def run(self) -> None:
        """Hears, looks, and tells, until it is cancelled; it may be begun again."""
        self._listen()
        try:
            with contextlib.suppress(OpsError):  # then the work, which reads it too, says so
                await asyncio.to_thread(self._engine.load)
            async with asyncio.TaskGroup() as group:
                for name, desk in self._desks.items():
                    group.create_task(self._every(_LOOK_S, lambda name=name, desk=desk: self._look(name, desk)))
                    group.create_task(self._every(_MACHINE_S, lambda name=name, desk=desk: self._measure(name, desk)))
                group.create_task(self._every(_HEALTH_S, self._ask_health))
                group.create_task(self._every(_PRUNE_S, lambda: asyncio.to_thread(self._book.prune)))
                group.create_task(self._watch_access())
                group.create_task(self._work())
                group.create_task(self._dispatcher.run())
        finally:
            if self._end_hearing is not None:
                self._end_hearing()
                self._end_hearing = None
            for desk in self._desks.values():
                desk.close()

    def _listen(self) -> None:
        if self._end_hearing is None:
            self._end_hearing = self._bus.listen(self.hear)

    def hear(self, event: Event) -> None:
        """Takes an event of the bus: judges it at once. For the event loop's thread."""
        memory = self._memories[event.desk if event.desk in self._desks else ""]
        try:
            memory.hear(event)
            found = findings_of(event, judge_event(event, self._config.thresholds, memory))
        except Exception as error:  # noqa: BLE001 - whoever publishes may say anything; the others must be heard
            found = [_trouble(event.topic, f"an event of {event.topic} could not be judged: {type(error).__name__}")]
        for finding in found:
            self._put(finding)

    def _put(self, finding: Finding) -> None:
        self._inbox.put(finding)
        self._wake.set()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            now = self._wall()
            vital = self._vital if not self._desks or now - self._looked_ns < _VITAL_NS else None
            found = self._inbox.take()
            try:
                if await asyncio.to_thread(self._engine.work, found, now, vital):
                    self._dispatcher.wake()
            except OpsError as error:
                await self._without_store(found, str(error), now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WORK_S):  # wait_for may lose a cancellation in Python 3.11
                    await self._wake.wait()

    async def _without_store(self, found: Sequence[Finding], why: str, now: int) -> None:
        """Nothing can be written down: the findings wait, and every channel is told so, now and then."""
        for finding in found:
            self._inbox.put(finding)
        if now - self._cried_ns >= _CRY_NS:
            self._cried_ns = now
            worst = min((one.severity for one in found), default=Severity.P1)
            said = [f"{one.desk or 'ops plane'}: {one.summary}" for one in found if not one.clears][:10]
            facts = {"why": why, "waiting": len(self._inbox), "found": "; ".join(said)}
            title = f"[{min(worst, Severity.P1).value}] ops plane: the store of alerts cannot be used"
            notice = Notice(kind=NoticeKind.FIRING, severity=worst, time_ns=now, title=title, facts=facts)
            await asyncio.gather(*(one.send(notice) for one in self._channels.values()), return_exceptions=True)
        await asyncio.sleep(_WORK_S)

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except QuarterdeckError as error:
                self._put(_trouble("looks", str(error)))
            await asyncio.sleep(seconds)

    async def _look(self, name: str, desk: SeenDesk) -> None:
        unreadable: list[Case] = []
        figures: DeskFigures | None = None
        try:
            figures = await asyncio.to_thread(see, desk, with_orders=False)
        except QuarterdeckError as error:
            unreadable.append(Case("desk", str(error)))
        found: dict[str, list[Case]] = {"figures-unreadable": unreadable}
        sequence = 0
        if figures is not None:
            memory = self._memories[name]
            memory.see(figures)
            found |= looked(Sight(figures, memory, self._config.thresholds, patience_of(desk.config, figures)))
            sequence = figures.sequence
            await self._keep_money(name, figures)
        self._looked_ns = self._wall()
        self._vital[name] = "never ran" if figures is None else "alive" if figures.alive else "not running"
        self._take_looks(name, found, sequence)

    async def _measure(self, name: str, desk: SeenDesk) -> None:
        reader = SeenDesk(desk.config, desk.place.root)  # another thread reads at the same time
        try:
            machine: MachineFigures = await asyncio.to_thread(measure, reader, self._wall)
        except QuarterdeckError:
            return  # the look at its figures says so
        finally:
            reader.close()
        limits = self._config.thresholds
        self._take_looks(name, {rule: list(look(machine, limits)) for rule, look in MACHINE_LOOKS.items()}, 0)

    async def _ask_health(self) -> None:
        found: dict[str, list[Case]] = {}
        if self._health is not None:
            try:
                report = await self._health()
                found["component"] = list(component_cases(report.components))
            except QuarterdeckError as error:
                found["component"] = [Case("health", f"health could not be asked: {error}")]
        if self._expiring is not None:
            found["expiring"] = list(expiring_cases(await asyncio.to_thread(self._expiring)))
        self._take_looks("", found, 0)

    def _take_looks(self, desk: str, found: Mapping[str, list[Case]], sequence: int) -> None:
        standing = [alert for alert in self._engine.standing.values() if alert.desk == desk]
        for finding in self._looker.look(desk, found, standing, sequence, self._wall()):
            self._put(finding)

    async def _keep_money(self, name: str, figures: DeskFigures) -> None:
        """Writes down what its money stands at, so that a loss between two moments can be told later."""
        now = self._wall()
        if not figures.alive or now - self._money_ns.get(name, 0) < _MONEY_S * 1e9:
            return
        self._money_ns[name] = now
        await asyncio.to_thread(self._book.keep_money, [money_row(figures)])

    async def _watch_access(self) -> None:
        """Lock-outs at the doors of the plane, from its audit trail."""
        tail = LogTail(self._config.data / "access.jsonl")
        try:
            while True:
                for line in tail.read():
                    if line.get("what") == "refused" and line.get("code") == "LOCKED_OUT":
                        origin = str(line.get("origin"))
                        said = f"too many wrong tokens or passwords from {origin}"
                        self._put(_finding("locked-out", "", Case(origin, said, facts=dict(line))))
                await asyncio.sleep(_LOOK_S)
        finally:
            tail.close()


def looked(sight: Sight) -> dict[str, list[Case]]:
    """What a look at a desk finds, by rule; a rule that cannot know it now (the desk died) has no entry.

    A desk that ended in order has nothing to do: what counts only while it lives is over then.
    """
    figures = sight.figures
    found: dict[str, list[Case]] = {}
    for name, look in LOOKS.items():
        if figures.alive or not RULES[name].lives:
            found[name] = list(look(sight))
        elif figures.stopping:
            found[name] = []
    return found


def findings_of(event: Event, cases: Any) -> list[Finding]:
    """The findings of an event, from (rule, case) pairs. Their time is when the line was written, where it says so."""
    return [_finding(rule, event.desk, case, event) for rule, case in cases]


def _trouble(subject: str, said: str) -> Finding:
    return _finding("plane-trouble", "", Case(subject, said))


def _finding(rule: str, desk: str, case: Case, event: Event | None = None) -> Finding:
    return Finding(
        rule=rule, desk=desk, subject=case.subject[:_SUBJECT_MAX], severity=case.severity or RULES[rule].severity,
        summary=case.summary[:_SUMMARY_MAX], facts=case.facts, clears=case.clears,
        sequence=0 if event is None else event.sequence,
        event_ns=0 if event is None else _written_ns(event),
        event_id="" if event is None else event.id,
    )  # fmt: skip


def _written_ns(event: Event) -> int:
    """When a log line was written: a desk's own time may begin anew with its journal, this machine's does not."""
    try:
        moment = datetime.fromisoformat(str(event.data.get("logged", "")))
    except ValueError:
        return event.time_ns
    return int(moment.timestamp() * 1_000_000) * 1000 if moment.tzinfo is not None else event.time_ns
