"""Small desks for tests of strategies: the shipped JSON files, wide limits, and a simulated venue without latency."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.records import EVENT, INSTRUMENTS
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import Events, blank_events, join_events
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import opening_events

REPOSITORY = Path(__file__).resolve().parents[2]
START_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
SECOND_NS = 1_000_000_000

_DESK = """
[desk]
name = "trial"
mode = "backtest"
base_currency = "USDC"
capacity = "small"

[risk]
sizing_file = "config/sizing_by_regime.json"
trading_file = "config/trading_parameters.json"

[[venues]]
name = "hyperliquid"
kind = "simulated"
[venues.limits]
max_exposure = "1000000"
messages_per_second = 1000

[[accounts]]
venue = "hyperliquid"
currency = "USDC"
deposit = "10000"

[[instruments]]
symbol = "XRP"
venue = "hyperliquid"
kind = "perpetual"
base = "XRP"
quote = "USDC"
tick = "0.0001"
lot = "1"
significant_figures = 5
min_notional = "10"
initial_margin = 0.05
maintenance_margin = 0.025
[instruments.limits]
max_exposure = "100000"
stale_ms = 600000
collar_bps = 1000

[[instruments]]
symbol = "XRP/USDC"
venue = "hyperliquid"
kind = "spot"
base = "XRP"
quote = "USDC"
tick = "0.0001"
lot = "0.01"
significant_figures = 5
min_notional = "10"
[instruments.limits]
max_exposure = "100000"
stale_ms = 600000
collar_bps = 1000

[limits]
max_exposure = "1000000"
heat = 1
max_daily_loss = "100000"
orders_per_minute = 100000
max_unacknowledged = 100000

[operators]
people = ["operator-1"]
"""


def write_desk(
    folder: Path, strategies: Mapping[str, Mapping[str, object]], *, edit: Sequence[tuple[str, str]] = ()
) -> DeskConfig:
    """Returns a desk of these strategies, kind -> parameters; `instruments` among them says what it trades."""
    text = _DESK
    for kind, told in strategies.items():
        instruments = told.get("instruments", ["XRP"])
        text += f'\n[[strategies]]\nname = "{kind}"\nkind = "{kind}"\ninstruments = {instruments!r}\n'
        text += "[strategies.parameters]\n"
        text += "".join(f"{key} = {value!r}\n" for key, value in told.items() if key != "instruments")
        text += '[strategies.limits]\nmax_exposure = "100000"\nmax_executions = 1000000\n'
    for before, after in edit:
        assert before in text
        text = text.replace(before, after)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(REPOSITORY / "desks" / "xrpliquid" / "config", folder / "config", dirs_exist_ok=True)
    (folder / "desk.toml").write_text(text, "utf-8")
    return load_desk(folder)


class Trial:
    """A desk in front of a simulated venue: what is fed, and all that was applied."""

    def __init__(
        self,
        config: DeskConfig,
        *,
        sources: Sequence[StrategySource] | None = None,
        latency_ns: int = 0,
        time_ns: int = START_NS,
    ) -> None:
        self.market: Records[Market] = new_market(order_latency_ns=latency_ns, response_latency_ns=latency_ns)
        self.tape: list[Events] = []
        self.engine = SimulatedEngine(self.market, lambda records: self.tape.append(records.copy()))
        self.hosts = host_strategies(config, self.engine.states, sources)
        opening: NDArray[np.void] = np.zeros(0, EVENT)
        opening = opening_events(config, 1, time_ns, fresh=True)
        self.engine.feed(opening)
        self.engine.bind(self.hosts)
        self.time_ns = time_ns

    @property
    def state(self) -> Any:
        return cast(Any, self.engine.states)[0]

    @property
    def memory(self) -> Any:
        """Memory of the first strategy, when it is compiled."""
        return cast(Any, self.hosts[0]).memory[0]

    def position(self, strategy: int = 0, instrument: int = 0) -> Any:
        return self.state["positions"][strategy * INSTRUMENTS + instrument]

    def orders(self, strategy: int = 0) -> list[Any]:
        """Open orders, oldest first."""
        slots = self.state["open_orders"][: self.state["open_count"]]
        found = [self.state["orders"][slot] for slot in slots if self.state["orders"][slot]["strategy"] == strategy]
        return sorted(found, key=lambda order: order["id"])

    def said(self, kind: EventKind) -> Events:
        """All records of a kind that were applied, in order."""
        records = join_events(self.tape)
        return records[records["kind"] == int(kind)]

    def quote(self, bid: int, ask: int, *, after_s: float = 1.0, instrument: int = 0, lots: int = 100_000) -> None:
        """Feeds a quote `after_s` later than what came before."""
        self.time_ns += int(after_s * SECOND_NS)
        quote = blank_events(1, EventKind.QUOTE, instrument)
        quote["time_ns"] = self.time_ns
        quote["bid"], quote["ask"] = bid, ask
        quote["bid_quantity"] = quote["ask_quantity"] = lots
        self.engine.feed(quote)

    def bar(self, open_: int, high: int, low: int, close: int, *, seconds: int = 300, instrument: int = 0) -> None:
        """Feeds a bar that begins where time stands."""
        bar = blank_events(1, EventKind.BAR, instrument)
        bar["venue_time_ns"] = self.time_ns
        self.time_ns += seconds * SECOND_NS
        bar["time_ns"] = self.time_ns
        bar["open"], bar["high"], bar["low"], bar["close"] = open_, high, low, close
        bar["volume"] = 1_000_000
        self.engine.feed(bar)

    def funding(self, rate_ppb: int, *, instrument: int = 0) -> None:
        event = blank_events(1, EventKind.FUNDING, instrument)
        event["time_ns"] = self.time_ns
        event["rate"] = rate_ppb
        event["flags"] = int(Flag.SETTLE)
        self.engine.feed(event)
