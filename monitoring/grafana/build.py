"""Writes the Grafana dashboards: python monitoring/grafana/build.py. A test compares the JSON beside it.

A panel is a title, its queries with their legends, a unit, and what kind it is. Every query names the desk by $desk.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ["DASHBOARDS", "dashboards", "queries"]

FOLDER: Final = Path(__file__).parent / "dashboards"
DATASOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
COLUMNS: Final = 24
D: Final = 'desk=~"$desk"'
ANSWERS: Final = f"rate(broker_api_latency_seconds_bucket{{{D}}}[5m])"


class Panel(NamedTuple):
    """One panel. `queries` are (PromQL, legend); `thresholds` are (from this value on, colour)."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    thresholds: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    description: str = ""


GOOD: Final = ((None, "red"), (1.0, "green"))
BAD: Final = ((None, "green"), (1.0, "red"))


def limit(warning: float, critical: float) -> tuple[tuple[float | None, str], ...]:
    return (None, "green"), (warning, "orange"), (critical, "red")


OVERVIEW: Final = (
    Panel("Running", ((f"quarterdeck_up{{{D}}}", "{{desk}}"),), kind="stat", width=6, thresholds=GOOD),
    Panel("May enter", ((f"trading_enabled{{{D}}}", "{{desk}}"),), kind="stat", width=6, thresholds=GOOD),
    Panel("Breaker", ((f"breaker_state{{{D}}}", "{{desk}}"),), kind="stat", width=6, thresholds=limit(1, 2),
          description="0: full size; 1: reduced or recovering; 2: no entries."),
    Panel("Firing alerts", (('count by (alertname, severity) (ALERTS{alertstate="firing", alertname!="Watchdog"})',
                             "{{severity}} {{alertname}}"),), kind="stat", width=6, thresholds=limit(1, 5)),
    Panel("Equity", ((f"equity_usd{{{D}}}", "{{desk}}"),), "currencyUSD"),
    Panel("Result today", ((f"daily_pnl_usd{{{D}}}", "{{desk}}"),), "currencyUSD"),
    Panel("Drawdown", ((f"hat_manifesto_drawdown{{{D}}}", "{{desk}}"),), "percentunit", thresholds=limit(0.03, 0.05)),
    Panel("Heat against its limit", (
        (f"portfolio_heat{{{D}}}", "{{desk}}"),
        (f'quarterdeck_rail_limit{{{D}, rail="PORTFOLIO_HEAT"}}', "{{desk}} limit"),
    ), "percentunit"),
    Panel("Age of the oldest feed", ((f"max by (desk, venue) (quarterdeck_feed_age_seconds{{{D}}})",
                                      "{{desk}} {{venue}}"),), "s", thresholds=limit(10, 60)),
    Panel("Largest use of a limit", ((f"desk:rail_use:max{{{D}}}", "{{desk}}"),), "percentunit",
          thresholds=limit(0.8, 1)),
)  # fmt: skip

EXECUTION: Final = (
    Panel("Orders per second", ((f"desk:orders_submitted:rate1m{{{D}}}", "{{desk}}"),), "ops"),
    Panel("Fills", ((f"sum by (desk, strategy, side, maker) (rate(hat_manifesto_trades_total{{{D}}}[5m]))",
                     "{{desk}} {{strategy}} {{side}} maker {{maker}}"),), "ops"),
    Panel("Order to acceptance", (
        (f"desk:order_submit_latency_seconds:p50{{{D}}}", "{{desk}} p50"),
        (f"desk:order_submit_latency_seconds:p95{{{D}}}", "{{desk}} p95"),
        (f"desk:order_submit_latency_seconds:p99{{{D}}}", "{{desk}} p99"),
    ), "s", thresholds=limit(0.1, 0.2)),
    Panel("Order to first fill", (
        (f"histogram_quantile(0.5, sum by (desk, le) (rate(fill_latency_ms_bucket{{{D}}}[5m])))", "{{desk}} p50"),
        (f"histogram_quantile(0.95, sum by (desk, le) (rate(fill_latency_ms_bucket{{{D}}}[5m])))", "{{desk}} p95"),
    ), "ms"),
    Panel("Acceptances by their length", ((f"sum by (le) (increase(submit_to_ack_ms_bucket{{{D}}}[5m]))", "{{le}}"),),
          kind="heatmap"),
    Panel("Turns of the trading loop", (
        (f"desk:loop_turn_seconds:p50{{{D}}}", "{{desk}} p50"),
        (f"desk:loop_turn_seconds:p99{{{D}}}", "{{desk}} p99"),
    ), "s"),
    Panel("Answers of venues, p95", (
        (f"histogram_quantile(0.95, sum by (desk, endpoint, method, le) ({ANSWERS}))",
         "{{desk}} {{endpoint}} {{method}}"),
    ), "s"),
    Panel("Success of orders", ((f"desk:order_success:ratio1h{{{D}}}", "{{desk}}"),), "percentunit",
          thresholds=((None, "red"), (0.7, "orange"), (0.8, "green"))),
    Panel("Share made, not taken", ((f"desk:maker:ratio1h{{{D}}}", "{{desk}}"),), "percentunit",
          thresholds=((None, "orange"), (0.6, "green"))),
    Panel("Slippage, p95", ((f"desk:slippage_bps:p95{{{D}}}", "{{desk}}"),), "none", description="Basis points."),
    Panel("Rejected by venues", ((f"sum by (desk, symbol, reason) (increase(orders_rejected_total{{{D}}}[1h]))",
                                  "{{desk}} {{symbol}} {{reason}}"),)),
    Panel("Open orders", ((f"quarterdeck_open_orders{{{D}}}", "{{desk}}"),
                          (f"quarterdeck_unknown_orders{{{D}}}", "{{desk}} unknown"))),
    Panel("Signals a minute", ((f"desk:signals_per_minute{{{D}}}", "{{desk}}"),), thresholds=limit(100, 500)),
)  # fmt: skip

RISK: Final = (
    Panel("Use of limits", ((f'sort_desc(quarterdeck_rail_use_ratio{{{D}, rail!="STALE_DATA"}})',
                             "{{desk}} {{rail}} {{scope}}"),), "percentunit", "bargauge", 24, limit(0.8, 1)),
    Panel("Refused by the rails", ((f"sum by (desk, reason) (rate(risk_blocks_total{{{D}}}[5m]))",
                                    "{{desk}} {{reason}}"),), "ops"),
    Panel("Reasons that the kernel gave", ((f"sum by (desk, reason) (rate(quarterdeck_refusals_total{{{D}}}[5m]))",
                                            "{{desk}} {{reason}}"),), "ops"),
    Panel("Stage of the breaker", ((f"quarterdeck_breaker_stage{{{D}}} == 1", "{{desk}} {{stage}}"),), kind="stat"),
    Panel("Graded metrics", ((f"quarterdeck_metric_level{{{D}}}", "{{desk}} {{metric}}"),), kind="stat",
          thresholds=limit(1, 2)),
    Panel("Risk events", ((f"sum by (desk, type, severity) (increase(hat_manifesto_risk_events_total{{{D}}}[1h]))",
                           "{{desk}} {{severity}} {{type}}"),)),
    Panel("Margin", ((f"hat_manifesto_margin_ratio{{{D}}}", "{{desk}}"),), "percentunit", thresholds=limit(0.5, 0.9)),
    Panel("Exposure", ((f"exposure_usd{{{D}}}", "{{desk}}"),
                       (f'quarterdeck_rail_limit{{{D}, rail="EXPOSURE_TOTAL_CAP"}}', "{{desk}} limit")), "currencyUSD"),
    Panel("Warnings that wait for a person", ((f"quarterdeck_unacknowledged_warnings{{{D}}}", "{{desk}}"),),
          kind="stat", thresholds=limit(1, 40)),
    Panel("Positions without stops", ((f"sum by (desk) (quarterdeck_position_unprotected{{{D}}})", "{{desk}}"),),
          kind="stat", thresholds=BAD),
    Panel("Lost within the hour", ((f"desk:pnl:delta1h{{{D}}}", "{{desk}}"),), "currencyUSD"),
)  # fmt: skip

STRATEGIES: Final = (
    Panel("Results", ((f"hat_manifesto_strategy_pnl{{{D}}}", "{{desk}} {{strategy}}"),), "currencyUSD", width=24),
    Panel("Realised and unrealised", ((f"pnl_realized_total{{{D}}}", "{{desk}} realised"),
                                      (f"pnl_unrealized_total{{{D}}}", "{{desk}} unrealised")), "currencyUSD"),
    Panel("Fees and funding", ((f"quarterdeck_fees_total{{{D}}}", "{{desk}} fees"),
                               (f"quarterdeck_funding_total{{{D}}}", "{{desk}} funding")), "currencyUSD"),
    Panel("Sharpe ratio", ((f"hat_manifesto_sharpe_ratio{{{D}}}", "{{desk}}"),
                           (f"strategy_sharpe{{{D}}}", "{{desk}} {{model}}"))),
    Panel("Win rate", ((f"hat_manifesto_win_rate{{{D}}}", "{{desk}}"),), "percentunit"),
    Panel("Positions", ((f"quarterdeck_position_quantity{{{D}}}", "{{desk}} {{strategy}} {{symbol}}"),)),
    Panel("Exposure", ((f"quarterdeck_strategy_exposure{{{D}}}", "{{desk}} {{strategy}}"),), "currencyUSD"),
    Panel("Fills", ((f"sum by (desk, strategy) (rate(quarterdeck_fills_total{{{D}}}[5m]))",
                     "{{desk}} {{strategy}}"),), "ops"),
    Panel("Weights", ((f"quarterdeck_strategy_weight{{{D}}}", "{{desk}} {{strategy}}"),), "percentunit"),
)  # fmt: skip

SYSTEM: Final = (
    Panel("Connected", ((f"broker_connection_status{{{D}}}", "{{desk}} {{venue}}"),), kind="stat", thresholds=GOOD),
    Panel("Errors of venues", ((f"venue_error_rate_pct{{{D}}}", "{{desk}} {{venue}}"),), "percent",
          thresholds=limit(5, 10)),
    Panel("Messages to venues", ((f"quarterdeck_venue_messages_per_second{{{D}}}", "{{desk}} {{venue}}"),), "ops"),
    Panel("Age of the last comparison", ((f"reconcile_lag_seconds{{{D}}}", "{{desk}} {{venue}}"),), "s"),
    Panel("Differences", ((f"quarterdeck_reconciliation_differences{{{D}}}", "{{desk}}"),), kind="stat",
          thresholds=BAD),
    Panel("Events", ((f"sum by (desk, kind) (rate(quarterdeck_events_total{{{D}}}[5m]))", "{{desk}} {{kind}}"),),
          "ops"),
    Panel("Journal", ((f"rate(quarterdeck_journal_records_total{{{D}}}[5m])", "{{desk}} records"),
                      (f"quarterdeck_journal_lag_records{{{D}}}", "{{desk}} not on the medium"))),
    Panel("Memory", ((f"quarterdeck_process_memory_bytes{{{D}}}", "{{desk}}"),), "bytes",
          thresholds=((None, "green"), (2.0**31, "red"))),
    Panel("Processor", ((f"rate(quarterdeck_process_cpu_seconds_total{{{D}}}[5m])", "{{desk}}"),), "percentunit"),
    Panel("Room on the disk", ((f"quarterdeck_disk_free_ratio{{{D}}}", "{{desk}}"),), "percentunit", "gauge",
          thresholds=((None, "red"), (0.05, "orange"), (0.2, "green"))),
    Panel("Age of the newest backup", ((f"quarterdeck_backup_age_seconds{{{D}}}", "{{desk}}"),), "s"),
    Panel("Age of captured data", ((f"quarterdeck_capture_age_seconds{{{D}}}", "{{desk}} {{what}}"),), "s"),
    Panel("Records that the standby is behind", ((f"quarterdeck_standby_lag_records{{{D}}}", "{{desk}}"),)),
    Panel("Offset of the clock", ((f"quarterdeck_clock_offset_seconds{{{D}}}", "{{desk}}"),), "s"),
    Panel("Time series", ((f"count by (desk) ({{{D}}})", "{{desk}}"),), thresholds=limit(500, 5000)),
    Panel("Suppressed alerts", ((f"increase(quarterdeck_alerts_suppressed_total{{{D}}}[1h])", "{{desk}}"),)),
)  # fmt: skip

DASHBOARDS: Final = {
    "overview": ("Quarterdeck: all desks", OVERVIEW),
    "execution": ("Quarterdeck: orders and latency", EXECUTION),
    "risk": ("Quarterdeck: limits and the breaker", RISK),
    "strategies": ("Quarterdeck: strategies", STRATEGIES),
    "system": ("Quarterdeck: venues and machine", SYSTEM),
}


def queries() -> list[str]:
    """Returns every query of every panel."""
    return [query for _, panels in DASHBOARDS.values() for panel in panels for query, _ in panel.queries]


def _panel(number: int, panel: Panel, x: int, y: int, height: int) -> dict[str, Any]:
    steps = [{"value": value, "color": colour} for value, colour in panel.thresholds]
    targets = [
        {"refId": chr(ord("A") + place), "datasource": DATASOURCE, "expr": query, "legendFormat": legend}
        for place, (query, legend) in enumerate(panel.queries)
    ]
    if panel.kind == "heatmap":
        targets[0]["format"] = "heatmap"
    return {
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": height},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "targets": targets,
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """From left to right, row by row."""
    placed: list[dict[str, Any]] = []
    x = y = tallest = 0
    for number, panel in enumerate(panels, 1):
        height = 5 if panel.kind == "stat" else 8
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append(_panel(number, panel, x, y, height))
        x, tallest = x + panel.width, max(tallest, height)
    return placed


def dashboards() -> dict[str, dict[str, Any]]:
    """Returns each dashboard's document by the name of its file."""
    desk = {
        "name": "desk",
        "label": "Desk",
        "type": "query",
        "datasource": DATASOURCE,
        "query": "label_values(quarterdeck_up, desk)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        f"{name}.json": {
            "uid": f"quarterdeck-{name}",
            "title": title,
            "tags": ["quarterdeck"],
            "schemaVersion": 39,
            "timezone": "utc",
            "editable": False,
            "refresh": "5s",
            "time": {"from": "now-1h", "to": "now"},
            "links": [{"type": "dashboards", "tags": ["quarterdeck"], "asDropdown": True, "title": "Quarterdeck"}],
            "templating": {"list": [desk]},
            "panels": _placed(panels),
        }
        for name, (title, panels) in DASHBOARDS.items()
    }


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for name, document in dashboards().items():
        (FOLDER / name).write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
