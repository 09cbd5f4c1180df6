"""From bytes to event, and from a quote on the wire to an order on the wire.

    python bench/wire.py                        both by turns, five passes each, and the way through the twin
    python bench/wire.py --client quarterdeck   decoding: microseconds of a message, for each stream
    python bench/wire.py --client ccxt          the same messages through ccxt.pro's own handlers, in its environment
    python bench/wire.py --loop                 a live desk on the twin of Hyperliquid: quote out, order in

Decoding: recorded messages of BTCUSDT perpetuals, rebuilt in each venue's wire form from the tables in --data. Ours
ends in market events as the kernel takes them, ccxt's in its own trades, tickers and books. Binance's messages come
wrapped to us, as our line asks for them, and plain to ccxt, as its own does. Medians of the passes, in time of the
processor; the last line is JSON.

The way through: the twin, a relay and the desk are three processes on loopback sockets. The relay notes when a quote
leaves the twin's socket and when the order that it caused arrives at it; the order's size says which quote it was. The
desk is a live one, its rails, its journal and its signatures with it.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
CLIENTS = REPOSITORY / "tests" / "twins" / "hyperliquid" / "clients" / "ccxt.txt"
TABLES = "binance_usdm_BTCUSDT_20240808"
MESSAGES = {"trades": 20_000, "quotes": 20_000, "books": 3_000, "depth": 3_000}
PASSES = 5
DEPTH_LEVELS = 20
ORDERS = 300
WINDOW = 50  # orders one after another, of which the quietest are told apart: other work of the machine falls on all
COIN, SYMBOL = "BTC", "BTCUSDT"
# A stream, by the name of its row: its file of messages, and what ccxt calls it.
STREAMS = (
    "hyperliquid_trades", "hyperliquid_book", "hyperliquid_bbo", "binance_trades", "binance_quotes", "binance_depth",
)  # fmt: skip
WITHOUT_PEER = ("hyperliquid_bbo",)  # ccxt does not read it


# The messages.


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def rows_of(data: Path, table: str, most: int) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(data / f"{TABLES}_{table}.parquet").slice(0, most).to_pylist()


def trades(data: Path, most: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each recorded trade, in Hyperliquid's form and in Binance's."""
    for row in rows_of(data, "trades", most):
        price, size, number = plain(row["price"]), plain(row["qty"]), row["trade_id"]
        side, moment = "A" if row["buyer_is_maker"] else "B", row["trade_ts_ms"]
        trade = {"coin": COIN, "side": side, "px": price, "sz": size, "time": moment, "hash": "0x" + "0" * 64}
        yield (
            {"channel": "trades", "data": [{**trade, "tid": number, "users": ["0x" + "a" * 40, "0x" + "b" * 40]}]},
            {
                "e": "aggTrade", "E": row["event_ts_ms"], "s": SYMBOL, "a": number, "p": price, "q": size, "f": number,
                "l": number, "T": moment, "m": row["buyer_is_maker"],
            },
        )  # fmt: skip


def quotes(data: Path, most: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in rows_of(data, "bbo", most):
        bid, ask = (plain(row["bid_price"]), plain(row["bid_qty"])), (plain(row["ask_price"]), plain(row["ask_qty"]))
        sides = [{"px": price, "sz": size, "n": 3} for price, size in (bid, ask)]
        yield (
            {"channel": "bbo", "data": {"coin": COIN, "time": row["tx_ts_ms"], "bbo": sides}},
            {
                "e": "bookTicker", "u": row["update_id"], "s": SYMBOL, "b": bid[0], "B": bid[1], "a": ask[0],
                "A": ask[1], "T": row["tx_ts_ms"], "E": row["event_ts_ms"],
            },
        )  # fmt: skip


def depth(data: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The recorded whole book, and the changes that come after it."""
    rows = rows_of(data, "depth", 10**9)
    first = next(row for row in rows if row["is_snapshot"])
    whole = [row for row in rows if row["is_snapshot"] and row["seq"] == first["seq"]]
    number = first["final_update_id"]
    snapshot = {
        "lastUpdateId": number,
        "E": first["event_ts_ms"],
        "T": first["tx_ts_ms"],
        **sides(whole, "bids", "asks"),
    }
    changes: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if not row["is_snapshot"] and row["final_update_id"] >= number:
            changes.setdefault(row["seq"], []).append(row)
    found: list[dict[str, Any]] = []
    for batch in list(changes.values())[: MESSAGES["depth"]]:
        row = batch[0]
        found.append({
            "e": "depthUpdate", "E": row["event_ts_ms"], "T": row["tx_ts_ms"], "s": SYMBOL,
            "U": row["first_update_id"], "u": row["final_update_id"], "pu": row["prev_final_update_id"],
            **sides(batch, "b", "a"),
        })  # fmt: skip
    return snapshot, found


def sides(rows: Sequence[dict[str, Any]], bids: str, asks: str) -> dict[str, list[list[str]]]:
    levels: dict[str, list[list[str]]] = {bids: [], asks: []}
    for row in rows:
        levels[bids if row["side"] == "b" else asks].append([plain(row["price"]), plain(row["qty"])])
    return levels


def books(snapshot: dict[str, Any], changes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The book after each change, twenty levels a side, as Hyperliquid sends books."""
    bids, asks = (
        {Decimal(price): size for price, size in snapshot[side]} for side in ("bids", "asks")
    )  # fmt: skip
    for change in changes[: MESSAGES["books"]]:
        for held, side in ((bids, "b"), (asks, "a")):
            for price, size in change[side]:
                held[Decimal(price)] = size
                if not Decimal(size):
                    del held[Decimal(price)]
        levels = [
            [{"px": plain(price), "sz": held[price], "n": 2} for price in sorted(held, reverse=highest)[:DEPTH_LEVELS]]
            for held, highest in ((bids, True), (asks, False))
        ]
        yield {"channel": "l2Book", "data": {"coin": COIN, "time": change["T"], "levels": levels}}


def recorded(data: Path, folder: Path, share: int) -> None:
    """Writes every stream's messages, one a line, and the whole book that the changes begin with."""
    snapshot, changes = depth(data)
    traded, quoted = list(trades(data, MESSAGES["trades"])), list(quotes(data, MESSAGES["quotes"]))
    found = {
        "hyperliquid_trades": [one for one, _ in traded], "binance_trades": [one for _, one in traded],
        "hyperliquid_bbo": [one for one, _ in quoted], "binance_quotes": [one for _, one in quoted],
        "binance_depth": changes, "hyperliquid_book": list(books(snapshot, changes)),
    }  # fmt: skip
    for name, messages in found.items():
        lines = [json.dumps(one, separators=(",", ":")) for one in messages[: len(messages) // share]]
        (folder / name).write_text("\n".join(lines))
    (folder / "snapshot").write_text(json.dumps(snapshot, separators=(",", ":")))


def passes(count: int, prepare: Callable[[], Callable[[Any], Any]], messages: Sequence[Any]) -> float:
    """Median microseconds of the processor's time of a message over some passes, each on a fresh reader."""
    took: list[float] = []
    for _ in range(count):
        read = prepare()
        gc.collect()
        began = time.thread_time_ns()
        for message in messages:
            read(message)
        took.append((time.thread_time_ns() - began) / 1_000 / len(messages))
    return statistics.median(took)


# Ours.


def hyperliquid_reader(bad: Callable[[str, bytes, str], None]) -> Any:
    from quarterdeck.kernel.vocabulary import InstrumentKind
    from quarterdeck.market.instruments import Instrument
    from quarterdeck.venues.hyperliquid.lineage import Lineage
    from quarterdeck.venues.hyperliquid.reader import Reader
    from quarterdeck.venues.hyperliquid.schema import AssetMeta, Meta
    from quarterdeck.venues.hyperliquid.stream import StreamReader
    from quarterdeck.venues.hyperliquid.universe import Universe

    coin = Instrument(
        symbol=COIN, venue="hyperliquid", kind=InstrumentKind.PERPETUAL, base=COIN, quote="USDC", tick=Decimal("0.1"),
        lot=Decimal("0.00001"), significant_figures=5, min_notional=Decimal(10),
    )  # fmt: skip
    universe = Universe.bind([(0, 0, coin)], Meta(universe=[AssetMeta(name=COIN, sz_decimals=5)]), None)
    return StreamReader(universe, Reader(universe, "0" * 12), Lineage(), bad)


def binance_reader(bad: Callable[[str, bytes, str], None], snapshot: bytes) -> Any:
    from quarterdeck.venues.binance.numbers import Grid
    from quarterdeck.venues.binance.reader import Reader
    from quarterdeck.venues.binance.stream import StreamReader
    from quarterdeck.venues.binance.universe import Listed, Universe

    listed = Listed(
        index=0, account=0, symbol=SYMBOL, base=COIN, quote="USDT", spot=False, tick=Grid.of(Decimal("0.1")),
        lot=Grid.of(Decimal("0.001")), money_decimals=8,
    )  # fmt: skip
    universe = Universe([listed])
    reader = StreamReader(universe, Reader(universe, "0" * 12), bad, lambda _: bad("book", b"", "does not join"))
    reader.take_snapshot(0, snapshot)
    return reader


WRAPS = {"binance_trades": "aggTrade", "binance_quotes": "bookTicker", "binance_depth": "depth@100ms"}


def ours(folder: Path, count: int) -> dict[str, Any]:
    problems: list[str] = []
    snapshot = (folder / "snapshot").read_bytes()

    def bad(kind: str, raw: bytes, why: str) -> None:
        problems.append(f"{kind}: {why}: {raw[:60]!r}")

    figures: dict[str, Any] = {}
    for name in STREAMS:
        messages = (folder / name).read_bytes().splitlines()
        if name in WRAPS:
            head = f'{{"stream":"{SYMBOL.lower()}@{WRAPS[name]}","data":'.encode()
            messages = [head + one + b"}" for one in messages]

        def prepare(name: str = name) -> Callable[[Any], Any]:
            return (binance_reader(bad, snapshot) if name in WRAPS else hyperliquid_reader(bad)).read

        read = prepare()
        told = sum(len(one.events) for message in messages for one in read(message))
        if told < len(messages):
            problems.append(f"{name}: {told} events of {len(messages)} messages")
        figures[f"{name}_us"] = passes(count, prepare, messages)
    return {"peer": "quarterdeck", **figures, "ok": not problems, "diff": problems[:3]}


# ccxt.pro's, in its own environment.


def ccxt_market(id_: str, symbol: str, base: str, quote: str) -> dict[str, Any]:
    return {
        "id": id_, "symbol": symbol, "base": base, "quote": quote, "settle": quote, "baseId": base, "quoteId": quote,
        "settleId": quote, "type": "swap", "spot": False, "swap": True, "future": False, "option": False,
        "contract": True, "linear": True, "inverse": False, "contractSize": 1, "active": True, "subType": "linear",
        "precision": {"price": 0.1, "amount": 0.001}, "limits": {}, "info": {"name": base},
    }  # fmt: skip


async def by_ccxt(folder: Path, count: int) -> dict[str, Any]:
    import ccxt
    import ccxt.pro

    venues: dict[str, Any] = {"hyperliquid": ccxt.pro.hyperliquid(), "binance": ccxt.pro.binanceusdm()}
    symbols = {"hyperliquid": "BTC/USDC:USDC", "binance": "BTC/USDT:USDT"}
    venues["hyperliquid"].set_markets([ccxt_market("0", symbols["hyperliquid"], COIN, "USDC")])
    venues["binance"].set_markets([ccxt_market(SYMBOL, symbols["binance"], COIN, "USDT")])
    snapshot = json.loads((folder / "snapshot").read_text())
    figures: dict[str, Any] = {}
    problems: list[str] = []
    for name in STREAMS:
        if name in WITHOUT_PEER:
            continue
        kind = name.partition("_")[0]
        venue, symbol = venues[kind], symbols[kind]
        client = venue.client("wss://fstream.binance.com/ws/0" if kind == "binance" else "wss://127.0.0.1/ws")
        messages = (folder / name).read_text().splitlines()

        def prepare(venue: Any = venue, symbol: str = symbol, client: Any = client) -> Callable[[Any], Any]:
            venue.trades, venue.bidsasks = {}, {}
            venue.orderbooks = {}
            if venue.id == "binanceusdm":
                book = venue.order_book({}, 1_000)
                book.reset(venue.parse_order_book(snapshot, symbol))
                book["nonce"] = snapshot["lastUpdateId"]
                venue.orderbooks[symbol] = book
            return client.handle_text_or_binary_message

        figures[f"{name}_us"] = passes(count, prepare, messages)
        if name.endswith("trades") and len(venue.trades.get(symbol, ())) != min(1_000, len(messages)):
            problems.append(f"{name}: {len(venue.trades.get(symbol, ()))} trades")
        if name.endswith("quotes") and symbol not in venue.bidsasks:
            problems.append(f"{name}: no quote")
        if name in {"hyperliquid_book", "binance_depth"}:
            book, last = venue.orderbooks.get(symbol, {}), json.loads(messages[-1])
            moment = last["E"] if "E" in last else last["data"]["time"]
            if book.get("timestamp") != moment or not book["bids"]:
                problems.append(f"{name}: the book is of {book.get('timestamp')}, not of {moment}")
    for venue in venues.values():
        await venue.close()
    return {"peer": "ccxt", "version": ccxt.__version__, **figures, "ok": not problems, "diff": problems[:3]}


# The way through the twin.

KEY = "0x" + "33" * 32
MASTER_KEY = "0x" + "11" * 32
BBO = re.compile(rb'"channel":"bbo","data":\{"coin":"XRP".*?"sz":"(\d+)[^"]*".*?"sz":"(\d+)[^"]*"')
SIZE = re.compile(rb'"type":"order","orders":\[\{[^}]*?"s":"(\d+)"')
LEAST, SPAN = 20, 900
PAUSE_NS = 20_000_000
PATIENCE_S = 180

DESK_TOML = """
[desk]
name = "looped"
mode = "live"
base_currency = "USDC"
capacity = "small"

[[venues]]
name = "hl"
kind = "hyperliquid"
address = "127.0.0.1:{port}"
account = "{account}"
[venues.limits]
max_exposure = "100000"
messages_per_second = 1000
cancel_reserve = 100

[[accounts]]
venue = "hl"
currency = "USDC"
deposit = "10000"

[[instruments]]
symbol = "XRP"
venue = "hl"
kind = "perpetual"
base = "XRP"
quote = "USDC"
significant_figures = 5
tick = "0.000001"
lot = "1"
maker_fee_bps = 1.5
taker_fee_bps = 4.5
min_notional = 10
initial_margin = 0.1
[instruments.limits]
max_notional = "100000"
max_quantity = "100000"
max_exposure = "100000"
max_long = "100000"
max_short = "100000"
stale_ms = 600000
collar_bps = 5000
collar_period_bps = 5000
collar_period_s = 300
duplicate_window_ms = 0

[[strategies]]
name = "marker"
kind = "momentum"
instruments = ["XRP"]
[strategies.limits]
max_exposure = "100000"
max_long_exposure = "100000"
max_short_exposure = "100000"
max_daily_loss = "100000"
max_executions = 100000

[limits]
max_exposure = "100000"
heat = 0.9
max_daily_loss = "5000"
max_drawdown = 0.9
equity_floor = "0"
orders_per_minute = 100000

[operators]
people = ["operator-1"]
"""


def code(bid_lots: int, ask_lots: int) -> int:
    """The size of the order that a quote is answered with."""
    return LEAST + (7 * bid_lots + ask_lots) % SPAN


class Relay:
    """Passes bytes between desk and twin. A quote's time is that of its arrival here, before it goes on to the desk."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._quoted: dict[int, int] = {}
        self.took_us: list[float] = []
        self.unmatched = 0
        self.came = asyncio.Event()

    async def serve(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: DeskSide(self, self._port), "127.0.0.1", 0)

    def from_twin(self, chunk: bytes, moment: int) -> None:
        for found in BBO.finditer(chunk):
            self._quoted[code(int(found[1]), int(found[2]))] = moment

    def from_desk(self, chunk: bytes, moment: int) -> None:
        found = SIZE.search(chunk)
        if found is not None:
            quoted = self._quoted.pop(int(found[1]), None)
            if quoted is None:
                self.unmatched += 1
            else:
                self.took_us.append((moment - quoted) / 1_000)
            self.came.set()


class DeskSide(asyncio.Protocol):
    """A connection of the desk's. It opens one to the twin; what either says is passed on before it is looked at."""

    def __init__(self, relay: Relay, port: int) -> None:
        self.relay, self._port = relay, port
        self.desk: Any = None
        self._twin: Any = None
        self._early: list[bytes] = []
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.desk = transport
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._twin, _ = await loop.create_connection(lambda: TwinSide(self), "127.0.0.1", self._port)
        self._twin.writelines(self._early)

    def data_received(self, data: bytes) -> None:
        moment = time.perf_counter_ns()
        if self._twin is None:
            self._early.append(data)
        else:
            self._twin.write(data)
        self.relay.from_desk(data, moment)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        if self._twin is not None:
            self._twin.close()


class TwinSide(asyncio.Protocol):
    """The connection to the twin that belongs to one of the desk's."""

    def __init__(self, other: DeskSide) -> None:
        self._other = other

    def data_received(self, data: bytes) -> None:
        moment = time.perf_counter_ns()
        self._other.desk.write(data)
        self._other.relay.from_twin(data, moment)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self._other.desk.close()


def desk(folder: str) -> None:
    """The live desk's process: one order for a marked quote, at most one in 20 ms, and its cancel at a later quote."""
    import msgspec

    from quarterdeck.config import load_desk
    from quarterdeck.desk.bell import Bell
    from quarterdeck.desk.live import LiveOptions, LiveSession
    from quarterdeck.desk.loop import run_session
    from quarterdeck.desk.place import DeskPlace
    from quarterdeck.desk.session import Voices
    from quarterdeck.strategies.contract import PythonStrategy
    from quarterdeck.strategies.views import DeskView, Quote
    from quarterdeck.venues.links import open_venue

    class Memory(msgspec.Struct):
        asked_ns: int = 0

    class Anything(msgspec.Struct):
        pass

    class Marker(PythonStrategy):
        kind = "marker"
        parameters_type = Anything

        def __init__(self, parameters: Any, place: Any) -> None:
            super().__init__(parameters, place)
            self.memory = Memory()

        def on_quote(self, desk: DeskView, quote: Quote) -> None:
            if not quote.bid or quote.time_ns - self.memory.asked_ns < PAUSE_NS:
                return
            self.memory.asked_ns = quote.time_ns
            working = [order for order in desk.open_orders(0) if not order.cancel_pending]
            if working:
                desk.cancel(working[0].order_id)
            else:
                price = quote.bid * 9 // 10 // 100 * 100
                desk.buy(0, code(quote.bid_quantity, quote.ask_quantity), price, post_only=True)

    config, bell = load_desk(folder), Bell()
    options = LiveOptions(wake=bell.ring, sources=[Marker], voices=Voices(narrate=False))
    session = LiveSession(config, DeskPlace(Path(folder)), [open_venue(config, 0)], options)
    run_session(session, bell=bell)


def start(*words: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "QUARTERDECK_CAPACITY": "small", **environment},
    )  # fmt: skip


def loop(orders: int) -> dict[str, Any]:
    import uvloop
    from eth_account import Account

    master, agent = (str(Account.from_key(key).address) for key in (MASTER_KEY, KEY))
    main = "from quarterdeck.cli import main; main()"
    fund = ("--fund", f"{master}=10000", "--agent", f"{agent}={master}")
    twin = start("-c", main, "twin", "hyperliquid", "--port", "0", "--seed", "7", "--speed", "10", *fund)
    with tempfile.TemporaryDirectory() as folder:
        try:
            assert twin.stdout is not None
            said = twin.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", said)
            if found is None:
                return {"error": f"the twin said {said!r}"}
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(relayed(int(found[1]), master, Path(folder), orders))
        finally:
            twin.send_signal(signal.SIGTERM)
            twin.communicate(timeout=60)


async def relayed(port: int, master: str, folder: Path, orders: int) -> dict[str, Any]:
    relay = Relay(port)
    server = await relay.serve()
    listening = server.sockets[0].getsockname()[1]
    (folder / "desk.toml").write_text(DESK_TOML.format(port=listening, account=master))
    process = start(str(Path(__file__)), "--desk", str(folder), HYPERLIQUID_PRIVATE_KEY=KEY)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while len(relay.took_us) < orders:
                    relay.came.clear()
                    await relay.came.wait()
    finally:
        server.close()
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(process.communicate, timeout=60)
    took = relay.took_us[max(1, orders // 20) :]  # the first ones find cold caches
    if len(took) < orders // 2:
        return {"error": f"{len(took)} orders came, not {orders}: {errors.strip().splitlines()[-1:]}"}
    windows = [took[start : start + WINDOW] for start in range(0, len(took) - WINDOW + 1, WINDOW)] or [took]
    p5, p50, p95, p99, most = (share_ms(took, share) for share in (0.05, 0.5, 0.95, 0.99, 1))
    return {
        "peer": "quarterdeck", "orders": len(took), "unmatched": relay.unmatched, "p5_ms": p5, "p50_ms": p50,
        "p95_ms": p95, "p99_ms": p99, "most_ms": most, "quiet_p95_ms": min(share_ms(one, 0.95) for one in windows),
        "load1": os.getloadavg()[0],
    }  # fmt: skip


def share_ms(took_us: Sequence[float], share: float) -> float:
    ordered = sorted(took_us)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1_000


# All of it.


def in_ccxt(folder: Path, count: int) -> dict[str, Any]:
    sys.path.insert(0, str(REPOSITORY))
    from tests.environments import client_python

    words = [str(client_python(CLIENTS)), str(Path(__file__)), "--inside", str(folder), "--passes", str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["nothing said"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def side_by_side(folder: Path, count: int) -> dict[str, Any]:
    """Both by turns, one pass each time, so that a busy moment falls on both."""
    rounds = [(ours(folder, 1), in_ccxt(folder, 1)) for _ in range(count)]
    figures: dict[str, Any] = {}
    for name in STREAMS:
        mine, theirs = ([one[place].get(f"{name}_us") for one in rounds] for place in (0, 1))
        figures[f"{name}_us"] = statistics.median(mine)
        line = f"{name:20s} {figures[f'{name}_us']:8.2f} us"
        if all(theirs):
            figures[f"{name}_ccxt_us"] = statistics.median(theirs)
            figures[f"{name}_ratio"] = figures[f"{name}_ccxt_us"] / figures[f"{name}_us"]
            line += f"   ccxt.pro {figures[f'{name}_ccxt_us']:8.2f} us   {figures[f'{name}_ratio']:6.1f}x"
        print(line)
    problems = [problem for pair in rounds for one in pair for problem in (*one.get("diff", ()), one.get("error", ""))]
    return {**figures, "ok": not any(problems), "diff": [one for one in problems if one][:3]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", choices=("quarterdeck", "ccxt"))
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data" / "market")
    parser.add_argument("--passes", type=int, default=PASSES)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--desk", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ.setdefault("QUARTERDECK_CAPACITY", "small")
    if asked.desk:
        desk(asked.desk)
        return 0
    if asked.inside:
        print(json.dumps(asyncio.run(by_ccxt(asked.inside, asked.passes))))
        return 0
    share = 10 if asked.quick else 1
    found: dict[str, Any] = {}
    if not asked.loop:
        if not (asked.data / f"{TABLES}_trades.parquet").exists():
            print(json.dumps({"error": f"{TABLES}_trades.parquet is not in the data folder"}))
            return 0
        with tempfile.TemporaryDirectory() as name:
            recorded(asked.data, Path(name), share)
            work = {"quarterdeck": ours, "ccxt": in_ccxt}.get(asked.client or "", side_by_side)
            found = work(Path(name), asked.passes)
    if not asked.client:
        way = loop(asked.orders // share)
        print(", ".join(f"{key} {value}" for key, value in way.items()))
        found = {**found, **way}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
