"""What a running desk shows to other processes, however fast it writes and whatever lies in its file's place.

What is tested: `quarterdeck.desk.publishing`.
"""

import contextlib
import errno
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarterdeck.desk.publishing import WORDS_MAX, Publisher, Reader
from quarterdeck.errors import DeskError
from quarterdeck.kernel.records import STATE

HEAD = 8  # bytes of magic
PATIENCE_S = 60.0
WRITER = """
import sys
from pathlib import Path
import numpy as np
from quarterdeck.desk.publishing import Publisher
from quarterdeck.kernel.records import STATE
publisher = Publisher(Path(sys.argv[1]), STATE.itemsize)
print("shown", flush=True)
raw, number = np.zeros(1, STATE), 0
every = raw.view(np.uint8)
while True:
    number += 1
    every[:] = number % 251
    publisher.publish(raw, {"number": number, "filler": "x" * (number * 37 % 3000)})
"""


def state(fill: int = 0) -> Any:
    raw: Any = np.zeros(1, STATE)
    raw.view(np.uint8)[:] = fill
    return raw


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "shown"


@contextlib.contextmanager
def publishing(path: Path) -> Iterator[Publisher]:
    publisher = Publisher(path, STATE.itemsize)
    try:
        yield publisher
    finally:
        publisher.close()


def test_the_newest_edition_is_read_with_its_words_and_its_layout(path: Path) -> None:
    with Reader(path) as reader:
        assert reader.read() is None  # no desk has run here
        with publishing(path) as publisher:
            assert reader.read() is None  # it has not shown anything yet
            for number in range(1, 6):
                publisher.publish(state(number), {"number": number, "name": "ä"})
                edition = reader.read()
                assert edition is not None
                assert (edition.number, edition.words) == (number, {"number": number, "name": "ä"})
                assert edition.state.dtype == STATE
                assert edition.state.tobytes() == state(number).tobytes()
        edition = reader.read()  # the desk has ended; its last edition stays
        assert edition is not None
        assert edition.number == 5


def test_another_process_that_writes_without_pause_is_never_read_half(path: Path) -> None:
    """The writer is hundreds of times faster than a desk: a reader meets it in the middle of editions."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"shown\n"
        seen, last, deadline = 0, 0, time.monotonic() + PATIENCE_S
        with Reader(path) as reader:
            while seen < 300:
                assert time.monotonic() < deadline
                edition = None
                with contextlib.suppress(DeskError):  # it was overtaken a hundred times, and says so
                    edition = reader.read()
                if edition is None:
                    continue
                bytes_seen = np.unique(edition.state.view(np.uint8))
                assert bytes_seen.tolist() == [edition.words["number"] % 251]
                assert edition.number == edition.words["number"] >= last
                assert len(edition.words["filler"]) == edition.number * 37 % 3000
                seen, last = seen + (edition.number > last), edition.number
    finally:
        writer.kill()
        writer.communicate()


def test_an_edition_that_is_being_laid_is_not_read(path: Path) -> None:
    """The writer dies in the middle of a copy: the edition before it stays what is read."""
    with publishing(path) as publisher, Reader(path) as reader:
        publisher.publish(state(1), {"number": 1})
        publisher.publish(state(2), {"number": 2})
        room = 24 + WORDS_MAX + STATE.itemsize
        with path.open("r+b") as file:
            file.seek(4096 + room)  # where the third would lie
            file.write((3).to_bytes(8, "little"))
        edition = reader.read()
        assert edition is not None
        assert edition.number == 2
        with path.open("r+b") as file:  # and the newest is being overwritten all the time
            file.seek(4096)
            file.write((4).to_bytes(8, "little"))
        with pytest.raises(DeskError, match="too often"):
            reader.read()


def test_a_reader_follows_to_the_next_sessions_file(path: Path) -> None:
    with Reader(path) as reader:
        with publishing(path) as first:
            first.publish(state(), {"session": 1})
            assert reader.read().words == {"session": 1}  # type: ignore[union-attr]  # it was shown
        with publishing(path) as second:
            assert reader.read() is None
            second.publish(state(), {"session": 2})
            edition = reader.read()
            assert edition is not None
            assert (edition.number, edition.words) == (1, {"session": 2})
        path.unlink()
        assert reader.read() is None


def test_words_that_are_too_long_leave_the_short_ones(path: Path) -> None:
    words: dict[str, object] = {"pid": 7, "ended": False, "differences": ["x" * 100] * 1000, "shown_ns": 5}
    with publishing(path) as publisher, Reader(path) as reader:
        publisher.publish(state(), words)
        edition = reader.read()
        assert edition is not None
        length = len(json.dumps(words, separators=(",", ":")))
        assert edition.words == {"pid": 7, "ended": False, "shown_ns": 5, "too_long": length}
        publisher.publish(state(), {str(number): "x" * 100 for number in range(2_000)})
        edition = reader.read()
        assert edition is not None
        assert len(json.dumps(edition.words)) < WORDS_MAX * 1.2
        publisher.publish(state(), {"pid": 7})
        assert reader.read().words == {"pid": 7}  # type: ignore[union-attr]  # it was shown


def test_without_room_for_it_nothing_is_left_behind(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="shown") as refused:
            Publisher(path, STATE.itemsize)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refused.value.errno == errno.EFBIG
    assert list(path.parent.iterdir()) == []
    with publishing(path) as publisher:
        publisher.publish(state(), {})


def mangled(path: Path, place: int, words: bytes) -> None:
    raw = bytearray(path.read_bytes())
    raw[place : place + len(words)] = words
    path.write_bytes(bytes(raw))


def shown(path: Path) -> None:
    with publishing(path) as publisher:
        publisher.publish(state(), {"pid": 7})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"nonsense" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:50_000]),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: mangled(path, HEAD, (123).to_bytes(8, "little")),  # the state's size
        lambda path: mangled(path, HEAD + 8, (1).to_bytes(8, "little")),  # another version's room for words
        lambda path: mangled(path, HEAD + 16, (2**60).to_bytes(8, "little")),  # where the layout lies
        lambda path: mangled(path, HEAD + 24, (2**60).to_bytes(8, "little")),
        lambda path: mangled(path, path.read_bytes().index(b'{"size"'), b"{nonsens"),
        lambda path: mangled(path, path.read_bytes().index(b'"fields"'), b'"feelds"'),
        lambda path: mangled(path, path.read_bytes().index(b'{"pid"'), b"{nonse"),
    ],
)
def test_a_file_of_nonsense_is_named_and_replaced_by_the_next_session(path: Path, spoil: Any) -> None:
    shown(path)
    spoil(path)
    with Reader(path) as reader:
        with pytest.raises(DeskError, match=r"shown: .*(next session writes it anew|another version)"):
            reader.read()
        shown(path)
        edition = reader.read()
        assert edition is not None
        assert edition.words == {"pid": 7}


def test_only_its_owner_may_read_it(path: Path) -> None:
    shown(path)
    assert path.stat().st_mode & 0o777 == 0o600
