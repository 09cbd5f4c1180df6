"""What is tested: `quarterdeck.venues.streams`: lines cut from chunks, and a socket that several threads write to."""

import socket
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.streams import LineCutter, StreamWire, WireBroken

MOST = 20
LINES = st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")), max_size=20)


@given(lines=LINES, cuts=st.lists(st.integers(0, 400), max_size=20))
def test_any_chunks_give_the_same_lines(lines: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(line + b"\n" for line in lines)
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    oversized: list[bytes] = []
    cutter = LineCutter(MOST, oversized.append)
    found = [line for begin, end in pairwise(places) for line in cutter.cut(raw[begin:end])]
    assert found == [line for line in lines if len(line) <= MOST]
    assert len(oversized) == sum(len(line) > MOST for line in lines)


def test_a_line_without_end_takes_no_memory() -> None:
    oversized: list[bytes] = []
    cutter = LineCutter(MOST, oversized.append)
    for _ in range(1_000):
        assert list(cutter.cut(b"x" * 1_000)) == []
    assert list(cutter.cut(b"tail\nnext\n")) == [b"next"]
    assert len(oversized) == 1


def pair(timeout_s: float = 20.0) -> tuple[StreamWire, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(20.0)
    return StreamWire(ours, timeout_s), theirs


def test_writes_of_many_threads_are_whole_lines() -> None:
    wire, theirs = pair()
    writers = [
        threading.Thread(target=lambda n=number: [wire.write(b"%d" % n * 5_000 + b"\n") for _ in range(50)])
        for number in range(4)
    ]
    for writer in writers:
        writer.start()
    raw = bytearray()
    while raw.count(b"\n") < 200:
        raw += theirs.recv(1 << 16)
    for writer in writers:
        writer.join()
    assert sorted(set(bytes(raw).split())) == [b"%d" % number * 5_000 for number in range(4)]
    wire.close()
    wire.release()
    theirs.close()


def test_close_wakes_a_reader_and_a_writer() -> None:
    wire, theirs = pair()
    read: list[bytes] = []
    broken: list[bool] = []

    def write() -> None:
        try:
            while True:
                wire.write(b"x" * 100_000)
        except WireBroken as error:
            broken.append(error.left)

    reader = threading.Thread(target=lambda: read.append(wire.read()))
    writer = threading.Thread(target=write)
    reader.start()
    writer.start()
    wire.close()
    reader.join(20)
    writer.join(20)
    assert read == [b""]
    assert len(broken) == 1
    wire.release()
    theirs.close()


def test_what_nothing_of_has_left_is_told_apart_from_what_may_have() -> None:
    wire, theirs = pair(timeout_s=0.05)
    with pytest.raises(WireBroken) as caught:
        wire.write(b"x" * 50_000_000)  # nobody reads at the other end
    assert caught.value.left
    with pytest.raises(WireBroken) as caught:
        wire.write(b"y")
    assert not caught.value.left
    wire.release()
    theirs.close()


def test_silence_is_an_error() -> None:
    wire, theirs = pair(timeout_s=0.01)
    with pytest.raises(TimeoutError, match=r"nothing heard for 0\.01 s"):
        wire.read()
    wire.close()
    wire.release()
    theirs.close()
