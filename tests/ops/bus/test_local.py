"""What is tested: `quarterdeck.ops.bus.events`, `quarterdeck.ops.bus.local`, `quarterdeck.ops.bus.doorway`,
`quarterdeck.ops.bus.client`, `quarterdeck.ops.bus.opening`: the bus of one process, and its socket for others.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus import MISSED, TOPICS, BusEvent, InProcessBus, RedisBus, open_bus
from quarterdeck.ops.bus.client import BUS, OPS_VARIABLE, bus_socket
from quarterdeck.ops.bus.events import DATA_BYTES_MAX, new_event
from quarterdeck.ops.bus.stream import REDIS_VARIABLE
from quarterdeck.venues.addresses import reachable
from tests.ops.bus.rig import take

RUNBOOK = """
import asyncio
from quarterdeck.ops.bus.client import BUS
asyncio.run(BUS.publish("metrics.update", {"pnl_unrealized": -150}))
"""


@pytest.fixture(autouse=True)
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REDIS_VARIABLE, raising=False)
    monkeypatch.delenv(OPS_VARIABLE, raising=False)


def test_listeners_hear_in_order_before_publish_returns_and_readers_after() -> None:
    async def run() -> None:
        bus, heard = InProcessBus(), list[tuple[str, int]]()
        end = bus.listen(lambda event: heard.append(("first", event.data["n"])))
        bus.listen(lambda event: heard.append(("second", event.data["n"])))
        all_of_it, fills = bus.subscribe(), bus.subscribe(["trade.fill"])
        for number in range(3):
            event = await bus.publish("trade.fill" if number % 2 else "risk.rejected", {"n": number}, "north")
            assert heard[-2:] == [("first", number), ("second", number)]
            assert (event.desk, event.data, event.sequence) == ("north", {"n": number}, 0)
        end()
        end()
        await bus.publish("order.closed", {"n": 3}, event_id="mine", time_ns=7, sequence=9)
        assert heard[-1:] == [("second", 3)]
        assert [event.data["n"] for event in await take(all_of_it, 4)] == [0, 1, 2, 3]
        assert [event.data["n"] for event in await take(fills, 1)] == [1]
        await bus.close()
        assert [event async for event in all_of_it] == []

    asyncio.run(run())


def test_a_slow_reader_is_told_in_its_place_how_much_it_missed() -> None:
    async def run() -> None:
        bus = InProcessBus()
        slow, quick = bus.subscribe(room=3), bus.subscribe()
        for number in range(10):
            await bus.publish("market.tick", {"n": number})
        assert slow.missed == 7
        heard = await take(slow, 4)
        assert [event.topic for event in heard] == ["market.tick"] * 3 + [MISSED]
        assert heard[-1].data == {"missed": 7}
        await bus.publish("market.tick", {"n": 10})
        assert [event.data["n"] for event in await take(slow, 1)] == [10]
        assert len(await take(quick, 11)) == 11
        assert (slow.missed, quick.missed) == (7, 0)
        slow.close()
        slow.close()
        await bus.publish("market.tick", {"n": 11})
        assert [event async for event in slow] == []
        with pytest.raises(OpsError, match="room for at least one"):
            bus.subscribe(room=0)

    asyncio.run(run())


def test_a_reader_that_waits_is_woken_and_ended() -> None:
    async def run() -> None:
        bus = InProcessBus()
        heard = bus.subscribe()
        waiting = asyncio.create_task(take(heard, 1))
        await asyncio.sleep(0)
        await bus.publish("trade.fill", {})
        assert (await waiting)[0].topic == "trade.fill"
        ended = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0)
        await bus.close()
        with pytest.raises(StopAsyncIteration):
            await ended

    asyncio.run(run())


def test_a_listener_that_fails_keeps_nobody_from_hearing() -> None:
    async def run() -> None:
        bus, heard = InProcessBus(), list[BusEvent]()

        def fail(_: BusEvent) -> None:
            raise ValueError("no")

        bus.listen(fail)
        bus.listen(heard.append)
        reader = bus.subscribe()
        with pytest.raises(ExceptionGroup) as found:
            await bus.publish("trade.fill", {})
        assert isinstance(found.value.exceptions[0], ValueError)
        assert len(heard) == len(await take(reader, 1)) == 1

    asyncio.run(run())


@pytest.mark.parametrize("topic", ["", "fill", "Trade.Fill", "trade..fill", "trade.fill\n", "a.b.c.d.e", "x" * 99])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(OpsError, match="a topic is words"):
        new_event(topic, {}, "", None, None, 0)


@pytest.mark.parametrize("data", [{"a": object()}, {"x": "y" * DATA_BYTES_MAX}])
def test_data_that_cannot_travel_is_refused(data: Any) -> None:
    with pytest.raises(OpsError, match=r"JSON cannot carry|bytes of data"):
        new_event("trade.fill", data, "", None, None, 0)


def test_the_topics_are_topics() -> None:
    for topic in TOPICS:
        assert new_event(topic, {}, "", None, None, 0).topic == topic
    assert new_event("trade.fill", {}, "", None, None, 0).id != new_event("trade.fill", {}, "", None, None, 0).id


def test_the_runbooks_snippet_reaches_a_running_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ops.toml").write_text("[ops]\n")
    (tmp_path / "hmm-ops").mkdir()
    monkeypatch.chdir(tmp_path / "hmm-ops")

    async def run() -> None:
        bus = open_bus(tmp_path / "ops")
        assert isinstance(bus, InProcessBus)
        await bus.start()
        assert (tmp_path / "ops" / "bus.sock").stat().st_mode & 0o777 == 0o600
        heard = bus.subscribe(["metrics.update"])
        snippet = await asyncio.create_subprocess_exec(sys.executable, "-c", RUNBOOK, env=dict(os.environ))
        event = (await take(heard, 1))[0]
        assert event.data == {"pnl_unrealized": -150}
        assert await snippet.wait() == 0
        assert await BUS.publish("metrics.update", {"pnl_unrealized": -1}, "hmm-ops") == (await take(heard, 1))[0].id
        with pytest.raises(OpsError, match="a topic is words"):
            await BUS.publish("nonsense", {})
        with pytest.raises(OpsError, match="is another ops plane running"):
            await open_bus(tmp_path / "ops").start()
        await bus.close()
        with pytest.raises(OpsError, match="no ops plane runs"):
            await BUS.publish("metrics.update", {})

    asyncio.run(run())


def test_the_socket_says_what_is_wrong_with_a_line(tmp_path: Path) -> None:
    async def run() -> list[dict[str, Any]]:
        bus = open_bus(tmp_path)
        await bus.start()
        with reachable(tmp_path / "bus.sock") as name:
            reader, writer = await asyncio.open_unix_connection(name)
        answers: list[dict[str, Any]] = []
        for line in (
            b"hello",
            b'{"topic":"x","data":{}}',
            b'{"topic":"trade.fill","data":{},"more":1}',
            b"x" * 400_000,
        ):
            writer.write(line + b"\n")
            answers.append(json.loads(await reader.readline()))
        with contextlib.suppress(ConnectionResetError):  # it hung up on the rest of the long line
            assert await reader.read() == b""
        writer.close()
        with reachable(tmp_path / "bus.sock") as name:
            _, idle = await asyncio.open_unix_connection(name)
        await bus.close()  # with a line still open
        idle.close()
        return answers

    answers = asyncio.run(run())
    assert [answer["ok"] for answer in answers] == [False] * 4
    assert "at most" in answers[-1]["error"]
    assert not (tmp_path / "bus.sock").exists()


def test_a_plane_that_died_left_its_socket_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", dead, "bus.sock"], cwd=tmp_path, check=True)
    monkeypatch.setenv(OPS_VARIABLE, str(tmp_path))
    assert bus_socket() == tmp_path / "bus.sock"

    async def run() -> None:
        with pytest.raises(OpsError, match="does not answer"):
            await BUS.publish("metrics.update", {})
        bus = open_bus(tmp_path)
        await bus.start()
        await BUS.publish("metrics.update", {})
        await bus.close()

    asyncio.run(run())


def test_a_redis_is_named_by_its_url_and_its_password_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REDIS_VARIABLE, "redis://robin:planted-secret@127.0.0.1:1/0")
    bus = open_bus(tmp_path)
    assert isinstance(bus, RedisBus)
    assert bus.name == "redis://127.0.0.1:1"
    with pytest.raises(OpsError) as found:
        asyncio.run(BUS.publish("metrics.update", {}))
    assert "planted-secret" not in str(found.value) + repr(found.value) + repr(bus)
    for wrong in ("127.0.0.1:6379", "http://127.0.0.1", "redis://[::1", "redis://host:port"):
        monkeypatch.setenv(REDIS_VARIABLE, wrong)
        with pytest.raises(OpsError, match="is no URL"):
            open_bus(tmp_path)
