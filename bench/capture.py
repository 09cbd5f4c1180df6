"""Messages per second that capture takes on one core, in wire form: decoded, journaled, and in closed Parquet parts.

python bench/capture.py [--quick] [FOLDER]    (a folder on the disk that is meant; default: a temporary one)

The messages are rebuilt from recorded data (QUARTERDECK_MARKET_DATA, else beside the repository): each trade and each
best bid and ask of a real market, and each change of its book. Hyperliquid sends them as `trades`, `bbo` and `l2Book`
with 20 levels a side; Binance as `aggTrade`, `bookTicker` and `depth` with the levels that have changed, 66 on average.
They go through the venue's own reader, and all that is behind it. The process is held on one core.
The last line is one JSON object; `ok` is false when anything of what went in did not come out of the files.
"""

import argparse
import bisect
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

import duckdb
import polars as pl

from quarterdeck.capture.recorder import Recorder
from quarterdeck.config import load_desk
from quarterdeck.venues.binance import reader as binance_reader
from quarterdeck.venues.binance import stream as binance_stream
from quarterdeck.venues.binance import universe as binance_universe
from quarterdeck.venues.binance.numbers import Grid
from quarterdeck.venues.hyperliquid import reader as hyperliquid_reader
from quarterdeck.venues.hyperliquid import stream as hyperliquid_stream
from quarterdeck.venues.hyperliquid import universe as hyperliquid_universe
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.messages import Message
from quarterdeck.venues.protocol import Capabilities, Deliver

ROUNDS = 3
REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("QUARTERDECK_MARKET_DATA") or REPOSITORY.parent / "shared" / "data" / "market")
NAME = "binance_usdm_BTCUSDT_20240808"
LEVELS = 20  # a side of the venue's books
TICKS, DEPTH = 200_000, 40_000  # messages of a round
SNAPSHOT = b'{"lastUpdateId"'
SUMS = {
    "trades": "select count(*), sum(quantity) from read_parquet(?)",
    "quotes": "select count(*), sum(bid_quantity + ask_quantity) from read_parquet(?)",
    "levels": "select count(*), sum(quantity) from read_parquet(?)",
}
WARMING = 1_000  # messages before the first round: what is compiled is compiled then
BURST = 500  # messages between two turns of the recording
DESK = """
[desk]
name = "bench"
mode = "live"
base_currency = "USDC"
capacity = "small"
[[venues]]
name = "hyperliquid"
kind = "hyperliquid"
address = "127.0.0.1:9"
account = "0x1111111111111111111111111111111111111111"
depth = true
[venues.limits]
max_exposure = "1000"
[[accounts]]
venue = "hyperliquid"
currency = "USDC"
[[instruments]]
symbol = "BTC"
venue = "hyperliquid"
kind = "perpetual"
base = "BTC"
quote = "USDC"
tick = "0.1"
lot = "0.00001"
significant_figures = 5
maker_fee_bps = 1.5
taker_fee_bps = 4.5
[instruments.limits]
max_exposure = "1000"
[limits]
max_exposure = "1000"
max_daily_loss = "100"
equity_floor = "0"
"""


Read = Callable[[bytes], Iterable[Message]]


class Wire:
    """A venue's market data without its websocket: messages are handed in where frames would come out of it."""

    capabilities = Capabilities()

    def __init__(self, reader: Callable[[list[tuple[object, ...]]], Read]) -> None:
        self.bad: list[tuple[object, ...]] = []
        self._read = reader(self.bad)
        self._deliver: Deliver = lambda _: None

    def open(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def send(self, request: object) -> None:
        raise AssertionError(f"a recording asks for nothing: {request}")

    def close(self) -> None: ...

    def hear(self, raw: bytes) -> None:
        for message in self._read(raw):
            self._deliver(message)


def hyperliquid(bad: list[tuple[object, ...]]) -> Read:
    listed = hyperliquid_universe.Listed(
        index=0, account=0, coin="BTC", asset=0, spot=False, token="",
        price_decimals=1, size_decimals=5, money_decimals=8,
    )  # fmt: skip
    universe = hyperliquid_universe.Universe([listed])
    reader = hyperliquid_reader.Reader(universe, "00" * 6)
    return hyperliquid_stream.StreamReader(universe, reader, Lineage(), lambda *what: bad.append(what)).read


def binance(bad: list[tuple[object, ...]]) -> Read:
    listed = binance_universe.Listed(
        index=0, account=0, symbol="BTCUSDT", base="BTC", quote="USDT", spot=False,
        tick=Grid(1, 1), lot=Grid(1, 5), money_decimals=8,
    )  # fmt: skip
    universe = binance_universe.Universe([listed])
    reader = binance_reader.Reader(universe, "00" * 6)
    stream = binance_stream.StreamReader(
        universe, reader, lambda *what: bad.append(what), lambda _: bad.append(("a book broke",))
    )

    def read(raw: bytes) -> Iterable[Message]:
        return stream.take_snapshot(0, raw) if raw.startswith(SNAPSHOT) else stream.read(raw)

    return read


def text(value: Decimal) -> str:
    return format(value.normalize(), "f")


def side(price: Decimal, size: Decimal, orders: int = 1) -> dict[str, Any]:
    return {"px": text(price), "sz": text(size), "n": orders}


def packed(channel: str, data: object) -> bytes:
    return json.dumps({"channel": channel, "data": data}, separators=(",", ":")).encode()


def ticks_and_trades() -> list[bytes]:
    """Every trade and every best bid and ask, in the order of their arrival."""
    made: list[tuple[int, bytes]] = []
    for row in pl.read_parquet(DATA / f"{NAME}_bbo.parquet").iter_rows(named=True):
        touch = [side(row["bid_price"], row["bid_qty"]), side(row["ask_price"], row["ask_qty"])]
        made.append((row["seq"], packed("bbo", {"coin": "BTC", "time": row["event_ts_ms"], "bbo": touch})))
    for row in pl.read_parquet(DATA / f"{NAME}_trades.parquet").iter_rows(named=True):
        trade = {
            "coin": "BTC", "side": "A" if row["buyer_is_maker"] else "B", "px": text(row["price"]),
            "sz": text(row["qty"]), "hash": "0x" + 64 * "0", "time": row["trade_ts_ms"], "tid": row["trade_id"],
            "users": ["0x" + 40 * "1", "0x" + 40 * "2"],
        }  # fmt: skip
        made.append((row["seq"], packed("trades", [trade])))
    return [message for _, message in sorted(made)]


def books(count: int) -> Iterator[bytes]:
    """The book after each message of changes, as the venue sends it."""
    rows = pl.read_parquet(DATA / f"{NAME}_depth.parquet").sort("seq", maintain_order=True)
    held: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    prices: tuple[list[Decimal], list[Decimal]] = ([], [])
    made = known = 0
    for _, message in rows.group_by("seq", maintain_order=True):
        first = message.row(0, named=True)
        if first["is_snapshot"]:
            held, prices, known = ({}, {}), ([], []), first["final_update_id"]
        elif not known or first["final_update_id"] <= known:
            continue
        for row in message.iter_rows(named=True):
            at, price, size = int(row["side"] == "a"), row["price"], row["qty"]
            if price not in held[at] and size:
                bisect.insort(prices[at], price)
            if size:
                held[at][price] = size
            elif held[at].pop(price, None) is not None:
                prices[at].remove(price)
        if min(map(len, prices)) < LEVELS:
            continue
        bids = [side(price, held[0][price]) for price in reversed(prices[0][-LEVELS:])]
        asks = [side(price, held[1][price]) for price in prices[1][:LEVELS]]
        yield packed("l2Book", {"coin": "BTC", "time": first["event_ts_ms"], "levels": [bids, asks]})
        made += 1
        if made == count:
            return


def wrapped(stream: str, data: object) -> bytes:
    """As Binance sends it on /stream."""
    return json.dumps({"stream": f"btcusdt@{stream}", "data": data}, separators=(",", ":")).encode()


def binance_ticks() -> list[bytes]:
    made: list[tuple[int, bytes]] = []
    for row in pl.read_parquet(DATA / f"{NAME}_bbo.parquet").iter_rows(named=True):
        quote = {
            "e": "bookTicker", "u": row["update_id"], "s": "BTCUSDT", "b": f"{row['bid_price']:.1f}",
            "B": f"{row['bid_qty']:.3f}", "a": f"{row['ask_price']:.1f}", "A": f"{row['ask_qty']:.3f}",
            "T": row["tx_ts_ms"], "E": row["event_ts_ms"],
        }  # fmt: skip
        made.append((row["seq"], wrapped("bookTicker", quote)))
    for row in pl.read_parquet(DATA / f"{NAME}_trades.parquet").iter_rows(named=True):
        trade = {
            "e": "aggTrade", "E": row["event_ts_ms"], "s": "BTCUSDT", "a": row["trade_id"], "p": f"{row['price']:.1f}",
            "q": f"{row['qty']:.3f}", "f": row["trade_id"], "l": row["trade_id"], "T": row["trade_ts_ms"],
            "m": row["buyer_is_maker"],
        }  # fmt: skip
        made.append((row["seq"], wrapped("aggTrade", trade)))
    return [message for _, message in sorted(made)]


def binance_depth(count: int) -> list[bytes]:
    """A snapshot and the changes after it; from their end on the same changes again, numbered on."""
    rows = pl.read_parquet(DATA / f"{NAME}_depth.parquet").sort("seq", maintain_order=True)
    whole = rows.filter(pl.col("is_snapshot"))
    number = int(whole["final_update_id"][0])
    sides = {side: [[f"{row['price']:.1f}", f"{row['qty']:.3f}"] for row in whole.iter_rows(named=True) if
                    row["side"] == side] for side in "ba"}  # fmt: skip
    first = {"lastUpdateId": number, "E": int(whole["event_ts_ms"][0]), "bids": sides["b"], "asks": sides["a"]}
    made = [json.dumps(first, separators=(",", ":")).encode()]
    changes: list[dict[str, Any]] = []
    for _, message in rows.filter(~pl.col("is_snapshot")).group_by("seq", maintain_order=True):
        row = message.row(0, named=True)
        if row["final_update_id"] >= number:
            levels = {side: [[f"{one['price']:.1f}", f"{one['qty']:.3f}"] for one in message.iter_rows(named=True) if
                             one["side"] == side] for side in "ba"}  # fmt: skip
            changes.append({
                "e": "depthUpdate", "E": row["event_ts_ms"], "T": row["tx_ts_ms"], "s": "BTCUSDT",
                "U": row["first_update_id"], "u": row["final_update_id"], "pu": row["prev_final_update_id"], **levels,
            })  # fmt: skip
    span = changes[-1]["u"] - changes[0]["pu"]
    for place in range(count - 1):
        again, at = divmod(place, len(changes))
        moved = {key: changes[at][key] + again * span for key in ("U", "u", "pu")}
        made.append(wrapped("depth@100ms", {**changes[at], **moved}))
    return made


def repeated(messages: list[bytes], count: int) -> list[bytes]:
    return (messages * (count // len(messages) + 1))[:count]


def record(folder: Path, messages: list[bytes], reader: Callable[[list[tuple[object, ...]]], Read]) -> dict[str, float]:
    """Returns wall and processor seconds of the recording, and of what is done once a day has ended."""
    folder.mkdir()
    (folder / "desk.toml").write_text(DESK)
    wire = Wire(reader)
    recorder = Recorder(load_desk(folder), folder / "capture", {0: wire})
    recorder.open()
    wall, busy = time.perf_counter(), time.process_time()
    for start in range(0, len(messages), BURST):
        for message in messages[start : start + BURST]:
            wire.hear(message)
        recorder.pump()
    recorder.write_part()
    spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - busy}
    wall = time.perf_counter()
    recorder.close()
    assert not wire.bad, wire.bad[0]
    return {**spent, "fold_s": time.perf_counter() - wall}


def expected(raw: bytes) -> Iterator[tuple[str, int, int]]:
    """What one message adds to the files: (table, rows, lots)."""
    said = json.loads(raw)
    data = said.get("data", said)
    if raw.startswith(SNAPSHOT) or "U" in data:
        sizes = [lots(size) for _, size in (data.get("bids") or data["b"]) + (data.get("asks") or data["a"])]
        yield "levels", len(sizes) + raw.startswith(SNAPSHOT), sum(sizes)
    elif said.get("channel") == "trades":
        yield "trades", len(data), sum(lots(one["sz"]) for one in data)
    elif said.get("channel") == "bbo":
        yield "quotes", 1, sum(lots(one["sz"]) for one in data["bbo"])
    elif said.get("channel") == "l2Book":
        sizes = [lots(one["sz"]) for levels in data["levels"] for one in levels]
        yield "levels", 1 + len(sizes), sum(sizes)
    elif data["e"] == "aggTrade":
        yield "trades", 1, lots(data["q"])
    else:
        yield "quotes", 1, lots(data["B"]) + lots(data["A"])


def lots(size: str) -> int:
    return int(Decimal(size).scaleb(5))


def check(folder: Path, messages: list[bytes]) -> bool:
    """Whether the files hold every trade, quote and level that went in, and their quantities add up."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for raw in messages:
        for table, rows, quantity in expected(raw):
            counts[table] += rows
            sums[table] += quantity
    for table, count in counts.items():
        path = folder / "capture" / "*" / f"{table}*.parquet"
        found = duckdb.execute(SUMS[table], [str(path)]).fetchone()
        if found is None or found[0] != count or lots(str(found[1])) != sums[table]:
            print(f"{table}: {count} and {sums[table]} lots went in, {found} came out")
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where to write; default: a temporary folder")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, one round")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    share = 10 if asked.quick else 1
    ticks, depth = TICKS // share, DEPTH // share
    works = {
        "hyperliquid_ticks": (hyperliquid, repeated(ticks_and_trades(), ticks)),
        "hyperliquid_books": (hyperliquid, repeated(list(books(depth // 2)), depth)),
        "binance_ticks": (binance, repeated(binance_ticks(), ticks)),
        "binance_depth": (binance, binance_depth(depth)),
    }
    line: dict[str, object] = {"ok": True}
    print(f"{'messages, on one core':<26} {'a second':>10} {'a second of processor':>22} {'day end, s':>11}")
    for name, (reader, messages) in works.items():
        with tempfile.TemporaryDirectory(dir=asked.folder) as place:
            record(Path(place) / "desk", messages[:WARMING], reader)
        spent: list[dict[str, float]] = []
        for _ in range(1 if asked.quick else ROUNDS):
            with tempfile.TemporaryDirectory(dir=asked.folder) as place:
                spent.append(record(Path(place) / "desk", messages, reader))
                line["ok"] = line["ok"] and check(Path(place) / "desk", messages)
        wall, busy, fold = (statistics.median(one[key] for one in spent) for key in ("wall_s", "cpu_s", "fold_s"))
        line |= {f"{name}_per_s": round(len(messages) / wall), f"{name}_per_cpu_s": round(len(messages) / busy)}
        print(f"{name:<26} {len(messages) / wall:>10,.0f} {len(messages) / busy:>22,.0f} {fold:>11.2f}")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
