"""Records of a journal made into trades.

What is tested: `quarterdeck.ops.attempts.book`, `accounting`, `observing`, `money`, `trades`.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.ops.attempts.accounting import PERIODS, Accounting, begin_of
from quarterdeck.ops.attempts.book import Book
from quarterdeck.ops.attempts.money import Usd, share
from quarterdeck.ops.attempts.observing import Metrics
from quarterdeck.ops.attempts.trades import COLUMNS, csv_row
from tests.ops.attempts.street import (
    BEGIN_NS,
    SECOND_NS,
    chain_desk,
    gas,
    included,
    orphaned,
    proposed,
    rate,
    reverted,
    said,
    sent,
)

BEFORE = rate(1) + said(proposed(), 0) + said(sent(), 1)
FIELDS = (
    "trade_id,timestamp,block_number,transaction_hash,strategy,protocol,token_path,amount_in,amount_in_token,"
    "amount_out,amount_out_token,entry_price,exit_price,expected_price,gas_used,gas_price_gwei,gas_cost_usd,"
    "flashloan_fee_usd,protocol_fees_usd,slippage_cost_usd,gross_profit_usd,net_profit_usd,roi_percent,"
    "execution_time_ms,slippage_percent,market_impact_percent,success,revert_reason,chain,wallet_address,notes"
)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(chain_desk(tmp_path / "desk"))


def test_an_attempt_becomes_a_trade_at_the_rate_of_its_time(book: Book) -> None:
    book.take(BEFORE + said(included(), 12) + gas(9, 20_000_000) + rate(1, 600_000_000))
    (trade,) = book.trades
    assert (trade.trade_id, trade.strategy, trade.protocol) == ("1-1", "CYCLES", "uniswap-v2")
    assert (trade.token_path, trade.amount_in, trade.amount_out) == ("USDC > WETH > USDC", 1000, 1025)
    assert (trade.gas_cost_usd, trade.flashloan_fee_usd, trade.gross_profit_usd) == (6, 3, 25)
    assert (trade.net_profit_usd, trade.slippage_cost_usd, trade.roi_percent) == (16, 5, Decimal("1.6"))
    assert (trade.exit_price, trade.expected_price) == (Decimal("1.025"), Decimal("1.03"))
    assert trade.execution_time_ms == 11_000
    assert book.spent == []
    assert book.waiting == []


def test_a_reverted_one_costs_its_gas_and_keeps_its_reason(book: Book) -> None:
    book.take(BEFORE + said(reverted(), 12) + gas(9, 20_000_000))
    (trade,) = book.trades
    assert (trade.success, trade.revert_reason, trade.net_profit_usd) == (False, "StepPaidTooLittle", -6)
    assert (trade.amount_out, trade.exit_price, trade.slippage_percent) == (0, None, None)


def test_an_orphaned_block_is_taken_back_and_the_next_one_counts(book: Book) -> None:
    book.take(BEFORE + said(included(), 12) + gas(9, 20_000_000))
    book.take(said(orphaned(), 14) + gas(10, -20_000_000))
    assert book.trades == []
    assert len(book.waiting) == 1
    book.take(said(included(block_hash="0xb2"), 15) + gas(11, 20_000_000) + said(orphaned(), 16))
    (trade,) = book.trades
    assert trade.block_hash == "0xb2"
    assert book.spent == []


def test_what_is_told_again_counts_once(book: Book) -> None:
    news = said(included(), 12) + gas(9, 20_000_000)
    cancel = gas(12, 7_000_000, order=0)
    book.take(BEFORE + news + cancel + news + gas(9, 20_000_000) + cancel + BEFORE)
    assert [trade.net_profit_usd for trade in book.trades] == [16]
    assert [one.usd for one in book.spent] == [Decimal("2.1")]


def test_wherever_the_records_are_cut_they_come_to_the_same(tmp_path: Path) -> None:
    raw = BEFORE + said(included(), 12) + gas(9, 20_000_000)
    whole = Book(chain_desk(tmp_path / "whole"))
    whole.take(raw)
    for size in (64, 192, 640):
        cut = Book(chain_desk(tmp_path / str(size)))
        for begin in range(0, len(raw), size):
            cut.take(raw[begin : begin + size])
        assert cut.trades == whole.trades


def test_a_csv_row_has_the_columns_of_the_runbook(book: Book) -> None:
    book.take(BEFORE + said(included(), 12))
    assert ",".join(COLUMNS) == FIELDS
    row = dict(zip(COLUMNS, csv_row(book.trades[0]), strict=True))
    assert (row["protocol_fees_usd"], row["amount_out"], row["success"]) == ("", "1025.000000", "True")


def test_a_day_without_trades_has_every_key_and_divides_by_nothing(tmp_path: Path) -> None:
    accounting = Accounting(chain_desk(tmp_path / "desk"))
    for period in PERIODS:
        summary = accounting.get_pnl_summary(period)
        assert (summary["total_trades"], summary["success_rate"]) == (0, "0.0%")
        assert {"gas_usd", "fees_usd", "slippage_usd", "total_usd"} <= summary["total_costs"].keys()
        gas_usd = summary["total_costs"]["gas_usd"]
        assert f"{gas_usd / (summary['net_profit_usd'] + gas_usd) * 100:.1f}" == "NaN"
    assert Metrics(accounting).get_metrics_summary()["anomalies"] == {"total": 0, "recent": []}
    with pytest.raises(ConfigError, match="today, week, month"):
        accounting.get_pnl_summary("decade")


def test_sums_latency_failures_and_anomalies(tmp_path: Path) -> None:
    accounting = Accounting(chain_desk(tmp_path / "desk"))
    book = accounting.book
    book.take(BEFORE + said(included(), 12) + gas(9, 20_000_000) + gas(12, 10_000_000, order=0))
    dear = {"gas_price_wei": "1000000000000", "gas_wei": "200000000000000000", "order_id": 2}
    book.take(said(sent("0xcc", order=2), 2) + said(included("0xcc", **dear), 90))
    book.take(said(sent("0xdd", order=3), 2) + said(reverted("0xdd"), 12))
    summary = accounting.get_pnl_summary("all")
    assert (summary["successful_trades"], summary["failed_trades"], summary["success_rate"]) == (2, 1, "66.7%")
    assert summary["net_profit_usd"] == 16 + (22 - 600) - 6 - 3
    assert summary["total_costs"]["other_gas_usd"] == 3
    found = Metrics(accounting).get_metrics_summary("all")
    assert found["latency"]["execution"]["p50"] == 11_000
    assert found["anomalies"]["total"] == 2
    assert {one["type"] for one in found["anomalies"]["recent"]} == {"high_gas", "slow_execution"}
    assert [one["revert_reason"] for one in Metrics(accounting).get_failed_trades("all")] == ["StepPaidTooLittle"]


def test_periods_begin_in_utc() -> None:
    day = 86_400 * SECOND_NS
    assert begin_of("today", BEGIN_NS) == BEGIN_NS // day * day
    assert begin_of("week", BEGIN_NS) == BEGIN_NS // day * day - day  # a Tuesday
    assert begin_of("all", BEGIN_NS) == 0


def test_money_stays_exact_and_of_its_kind() -> None:
    assert isinstance(sum([Usd("0.1"), Usd("0.2")], Usd(0)), Usd)
    assert Usd("0.1") + Usd("0.2") == Decimal("0.3")
    assert (Usd(0) / Usd(0)).is_nan()
    assert share(4, 5) == "80.0%"
