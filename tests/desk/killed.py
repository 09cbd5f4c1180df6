"""The kill proof: a live desk under load is killed again and again; at the end nothing was lost and nothing doubled.

    python -m tests.desk.killed [--kills 100] [--seed N] [--keep FOLDER]

A desk process trades at a practice exchange process. At random moments, under load, the desk dies by SIGKILL; one time
in five the exchange dies, one time in ten both; answers are lost, late or garbled as well. Each is started
again and must say that it is ready. At the end:

- no client id was ever sent to the exchange twice, and none that the journal does not know;
- every fill of the exchange is in the journal, and none is applied twice: position and cash less its cost are equal;
- the open orders are the same on both sides, and no order's fate is unknown;
- replaying the journal gives the digest with which the desk ended.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.config import load_desk
from quarterdeck.desk.replica import Replica
from quarterdeck.journal import JournalReader, runs
from quarterdeck.kernel.orders import SEQUENCE_BITS
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderStatus
from quarterdeck.runtime.replay import replay, replay_desk
from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.identity import client_id, desk_tag
from tests.desk.live_rig import DESK_TOML

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 60.0
LOAD_S: Final = 10.0  # for the first order of a desk that is ready
QUOTES: Final = 150
OPEN: Final = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)
FAULTS: Final = ((Fault.DELAY, 40), (Fault.DROP_ACKS, 10), (Fault.DISCONNECT, 1), (Fault.GARBLE, 10))
UNHEARD: Final = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
SETTINGS: Final = """
[reconciliation]
every_s = 1
request_ms = 500
retry_ms = 50
overlap_ms = 500

[journal]
snapshot_minutes = 1
"""


def write_desk(folder: Path) -> None:
    """A live desk at a practice exchange in its own folder."""
    folder.mkdir(parents=True, exist_ok=True)
    purse = 'venue = "practice"\ncurrency = "USD"\n'
    assert purse in DESK_TOML
    reserve = "cancel_reserve = 100\n"
    # A delayed exchange opens the breaker of its errors, which outlives a process: soon enough closed for the next one.
    document = DESK_TOML.replace(purse, purse + 'deposit = "100000"\n')
    document = document.replace(reserve, reserve + "error_cooldown_s = 2\n")
    (folder / "desk.toml").write_text(document + SETTINGS)


class Process:
    """A process of ours whose lines are read, and which may be killed."""

    def __init__(self, *command: str) -> None:
        self.began = time.monotonic()
        self._process = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def line(self, word: str) -> list[str]:
        """Waits for the line that begins with a word, and returns its words."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = line.split()
            if words[:1] == [word]:
                return words
        raise AssertionError(f"the process ended ({self._process.wait()}) before it said {word!r}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> str:
        """Ends it in order; returns what it still said."""
        self._process.send_signal(signal.SIGTERM)
        return self.rest()

    def rest(self) -> str:
        """Waits for its end in order; returns what it said until then."""
        said, _ = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, f"it ended with {self._process.returncode}"
        return said

    def _end(self) -> None:
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class Tally:
    """What happened, for people."""

    kills: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    ready_s: list[float] = field(default_factory=list[float])
    import_s: list[float] = field(default_factory=list[float])
    recover_s: list[float] = field(default_factory=list[float])


class Proof:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.truth = folder / "practice.truth"
        write_desk(folder)
        self.address = Address(path=folder / "practice.sock")
        self.exchange = self.start_exchange()
        self.desk = self.start_desk("busy")

    def start_exchange(self) -> Process:
        command = "import quarterdeck.cli, quarterdeck.cli.practice; quarterdeck.cli.main()"
        state = str(self.truth)
        process = Process("-c", command, "practice", str(self.folder), "--state", state, "--quotes", str(QUOTES))
        process.line("the")
        return process

    def start_desk(self, mood: str) -> Process:
        return Process("-m", "tests.desk.busy_desk", str(self.folder), mood)

    def wait_ready(self) -> None:
        _, _, imports, _, recovers = self.desk.line("ready")
        self.tally.ready_s.append(time.monotonic() - self.desk.began)
        self.tally.import_s.append(float(imports))
        self.tally.recover_s.append(float(recovers))

    def strike(self) -> None:
        """In two lives of five something is wrong between desk and exchange, too."""
        fault, amount = self.chance.choice(FAULTS) if self.chance.random() < 0.4 else (Fault.CLEAR, 0)
        ask_admin(self.address, Admin(fault=fault, amount=amount))
        self.tally.faults[fault] += fault is not Fault.CLEAR

    def kill_once(self) -> None:
        """Kills the desk, the exchange or both; one desk in six before it was ready."""
        self.strike()
        draw = self.chance.random()
        what = "exchange" if draw < 0.2 else "both" if draw < 0.3 else "desk"
        if what == "desk" and self.chance.random() < 1 / 6:
            what = "desk before it was ready"
            time.sleep(self.chance.random() * 2)
        else:
            self.wait_ready()
            self._wait_for_load()
            time.sleep(self.chance.random() * 0.8)
        self.tally.kills[what] += 1
        if what == "exchange":
            self.exchange.kill()
            time.sleep(self.chance.random() * 0.2)
            self.exchange = self.start_exchange()
            time.sleep(self.chance.random() * 0.5)
        if what == "both":
            self.exchange.kill()
        self.desk.kill()
        if what == "both":
            self.exchange = self.start_exchange()
        self.desk = self.start_desk("busy")

    def _wait_for_load(self) -> None:
        """Until this life of the desk has sent an order; a fault may keep it from that, so not for ever."""
        before, deadline = self._truth_bytes(), time.monotonic() + LOAD_S
        while self._truth_bytes() == before and time.monotonic() < deadline:
            time.sleep(0.02)

    def _truth_bytes(self) -> int:
        """How much the exchange has written down: it does so for orders, and not for quotes that move nobody."""
        return self.truth.stat().st_size

    def finish(self) -> dict[str, Any]:
        """Lets both sides come to rest, ends the desk in order, and compares; returns figures for people."""
        ask_admin(self.address, Admin(fault=Fault.CLEAR))
        self.wait_ready()
        self.desk.kill()
        self.desk = self.start_desk("calm")
        self.wait_ready()
        ask_admin(self.address, Admin(fault=Fault.HALT, amount=1))
        self._until_agreed()
        digest = self.desk.stop().split()[-1]
        record = ask_admin(self.address, Admin(account="practised"))
        self.exchange.stop()
        return self._compare(digest, record)

    def _until_agreed(self) -> None:
        """Waits until the desk has compared itself with the halted exchange and found nothing open."""
        command = ("-c", "import quarterdeck.cli; quarterdeck.cli.main()", "status", str(self.folder), "--json")
        deadline = time.monotonic() + PATIENCE_S
        agreed = 0
        while agreed < 3:
            assert time.monotonic() < deadline, "the desk and the exchange never agreed"
            done = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=True, cwd=REPOSITORY
            )
            status = json.loads(done.stdout)
            fine = status["recovered"] and not status["differences"] and not status["orders_asked_for"]
            agreed = agreed + 1 if fine else 0

    def _compare(self, digest: str, record: dict[str, Any]) -> dict[str, Any]:
        journal = self.folder / "data" / "journal"
        assert replay_desk(self.folder).result.digest.hex() == digest, "the snapshot and its tail give another digest"
        assert replay(journal).digest.hex() == digest, "the whole journal gives another digest"
        known = Known(self.folder)
        placed = list(self._placed())
        busy = {int(one[16:], 16) >> SEQUENCE_BITS for one in placed}
        assert len(busy) >= known.epoch // 3, f"no load: only {len(busy)} of {known.epoch} sessions sent orders"
        twice = [one for one, count in Counter(placed).items() if count > 1]
        assert not twice, f"sent twice: {twice[:5]}"
        unknown = set(placed) - known.submitted
        assert not unknown, f"sent, and not in the journal: {sorted(unknown)[:5]}"
        theirs = {trade["trade_id"] for trade in record["trades"]}
        assert theirs == known.fills.keys(), f"fills differ: {sorted(theirs ^ known.fills.keys())[:5]}"
        working = {
            order["client_id"] for order in record["orders"] if order["status"] in {"accepted", "partially_filled"}
        }
        assert working == known.working, f"open orders differ: {sorted(working ^ known.working)[:5]}"
        assert not known.unheard, f"fate unknown: {sorted(known.unheard)[:5]}"
        position = record["positions"][0]["quantity"]
        assert sum(known.lots.values()) == known.net, "the position is not the sum of the fills, each taken once"
        assert known.net == position, f"position {known.net} here, {position} there"
        # How a result is split between cash and the cost of what is left depends on the order in which fills were
        # heard; cash less that cost does not.
        paid = record["cash"][0] - record["positions"][0]["cost"]
        assert known.cash - known.cost == paid, f"cash less cost {known.cash - known.cost} here, {paid} there"
        return {
            "kills": dict(self.tally.kills),
            "faults on the way": {str(fault): count for fault, count in self.tally.faults.items() if count},
            "orders sent": len(placed),
            "sessions": f"{known.epoch}, {len(busy)} of them sent orders",
            "fills": len(theirs),
            "repeats of fills in the journal": sum(known.fills.values()) - len(theirs),
            "open orders at the end": len(working),
            "position": position,
            "journal records": known.records,
            "digest": digest[:16],
            "start to ready, s": _spread(self.tally.ready_s),
            "of it imports, s": _spread(self.tally.import_s),
            "of it recovery and the venue's answers, s": _spread(self.tally.recover_s),
        }

    def _placed(self) -> Iterator[str]:
        """Every client id that the exchange was ever asked to place."""
        for line in self.truth.read_bytes().splitlines():
            words = json.loads(line)
            if words["type"] == "Asked":
                asked = json.loads(words["line"])
                if asked["type"] == "Place":
                    yield asked["client_id"]


class Known:
    """What the journal says, read from its first record by a kernel of its own."""

    def __init__(self, folder: Path) -> None:
        tag = desk_tag(load_desk(folder).desk.name)
        self.submitted: set[str] = set()
        self.fills: Counter[int] = Counter()
        self.lots: dict[int, int] = {}
        self.records = 0

        def hear(event: Any, _: int) -> None:
            if event["kind"] == EventKind.SUBMIT:
                self.submitted.add(client_id(tag, int(event["strategy"]), int(event["order_id"])))
            elif event["kind"] == EventKind.FILL:
                self.fills[int(event["trade_id"])] += 1
                lots = int(event["quantity"]) * (-1 if event["flags"] & Flag.SELL else 1)
                self.lots[int(event["trade_id"])] = lots

        replica = Replica(hear)
        for block in JournalReader(folder / "data" / "journal").blocks():
            for sequence, records in runs(block):
                replica.follow(records, sequence)
                self.records += len(records)
        state: Any = replica.states[0]
        orders = [order for order in state["orders"] if order["id"] and int(order["status"]) in OPEN]
        names = {client_id(tag, int(order["strategy"]), int(order["id"])): int(order["status"]) for order in orders}
        self.working = names.keys()
        self.unheard = {name for name, status in names.items() if status in UNHEARD}
        self.epoch = int(state["epoch"])
        self.net = int(state["instruments"][0]["net"]["quantity"])
        self.cost = int(state["instruments"][0]["net"]["cost"])
        self.cash = int(state["accounts"][0]["postings"][0])


def _spread(figures: list[float]) -> str:
    if not figures:
        return "not measured"
    ordered = sorted(figures)
    middle, high = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
    return f"median {middle:.2f}, 95% {high:.2f}, worst {ordered[-1]:.2f}"


def prove(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills so many times and compares. AssertionError: something was lost or doubled, and the line says what."""
    proof = Proof(folder, seed)
    try:
        for _ in range(kills):
            proof.kill_once()
        return proof.finish()
    finally:
        for process in (proof.desk, proof.exchange):
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--keep", type=Path, default=None, help="the desk's folder, kept afterwards")
    asked = parser.parse_args()
    sys.stdout.write(f"kill proof: {asked.kills} kills, seed {asked.seed}\n")
    with tempfile.TemporaryDirectory() as scratch:
        found = prove(asked.keep or Path(scratch) / "desk", asked.kills, asked.seed)
    sys.stdout.write("".join(f"{name:<44} {value}\n" for name, value in found.items()))


if __name__ == "__main__":
    main()
