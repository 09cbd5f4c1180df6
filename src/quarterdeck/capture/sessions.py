"""Who recorded when, with what: one JSON line when a recording begins and one when it ends, in `sessions.jsonl`.

What a recording that died has recorded is in the journal; the next one writes its end.
"""

import os
from pathlib import Path

import msgspec

from quarterdeck.capture.catalogue import Catalogue
from quarterdeck.errors import DataError

__all__ = ["Began", "Ended", "Recording", "capture_folder", "read_sessions", "write_session"]


def capture_folder(root: Path) -> Path:
    """Returns where the captures of a desk lie, whose folder, or another in its place, is `root`."""
    return root / "data" / "capture"


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    """A recording began. `first_sequence` is the record of the journal that it begins with."""

    desk: str
    began_ns: int
    version: str
    source_hash: str
    first_sequence: int
    catalogue: Catalogue


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The recording that began at `began_ns` ended; one that died is ended by the next, at its last record's time."""

    began_ns: int
    ended_ns: int
    next_sequence: int
    died: bool = False


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A recording, whole. Without an end it goes on, or died and none began since."""

    began: Began
    ended: Ended | None = None


def write_session(path: Path, line: Began | Ended) -> None:
    """Appends a line, and returns when it is on the medium."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if file.tell() and not _ends_whole(path):
            file.write(b"\n")  # the line before was cut off by a death
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def read_sessions(path: Path) -> list[Recording]:
    """Returns all recordings, oldest first. DataError: a line that is not the last one cannot be read."""
    if not path.exists():
        return []
    found: dict[int, Recording] = {}
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        try:
            said = msgspec.json.decode(line, type=Began | Ended)
        except msgspec.DecodeError as error:
            if number == len(lines):
                continue  # a death cut it off
            raise DataError(str(path), f"is no line of a recording: {error}", number) from error
        if isinstance(said, Began):
            found[said.began_ns] = Recording(began=said)
        elif said.began_ns in found:
            found[said.began_ns] = Recording(began=found[said.began_ns].began, ended=said)
    return list(found.values())
