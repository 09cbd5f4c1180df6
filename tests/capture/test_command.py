"""`quarterdeck capture` as a process, on twins that speak the venue's real protocol.

What is tested: `quarterdeck.capture.command`, `quarterdeck.cli.capture` and `quarterdeck.venues.links`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from quarterdeck.capture.command import open_streams
from quarterdeck.capture.sessions import capture_folder
from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.journal import JournalReader, verify
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE
from quarterdeck.venues.links import open_market_data
from quarterdeck.venues.messages import Unsent
from tests.desk.builders import desk_folder
from tests.desk.hyperliquid_folder import SPOT, write_desk
from tests.twins.hyperliquid.serving import Twin, running
from tests.twins.serving import Ear, place

PATIENCE_S = 60.0
COMMAND = [sys.executable, "-c", "from quarterdeck.cli import main; main()", "capture"]
DEPTH = ("\n[venues.limits]", "\ndepth = true\n[venues.limits]")
TABLES = {"trades": (EventKind.TRADE,), "quotes": (EventKind.QUOTE,), "marks": (EventKind.MARK,),
          "funding": (EventKind.FUNDING,), "levels": (EventKind.LEVEL, EventKind.BOOK_CLEAR),
          "connections": (EventKind.CONNECTION,)}  # fmt: skip


@pytest.fixture
def twins() -> Iterator[tuple[Twin, Twin]]:
    with running(seed=5, speed=20.0) as one, running(seed=6, speed=20.0) as other:
        yield one, other


def two_venues(folder: Path, one: Twin, other: Twin) -> Path:
    """A desk that trades XRP and its pair at one venue, and XRP at another."""
    write_desk(folder, one.server.port, SPOT, DEPTH)
    text = (folder / "desk.toml").read_text()
    tables = re.split(r"\n(?=\[\[)", text)
    kinds = {name: next(table for table in tables if table.startswith(f"[[{name}]]")) for name in (
        "venues", "accounts", "instruments")}  # fmt: skip
    port = f'"127.0.0.1:{other.server.port}"'
    more = [
        re.sub(r'address = "[^"]*"', f"address = {port}", kinds["venues"].replace('"hl"', '"hl2"')),
        kinds["accounts"].replace('"hl"', '"hl2"'),
        kinds["instruments"].replace('"hl"', '"hl2"'),
    ]
    (folder / "desk.toml").write_text("\n".join([*tables, *more]).replace('["XRP"]', '["XRP@hl"]'))
    return folder


def environment() -> dict[str, str]:
    """No key: market data is everybody's."""
    return {name: value for name, value in os.environ.items() if name not in {KEY_VARIABLE, KEY_FILE_VARIABLE}}


def begin(desk: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, str(desk), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def journaled(folder: Path) -> Counter[int]:
    """How many records of each kind the journal has now."""
    found: Counter[int] = Counter()
    if any((folder / "journal").glob("*.qdj")):
        for block in JournalReader(folder / "journal").blocks():
            found.update(block.records["kind"].tolist())
    return found


def in_files(folder: Path) -> dict[str, int]:
    """How many rows DuckDB finds in each table."""
    rows = {}
    for table in TABLES:
        query = "select count(*) from read_parquet(?)"
        counted = duckdb.execute(query, [f"{folder}/*/{table}*.parquet"]).fetchone()
        assert counted is not None
        rows[table] = int(counted[0])
    return rows


def test_two_venues_are_recorded_through_a_break_and_a_death(tmp_path: Path, twins: tuple[Twin, Twin]) -> None:
    desk = two_venues(tmp_path / "desk", *twins)
    folder = capture_folder(desk)
    process = begin(desk)
    until(lambda: journaled(folder)[EventKind.TRADE] > 40, process)
    twins[1].fault("disconnect")
    until(lambda: journaled(folder)[EventKind.CONNECTION] >= 4, process)  # up, up, down, up
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    died_with = journaled(folder)
    again = begin(desk, "--json")
    until(lambda: journaled(folder)[EventKind.TRADE] > died_with[EventKind.TRADE] + 40, again)
    again.send_signal(signal.SIGINT)
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, err
    kept = journaled(folder)
    assert in_files(folder) == {table: sum(kept[kind] for kind in kinds) for table, kinds in TABLES.items()}
    assert verify(folder / "journal").exit_code == 0
    check_reports(folder, json.loads(out))


def check_reports(folder: Path, said: dict[str, Any]) -> None:
    days = sorted(said["days"])
    assert [path.name for path in sorted(folder.glob("20*"))][-len(days) :] == days
    records = [json.loads((folder / day / "provenance.json").read_bytes()) for day in days]
    (venue, *_) = {gap["venue"] for gap in records[-1]["gaps"] if gap["why"] not in {"nobody recorded"}}
    assert venue in {"hl", "hl2"}
    counted = Counter[str]()
    for record in records:
        for name, facts in record["files"].items():
            counted[name.partition(".")[0]] += facts["rows"]
        assert {one["symbol"] for one in record["instruments"]} == {"XRP", "XRP/USDC"}
    assert counted == in_files(folder)
    query = "select distinct venue, symbol from read_parquet(?) order by all"
    pairs = duckdb.execute(query, [f"{folder}/*/quotes*.parquet"]).fetchall()
    assert pairs == [("hl", "XRP"), ("hl", "XRP/USDC"), ("hl2", "XRP")]
    assert any(recording["died"] for recording in records[-1]["recordings"])


def test_a_venue_that_is_away_is_a_gap_and_no_end(tmp_path: Path) -> None:
    desk = write_desk(tmp_path / "desk", 9)
    process = begin(desk, "--for", "0.5")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "0.000" not in out.splitlines()[0]
    assert "without the venue's line" in out


def test_a_desk_without_a_real_venue_is_told_so(tmp_path: Path) -> None:
    config = desk_folder(tmp_path)
    with pytest.raises(
        ConfigError, match=r"venues\.kind = 'simulated' is not allowed: at least one venue that streams"
    ):
        open_streams(config, lambda _: None)
    assert open_market_data(config, 0) is None


def test_market_data_needs_no_key_and_orders_nothing(
    tmp_path: Path, twins: tuple[Twin, Twin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    venue = open_market_data(load_desk(write_desk(tmp_path / "desk", twins[0].server.port)), 0)
    assert venue is not None
    ear = Ear()
    venue.open(ear)
    ear.line(up=True)
    venue.send(place(7, 1))
    answer = ear.next(Unsent)
    assert answer.request_id == 7
    venue.close()
    assert "no key" in answer.text
