"""The same strategy gives the same results compiled, uncompiled, in plain Python, and after a restart in the middle."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from quarterdeck.errors import StrategyError
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import record_dtype
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Events, OrderFlow, load
from quarterdeck.runtime.opening import market_instruments
from quarterdeck.strategies.asking import ASKS, ask_cancel
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, Place, PythonStrategy
from quarterdeck.strategies.views import DeskView, Quote
from tests.strategies.desks import REPOSITORY, Trial, write_desk
from tests.strategies.quoters import COMPILED_QUOTER, MOST, PythonQuoter, QuoterMemory

KINDS = {
    "momentum": {"bar_seconds": 5, "trend_fast": 5, "trend_slow": 20, "trend_atr": 0.0, "reward_to_cost": 0.1},
    "maker": {},
}
FLOW_EVENTS = 6_000
BARS_FILE = "binance_spot_XRPUSDT_5m_2024.parquet"
BARS = 1_500


def _digest(folder: Path, kind: str, events: Events) -> tuple[str, int]:
    trial = Trial(write_desk(folder, {kind: KINDS[kind]}), latency_ns=50_000_000, time_ns=int(events["time_ns"][0]) - 1)
    trial.engine.feed(events)
    memory = trial.hosts[0].snapshot()
    fills = len(trial.said(EventKind.FILL))
    return trial.engine.digest.hex() + memory.hex(), fills


def _bars(folder: Path, file: Path) -> Events:
    instrument = market_instruments(write_desk(folder / "grid", {"maker": {}}))[0]
    return load(file, instrument=instrument, off_grid="round").events[:BARS]


def digests(folder: Path, market: Path | None) -> list[str]:
    """One line for each strategy and market: what it came to, and how much was traded."""
    streams = {"flow": OrderFlow(seed=11).take(FLOW_EVENTS)}
    if market is not None:
        streams["bars"] = _bars(folder, market / BARS_FILE)
    lines: list[str] = []
    for kind in KINDS:
        for name, events in streams.items():
            digest, fills = _digest(folder / f"{kind}-{name}", kind, events)
            lines.append(f"{kind} {name} {fills} {digest}")
    return lines


def _without_jit(folder: Path, market: Path | None) -> list[str]:
    code = (
        "import sys; from pathlib import Path; from tests.strategies.test_both_ways import digests; "
        "print('\\n'.join(digests(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None)))"
    )
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(market or "")],
        env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_compiled_and_uncompiled_agree_on_generated_flow(tmp_path: Path) -> None:
    ours = digests(tmp_path / "jit", None)
    assert all(int(line.split()[2]) > 0 for line in ours), "each must have traded for this to mean something"
    assert _without_jit(tmp_path / "plain", None) == ours


@pytest.mark.market
def test_compiled_and_uncompiled_agree_on_recorded_bars(tmp_path: Path, market_data: Path) -> None:
    if not (market_data / BARS_FILE).is_file():
        pytest.skip(f"no {BARS_FILE} in {market_data}")
    ours = digests(tmp_path / "jit", market_data)
    assert all(int(line.split()[2]) > 0 for line in ours)
    assert _without_jit(tmp_path / "plain", market_data) == ours


def test_quoter_in_python_and_compiled_agree(tmp_path: Path) -> None:
    flow = OrderFlow(seed=5).take(60_000)
    trials: list[Trial] = []
    for number, source in enumerate((COMPILED_QUOTER, PythonQuoter)):
        config = write_desk(tmp_path / str(number), {"maker": {}})
        trial = Trial(config, sources=[cast(Any, source)], latency_ns=20_000_000)
        trial.engine.feed(flow)
        trials.append(trial)
    one, other = trials
    assert len(one.said(EventKind.FILL)) > 20
    assert abs(int(one.position()["quantity"])) <= MOST
    assert one.engine.digest == other.engine.digest
    assert b"".join(part.tobytes() for part in one.tape) == b"".join(part.tobytes() for part in other.tape)


@pytest.mark.parametrize("kind", ["momentum", "maker", "quoter"])
def test_restart_in_the_middle_changes_nothing(tmp_path: Path, kind: str) -> None:
    flow = OrderFlow(seed=23).take(20_000)
    sources = [cast(Any, PythonQuoter)] if kind == "quoter" else None
    config = write_desk(tmp_path, {"maker": {}} if kind == "quoter" else {kind: KINDS[kind]})
    whole = Trial(config, sources=sources)
    whole.engine.feed(flow)
    first = Trial(config, sources=sources)
    first.engine.feed(flow[:9_000])
    second = Trial(config, sources=sources)
    cast(Any, second.engine.states).view(np.uint8)[:] = cast(Any, first.engine.states).view(np.uint8)
    cast(Any, second.market).view(np.uint8)[:] = cast(Any, first.market).view(np.uint8)
    second.hosts[0].restore(first.hosts[0].snapshot())
    second.engine.feed(flow[9_000:])
    assert second.engine.digest == whole.engine.digest
    assert second.hosts[0].snapshot() == whole.hosts[0].snapshot()


@compiled
def _greedy(state: Any, strategy: int, memory: Any, event: Any, asks: Any, count: int) -> int:
    if event["kind"] != EventKind.QUOTE:
        return count
    memory["count"] += 1
    for _ in range(ASKS + memory["count"] - 1):
        count = ask_cancel(asks, count, 1, 0)
    return count


def _nothing(memory: Any, parameters: Any, place: Place) -> None:
    """It begins with nothing."""


class Greedy(PythonStrategy):
    asked = ASKS

    def on_quote(self, desk: DeskView, quote: Quote) -> None:  # noqa: ARG002 - the contract's signature
        for _ in range(self.asked):
            desk.cancel(1)
        self.asked += 1


@pytest.mark.parametrize(
    "source", [CompiledStrategy("greedy", Parameters, record_dtype(QuoterMemory), _nothing, _greedy), Greedy]
)
def test_asking_for_too_much_breaks_the_contract(tmp_path: Path, source: Any) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {}}), sources=[source])
    trial.quote(12_000, 12_001)
    assert len(trial.said(EventKind.CANCEL_REQUEST)) == ASKS
    with pytest.raises(StrategyError, match=f"more than {ASKS}"):
        trial.quote(12_000, 12_001)
