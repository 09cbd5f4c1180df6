"""From the word `kill` to the last cancel sent, with 10,000 open orders.

    python bench/ops_kill.py [--quick] [--rounds 3]

Each round is a desk process of its own, of the capacity `large` (16,384 places for orders; `standard` has 1,024), whose
strategy fills the book below the market; then the word comes over its control socket, from another process.

`simulated`: the desk at the simulated venue. Its kernel says the cancels and the venue takes them in within one call,
so the last one, and the first, are out at the latest when the command is applied and flushed to the journal.
`sink`: the core of a live desk, with the same orders; each cancel is timed as the sink is given it, behind the journal.

Both are counted from just before the word is written to the socket. Last line: one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CAPACITY = "large"
ORDERS, QUICK_ORDERS = 10_000, 1_000
FIRST_MS, LAST_MS = 5.0, 1_000.0
PATIENCE_S = 300.0
DESK_TOML = """
[desk]
name = "crowded"
mode = "paper"
base_currency = "USD"
capacity = "large"
seed = 7

[[venues]]
name = "venue"
kind = "simulated"
order_latency_ms = 1
response_latency_ms = 1
[venues.limits]
max_exposure = "100000000"
messages_per_second = 1000000
cancel_reserve = 1000

[[accounts]]
venue = "venue"
currency = "USD"
deposit = "100000000"

[[instruments]]
symbol = "ABC"
venue = "venue"
kind = "perpetual"
base = "ABC"
quote = "USD"
tick = "0.0001"
lot = "1"
maker_fee_bps = 1
taker_fee_bps = 4
initial_margin = 0.1
[instruments.limits]
max_notional = "1000000"
max_quantity = "1000"
max_exposure = "100000000"
max_long = "10000000"
max_short = "10000000"
stale_ms = 600000
collar_bps = 9999
collar_period_bps = 9999
duplicate_window_ms = 0

[[strategies]]
name = "crowd"
kind = "momentum"
instruments = ["ABC"]
[strategies.limits]
max_exposure = "100000000"
max_daily_loss = "unlimited"
max_executions = 1000000

[limits]
max_exposure = "100000000"
heat = 1
max_daily_loss = "unlimited"
max_drawdown = 0.9
orders_per_minute = 1000000

[operators]
people = ["operator-1"]
"""


def ask_for_kill(path: Path) -> float:
    """Says the word as another process does; returns when it began to (CLOCK_MONOTONIC, seconds)."""
    code = (
        "import sys, time; from pathlib import Path; from quarterdeck.desk.wire import Command, Verb, ask\n"
        "sys.stdin.readline(); began = time.monotonic()\n"
        "answer = ask(Path(sys.argv[1]), 'crowded', Command(verb=Verb.KILL, why='bench'), 60)\n"
        "print(repr(began), answer['cancels'], repr(time.monotonic()))"
    )
    return subprocess.Popen(  # type: ignore[return-value]  # a process: the desk's loop goes on beside it
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def crowd(orders: int) -> Any:
    """A strategy that fills the book below the market, 64 orders at each quote."""
    import msgspec

    from quarterdeck.strategies.asking import ASKS
    from quarterdeck.strategies.contract import Parameters, PythonStrategy

    class Nothing(msgspec.Struct):
        pass

    class Anything(Parameters, forbid_unknown_fields=False):
        pass

    class Crowd(PythonStrategy):
        kind = "crowd"
        parameters_type = Anything

        def __init__(self, parameters: Any, place: Any) -> None:
            super().__init__(parameters, place)
            self.memory = Nothing()
            self.asked = 0

        def on_quote(self, desk: Any, quote: Any) -> None:
            for _ in range(min(ASKS, orders - self.asked)):
                self.asked += 1
                desk.buy(0, 1, quote.bid // 2 - self.asked % 1_000)

    return Crowd


def simulated(folder: Path, orders: int) -> dict[str, float]:
    """A paper desk in its own loop; returns milliseconds from the word to its effect."""
    from quarterdeck.config import load_desk
    from quarterdeck.desk.loop import run_session
    from quarterdeck.desk.paper import PaperSession, SessionOptions
    from quarterdeck.desk.place import DeskPlace

    config = load_desk(folder)
    session = PaperSession(config, DeskPlace(folder), SessionOptions(sources=[crowd(orders)], speed=30.0))
    caller: Any = ask_for_kill(session.place.socket)
    marks: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE_S

    def each() -> None:
        if "core" not in marks:
            command = session.desk.command

            def timed(head: Any, payload: bytes) -> int:
                marks["begun"] = time.monotonic()
                sequence = command(head, payload)
                marks["done"] = time.monotonic()
                return sequence

            session.desk.command = timed  # type: ignore[method-assign]  # the one place where it is measured
            marks["core"] = 0.0
        if "told" not in marks and int(session.desk.states[0]["open_count"]) >= orders and settled(session):
            marks["told"] = time.monotonic()
            caller.stdin.write("\n")
            caller.stdin.flush()
        if caller.poll() is not None or time.monotonic() > deadline:
            session.stopping = True

    run_session(session, None, each=each)
    began, cancels, heard = caller.communicate()[0].split()
    assert int(cancels) == orders, (cancels, orders)
    return {
        "last_ms": (marks["done"] - float(began)) * 1e3,
        "kernel_ms": (marks["done"] - marks["begun"]) * 1e3,
        "answer_ms": (float(heard) - float(began)) * 1e3,
    }


def settled(session: Any) -> bool:
    """Whether the venue has said of every order that it works."""
    from quarterdeck.kernel.vocabulary import OrderStatus

    state = session.desk.states[0]
    slots = state["open_orders"][: int(state["open_count"])]
    return bool((state["orders"]["status"][slots] == OrderStatus.ACCEPTED).all())


def sink(folder: Path, orders: int) -> dict[str, float]:
    """The core of a live desk; returns milliseconds from the command to the first and to the last cancel."""
    from quarterdeck.config import load_desk
    from quarterdeck.desk.commands import command_event, command_payload
    from quarterdeck.desk.keeping import journal_options
    from quarterdeck.desk.place import DeskPlace
    from quarterdeck.desk.trading import LiveDesk
    from quarterdeck.desk.wire import Command, Verb
    from quarterdeck.journal import JournalWriter
    from quarterdeck.kernel.account import new_events
    from quarterdeck.kernel.vocabulary import EventKind
    from quarterdeck.runtime.directory import directory
    from quarterdeck.runtime.host import host_strategies
    from quarterdeck.runtime.opening import opening_events

    class Timed:
        def __init__(self) -> None:
            self.ids: list[int] = []
            self.at: list[float] = []

        def submit(self, action: Any) -> None:
            self.ids.append(int(action["order_id"]))

        def cancel(self, _: Any) -> None:
            self.at.append(time.monotonic())

        def replace(self, _: Any) -> None: ...

    config = load_desk(folder)
    writer = JournalWriter(DeskPlace(folder).journal, "crowded", journal_options(config.journal))
    out = Timed()
    desk = LiveDesk(writer, out)
    now = time.time_ns()
    desk.feed(opening_events(config, 1, now, fresh=True))
    desk.bind(host_strategies(config, desk.states, [crowd(orders)]))
    while len(out.ids) < orders:
        now += 1_000_000
        quote = new_events(1)
        for word, value in (("kind", EventKind.QUOTE), ("time_ns", now), ("bid", 1_000_000), ("ask", 1_000_010)):
            quote[word] = value
        quote["bid_quantity"] = quote["ask_quantity"] = 100
        before = len(out.ids)
        desk.feed(quote)
        desk.take_tape()
        assert len(out.ids) > before, "the rails took no more orders"
    accepted = new_events(orders)
    accepted["kind"], accepted["time_ns"], accepted["order_id"] = EventKind.ORDER_ACCEPTED, now, out.ids
    desk.feed(accepted)
    command = Command(verb=Verb.KILL, why="bench")
    began = time.monotonic()
    desk.command(command_event(command, directory(config), now), command_payload(command))
    assert len(out.at) == orders, (len(out.at), orders)
    writer.close()
    return {"first_ms": (out.at[0] - began) * 1e3, "last_ms": (out.at[-1] - began) * 1e3}


def one_round(kind: str, orders: int) -> dict[str, float]:
    """A round in a process of its own, which the kernel's capacity is a property of."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-kill-") as name:
        (Path(name) / "desk.toml").write_text(DESK_TOML)
        argv = [sys.executable, __file__, "--child", kind, "--folder", name, "--orders", str(orders)]
        environment = {**os.environ, "QUARTERDECK_CAPACITY": CAPACITY}
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 orders, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=("simulated", "sink"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--orders", type=int, default=ORDERS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps({"simulated": simulated, "sink": sink}[asked.child](asked.folder, asked.orders)))
        return 0
    orders, rounds = (QUICK_ORDERS, 1) if asked.quick else (asked.orders, asked.rounds)
    runs: dict[str, list[dict[str, float]]] = {"simulated": [], "sink": []}
    for _ in range(rounds):
        for kind, made in runs.items():
            made.append(one_round(kind, orders))
    medians = {
        f"{kind}_{key}": round(statistics.median(run[key] for run in made), 3)
        for kind, made in runs.items()
        for key in made[0]
    }
    last = max(run["last_ms"] for made in runs.values() for run in made)
    first = max(run["first_ms"] for run in runs["sink"])
    line = {"ok": True, "orders": orders, "load1": os.getloadavg()[0], **medians}
    line |= {"worst_first_ms": round(first, 3), "worst_last_ms": round(last, 3)}
    line |= {"met": first <= FIRST_MS and last <= LAST_MS}
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
