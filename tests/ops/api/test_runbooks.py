"""Every curl of the five runbooks, as it is written there, against a running desk and a running ops plane.

The runbooks lie outside this repository: this is their list. A token is supplied as curl's own configuration would.
What is tested: `quarterdeck.ops.api.trading`, `quarterdeck.ops.api.emergency`, `quarterdeck.ops.api.settings`,
`quarterdeck.ops.api.health`, `quarterdeck.ops.api.admin`, `quarterdeck.ops.api.pages`, `quarterdeck.ops.api.views`,
`quarterdeck.ops.api.shapes`, `quarterdeck.ops.api.bodies`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.ops.api.rig import Rig

FORM = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of -d when nobody says anything
JSON = {"Content-Type": "application/json"}
GET, POST, PUT, DELETE = "GET", "POST", "PUT", "DELETE"
HEALTH = ("status", "timestamp", "components")
POSITIONS = ("positions", "total_value_usd", "buying_power_usd", "updated_at")
COMMANDED = ("status", "action", "desks")


@dataclass(frozen=True)
class Curl:
    """One line: what is sent, and what comes back. `keys` stand in the answer; `text` somewhere in it."""

    book: str
    method: str
    path: str
    keys: tuple[str, ...] = ()
    text: str = ""
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    status: int = 200


CURLS = (
    Curl("hmm-ops", GET, "/pnl_dashboard.html", text="Profit and loss"),
    Curl("hmm-ops", GET, "/metrics", text="trading_enabled"),
    Curl("hmm-ops", GET, "/aggregate/metrics", ("venues",)),
    Curl("hmm-ops", GET, "/aggregate/portfolio", ("total_equity_usd", "cash_usd", "gain_usd", "last_refresh_epoch")),
    Curl("hmm-ops", GET, "/strategy/status", ("registry", "leaderboard", "ts")),
    Curl("hmm-ops", GET, "/status", ("state", "trading_enabled", "balances", "pnl", "positions")),
    Curl("hmm-ops", POST, "/kill", (*COMMANDED, "enabled"), body='{"enabled": false}', headers=FORM),
    Curl("hmm-ops", POST, "/kill", (*COMMANDED, "enabled"), body='{"enabled": true}', headers=FORM),
    Curl("intraday", GET, "/api/health", HEALTH),
    Curl("intraday", GET, "/api/trading/positions", POSITIONS),
    Curl("intraday", POST, "/api/emergency/kill-switch", COMMANDED),
    Curl("intraday", DELETE, "/api/trading/orders/all", COMMANDED),
    Curl("intraday", GET, "/api/trading/orders/pending", ("orders",)),
    Curl("intraday", POST, "/api/emergency/liquidate-all", COMMANDED),
    Curl(
        "intraday", PUT, "/api/config/risk", COMMANDED, headers=JSON,
        body='{"max_daily_loss": -500.0, "portfolio_heat_limit": 0.20}',
    ),
    Curl(
        "intraday", PUT, "/api/config/throttle", COMMANDED, headers=JSON,
        body='{"max_orders_per_minute": 30, "enabled": true}',
    ),
    Curl("intraday", GET, "/api/trading/status", ("auto_trading", "last_signal_check", "total_trades_today")),
    Curl("intraday", GET, "/metrics", text="orders_submitted_total"),
    Curl("intraday", GET, "/metrics", text="orders_filled_total"),
    Curl("intraday", GET, "/metrics", text="risk_blocks_total"),
    Curl("intraday", GET, "/metrics", text="order_submit_latency_seconds"),
    Curl("intraday", GET, "/metrics", text="broker_connection_status"),
    Curl("intraday", GET, "/metrics", text="latency_seconds"),
    Curl("intraday", GET, "/api/health/broker", HEALTH),
    Curl("intraday", GET, "/api/trading/orders/status/ORDER_ID", ("status", "history", "filled_quantity")),
    Curl("intraday", GET, "/api/health/risk-service", HEALTH),
    Curl("intraday", GET, "/api/config/throttle", ("max_orders_per_minute", "enabled")),
    Curl("intraday", GET, "/api/health/system", HEALTH),
    Curl("intraday", POST, "/api/admin/clear-cache", ("status", "cleared")),
    Curl("quant-arbitrage", GET, "/api/health", HEALTH),
    Curl("xrpliquid", GET, "/healthz", HEALTH),
    Curl("xrpliquid", GET, "/data_health", HEALTH),
    Curl("xrpliquid", GET, "/trading_health", HEALTH),
)  # fmt: skip
LATER = (  # features of later issues: absent, not faked
    Curl("hmm-ops", POST, "/strategy/weights", body='{"weights": {"model1": 0.01}}', headers=JSON, status=404),
    Curl("hmm-ops", POST, "/strategy/weights", body='{"weights": {"model1": 0.1}}', headers=JSON, status=404),
    Curl("quant-arbitrage", GET, "/api/opportunities", status=404),
)
SLOW = (
    Curl("intraday", POST, "/api/broker/test-connection", ("connected", "desks")),
    Curl("intraday", POST, "/api/admin/shutdown", COMMANDED),
)


def named(curl: Curl) -> str:
    return f"{curl.book} {curl.method} {curl.path} {curl.body}"


def ask(rig: Rig, curl: Curl) -> Any:
    path = curl.path
    if path.endswith("ORDER_ID"):
        known = rig.get("/api/trading/orders").json()["orders"][0]
        path = path.replace("ORDER_ID", known["order_id"])
    answer = rig.ask(curl.method, path, role="admin", content=curl.body, headers=curl.headers)
    assert answer.status_code == curl.status, answer.text
    if curl.keys:
        assert set(curl.keys) <= answer.json().keys()
    assert curl.text in answer.text
    return answer


@pytest.mark.parametrize("curl", [*CURLS, *LATER], ids=named)
def test_curl_of_a_runbook(rig: Rig, curl: Curl) -> None:
    ask(rig, curl)


def test_graceful_shutdown_of_the_intraday_runbook(rig: Rig) -> None:
    """The desk winds down in order and leaves its journal sealed; the ops plane says so from then on."""
    ask(rig, SLOW[1])
    rig.ops.until(lambda: rig.desk.process.poll() is not None)
    assert rig.desk.process.returncode == 0
    assert rig.get("/api/trading/positions").status_code == 200
    answer = rig.post("/api/emergency/kill-switch")
    assert answer.status_code == 503
    assert answer.json()["code"] == "DESK_NOT_ANSWERING"
    rig.until(lambda: rig.get("/readyz").status_code == 503)


@pytest.mark.slow
def test_test_connection_of_the_intraday_runbook(rig: Rig) -> None:
    rows = ask(rig, SLOW[0]).json()["desks"]["alpha"]
    assert rows[0]["what"] == "hyperliquid"


def test_the_list_is_whole() -> None:
    """Beside the repository, as the founder has them, the runbooks have no other line than these."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "runbooks"
    if not folder.is_dir():
        pytest.skip("the runbooks are not beside this checkout")
    listed = {(curl.book, curl.path) for curl in (*CURLS, *LATER, *SLOW)}
    for book in ("hmm-ops", "intraday", "quant-arbitrage", "xrpliquid", "hat-manifesto"):
        for line in (folder / f"{book}.md").read_text("utf-8").splitlines():
            if "curl " in line and "localhost" in line:
                path = "/" + line.split("localhost:", 1)[1].split("/", 1)[1].split()[0].rstrip("`").split("`")[0]
                assert (book, path) in listed, line
