"""The trading core: journaled before any effect, cancels first, and the journal replays to the same state."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quarterdeck.config import load_desk
from quarterdeck.desk.paper import paper_market
from quarterdeck.desk.trading import LiveDesk, PaperDesk
from quarterdeck.errors import JournalError, JournalFull
from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, decode
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.host import host_strategies
from quarterdeck.runtime.opening import opening_events
from quarterdeck.runtime.replay import replay
from tests.desk.builders import SHIPPED, SOURCES, START_NS, Buyer, Idle, Quoter, WatchfulSink, quote
from tests.journal.builders import MemoryDisk

OPTIONS = JournalOptions(fsync="os", reserve_bytes=4096, segment_records=4096, block_records=256)
MS = 1_000_000


def live(path: Path, disk: MemoryDisk | None = None) -> tuple[LiveDesk, WatchfulSink]:
    config, sink = load_desk(SHIPPED), WatchfulSink()
    extra = {} if disk is None else {"disk": disk}
    sink.writer = JournalWriter(path / "journal", "xrpliquid", OPTIONS, **extra)
    desk = LiveDesk(sink.writer, sink)
    desk.feed(opening_events(config, 1, START_NS, fresh=True))
    desk.bind(host_strategies(config, desk.states, SOURCES))
    return desk, sink


def test_a_batch_with_gaps_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    desk, _ = live(tmp_path)
    raw = b"".join(quote(START_NS + step * 1_000 * MS).tobytes() for step in range(1, 7))
    batch = np.frombuffer(raw, quote(1).dtype)
    desk.take_tape()
    desk.on_events(batch[::2])
    times = [int(time) for _, records in desk.take_tape() for time in records["time_ns"][records["kind"] == 1]]
    assert times == [START_NS + step * 1_000 * MS for step in (1, 3, 5)]


def test_records_of_another_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="EVENT"):
        live(tmp_path)[0].on_events(np.zeros(1, np.int64).view("V8"))


def test_a_record_that_is_no_input_is_refused_by_name(tmp_path: Path) -> None:
    desk, sink = live(tmp_path)
    before = desk.digest
    with pytest.raises(JournalError, match="kind 110"):
        desk.on_events(report(EventKind.SEAL, 0, START_NS + MS))
    assert desk.digest == before
    assert sink.sent == []


def report(kind: EventKind, order_id: int, time_ns: int) -> NDArray[np.void]:
    event = new_events(1)
    event["kind"], event["order_id"], event["time_ns"] = kind, order_id, time_ns
    return event


def test_an_order_is_journaled_before_it_is_submitted(tmp_path: Path) -> None:
    desk, sink = live(tmp_path)
    desk.on_events(quote(START_NS + MS))
    assert [verb for verb, _ in sink.sent] == ["submit"]
    kinds = [record["kind"] for record in cat(tmp_path)]
    assert kinds[-2:] == ["QUOTE", "ORDER_REQUEST"]


def cat(path: Path) -> list[dict[str, object]]:
    reader = JournalReader(path / "journal")
    return [
        decode(reader.record(sequence), 0, sequence) for sequence in range(reader.first_sequence, reader.next_sequence)
    ]


def test_cancels_leave_before_orders_that_were_decided_before_them(tmp_path: Path) -> None:
    desk, sink = live(tmp_path)
    desk.on_events(quote(START_NS + MS))
    first = sink.sent[0][1]
    desk.on_events(report(EventKind.ORDER_ACCEPTED, first, START_NS + 2 * MS))
    sink.sent.clear()
    desk.on_events(quote(START_NS + 1_000 * MS))
    assert [verb for verb, _ in sink.sent] == ["cancel", "submit"]
    assert sink.sent[0][1] == first


def test_how_long_the_kernel_took_is_counted_once_for_each_request(tmp_path: Path) -> None:
    desk, _ = live(tmp_path)
    assert sum(desk.checked) == 0
    for step in range(1, 6):
        desk.on_events(quote(START_NS + step * 1_000 * MS))
    kinds = desk.states[0]["kinds"]
    requests = (EventKind.ORDER_REQUEST, EventKind.CANCEL_REQUEST)
    assert sum(desk.checked) == sum(int(kinds[kind]) for kind in requests) > 0
    assert max(place for place, count in enumerate(desk.checked) if count) < 40  # 2**40 ns are a quarter of an hour


def test_a_batch_is_flushed_once_and_replays_to_the_same_state(tmp_path: Path) -> None:
    desk, sink = live(tmp_path)
    batch = np.frombuffer(
        b"".join(quote(START_NS + step * 1_000 * MS).tobytes() for step in range(1, 9)), quote(1).dtype
    )
    desk.on_events(batch)
    assert len(sink.sent) > 8
    assert sink.writer is not None
    sink.writer.close()
    assert replay(tmp_path / "journal").digest == desk.digest


def test_nothing_is_sent_when_the_disk_takes_no_more(tmp_path: Path) -> None:
    disk = MemoryDisk()
    desk, sink = live(tmp_path, disk)
    disk.write_error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(JournalFull):
        desk.on_events(quote(START_NS + MS))
    disk.write_error = None
    with pytest.raises(JournalFull):
        desk.on_events(quote(START_NS + 1_000 * MS))
    assert sink.sent == []


def test_what_was_journaled_is_handed_to_followers_once(tmp_path: Path) -> None:
    desk, _ = live(tmp_path)
    desk.take_tape()
    desk.on_events(quote(START_NS + MS))
    tape = desk.take_tape()
    assert [int(kind) for _, records in tape for kind in records["kind"]] == [EventKind.QUOTE, EventKind.ORDER_REQUEST]
    assert desk.take_tape() == []


@pytest.mark.parametrize("core", ["live", "paper"])
def test_a_command_carries_its_words_right_behind_it(tmp_path: Path, core: str) -> None:
    if core == "live":
        desk: LiveDesk | PaperDesk = live(tmp_path)[0]
    else:
        config = load_desk(SHIPPED)
        desk = PaperDesk(paper_market(config), JournalWriter(tmp_path / "journal", "xrpliquid", OPTIONS))
        desk.feed(opening_events(config, 1, START_NS, fresh=True))
        desk.bind(host_strategies(config, desk.states, SOURCES))
    for step in range(1, 4):
        desk.feed(quote(START_NS + step * 1_000 * MS))
    kill = report(EventKind.KILL, 0, START_NS + 5_000 * MS)
    kill["instrument"] = kill["strategy"] = kill["person"] = -1
    sequence = desk.command(kill, b"who and why" * 20)
    reader = JournalReader(tmp_path / "journal")
    assert decode(reader.record(sequence), 0, sequence)["kind"] == "KILL"
    assert reader.payload(sequence) == b"who and why" * 20
    assert desk.states[0]["breaker"]["multiplier_ppm"] == 0


def test_paper_trades_and_replays_to_the_same_state(tmp_path: Path) -> None:
    config = load_desk(SHIPPED)
    writer = JournalWriter(tmp_path / "journal", "xrpliquid", OPTIONS)
    desk = PaperDesk(paper_market(config), writer)
    desk.feed(opening_events(config, 1, START_NS, fresh=True))
    desk.bind(host_strategies(config, desk.states, (Idle, Quoter, Buyer)[::-1]))
    for step in range(1, 60):
        desk.feed(quote(START_NS + step * 700 * MS, 1_200_000 - 100 * (step % 7)))
    assert desk.states[0]["kinds"][EventKind.FILL] > 0
    assert writer.flushed_sequence == writer.next_sequence
    writer.close()
    assert replay(tmp_path / "journal").digest == desk.digest
