"""The desk of the side-by-side workloads has its rails on: each of its limits, made tight, refuses the very order that

passes with the limits as they are. What is tested: `bench/peers/quarterdeck/desk.toml`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config import load_desk
from quarterdeck.kernel.account import apply, new_actions, new_events, new_state
from quarterdeck.kernel.vocabulary import Decision, EventKind, Flag, OrderType, Reason, TimeInForce
from quarterdeck.runtime.opening import opening_events

DESK = Path(__file__).resolve().parents[2] / "bench" / "peers" / "quarterdeck" / "desk.toml"
NOW = 1_700_000_000_000_000_000
MS = 1_000_000
BID = 100_000


class Kernel:
    """A kernel opened with a desk's settings, and one quote."""

    def __init__(self, path: Path) -> None:
        self.states, self.actions, self.now, self.trades = new_state(), new_actions(), NOW, 0
        opening = opening_events(load_desk(path), epoch=1, time_ns=NOW, fresh=True)
        for index in range(len(opening)):
            self._apply(opening, index)
        self.event(EventKind.QUOTE, bid=BID, ask=BID + 1, bid_quantity=10, ask_quantity=10)

    def event(self, kind: int, after_ns: int = 0, **words: int) -> list[Any]:
        self.now += after_ns
        event = new_events(1)
        event["time_ns"], event["kind"] = self.now, kind
        for name, word in words.items():
            event[name] = word
        return self._apply(event, 0)

    def ask(self, lots: int = 5, price: int = BID - 100, flags: int = 0, after_ns: int = MS) -> tuple[Decision, Reason]:
        """Asks for an order; what the rails said, and why."""
        shape = {"order_type": int(OrderType.LIMIT), "time_in_force": int(TimeInForce.GTC)}
        said = self.event(EventKind.ORDER_REQUEST, after_ns, quantity=lots, price=price, flags=flags, **shape)
        decision = next(action for action in said if action["kind"] == EventKind.DECISION)
        return Decision(int(decision["decision"])), Reason(int(decision["reason"]))

    def fill(self, price: int, flags: int = 0, lots: int = 5) -> None:
        self.trades += 1
        words = {"price": price, "quantity": lots, "trade_id": self.trades, "flags": flags | Flag.LIQUIDATED}
        self.event(EventKind.FILL, **words)

    def _apply(self, events: Any, index: int) -> list[Any]:
        count = apply(self.states, events, index, self.actions)  # pyright: ignore[reportArgumentType] an array of records
        return list(self.actions[:count].copy())


def nothing(_: Kernel) -> None:
    """The first order is the one that is refused."""


def one_order(kernel: Kernel) -> None:
    assert kernel.ask()[0] == Decision.APPROVED


def a_loss(kernel: Kernel) -> None:
    """Fifty of the desk's currency are lost, in the strategy's own name."""
    kernel.fill(BID)
    kernel.fill(BID - 1_000, Flag.SELL)


def two_errors(kernel: Kernel) -> None:
    for _ in range(2):
        kernel.event(EventKind.VENUE_RESULT, flags=int(Flag.ERROR))


@dataclass(frozen=True)
class Rail:
    """`section` and `key` of the limit, what it is tightened to, and what happens before the order that it refuses.

    `also` are figures that must move along for the configuration to be one.
    """

    reason: Reason
    section: str
    key: str
    value: str
    before: Callable[[Kernel], None] = nothing
    flags: int = 0
    after_ns: int = MS
    also: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.section} {self.key}"


INSTRUMENT, STRATEGY, DESK_WIDE, VENUE = "[instruments.limits]", "[strategies.limits]", "[limits]", "[venues.limits]"
RAILS: Sequence[Rail] = (
    Rail(Reason.EXPOSURE_VENUE_CAP, VENUE, "max_exposure", '"4000"'),
    Rail(Reason.MESSAGE_RATE_EXCEEDED, VENUE, "messages_per_second", "11", one_order),
    Rail(Reason.VENUE_BREAKER_OPEN, VENUE, "error_samples_min", "2", two_errors),
    Rail(Reason.NOTIONAL_TOO_SMALL, "[[instruments]]", "min_notional", '"6000"'),
    Rail(Reason.BUYING_POWER, "[[instruments]]", "initial_margin", "1", also=(("[[accounts]]", "deposit", '"4000"'),)),
    Rail(Reason.NOTIONAL_TOO_LARGE, INSTRUMENT, "max_notional", '"4000"'),
    Rail(Reason.QUANTITY_TOO_LARGE, INSTRUMENT, "max_quantity", '"4"'),
    Rail(Reason.PRICE_COLLAR, INSTRUMENT, "collar_bps", "5"),
    Rail(Reason.PRICE_COLLAR_PERIOD, INSTRUMENT, "collar_period_bps", "5"),
    Rail(Reason.STALE_DATA, INSTRUMENT, "stale_ms", "1", after_ns=2 * MS),
    Rail(
        Reason.EXPOSURE_SYMBOL_CAP,
        INSTRUMENT,
        "max_exposure",
        '"6000"',
        one_order,
        also=((INSTRUMENT, "max_notional", '"6000"'),),
    ),
    Rail(Reason.POSITION_LIMIT, INSTRUMENT, "max_long", '"4"'),
    Rail(Reason.POSITION_LIMIT, INSTRUMENT, "max_short", '"4"', flags=Flag.SELL),
    Rail(Reason.DUPLICATE_ORDER, INSTRUMENT, "duplicate_window_ms", "100", one_order),
    Rail(Reason.EXPOSURE_STRATEGY_CAP, STRATEGY, "max_exposure", '"4000"'),
    Rail(Reason.REPEATED_EXECUTION, STRATEGY, "max_executions", "1", one_order),
    Rail(Reason.DAILY_LOSS, STRATEGY, "max_daily_loss", '"40"', a_loss),
    Rail(Reason.EXPOSURE_TOTAL_CAP, DESK_WIDE, "max_exposure", '"4000"'),
    Rail(Reason.PORTFOLIO_HEAT, DESK_WIDE, "heat", "0.00001"),
    Rail(Reason.DAILY_LOSS, DESK_WIDE, "max_daily_loss", '"40"', a_loss),
    Rail(Reason.EQUITY_DRAWDOWN, DESK_WIDE, "max_drawdown", "0.00001", a_loss),
    Rail(Reason.EQUITY_FLOOR, DESK_WIDE, "equity_floor", '"1000000"'),
    Rail(Reason.ORDER_RATE_EXCEEDED, DESK_WIDE, "orders_per_minute", "1", one_order),
    Rail(
        Reason.BREAKER_OPEN,
        "[breaker]",
        "drawdown_trip",
        "0.00001",
        a_loss,
        also=(("[breaker]", "drawdown_recovery", "0.000001"),),
    ),
)


def tightened(path: Path, rail: Rail) -> Path:
    """A copy of the desk in which that one limit is another."""
    lines, section = DESK.read_text().splitlines(), ""
    wanted = {(where, key): value for where, key, value in ((rail.section, rail.key, rail.value), *rail.also)}
    for number, line in enumerate(lines):
        section = line if line.startswith("[") else section
        key = line.partition(" = ")[0]
        if (section, key) in wanted:
            lines[number] = f"{key} = {wanted.pop((section, key))}"
    assert not wanted, f"{wanted} is not in {DESK}"
    (path / "desk.toml").write_text("\n".join(lines))
    return path / "desk.toml"


@pytest.mark.parametrize("rail", RAILS, ids=str)
def test_each_limit_of_the_bench_desk_refuses_once_it_is_tight(tmp_path: Path, rail: Rail) -> None:
    for path, expected in (
        (DESK, (Decision.APPROVED, Reason.NONE)),
        (tightened(tmp_path, rail), (Decision.REJECTED, rail.reason)),
    ):
        kernel = Kernel(path)
        rail.before(kernel)
        assert kernel.ask(flags=rail.flags, after_ns=rail.after_ns) == expected, path
