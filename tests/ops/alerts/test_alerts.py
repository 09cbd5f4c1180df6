"""What is tested: `quarterdeck.ops.alerts.alerts` and `quarterdeck.ops.alerts.machine`: a real desk's log lines, heard
through the real bus, told by the real engine into a file and to a real HTTP server, and how quickly."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.capture.sessions import Began, Ended, capture_folder, write_session
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.alerts import Alerts
from quarterdeck.ops.alerts.channels import open_channels
from quarterdeck.ops.alerts.machine import measure
from quarterdeck.ops.alerts.model import Severity
from quarterdeck.ops.bus import InProcessBus
from quarterdeck.ops.desks import Desks
from quarterdeck.ops.hearing import Hearing
from quarterdeck.ops.store import Store
from tests.desk.builders import Buyer, Idle
from tests.ops.alerts.builders import FILE_CHANNEL, Hook, event, ops, told
from tests.ops.figures.rig import Shown, open_desk

PATIENCE_S = 20.0
QUICK = "[alerts]\ngroup_s = 0\nrate_count = 10000\n"
BAR_S = 1.0


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    desk = open_desk(tmp_path_factory.mktemp("desk"), sources=(Buyer, Idle, Idle))
    yield desk
    desk.close()


async def until(condition: Callable[[], bool], said: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not come: {said()}"
        await asyncio.sleep(0.005)


class Running:
    """A plane's part that hears and tells; what it told is in the file."""

    def __init__(self, folder: Path, shown: Shown | None, text: str, **words: Any) -> None:
        self.folder, self.config = folder, ops(folder, text)
        self.store, self.bus = Store(self.config.data), InProcessBus()
        self.desks = Desks([] if shown is None else [shown.desk])
        self.alerts = Alerts(self.config, self.store, self.bus, self.desks, **words)
        self.hearing = Hearing(self.desks, self.bus, self.store)

    def titles(self) -> list[str]:
        return [one["title"] for one in told(self.folder)]

    async def told_of(self, words: str) -> None:
        await until(lambda: any(words in title for title in self.titles()), self.titles)


async def beat(shown: Shown) -> None:
    """Shows the desk again and again, as a running one does."""
    while True:
        shown.publish()
        await asyncio.sleep(0.2)


@asynccontextmanager
async def running(
    folder: Path, shown: Shown | None, text: str = FILE_CHANNEL + QUICK, *, lives: bool = True, **words: Any
) -> AsyncIterator[Running]:
    made = Running(folder, shown, text, **words)
    acts = [made.alerts.run(), made.hearing.run(), *([] if shown is None or not lives else [beat(shown)])]
    tasks = [asyncio.create_task(act) for act in acts]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        made.store.close()
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


def act(coroutine: Awaitable[None]) -> None:
    async def whole() -> None:
        await coroutine

    asyncio.run(whole())


def test_a_real_desks_kill_is_told_acknowledged_and_over(shown: Shown, tmp_path: Path) -> None:
    async def story() -> None:
        with Hook() as hook:
            text = FILE_CHANNEL + '[[channels]]\nname = "hook"\nkind = "webhook"\nurl_variable = "N_HOOK"\n' + QUICK
            os.environ["N_HOOK"] = f"http://127.0.0.1:{hook.port}/"
            async with running(tmp_path, shown, text) as plane:
                shown.pump(lambda state: int(state["events"]) > 10)
                shown.publish()
                await until(lambda: plane.alerts._looked_ns > 0)
                shown.session.obey(Command(verb=Verb.KILL, person="operator-1", why="drill"))
                begun = time.monotonic()
                await plane.told_of("Kill switch")
                assert time.monotonic() - begun < 5.0
                await until(lambda: any("Kill switch" in body["title"] for _, body in hook.got))
                alert = next(one for one in plane.alerts.open() if one.rule == "kill-switch")
                assert (alert.desk, alert.severity) == ("xrpliquid", Severity.P1)
                assert 0 < alert.sequence < shown.session.vitals()["sequence"]
                await plane.told_of("Emergency command: kill by operator-1")
                plane.alerts.acknowledge(alert.id, "operator-1", "a drill")
                assert plane.alerts.find(alert.id).acknowledged_by == "operator-1"
                shown.session.obey(Command(verb=Verb.RESUME, person="operator-1", why="drill over"))
                await plane.told_of("RESOLVED [P1] xrpliquid: Kill switch")
            del os.environ["N_HOOK"]

    act(story())


def test_lines_that_were_written_while_nobody_listened_are_told_once(shown: Shown, tmp_path: Path) -> None:
    async def first() -> None:
        async with running(tmp_path, shown) as plane:
            shown.publish()
            shown.session.logs.error("LOG_NOT_ROLLED", error="no room")
            await plane.told_of("LOG_NOT_ROLLED: no room")
            await asyncio.to_thread(plane.hearing.save)

    async def second() -> None:
        shown.session.logs.error("LOG_NOT_ROLLED", error="no key")
        shown.session.logs.system("LIQUIDATION", instrument="XRP", sequence=9)
        async with running(tmp_path, shown) as plane:
            await plane.told_of("Liquidation")
            assert [one.count for one in plane.alerts.open() if one.rule == "log-not-rolled"] == [2]
            assert sum("LOG_NOT_ROLLED" in title for title in plane.titles()) == 1

    act(first())
    act(second())


def test_an_alert_is_out_within_a_second_of_its_line(shown: Shown, tmp_path: Path) -> None:
    """From the line in the desk's log to the line in the channel's file; more are measured by bench."""
    waits: list[float] = []

    async def story() -> None:
        async with running(tmp_path, shown) as plane:
            shown.publish()
            await until(lambda: plane.alerts._looked_ns > 0)
            path = tmp_path / "told.jsonl"
            for number in range(20):
                begun = time.monotonic()
                shown.session.logs.system("LIQUIDATION", instrument=f"s{number}", sequence=number + 1)
                await until(lambda number=number: path.exists() and f"closed s{number} by" in path.read_text())
                waits.append(time.monotonic() - begun)

    act(story())
    waits.sort()
    assert waits[len(waits) // 2] < BAR_S
    assert waits[-1] < 5.0


def test_a_dead_desk_is_found_and_one_that_never_ran_is_not(shown: Shown, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, shown, lives=False) as plane:
            shown.publish(shown_ns=time.time_ns() - 60_000_000_000)
            await plane.told_of("[P0] xrpliquid: A desk died")
            shown.publish()
            await plane.told_of("RESOLVED [P0] xrpliquid: A desk died")

    act(story())


def test_what_other_processes_publish_cannot_stop_the_alerts(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, None) as plane:
            await plane.bus.publish("risk.violation", {"event": "RECONCILIATION_DIFFERENCE", "differences": 5}, "x")
            await plane.bus.publish("risk.violation", {"event": ["BREAKER_CHANGE"], "logged": 7}, "y" * 1000)
            await plane.bus.publish("metrics.update", {"pnl_unrealized": -150})
            await plane.told_of("could not be judged")

    act(story())


def test_a_flood_is_bounded(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, None, FILE_CHANNEL) as plane:
            for number in range(6_000):
                plane.alerts.hear(
                    event("ANOMALY", sequence=number + 1, reason="OVERFILL", instrument=str(number % 3000))
                )
            assert len(plane.alerts._inbox) <= 2000
            await plane.told_of("Something that cannot be")
            await until(lambda: len(plane.alerts.open()) > 200)
            assert len(plane.alerts.open()) <= 205
            assert len(plane.titles()) < 10

    act(story())


def test_without_its_store_it_still_cries(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, None) as plane:

            def broken(*_: object) -> int:
                raise OpsError("the database does not answer")

            work, plane.alerts._engine.work = plane.alerts._engine.work, broken  # a disk that fails
            plane.alerts.hear(event("LIQUIDATION", instrument="XRP@sim"))
            await plane.told_of("[P0] ops plane: the store of alerts cannot be used")
            assert "the venue closed XRP@sim by force" in (tmp_path / "told.jsonl").read_text()
            plane.alerts._engine.work = work
            await plane.told_of("[P0] alpha: Liquidation")  # nothing that was found is lost

    act(story())


def test_health_keys_and_lock_outs_are_told(tmp_path: Path) -> None:
    clock = SimpleNamespace(status="unhealthy", message="500 ms off")

    async def health() -> Any:
        return SimpleNamespace(components={"clock": clock})

    async def story() -> None:
        words: dict[str, Any] = {"health": health, "expiring": lambda: ["token 7: it expires in 3 days"]}
        async with running(tmp_path, None, **words) as plane:
            await plane.told_of("[P3] ops plane: A key or token expires: token 7: it expires in 3 days")
            trail = plane.config.data / "access.jsonl"
            with trail.open("a") as file:
                file.write('{"what": "refused", "code": "LOCKED_OUT", "origin": "192.0.2.7"}\n')
            await plane.told_of("[P1] ops plane: Sign-ins locked out")

    act(story())


def test_a_channel_can_be_tested_while_it_runs(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, None) as plane:
            assert await plane.alerts.test() == {"book": ""}
            await plane.told_of("TEST ops plane")

    act(story())


def test_money_is_written_down(shown: Shown, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, shown) as plane:
            shown.publish()
            await until(lambda: plane.alerts._book.money_before("xrpliquid", time.time_ns()) is not None)

    act(story())


def test_the_machine_under_a_desk(shown: Shown) -> None:
    shown.publish(pid=os.getpid(), backup={"enabled": True})
    found = measure(shown.desk)
    assert found.disk_free_share is not None
    assert 0 < found.disk_free_share < 1
    assert found.memory_mib is not None
    assert found.memory_mib > 10
    assert (found.backup_enabled, found.backup_age_s, found.capturing) == (True, None, False)


def test_a_capture_that_goes_on_has_an_age(shown: Shown) -> None:
    path = capture_folder(shown.place.root) / "sessions.jsonl"
    now = time.time_ns()
    catalogue = Catalogue.of(shown.config)
    began = Began(desk="x", began_ns=now, version="1", source_hash="h", first_sequence=0, catalogue=catalogue)
    write_session(path, began)
    found = measure(shown.desk, lambda: now + 5_000_000_000)
    assert (found.capturing, found.capture_age_s) == (True, 5.0)
    write_session(path, Ended(began_ns=now, ended_ns=now + 1, next_sequence=1))
    assert not measure(shown.desk).capturing


def test_channels_of_its_own_are_those_of_the_configuration(tmp_path: Path) -> None:
    config = ops(tmp_path, "")
    assert list(open_channels(config, {})) == ["console"]
