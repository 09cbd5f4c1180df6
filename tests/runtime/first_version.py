"""Writes `first_version.tar.xz`: what the version before state schemas had a number in their headers left behind.

    git archive d743f13 | tar x -C OLD
    cd OLD && NUMBA_DISABLE_JIT=1 QUARTERDECK_CAPACITY=small PYTHONPATH=src:. python .../first_version.py OUT.tar.xz

A desk that has traded on the simulated venue, with positions and open orders: its journal, a snapshot from the middle
of it, and `final.qds`, the state that version came to at the journal's end. Only run by hand, with that version's own
code; `test_upgrade` reads what it wrote.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from quarterdeck.journal import JournalReader, Snapshot, write_snapshot
from quarterdeck.runtime.replay import Replayer
from tests.runtime.recording import BOTH, market_data, record, write_desk

__all__ = ["main"]

EVENTS = 404


def shot(folder: Path, sequence: int) -> Snapshot:
    """The state at a sequence right after a seal."""
    reader = JournalReader(folder)
    replayer = Replayer(reader)
    replayer.advance(sequence)
    chain = next(block.seal.chain for block in reader.blocks() if block.seal and block.next_sequence == sequence)
    body = np.asarray(replayer.states).tobytes()
    return Snapshot("harbour", sequence, int(replayer.states[0]["time_ns"]), chain, body)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "harbour"
        record(folder, write_desk(folder), BOTH, market_data(EVENTS))
        ends = [
            block.next_sequence for block in JournalReader(folder).blocks() if block.seal and block.seal.state_digest
        ]
        write_snapshot(folder / "data" / "snapshots", shot(folder, ends[len(ends) // 2]))
        final = write_snapshot(folder / "final", shot(folder, ends[-1]))
        final.rename(folder / "final.qds")
        (folder / "final").rmdir()
        (folder / "data" / "journal" / "lock").unlink()
        (folder / "data" / "journal" / "reserve").unlink()
        with tarfile.open(target, "w:xz") as archive:
            archive.add(folder, "harbour")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
