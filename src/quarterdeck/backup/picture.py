"""What a running desk holds at one moment that its journal names: taken beside the writer, without its lock.

Finished segments never change. Of the last one only what a seal covers is taken, up to a seal that carries the state's
digest, where there is one. Snapshots are those that stand at or before that seal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.audit.anchors import anchor_paths
from quarterdeck.audit.files import DeskFiles
from quarterdeck.backup.manifest import JOURNAL_PREFIX
from quarterdeck.errors import BackupError
from quarterdeck.journal import Block, JournalReader, Seal
from quarterdeck.journal.blocks import chain_end, check_block, check_name, sealed_blocks
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.disk import OS_DISK
from quarterdeck.journal.segment import HEADER_BYTES, Segment
from quarterdeck.journal.snapshot import SNAPSHOT_SUFFIX

__all__ = ["Part", "Picture", "take_picture"]

_DESK_FILE: Final = "desk.toml"
_CONFIG: Final = "config"
_FILE_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, as far as it is taken. `chain` is the hash that a finished one ends with; "" for the last."""

    segment: Segment
    records: int
    chain: str

    @property
    def path(self) -> str:
        return JOURNAL_PREFIX + self.segment.path.name

    @property
    def bytes(self) -> int:
        return HEADER_BYTES + self.records * RECORD_BYTES

    def data(self) -> memoryview:
        """Returns the bytes, header first. JournalCorrupt when they are not what was sealed."""
        check_name(self.segment)
        for block in sealed_blocks(self.segment):
            if block.next_sequence > self.segment.first_sequence + self.records:
                break
            check_block(self.segment, block)
        if self.chain:
            return OS_DISK.map(self.segment.path)[: self.bytes]
        # The last one grows meanwhile: what was checked is what is taken.
        with self.segment.path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        return memoryview(header + self.segment.records[: self.records].tobytes())


@dataclass(frozen=True, slots=True)
class Picture:
    """A desk up to `end`: its segments, and its other files by their paths below the desk's folder."""

    desk: str
    capacity: str
    first_sequence: int
    end: Seal
    parts: tuple[Part, ...]
    files: dict[str, bytes]
    private: frozenset[str]
    epoch: int


def take_picture(files: DeskFiles, config_folder: Path, config_files: tuple[str, ...], *, keys: bool) -> Picture:
    """Looks at a desk. With `keys` its signing key is taken too. BackupError: nothing is sealed yet; JournalCorrupt."""
    snapshots = sorted(path.name for path in files.snapshots.glob(f"*{SNAPSHOT_SUFFIX}"))
    reader = JournalReader(files.journal)
    end = _last_seal(reader)
    found = dict(_config(config_folder, config_files))
    for name in snapshots:
        if int(Path(name).stem) <= end.sequence + 1:
            found |= _read(files.snapshots / name, f"data/snapshots/{name}")
    for path in anchor_paths(files):
        if int(path.stem.removeprefix("anchor-")) <= end.sequence + 1:
            found |= _read(path, f"data/anchors/{path.name}")
    found |= _read(files.prunes, "data/anchors/prunes.jsonl")
    found |= _read(files.public_key, "data/keys/audit.pub")
    secret = _read(files.signing_key, "data/keys/audit.key") if keys else {}
    epoch = files.epoch()
    found["data/epoch"] = f"{epoch}\n".encode()
    return Picture(
        desk=reader.desk,
        capacity=reader.segments[-1].header.capacity,
        first_sequence=reader.first_sequence,
        end=end,
        parts=tuple(_parts(reader, end)),
        files=found | secret,
        private=frozenset(secret),
        epoch=epoch,
    )


def _last_seal(reader: JournalReader) -> Seal:
    """Returns the last seal with a state's digest, or else the last seal."""
    last: Seal | None = None
    for segment in reversed(reader.segments):
        for block in reversed(sealed_blocks(segment)):
            seal = _sealed(block)
            last = last or seal
            if seal.state_digest:
                return seal
    if last is None:
        raise BackupError(f"{reader.path}: nothing is sealed in this journal yet: there is nothing to back up")
    return last


def _sealed(block: Block) -> Seal:
    assert block.seal is not None, "a sealed block has a seal"
    return block.seal


def _parts(reader: JournalReader, end: Seal) -> Iterator[Part]:
    for segment in reader.segments:
        if segment.first_sequence > end.sequence:
            return
        records = min(len(segment.records), end.sequence + 1 - segment.first_sequence)
        finished = segment is not reader.segments[-1] and records == len(segment.records)
        yield Part(segment, records, chain_end(segment).hex() if finished else "")


def _config(folder: Path, named: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yields the desk's settings: desk.toml, what is in config/, and the files that desk.toml names."""
    inside = [path for path in sorted((folder / _CONFIG).rglob("*")) if path.is_file() and not path.is_symlink()]
    wanted = {_DESK_FILE, *named, *(path.relative_to(folder).as_posix() for path in inside)}
    for word in sorted(wanted):
        yield from _read(folder / word, word).items()


def _read(path: Path, word: str) -> dict[str, bytes]:
    """Returns a small file under its word; nothing where it has gone meanwhile, as an old snapshot does."""
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise BackupError(f"{path}: it is larger than {_FILE_BYTES_MAX >> 20} MiB: keep it outside config/")
        return {word: path.read_bytes()}
    except FileNotFoundError:
        return {}
