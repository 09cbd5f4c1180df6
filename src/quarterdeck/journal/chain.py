"""The hash chain: a SEAL record ends each block and carries the chain's value after it.

    start of a segment   SHA-256(its 4096 header bytes), and the header holds the value of the segment before
    after a block        SHA-256(value before || the block's records || its SEAL with hash words and check as zeros)

So a seal covers every bit before it, its own time, digest and count included.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal.checks import RECORD_BYTES, stamp_bytes
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["HASH_BYTES", "Seal", "block_hash", "digest_word", "seal_record", "sealed_bytes", "unsigned_seal"]

HASH_BYTES: Final = 32
_DIGEST_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Seal:
    """What a SEAL record says.

    `chain` is the hash after it, `records` how many stand in its block (itself not counted), `state_digest` 64 bits of
    the state after all records before it (0: none was taken).
    """

    sequence: int
    time_ns: int
    state_digest: int
    chain: bytes
    records: int

    @classmethod
    def parse(cls, record: bytes, sequence: int) -> "Seal":
        """Reads the 64 bytes of a SEAL record; whether they are true is for the chain to say."""
        time_ns = int.from_bytes(record[0:8], "little", signed=True)
        digest = int.from_bytes(record[8:16], "little")
        return cls(sequence, time_ns, digest, record[24:56], int.from_bytes(record[56:64], "little", signed=True))


def digest_word(digest: bytes) -> int:
    """Returns the 64 bits of a state's digest that a seal carries: its first 8 bytes, little-endian."""
    return int.from_bytes(digest[:8], "little")


def unsigned_seal(time_ns: int, state_digest: int, records: int) -> bytes:
    """Returns the 64 bytes of a SEAL record with hash words and check as zeros: the last bytes that are hashed."""
    head = time_ns.to_bytes(8, "little", signed=True) + (state_digest & _DIGEST_MASK).to_bytes(8, "little")
    return head + bytes((EventKind.SEAL,)) + bytes(7 + HASH_BYTES) + records.to_bytes(8, "little", signed=True)


def seal_record(unsigned: bytes, chain: bytes, sequence: int) -> bytes:
    """Returns the 64 bytes of a SEAL record, whole."""
    return stamp_bytes(unsigned[:24] + chain + unsigned[56:], sequence)


def block_hash(chain: bytes, records: NDArray[np.void], seal: bytes) -> bytes:
    """Returns the chain's value after a block: its records (contiguous, without the seal) and its seal's 64 bytes."""
    digest = hashlib.sha256(chain)
    if len(records):
        digest.update(records.view(np.uint8).data)
    digest.update(sealed_bytes(seal))
    return digest.digest()


def sealed_bytes(seal: bytes) -> bytes:
    """Returns the 64 bytes of a SEAL record as they were hashed: hash words and check as zeros."""
    return seal[:22] + bytes(2 + HASH_BYTES) + seal[RECORD_BYTES - 8 :]
