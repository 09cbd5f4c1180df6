"""The twin-day proof: each desk trades on twins of its venues for ten hours of their market, and both sides agree.

    python -m tests.desk.twin_day [DESK ...] [--hours 10] [--speed 60] [--seed N] [--keep FOLDER]

The market's clock goes `speed` times as fast as the real one, and so does the desk's; keys, signatures and rate limits
are of real time. At the end of each desk:

- it sent orders, and had fills;
- no round of reconciliation ever found a difference that stood, and there were rounds;
- no order's fate is unknown;
- `quarterdeck reconcile` finds each day CLEAN against the venue's own statement;
- replaying the journal gives the digest with which the desk ended.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.config import load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.narrative import Line
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.session import Voices
from quarterdeck.desk.twinned import Twinned
from quarterdeck.journal import JournalReader, runs
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.reports.command import reconcile_desk
from quarterdeck.runtime.replay import replay, replay_desk
from quarterdeck.venues.links import open_venue

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DESKS: Final = ("xrpliquid", "hat-manifesto", "hmm-ops", "intraday")
HOUR_S: Final = 3_600.0
DAY_NS: Final = 86_400 * 10**9


class Day:
    """One desk's hours at its twins. `differences` are all that ever stood."""

    def __init__(self, desk: str, folder: Path, speed: float, seed: int) -> None:
        self.desk, self.folder, self.speed, self.seed = desk, folder, speed, seed
        self.differences = set[str]()
        self.said = list[str]()
        self.statements = dict[str, str]()
        self.lines = Counter[str]()
        self.session: LiveSession
        self.alive = False
        self.enough = self.last_round = 0
        self.ends_ns = 0

    def trade(self, hours: float, fills: int = 0) -> None:
        """Trades so many hours of the market, and then compares each of its days with the venues' statements.

        With `fills` it ends as soon as there were so many. At the end the twins' markets stand still: what they would
        pay or fill once the desk has gone, it could not know. A last round of reconciliation is waited for.
        """
        self.enough = fills
        config = load_desk(REPOSITORY / "desks" / self.desk)
        with Twinned(config, self.folder, speed=self.speed, seed=self.seed, say=self.said.append) as twinned:
            live, bell, clock = load_desk(self.folder), Bell(), twinned.clock
            options = LiveOptions(
                wake=bell.ring, wall=clock.wall, monotonic=clock.monotonic, wait=clock.wait,
                voices=Voices(say=self.said.append, tell=self._hear),
            )  # fmt: skip
            venues = [open_venue(live, row, self.said.append) for row in range(len(live.venues))]
            self.session = LiveSession(live, DeskPlace(self.folder), venues, options)
            began_ns = clock.wall()
            self.ends_ns = began_ns + int(hours * HOUR_S * 10**9)
            run_session(self.session, each=self._look, bell=bell)
            self.alive = twinned.alive
            for number in range(began_ns // DAY_NS, clock.wall() // DAY_NS + 1):
                day = f"{datetime.fromtimestamp(number * DAY_NS // 10**9, UTC):%Y-%m-%d}"
                report, _ = reconcile_desk(live, day, wall_ns=clock.wall)
                self.statements[day] = str(report.as_dict()["overall_status"])

    def _hear(self, line: Line) -> None:
        self.lines[line.event] += 1

    def _look(self) -> None:
        state: Any = self.session.desk.states[0]
        rounds, venues = int(state["kinds"][EventKind.RECONCILED]), self.session.config.venues
        enough = 0 < self.enough <= self.lines["ORDER_FILLED"]
        if not self.last_round and (enough or self.session.clock.now() >= self.ends_ns):
            self.last_round = rounds + len(venues)
            for address in {venue.address for venue in venues}:
                _halt(address or "")
        if 0 < self.last_round <= rounds:
            self.session.stopping = True
        for one in self.session.differences():
            self.differences.add(str(one))

    def figures(self) -> dict[str, Any]:
        """What happened, for people."""
        state: Any = self.session.desk.states[0]
        kinds = state["kinds"]
        statuses = [int(order["status"]) for order in state["orders"] if order["id"]]
        ended = datetime.fromtimestamp(int(state["time_ns"]) // 10**9, UTC)
        return {
            "market's time at the end": f"{ended:%Y-%m-%d %H:%M:%S}",
            "orders": self.session.tally.orders,
            "fills": len(self.trades()),
            "refused by the rails": sum(self.session.tally.rejected.values()),
            "refused by the venue": dict(self.session.tally.refused_by_venue),
            "rounds of reconciliation": int(kinds[EventKind.RECONCILED]),
            "differences": sorted(self.differences) or 0,
            "fates unknown": sum(status == OrderStatus.UNKNOWN for status in statuses),
            "statements": ", ".join(f"{day} {status}" for day, status in self.statements.items()),
            "warnings": self.lines["WARNING"],
            "digest": self.session.desk.digest.hex()[:16],
        }

    def trades(self) -> set[tuple[int, int]]:
        """The trades that were booked, each once: a venue's lists repeat them."""
        found: set[tuple[int, int]] = set()
        for block in _blocks(self.folder):
            fills = block[block["kind"] == int(EventKind.FILL)]
            found |= {(int(one["instrument"]), int(one["trade_id"])) for one in fills}
        return found

    def check(self) -> None:
        """AssertionError: what does not hold."""
        found = self.figures()
        assert self.alive, f"a twin died: {self.said}"
        assert found["orders"] > 0, f"nothing was traded: {self.said}"
        assert found["fills"] > 0, found
        assert found["rounds of reconciliation"] > 0, found
        assert not self.differences, found
        assert not found["fates unknown"], found
        assert set(self.statements.values()) == {"CLEAN"}, found
        digest = self.session.desk.digest.hex()
        assert replay_desk(self.folder).result.digest.hex() == digest, "the snapshot and its tail give another digest"
        assert replay(self.folder / "data" / "journal").digest.hex() == digest, "the journal gives another digest"


def _halt(address: str) -> None:
    """Lets a twin's market stand still."""
    body = json.dumps({"fault": "halt", "amount": 1}).encode()
    request = urllib.request.Request(f"http://{address}/twin", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def _blocks(folder: Path) -> Any:
    for block in JournalReader(folder / "data" / "journal").blocks():
        for _, records in runs(block):
            yield records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("desks", nargs="*", default=DESKS)
    parser.add_argument("--hours", type=float, default=10.0, help="of the market")
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--keep", type=Path, default=None, help="the desks' folders, kept afterwards")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for desk in asked.desks:
            began = time.monotonic()
            sys.stdout.write(f"{desk}: {asked.hours:g} hours of the market, {asked.speed:g} times as fast\n")
            sys.stdout.flush()
            day = Day(desk, (asked.keep or Path(scratch)) / desk, asked.speed, asked.seed)
            day.trade(asked.hours)
            found = {**day.figures(), "real seconds": f"{time.monotonic() - began:.0f}"}
            sys.stdout.write("".join(f"  {name:<28} {value}\n" for name, value in found.items()))
            sys.stdout.flush()
            day.check()


if __name__ == "__main__":
    main()
