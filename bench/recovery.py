"""Seconds from the start of a process to a recovered desk, after a day of 10M events.

    python bench/recovery.py [--quick] [--rounds 3] [--profile]

The journal is that of `replay.py`. `snapshot`: from a snapshot that a tenth of the day follows (a desk writes one every
15 minutes). `scratch`: without any snapshot, every record replayed and every hash verified. Each recovery is a process
of its own: imports, compiled code from its cache, the journal's lock, its last segment verified, the state, the epoch.
Then it is killed, as a desk is that died. Last line: one JSON object.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from replay import DESK, EVENTS, QUICK_EVENTS, make_journal

from quarterdeck.journal import JournalReader, Snapshot, write_snapshot
from quarterdeck.runtime.replay import Replayer

TAIL_SHARE = 10  # one part in so many of the day follows the snapshot

CHILD = """
import hashlib, json, os, sys, time
began = float(sys.argv[2])
marks = {"python": time.time() - began}
import numpy, numba
marks["numba"] = time.time() - began
from pathlib import Path
from quarterdeck.config import load_desk
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import recover
import quarterdeck.desk.session
marks["imports"] = time.time() - began
folder = Path(sys.argv[1])
config = load_desk(folder)
marks["config"] = time.time() - began
recovered = recover(config, DeskPlace(folder))
marks["recovered"] = time.time() - began
digest = hashlib.sha256(recovered.states.data).hexdigest()
print(json.dumps({"marks": marks, "said": recovered.said, "digest": digest}))
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""


def recover_once(folder: Path) -> dict[str, Any]:
    """One recovery in a process of its own; seconds since just before it was started."""
    argv = [sys.executable, "-c", CHILD, str(folder), repr(time.time())]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def take_snapshot(folder: Path) -> tuple[int, bytes]:
    """Writes the snapshot of nine tenths of the day; returns its place, and the digest at the day's end."""
    reader = JournalReader(folder)
    ends = [block for block in reader.blocks(verify=False) if block.seal is not None and block.seal.state_digest]
    wanted = reader.next_sequence - reader.next_sequence // TAIL_SHARE
    block = next(block for block in ends if block.next_sequence >= wanted)
    assert block.seal is not None
    replayer = Replayer(reader)
    replayer.advance(block.next_sequence)
    body = replayer.states.tobytes()  # pyright: ignore[reportAttributeAccessIssue] an array
    time_ns = int(replayer.states[0]["time_ns"])
    shot = Snapshot(reader.desk, block.next_sequence, time_ns, block.seal.chain, body)
    write_snapshot(folder / "data" / "snapshots", shot)
    replayer.advance()
    return block.next_sequence, replayer.digest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1M events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="also says where the time goes")
    asked = parser.parse_args()
    events = QUICK_EVENTS if asked.quick else EVENTS
    with tempfile.TemporaryDirectory(prefix="quarterdeck-recovery-") as name:
        folder = Path(name)
        shutil.copy(DESK, folder / "desk.toml")
        make_journal(folder / "data" / "journal", events)
        place, digest = take_snapshot(folder)
        recover_once(folder)  # the first one may compile
        runs = {"snapshot": [recover_once(folder) for _ in range(asked.rounds)]}
        shutil.rmtree(folder / "data" / "snapshots")
        runs["scratch"] = [recover_once(folder) for _ in range(asked.rounds)]
    ok = all(run["digest"] == digest.hex() for rounds in runs.values() for run in rounds)
    seconds = {kind: statistics.median(run["marks"]["recovered"] for run in rounds) for kind, rounds in runs.items()}
    if asked.profile:
        for kind, rounds in runs.items():
            print(kind, json.dumps(rounds[-1], indent=1), file=sys.stderr)
    line = {
        "ok": ok,
        "events": events,
        "after_snapshot": events - place,
        "load1": os.getloadavg()[0],
        **{f"{kind}_s": round(value, 3) for kind, value in seconds.items()},
    }
    print(json.dumps(line))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
