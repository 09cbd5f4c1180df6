"""A kill by HTTP of live desks at two venues' twins: cancels first, nothing behind them, and how long it took.

What is tested: `quarterdeck.ops.commands` and `quarterdeck.ops.process` with `quarterdeck.desk.live`, as it is used.
Each twin writes down what it is sent when it takes it up, with its own limits of rates.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from quarterdeck.config.ops import load_ops
from quarterdeck.ops.access import Role, Tokens
from quarterdeck.ops.store import Store
from quarterdeck.venues.binance import keys as binance_keys
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE
from tests.desk import binance_folder, hyperliquid_folder
from tests.desk.killed import Process
from tests.ops.api.rig import Running, free_ports
from tests.twins.binance import serving as binance
from tests.twins.hyperliquid import serving as hyperliquid

ORDERS = 40
PATIENCE_S = 60.0
WITHIN_S = 10.0  # of a busy machine; what it took is printed, and bench/ops_kill.py measures
AGAIN = 3  # refusals of what the strategy asks for behind the kill, before we believe that nothing more comes
OWNER = "ada"
Heard = list[tuple[str, float]]


class Served(Protocol):
    """A twin that runs, of either venue."""

    server: Any

    def do(self, work: Any) -> Any: ...


class Venue:
    """A twin, what it was told to do and when, and the desk's folder."""

    def __init__(self, twin: Served, heard: Heard, folder: Path, working: Callable[[Any], int]) -> None:
        self.heard, self.folder = heard, folder
        self._twin, self._working = twin, working

    def working(self) -> int:
        """How many orders rest at the twin."""
        return int(self._twin.do(self._working))


@contextmanager
def at_hyperliquid(folder: Path, set_variable: Callable[[str, str], None]) -> Generator[Venue]:
    set_variable(KEY_VARIABLE, hyperliquid.KEYS["agent"])
    heard: Heard = []
    with hyperliquid.running(seed=5, weight_budget=1_200) as twin:
        actions = twin.server._actions
        act = actions.act

        def hear(body: dict[str, Any], *more: Any) -> Any:
            kind = body["action"]["type"]
            many = len(body["action"].get("cancels", [0]))
            heard.extend([("cancel" if kind.startswith("cancel") else kind, time.monotonic())] * many)
            return act(body, *more)

        actions.act = hear
        hyperliquid_folder.write_desk(folder, twin.server.port)
        owner = hyperliquid.ADDRESSES["ann"].lower()
        yield Venue(twin, heard, folder, lambda exchange: len(list(exchange.accounts[owner].open_orders())))


@contextmanager
def at_binance(folder: Path, set_variable: Callable[[str, str], None]) -> Generator[Venue]:
    set_variable(binance_keys.KEY_VARIABLE, binance.KEYS["ann"])
    set_variable(binance_keys.SECRET_VARIABLE, binance.SECRETS["ann"])
    heard: Heard = []
    with binance.running(seed=5) as twin:
        gate = twin.server.gate
        answer = gate.answer

        def hear(method: str, path: str, *more: Any) -> Any:
            if method != "GET" and "rder" in path:
                heard.append(("cancel" if method == "DELETE" else "order", time.monotonic()))
            return answer(method, path, *more)

        gate.answer = hear
        binance_folder.write_desk(folder, twin.server.port)
        owner = binance.KEYS["ann"]
        yield Venue(twin, heard, folder, lambda exchange: len(list(exchange.accounts[owner].open_orders(futures=True))))


@contextmanager
def plane_of(venue: Venue) -> Iterator[tuple[Running, httpx.Client]]:
    """An ops plane that looks after the desk, and its owner's client."""
    folder = venue.folder.parent
    port = free_ports(1)[0]
    (folder / "ops.toml").write_text(f'[ops]\ndesks = ["{venue.folder.name}"]\n[[listen]]\nport = {port}\n')
    config = load_ops(folder)
    store = Store(config.data)
    secret, _ = Tokens(store, config.access).new(OWNER, Role.OPERATOR)
    store.close()
    ops = Running(("ops", str(folder)), folder, "ops")
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"X-OPS-TOKEN": secret}, timeout=PATIENCE_S
    ) as client:
        try:
            ops.until(lambda: answers(client))
            yield ops, client
        finally:
            ops.kill()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def checked(page: str) -> float:
    """How many requests the rails have looked at, as the metrics say."""
    (said,) = [line for line in page.splitlines() if re.match(r'risk_check_latency_seconds_bucket.*le="\+Inf"', line)]
    return float(said.split()[-1])


def blocked_since(folder: Path, sequence: int) -> int:
    """How often the rails have refused the strategy behind a record of the journal."""
    lines = (folder / "logs" / "trading.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if '"RISK_BLOCK"' in line]
    return sum(one["sequence"] > sequence for one in found)


@pytest.mark.parametrize(("name", "at"), [("hyperliquid", at_hyperliquid), ("binance", at_binance)])
def test_a_kill_by_http_takes_every_order_back_before_anything_else_is_sent(
    name: str, at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with at(tmp_path / "twinned", monkeypatch.setenv) as venue:
        desk = Process("-m", "tests.ops.api.crowded_desk", str(venue.folder), str(ORDERS))
        try:
            with plane_of(venue) as (ops, client):
                desk.line("crowded")
                assert venue.working() == ORDERS
                before = len(venue.heard)
                began = time.monotonic()
                answer = client.post("/api/emergency/kill-switch", json={"why": "timed"})
                told = time.monotonic()
                assert answer.status_code == 200, answer.text
                ops.until(lambda: venue.working() == 0)
                sequence = answer.json()["desks"]["twinned"]["command_sequence"]
                ops.until(lambda: blocked_since(venue.folder, sequence) >= AGAIN)
                ops.until(lambda: not client.get("/api/trading/orders/pending").json()["orders"])
                ops.until(lambda: checked(client.get("/metrics").text) >= ORDERS + AGAIN)
        finally:
            if desk.alive:
                desk.kill()
        behind = venue.heard[before:]
        assert [kind for kind, _ in behind] == ["cancel"] * ORDERS
        took = [(at_s - began) * 1e3 for _, at_s in behind]
        words = f"{ORDERS} orders; acknowledged after {(told - began) * 1e3:.1f} ms, cancels at the twin after"
        with capsys.disabled():
            sys.stdout.write(f"\n{name}: a kill by HTTP, {words} {took[0]:.1f} to {took[-1]:.1f} ms\n")
        assert took[-1] < WITHIN_S * 1e3
