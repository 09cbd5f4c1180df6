"""What is tested: `quarterdeck.ops.access.trail`, `quarterdeck.ops.access.recording`: a chain that shows what was
changed, written by several processes, whole after a death, and bounded in a flood.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from quarterdeck.errors import OpsError
from quarterdeck.ops.access import Action, Refusal, Refused, Role, Trail
from quarterdeck.ops.access.recording import EQUAL_LINES_MAX, Recorder
from quarterdeck.ops.access.trail import Head, TrailFault, read_trail, verify_trail
from quarterdeck.ops.store import Store
from tests.ops.access.rig import HERE, START, Clock
from tests.ops.access.test_gate import Make, identity, refusal

WRITER = """
import sys
from pathlib import Path
from quarterdeck.ops.access.trail import Trail
with Trail(Path(sys.argv[1])) as trail:
    for number in range(int(sys.argv[2])):
        trail.write("tried", 1_800_000_000_000_000_000 + number, {"number": number}, durable=number % 7 == 0)
"""


def written(path: Path, count: int) -> list[bytes]:
    with Trail(path) as trail:
        for number in range(count):
            trail.write("tried", START + number, {"number": number, "said": "tea"}, durable=False)
    return path.read_bytes().splitlines(keepends=True)


def test_refusals_and_permissions_are_recorded_and_looking_is_not(make: Make) -> None:
    rig = make()
    secret, token = rig.gate.tokens.new("robin", Role.OPERATOR, ("north",))
    found = rig.gate.identify(secret, HERE)
    rig.gate.permit(found, Action.VIEW, "north")
    rig.gate.permit(found, Action.KILL, "north")
    refusal(lambda: rig.gate.permit(found, Action.UNLOCK, "north"))
    refusal(lambda: rig.gate.permit(found, Action.VIEW, "south"))
    refusal(lambda: rig.gate.identify(None, "10.0.0.7"))
    rows = [{**row} for row in read_trail(rig.file)]
    assert [(row["what"], row.get("code"), row.get("action"), row.get("desk")) for row in rows] == [
        ("token_made", None, None, None),
        ("permitted", None, "kill", "north"),
        ("refused", "ROLE_TOO_LOW", "unlock", "north"),
        ("refused", "DESK_NOT_YOURS", "view", "south"),
        ("refused", "TOKEN_MISSING", None, None),
    ]
    assert (rows[1]["person"], rows[1]["token"], rows[1]["origin"]) == ("robin", token.token_id, HERE)
    assert rows[4]["origin"] == "10.0.0.7"
    rig.gate.trail.sync()
    assert verify_trail(rig.file, rig.store).sequence == 5


def test_what_cannot_be_recorded_is_not_permitted(make: Make) -> None:
    rig = make()
    rig.gate.permit(identity(Role.ADMIN), Action.PAUSE, "north")
    rig.gate.trail.sync()
    rig.file.unlink()
    rig.file.mkdir()
    with pytest.raises(OpsError, match="what cannot be recorded is not permitted"):
        rig.gate.permit(identity(Role.ADMIN), Action.PAUSE, "north")
    rig.file.rmdir()
    rig.clock.wait(1)
    rig.gate.permit(identity(Role.ADMIN), Action.PAUSE, "north")
    with pytest.raises(TrailFault, match="written anew"):
        verify_trail(rig.file, rig.store)


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "changed": lambda lines: [*lines[:4], lines[4].replace(b"tea", b"cat"), *lines[5:]],
    "taken out": lambda lines: [*lines[:4], *lines[5:]],
    "moved": lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
    "repeated": lambda lines: [*lines[:5], *lines[4:]],
    "cut in two": lambda lines: [*lines[:4], lines[4][:40] + b"\n", *lines[5:]],
    "begun later": lambda lines: lines[1:],
    "half": lambda lines: [*lines[:-1], lines[-1][:-9]],
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path, 9)
    assert verify_trail(path).sequence == 9
    path.write_bytes(b"".join(CHANGES[name](lines)))
    with pytest.raises(TrailFault):
        verify_trail(path)


@given(st.data())
def test_no_byte_can_be_changed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("trail") / "access.jsonl"
    raw = bytearray(b"".join(written(path, 3)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    with pytest.raises(TrailFault):
        verify_trail(path)


def test_an_end_that_was_cut_off_is_found_by_what_the_database_remembers(tmp_path: Path) -> None:
    path, store = tmp_path / "access.jsonl", Store(tmp_path)
    with Trail(path, store) as trail:
        for number in range(9):
            trail.write("tried", START, {"number": number}, durable=True)
    assert verify_trail(path, store).sequence == 9
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:7]))
    assert verify_trail(path).sequence == 7  # the chain alone cannot know
    with pytest.raises(TrailFault, match="records up to 9 were forced here and are gone"):
        verify_trail(path, store)
    path.unlink()
    with pytest.raises(TrailFault, match="are gone"):
        verify_trail(path, store)
    store.close()


def test_no_trail_is_an_empty_one(tmp_path: Path) -> None:
    assert verify_trail(tmp_path / "none.jsonl") == Head(0, "0" * 64)
    assert list(read_trail(tmp_path / "none.jsonl")) == []


def test_processes_and_threads_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    command = [sys.executable, "-c", WRITER, str(path), "40"]
    others = [subprocess.Popen(command, env=dict(os.environ)) for _ in range(1)]
    with Trail(path) as trail:

        def write(thread: int) -> None:
            for number in range(40):
                trail.write("tried", START, {"thread": thread, "number": number}, durable=False)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [other.wait(60) for other in others] == [0]
    assert verify_trail(path).sequence == 4 * 40


def test_half_a_record_of_a_dead_process_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    lines = written(path, 3)
    path.write_bytes(b"".join(lines) + lines[0][:50])
    with Trail(path) as trail:
        trail.write("tried", START, {}, durable=True)
    assert verify_trail(path).sequence == 4


def test_a_trail_with_a_stranger_at_its_end_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    path.write_bytes(b"hello\n")
    with Trail(path) as trail, pytest.raises(OpsError, match="access verify"):
        trail.write("tried", START, {}, durable=True)
    with pytest.raises(TrailFault, match="line 1"):
        list(read_trail(path))


def test_refusals_are_forced_to_the_medium_within_a_second_or_so(tmp_path: Path) -> None:
    path, store = tmp_path / "access.jsonl", Store(tmp_path)
    with Trail(path, store) as trail:
        trail.write("refused", START, {}, durable=False)
        path_at_once = path.read_bytes()
        until = time.monotonic() + 20
        while _remembered(store) != 1:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert path.read_bytes() == path_at_once
        assert not trail.failure
    store.close()


def _remembered(store: Store) -> int:
    with store.reading() as line:
        return int(line.execute(text("SELECT max(sequence) FROM access_heads")).scalar() or 0)


def test_a_flood_is_counted_and_a_minute_later_written_again(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "access.jsonl"
    with Trail(path) as trail:
        recorder = Recorder(trail, clock)
        for _ in range(EQUAL_LINES_MAX + 25):
            recorder.refused(Refused(Refusal.TOKEN_MISSING), "10.0.0.7")
        recorder.refused(Refused(Refusal.TOKEN_MISSING), "10.0.0.8")
        clock.wait(60)
        recorder.refused(Refused(Refusal.TOKEN_MISSING), "10.0.0.7")
        recorder.flush()
    rows = list(read_trail(path))
    assert len(rows) == EQUAL_LINES_MAX + 3
    assert sum(row.get("times", 1) for row in rows) == EQUAL_LINES_MAX + 27
    assert verify_trail(path).sequence == len(rows)


def test_each_line_is_plain_json(tmp_path: Path) -> None:
    for number, line in enumerate(written(tmp_path / "access.jsonl", 3), start=1):
        row = json.loads(line)
        assert list(row) == ["sequence", "time", "what", "number", "said", "previous", "hash"]
        assert row["sequence"] == number
        assert row["time"].startswith("2027-01-15T08:00:00")
