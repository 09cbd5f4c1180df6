"""Quarterdeck through its public API: a desk with every rail at a finite limit (quarterdeck/desk.toml).

W1 and W2 run compiled strategies; BENCH_VARIANT=python runs W2 with a plain Python one. What is inside `run_s`: the
simulated venue, the rails, the ledger, the strategy, for every event. Outside (`prep_s`): arrays into event records.
"""

import asyncio
import math
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns as now

import msgspec
import numpy as np
import uvloop

import spec as S
from common import Clock, feed_from_thread, main, w3_quote, w3_stats
from quarterdeck.config import load_desk
from quarterdeck.desk.trading import LiveDesk
from quarterdeck.journal import JournalOptions, JournalWriter
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, Reason
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import host_strategies
from quarterdeck.runtime.opening import opening_events
from quarterdeck.strategies.asking import ask_cancel, ask_limit, ask_market
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, PythonStrategy

DESK = Path(__file__).parent / "quarterdeck" / "desk.toml"
ACCEPTED, CANCELED = int(EventKind.ORDER_ACCEPTED), int(EventKind.ORDER_CANCELED)
FAST, SLOW = S.W1_FAST, S.W1_SLOW
ALPHA, EVERY, EDGE, MAXPOS, SCALE, SIZE = S.W2_ALPHA, S.W2_EVERY, S.W2_EDGE, S.W2_MAXPOS, float(S.PX_SCALE), S.W2_SIZE

SMA = np.dtype([("closes", "<f8", (SLOW,)), ("count", "<i8"), ("fast", "<f8"), ("slow", "<f8")])
QUOTER = np.dtype([("ema", "<f8"), ("count", "<i8"), ("orders", "<i8"), ("cancels", "<i8")])


@compiled
def on_bar(state, strategy, memory, event, asks, count):
    """Long one unit when SMA(10) > SMA(30), else flat."""
    if event["kind"] != EventKind.BAR:
        return count
    close = event["close"] / SCALE
    seen = memory["count"]
    memory["fast"] += close - (memory["closes"][(seen - FAST) % SLOW] if seen >= FAST else 0.0)
    memory["slow"] += close - (memory["closes"][seen % SLOW] if seen >= SLOW else 0.0)
    memory["closes"][seen % SLOW] = close
    memory["count"] = seen + 1
    if seen < SLOW - 1:
        return count
    held = state["positions"][strategy * INSTRUMENTS]["quantity"]
    wanted = S.W1_SIZE if memory["fast"] * SLOW > memory["slow"] * FAST else 0
    if wanted == held:
        return count
    side = 1 if wanted > held else -1
    return ask_market(asks, count, 0, side, abs(wanted - held), 0, Reason.SIGNAL_ENTRY.value)


@compiled
def on_quote(state, strategy, memory, event, asks, count):
    """Every 200 quotes: cancel what is open, then one buy and one sell around the EMA."""
    if event["kind"] != EventKind.QUOTE:
        return count
    bid, ask = event["bid"], event["ask"]
    mid = (bid / SCALE + ask / SCALE) * 0.5
    seen = memory["count"]
    memory["count"] = seen + 1
    memory["ema"] = mid if seen == 0 else memory["ema"] + ALPHA * (mid - memory["ema"])
    if seen % EVERY != EVERY - 1:
        return count
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["strategy"] == strategy and not order["flags"] & OrderFlag.CANCEL_PENDING:
            count = ask_cancel(asks, count, order["id"], Reason.NONE.value)
            memory["cancels"] += 1
    held = state["positions"][strategy * INSTRUMENTS]["quantity"]
    middle = memory["ema"] * SCALE
    if held < MAXPOS:
        price = min(bid, math.floor(middle) - EDGE)
        count = ask_limit(asks, count, 0, 1, price, SIZE, Flag.POST_ONLY.value, Reason.SIGNAL_ENTRY.value)
        memory["orders"] += 1
    if held > -MAXPOS:
        price = max(ask, math.ceil(middle) + EDGE)
        count = ask_limit(asks, count, 0, -1, price, SIZE, Flag.POST_ONLY.value, Reason.SIGNAL_ENTRY.value)
        memory["orders"] += 1
    return count


def _nothing(memory, parameters, place):
    """Both begin with a memory of zeros."""


class QuoterMemory(msgspec.Struct):
    ema: float = 0.0
    count: int = 0
    orders: int = 0
    cancels: int = 0


class Quoter(PythonStrategy):
    """The same as `on_quote`, in plain Python."""

    kind = "quoter"

    def __init__(self, parameters, place):
        super().__init__(parameters, place)
        self.memory = QuoterMemory()

    def on_quote(self, desk, quote):
        memory = self.memory
        bid, ask = quote.bid, quote.ask
        mid = (bid / SCALE + ask / SCALE) * 0.5
        seen = memory.count
        memory.count = seen + 1
        memory.ema = mid if seen == 0 else memory.ema + ALPHA * (mid - memory.ema)
        if seen % EVERY != EVERY - 1:
            return
        for order in desk.open_orders(0):
            desk.cancel(order.order_id)
            memory.cancels += 1
        held = desk.position(0)
        middle = memory.ema * SCALE
        if held < MAXPOS:
            desk.buy(0, SIZE, min(bid, math.floor(middle) - EDGE), post_only=True)
            memory.orders += 1
        if held > -MAXPOS:
            desk.sell(0, SIZE, max(ask, math.ceil(middle) + EDGE), post_only=True)
            memory.orders += 1


def engine(source, first_ns):
    """A desk as it opens, ready for data."""
    config = load_desk(DESK)
    built = SimulatedEngine(new_market())
    built.feed(opening_events(config, epoch=1, time_ns=first_ns - 1, fresh=True))
    built.bind(host_strategies(config, built.states, [source]))
    return built


def bars(data):
    events = new_events(data["ts"].size)
    events["kind"] = EventKind.BAR
    events["strategy"] = -1
    events["venue_time_ns"] = data["ts"]
    events["time_ns"] = data["ts"] + S.W1_STEP_NS
    for column in ("open", "high", "low", "close"):
        events[column] = np.rint(data[column] * S.PX_SCALE)
    events["volume"] = data["volume"]
    return events


def quotes(data):
    events = new_events(data["ts"].size)
    events["kind"] = EventKind.QUOTE
    events["strategy"] = -1
    events["time_ns"] = data["ts"]
    for ours, theirs in (("bid", "bid"), ("ask", "ask")):
        events[ours] = np.rint(data[theirs] * S.PX_SCALE)
    for ours, theirs in (("bid_quantity", "bsz"), ("ask_quantity", "asz")):
        events[ours] = data[theirs]
    return events


def result(built, run, prep, jit):
    state = built.states[0]
    if state["refused"] or state["reasons"].sum():
        raise SystemExit(f"refused {state['refused']} events, orders {state['reasons'].nonzero()[0].tolist()}")
    net = state["instruments"][0]["net"]
    return {
        "run": run,
        "prep": prep,
        "jit_s": round(jit.wall, 2),
        "fills": int(net["fills"]),
        "position": int(net["quantity"]),
        "equity": int(state["equity"]) / 1e8,
        "digest": built.digest.hex()[:16],
    }


def measure(source, convert, data):
    """Warms the code up on a slice, then prepares and runs the whole."""
    with Clock() as jit:
        engine(source, int(data["ts"][0])).feed(convert({name: column[:2000] for name, column in data.items()}))
    with Clock() as prep:
        events = convert(data)
    built = engine(source, int(data["ts"][0]))
    with Clock() as run:
        built.feed(events)
    return built, run, prep, jit


def w1(data, n):
    source = CompiledStrategy("sma", Parameters, SMA, _nothing, on_bar)
    return result(*measure(source, bars, data))


def w2(data, n):
    python = os.environ.get("BENCH_VARIANT") == "python"
    source = Quoter if python else CompiledStrategy("quoter", Parameters, QUOTER, _nothing, on_quote)
    built, run, prep, jit = measure(source, quotes, data)
    host = built.hosts[0]
    memory = host.strategy.memory if python else None
    orders = memory.orders if python else int(host.memory["orders"][0])
    cancels = memory.cancels if python else int(host.memory["cancels"][0])
    return result(built, run, prep, jit) | {"orders": orders, "cancels": cancels}


class QuoteEach(PythonStrategy):
    """W3: one post-only buy per quote, a unit below the EMA; the order before is cancelled."""

    kind = "quote_each"

    def __init__(self, parameters, place):
        super().__init__(parameters, place)
        self.memory = QuoterMemory(ema=1000.0)
        self.last = 0

    def on_quote(self, desk, quote):
        memory = self.memory
        memory.ema += ALPHA * ((quote.bid + quote.ask) / SCALE * 0.5 - memory.ema)
        memory.count += 1
        desk.buy(0, 1, min(quote.bid, math.floor(memory.ema * SCALE)) - 100, post_only=True, tag=memory.count)
        if self.last:
            desk.cancel(self.last)

    def on_order(self, desk, update):
        if update.kind == EventKind.ORDER_ACCEPTED:
            self.last = update.order_id


class Venue:
    """Notes when an order arrives and answers like a venue that accepts and cancels everything."""

    def __init__(self, total):
        self.arrived = [0] * (total + 1)
        self.answers = []

    def submit(self, action):
        self.arrived[int(action["tag"])] = now()
        self.answers.append((ACCEPTED, action["order_id"]))

    def cancel(self, action):
        self.answers.append((CANCELED, action["order_id"]))

    def replace(self, action):
        raise SystemExit(f"nobody asked to replace {action}")


def w3(_, n):
    """A live desk: journal (group commit), kernel with every rail, plain Python strategy, one asyncio loop."""
    total = n + S.W3_WARM
    venue = Venue(total)
    handed = [0] * (total + 1)
    config = load_desk(DESK)
    with tempfile.TemporaryDirectory(prefix="quarterdeck-w3-") as folder:
        writer = JournalWriter(Path(folder) / "journal", "bench", JournalOptions(fsync="group", group_ms=5, spool=True))
        desk = LiveDesk(writer, venue)
        desk.on_events(opening_events(config, epoch=1, time_ns=time.time_ns(), fresh=True))
        desk.bind(host_strategies(config, desk.states, [QuoteEach]))
        quote, answer = quotes({name: np.ones(1) for name in ("ts", "bid", "ask", "bsz", "asz")}), new_events(1)

        async def trade():
            loop = asyncio.get_running_loop()
            end = loop.create_future()

            def reply():
                answers, venue.answers = venue.answers, []
                for kind, order_id in answers:
                    answer["kind"], answer["order_id"], answer["time_ns"] = kind, order_id, time.time_ns()
                    desk.on_events(answer)
                desk.take_tape()

            def inject(k):
                bid, ask = w3_quote(k)
                quote["bid"], quote["ask"], quote["time_ns"] = round(bid * 100), round(ask * 100), time.time_ns()
                handed[k + 1] = now()
                desk.on_events(quote)
                loop.call_soon(reply)

            feed_from_thread(loop, inject, total, lambda: end.set_result(None))
            await end

        uvloop.run(trade())
        state = desk.states[0]
        lost = total - sum(1 for at in venue.arrived if at)
        if lost or state["refused"]:
            raise SystemExit(f"{lost} orders did not arrive, {state['refused']} events refused")
        writer.close()
    return {"tick_to_submit_us": w3_stats(handed, venue.arrived, S.W3_WARM + 1), "orders": total}


if __name__ == "__main__":
    main("quarterdeck", version("quarterdeck"), {"W1": w1, "W2": w2, "W3": w3})
