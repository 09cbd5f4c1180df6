"""Every metric: its kind, its labels beside `desk`, and what it means. Nothing is served that is not in here.

The names without the prefix quarterdeck_ are those of the runbooks' platforms. Money is in the desk's base currency.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["ABSENT", "CATALOGUE", "LATENCY_BUCKETS_S", "Kind", "Metric"]

Kind: TypeAlias = Literal["gauge", "counter", "histogram"]


class Metric(NamedTuple):
    """One name. `labels` come behind `desk`."""

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


LATENCY_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip

_HAT_MANIFESTO: Final = {
    "hat_manifesto_portfolio_value": Metric("gauge", "Equity."),
    "hat_manifesto_daily_pnl": Metric("gauge", "Equity less equity at the trading day's begin."),
    "hat_manifesto_total_pnl": Metric("gauge", "Realised and unrealised results less fees, with funding."),
    "hat_manifesto_active_positions": Metric("gauge", "Positions that are not flat."),
    "hat_manifesto_position_value": Metric("gauge", "Value of all net positions at their marks, without sign."),
    "hat_manifesto_drawdown": Metric("gauge", "Share of the equity's peak that is lost."),
    "hat_manifesto_margin_ratio": Metric("gauge", "Initial margin of positions and working orders over equity."),
    "hat_manifesto_strategy_pnl": Metric("gauge", "One strategy's result, fees and funding included.", ("strategy",)),
    "hat_manifesto_funding_rate": Metric("gauge", "The newest funding rate of an interval, a share.", ("symbol",)),
    "hat_manifesto_win_rate": Metric("gauge", "Share of the fills that reduced a position and gained."),
    "hat_manifesto_sharpe_ratio": Metric("gauge", "Sharpe ratio of hourly results over equity, for a year."),
    "hat_manifesto_trades_total": Metric("counter", "Fills.", ("strategy", "side", "maker")),
    "hat_manifesto_risk_events_total": Metric("counter", "What the rails and the breaker said.", ("severity", "type")),
    "hat_manifesto_execution_latency_seconds": Metric("histogram", "From the order to its last fill, the desk's time."),
    "hat_manifesto_slippage_bps": Metric(
        "histogram", "How much worse than the middle of the market when the order left a fill was; negative is better."
    ),
}

_INTRADAY: Final = {
    "orders_submitted_total": Metric("counter", "Orders that passed the rails.", ("symbol", "side", "strategy")),
    "orders_filled_total": Metric("counter", "Orders that were filled whole.", ("symbol", "side")),
    "orders_rejected_total": Metric("counter", "Orders that the venue rejected.", ("symbol", "reason")),
    "risk_blocks_total": Metric("counter", "Requests that the rails refused.", ("reason", "symbol", "severity")),
    "order_submit_latency_seconds": Metric(
        "histogram", "From the order to the venue's acceptance, the desk's time.", ("symbol", "side")
    ),
    "risk_check_latency_seconds": Metric(
        "histogram", "What the kernel takes for one request: rails, account, journal's buffer. Live desks measure it."
    ),
    "broker_api_latency_seconds": Metric(
        "histogram", "From a request to the venue's answer; the endpoint is the venue.", ("endpoint", "method")
    ),
    "portfolio_value_usd": Metric("gauge", "Equity."),
    "buying_power_usd": Metric("gauge", "Value that could still be bought."),
    "position_count": Metric("gauge", "Positions that are not flat."),
    "position_value_usd": Metric("gauge", "Value of the net position at the mark, without sign.", ("symbol",)),
    "portfolio_heat": Metric("gauge", "Loss if every stop is hit, over equity."),
    "broker_connection_status": Metric("gauge", "1 while the venue is connected.", ("venue",)),
    "risk_service_status": Metric("gauge", "1 while the rails judge: the desk runs, and no breaker is open."),
    "market_data_lag_seconds": Metric("gauge", "Age of the venue's oldest newest price.", ("source",)),
    "daily_pnl_usd": Metric("gauge", "Equity less equity at the trading day's begin."),
}

_HMM_OPS: Final = {
    "orders_canceled_total": Metric("counter", "Orders that were canceled.", ("symbol",)),
    "orders_expired_total": Metric("counter", "Orders that expired.", ("symbol",)),
    "pnl_realized_total": Metric("gauge", "Realised result, fees and funding included. It may fall."),
    "pnl_unrealized_total": Metric("gauge", "Unrealised result. It may fall."),
    "equity_usd": Metric("gauge", "Equity."),
    "cash_usd": Metric("gauge", "Cash of all purses."),
    "exposure_usd": Metric("gauge", "Value of all net positions at their marks, without sign."),
    "breaker_state": Metric("gauge", "0: entries at full size; 1: reduced or recovering; 2: no entries."),
    "venue_error_rate_pct": Metric(
        "gauge", "Share of the venue's answers of the last minute that are errors.", ("venue",)
    ),
    "submit_to_ack_ms": Metric("histogram", "From the order to the venue's acceptance, the desk's time."),
    "fill_latency_ms": Metric("histogram", "From the order to its first fill, the desk's time."),
    "reconcile_lag_seconds": Metric("gauge", "Age of what is surely known of the venue's fills.", ("venue",)),
    "trading_enabled": Metric("gauge", "1 while nothing holds entries back as a whole."),
    "strategy_sharpe": Metric("gauge", "Sharpe ratio of the strategy's hourly results, for a year.", ("model",)),
}

_OWN: Final = {
    "quarterdeck_up": Metric("gauge", "1 while the desk shows that it lives."),
    "quarterdeck_desk_info": Metric("gauge", "Always 1; the labels say what it is.", ("mode", "currency")),
    "quarterdeck_start_time_seconds": Metric("gauge", "When the desk's process began, UTC."),
    "quarterdeck_shown_age_seconds": Metric("gauge", "Age of what the desk shows."),
    "quarterdeck_recovered": Metric("gauge", "1 once every venue has answered what was open."),
    "quarterdeck_epoch": Metric("gauge", "Number of the session."),
    "quarterdeck_loop_turn_seconds": Metric("histogram", "Turns of the trading loop by their length."),
    "quarterdeck_events_total": Metric("counter", "Events applied since the journal's begin.", ("kind",)),
    "quarterdeck_refusals_total": Metric("counter", "How often the kernel gave a reason.", ("reason",)),
    "quarterdeck_rail_use": Metric("gauge", "How much of a limit is used.", ("rail", "scope", "unit")),
    "quarterdeck_rail_limit": Metric("gauge", "The limit.", ("rail", "scope", "unit")),
    "quarterdeck_rail_use_ratio": Metric("gauge", "Use over limit.", ("rail", "scope")),
    "quarterdeck_rail_warned": Metric("gauge", "1 while the use is above the warning share.", ("rail", "scope")),
    "quarterdeck_breaker_stage": Metric("gauge", "1 for the stage that the breaker is in.", ("stage",)),
    "quarterdeck_breaker_multiplier": Metric("gauge", "Share of full size that entries may use."),
    "quarterdeck_breaker_trips_today": Metric("gauge", "Kills of the trading day."),
    "quarterdeck_metric_level": Metric("gauge", "0 normal, 1 warning, 2 critical, 3 killed.", ("metric",)),
    "quarterdeck_locked": Metric("gauge", "1 while the emergency lock is on."),
    "quarterdeck_paused": Metric("gauge", "1 while entries of the whole desk are paused."),
    "quarterdeck_stopped": Metric("gauge", "1 when a failing journal or a lost lease has stopped trading."),
    "quarterdeck_feed_age_seconds": Metric("gauge", "Age of the newest price.", ("symbol", "venue")),
    "quarterdeck_mark_price": Metric("gauge", "What positions are valued at.", ("symbol", "venue")),
    "quarterdeck_position_quantity": Metric("gauge", "Signed quantity held.", ("strategy", "symbol")),
    "quarterdeck_position_unprotected": Metric("gauge", "1 where no stop guards all of it.", ("strategy", "symbol")),
    "quarterdeck_fills_total": Metric("counter", "Fills since the journal's begin.", ("strategy",)),
    "quarterdeck_fees_total": Metric("gauge", "Fees paid less rebates, since the journal's begin."),
    "quarterdeck_funding_total": Metric("gauge", "Funding received less paid, since the journal's begin."),
    "quarterdeck_open_orders": Metric("gauge", "Orders that are open."),
    "quarterdeck_unknown_orders": Metric("gauge", "Orders whose fate is not known."),
    "quarterdeck_unacknowledged_warnings": Metric("gauge", "Warnings that nobody has acknowledged."),
    "quarterdeck_reconciliation_differences": Metric("gauge", "Differences with the venues that stand."),
    "quarterdeck_unreconciled": Metric("gauge", "1 while entries wait for agreement with the venue.", ("symbol",)),
    "quarterdeck_strategy_weight": Metric("gauge", "Share of full size that it may use.", ("strategy",)),
    "quarterdeck_strategy_throttled": Metric("gauge", "1 until a person lets it go on.", ("strategy",)),
    "quarterdeck_strategy_exposure": Metric("gauge", "Value of its positions, without sign.", ("strategy",)),
    "quarterdeck_venue_messages_per_second": Metric("gauge", "Messages of the last second.", ("venue",)),
    "quarterdeck_venue_breaker": Metric("gauge", "0 closed, 1 open, 2 half open.", ("venue",)),
    "quarterdeck_journal_records_total": Metric("counter", "Records laid since the journal's begin."),
    "quarterdeck_journal_lag_records": Metric("gauge", "Records that are not on the medium yet."),
    "quarterdeck_disk_low": Metric("gauge", "1 while entries wait for room on the disk."),
    "quarterdeck_disk_free_ratio": Metric("gauge", "Share of the desk's disk that is free."),
    "quarterdeck_process_memory_bytes": Metric("gauge", "Memory that the desk's process holds."),
    "quarterdeck_process_cpu_seconds_total": Metric("counter", "Processor time of the desk's process."),
    "quarterdeck_backup_age_seconds": Metric("gauge", "Age of the newest backup."),
    "quarterdeck_backup_configured": Metric("gauge", "1 where backups are made."),
    "quarterdeck_capture_age_seconds": Metric("gauge", "Age of the newest captured data.", ("what",)),
    "quarterdeck_standby_lag_records": Metric("gauge", "Records that the nearest standby is behind."),
    "quarterdeck_clock_offset_seconds": Metric("gauge", "By how much the machine's clock is off, as NTP believes."),
    "quarterdeck_clock_steered": Metric("gauge", "1 while something keeps the machine's clock in step."),
    "quarterdeck_signals_total": Metric("counter", "Requests of the strategies.", ("strategy",)),
    "quarterdeck_closed_fills_total": Metric("counter", "Fills that reduced a position.", ("strategy", "outcome")),
    "quarterdeck_alerts_suppressed_total": Metric("counter", "Alerts that were not sent, because of too many."),
    "quarterdeck_log_lines_unreadable_total": Metric("counter", "Lines of the logs that were no JSON objects."),
    "quarterdeck_metrics_store_up": Metric("gauge", "1 while what the logs count can be kept."),
    "quarterdeck_metrics_unreadable": Metric("gauge", "1 where what the desk shows cannot be read."),
}

CATALOGUE: Final[dict[str, Metric]] = {**_HAT_MANIFESTO, **_INTRADAY, **_HMM_OPS, **_OWN}

ABSENT: Final[dict[str, str]] = {
    "governance_rule_tripped_total": "policies are governance's, which is not built yet",
}
