"""Events per second of a replay: a journal of 10M events, every hash verified, every digest compared.

    python bench/replay.py [--quick] [--rounds 5] [--profile]

The journal is what a market maker leaves behind: the simulated venue, fed with a seeded random walk of quotes and
trades, and a compiled strategy that keeps two orders near the touch. It is made anew for each run (seconds), so that it
always fits the kernel that replays it, and is in the page cache. Last line: one JSON object.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quarterdeck.config import load_desk
from quarterdeck.journal import JournalReader, JournalWriter, digest_word
from quarterdeck.kernel.account import digest, new_actions, new_events, new_state
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, Reason
from quarterdeck.market.events import take_events
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import host_strategies
from quarterdeck.runtime.opening import opening_events
from quarterdeck.runtime.replay import apply_records, replay
from quarterdeck.strategies.asking import ask_cancel, ask_limit
from quarterdeck.strategies.contract import CompiledStrategy, Parameters

DESK = Path(__file__).resolve().parent / "peers" / "quarterdeck" / "desk.toml"
EVENTS, QUICK_EVENTS = 10_000_000, 1_000_000
CHUNK = 1 << 18
STEP_NS = 100_000
START_NS = 1_700_000_000_000_000_000
EVERY, HELD_MAX = 100, 20
PRICES = range(9_000, 11_000)  # ticks
TRADE_EVERY = 12  # one event in so many is a trade

ORDER_KINDS = list(range(EventKind.ORDER_REQUEST, EventKind.ORDER_ADOPTED + 1))

MEMORY = np.dtype([("count", "<i8")])


@compiled
def on_event(state, strategy, memory, event, asks, count):
    """Every EVERY quotes: takes its orders back and quotes one tick inside the touch on both sides."""
    if event["kind"] != EventKind.QUOTE:
        return count
    memory["count"] += 1
    if memory["count"] % EVERY != 0:
        return count
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["strategy"] == strategy and not order["flags"] & OrderFlag.CANCEL_PENDING:
            count = ask_cancel(asks, count, order["id"], Reason.NONE.value)
    held = state["positions"][strategy * INSTRUMENTS]["quantity"]
    if held < HELD_MAX:
        price = event["bid"]
        count = ask_limit(asks, count, 0, 1, price, 1, Flag.POST_ONLY.value, Reason.SIGNAL_ENTRY.value)
    if held > -HELD_MAX:
        price = event["ask"]
        count = ask_limit(asks, count, 0, -1, price, 1, Flag.POST_ONLY.value, Reason.SIGNAL_ENTRY.value)
    return count


def _prepare(memory: Any, parameters: Any, place: Any) -> None:
    """Its memory begins with zeros."""


QUOTER = CompiledStrategy("bench", Parameters, MEMORY, _prepare, on_event)


def market_data(first: int, count: int, generator: np.random.Generator, walked: int) -> tuple[Any, int]:
    """Quotes of a random walk inside PRICES, with trades at the touch. Returns (events, how far the walk came)."""
    steps = walked + np.cumsum(generator.integers(-1, 2, count))
    walk = np.abs(steps % (2 * len(PRICES)) - len(PRICES)) + PRICES.start
    events = new_events(count)
    spread = generator.integers(1, 4, count)
    events["kind"] = EventKind.QUOTE
    events["strategy"] = -1
    events["time_ns"] = START_NS + (np.arange(count) + first) * STEP_NS
    events["bid"] = walk
    events["ask"] = walk + spread
    events["bid_quantity"] = generator.integers(1, 50, count)
    events["ask_quantity"] = generator.integers(1, 50, count)
    events["update_id"] = np.arange(count) + first
    chosen = np.flatnonzero(generator.integers(0, TRADE_EVERY, count) == 0)
    chosen = chosen[chosen > 0]
    sells = generator.integers(0, 2, len(chosen))
    before = chosen - 1
    prices = np.where(sells, walk[before], walk[before] + spread[before])
    events["kind"][chosen] = EventKind.TRADE
    events["flags"][chosen] = sells * int(Flag.SELL)
    events["price"][chosen] = prices
    events["quantity"][chosen] = generator.integers(1, 20, len(chosen))
    events["trade_id"][chosen] = chosen + first + 1
    events["tag"][chosen] = 0
    return events, int(steps[-1])


def make_journal(folder: Path, events: int) -> bytes:
    """Writes a journal of about that many events as a backtest would, and returns the state's digest at its end."""
    config = load_desk(DESK)
    generator = np.random.default_rng(1)
    with JournalWriter(folder, "bench") as writer:

        def sink(tape: Any) -> None:
            for first in range(0, len(tape), 4096):
                writer.append(tape[first : first + 4096])
            writer.seal(digest_word(engine.digest))  # the state is known where a tape ends

        engine = SimulatedEngine(new_market(), sink)
        engine.feed(opening_events(config, 1, START_NS - 1, fresh=True))
        engine.bind(host_strategies(config, engine.states, [QUOTER]))
        first, walked = 0, 0
        while writer.next_sequence < events:
            count = max(1024, min(CHUNK, (events - writer.next_sequence) * 24 // 25))
            batch, walked = market_data(first, count, generator, walked)
            engine.feed(batch)
            first += count
        return engine.digest


def kinds_of(folder: Path) -> dict[str, int]:
    counts = sum(np.bincount(segment.records["kind"], minlength=256) for segment in JournalReader(folder).segments)
    return {EventKind(kind).name: int(count) for kind, count in enumerate(np.asarray(counts)) if count}


def seconds(work: Callable[[], object], rounds: int) -> float:
    spent: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def profile(folder: Path, rounds: int) -> dict[str, float]:
    """Seconds of each part by itself."""

    def apply_all() -> None:
        states, actions = new_state(), new_actions()
        for block in JournalReader(folder).blocks(verify=False):
            apply_records(states, block.records, 0, len(block.records), actions)

    def verify_all() -> None:
        for _ in JournalReader(folder).blocks():
            pass

    def apply_market() -> None:
        states, actions = new_state(), new_actions()
        for records in market:
            apply_records(states, records, 0, len(records), actions)

    blocks = list(JournalReader(folder).blocks(verify=False))
    market = [take_events(block.records, ~np.isin(block.records["kind"], ORDER_KINDS)) for block in blocks]
    states = new_state()
    return {
        "open": seconds(lambda: JournalReader(folder), rounds),
        "verify": seconds(verify_all, rounds),
        "apply": seconds(apply_all, rounds),
        "apply_without_orders": seconds(apply_market, rounds),
        "digests": seconds(lambda: [digest(states) for _ in blocks], rounds),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1M events")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="also times each part by itself")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quarterdeck-replay-") as name:
        folder = Path(name) / "journal"
        began = time.perf_counter()
        expected = make_journal(folder, QUICK_EVENTS if asked.quick else EVENTS)
        made = time.perf_counter() - began
        print(f"journal made in {made:.1f} s: {kinds_of(folder)}", file=sys.stderr)
        replay(folder)  # the first one may compile
        used = time.process_time()
        results = [replay(folder) for _ in range(asked.rounds)]
        used = (time.process_time() - used) / asked.rounds
        parts = profile(folder, asked.rounds) if asked.profile else {}
    ok = all(result.digest == expected and result.seals_checked > 0 for result in results)
    spent = statistics.median(result.seconds for result in results)
    line = {
        "ok": ok,
        "events": results[0].events,
        "events_per_s": round(results[0].events / spent),
        "seconds": round(spent, 4),
        "cpu_seconds": round(used, 4),
        "seals_checked": results[0].seals_checked,
        **{f"{part}_s": round(value, 4) for part, value in parts.items()},
    }
    print(json.dumps(line))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
