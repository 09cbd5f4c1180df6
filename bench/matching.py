"""How long the simulated venue takes: nanoseconds per quote when nothing fills, per book level, per trade, per fill.

    python bench/matching.py [--data FOLDER]

FOLDER holds the recorded depth file; without it the levels are skipped, and said to be. Medians of five runs.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.market import market_accept, market_apply, new_market
from quarterdeck.kernel.market_records import MARKET_REPORTS, MarketCount
from quarterdeck.kernel.records import EVENT, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm

QUOTES = 5_000_000
DEPTH = "binance_usdm_BTCUSDT_20240808_depth.parquet"


@compiled
def run_all(markets: Any, events: Any, reports: Any) -> int:
    told = 0
    for index in range(len(events)):
        told += market_apply(markets, events, index, reports)
    return told


def listed_market(**settings: Any) -> Any:
    """One market with one instrument."""
    markets: Any = new_market(**settings)
    terms = markets[0]["listings"][0]["terms"]
    terms[InstrumentTerm.LISTED] = 1
    terms[InstrumentTerm.VALUE] = 100
    terms[InstrumentTerm.MAKER_FEE_PPB] = 100_000
    return markets


def rest_two(markets: Any, buy: int, sell: int) -> None:
    """Puts a buy and a sell into the inbox."""
    actions: Any = allocate(EVENT, 2)
    for place, (price, flags) in enumerate(((buy, 0), (sell, Flag.SELL))):
        actions[place]["kind"] = EventKind.SUBMIT
        actions[place]["order_id"] = place + 1
        actions[place]["price"] = price
        actions[place]["quantity"] = 5
        actions[place]["flags"] = flags
        market_accept(markets, actions, place, 0, 0)


def quotes(count: int) -> Any:
    """A seeded random walk of one tick a step inside 900..1100, spread 2."""
    events: Any = allocate(EVENT, count)
    generator = np.random.default_rng(1)
    walk = np.abs((np.cumsum(generator.integers(-1, 2, count)) + 100) % 400 - 200) + 900
    events["kind"] = EventKind.QUOTE
    events["time_ns"] = np.arange(count) + 1
    events["bid"] = walk
    events["ask"] = walk + 2
    events["bid_quantity"] = generator.integers(1, 100, count)
    events["ask_quantity"] = generator.integers(1, 100, count)
    return events


def depth(folder: Path) -> Any:
    """The recorded depth stream: one LEVEL a row, LAST at the end of each message."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / DEPTH, columns=["seq", "local_ts_ns", "side", "price", "qty"])
    sequence = table["seq"].to_numpy()
    events: Any = allocate(EVENT, len(sequence))
    events["kind"] = EventKind.LEVEL
    events["time_ns"] = table["local_ts_ns"].to_numpy()
    events["price"] = np.rint(table["price"].cast("float64").to_numpy() * 10).astype(np.int64)
    lots = np.rint(table["qty"].cast("float64").to_numpy() * 1000).astype(np.int64)
    events["quantity"] = np.minimum(lots, QUANTITY_MAX)
    events["flags"] = np.where(np.isin(table["side"].to_numpy(zero_copy_only=False), ("a",)), 1, 0)
    events["flags"][np.append(sequence[1:] != sequence[:-1], True)] |= np.uint8(Flag.LAST)
    return events


def measure(name: str, events: Any, prepare: Callable[[], Any]) -> None:
    """Prints the median nanoseconds per event of five runs, each on a fresh market."""
    reports: Any = allocate(EVENT, MARKET_REPORTS)
    times: list[float] = []
    told, fills = 0, 0
    for _ in range(6):
        markets = prepare()
        begin = time.perf_counter_ns()
        told = run_all(markets, events, reports)
        times.append((time.perf_counter_ns() - begin) / len(events))
        fills = int(markets[0]["counts"][MarketCount.FILLS])
    middle, least = statistics.median(times[1:]), min(times[1:])
    figures = f"{middle:8.2f} (best {least:6.2f}) ns/event"
    print(f"{name:42s} {figures}  {len(events):9,d} events  {told:9,d} reports  {fills:6,d} fills")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/market")
    folder = parser.parse_args().data

    def two_resting(buy: int, sell: int) -> Any:
        markets = listed_market()
        rest_two(markets, buy, sell)
        return markets

    events = quotes(QUOTES)
    measure("quotes, no order", events, listed_market)
    measure("quotes, 2 resting orders, away", events, lambda: two_resting(800, 1300))
    measure("quotes, 2 resting orders, at the touch", events, lambda: two_resting(901, 1102))
    trades = events.copy()
    trades["kind"][1::2] = EventKind.TRADE
    trades["price"][1::2] = events["bid"][::2]
    trades["quantity"][1::2] = 1
    measure("quotes and trades, 2 resting orders", trades, lambda: two_resting(800, 1300))
    if (folder / DEPTH).exists():
        measure("levels, recorded BTCUSDT depth", depth(folder), listed_market)
        measure("levels, 2 resting orders", depth(folder), lambda: two_resting(600_000, 630_000))
    else:
        print(f"levels: skipped, {DEPTH} is not in the data folder")


if __name__ == "__main__":
    main()
