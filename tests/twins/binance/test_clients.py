"""What is tested: the twin, `quarterdeck.twins.binance.server`, by the clients that the venue's users have, unmodified:
both official SDKs, python-binance, ccxt by REST and websocket. Each runs in an environment of its own.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.environments import client_python
from tests.twins.binance.serving import KEYS, SECRETS, running

CLIENTS = Path(__file__).parent / "clients"
CCXT = Path(__file__).parent.parent / "hyperliquid" / "clients" / "ccxt.txt"
JOINED = {"joined": True, "status": "FILLED"}


def traded(folder: Path, requirements: Path, script: str) -> Any:
    """What a client's script says of its trading on a new twin."""
    python = client_python(requirements)
    key = folder / "key"
    key.write_text(f"{KEYS['ann']}\n{SECRETS['ann']}\n")
    with running() as twin:
        command = [str(python), str(CLIENTS / script), twin.address, twin.line, str(key)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_official_spot_sdk(tmp_path: Path) -> None:
    seen = traded(tmp_path, CLIENTS / "binance_spot.txt", "trade_by_spot_sdk.py")
    assert {"BTCUSDT", "ETHUSDT"} <= set(seen["rest"].pop("symbols"))
    assert seen["rest"] == {
        "time": True,
        "crossed": False,
        "status": "NEW",
        "open": ["mine-1"],
        "again": "Duplicate order sent.",
        "small": "Filter failure: NOTIONAL",
        "off grid": "Filter failure: PRICE_FILTER",
        "replaced": ["SUCCESS", "SUCCESS"],
        "cancelled": "CANCELED",
        "gone": "Unknown order sent.",
        "filled": ["FILLED", "0.01000000", "BTC"],
        "trades": ["0.01000000"],
        "bitcoin": "2.00999000",
    }
    assert seen["stream"] == {**JOINED, "events": ["ExecutionReport", "OutboundAccountPosition"]}


@pytest.mark.slow
def test_official_futures_sdk(tmp_path: Path) -> None:
    seen = traded(tmp_path, CLIENTS / "binance_usdm.txt", "trade_by_usdm_sdk.py")
    assert seen["rest"].pop("crossing").startswith("Due to the order could not be executed as maker, the Post Only")
    assert seen["rest"] == {
        "symbols": ["BTCUSDT", "ETHUSDT"],
        "crossed": False,
        "leverage": 10,
        "status": "NEW",
        "open": ["mine-1"],
        "again": "ClientOrderId is duplicated.",
        "small": "Order's notional must be no smaller than 100 (unless you choose reduce only).",
        "reducing": "ReduceOnly Order is rejected.",
        "changed": ["0.020", "50001.00"],
        "countdown": "60000",
        "cancelled": "CANCELED",
        "gone": "Unknown order sent.",
        "filled": ["FILLED", "0.010"],
        "position": ["0.01"],
        "account": [1, True],
        "trades": [["0.010", "USDT"]],
        "income": ["COMMISSION"],
        "mark": True,
    }
    assert seen["stream"] == {**JOINED, "events": ["AccountUpdate", "OrderTradeUpdate"]}


@pytest.mark.slow
def test_python_binance(tmp_path: Path) -> None:
    seen = traded(tmp_path, CLIENTS / "python_binance.txt", "trade_by_python_binance.py")
    assert {"BTCUSDT", "ETHUSDT"} <= set(seen["spot"].pop("symbols"))
    assert seen["spot"] == {
        "open": 1,
        "cancelled": "CANCELED",
        "gone": -2011,
        "poor": -2010,
        "filled": "FILLED",
        "fees": ["BTC"],
        "told": ["NEW", "FILLED"],
        "depth": 5,
        "trade": "trade",
        "trades": ["0.01000000"],
        "balance": "2.00999000",
        "by line": "CANCELED",
    }
    assert seen["futures"] == {
        "symbols": ["BTCUSDT", "ETHUSDT"],
        "open": 1,
        "cancelled": "CANCELED",
        "reducing": -2022,
        "told": ["NEW", "FILLED"],
        "position": ["0.01"],
        "trades": ["0.010", "0.010"],
        "balance": ["USDT"],
        "depth": 5,
    }


@pytest.mark.slow
def test_ccxt_by_rest_and_by_stream(tmp_path: Path) -> None:
    seen = traded(tmp_path, CCXT, "trade_by_ccxt.py")
    common = {
        "balance": 100_000.0,
        "crossed": False,
        "status": "open",
        "changed": [[0.02, 50_001.0]],
        "left": 0,
        "trade": 0.02,
        "bars": "none",
        "unknown": "-2011",
    }
    for kind in ("spot", "swap"):
        assert {"BTC/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT"} <= set(seen[kind]["rest"].pop("markets"))
        assert seen[kind]["rest"].pop("open") == [f"ccxt-{kind}"]
        assert seen[kind]["stream"] == {"depth": True, "crossed": False, "trades": True, "own": 0.02, "order": "closed"}
    assert seen["spot"]["rest"] == {
        **common,
        "too small": "-1013",
        "crossing": "OrderImmediatelyFillable",
        "too much": "InsufficientFunds",
    }
    futures = {
        "too small": "InvalidOrder",
        "crossing": "-5022",
        "too much": "-2019",
        "position": 0.02,
        "funding": 0.0001,
    }
    assert seen["swap"]["rest"] == {**common, **futures}
