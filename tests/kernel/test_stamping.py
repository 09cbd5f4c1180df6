"""The check that compiled code fills in is the one that the journal expects.

What is tested: `quarterdeck.kernel.stamping`.
"""

from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.journal.checks import stamp_bytes
from quarterdeck.kernel.stamping import stamp


@given(raw=st.binary(min_size=192, max_size=192), place=st.integers(0, 2), sequence=st.integers(0, 10**12))
def test_a_record_is_stamped_as_the_journal_stamps_it(raw: bytes, place: int, sequence: int) -> None:
    words = np.frombuffer(bytearray(raw), np.uint64)
    cast(Any, stamp)(words, place, sequence)
    start, stop = place * 64, place * 64 + 64
    assert words.tobytes() == raw[:start] + stamp_bytes(raw[start:stop], sequence) + raw[stop:]
