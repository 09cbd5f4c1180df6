"""Texts and JSON behind a record: continuation slots of 56 bytes, contiguous with their head.

A slot is a CONTINUATION record: bytes 0..15 data, 16 kind, 17 how many data bytes it uses, 18..19 its number from 0,
20..21 how many slots follow it, 22..23 the check, 24..63 data.
"""

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalError
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["PAYLOAD_BYTES_MAX", "SLOT_BYTES", "attach", "note", "payload_of"]

SLOT_BYTES: Final = 56
PAYLOAD_BYTES_MAX: Final = 1024 * SLOT_BYTES  # far below a block: a head and its slots are never parted


def attach(head: NDArray[np.void], payload: bytes) -> NDArray[np.void]:
    """Returns the records of `head` (shape (1,), EVENT) followed by the continuation slots of `payload`.

    An empty payload takes no slot. JournalError when it is longer than PAYLOAD_BYTES_MAX.
    """
    if len(head) != 1:
        raise JournalError(f"a payload rides behind one record, not behind {len(head)}; attach to each head by itself")
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise JournalError(
            f"a payload of {len(payload)} bytes does not fit behind a record; shorten it to {PAYLOAD_BYTES_MAX}"
        )
    slots = -(-len(payload) // SLOT_BYTES)
    parts = [head.tobytes()]
    for number in range(slots):
        data = payload[number * SLOT_BYTES : (number + 1) * SLOT_BYTES]
        parts.append(_slot(data, number, slots - 1 - number))
    return np.frombuffer(b"".join(parts), EVENT)


def _slot(data: bytes, number: int, following: int) -> bytes:
    padded = data.ljust(SLOT_BYTES, b"\0")
    header = bytes((EventKind.CONTINUATION, len(data)))
    places = number.to_bytes(2, "little") + following.to_bytes(2, "little") + b"\0\0"
    return padded[:16] + header + places + padded[16:]


def payload_of(records: NDArray[np.void], index: int) -> bytes:
    """Returns the payload behind the record at `index`; b"" when none rides there."""
    following = records[index + 1 : index + 2]
    if not len(following) or following.tobytes()[16] != EventKind.CONTINUATION:
        return b""
    raw = memoryview(records[index + 1 : index + 2 + PAYLOAD_BYTES_MAX // SLOT_BYTES].tobytes())
    parts: list[bytes] = []
    for start in range(0, len(raw), RECORD_BYTES):
        slot = raw[start : start + RECORD_BYTES]
        if slot[16] != EventKind.CONTINUATION or int.from_bytes(slot[18:20], "little") != len(parts):
            break
        parts.append(bytes(slot[:16]) + bytes(slot[24:]))
        parts[-1] = parts[-1][: slot[17]]
    return b"".join(parts)


def note(text: str, time_ns: int) -> NDArray[np.void]:
    """Returns a NOTE record with its text behind it: words for people, nothing that the kernel consumes."""
    head = np.zeros(1, EVENT)
    head["time_ns"] = time_ns
    head["kind"] = EventKind.NOTE
    return attach(cast("NDArray[np.void]", head), text.encode())
