"""What the tests of replay, story and shadow are built from: a small desk, strategies, journals of what they did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.journal import JournalOptions, JournalWriter, digest_word
from quarterdeck.kernel.account import digest, new_events
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.records import EVENT, INSTRUMENTS
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, Reason
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import opening_events
from quarterdeck.strategies.asking import ask_cancel, ask_limit
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, PythonStrategy
from tests.kernel.desks import Desk

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
OPTIONS = JournalOptions(segment_records=512, block_records=64, fsync="os", reserve_bytes=4096)

DESK = """
[desk]
name = "harbour"
mode = "backtest"
base_currency = "USDT"
capacity = "small"
seed = 1

[[venues]]
name = "sim"
kind = "simulated"
order_latency_ms = 0
response_latency_ms = 0

[venues.limits]
max_exposure = "1000000"
messages_per_second = 10000
cancel_reserve = 10
error_rate = 0.5
error_samples_min = 10
error_cooldown_s = 60

[[accounts]]
venue = "sim"
currency = "USDT"
deposit = "1000000"

[[instruments]]
symbol = "BTCUSDT"
venue = "sim"
kind = "perpetual"
base = "BTC"
quote = "USDT"
tick = "0.01"
lot = "1"
maker_fee_bps = 1
taker_fee_bps = 5
min_notional = "10"
initial_margin = 0.01
maintenance_margin = 0.005
short_allowed = true

[instruments.limits]
max_notional = "50000"
max_quantity = "20"
collar_bps = 1000
collar_period_bps = 2000
collar_period_s = 300
stale_ms = 120000
max_exposure = "500000"
max_long = "6"
max_short = "6"
duplicate_window_ms = 1

[[strategies]]
name = "TIDE"
kind = "maker"
instruments = ["BTCUSDT"]
parameters = { every = 5 }

[strategies.limits]
max_exposure = "500000"
max_executions = 100000
executions_window_s = 60
max_daily_loss = "500000"

[[strategies]]
name = "WIND"
kind = "maker"
instruments = ["BTCUSDT"]
parameters = { every = 8 }

[strategies.limits]
max_exposure = "500000"
max_executions = 100000
executions_window_s = 60
max_daily_loss = "500000"

[limits]
max_exposure = "500000"
heat = 0.5
max_daily_loss = "500000"
max_drawdown = 0.5
equity_floor = "1000"
orders_per_minute = 100000
on_breach = "reject"
warning = 0.8
max_unacknowledged = 1000

[breaker]
drawdown_trip = 0.4
drawdown_recovery = 0.05
"""


def write_desk(folder: Path, text: str = DESK) -> DeskConfig:
    """Puts the desk's settings into a folder and reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.toml").write_text(text)
    return load_desk(folder)


class QuoterParameters(Parameters, frozen=True, kw_only=True):
    every: int


class QuoterMemory(msgspec.Struct):
    count: int = 0


class Quoter(PythonStrategy):
    """Every `every` quotes: takes its orders back and quotes both sides at the touch."""

    kind = "quoter"
    parameters_type = QuoterParameters

    def __init__(self, parameters: Any, place: Any) -> None:
        super().__init__(parameters, place)
        self.memory = QuoterMemory()

    def on_quote(self, desk: Any, quote: Any) -> None:
        self.memory.count += 1
        if self.memory.count % self.parameters.every:
            return
        for order in desk.open_orders(0):
            desk.cancel(order.order_id)
        held = desk.position(0)
        if held < 4:
            desk.buy(0, 1, quote.bid, tag=7)
        if held > -4:
            desk.sell(0, 1, quote.ask)


@compiled
def _on_event(state: Any, strategy: int, memory: Any, event: Any, asks: Any, count: int) -> int:
    """The same as `Quoter`, but that its orders carry no tag."""
    if event["kind"] != EventKind.QUOTE:
        return count
    memory["count"] += 1
    if memory["count"] % memory["every"] != 0:
        return count
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["strategy"] == strategy and not order["flags"] & OrderFlag.CANCEL_PENDING:
            count = ask_cancel(asks, count, order["id"], Reason.NONE.value)
    held = state["positions"][strategy * INSTRUMENTS]["quantity"]
    if held < 4:
        count = ask_limit(asks, count, 0, 1, event["bid"], 1, 0, Reason.SIGNAL_ENTRY.value)
    if held > -4:
        count = ask_limit(asks, count, 0, -1, event["ask"], 1, 0, Reason.SIGNAL_ENTRY.value)
    return count


def _prepare(memory: Any, parameters: Any, place: Any) -> None:
    memory["every"] = parameters.every


_MEMORY = np.dtype([("count", "<i8"), ("every", "<i8")])
COMPILED_QUOTER = CompiledStrategy("compiled quoter", QuoterParameters, _MEMORY, _prepare, _on_event)
BOTH: Sequence[StrategySource] = (Quoter, COMPILED_QUOTER)


def market_data(count: int, seed: int = 3) -> Any:
    """Quotes of a random walk about 100.00, now and then a trade through the touch."""
    generator = np.random.default_rng(seed)
    walk = 10_000 + np.cumsum(generator.integers(-3, 4, count))
    events: Any = new_events(count)
    events["kind"] = EventKind.QUOTE
    events["strategy"] = -1
    events["time_ns"] = START_NS + np.arange(1, count + 1) * STEP_NS
    events["bid"], events["ask"] = walk, walk + 2
    events["bid_quantity"] = events["ask_quantity"] = 5
    for place in range(9, count, 10):
        event = events[place]
        event["kind"] = EventKind.TRADE
        event["flags"] = Flag.SELL if place % 20 == 9 else 0
        event["price"] = walk[place] - 1 if place % 20 == 9 else walk[place] + 3
        event["quantity"] = 20
        event["trade_id"] = place
        event["tag"] = 0
    return events


def record(folder: Path, config: DeskConfig, sources: Sequence[StrategySource], events: Any) -> bytes:
    """Lets strategies trade on events in the simulated venue and journals it; returns the state's digest at the end."""
    with JournalWriter(folder / "data" / "journal", "harbour", OPTIONS, clock=lambda: START_NS) as writer:

        def sink(tape: Any) -> None:
            for first in range(0, len(tape), 32):
                writer.append(tape[first : first + 32])
            writer.seal(digest_word(engine.digest))

        engine = SimulatedEngine(new_market(), sink)
        engine.feed(opening_events(config, 1, START_NS, fresh=True))
        engine.bind(host_strategies(config, engine.states, sources))
        for first in range(0, len(events), 100):
            engine.feed(events[first : first + 100])
        return engine.digest


def write_tape(folder: Path, records: bytes, state_digest: int = 0) -> None:
    """Journals records as they are, under one seal with that digest."""
    tape = np.frombuffer(records, EVENT)
    with JournalWriter(
        folder / "data" / "journal", "harbour", JournalOptions(fsync="os", reserve_bytes=4096)
    ) as writer:
        for first in range(0, len(tape), 4096):
            writer.append(tape[first : first + 4096])
        writer.seal(state_digest)


def write_story(folder: Path, desk: Desk) -> None:
    """Journals what happened to a desk of the kernel's tests."""
    write_tape(folder, b"".join(desk.tape), digest_word(digest(desk.states)))
