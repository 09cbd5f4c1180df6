"""Each limit that is set, and how much of it is used, as the rails judge it (`kernel/rails.py`).

Limits of a single order (its size, its price) have no standing use and are not here.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, TypeAlias

from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    DeskLimit,
    InstrumentLimit,
    Reason,
    StrategyLimit,
    VenueLimit,
)
from quarterdeck.ops.figures import RailFigures
from quarterdeck.ops.reading.stakes import (
    desk_exposure,
    heat,
    initial_margin,
    notional,
    purse_equity,
    reach,
    strategy_exposure,
    venue_exposure,
    window_count,
    worst_lots,
)
from quarterdeck.ops.reading.statement import Market, Statement, is_set, ppm, scaled, share_of

__all__ = ["rails"]

_PPM: Final = 1_000_000
_SECOND_NS: Final = 1_000_000_000
_Use: TypeAlias = tuple[Reason, int, int, str]  # rail, use, limit, unit


class _Rails:
    """Collects the rails of one statement. Use and limit are whole units: money units, ppm, lots, nanoseconds."""

    def __init__(self, of: Statement) -> None:
        self.of = of
        self._reasons = of.state["reasons"]

    def found(self, scope: str, warned: int, uses: Iterator[_Use]) -> Iterator[RailFigures]:
        convert: dict[str, Callable[[int], Decimal]] = {
            "money": self.of.money,
            "share": ppm,
            "s": lambda ns: scaled(ns, -9),
        }
        for rail, use, limit, unit in uses:
            if not is_set(limit):
                continue
            as_figure = convert.get(unit, Decimal)
            yield RailFigures(
                rail=rail.name,
                scope=scope,
                use=as_figure(use),
                limit=as_figure(limit),
                share=_share(use, limit),
                unit=unit,
                warned=bool(warned >> rail & 1),
                refused=int(self._reasons[rail]),
            )

    def desk(self) -> Iterator[_Use]:
        of, limits = self.of, self.of.limits
        peak, breaker = max(0, of.whole("equity_peak")), of.state["breaker"]
        fall, floor = max(0, peak - of.equity), limits[DeskLimit.EQUITY_FLOOR]
        yield Reason.EXPOSURE_TOTAL_CAP, desk_exposure(of), limits[DeskLimit.MAX_EXPOSURE], "money"
        yield Reason.PORTFOLIO_HEAT, _ppm_of(heat(of), of.equity), limits[DeskLimit.HEAT_PPM], "share"
        yield Reason.DAILY_LOSS, max(0, of.whole("equity_day") - of.equity), limits[DeskLimit.MAX_DAILY_LOSS], "money"
        yield Reason.EQUITY_DRAWDOWN, _ppm_of(fall, peak), limits[DeskLimit.MAX_DRAWDOWN_PPM], "share"
        if 0 < floor < peak:  # what may be lost from the peak before equity is at the floor
            yield Reason.EQUITY_FLOOR, fall, peak - floor, "money"
        rate = window_count(of.state["order_rate"], of.time_ns)
        yield Reason.ORDER_RATE_EXCEEDED, rate, limits[DeskLimit.ORDERS_PER_MINUTE], "orders/min"
        waiting, most = of.whole("unacknowledged"), limits[DeskLimit.MAX_UNACKNOWLEDGED]
        yield Reason.ALERTS_UNACKNOWLEDGED, waiting, most, "alerts"
        top = max(0, int(breaker["peak"]))
        trip = int(breaker["terms"][BreakerTerm.DRAWDOWN_TRIP_PPM])
        yield Reason.BREAKER_OPEN, _ppm_of(max(0, top - of.equity), top), trip, "share"

    def market(self, market: Market) -> Iterator[_Use]:
        limits, net = market.limits, market.net
        used = notional(market, worst_lots(net), market.mark_half_ticks)
        yield Reason.EXPOSURE_SYMBOL_CAP, used, limits[InstrumentLimit.MAX_EXPOSURE], "money"
        sides = (
            (max(0, reach(net, 1)), limits[InstrumentLimit.MAX_LONG_LOTS]),
            (max(0, reach(net, -1)), limits[InstrumentLimit.MAX_SHORT_LOTS]),
        )
        lots, most = max(sides, key=lambda side: (side[0], side[1]))
        yield Reason.POSITION_LIMIT, lots, most, "lots"
        if market.data_ns:
            yield Reason.STALE_DATA, max(0, self.of.time_ns - market.data_ns), limits[InstrumentLimit.STALE_NS], "s"

    def strategy(self, row: int) -> Iterator[_Use]:
        of = self.of
        strategy = of.state["strategies"][row]
        limits = strategy["limits"].tolist()
        caps = (
            (strategy_exposure(of, row, 0), limits[StrategyLimit.MAX_EXPOSURE]),
            (strategy_exposure(of, row, 1), limits[StrategyLimit.MAX_LONG_EXPOSURE]),
            (strategy_exposure(of, row, -1), limits[StrategyLimit.MAX_SHORT_EXPOSURE]),
        )
        used, cap = max(caps, key=lambda one: _share(*one))
        yield Reason.EXPOSURE_STRATEGY_CAP, used, cap, "money"
        loss = max(0, -int(strategy["realised_day"]))
        yield Reason.DAILY_LOSS, loss, limits[StrategyLimit.MAX_DAILY_LOSS], "money"
        since = of.state_ns - int(strategy["executions_ns"])
        counted = int(strategy["executions"]) if since < limits[StrategyLimit.EXECUTIONS_WINDOW_NS] else 0
        if strategy["throttled"]:
            counted = max(counted, limits[StrategyLimit.MAX_EXECUTIONS])  # until a person lets it go on
        yield Reason.REPEATED_EXECUTION, counted, limits[StrategyLimit.MAX_EXECUTIONS], "entries"

    def venue(self, row: int) -> Iterator[_Use]:
        of = self.of
        venue = of.state["venues"][row]
        limits = venue["limits"].tolist()
        yield Reason.EXPOSURE_VENUE_CAP, venue_exposure(of, row), limits[VenueLimit.MAX_EXPOSURE], "money"
        room = limits[VenueLimit.MESSAGES_PER_SECOND] - limits[VenueLimit.CANCEL_RESERVE]
        sent = window_count(venue["messages"], of.time_ns)
        yield Reason.MESSAGE_RATE_EXCEEDED, sent, room, "messages/s"
        answers = window_count(venue["results"], of.time_ns)
        errors = window_count(venue["errors"], of.time_ns)
        yield Reason.VENUE_BREAKER_OPEN, _ppm_of(errors, answers), limits[VenueLimit.ERROR_RATE_PPM], "share"

    def purse(self, row: int) -> Iterator[_Use]:
        account = self.of.state["accounts"][row]
        rate = int(account["rate_ppb"])
        equity = max(0, purse_equity(account)) * rate // _SECOND_NS
        used = initial_margin(self.of, row) * rate // _SECOND_NS
        if equity:
            yield Reason.BUYING_POWER, used, equity, "money"


def _share(use: int, limit: int) -> float:
    if limit <= 0:
        return 0.0 if use <= 0 else float("inf")
    return use / limit


def _ppm_of(part: int, whole: int) -> int:
    return int(share_of(part, max(1, whole)) * _PPM)


def rails(of: Statement) -> tuple[RailFigures, ...]:
    """Returns the desk's own rails, then those of its instruments, strategies, venues and purses."""
    state, names, collect = of.state, of.names, _Rails(of)
    found = [*collect.found("desk", of.whole("warned"), collect.desk())]
    for market in of.markets:
        found += collect.found(f"instrument:{market.name}", market.warned, collect.market(market))
    for row in range(of.whole("strategies_count")):
        warned = int(state["strategies"][row]["warned"])
        found += collect.found(f"strategy:{names.strategies.label(row)}", warned, collect.strategy(row))
    for row in range(of.whole("venues_count")):
        warned = int(state["venues"][row]["warned"])
        found += collect.found(f"venue:{names.venues.label(row)}", warned, collect.venue(row))
    for row in range(of.whole("accounts_count")):
        found += collect.found(f"account:{names.accounts.label(row)}", 0, collect.purse(row))
    return tuple(found)
