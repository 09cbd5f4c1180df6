"""Asks every component how it is, each in a thread and within its deadline; answers within a second are given again.

    report = await health.check(["xrpliquid"])            # all components
    report = await health.check(["xrpliquid"], "system")  # some: see SUBSETS

A probe that hangs is UNHEALTHY when its deadline is over, and is not begun again before it has ended.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from quarterdeck.capture.sessions import capture_folder
from quarterdeck.checks.stores import REDIS_VARIABLE
from quarterdeck.config.ops import Thresholds
from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.journal import rfc3339
from quarterdeck.ledger.database import DATABASE_VARIABLE
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.health import desk as desk_probes
from quarterdeck.ops.health import machine, stores
from quarterdeck.ops.health.components import Component, Found, HealthReport, Status, worst
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store

__all__ = ["SUBSETS", "Health"]

# What each question is about: components by the first part of their names.
SUBSETS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("cpu", "memory", "disk", "clock"),
    "broker": ("venue",),
    "risk-service": ("process", "risk"),
    "data": ("feed", "ticks", "funding"),
    "trading": ("process", "recovery", "venue", "feed", "risk", "orders", "reconciliation"),
    "ready": ("process", "recovery", "database"),
}
_DATA: Final = ("ticks", "funding")
_FRESH_S: Final = 1.0
_DEADLINE_S: Final = 2.0
_NETWORK_DEADLINE_S: Final = 4.0  # psycopg waits for two seconds at least
_THREADS: Final = 8
_Answers = Mapping[str, Found]


@dataclass(frozen=True, slots=True)
class _Look:
    """One visit: it answers for one or several components. `name` is what is UNHEALTHY when it fails as a whole."""

    key: str
    name: str
    desk: str
    about: tuple[str, ...]
    deadline_s: float
    act: Callable[[], _Answers]


class Health:
    """Looks after the desks of an ops plane. `close` when it is not needed any more."""

    def __init__(
        self,
        desks: Mapping[str, SeenDesk],
        thresholds: Thresholds | None = None,
        *,
        store: Store | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        # Readers of its own: what a desk shows is read in threads here.
        self._desks = {name: SeenDesk(desk.config, desk.place.root) for name, desk in desks.items()}
        self._reading = {name: threading.Lock() for name in desks}
        self._thresholds = thresholds or Thresholds()
        self._store, self._folder, self._environment = store, folder, environment
        self._pool = ThreadPoolExecutor(_THREADS, "health")
        self._running: dict[str, Future[tuple[_Answers, float]]] = {}
        self._known: dict[str, tuple[float, dict[str, Component]]] = {}
        self._one_at_a_time = asyncio.Lock()
        psutil.cpu_percent(None)  # it tells the use since the last call

    async def check(self, desks: Sequence[str] | None = None, subset: str | None = None) -> HealthReport:
        """Returns how the components of these desks (None: all), and of the machine, stand.

        With several desks their components are called DESK/NAME. OpsError: no such desk, or subset.
        """
        names = list(self._desks) if desks is None else list(desks)
        unknown = [name for name in names if name not in self._desks]
        if unknown or (subset is not None and subset not in SUBSETS):
            raise OpsError(f"health of {unknown or subset}: there are {[*self._desks]} and {[*SUBSETS]}")
        about = None if subset is None else SUBSETS[subset]
        async with self._one_at_a_time:
            looks = list(self._looks(names, about))
            answers = await asyncio.gather(*(self._visit(look) for look in looks))
        components: dict[str, Component] = {}
        for look, answer in zip(looks, answers, strict=True):
            for name, component in answer.items():
                if about is None or name.partition(":")[0] in about:
                    full = f"{look.desk}/{name}" if look.desk and len(names) > 1 else name
                    components[full] = component
        status = worst(component.status for component in components.values())
        return HealthReport(status=status, timestamp=rfc3339(time.time_ns()), components=components)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for desk in self._desks.values():
            desk.close()

    # what is looked at

    def _looks(self, names: Sequence[str], about: tuple[str, ...] | None) -> Iterator[_Look]:
        for name in names:
            yield from self._desk_looks(name, about)
        yield from (look for look in self._own_looks() if about is None or set(about) & set(look.about))

    def _desk_looks(self, name: str, about: tuple[str, ...] | None) -> Iterator[_Look]:
        desk = self._desks[name]
        root, config, limits = desk.place.root, desk.config, self._thresholds

        def of_desk() -> _Answers:
            found = self._see(name)
            if found is None:
                return {"process": desk_probes.process(None)}
            components = desk_probes.desk_components(found, config, desk.place.journal, limits)
            return {component: _judged(probe) for component, probe in components}

        def of_backups() -> _Answers:
            return {"backup": stores.backups(config, root, self._see(name), limits.backup_age_hours)}

        yield _Look(f"{name}/desk", "process", name, (), _DEADLINE_S, of_desk)
        if about is None:
            yield _Look(f"{name}/backup", "backup", name, (), _DEADLINE_S, of_backups)
        if (about is None and capture_folder(root).is_dir()) or set(about or ()) & set(_DATA):
            for what in _DATA:
                yield _Look(
                    f"{name}/{what}", what, name, (), _DEADLINE_S,
                    lambda what=what: {what: _judged(lambda: stores.captured(root, what))},
                )  # fmt: skip

    def _own_looks(self) -> Iterator[_Look]:
        environment = self._environment
        yield _Look("machine", "cpu", "", SUBSETS["system"], _DEADLINE_S, self._look_at_machine)
        if self._store is not None:
            yield _Look("database", "database", "", ("database",), _NETWORK_DEADLINE_S, self._look_at_database)
        if environment.get(DATABASE_VARIABLE) and self._desks:
            about = ("ledger_database",)
            yield _Look("ledger", "ledger_database", "", about, _NETWORK_DEADLINE_S, self._look_at_ledger)
        if environment.get(REDIS_VARIABLE):
            yield _Look("redis", "redis", "", ("redis",), _DEADLINE_S, self._look_at_redis)

    def _look_at_database(self) -> _Answers:
        assert self._store is not None
        return {"database": stores.database(self._store)}

    def _look_at_ledger(self) -> _Answers:
        config = next(iter(self._desks.values())).config
        return {"ledger_database": stores.ledger_database(config, self._environment, _NETWORK_DEADLINE_S / 2)}

    def _look_at_redis(self) -> _Answers:
        return {"redis": stores.redis(self._environment, _DEADLINE_S / 2)}

    def _look_at_machine(self) -> _Answers:
        limits, processes, places = self._thresholds, {"ops": os.getpid()}, list[tuple[str, Path, int]]()
        for name, desk in self._desks.items():
            found = self._seen_or_none(name)
            if found is not None and found.alive and found.pid is not None:
                processes[name] = found.pid
            places.append((name, desk.place.root, desk.config.journal.disk_reserve_mib))
        if self._folder is not None:
            places.append(("ops", self._folder, 0))
        return {
            "cpu": machine.cpu(),
            "memory": machine.memory(processes, limits.memory_mib),
            "disk": _judged(lambda: machine.disk(places, float(limits.disk_free_share))),
            "clock": machine.clock(float(limits.clock_offset_ms)),
        }

    def _see(self, name: str) -> DeskFigures | None:
        with self._reading[name]:
            return see(self._desks[name], with_orders=False)

    def _seen_or_none(self, name: str) -> DeskFigures | None:
        try:
            return self._see(name)
        except QuarterdeckError:
            return None  # its own component says so

    # how it is looked at

    async def _visit(self, look: _Look) -> dict[str, Component]:
        known = self._known.get(look.key)
        if known is not None and time.monotonic() - known[0] < _FRESH_S:
            return known[1]
        answers, took_s = await self._ask(look)
        now = rfc3339(time.time_ns())
        more = {"desk": look.desk} if look.desk else {}
        components = {
            name: Component(
                status=found.status,
                message=found.message,
                last_check=now,
                response_time_ms=round(took_s * 1e3, 3),
                details={**found.details, **more},
            )
            for name, found in answers.items()
        }
        self._known[look.key] = time.monotonic(), components
        return components

    async def _ask(self, look: _Look) -> tuple[_Answers, float]:
        running = self._running.get(look.key)
        if running is None or running.done():
            running = self._pool.submit(_timed, look)
            self._running[look.key] = running
        began = time.monotonic()
        done, _ = await asyncio.wait([asyncio.wrap_future(running)], timeout=look.deadline_s)
        if not done:
            late = Found(Status.UNHEALTHY, f"it did not answer within {look.deadline_s:g} s", {})
            return {look.name: late}, time.monotonic() - began
        return running.result()


def _judged(probe: Callable[[], Found]) -> Found:
    """What the probe found; or that it failed, and why."""
    try:
        return probe()
    except QuarterdeckError as error:
        return Found(Status.UNHEALTHY, str(error), {})
    except OSError as error:
        return Found(Status.UNHEALTHY, f"{error.filename or ''}: {error.strerror or error}", {})


def _timed(look: _Look) -> tuple[_Answers, float]:
    began = time.monotonic()
    try:
        answers = look.act()
    except QuarterdeckError as error:
        answers = {look.name: Found(Status.UNHEALTHY, str(error), {})}
    except OSError as error:
        answers = {look.name: Found(Status.UNHEALTHY, f"{error.filename or ''}: {error.strerror or error}", {})}
    return answers, time.monotonic() - began
