"""The simulated disk, beside the real one. What is tested: `quarterdeck.simulation.disk`."""

import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.journal import OS_DISK, Disk
from quarterdeck.simulation.disk import Faults, ProcessDied, ProcessDisk, SimulatedDisk

NAMES = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from(NAMES)),
        st.tuples(st.just("open"), st.sampled_from(NAMES)),
        st.tuples(st.just("write"), st.binary(min_size=1, max_size=9), st.integers(0, 12)),
        st.tuples(st.just("truncate"), st.integers(0, 12)),
        st.tuples(st.just("allocate"), st.integers(1, 12)),
        st.tuples(st.just("sync")),
        st.tuples(st.just("close")),
        st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
        st.tuples(st.just("remove"), st.sampled_from(NAMES)),
        st.tuples(st.just("lock"), st.sampled_from(NAMES)),
        st.tuples(st.just("read_from"), st.sampled_from(NAMES), st.integers(0, 12)),
    ),
    max_size=25,
)


class Program:
    """The same steps on any disk: what each gave, or which error."""

    def __init__(self, disk: Disk, root: Path) -> None:
        self.disk, self.root = disk, root
        self.handle = -1
        self.locks: list[int] = []
        disk.make_directory(root)

    def do(self, step: tuple[Any, ...]) -> object:
        try:
            return self._do(*step)
        except OSError as error:
            return error.errno

    def _do(self, verb: str, *words: Any) -> object:
        disk, root = self.disk, self.root
        if verb in {"create", "open"}:
            self.close()
            self.handle = getattr(disk, verb)(root / words[0])
        elif verb == "rename":
            disk.rename(root / words[0], root / words[1])
        elif verb == "remove":
            disk.remove(root / words[0])
        elif verb == "read_from":
            return disk.read_from(root / words[0], words[1])
        elif verb == "lock":
            lock = disk.lock(root / words[0])
            self.locks += [] if lock is None else [lock]
            return lock is None
        elif verb == "close":
            self.close()
        elif self.handle >= 0:
            return self._on_file(verb, *words)
        return None

    def _on_file(self, verb: str, *words: Any) -> object:
        if verb == "write":
            return self.disk.write(self.handle, memoryview(words[0]), words[1])
        if verb == "truncate":
            self.disk.truncate(self.handle, words[0])
        elif verb == "allocate":
            self.disk.allocate(self.handle, words[0])
        else:
            self.disk.datasync(self.handle)
        return None

    def close(self) -> None:
        if self.handle >= 0:
            handle, self.handle = self.handle, -1
            self.disk.close(handle)

    def seen(self) -> object:
        names = self.disk.names(self.root)
        return [(name, self.disk.read(self.root / name), bytes(self.disk.map(self.root / name))) for name in names]

    def end(self) -> None:
        self.close()
        for lock in self.locks:
            self.disk.unlock(lock)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_program_gives_the_same_on_both_disks(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        real = Program(OS_DISK, Path(folder) / "x" / "y")
        simulated = Program(ProcessDisk(SimulatedDisk(Random(1))), Path("/x/y"))
        for step in steps:
            assert real.do(step) == simulated.do(step), step
            assert real.seen() == simulated.seen(), step
        real.end()
        simulated.end()


ROOT = Path("/journal")


def disk_with(content: bytes, synced: int, **options: bool) -> tuple[SimulatedDisk, ProcessDisk, int]:
    disk = SimulatedDisk(Random(7), **options)
    process = ProcessDisk(disk)
    process.make_directory(ROOT)
    handle = process.create(ROOT / "file")
    process.write(handle, memoryview(content[:synced]), 0)
    process.datasync(handle)
    process.sync_directory(ROOT)
    for place in range(synced, len(content), 100):
        process.write(handle, memoryview(content[place : place + 100]), place)
    return disk, process, handle


@pytest.mark.parametrize("in_order", [True, False])
def test_power_takes_what_was_not_synced_and_nothing_else(in_order: bool) -> None:
    content = bytes(range(1, 251)) * 20
    kept: set[bytes] = set()
    disk, process, _ = disk_with(content, 3_000, in_order=in_order)
    process.die()
    disk.lose_power()
    after = disk.read(ROOT / "file")
    kept.add(after)
    assert after[:3_000] == content[:3_000]
    assert after != content
    if in_order:
        assert content.startswith(after)
    else:
        assert all(a in (b, 0) for a, b in zip(after, content, strict=False))


def test_a_name_that_was_not_synced_may_be_gone() -> None:
    outcomes: set[bool] = set()
    for seed in range(20):
        disk = SimulatedDisk(Random(seed))
        disk.make_directory(ROOT)
        handle = disk.create(ROOT / "new")
        disk.write(handle, memoryview(b"1"), 0)
        disk.datasync(handle)
        disk.lose_power()
        outcomes.add("new" in disk.names(ROOT))
    assert outcomes == {True, False}


def test_a_process_that_died_does_nothing_more_and_holds_nothing() -> None:
    disk, process, handle = disk_with(b"abc", 3)
    assert process.lock(ROOT / "lock") is not None
    assert disk.lock(ROOT / "lock") is None
    process.calls_left = 2
    process.datasync(handle)
    with pytest.raises(ProcessDied):
        process.write(handle, memoryview(b"defg"), 3)
    assert disk.read(ROOT / "file") == b"abcde", "it died in the middle of a write"
    for act in (lambda: process.read(ROOT / "file"), lambda: process.close(handle), lambda: process.names(ROOT)):
        with pytest.raises(ProcessDied):
            act()
    assert disk.lock(ROOT / "lock") is not None


def test_faults_happen_once_each() -> None:
    disk, process, handle = disk_with(b"abc", 3)
    disk.faults = Faults(short_writes=1, failed_writes=1, failed_syncs=1, failed_creates=1)
    with pytest.raises(OSError, match="Input/output"):
        process.write(handle, memoryview(b"defg"), 3)
    assert process.write(handle, memoryview(b"defg"), 3) < 4
    assert process.write(handle, memoryview(b"defg"), 3) == 4
    with pytest.raises(OSError, match="Input/output"):
        process.datasync(handle)
    process.datasync(handle)
    with pytest.raises(OSError, match="No space"):
        process.create(ROOT / "other")
    disk.faults.room = 2
    assert process.write(handle, memoryview(b"123456"), 7) == 2
    with pytest.raises(OSError, match="No space"):
        process.write(handle, memoryview(b"3456"), 9)


def test_a_sync_that_failed_is_forgotten_where_the_system_forgets() -> None:
    disk, process, handle = disk_with(b"abcdef", 3, in_order=True, forgets=True)
    disk.faults.failed_syncs = 1
    with pytest.raises(OSError, match="Input/output"):
        process.datasync(handle)
    process.datasync(handle)
    lost = 6 - disk.durable_bytes(ROOT / "file")
    process.die()
    disk.lose_power()
    assert len(disk.read(ROOT / "file")) == 6 - lost


def test_a_bit_that_flipped_is_put_right_only_where_it_still_stands() -> None:
    disk, process, handle = disk_with(b"abcdef", 6)
    for position in (0, 2, 5):
        disk.flip_bit(ROOT / "file", position)
    process.write(handle, memoryview(b"C"), 2)
    process.truncate(handle, 5)
    assert disk.read(ROOT / "file") != b"abCde"
    disk.repair()
    assert disk.read(ROOT / "file") == b"abCde"
