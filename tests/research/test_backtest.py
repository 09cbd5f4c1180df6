"""A backtest is repeatable, sees nothing before its time, and its figures add up."""

import shutil
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quarterdeck.errors import StrategyError
from quarterdeck.journal import digest_word, verify
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType
from quarterdeck.market import Split
from quarterdeck.research import BacktestResult, DataRequest, fit_desk, run_backtest
from quarterdeck.runtime.replay import replay
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.views import Bar, DeskView
from tests.research.builders import MINUTE_MS, START_MS, desk, records, run, wandering_bars, write

BARS = 800
CUT = 500  # from this bar on the future is changed


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal") / "journal"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, journal: Path) -> BacktestResult:
    path = write(tmp_path_factory.mktemp("data") / "sim_ABCUSDT_5m.parquet", wandering_bars(BARS))
    return run(path, journal=journal)


def test_the_desk_trades(result: BacktestResult) -> None:
    assert result.events == BARS
    assert result.orders > 0
    assert result.fills > 0
    assert result.fees > 0
    assert result.records > BARS
    assert result.refused_events == 0


def test_twice_the_same_run_gives_the_same_digest(tmp_path: Path, result: BacktestResult) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.parquet", wandering_bars(BARS))
    again = run(path)
    assert again.digest == result.digest
    assert again.as_dict() | {"seconds": 0, "load_seconds": 0, "sources": 0, "quality": 0} == result.as_dict() | {
        "seconds": 0, "load_seconds": 0, "sources": 0, "quality": 0,
    }  # fmt: skip


def test_other_data_gives_another_digest(tmp_path: Path, result: BacktestResult) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.parquet", wandering_bars(BARS, seed=2))
    assert run(path).digest != result.digest


def test_the_strategies_parts_add_up_to_what_the_desk_gained(result: BacktestResult) -> None:
    assert sum(one.pnl for one in result.strategies) == result.pnl
    assert sum(one.fees for one in result.strategies) == result.fees
    assert sum(one.fills for one in result.strategies) == result.fills == len(result.tape)
    assert sum(one.orders for one in result.strategies) == result.orders
    assert Decimal(int(result.tape.fee.sum())).scaleb(-result.exponent) == result.fees
    assert result.equity_start == 10_000


def test_no_order_is_filled_at_the_event_it_was_asked_for_at(journal: Path, result: BacktestResult) -> None:
    """A market order that is asked for at a bar's close is filled at the next bar's open, and no order before it."""
    bars: list[tuple[int, int]] = []  # (close time, open price)
    asked: dict[int, list[int]] = {}
    market_fills = 0
    for record in records(journal):
        if record["kind"] == EventKind.BAR:
            bars.append((int(record["time_ns"]), int(record["open"])))
        elif record["kind"] == EventKind.ORDER_REQUEST:
            asked.setdefault(int(record["time_ns"]), []).append(int(record["order_type"]))
        elif record["kind"] == EventKind.FILL:
            # Reports come before the bar that makes them, and carry a time after every bar that was seen before.
            assert record["time_ns"] > bars[-1][0]
            market_fills += not record["flags"] & Flag.MAKER
    assert any(OrderType.MARKET in kinds for kinds in asked.values())
    assert market_fills > 0
    opens = {open_price for _, open_price in bars}
    takers = [int(one["price"]) for one in records(journal) if one["kind"] == EventKind.FILL and not one["flags"] & 16]
    assert sum(price in opens for price in takers) >= 0.9 * len(takers)


def test_what_comes_later_changes_nothing_before(tmp_path: Path) -> None:
    """The prefix property: with all bars after one changed, the tape up to it is the same, bit for bit."""
    columns = wandering_bars(BARS)
    first, second = tmp_path / "first", tmp_path / "second"
    run(write(tmp_path / "sim_ABCUSDT_5m.parquet", columns), journal=first)
    for name in ("open", "high", "low", "close"):
        columns[name] = columns[name][:CUT] + [round(1.5 * value, 4) for value in columns[name][CUT:]]  # type: ignore[operator] # numbers
    columns["volume"] = columns["volume"][:CUT] + [7] * (BARS - CUT)
    run(write(tmp_path / "sim_ABCUSDT_5m.parquet", columns), journal=second)
    tapes = []
    for path in (first, second):
        tape = records(path)
        bars = [place for place, record in enumerate(tape) if record["kind"] == EventKind.BAR]
        tapes.append([record.tobytes() for record in tape[: bars[CUT - 1] + 1]])
    assert tapes[0] == tapes[1]
    assert len(tapes[0]) > CUT


def test_the_journal_is_sealed_with_the_digest_and_replays_to_it(journal: Path, result: BacktestResult) -> None:
    report = verify(journal)
    assert report.exit_code == 0
    assert report.unsealed == 0
    assert report.digests > 1
    replayed = replay(journal)
    assert replayed.digest == bytes.fromhex(result.digest)
    assert replayed.events == result.records


def test_one_flipped_bit_in_the_journal_is_found(tmp_path: Path, journal: Path, result: BacktestResult) -> None:
    copy = tmp_path / "journal"
    shutil.copytree(journal, copy)
    segment = next(path for path in sorted(copy.iterdir()) if path.stat().st_size > 100_000)
    content = bytearray(segment.read_bytes())
    content[50_000] ^= 4
    segment.write_bytes(content)
    report = verify(copy)
    assert report.exit_code == 1
    assert report.problem is not None
    assert report.problem.sequence == (50_000 - 4096) // 64


def test_with_and_without_a_journal_the_result_is_the_same(tmp_path: Path, result: BacktestResult) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.csv", wandering_bars(BARS))
    assert run(path).digest == run(path, journal=tmp_path / "journal").digest == result.digest


def test_the_last_seal_carries_the_final_digest(journal: Path, result: BacktestResult) -> None:
    assert digest_word(bytes.fromhex(result.digest)) == digest_word(replay(journal).digest)


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.parquet", wandering_bars(100))
    seen: list[tuple[int, int]] = []
    run_backtest(fit_desk(desk(), DataRequest(paths=(path,))), progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100)


class Asked(msgspec.Struct):
    """A holder's memory."""

    asked: bool = False


class Holder(PythonStrategy):
    """Buys 10 lots at the first bar and holds them."""

    kind = "holder"

    def __init__(self, parameters: Parameters, place: Place) -> None:
        super().__init__(parameters, place)
        self.memory: Asked = Asked()

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        if not self.memory.asked:
            self.memory.asked = True
            desk.buy(bar.instrument, 10)


def holding(path: Path, **request: object) -> BacktestResult:
    config = desk("momentum")
    bare = config.strategies[0].model_copy(update={"parameters": {}})
    config = config.model_copy(update={"strategies": (bare,)})
    fitted = fit_desk(config, DataRequest(paths=(path,), lot="0.1", **request))  # type: ignore[arg-type] # any field
    return run_backtest(fitted, sources=[Holder])


def test_a_market_order_is_filled_at_the_next_bars_open(tmp_path: Path) -> None:
    columns = wandering_bars(10)
    for name in ("open", "high", "low", "close"):
        columns[name] = [round(100 * value, 2) for value in columns[name]]  # type: ignore[operator] # numbers
    columns["open"][1] = columns["low"][1]  # another price than the close that the order was asked for at
    result = holding(write(tmp_path / "sim_ABCUSDT_5m.parquet", columns))
    assert len(result.tape) == 1
    assert int(result.tape.price[0]) * result.instrument.tick == pytest.approx(Decimal(str(columns["low"][1])))
    assert result.tape.time_ns[0] > result.begin_ns


def test_a_given_split_keeps_what_is_held_and_a_missing_one_is_told(tmp_path: Path) -> None:
    """7 for 1 overnight: with the split given, it costs nothing; without, it looks like a loss."""
    columns = wandering_bars(80, minutes=1440)
    for name in ("open", "high", "low", "close"):
        columns[name] = [
            round((490 if place < 40 else 70) * value, 2)  # type: ignore[operator] # numbers
            for place, value in enumerate(columns[name])
        ]
    path = write(tmp_path / "us_equity_ABC_1d.parquet", columns)
    split = Split((START_MS + 40 * 1440 * MINUTE_MS) * 1_000_000, 7, 1)
    told, given = holding(path), holding(path, splits=(split,))
    assert any("suspected split" in note for note in told.notes)
    assert given.notes == ()
    before = int(np.searchsorted(told.curve.time_ns, split.time_ns)) - 1
    assert given.curve.lots[before] == told.curve.lots[before] == told.curve.lots[-1] == 10
    assert given.curve.lots[-1] == 70
    assert abs(int(given.curve.equity[-1] - given.curve.equity[before])) < 20 * 10**8
    assert int(told.curve.equity[-1] - told.curve.equity[before]) < -200 * 10**8


def test_a_desk_without_strategies_keeps_its_deposit(tmp_path: Path) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.parquet", wandering_bars(50))
    fitted = fit_desk(desk("funding_arbitrage"), DataRequest(paths=(path,)))
    assert fitted.config.strategies == ()
    assert any("FUNDING_ARBITRAGE rests" in change for change in fitted.changes)
    result = run_backtest(fitted)
    assert (result.orders, result.fills, result.return_pct) == (0, 0, 0.0)
    assert result.sharpe.value is None


def test_an_error_of_a_strategy_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "sim_ABCUSDT_5m.parquet", wandering_bars(50))
    fitted = fit_desk(desk(), DataRequest(paths=(path,)))

    def broken(*_: object) -> None:
        raise StrategyError("strategy BUY asked for too much")

    monkeypatch.setattr("quarterdeck.runtime.engine.SimulatedEngine._feed_compiled", broken)
    with pytest.raises(StrategyError, match="BUY"):
        run_backtest(fitted)
