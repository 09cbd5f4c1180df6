"""What is tested: the twin, `quarterdeck.twins.hyperliquid.server`, by ccxt as it is, REST and websocket, in an
environment of its own. It also approves its builder and pays its fee, as it does on the venue.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.environments import client_python
from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, running

CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.slow
def test_ccxt_trades_by_rest_and_by_stream(tmp_path: Path) -> None:
    python = client_python(CLIENTS / "ccxt.txt")
    key = tmp_path / "key"
    key.write_text(KEYS["bob"])
    with running() as twin:
        command = [str(python), str(CLIENTS / "trade_by_ccxt.py"), twin.address, ADDRESSES["bob"], str(key)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
        fees = [fill["fee"] for fill in twin.info("userFills", user=ADDRESSES["bob"])]
        approved = twin.do(lambda exchange: list(exchange.accounts[ADDRESSES["bob"].lower()].builders.values()))
    seen = json.loads(done.stdout)
    assert seen["rest"] == {
        "markets": ["BTC/USDC:USDC", "ETH/USDC:USDC", "XRP/USDC", "XRP/USDC:USDC"],
        "balance": 10_000.0,
        "crossed": False,
        "open": [100.0],
        "status": "open",
        "changed": [[120.0, 1.01]],
        "left": 0,
        "filled": 50.0,
        "position": 50.0,
        "trade": 50.0,
        "too small": "InvalidOrder",
        "crossing": "InvalidOrder",
    }
    assert seen["stream"] == {"depth": 20, "trades": True, "own": 50.0, "order": "closed"}
    assert approved == ["0.01%"]
    assert all(float(fee) > 50 * 1.0 * 0.00045 for fee in fees)
