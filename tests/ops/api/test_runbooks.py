"""Every curl of the five runbooks against a running desk and a running ops plane.

Where the runbooks are, beside this repository, curl itself runs each of their lines as it stands there. The list here
says what must come back, and is asked everywhere; it is held to the runbooks where these are.
What is tested: `quarterdeck.ops.api.trading`, `quarterdeck.ops.api.emergency`, `quarterdeck.ops.api.settings`,
`quarterdeck.ops.api.health`, `quarterdeck.ops.api.admin`, `quarterdeck.ops.api.pages`, `quarterdeck.ops.api.views`,
`quarterdeck.ops.api.shapes`, `quarterdeck.ops.api.bodies`.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.ops.api.rig import Rig
from tests.ops.api.runbooks import FOLDER, Line, read_lines, run_line

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
    named: bool = False  # no curl asks for it: a browser opens it, or FACTS names it


CURLS = (
    Curl("hmm-ops", GET, "/pnl_dashboard.html", text="Profit and loss", named=True),
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
    Curl("quant-arbitrage", GET, "/api/opportunities", status=404, named=True),
)
SLOW = (
    Curl("intraday", POST, "/api/broker/test-connection", ("connected", "desks")),
    Curl("intraday", POST, "/api/admin/shutdown", COMMANDED),
)
LISTED = (*CURLS, *LATER, *SLOW)


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


def row_of(line: Line) -> Curl:
    """What the list says of a line."""
    found = [curl for curl in LISTED if (curl.book, curl.method, curl.path) == (line.book, line.method, line.path)]
    assert found, f"{line} is not in the list"
    return found[0]


@pytest.fixture
def lines() -> list[Line]:
    if not FOLDER.is_dir():
        pytest.skip(f"the runbooks are not at {FOLDER}; QUARTERDECK_RUNBOOKS names another folder")
    return read_lines(FOLDER)


def test_the_list_is_what_the_runbooks_say(lines: list[Line]) -> None:
    """Each way: no line is missing here, and none here is of nobody's making."""
    asked = [line for line in lines if line.ours]
    assert len(asked) >= 40
    for line in asked:
        row_of(line)
    written = {(line.book, line.method, line.path) for line in asked}
    listed = {(curl.book, curl.method, curl.path) for curl in LISTED if not curl.named}
    assert listed == written
    for curl in LISTED:
        if curl.named:
            assert any(curl.path in (FOLDER / f"{book}.md").read_text("utf-8") for book in (curl.book, "FACTS"))
    assert {line.book for line in lines if not line.ours} <= {"quant-arbitrage"}  # a chain's gas prices


def test_every_curl_of_the_runbooks_as_it_stands_there(lines: list[Line], shared_rig: Rig, tmp_path: Path) -> None:
    """Each line once, by curl itself; before a line the desk is brought back to where it trades."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done: set[tuple[str, ...]] = set()
    for line in lines:
        if not line.ours or line.words in done:
            continue
        done.add(line.words)
        alive = shared_rig.desk.process.poll() is None
        if line.method != "GET" and not (alive and shared_rig.has_orders()):
            shared_rig.trading_again()
        known = shared_rig.get("/api/trading/orders").json()["orders"]
        order_id = known[0]["order_id"] if known else ""
        port = shared_rig.ports["alpha"]
        status, answer = run_line(line, tmp_path, shared_rig.tokens["admin"], port, order_id)
        row = row_of(line)
        assert status == row.status, f"{line}: {answer[:500]}"
        if row.keys:
            assert set(row.keys) <= json.loads(answer).keys(), line
        assert line.sought in answer, line
        if line.path == SLOW[1].path:
            shared_rig.ops.until(lambda: shared_rig.desk.process.poll() is not None)
            assert shared_rig.desk.process.returncode == 0
            shared_rig.trading_again()
    assert len(done) >= 30


def test_lines_are_read_as_a_shell_would(tmp_path: Path) -> None:
    text = """
| Pause | `curl -X POST http://localhost:8002/kill …` | or `cat x` |
```bash
# not this: curl it
curl -s http://localhost:8002/metrics | grep "risk_blocks_total"
   curl -X PUT http://localhost:8080/api/config/risk \\
     -H "X-OPS-TOKEN: $(cat .ops_token)" \\
     -d '{"a": "b c"}'
curl https://example.invalid/gas?a=b
```
"""
    (tmp_path / "book.md").write_text(text)
    pause, metrics, risk, gas = read_lines(tmp_path)
    assert (pause.method, pause.path, pause.words) == ("POST", "/kill", ("-X", "POST", "http://localhost:8002/kill"))
    assert (metrics.method, metrics.sought, metrics.number) == ("GET", "risk_blocks_total", 5)
    assert (risk.method, risk.words[-1]) == ("PUT", '{"a": "b c"}')
    assert risk.words[4] == "X-OPS-TOKEN: $(cat .ops_token)"
    assert not gas.ours
