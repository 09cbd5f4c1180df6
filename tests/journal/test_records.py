"""Checks, payloads, hashes: what single records are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import JournalError
from quarterdeck.journal import attach, note, payload_of
from quarterdeck.journal.chain import Seal, block_hash, seal_record, unsigned_seal
from quarterdeck.journal.checks import as_words, displacements, failing_records, stamp_bytes, stamp_words
from quarterdeck.journal.payload import PAYLOAD_BYTES_MAX
from quarterdeck.journal.schema import (
    event_layout_hash,
    event_schema_hash,
    layout_hash,
    state_schema_hash,
)
from quarterdeck.journal.segment import Header
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind
from tests.journal.builders import quotes

RECORDS = st.binary(min_size=64, max_size=64).map(lambda raw: raw[:16] + b"\1" + raw[17:])
SEQUENCES = st.integers(0, 10**12)


def parsed(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, EVENT)


@given(raws=st.lists(RECORDS, min_size=1, max_size=20), sequence=SEQUENCES)
def test_one_record_and_a_batch_get_the_same_checks(raws: list[bytes], sequence: int) -> None:
    singly = b"".join(stamp_bytes(raw, sequence + index) for index, raw in enumerate(raws))
    batch = parsed(b"".join(raws)).copy()
    stamp_words(as_words(batch), sequence)
    assert batch.tobytes() == singly
    assert not len(failing_records(batch, sequence))
    assert not any(displacements(batch, sequence))


@given(raw=RECORDS, sequence=SEQUENCES, bits=st.sets(st.integers(0, 511), min_size=1, max_size=2))
def test_every_error_of_one_or_two_bits_is_caught(raw: bytes, sequence: int, bits: set[int]) -> None:
    number = int.from_bytes(stamp_bytes(raw, sequence), "little")
    for bit in bits:
        number ^= 1 << bit
    assert list(failing_records(parsed(number.to_bytes(64, "little")), sequence)) == [0]


@given(raw=RECORDS, sequence=SEQUENCES, start=st.integers(0, 160), burst=st.integers(1, 2**15 - 1))
def test_every_burst_of_15_bits_is_caught(raw: bytes, sequence: int, start: int, burst: int) -> None:
    changed = int.from_bytes(stamp_bytes(raw, sequence), "little") ^ burst << start
    assert list(failing_records(parsed(changed.to_bytes(64, "little")), sequence)) == [0]


@given(raw=RECORDS, sequence=st.integers(32_000, 10**12), moved=st.integers(-32_000, 32_000))
def test_a_record_tells_where_it_was_written(raw: bytes, sequence: int, moved: int) -> None:
    assert displacements(parsed(stamp_bytes(raw, sequence)), sequence + moved) == [-moved]


@given(sequence=SEQUENCES)
def test_zeros_are_never_a_record(sequence: int) -> None:
    assert list(failing_records(np.zeros(3, EVENT), sequence)) == [0, 1, 2]


@given(payload=st.binary(max_size=500))
def test_a_payload_comes_back(payload: bytes) -> None:
    parts = [quotes(2), attach(quotes(1), payload), attach(quotes(1), b"next"), quotes(1)]
    records = parsed(b"".join(part.tobytes() for part in parts))
    assert payload_of(records, 2) == payload
    assert payload_of(records, 1) == b""
    assert payload_of(records, len(records) - 3) == b"next"
    assert payload_of(records, len(records) - 1) == b""


@pytest.mark.parametrize(("size", "slots"), [(0, 0), (1, 1), (56, 1), (57, 2), (PAYLOAD_BYTES_MAX, 1024)])
def test_a_slot_holds_56_bytes(size: int, slots: int) -> None:
    records = attach(quotes(1), bytes([1]) * size)
    assert len(records) == 1 + slots
    assert payload_of(records, 0) == bytes([1]) * size
    assert set(records["kind"][1:]) <= {EventKind.CONTINUATION}


def test_a_payload_that_is_too_long_is_refused() -> None:
    with pytest.raises(JournalError, match="does not fit behind a record"):
        attach(quotes(1), bytes(PAYLOAD_BYTES_MAX + 1))
    with pytest.raises(JournalError, match="behind one record"):
        attach(quotes(2), b"")


def test_a_note_says_its_text() -> None:
    records = note("Größe 5 µ", 12)
    assert (records["kind"][0], records["time_ns"][0]) == (EventKind.NOTE, 12)
    assert payload_of(records, 0).decode() == "Größe 5 µ"


@given(
    time_ns=st.integers(-(2**63), 2**63 - 1),
    digest=st.integers(0, 2**64 - 1),
    count=st.integers(0, 2**31),
    at=SEQUENCES,
)
def test_a_seal_says_what_it_was_told(time_ns: int, digest: int, count: int, at: int) -> None:
    unsigned = unsigned_seal(time_ns, digest, count)
    whole = seal_record(unsigned, bytes(range(32)), at)
    assert Seal.parse(whole, at) == Seal(at, time_ns, digest, bytes(range(32)), count)
    assert block_hash(bytes(32), quotes(0), whole) == block_hash(bytes(32), quotes(0), unsigned)
    assert not len(failing_records(parsed(whole), at))


def test_schema_hashes_differ_with_what_they_are_of() -> None:
    assert len({event_layout_hash(), event_schema_hash(), state_schema_hash()}) == 3
    inner = np.dtype([("a", "<i8")])
    other = np.dtype([("b", "<i8")])
    assert layout_hash(np.dtype([("x", inner)])) != layout_hash(np.dtype([("x", other)]))
    assert layout_hash(np.dtype([("x", inner, (2,))])) != layout_hash(np.dtype([("x", inner, (3,))]))


def test_a_header_comes_back() -> None:
    header = Header(
        "desk",
        7,
        9,
        bytes(range(32)),
        layout=event_layout_hash(),
        schema=event_schema_hash(),
        state=state_schema_hash(),
    )
    assert Header.unpack(header.pack()) == header
    assert len(header.pack()) == 4096
    with pytest.raises(JournalError, match="use at most 128"):
        Header("d" * 129, 0, 0, bytes(32)).pack()


@pytest.mark.parametrize("size", [0, 100, 4095])
def test_a_header_that_is_cut_off_says_so(size: int) -> None:
    with pytest.raises(ValueError, match="cut off"):
        Header.unpack(Header("desk", 0, 0, bytes(32)).pack()[:size])
