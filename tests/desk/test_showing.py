"""A desk that shows itself, from its loop. What is tested: `quarterdeck.desk.showing`."""

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.desk.chores import Chores
from quarterdeck.desk.helm import Helm
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.paper import PaperSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.publishing import BUCKETS, SHOWN, Edition, Reader, bucket_seconds
from quarterdeck.desk.showing import Showing
from tests.desk.builders import Idle, Quoter, desk_folder, pump, session
from tests.desk.live_rig import QuietLogs

WORDS = {
    "pid", "started_ns", "recovered", "sequence", "durable_sequence", "clock_ns", "disk_low", "stopping", "overrides",
    "failure", "shown_ns", "ended", "backup", "turns",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[PaperSession]:
    config = desk_folder(tmp_path / "desk")
    made = session(config, DeskPlace(config.folder), sources=(Idle, Quoter, Idle))
    made.open()
    pump(made, 20)
    yield made
    made.close()


def showing(desk: PaperSession) -> Showing:
    return Showing(Helm(desk, None), Chores(desk.config, desk.place, desk.logs))


def edition(desk: PaperSession) -> Edition:
    with Reader(desk.place.data / SHOWN) as reader:
        found = reader.read()
    assert found is not None
    return found


def test_the_state_that_is_shown_is_the_desks_own(desk: PaperSession) -> None:
    made = showing(desk)
    made.turn(1_000)
    found = edition(desk)
    assert set(found.words) == WORDS
    assert found.words["pid"] == os.getpid()
    assert found.state.tobytes() == desk.desk.states.tobytes()  # type: ignore[attr-defined]  # an array, here
    assert found.words["sequence"] == desk.recovered.writer.next_sequence
    assert found.words["ended"] is False
    made.close()
    assert edition(desk).words["ended"] is True


def test_ten_times_a_second_at_most(desk: PaperSession) -> None:
    made = showing(desk)
    began, turns = time.monotonic(), 0
    while time.monotonic() - began < 0.35:
        made.turn(1)
        turns += 1
    took = time.monotonic() - began
    assert turns > 100
    assert 3 <= edition(desk).number <= 1 + took / 0.1
    made.close()


def test_turns_are_counted_by_their_length(desk: PaperSession) -> None:
    made = showing(desk)
    for took_ns in (0, 1, 1_000, 1_023, 1_024, 2**60):
        made.turn(took_ns)
    made.close()
    turns = edition(desk).words["turns"]
    assert (len(turns), sum(turns)) == (BUCKETS + 1, 6)
    assert (turns[0], turns[1], turns[10], turns[11], turns[BUCKETS]) == (1, 1, 2, 1, 1)
    assert [bucket_seconds(bucket) for bucket in (0, 10, 30)] == [1e-9, 1.024e-6, 2**30 / 1e9]


def test_a_disk_without_room_is_told_and_the_desk_trades_on_unseen(desk: PaperSession) -> None:
    logs = QuietLogs()
    desk.logs.close()
    desk.logs = logs
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        made = showing(desk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (told,) = [fields for event, fields in logs.lines if event == "NOT_SHOWN"]
    assert SHOWN in str(told["error"])
    made.turn(1)
    made.close()
    assert not (desk.place.data / SHOWN).exists()
    pump(desk, 10)


def test_a_running_desk_is_seen_to_live_and_as_it_was_left(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk", ("max_executions = 120", "max_executions = 1000000"))
    made = session(config, DeskPlace(config.folder), sources=(Idle, Quoter, Idle))
    seen: list[Any] = []
    began, open_at_the_end = time.monotonic(), 0

    def each() -> None:
        """Ends the session after a while, while it has orders in the market."""
        nonlocal open_at_the_end
        open_at_the_end = int(made.desk.states[0]["open_count"])
        made.stopping = time.monotonic() - began > 0.5 and open_at_the_end > 0

    def look() -> None:
        with Reader(made.place.data / SHOWN) as reader:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                found = reader.read()
                if found is not None and (not seen or found.number > seen[-1].number):
                    seen.append(found)
                if found is not None and found.words["ended"]:
                    return
                time.sleep(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    run_session(made, 30, each=each)
    watcher.join()
    assert len(seen) > 2
    assert seen[-1].words["ended"]
    assert [found.words["ended"] for found in seen[:-1]] == [False] * (len(seen) - 1)
    clocks = [int(found.state["time_ns"][0]) for found in seen]
    assert clocks == sorted(clocks)
    assert clocks[-1] > clocks[0]
    last = seen[-1]
    assert open_at_the_end > 0
    assert last.state["open_count"][0] == 0
    assert last.state.tobytes() == made.desk.states.tobytes()  # type: ignore[attr-defined]  # an array, here
    assert last.words["sequence"] == made.recovered.writer.next_sequence
    assert (last.words["stopping"], last.words["failure"]) == (True, "")
