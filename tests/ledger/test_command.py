"""What is tested: `quarterdeck.ledger.command`, `quarterdeck.ledger.export`, `quarterdeck.ledger.trace` and
`quarterdeck.cli.ledger`: what people get to see of a ledger.
"""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import quarterdeck.cli.ledger
from quarterdeck.cli.shared import app
from quarterdeck.config import DeskConfig
from quarterdeck.errors import JournalError, LedgerError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.ledger.command import DeskLedger
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.export import COLUMNS, export, ledger_rows, parse_bound
from quarterdeck.ledger.projection import project
from tests.ledger.builders import LABELS, NAME, all_rows, life, write_life
from tests.runtime.recording import BOTH, market_data, record, write_desk

ALWAYS = (0, 2**63 - 1)
FACTS = (
    "ts, strategy, instrument, side, qty, price, fee, fee_bps, funding, slippage_bps, pnl_realized, pnl_unrealized, "
    "reason_code, maker_flag, order_state, regime_label, cloid, trade_id"
)


@pytest.fixture(autouse=True)
def _no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> DeskConfig:
    """A desk that has traded in the simulated venue."""
    folder = tmp_path_factory.mktemp("harbour")
    config = write_desk(folder)
    record(folder, config, BOTH, market_data(600))
    return config


@pytest.fixture
def lived(tmp_path: Path, ledger_url: str) -> Database:
    """The ledger of a life with every kind of posting."""
    write_life(tmp_path, life(9, 400).desk)
    database = Database(ledger_url)
    project(database, LABELS, tmp_path)
    return database


def test_columns_are_the_analysts() -> None:
    assert ", ".join(COLUMNS) == FACTS


def test_balances_sum_to_zero(traded: DeskConfig) -> None:
    report = DeskLedger(traded).report()
    assert report.by_currency() == {"USDT": 0}
    stands = report.by_purse()["sim/USDT"]
    assert stands["capital"] == Decimal(-1_000_000)
    assert sum(stands.values()) == 0
    told: Any = report.as_dict()
    assert told["sums"] == {"USDT": "0.00000000"}
    assert any("agrees with the kernel" in line for line in report.lines())
    held = {one.strategy: one.quantity for one in report.holdings()}
    assert held.pop(None, Decimal(0)) == sum(held.values())


def test_rows_give_the_result_of_the_day(lived: Database) -> None:
    """Every fill, and every payment of funding by who shares it: no more and no less than what was posted."""
    with lived.reading() as line:
        rows = list(ledger_rows(line, LABELS, ALWAYS))
    everything = all_rows(lived)
    fills = [row for row in rows if row["trade_id"] is not None]
    assert len(fills) == len(everything["ledger_fills"])
    assert sorted(rows, key=lambda row: row["ts"]) == rows
    funding: dict[str, Decimal] = {}
    for row in rows:
        if row["funding"] is not None:
            assert row["side"] is row["price"] is row["fee"] is None
            name = str(row["instrument"])
            funding[name] = funding.get(name, Decimal(0)) + row["funding"]
    posted: dict[str, Decimal] = {}
    for entry in everything["ledger_entries"]:
        if "funding" in {entry["debit"], entry["credit"]}:
            sign = 1 if entry["credit"] == "funding" else -1
            exponent = LABELS.exponent(entry["venue"], entry["currency"])
            name = str(entry["instrument"])
            posted[name] = posted.get(name, Decimal(0)) + Decimal(sign * entry["amount"]).scaleb(-exponent)
    assert funding == posted
    assert funding
    assert all(row["regime_label"] is None for row in rows)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_export_holds_the_rows(lived: Database, tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "out" / f"ledger.{kind}"
    count = export(lived, LABELS, path, kind, ALWAYS)
    with lived.reading() as line:
        rows = list(ledger_rows(line, LABELS, ALWAYS))
    assert count == len(rows)
    assert [path] == list(path.parent.iterdir())
    if kind == "csv":
        with path.open(newline="") as file:
            header, *written = csv.reader(file)
        assert tuple(header) == COLUMNS
        places = [COLUMNS.index(name) for name in ("qty", "fee", "pnl_realized", "strategy", "trade_id", "maker_flag")]
        for row, texts in zip(rows, written, strict=True):
            shown = [texts[place] for place in places]
            figures = [row["qty"], row["fee"], row["pnl_realized"]]
            assert [Decimal(text) if text else None for text in shown[:3]] == figures
            assert shown[3] == (row["strategy"] or "")
            assert shown[4] == ("" if row["trade_id"] is None else str(row["trade_id"]))
            assert shown[5] == {True: "true", False: "false", None: ""}[row["maker_flag"]]
            assert np.datetime64(texts[0][:-1], "ns").astype(int) == row["ts"]
    else:
        frame = pl.read_parquet(path)
        assert tuple(frame.columns) == COLUMNS
        assert frame["ts"].dt.epoch("ns").to_list() == [row["ts"] for row in rows]
        for name in COLUMNS[1:]:
            assert frame[name].to_list() == [row[name] for row in rows], name


def test_export_of_a_span(lived: Database, tmp_path: Path) -> None:
    with lived.reading() as line:
        times = [row["ts"] for row in ledger_rows(line, LABELS, ALWAYS)]
    begin, end = times[len(times) // 3], times[2 * len(times) // 3]
    count = export(lived, LABELS, tmp_path / "some.csv", "csv", (begin, end))
    assert count == sum(begin <= time < end for time in times)


def test_export_says_what_it_cannot(lived: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be written"):
        export(lived, LABELS, tmp_path / "file" / "ledger.csv", "csv", ALWAYS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, 7),
        ("1970-01-02", 86_400 * 10**9),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_bounds(text: str | None, expected: int) -> None:
    assert parse_bound(text, 7) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-21T10:00:00"])
def test_bounds_that_are_none(text: str) -> None:
    with pytest.raises(LedgerError, match="no time"):
        parse_bound(text, 0)


def test_trace_leads_back(traded: DeskConfig) -> None:
    ledger = DeskLedger(traded)
    ledger.bring_up()
    fill = all_rows(ledger.database)["ledger_fills"][0]
    (found,) = [one for one in ledger.trace(fill["trade_id"]).fills if one["event"] == fill["sequence"]]
    assert found["signal"] == fill["signal"]
    assert found["strategy"] in {"TIDE", "WIND"}
    assert (found["person"], found["asked_by"]) == ("operator-1", "strategy")
    assert found["cloid"] == fill["cloid"]
    fee = next(one for one in found["postings"] if one["debit"] in {"fees", "rebates"} or one["credit"] == "rebates")
    assert abs(Decimal(found["fee"])) == Decimal(fee["amount"])
    with pytest.raises(LedgerError, match="has no trade 987654321"):
        ledger.trace(987654321)


def test_without_a_journal_nothing_is_made(tmp_path: Path) -> None:
    config = write_desk(tmp_path)
    with pytest.raises(JournalError, match="no journal"):
        DeskLedger(config)
    assert not (tmp_path / "data").exists()


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_commands(traded: DeskConfig, tmp_path: Path) -> None:
    assert quarterdeck.cli.ledger.__all__
    desk = str(traded.folder)
    told = run("ledger", desk)
    assert told.exit_code == 0, told.output
    assert "sum USDT" in told.output
    assert run("ledger", "--rebuild", desk).exit_code == 0
    counted = json.loads(run("ledger", desk, "--json").output)
    assert counted["agrees"] is True
    assert counted["records_read"] == 0
    out = tmp_path / "ledger.csv"
    done = run("ledger", "export", desk, "--format", "csv", "--out", str(out))
    assert done.exit_code == 0, done.output
    rows = out.read_text().splitlines()
    assert rows[0] == FACTS.replace(" ", "")
    trade_id = rows[1].rsplit(",", 1)[1]
    traced = run("ledger", "trace", desk, trade_id)
    assert traced.exit_code == 0, traced.output
    assert "posting" in traced.output
    assert json.loads(run("ledger", "trace", desk, trade_id, "--json").output)["fills"]
    assert isinstance(run("ledger", "trace", desk, "4040404").exception, LedgerError)


def test_postgresql_when_the_environment_says_so(
    traded: DeskConfig, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    ledger = DeskLedger(traded)
    assert ledger.database.name.startswith("postgresql://")
    report = ledger.report()
    assert report.by_currency() == {"USDT": 0}
    monkeypatch.delenv("DATABASE_URL")
    assert EventKind.FILL.name in {row["event"] for row in all_rows(ledger.database)["ledger_moves"]}
    assert {row["desk"] for row in all_rows(ledger.database)["ledger_fills"]} == {NAME}
