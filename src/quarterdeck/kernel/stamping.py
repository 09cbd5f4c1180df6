"""How compiled code lays records into a journal's buffer: the cursor that it moves along, the check that it fills in.

The check is what `journal.checks` says: a record is one 512-bit little-endian number N (its check counted as zero) at
sequence S, and its check is (N + S) mod 65521.
"""

from typing import Any, Final

import numpy as np

from quarterdeck.kernel.compiled import compiled

__all__ = ["BASE", "CHECK_PRIME", "CURSOR_WORDS", "NEXT", "ROOM", "stamp"]

# The cursor: sequence of the next record, sequence of the buffer's first one, and how many more records may be laid
# unasked. A record is laid first and `NEXT` raised then: one store makes it count, whenever the process dies.
NEXT: Final = 0
BASE: Final = 1
ROOM: Final = 2
CURSOR_WORDS: Final = 3

CHECK_PRIME: Final = 65521
_WORDS: Final = 8
_PRIME: Final = np.uint64(CHECK_PRIME)
_WEIGHTS: Final = np.array([pow(2, 64 * place, CHECK_PRIME) for place in range(_WORDS)], np.int64)
_CHECK_WORD: Final = 2  # the check is its last 16 bits
_CHECK_SHIFT: Final = np.uint64(48)
_CHECK_CLEARED: Final = np.uint64((1 << 48) - 1)


@compiled
def stamp(words: Any, place: int, sequence: int) -> None:
    """Fills in the check of record `place`. `words` are the records as unsigned 64-bit words, eight to a record."""
    first = place * _WORDS
    words[first + _CHECK_WORD] &= _CHECK_CLEARED
    total = sequence
    for index in range(_WORDS):
        total += int(words[first + index] % _PRIME) * _WEIGHTS[index]
    words[first + _CHECK_WORD] |= np.uint64(total % CHECK_PRIME) << _CHECK_SHIFT
