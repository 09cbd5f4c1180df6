"""Profit and loss of a desk's attempts: sums over a period, a CSV of the trades, and a comparison with the chain.

    accounting = get_accounting()
    accounting.get_pnl_summary("today")["net_profit_usd"]

Periods are UTC: `today`, `week` (from Monday), `month`, `year`, `all`. Every key of a summary is there on a day without
trades, too. Gas of what was no attempt (a cancelled transaction) belongs to the period as well.
"""

import csv
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, TypedDict

from quarterdeck.errors import ConfigError
from quarterdeck.ops.attempts.book import Book
from quarterdeck.ops.attempts.checking import Reconciliation, reconcile
from quarterdeck.ops.attempts.money import Usd, share
from quarterdeck.ops.attempts.place import ChainDesk, desk_here
from quarterdeck.ops.attempts.trades import COLUMNS, Trade, csv_row

__all__ = ["PERIODS", "Accounting", "Costs", "Summary", "begin_of", "get_accounting"]

PERIODS: Final = ("today", "week", "month", "year", "all")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Costs(TypedDict):
    """What attempts cost. `fees_usd` are the premiums of loans; `other_gas_usd`, of no attempt, is part of gas."""

    gas_usd: Usd
    other_gas_usd: Usd
    fees_usd: Usd
    slippage_usd: Usd
    total_usd: Usd


class Summary(TypedDict):
    """Money to the cent. `total_usd` of the costs is what was paid: gas and fees, for slippage is only missed."""

    period: str
    total_trades: int
    successful_trades: int
    failed_trades: int
    success_rate: str
    gross_profit_usd: Usd
    net_profit_usd: Usd
    avg_net_profit_usd: Usd
    avg_roi_percent: float
    total_costs: Costs
    best_trade: str | None
    worst_trade: str | None
    refused_attempts: int
    waiting_transactions: int


class Accounting:
    """The accounts of one desk, as its journal stands whenever they are asked."""

    def __init__(self, desk: ChainDesk) -> None:
        self._desk, self._book = desk, Book(desk)

    @property
    def book(self) -> Book:
        """The trades behind it, newly read."""
        return self._book.refresh()

    @property
    def trades(self) -> list[Trade]:
        """Every trade that stands, the oldest first. Runbooks ask for `success` and `revert_reason`."""
        return self.book.trades

    def now_ns(self) -> int:
        """This machine's time, or the desk's where that is ahead: a demo's clock runs faster."""
        return max(time.time_ns(), self._book.time_ns)

    def of_period(self, period: str) -> list[Trade]:
        """Its trades. ConfigError: there is no such period."""
        trades = self.trades
        begin_ns = begin_of(period, self.now_ns())
        return [trade for trade in trades if trade.time_ns >= begin_ns]

    def get_pnl_summary(self, period: str = "today") -> Summary:
        """The sums of a period. ConfigError: there is no such period."""
        trades = self.of_period(period)
        begin_ns = begin_of(period, self.now_ns())
        other = _sum([one.usd for one in self._book.spent if one.time_ns >= begin_ns])
        good = sum(trade.success for trade in trades)
        net = _sum([trade.net_profit_usd for trade in trades]) - other
        gas, fees = (
            _sum([trade.gas_cost_usd for trade in trades]) + other,
            _sum([trade.flashloan_fee_usd for trade in trades]),
        )
        ranked = sorted(trades, key=lambda trade: trade.net_profit_usd)
        return Summary(
            period=period,
            total_trades=len(trades),
            successful_trades=good,
            failed_trades=len(trades) - good,
            success_rate=share(good, len(trades)),
            gross_profit_usd=_sum([trade.gross_profit_usd for trade in trades]).cents(),
            net_profit_usd=net.cents(),
            avg_net_profit_usd=(net / len(trades)).cents() if trades else Usd(0).cents(),
            avg_roi_percent=_mean([trade.roi_percent for trade in trades if trade.roi_percent is not None]),
            total_costs=Costs(
                gas_usd=gas.cents(),
                other_gas_usd=other.cents(),
                fees_usd=fees.cents(),
                slippage_usd=_sum([trade.slippage_cost_usd for trade in trades]).cents(),
                total_usd=(gas + fees).cents(),
            ),
            best_trade=ranked[-1].trade_id if ranked else None,
            worst_trade=ranked[0].trade_id if ranked else None,
            refused_attempts=sum(one.time_ns >= begin_ns for one in self._book.refused),
            waiting_transactions=len(self._book.waiting),
        )

    def export_to_csv(self, path: str | Path, period: str = "all") -> Path:
        """Writes the trades of a period, whole or not at all; makes the folder. Returns the file."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}.unfinished")
        with draft.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            writer.writerows(csv_row(trade) for trade in self.of_period(period))
        draft.replace(file)
        return file

    def reconcile(self) -> Reconciliation:
        """Compares the desk's purses and every trade with the chain. What cannot be compared is said, never taken as
        right; a sentence about it goes to standard error."""
        found = reconcile(self._desk, self.book)
        for problem in found["problems"]:
            sys.stderr.write(f"reconciliation: {problem}\n")
        return found


@lru_cache(maxsize=8)
def _opened(desk: ChainDesk) -> Accounting:
    return Accounting(desk)


def get_accounting() -> Accounting:
    """The accounts of the desk that is meant: QUARTERDECK_DESK's, or the current directory's."""
    return _opened(desk_here())


def begin_of(period: str, now_ns: int) -> int:
    """When the period that `now_ns` is in began, in UTC nanoseconds. ConfigError: there is no such period."""
    if period not in PERIODS:
        raise ConfigError("command", "period", period, f"one of {', '.join(PERIODS)}")
    if period == "all":
        return 0
    day = (_EPOCH + timedelta(seconds=now_ns // 1_000_000_000)).replace(hour=0, minute=0, second=0)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    elif period == "year":
        day = day.replace(month=1, day=1)
    return int((day - _EPOCH).total_seconds()) * 1_000_000_000


def _sum(amounts: Sequence[Usd]) -> Usd:
    return sum(amounts, Usd(0))


def _mean(values: Sequence[Decimal]) -> float:
    return float(sum(values) / len(values)) if values else 0.0
