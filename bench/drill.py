"""Backup and restore drill of a desk of 1 GB: its journal is made by the real writer, its digests by the kernel.

python bench/drill.py [--records N] [--plain] [FOLDER]    (a folder with 4 GB of room; default: a temporary one)

The last line is one JSON object with the figures.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "desks" / "xrpliquid"
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
SAMPLE_NS = 3_600 * SECOND_NS
RECORDS = 16_000_000
MORE = 100_000  # records that come after the backup
APPENDED = 4_096


def sample(config: Any) -> Any:
    """An hour of the generated market."""
    import numpy as np

    from quarterdeck.desk.feeds import GeneratedFeed
    from quarterdeck.kernel.records import EVENT

    feed = GeneratedFeed(config, 1, START_NS)
    parts: list[bytes] = []
    while len(part := feed.take(START_NS + SAMPLE_NS, 1 << 16)):
        parts.append(part.tobytes())
    return np.frombuffer(b"".join(parts), EVENT)


class Desk:
    """A desk that hears a market and does not trade: each record is journaled, applied, sealed with the digest."""

    def __init__(self, config: Any, folder: Path) -> None:
        from quarterdeck.desk.keeping import JournalKeeper, journal_options
        from quarterdeck.journal import JournalWriter
        from quarterdeck.kernel.account import new_actions, new_state
        from quarterdeck.runtime.opening import opening_events

        self.states, self.actions = new_state(), new_actions()
        options = journal_options(config.journal)
        self.writer = JournalWriter(folder / "data" / "journal", config.desk.name, options)
        self.keeper = JournalKeeper(self.writer, config.journal, folder / "data" / "snapshots", START_NS)
        self.quotes = sample(config)
        self.place, self.hours = 0, 0
        self.hear(opening_events(config, 1, START_NS, fresh=True))

    def hear(self, events: Any) -> None:
        from quarterdeck.runtime.replay import apply_records

        self.writer.append(events)
        apply_records(self.states, events, 0, len(events), self.actions)
        self.keeper.keep(self.states, int(self.states[0]["time_ns"]))
        self.writer.flush()

    def go_on(self, count: int) -> None:
        """Hears that many more events; the sample comes again an hour later."""
        end = self.writer.next_sequence + count
        while self.writer.next_sequence < end:
            part = self.quotes[self.place : self.place + min(APPENDED, end - self.writer.next_sequence)].copy()
            part["time_ns"] += self.hours * SAMPLE_NS
            self.hear(part)
            self.place += len(part)
            if self.place >= len(self.quotes):
                self.place, self.hours = 0, self.hours + 1

    def seal(self) -> None:
        self.keeper.seal(self.states, int(self.states[0]["time_ns"]))
        self.writer.sync()


def run(folder: Path, records: int, plain: bool) -> dict[str, Any]:
    import pyrage

    from quarterdeck.audit import DeskFiles, audit
    from quarterdeck.backup import drill, take_backup
    from quarterdeck.backup.store import store_of
    from quarterdeck.config import load_desk

    identity = pyrage.x25519.Identity.generate()
    shutil.copytree(SHIPPED / "config", folder / "config")
    who = "unencrypted = true" if plain else f'recipients = ["{identity.to_public()}"]'
    (folder / "desk.toml").write_text((SHIPPED / "desk.toml").read_text() + f"\n[backup]\n{who}\n")
    config = load_desk(folder)
    (folder / "data").mkdir()
    (folder / "data" / "epoch").write_text("1\n")
    figures: dict[str, Any] = {"ok": False, "encrypted": not plain}

    began = time.perf_counter()
    desk = Desk(config, folder)
    desk.go_on(records)
    desk.seal()
    figures["write_s"] = time.perf_counter() - began
    figures["journal_bytes"] = sum(path.stat().st_size for path in (folder / "data" / "journal").glob("*.qdj"))
    print(f"{desk.writer.next_sequence} records, {figures['journal_bytes']} bytes, in {figures['write_s']:.1f} s")

    began = time.perf_counter()
    found = audit(DeskFiles(folder))
    figures["audit_s"] = time.perf_counter() - began
    print("\n".join(found.lines()))

    report = take_backup(config, folder, time.time_ns())
    figures |= {"backup_s": report.seconds, "stored_bytes": report.stored_bytes}
    print("\n".join(report.lines()))
    desk.go_on(MORE)
    again = take_backup(config, folder, time.time_ns() + SECOND_NS)
    figures |= {"incremental_s": again.seconds, "incremental_bytes": again.stored_bytes}
    desk.go_on(MORE)  # what the last seal does not cover waits in the open block

    proved = drill(store_of(config.backup, folder, config.desk.name), DeskFiles(folder), [identity], scratch=folder)
    print("\n".join(proved.lines()))
    desk.writer.close()
    figures |= proved.as_dict()
    figures["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures["ok"] = not found.problems and not proved.problems
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where to write; default: a temporary folder")
    parser.add_argument("--records", type=int, default=RECORDS, help="of 64 bytes; default: 16 million, 1 GB")
    parser.add_argument("--plain", action="store_true", help="without encryption")
    asked = parser.parse_args()
    os.environ["QUARTERDECK_CAPACITY"] = "small"  # what the shipped desk asks for
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        figures = run(Path(name), asked.records, asked.plain)
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}))
    sys.exit(0 if figures["ok"] else 1)


if __name__ == "__main__":
    main()
