"""What a running desk shows to other processes: a copy of its state and a few words, in a file that they map.

    offset  what
    0       magic, the state's size, room for words, where the layout lies and how long it is: `_HEAD`
    ..      the newest edition's number, 8 bytes: `_NEWEST`
    4096    two slots, one behind the other; each is
              begun   8   the edition that is being laid
              words   8   their length
              ended   8   the edition that lies here whole
              room    WORDS_MAX
              state
    behind  the state's layout as JSON

Editions take turns in the two slots, so a reader has a whole one while the next is laid; one that is overtaken while it
copies sees that in the numbers and reads again. The desk never waits and never looks whether anybody reads. The file is
no snapshot: it has another form, begins anew with each session, and nothing recovers from it.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Any, Final, Self, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import DeskError, JournalError
from quarterdeck.journal.schema import described, state_layout

__all__ = ["BUCKETS", "SHOWN", "WORDS_MAX", "Edition", "Publisher", "Reader", "bucket_seconds"]

SHOWN: Final = "shown"  # the file's name in data/
BUCKETS: Final = 40  # of turns of the loop by their length: bucket n holds those of less than 2**n ns
WORDS_MAX: Final = 64 * 1024
_MAGIC: Final = b"QDSHOWN1"
_HEAD: Final = struct.Struct("<8sQQQQ")
_NEWEST: Final = 64
_SLOTS: Final = 4096
_NUMBER: Final = struct.Struct("<Q")
_SLOT: Final = struct.Struct("<QQQ")
_TRIES: Final = 100
_SPARE: Final = 64  # bytes for saying that words were left out


def bucket_seconds(bucket: int) -> float:
    """The longest turn that a bucket holds, in seconds."""
    return 2.0**bucket / 1e9


class Publisher:
    """The desk's side. `size` is the state's; each edition costs one copy of it. OSError: there is no room for it."""

    def __init__(self, path: Path, size: int) -> None:
        layout = state_layout()
        self._room = _SLOT.size + WORDS_MAX + size
        self._edition = 0
        end = _SLOTS + 2 * self._room
        unfinished = path.with_name(path.name + ".unfinished")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(handle, 0, end + len(layout))  # a mapped page without room would end the process
            os.pwrite(handle, layout, end)
            os.pwrite(handle, _HEAD.pack(_MAGIC, size, WORDS_MAX, end, len(layout)), 0)
            self._map = mmap.mmap(handle, end)
        except OSError as error:
            unfinished.unlink()
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            os.close(handle)
        unfinished.replace(path)  # whoever mapped the last session's file keeps it, and sees that it is old

    def publish(self, state: NDArray[np.void], words: dict[str, object]) -> None:
        """Lays the next edition. Of words that are too long the short ones stay, with `too_long` as their length."""
        raw = msgspec.json.encode(words)
        if len(raw) > WORDS_MAX:
            raw = msgspec.json.encode({**_short(words), "too_long": len(raw)})
        self._edition += 1
        shown, at = self._map, _SLOTS + self._edition % 2 * self._room
        _NUMBER.pack_into(shown, at, self._edition)
        _NUMBER.pack_into(shown, at + 8, len(raw))
        begin = at + _SLOT.size
        shown[begin : begin + len(raw)] = raw
        shown[begin + WORDS_MAX : at + self._room] = memoryview(cast(Any, state)).cast("B")
        _NUMBER.pack_into(shown, at + 16, self._edition)
        _NUMBER.pack_into(shown, _NEWEST, self._edition)

    def close(self) -> None:
        self._map.close()


def _short(words: dict[str, object]) -> dict[str, object]:
    """Those of the words that have room however long the others are."""
    lengths = [(len(msgspec.json.encode((name, value))), name) for name, value in words.items()]
    kept: dict[str, object] = {}
    room = WORDS_MAX - _SPARE
    for length, name in sorted(lengths):
        room -= length
        if room > 0:
            kept[name] = words[name]
    return kept


class Edition(msgspec.Struct, frozen=True):
    """One copy. `state` has one record of STATE, in the layout that the desk has; `words` is what `vitals` gave."""

    number: int
    words: dict[str, Any]
    state: Any


class Reader:
    """Another process's side. `read` follows a desk from session to session; it imports no compiled code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None
        self._identity = (0, 0)
        self._layout: Any = None
        self._room = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> Edition | None:
        """Returns the newest edition; None where no desk has shown anything yet. DeskError: a file of another form."""
        if not self._reopen() or self._map is None:
            return None
        shown = self._map
        for _ in range(_TRIES):
            (newest,) = _NUMBER.unpack_from(shown, _NEWEST)
            if not newest:
                return None
            at = _SLOTS + newest % 2 * self._room
            begun, length, ended = _SLOT.unpack_from(shown, at)
            begin = at + _SLOT.size
            words = shown[begin : begin + length]
            state = shown[begin + WORDS_MAX : at + self._room]
            again = _NUMBER.unpack_from(shown, at)[0]
            if begun == ended == again == newest:
                return Edition(newest, self._words(words), np.frombuffer(state, self._layout))
        raise DeskError(f"{self.path}: it changed {_TRIES} times while it was read: the desk shows itself too often")

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def _words(self, raw: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self._nonsense(str(error)) from error

    def _nonsense(self, why: str = "") -> DeskError:
        more = f" ({why})" if why else ""
        return DeskError(f"{self.path}: not what a desk shows{more}; remove it, the next session writes it anew")

    def _reopen(self) -> bool:
        """Maps the file anew where a new session has put another one in its place."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            self.close()
            return False
        if self._map is not None and self._identity == (about.st_dev, about.st_ino):
            return True
        self.close()
        with self.path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size or head[:8] != _MAGIC:
                raise self._nonsense()
            _, size, words, place, length = _HEAD.unpack(head)
            if words != WORDS_MAX:
                raise DeskError(f"{self.path}: shown by another version of quarterdeck; start the desk with this one")
            about = os.fstat(file.fileno())
            self._room = _SLOT.size + WORDS_MAX + size
            if not place + length == about.st_size == _SLOTS + 2 * self._room + length:
                raise self._nonsense(f"{about.st_size} bytes, but its head speaks of {place + length}")
            file.seek(place)
            try:
                self._layout = described(msgspec.json.decode(file.read(length)))
            except (msgspec.DecodeError, TypeError, ValueError, KeyError, JournalError) as error:
                raise self._nonsense(str(error)) from error
            if self._layout.itemsize != size:
                raise self._nonsense(f"its layout has {self._layout.itemsize} bytes, its state {size}")
            self._map = mmap.mmap(file.fileno(), place, prot=mmap.PROT_READ)
        self._identity = (about.st_dev, about.st_ino)
        return True
