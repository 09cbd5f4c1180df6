"""What is tested: `quarterdeck.ops.bus.remote`, `quarterdeck.ops.bus.stream`: against a real Redis, also killed.

Nothing that was published is lost without a word: not for a process that was away, a reader that is slow, a Redis that
died.
"""

import asyncio
from typing import Any

import pytest
import redis as library

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus import MISSED, BusEvent, RedisBus
from quarterdeck.ops.bus.client import BUS
from quarterdeck.ops.bus.stream import REDIS_VARIABLE, STREAM, EventStream
from tests.ops.bus.rig import Redis, take, until


def numbers(events: list[BusEvent]) -> list[int]:
    return [event.data["n"] for event in events if event.topic != MISSED]


async def publish(bus: RedisBus, first: int, last: int) -> None:
    for number in range(first, last):
        await bus.publish("trade.fill", {"n": number}, "north", sequence=number)


async def started(url: str, group: str, **more: Any) -> RedisBus:
    bus = RedisBus(url, group, **more)
    await bus.start()
    assert bus.connected
    return bus


def test_every_process_hears_everybody_in_order_and_itself_once(redis: Redis) -> None:
    async def run() -> None:
        ops, console = await started(redis.url, "ops"), await started(redis.url, "console")
        heard: list[BusEvent] = []
        ops.listen(heard.append)
        there, here = console.subscribe(), ops.subscribe()
        await publish(ops, 0, 300)
        assert numbers(heard) == list(range(300))  # before publish returned
        assert numbers(await take(there, 300)) == list(range(300))
        await publish(console, 300, 310)
        assert numbers(await take(there, 10)) == list(range(300, 310))
        assert numbers(await take(here, 310)) == list(range(310))
        assert (await console.publish("risk.rejected", {"n": 310}, "south", event_id="mine")).id == "mine"
        last = (await take(here, 1))[0]
        assert (last.id, last.desk, last.topic) == ("mine", "south", "risk.rejected")
        await ops.close()
        await console.close()
        assert numbers(heard) == list(range(311))

    asyncio.run(run())


def test_what_was_published_while_a_process_was_away_is_heard_at_its_return(redis: Redis) -> None:
    async def run() -> None:
        ops, console = await started(redis.url, "ops"), await started(redis.url, "console")
        await console.close()
        await publish(ops, 0, 700)
        await ops.close()
        heard: list[BusEvent] = []
        console = RedisBus(redis.url, "console")
        console.listen(heard.append)
        await console.start()
        await until(lambda: len(heard) == 700)
        assert numbers(heard) == list(range(700))
        await console.close()

    asyncio.run(run())


def test_what_was_heard_and_not_acknowledged_comes_once_more_with_the_same_id(redis: Redis) -> None:
    async def run() -> None:
        ops = await started(redis.url, "ops")
        stream = EventStream(redis.url, 1000, 1.0)
        await stream.join("console")
        await publish(ops, 0, 5)
        taken = await stream.read("console", "main", waiting=False)  # a process takes them and dies
        assert len(taken) == 5
        heard: list[BusEvent] = []
        console = RedisBus(redis.url, "console")
        console.listen(heard.append)
        await console.start()
        await until(lambda: len(heard) == 5)
        await publish(ops, 5, 6)
        await until(lambda: len(heard) == 6)
        assert numbers(heard) == list(range(6))
        for bus in (ops, console, stream):
            await bus.close()

    asyncio.run(run())


def test_two_consumers_of_one_group_share_the_work(redis: Redis) -> None:
    async def run() -> None:
        ops = await started(redis.url, "ops")
        workers = [await started(redis.url, "workers", consumer=name) for name in ("a", "b")]
        heard: list[list[BusEvent]] = [[], []]
        for worker, list_ in zip(workers, heard, strict=True):
            worker.listen(list_.append)
        await publish(ops, 0, 400)
        await until(lambda: len(heard[0]) + len(heard[1]) == 400)
        assert sorted(numbers(heard[0] + heard[1])) == list(range(400))
        for bus in (ops, *workers):
            await bus.close()

    asyncio.run(run())


def test_the_stream_is_bounded_and_a_publisher_waits_for_readers(redis: Redis) -> None:
    async def run() -> None:
        ops = await started(redis.url, "ops", length_max=100, patience_s=15.0)
        stream = EventStream(redis.url, 100, 1.0)
        await stream.join("slow")
        publishing = asyncio.create_task(publish(ops, 0, 1000))
        await until(lambda: ops._stream.waits > 2)
        assert not publishing.done()
        heard: list[int] = []
        while len(heard) < 1000:
            entries = await stream.read("slow", "main", waiting=False)
            heard += [len(entries)] * len(entries)
            assert await stream.length() <= 100
            await stream.acknowledge("slow", [key for key, _ in entries])
        await publishing
        assert len(heard) == 1000
        assert await stream.take_lost("slow") == 0
        await ops.close()
        await stream.close()

    asyncio.run(run())


def test_who_does_not_read_for_too_long_is_told_how_much_it_lost(redis: Redis) -> None:
    async def run() -> None:
        ops = await started(redis.url, "ops", length_max=100, patience_s=0.05)
        console = await started(redis.url, "console")
        await console.close()
        await publish(ops, 0, 350)
        heard: list[BusEvent] = []
        console = RedisBus(redis.url, "console")
        console.listen(heard.append)
        await console.start()
        await until(lambda: heard and numbers(heard)[-1:] == [349])
        lost = sum(event.data["missed"] for event in heard if event.topic == MISSED)
        assert lost > 0
        assert lost + len(numbers(heard)) == 350
        assert numbers(heard) == list(range(lost, 350))
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_a_redis_that_dies_and_returns_loses_nothing(redis: Redis) -> None:
    async def run() -> None:
        ops, console = await started(redis.url, "ops"), await started(redis.url, "console")
        heard: list[BusEvent] = []
        here: list[BusEvent] = []
        console.listen(heard.append)
        ops.listen(here.append)
        await publish(ops, 0, 10)
        redis.stop()
        await publish(ops, 10, 60)
        assert numbers(here) == list(range(60))  # this process is not held up
        assert not ops.connected
        assert ops.waiting >= 50
        redis.start()
        await until(lambda: len({event.id for event in heard}) == 60)
        await until(lambda: ops.connected and not ops.waiting)
        await publish(ops, 60, 70)
        await until(lambda: len({event.id for event in heard}) == 70)
        assert list(dict.fromkeys(numbers(heard))) == list(range(70))
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_without_redis_from_the_start_and_with_too_little_room(redis: Redis) -> None:
    async def run() -> None:
        console = await started(redis.url, "console")
        heard: list[BusEvent] = []
        console.listen(heard.append)
        redis.stop()
        ops = RedisBus(redis.url, "ops", outbox_max=20)
        await ops.start()
        assert not ops.connected
        await publish(ops, 0, 50)
        assert (ops.waiting, ops.missed) == (20, 30)
        redis.start()
        await until(lambda: len(numbers(heard)) >= 20)
        assert list(dict.fromkeys(numbers(heard))) == list(range(30, 50))
        assert [event.data["missed"] for event in heard if event.topic == MISSED] == [30]
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_closing_while_redis_is_away_says_what_was_not_sent(redis: Redis) -> None:
    async def run() -> None:
        ops = await started(redis.url, "ops")
        redis.stop()
        await publish(ops, 0, 3)
        with pytest.raises(OpsError, match="3 events were not sent"):
            await ops.close()

    asyncio.run(run())


def test_an_emptied_redis_is_read_from_its_new_beginning(redis: Redis) -> None:
    async def run() -> None:
        ops, console = await started(redis.url, "ops"), await started(redis.url, "console")
        heard: list[BusEvent] = []
        console.listen(heard.append)
        with library.Redis.from_url(redis.url) as line:
            line.flushall()
        await publish(ops, 0, 20)
        await until(lambda: len(heard) == 20)
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_strangers_in_the_stream_are_counted_and_stop_nothing(redis: Redis) -> None:
    async def run() -> None:
        console = await started(redis.url, "console")
        heard = console.subscribe()
        with library.Redis.from_url(redis.url) as line:
            line.xadd(STREAM, {b"hello": b"there"})
            line.xadd(STREAM, {b"event": b'{"topic": 7}'})
        ops = await started(redis.url, "ops")
        await publish(ops, 0, 1)
        assert numbers(await take(heard, 1)) == [0]
        assert console.unreadable == 2
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_a_listener_that_fails_on_a_strangers_event_is_not_hidden(redis: Redis) -> None:
    async def run() -> None:
        ops, console = await started(redis.url, "ops"), await started(redis.url, "console")

        def fail(_: BusEvent) -> None:
            raise ValueError("no")

        end = console.listen(fail)
        await publish(ops, 0, 1)
        await until(lambda: console._failure is not None)
        with pytest.raises(OpsError, match="has stopped reading"):
            await console.publish("trade.fill", {})
        end()
        await ops.close()
        await console.close()

    asyncio.run(run())


def test_the_runbooks_snippet_goes_through_redis_where_there_is_one(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REDIS_VARIABLE, redis.url)

    async def run() -> None:
        ops = await started(redis.url, "ops")
        heard = ops.subscribe(["metrics.update"])
        told = await BUS.publish("metrics.update", {"pnl_unrealized": -150})
        event = (await take(heard, 1))[0]
        assert (event.id, event.data) == (told, {"pnl_unrealized": -150})
        await ops.close()

    asyncio.run(run())
