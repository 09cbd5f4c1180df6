"""What is tested: `quarterdeck.ops.health.checking`, `quarterdeck.ops.health.components`: components of a real desk.

And the probes: `quarterdeck.ops.health.machine`, `quarterdeck.ops.health.desk`, `quarterdeck.ops.health.stores`.
"""

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.config.ops import Thresholds
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import OpsError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.ops.health import machine, stores
from quarterdeck.ops.health.checking import SUBSETS, Health
from quarterdeck.ops.health.components import Found, HealthReport, Status, worst
from quarterdeck.ops.health.machine import Clock
from quarterdeck.ops.store import Store
from tests.ops.figures.rig import Shown, open_desk

DAY_S = 86_400
NOBODY: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    running = open_desk(tmp_path_factory.mktemp("health") / "desk")
    running.pump(lambda state: state["kinds"][EventKind.FILL] and state["open_count"])
    yield running
    running.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "ops", None)
    yield opened
    opened.close()


def check(shown: Shown, subset: str | None = None, **options: Any) -> HealthReport:
    """One fresh look; nothing is remembered from the one before."""
    options.setdefault("environment", NOBODY)
    thresholds = options.pop("thresholds", None)
    health = Health({"xrpliquid": shown.desk}, thresholds, **options)
    try:
        return asyncio.run(health.check(["xrpliquid"], subset))
    finally:
        health.close()


def test_a_running_desk_has_all_components(shown: Shown, store: Store, tmp_path: Path) -> None:
    """Whatever room the disk of the machine has that tests it."""
    shown.publish()
    report = check(shown, store=store, folder=tmp_path, thresholds=Thresholds(disk_free_share=Decimal(0)))
    assert set(report.components) == {
        "process", "recovery", "venue:hyperliquid", "feed", "risk", "orders", "journal", "backup",
        "cpu", "memory", "disk", "clock", "database",
    }  # fmt: skip
    for name in ("process", "recovery", "venue:hyperliquid", "feed", "orders", "journal", "database", "disk"):
        assert report.components[name].status is Status.HEALTHY, (name, report.components[name])
    assert report.http_status == 200
    said = msgspec.json.decode(msgspec.json.encode(report))
    assert set(said) == {"status", "timestamp", "components"}
    assert set(said["components"]["process"]) == {"status", "message", "last_check", "response_time_ms", "details"}
    assert said["components"]["journal"]["details"]["records"] > 0
    assert said["components"]["memory"]["details"]["processes_mib"]["ops"] > 0
    assert said["components"]["feed"]["details"]["desk"] == "xrpliquid"


def test_each_subset_holds_its_own(shown: Shown, store: Store) -> None:
    shown.publish()
    for subset, about in SUBSETS.items():
        report = check(shown, subset, store=store)
        assert {name.partition(":")[0] for name in report.components} <= set(about), subset
        assert report.components, subset
    assert set(check(shown, "ready", store=store).components) == {"process", "recovery", "database"}
    with pytest.raises(OpsError, match="nonsense"):
        check(shown, "nonsense")


def test_what_is_wrong_with_a_desk_is_said(shown: Shown) -> None:
    shown.publish(shown_ns=time.time_ns() - 60_000_000_000)
    gone = check(shown)
    assert gone.components["process"].status is Status.UNHEALTHY
    assert "not running" in gone.components["process"].message
    assert gone.http_status == 503
    shown.publish(failure="the disk took no more", stopping=True)
    assert "trading has stopped" in check(shown).components["process"].message
    shown.publish(recovered=False, venues_waiting=["hyperliquid"])
    waiting = check(shown)
    assert waiting.components["recovery"].status is Status.DEGRADED
    assert waiting.components["venue:hyperliquid"].status is Status.DEGRADED
    shown.publish(disk_low=True)
    assert check(shown).components["journal"].status is Status.UNHEALTHY
    shown.publish(durable_sequence=0, sequence=10_000_000)
    assert "not on the medium" in check(shown).components["journal"].message
    shown.publish(clock_ns=int(shown.state["time_ns"]) + 20_000_000_000)  # its own limit is ten seconds
    old = check(shown, thresholds=Thresholds(feed_age_s=Decimal(10))).components["feed"]
    assert (old.status, "XRP" in old.message) == (Status.DEGRADED, True)
    shown.publish(clock_ns=int(shown.state["time_ns"]) + 200_000_000_000)
    gone_feed = check(shown, thresholds=Thresholds(feed_age_s=Decimal(1))).components["feed"]
    assert gone_feed.status is Status.UNHEALTHY


def test_lease_backups_and_risk(shown: Shown) -> None:
    lease = {"holder": "a", "epoch": 1, "left_s": 1.0, "standbys": {}}
    shown.publish(lease=lease)
    assert "nobody stands by" in check(shown).components["standby"].message
    near = {**lease, "standbys": {"b": f"at record {shown.session.vitals()['sequence']}"}}
    shown.publish(lease=near)
    standing = check(shown).components["standby"]
    assert standing.status is Status.HEALTHY
    assert standing.details["lag_records"] == {"b": 0}
    shown.publish(lease={**near, "trouble": "the database does not answer"})
    assert check(shown).components["standby"].status is Status.DEGRADED
    shown.session.obey(Command(verb=Verb.LOCK, person="operator-1"))
    shown.publish()
    locked = check(shown).components["risk"]
    assert (locked.status, locked.message) == (Status.DEGRADED, "the desk is locked: no entries")
    shown.session.obey(Command(verb=Verb.UNLOCK, person="operator-1"))


def test_a_desk_that_never_ran(shown: Shown, tmp_path: Path) -> None:
    fresh = open_desk(tmp_path / "fresh")
    try:
        report = check(fresh, "ready")
        assert report.components["process"].message.startswith("it has not run yet")
        assert report.http_status == 503
    finally:
        fresh.close()


def test_several_desks_are_told_apart(shown: Shown) -> None:
    shown.publish()
    health = Health({"one": shown.desk, "two": shown.desk}, environment=NOBODY)
    report = asyncio.run(health.check(None, "broker"))
    health.close()
    assert set(report.components) == {"one/venue:hyperliquid", "two/venue:hyperliquid"}


def test_a_probe_that_hangs_is_unhealthy_and_begun_once(
    shown: Shown, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, begun = threading.Event(), list[int]()

    def hang(_: Store) -> Found:
        begun.append(1)
        release.wait(30)
        return Found(Status.HEALTHY, "", {})

    monkeypatch.setattr(stores, "database", hang)
    monkeypatch.setattr("quarterdeck.ops.health.checking._NETWORK_DEADLINE_S", 0.05)
    monkeypatch.setattr("quarterdeck.ops.health.checking._FRESH_S", 0.0)
    health = Health({"xrpliquid": shown.desk}, store=store, environment=NOBODY)
    try:
        for _ in range(2):
            report = asyncio.run(health.check(None, "ready"))
            assert report.components["database"].status is Status.UNHEALTHY
            assert "did not answer within" in report.components["database"].message
        assert begun == [1]
    finally:
        release.set()
        health.close()


def test_an_answer_is_given_again_for_a_second(shown: Shown) -> None:
    health = Health({"xrpliquid": shown.desk}, environment=NOBODY)

    async def twice() -> bool:
        first = await health.check(None, "broker")
        return (await health.check(None, "broker")).components == first.components

    assert asyncio.run(twice())
    health.close()


def test_redis_and_the_database_are_really_asked(shown: Shown, tmp_path: Path, postgres_url: str) -> None:
    program = shutil.which("redis-server")
    assert program is not None, "no redis-server: run make servers, or apt-get install redis-server"
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "DATABASE_URL": postgres_url}
    dead = check(shown, environment=environment)
    assert dead.components["redis"].status is Status.DEGRADED
    assert dead.components["ledger_database"].status is Status.HEALTHY
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while check(shown, environment=environment).components["redis"].status is not Status.HEALTHY:
            assert time.monotonic() < deadline, "Redis does not answer"
    finally:
        server.terminate()
        server.wait(10)


def test_what_was_captured_is_fresh_stale_empty_or_missing(tmp_path: Path) -> None:
    import os

    assert stores.captured(tmp_path, "ticks").details["status"] == "missing"
    day = tmp_path / "data" / "capture" / "2026-11-21"
    day.mkdir(parents=True)
    assert stores.captured(tmp_path, "ticks").details["status"] == "empty"
    part = day / "trades.000000000001.parquet"
    part.write_bytes(b"")
    assert stores.captured(tmp_path, "ticks").details["status"] == "fresh"
    os.utime(part, (time.time() - DAY_S, time.time() - DAY_S))
    stale = stores.captured(tmp_path, "ticks")
    assert (stale.status, stale.details["status"]) == (Status.DEGRADED, "stale")
    assert stores.captured(tmp_path, "funding").details["status"] == "empty"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (Clock(0.5, 1.0, True), Status.HEALTHY),
        (Clock(-300.0, 1.0, True), Status.UNHEALTHY),
        (Clock(0.0, 16_000.0, False), Status.DEGRADED),
        (None, Status.HEALTHY),
    ],
)
def test_the_clock(said: Clock | None, status: Status) -> None:
    assert machine.clock(250.0, lambda: said).status is status


def test_the_real_clock_and_the_disk(tmp_path: Path) -> None:
    real = machine.read_clock()
    assert real is None or real.error_ms >= 0
    assert machine.disk([("desk", tmp_path, 0)], 0.0).status is Status.HEALTHY
    assert machine.disk([("desk", tmp_path, 2**40)], 0.0).status is Status.UNHEALTHY
    assert machine.disk([("desk", tmp_path, 0)], 1.0).status is Status.DEGRADED
    large = machine.memory({"desk": __import__("os").getpid()}, 1)
    assert large.status is Status.DEGRADED
    assert worst([]) is Status.HEALTHY
