"""The 16-bit check that each journaled record carries, so that a tail without a seal is judged record by record.

A record is one 512-bit little-endian number N (its check counted as zero); it stands at sequence S. Its check is

    (N + S) mod 65521

65521 is the largest prime below 2**16 and the order of 2 modulo it is 1170, so the check finds every error of one or
two bits, every burst of up to 15 bits, and a record that stands at another place; any other error slips through once
in 65,521. The SHA-256 chain finds what slips through, one seal later. Because S is added, `check - N` gives back the
place at which a record was written: that is how a deleted, inserted or exchanged record is told from a changed one.
"""

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.stamping import CHECK_PRIME
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["RECORD_BYTES", "as_words", "displacements", "failing_records", "stamp_bytes", "stamp_words"]

RECORD_BYTES: Final = EVENT.itemsize
KIND_OFFSET: Final = 16

_PRIME: Final = CHECK_PRIME
_CHECK_SHIFT: Final = 8 * 22
_CHECK_CLEARED: Final = ((1 << 512) - 1) ^ (0xFFFF << _CHECK_SHIFT)
_WEIGHTS: Final = np.array([pow(2, 32 * place, _PRIME) for place in range(16)], np.uint64)
_CHECK_NEGATED: Final = np.uint64(_PRIME - pow(2, _CHECK_SHIFT, _PRIME))
_CHUNK: Final = 4096  # rows at a time, so that what is computed stays in the processor's cache
_RAMP: Final = np.arange(_CHUNK, dtype=np.uint64)


def as_words(records: NDArray[np.void]) -> NDArray[np.uint32]:
    """Returns (n, 16) 32-bit words over the same memory as n contiguous records."""
    return records.view(np.uint32).reshape(-1, 16)


def stamp_bytes(record: bytes, sequence: int) -> bytes:
    """Returns one record of 64 bytes with its check filled in."""
    number = int.from_bytes(record, "little") & _CHECK_CLEARED
    return (number | ((number + sequence) % _PRIME) << _CHECK_SHIFT).to_bytes(RECORD_BYTES, "little")


def stamp_words(words: NDArray[np.uint32], first_sequence: int) -> None:
    """Fills in the checks of n records, given as (n, 16) words, the first of which stands at `first_sequence`."""
    checks = _checks(words)
    checks[:] = 0
    for start in range(0, len(words), _CHUNK):
        sums = _sums(words[start : start + _CHUNK], first_sequence + start)
        checks[start : start + _CHUNK] = np.remainder(sums, _PRIME, out=sums)


def failing_records(records: NDArray[np.void], first_sequence: int) -> NDArray[np.intp]:
    """Returns the indices of records whose check fails, or whose kind is NONE: a page of zeros is not an event."""
    words = as_words(records)
    failing = words.view(np.uint8)[:, KIND_OFFSET] == EventKind.NONE
    return np.flatnonzero(failing | (_remainders(words, first_sequence) != 0))


def displacements(records: NDArray[np.void], first_sequence: int) -> list[int]:
    """Returns for each record how far behind its place it was written (modulo 65521, nearest to zero)."""
    written = cast("list[int]", _remainders(as_words(records), first_sequence).tolist())
    return [-value if value <= _PRIME // 2 else _PRIME - value for value in written]


def _checks(words: NDArray[np.uint32]) -> NDArray[np.uint16]:
    return words.view(np.uint16)[:, 11]


def _sums(words: NDArray[np.uint32], first_sequence: int) -> NDArray[np.uint64]:
    """The sum of 16 products below 2**48, and a sequence: below 2**63."""
    sums = np.matmul(words, _WEIGHTS)
    sums += _RAMP[: len(words)]
    sums += first_sequence
    return sums


def _remainders(words: NDArray[np.uint32], first_sequence: int) -> NDArray[np.uint64]:
    """(N + S - check) mod 65521: zero for a record that is what was written, where it was written."""
    checks = _checks(words).astype(np.uint64)
    remainders = np.empty(len(words), np.uint64)
    for start in range(0, len(words), _CHUNK):
        remainders[start : start + _CHUNK] = _sums(words[start : start + _CHUNK], first_sequence + start)
    # The check is part of the summed words: its share is taken out there, and it is taken from what is left.
    remainders += checks * _CHECK_NEGATED
    remainders += 2 * _PRIME - checks
    return np.remainder(remainders, _PRIME, out=remainders)
