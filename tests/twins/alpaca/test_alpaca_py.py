"""What is tested: the twin, `quarterdeck.twins.alpaca.server`, by alpaca-py as it is, its typed API and its streams, in
an environment of its own.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.environments import client_python
from tests.twins.alpaca.serving import ANN, running, still_market

CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.slow
def test_alpaca_py_trades_by_its_typed_api_and_its_streams() -> None:
    python = client_python(CLIENTS / "alpaca.txt")
    environment = {**os.environ, "APCA_API_KEY_ID": ANN.key, "APCA_API_SECRET_KEY": ANN.secret}
    with running(recorded=still_market(), speed=30.0) as twin:
        command = [str(python), str(CLIENTS / "trade_by_alpaca.py"), twin.address, twin.sockets]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-3_000:]
    seen = json.loads(done.stdout)
    assert seen == {**WHAT_THERE_IS, **WHAT_WAS_TRADED, **WHAT_WAS_SEEN}


WHAT_THERE_IS = {
    "account": ["ACTIVE", "100000", "200000", "USD"],
    "clock": [True, "2026-11-20T16:00:00-05:00"],
    "calendar": [["2026-11-25", "16:00"], ["2026-11-27", "13:00"], ["2026-11-30", "16:00"]],
    "assets": ["AAPL", "MSFT", "SPY", "NVDA"],
    "asset": ["ARCA", True, True, True],
    "settings": [False, False],
}
WHAT_WAS_TRADED = {
    "market": ["pending_new", "filled", "10", "230.01"],
    "market events": ["pending_new", "new", "fill"],
    "told": [10.0, 10.0, 230.01, True],
    "fraction": True,
    "part": ["replaced", "290", True, True],
    "rest": ["60", "229.5"],
    "canceled": "canceled",
    "bracket": [["limit", "sell", "new"], ["stop", "sell", "held"]],
    "both": ["canceled", "canceled"],
    "position": ["305", "long"],
    "oco": ["held"],
    "stops": ["stop", "trailing_stop"],
    "open": 2,
    "all": [200, 200],
    "closed": ["AAPL", "MSFT"],
    "activities": True,
    "stranger": [401, '{"message":"unauthorized."}'],
    "refused": [
        [403, 40310000, "insufficient buying power"],
        [
            422,
            42210000,
            "invalid limit_price 230.123. sub-penny increment does not fulfill minimum pricing criteria",
        ],
        [422, 42210000, "client_order_id must be unique"],
        [422, 42210000, 'asset "ZZZZ" not found'],
        [404, 40410000, "order not found for nobody's"],
        [404, 40410000, "position does not exist"],
        [422, 42210000, "fractional orders must be DAY orders"],
    ],
}
WHAT_WAS_SEEN = {
    "bars": [["MSFT", "NVDA"], True],
    "history": [20, ["MSFT", "SPY"]],
    "crossed": 0,
    "latest": [["AAPL", "MSFT"]] * 4,
    "snapshot": 230.0,
    "streamed": ["AAPL"],  # of the trades, it asked for those alone
    "zone": "UTC",
}
