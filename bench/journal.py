"""Records per second: append with group commit in batches of 1, 16 and 4096, and a verified read of what was written.

python bench/journal.py [--quick] [FOLDER]    (a folder on the disk that is meant; default: a temporary one)

The last line is one JSON object with the figures of batches of 4096.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from quarterdeck.journal import JournalOptions, JournalReader, JournalWriter, runs, verify
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind

ROUNDS = 3
RECORDS = {1: 200_000, 16: 1 << 20, 4096: 1 << 22}


def events(count: int) -> np.ndarray:
    """Quotes with changing numbers, so that nothing about them is easy."""
    made = np.zeros(count, EVENT)
    made["kind"] = EventKind.QUOTE
    made["time_ns"] = np.arange(count) * 1000 + 1_700_000_000_000_000_000
    for name in ("bid", "ask", "bid_quantity", "ask_quantity", "update_id"):
        made[name] = np.arange(count) * 7919 % 1_000_003
    return made


def append_rate(folder: Path, quotes: np.ndarray, batch: int, total: int) -> tuple[float, float]:
    """Returns records/s of append + flush of every batch, close included, and the median microseconds of a batch."""
    spent: list[float] = []
    began = time.perf_counter()
    with JournalWriter(folder, "bench", JournalOptions(fsync="group", group_ms=5)) as writer:
        for start in range(0, total, batch):
            place = start % len(quotes)
            before = time.perf_counter()
            writer.append(quotes[place : place + batch])
            writer.flush()
            spent.append(time.perf_counter() - before)
    return total / (time.perf_counter() - began), statistics.median(spent) * 1e6


def read_rate(folder: Path) -> tuple[int, float]:
    """Returns how many records were consumed, and records/s of a read that verifies every hash."""
    began = time.perf_counter()
    count = total = 0
    for block in JournalReader(folder).blocks():
        for _, records in runs(block):
            count += len(records)
            total += int(records["time_ns"][-1])
    assert total
    return count, count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where to write; default: a temporary folder")
    parser.add_argument("--quick", action="store_true", help="a tenth of the records")
    asked = parser.parse_args()
    parent, share = asked.folder, 10 if asked.quick else 1
    line: dict[str, object] = {"ok": True}
    quotes = events(1 << 20)
    print(f"{'work':<38} {'M records/s':>12} {'median us':>10}")
    for batch, records in RECORDS.items():
        total = records // share // batch * batch
        rates: list[tuple[float, float]] = []
        reads: list[float] = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=parent) as name:
                folder = Path(name)
                rates.append(append_rate(folder, quotes, batch, total))
                count, rate = read_rate(folder)
                assert count == total
                assert verify(folder).exit_code == 0
                reads.append(rate)
        rate, spent = statistics.median(rates)
        line |= {"batch": batch, "records_per_s": round(rate), "read_per_s": round(statistics.median(reads))}
        print(f"{f'append, group commit, batches of {batch}':<38} {rate / 1e6:>12.2f} {spent:>10.2f}")
    print(f"{'read, every hash verified':<38} {statistics.median(reads) / 1e6:>12.2f}")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
