"""What is tested: `quarterdeck.desk.bell`: rings from any thread end the loop's wait, and none is missed."""

import asyncio
import threading
import time

import uvloop

from quarterdeck.desk.bell import Bell

PATIENCE_S = 20.0


def run(main: object) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)  # type: ignore[arg-type] # a coroutine


def test_a_ring_before_the_wait_ends_it_at_once() -> None:
    async def main() -> None:
        bell = Bell()
        bell.ring()
        bell.ring()
        await asyncio.wait_for(bell.wait(3_600), PATIENCE_S)
        begin = time.monotonic()
        await bell.wait(0.01)  # two rings were one
        assert time.monotonic() - begin >= 0.009

    run(main())


def test_a_wait_ends_by_itself_and_lets_others_run() -> None:
    async def main() -> None:
        bell, ran = Bell(), asyncio.Event()
        asyncio.get_running_loop().call_soon(ran.set)
        await bell.wait(-1)
        assert ran.is_set()
        ran.clear()
        asyncio.get_running_loop().call_soon(ran.set)
        bell.ring()
        await bell.wait(3_600)
        assert ran.is_set()

    run(main())


def test_no_ring_of_a_thread_is_missed() -> None:
    """A thread hands over things one at a time, and waits until each was seen."""

    async def main() -> None:
        bell, seen, count = Bell(), threading.Semaphore(0), 2_000
        waiting: list[int] = []

        def ring() -> None:
            for number in range(count):
                waiting.append(number)
                bell.ring()
                assert seen.acquire(timeout=PATIENCE_S)

        ringer = threading.Thread(target=ring)
        ringer.start()
        done = 0
        while done < count:
            await asyncio.wait_for(bell.wait(3_600), PATIENCE_S)
            while waiting:
                waiting.pop()
                done += 1
                seen.release()
        ringer.join(PATIENCE_S)

    run(main())


def test_a_ring_after_the_end_goes_nowhere() -> None:
    bell = Bell()

    async def main() -> None:
        await bell.wait(0)
        bell.leave()

    run(main())
    bell.ring()
