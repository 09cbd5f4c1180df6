"""What a venue sent and nobody can read: counted by kind, the latest of each kept, said once per kind, and passed over.

A bad message never stops a line. A number that grows does get looked at.
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["SAMPLE_CHARACTERS", "Quarantine", "complaint_kind"]

SAMPLE_CHARACTERS: Final = 120
_KINDS_MAX: Final = 64
_REST: Final = "other"
_PARTICULAR: Final = re.compile(r"'[^']*'| \(byte \d+\)| - at `.*| byte 0x.*|\d+", re.DOTALL)


def complaint_kind(complaint: str) -> str:
    """Returns a reader's complaint without what is particular to one message: its places, numbers and quoted words."""
    return _PARTICULAR.sub("", complaint)[:SAMPLE_CHARACTERS].strip()


class Quarantine:
    """Counts bad messages of one venue. Any thread may call it.

    `say` is given one sentence when a kind is seen for the first time. At most 64 kinds are told apart.
    """

    def __init__(self, venue: str, say: Callable[[str], None]) -> None:
        self._venue, self._say = venue, say
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._samples: dict[str, str] = {}

    def hold(self, kind: str, raw: bytes, why: str = "") -> None:
        """Takes one bad message: what is wrong with it in few words, its bytes, and the reader's own complaint."""
        sample = repr(raw[:SAMPLE_CHARACTERS])[2:-1][:SAMPLE_CHARACTERS]
        with self._lock:
            if kind not in self._counts and len(self._counts) >= _KINDS_MAX:
                kind = _REST
            first = kind not in self._counts
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._samples[kind] = sample
        if first:
            more = f" ({why[:SAMPLE_CHARACTERS]})" if why else ""
            self._say(f"{self._venue} sent what cannot be read, {kind}{more}: {sample}; it is counted and passed over")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each kind, as of now."""
        with self._lock:
            return dict(self._counts)

    @property
    def samples(self) -> Mapping[str, str]:
        """The beginning of the latest of each kind."""
        with self._lock:
            return dict(self._samples)

    @property
    def total(self) -> int:
        """How many in all."""
        with self._lock:
            return sum(self._counts.values())
