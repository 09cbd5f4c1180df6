"""One really running desk on the twin chain, and everything that the runbook's scripts say and do to it.

What is tested: `quarterdeck.ops.attempts.place`, `quarterdeck.ops.attempts.breaker`,
`quarterdeck.ops.attempts.checking`, `quarterdeck.ops.attempts.providers`, `quarterdeck.ops.attempts.alerting`, the
modules and scripts of the desk's folder, and `quarterdeck.ops.api.attempts`.
"""

import csv
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from quarterdeck.config import load_desk
from quarterdeck.config.ops import load_ops
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.ops.access import Role, Tokens
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.attempts.accounting import Accounting
from quarterdeck.ops.attempts.alerting import OPS_VARIABLE, Alerting
from quarterdeck.ops.attempts.breaker import CircuitBreaker
from quarterdeck.ops.attempts.place import DESK_VARIABLE, ChainDesk
from quarterdeck.ops.attempts.providers import Failover
from quarterdeck.ops.store import Store
from tests.desk.builders import REPOSITORY
from tests.ops.attempts.street import SHIPPED, chain_desk

PATIENCE_S = 240.0
PERSON = "operator-1"
COMMAND = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
HEREDOCS = {  # what stands between `python3 << 'EOF'` and EOF in the runbook, in short
    "breaker": "from circuit_breaker import get_circuit_breaker\n"
    "status = get_circuit_breaker().get_status()\nprint(f\"Circuit Breaker: {status['circuit_open']}\")",
    "summary": "from pnl_accounting import get_accounting\nsummary = get_accounting().get_pnl_summary('today')\n"
    "print(f\"P&L: ${summary['net_profit_usd']} {summary['total_costs']['total_usd']:.2f} {summary['success_rate']}\")",
    "failed": "from pnl_accounting import get_accounting\n"
    "for t in [t for t in get_accounting().trades if not t.success][-10:]: print(f'{t.trade_id}: {t.revert_reason}')",
    "providers": "from liquidity_provider_failover import get_failover\n"
    "for name, info in get_failover().get_provider_status().items(): print(name, info['status'], info['last_error'])",
    "anomalies": "from observability import get_metrics\n"
    "print(get_metrics().get_metrics_summary().get('anomalies', {}))",
    "reconcile": "from pnl_accounting import get_accounting\nr = get_accounting().reconcile()\n"
    "print(f\"{r['reconciled']} ${r['difference']:.2f}\")",
}


def until(condition: Callable[[], object], process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, said.read_text()[-2000:]
        assert time.monotonic() < deadline, said.read_text()[-2000:]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainDesk]:
    """The shipped desk on its twin, once three of its attempts are in blocks."""
    folder = tmp_path_factory.mktemp("floor") / "live"
    said = folder.with_name("said")
    words = ("demo", str(SHIPPED), "--for", "900", "--speed", "6", "--dir", str(folder))
    with said.open("wb") as out:
        process = subprocess.Popen([*COMMAND, *words], cwd=REPOSITORY, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        until((folder / "config" / "universe.json").exists, process, said)
        until((folder / "data" / "control.sock").exists, process, said)
        desk = ChainDesk(load_desk(folder))
        accounting = Accounting(desk)
        until(lambda: len(accounting.trades) >= 3, process, said)
        yield desk
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def script(folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """One script of the desk's folder, with the virtual environment first, as after activating it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, DESK_VARIABLE: str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        words, cwd=SHIPPED, env=environment, input=text, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_books_are_what_the_chain_says(live: ChainDesk) -> None:
    found = Accounting(live).reconcile()
    assert found["problems"] == []
    assert found["reconciled"]
    assert found["receipts_checked"] >= 3
    assert set(found["purses"]) == {"USDC", "ETH", "WETH"}


def test_a_ledger_that_differs_is_seen(live: ChainDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wallet of somebody else: its receipts are right, its purses are not."""
    monkeypatch.setattr(ChainDesk, "wallet", property(lambda _: "0x" + "77" * 20))
    found = Accounting(live).reconcile()
    assert not found["reconciled"]
    assert found["difference"] > 0
    assert any("the chain 0" in one for one in found["problems"])


def test_without_a_node_nothing_is_claimed(tmp_path: Path) -> None:
    found = Accounting(chain_desk(tmp_path / "desk")).reconcile()
    assert not found["reconciled"]
    assert found["difference"].is_nan()
    assert "nothing was compared" in found["problems"]


def test_lenders_and_nodes_are_as_the_desk_shows_them(live: ChainDesk) -> None:
    lenders = Failover(live).get_provider_status()
    assert set(lenders) == {one.name for one in live.universe.lenders}
    for info in lenders.values():
        assert {"status", "success_rate", "consecutive_failures", "last_error"} <= info.keys()
    assert [info["status"] for info in Failover(live).get_endpoint_status().values()] == ["healthy"]


@pytest.mark.parametrize("name", HEREDOCS)
def test_a_heredoc_of_the_runbook(live: ChainDesk, name: str) -> None:
    done = script(live.place.root, "python3", text=HEREDOCS[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout or name == "failed"


@pytest.mark.parametrize("name", HEREDOCS)
def test_a_heredoc_where_nothing_runs(tmp_path: Path, name: str) -> None:
    chain_desk(tmp_path / "desk")
    done = script(tmp_path / "desk", "python3", text=HEREDOCS[name])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_where_nothing_runs_says_so_in_one_line(tmp_path: Path) -> None:
    chain_desk(tmp_path / "desk")
    text = "from circuit_breaker import get_circuit_breaker\nget_circuit_breaker().pause_trading('incident')"
    done = script(tmp_path / "desk", "python3", text=text)
    assert done.returncode == 1
    assert re.fullmatch(r"quarterdeck: desk quant-arbitrage is not running: .*\n", done.stderr)


def test_the_evening_checklist(live: ChainDesk) -> None:
    done = script(live.place.root, "bash", "scripts/daily-shutdown.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = (live.place.root / "reports").glob("trades-*.csv")
    with report.open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) >= 3
    assert list((live.place.logs / "archive").glob("*_system.log.gz"))


def test_the_api_of_a_desk_on_a_chain(live: ChainDesk) -> None:
    folder = live.place.root.parent
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    (folder / "ops.toml").write_text(f'[ops]\ndesks = ["live"]\n[[listen]]\nport = {port}\n')
    config = load_ops(folder)
    store = Store(config.data)
    token, _ = Tokens(store, config.access).new(PERSON, Role.VIEWER)
    store.close()
    said = folder / "ops.said"
    with said.open("wb") as out:
        process = subprocess.Popen([*COMMAND, "ops", str(folder)], cwd=REPOSITORY, stdout=out, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-OPS-TOKEN": token}, timeout=30) as client:

            def ready() -> bool:
                try:
                    return client.get("/readyz").status_code == 200
                except httpx.TransportError:
                    return False

            until(ready, process, said)
            offered = client.get("/api/opportunities").json()
            assert offered["desks"]["quant-arbitrage"]["pools"] > 0
            tried = client.get("/api/attempts", params={"period": "all"}).json()
            assert tried["count"] >= 3
            assert tried["desks"]["quant-arbitrage"]["total_trades"] == tried["count"]
            assert client.get("/api/trades").status_code == client.get("/api/stats").status_code == 200
    finally:
        process.terminate()
        process.wait(60)


def test_alerts_go_into_the_room_and_too_many_are_counted(
    live: ChainDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ops.toml").write_text(
        f'[ops]\ndesks = ["{live.place.root}"]\n[alerts]\ngroup_s = 0\n[[channels]]\nname = "file"\nkind = "file"\n'
        'path = "told.jsonl"\n'
    )
    monkeypatch.setenv(OPS_VARIABLE, str(tmp_path))
    alerting, heard = Alerting(live), list[str]()
    alerting.register_custom_handler(lambda alert: heard.append(alert["title"]))
    for number in range(13):
        answer = alerting.send_alert("Provider failure", f"number {number}", "MEDIUM")
    assert answer["suppressed"] == alerting.suppressed()["Provider failure"] == 3
    assert heard == ["Provider failure"] * 13
    alerting.alert_circuit_breaker_triggered("too many failures")
    store = Store(load_ops(tmp_path).data)
    standing = {one.rule for one in AlertBook(store).open()}
    store.close()
    assert standing == {"Provider failure", "kill-switch"}
    with pytest.raises(ConfigError, match="CRITICAL"):
        alerting.send_alert("x", "y", "LOUD")


def test_the_breaker_acts_on_the_running_desk(live: ChainDesk) -> None:
    """The last one: it leaves the desk locked."""
    breaker = CircuitBreaker(live, Accounting(live))

    def shows(key: str, value: object) -> None:
        deadline = time.monotonic() + 20
        while breaker.get_status()[key] != value:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    assert breaker.get_status()["running"]
    assert breaker.check_safety_limits({"profit_usd": 50, "gas_price_gwei": 20})[1] in {"OK", "TOO_MANY_FAILURES"}
    assert breaker.check_safety_limits({"gas_price_gwei": 200}) == (False, "GAS_PRICE_TOO_HIGH")
    assert breaker.check_safety_limits({"profit_usd": 1}) == (False, "PROFIT_TOO_LOW")
    breaker.pause_trading("incident 1")
    shows("trading_paused", True)
    assert breaker.check_safety_limits() == (False, "TRADING_PAUSED")
    with pytest.raises((ConfigError, DeskError), match="signed"):
        breaker.resume_trading()
    breaker.resume_trading(person=PERSON)
    shows("trading_paused", False)
    with pytest.raises(DeskError, match="nothing to reset"):
        breaker.reset_circuit_breaker(person=PERSON)
    assert breaker.record_trade()["recorded"] is False
    done = script(live.place.root, "python3", "scripts/emergency_shutdown.py", "Security", "breach")
    assert done.returncode == 0, done.stdout + done.stderr
    shows("emergency_shutdown", True)
    assert breaker.check_safety_limits() == (False, "EMERGENCY_SHUTDOWN")
    with pytest.raises(DeskError, match="unlock"):
        breaker.resume_trading(person=PERSON)
    assert "locked - Security breach" in (live.place.logs / "emergency-shutdown.log").read_text()
