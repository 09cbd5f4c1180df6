"""A replay arrives at the state that was, or says where it does not."""

from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarterdeck.errors import JournalCorrupt, ReplayError
from quarterdeck.journal import JournalReader, Snapshot, runs, write_snapshot
from quarterdeck.journal.segment import Header
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.replay import SNAPSHOTS, Replayer, replay, replay_desk
from tests.runtime.recording import BOTH, market_data, record, write_desk, write_tape

EVENTS = 600


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A desk that has traded, and the digest it ended with."""
    folder = tmp_path_factory.mktemp("harbour")
    final = record(folder, write_desk(folder), BOTH, market_data(EVENTS))
    return folder, final


def tape_of(folder: Path) -> bytearray:
    return bytearray(b"".join(part.tobytes() for block in JournalReader(folder).blocks() for _, part in runs(block)))


def snapshot_at(folder: Path, sequence: int) -> Snapshot:
    """What the desk would have kept, had it taken a snapshot there (a place right after a seal)."""
    reader = JournalReader(folder)
    replayer = Replayer(reader)
    replayer.advance(sequence)
    chain = next(block.seal.chain for block in reader.blocks() if block.seal and block.next_sequence == sequence)
    body = np.asarray(replayer.states).tobytes()
    return Snapshot("harbour", sequence, int(replayer.states[0]["time_ns"]), chain, body)


def seals(folder: Path) -> list[int]:
    """The sequences right after the seals that carry a digest."""
    return [block.next_sequence for block in JournalReader(folder).blocks() if block.seal and block.seal.state_digest]


def test_a_replay_ends_with_the_digest_of_the_engine(desk: tuple[Path, bytes]) -> None:
    folder, final = desk
    result = replay(folder)
    assert result.digest == final
    assert result.seals_checked == len(seals(folder)) > 3
    assert result.verified == seals(folder)[-1]
    assert result.sequence == JournalReader(folder).next_sequence
    assert result.events * 64 == len(tape_of(folder))
    assert result.epoch == 1
    kinds = result.states[0]["kinds"]
    assert kinds[EventKind.FILL] > 0
    assert kinds[EventKind.ORDER_CANCELED] > 0


def test_what_a_replay_prints(desk: tuple[Path, bytes]) -> None:
    folder, final = desk
    seen: list[tuple[int, int]] = []
    result = replay(folder, progress=lambda done, total: seen.append((done, total)))
    said = dict(line.split(maxsplit=1) for line in result.lines())
    assert said["digest"] == final.hex()
    assert said["equity"] == f"{result.equity} money units"
    assert {"sequence", "events", "events_per_s", "seals_checked", "epoch"} <= said.keys()
    assert seen[-1] == (result.sequence, result.sequence)


def test_a_replay_ends_before_the_record_it_is_told_of(desk: tuple[Path, bytes]) -> None:
    folder, _ = desk
    for until in (0, 1, 200, 333, 334):
        result = replay(folder, until=until)
        assert result.sequence == until
        assert result.states[0]["events"] == result.events <= until


def test_a_replay_may_begin_at_a_snapshot(desk: tuple[Path, bytes]) -> None:
    folder, final = desk
    place = seals(folder)[2]
    result = replay(folder, snapshot=snapshot_at(folder, place))
    assert result.digest == final
    assert result.seals_checked == len(seals(folder)) - 3
    assert result.events < replay(folder).events


def test_a_replay_cannot_end_before_it_begins(desk: tuple[Path, bytes]) -> None:
    folder, _ = desk
    with pytest.raises(ReplayError, match="cannot end before record 3"):
        replay(folder, snapshot=snapshot_at(folder, seals(folder)[2]), until=3)


def test_a_torn_tail_is_replayed_to_its_last_good_record_and_told(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    """What a process that was killed leaves: records without a seal, the last one cut off."""
    folder, _ = desk
    tape = tape_of(folder)
    write_tape(tmp_path, bytes(tape))
    (segment,) = (tmp_path / "data" / "journal").glob("*.qdj")
    content = segment.read_bytes()
    segment.write_bytes(content[: 4096 + 64 * 200 + 10])
    result = replay(tmp_path)
    assert (result.sequence, result.events, result.seals_checked, result.verified) == (200, 200, 0, 0)
    assert result.digest == replay(tmp_path, until=200).digest
    assert any(line.split(maxsplit=1) == ["torn", "record 200: 10 bytes of a record"] for line in result.lines())


def test_a_snapshot_of_another_journal_is_refused(desk: tuple[Path, bytes]) -> None:
    folder, _ = desk
    kept = snapshot_at(folder, seals(folder)[2])
    with pytest.raises(ReplayError, match="of another journal: the hash chain before it differs"):
        replay(folder, snapshot=changed(kept, chain=bytes(32)))
    with pytest.raises(ReplayError, match=r"is of desk other, the journal of harbour"):
        replay(folder, snapshot=changed(kept, desk="other"))
    with pytest.raises(ReplayError, match=r"stands at record 1000000, the journal holds 0\.\."):
        replay(folder, snapshot=changed(kept, sequence=1_000_000))


def test_a_changed_seal_digest_is_named(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    folder, final = desk
    tape = tape_of(folder)
    write_tape(tmp_path, bytes(tape), int.from_bytes(final[:8], "little") ^ 1)
    with pytest.raises(ReplayError) as caught:
        replay(tmp_path)
    said = str(caught.value)
    right, wrong = int.from_bytes(final[:8], "little"), int.from_bytes(final[:8], "little") ^ 1
    assert said.startswith(f"record {len(tape) // 64}: ")
    assert f"{right:016x}" in said
    assert f"{wrong:016x}" in said


def test_a_changed_record_under_a_true_hash_chain_is_found_by_the_digest(
    desk: tuple[Path, bytes], tmp_path: Path
) -> None:
    """Whoever can write the whole chain anew still cannot give the kernel's state another history."""
    folder, final = desk
    tape = tape_of(folder)
    records: Any = np.frombuffer(tape, JournalReader(folder).record(0).dtype)
    fills = np.flatnonzero(records["kind"] == EventKind.FILL)
    records["price"][fills[0]] += 1
    write_tape(tmp_path, bytes(tape), int.from_bytes(final[:8], "little"))
    with pytest.raises(ReplayError, match=r"they part somewhere in records 0\.\."):
        replay(tmp_path)


def test_a_flipped_bit_is_found_by_the_hash_chain(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    folder, _ = desk
    write_tape(tmp_path, bytes(tape_of(folder)))
    (segment,) = (tmp_path / "data" / "journal").glob("*.qdj")
    content = bytearray(segment.read_bytes())
    content[4096 + 64 * 150 + 30] ^= 4
    segment.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="record 150"):
        replay(tmp_path)


def test_a_desk_is_replayed_through_its_newest_valid_snapshot(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    folder, final = desk
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal").symlink_to(folder / "data" / "journal")
    assert replay_desk(tmp_path).snapshot is None
    first, second, third = (write_snapshot(tmp_path / SNAPSHOTS, snapshot_at(folder, at)) for at in seals(folder)[:3])
    assert first.exists()
    third.write_bytes(third.read_bytes()[:-1] + b"?")
    found = replay_desk(tmp_path)
    assert found.result.digest == final
    assert found.result.seals_checked == len(seals(folder))
    assert found.snapshot == int(second.stem)
    assert any(line.startswith(f"not used: {third.name}") for line in found.lines())
    assert found.as_dict()["snapshot"] == found.snapshot


def test_a_snapshot_that_is_not_the_replayed_state_names_what_differs(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    folder, _ = desk
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal").symlink_to(folder / "data" / "journal")
    kept = snapshot_at(folder, seals(folder)[1])
    equity = Replayer(JournalReader(folder)).states.dtype.fields["equity"][1]  # pyright: ignore[reportAttributeAccessIssue] an array
    body = bytearray(kept.body)
    body[equity] ^= 1
    write_snapshot(tmp_path / SNAPSHOTS, changed(kept, body=bytes(body)))
    with pytest.raises(ReplayError, match="they differ in equity; remove the snapshot"):
        replay_desk(tmp_path)


def test_a_journal_of_another_capacity_says_how_to_replay_it(
    desk: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = desk
    pack = Header.pack
    monkeypatch.setattr(Header, "pack", lambda self: pack(changed(self, capacity="large")))
    write_tape(tmp_path, bytes(tape_of(folder)))
    with pytest.raises(ReplayError, match=r"written with capacity large.*set QUARTERDECK_CAPACITY=large"):
        replay(tmp_path)


def test_a_journal_without_its_beginning_needs_a_snapshot(desk: tuple[Path, bytes], tmp_path: Path) -> None:
    folder, final = desk
    whole = folder / "data" / "journal"
    later = tmp_path / "data" / "journal"
    later.mkdir(parents=True)
    for segment in sorted(whole.glob("*.qdj"))[1:]:
        (later / segment.name).symlink_to(segment)
    first = JournalReader(tmp_path).first_sequence
    assert first > 0
    with pytest.raises(ReplayError, match=f"begins at record {first}"):
        replay(tmp_path)
    place = next(at for at in seals(folder) if at > first)
    assert replay(tmp_path, snapshot=snapshot_at(folder, place)).digest == final
