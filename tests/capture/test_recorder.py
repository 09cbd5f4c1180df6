"""What is tested: `quarterdeck.capture.recorder` and `quarterdeck.capture.provenance`."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.capture.days import Day, day_of, days_in
from quarterdeck.capture.reading import read_groups
from quarterdeck.errors import JournalError, JournalFull, JournalLocked
from quarterdeck.journal import cat, verify
from quarterdeck.market.events import join_events
from tests.capture.builders import (
    DAY,
    MIDNIGHT,
    NEXT_DAY,
    SECOND,
    Recording,
    book,
    quote,
    trade,
)


def trades_in(folder: Path) -> list[int]:
    """The trade ids in the files, in the order of their arrival."""
    query = "select trade_id from read_parquet(?) order by time_ns, trade_id"
    files = str(folder / "*" / "trades*.parquet")
    return [number for (number,) in duckdb.execute(query, [files]).fetchall()]


def journaled(folder: Path) -> list[int]:
    return [int(str(one["trade_id"])) for one in cat(folder / "journal") if one["kind"] == "TRADE"]


def record_of(folder: Path, day: str = DAY) -> dict[str, Any]:
    return json.loads((folder / day / "provenance.json").read_bytes())


def test_everything_is_journaled_and_in_the_files(tmp_path: Path) -> None:
    run = Recording(tmp_path).open()
    run.venue.line(up=True)
    run.say(*(trade(1_200_000, 1, at + 1, instrument=at % 2) for at in range(40)), quote(1, 2), book({1: 1}, {2: 1}))
    run.pump()
    assert journaled(run.folder) == list(range(1, 41))
    run.recorder.close()
    assert trades_in(run.folder) == list(range(1, 41))
    assert run.recorder.events == 45
    assert verify(run.folder / "journal").exit_code == 0
    notes = [one for one in cat(run.folder / "journal") if one["kind"] == "NOTE"]
    assert len(notes) == 2


def test_the_record_names_what_it_is_of(tmp_path: Path) -> None:
    run = Recording(tmp_path).open()
    run.venue.line(up=True)
    run.say(trade(1_200_000, 3, 1), trade(1_200_000, 1, 2, instrument=1))
    run.venue.line(up=False, why="it hung up")
    run.pump(after_ns=3 * SECOND)
    run.venue.line(up=True)
    run.recorder.close()
    record = record_of(run.folder)
    assert (record["desk"], record["day"], record["journal"]) == ("twinned", DAY, "journal")
    assert record["counts"] == {"trades": {"XRP@hl": 1, "XRP/USDC@hl": 1}}
    assert [(one["symbol"], one["tick"], one["lot"]) for one in record["instruments"]] == [
        ("XRP", "0.000001", "1"),
        ("XRP/USDC", "0.000001", "0.01"),
    ]
    assert [(one["venue"], one["why"], one["until_ns"] - one["since_ns"]) for one in record["gaps"]] == [
        ("hl", "it hung up", 3 * SECOND)
    ]
    (recording,) = record["recordings"]
    assert recording["died"] is False
    assert recording["ended"] is not None
    assert len(recording["source_hash"]) == 16
    assert record["files"].keys() == {"trades.parquet", "connections.parquet"}
    for name, facts in record["files"].items():
        content = (run.folder / DAY / name).read_bytes()
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()
        assert facts["bytes"] == len(content)
    quality = json.loads((run.folder / DAY / "quality.json").read_bytes())
    assert [one["kind"] for one in quality["files"]] == ["line", "instrument", "instrument", "trades", "trades"]
    text = (run.folder / DAY / "quality.txt").read_text()
    assert "reported gap x1: 3.000 s in all without the venue's line" in text


def test_an_open_day_is_readable_up_to_its_last_part(tmp_path: Path) -> None:
    run = Recording(tmp_path, part_rows=10, part_s=60).open()
    run.say(*(trade(1, 1, at + 1) for at in range(10)))
    run.pump()
    assert trades_in(run.folder) == list(range(1, 11))
    run.say(*(trade(1, 1, at + 11) for at in range(5)))
    run.pump()
    assert len(trades_in(run.folder)) == 10
    run.pump(after_ns=61 * SECOND)
    assert len(trades_in(run.folder)) == 15
    run.recorder.close()
    assert len(trades_in(run.folder)) == 15


def test_a_day_ends_at_midnight(tmp_path: Path) -> None:
    run = Recording(tmp_path, now_ns=MIDNIGHT - 10 * SECOND).open()
    run.venue.line(up=True)
    run.say(trade(1, 1, 1), after_ns=SECOND)
    run.pump()
    run.say(trade(1, 1, 2), after_ns=30 * SECOND)
    run.pump()
    run.venue.line(up=False, why="it hung up")
    run.pump(after_ns=SECOND)
    run.recorder.close()
    assert set(run.recorder.quality) == {DAY, NEXT_DAY}
    assert not Day(run.folder, DAY).open
    assert record_of(run.folder)["counts"] == {"trades": {"XRP@hl": 1}}
    after = record_of(run.folder, NEXT_DAY)
    assert after["counts"] == {"trades": {"XRP@hl": 1}}
    assert [gap["why"] for gap in after["gaps"]] == ["it hung up"]  # the line was up at midnight


def test_a_day_goes_on_after_an_end(tmp_path: Path) -> None:
    for first in (1, 4):
        run = Recording(tmp_path, now_ns=MIDNIGHT - (100 - 10 * first) * SECOND).open()
        run.venue.line(up=True)
        run.say(*(trade(1, 1, first + at) for at in range(3)))
        run.pump()
        run.recorder.close()
    assert trades_in(run.folder) == [1, 2, 3, 4, 5, 6]
    record = record_of(run.folder)
    assert [one["died"] for one in record["recordings"]] == [False, False]
    assert [gap["why"] for gap in record["gaps"]] == ["nobody recorded"]
    assert sorted(path.name for path in (run.folder / DAY).glob("*.parquet")) == [
        "connections.parquet",
        "trades.parquet",
    ]


def test_what_a_death_kept_from_the_files_is_read_from_the_journal(tmp_path: Path) -> None:
    run = Recording(tmp_path, part_rows=10).open()
    run.say(*(trade(1, 1, at + 1) for at in range(10)))
    run.pump()
    run.say(*(trade(1, 1, at + 11) for at in range(7)))
    run.pump()
    run.recorder.abandon()
    again = Recording(tmp_path, now_ns=run.now_ns + SECOND).open()
    assert trades_in(run.folder) == list(range(1, 18))
    again.say(trade(1, 1, 18))
    again.recorder.close()
    assert trades_in(run.folder) == list(range(1, 19))
    assert [one["died"] for one in record_of(run.folder)["recordings"]] == [True, False]


def test_a_changed_desk_does_not_change_what_was_recorded(tmp_path: Path) -> None:
    run = Recording(tmp_path).open()
    run.say(trade(1_200_000, 1, 1), trade(1_200_000, 1, 2, instrument=1))
    run.pump()
    run.recorder.abandon()
    toml = run.config.folder / "desk.toml"
    parts = toml.read_text().split("[[instruments]]")
    tail = parts[2].split("[[strategies]]")
    parts[1], parts[2] = tail[0], f"{parts[1]}[[strategies]]{tail[1]}"  # the two instruments change places
    toml.write_text("[[instruments]]".join(parts))
    again = Recording(tmp_path, now_ns=run.now_ns + SECOND)
    assert again.config.instruments[0].symbol == "XRP/USDC"
    again.open()
    again.say(trade(1_200_000, 1, 3))
    again.recorder.close()
    query = "select trade_id, symbol, quantity::varchar from read_parquet(?) order by trade_id"
    found = duckdb.execute(query, [str(run.folder / DAY / "trades.parquet")]).fetchall()
    assert found == [(1, "XRP", "1.00"), (2, "XRP/USDC", "0.01"), (3, "XRP/USDC", "0.01")]


def test_two_do_not_record_one_desk(tmp_path: Path) -> None:
    run = Recording(tmp_path).open()
    with pytest.raises(JournalLocked):
        Recording(tmp_path).open()
    run.recorder.close()


def test_files_without_their_journal_are_not_gone_on_with_wrongly(tmp_path: Path) -> None:
    run = Recording(tmp_path).open()
    run.say(*(trade(1, 1, at + 1) for at in range(30)))
    run.pump()
    kept = tmp_path / "kept"
    shutil.copytree(run.folder / "journal", kept)
    run.say(*(trade(1, 1, at + 31) for at in range(30)))
    run.recorder.close()
    shutil.rmtree(run.folder / "journal")
    again = Recording(tmp_path, now_ns=run.now_ns + SECOND).open()  # the numbers go on where the files end
    again.say(trade(1, 1, 61))
    again.recorder.close()
    assert trades_in(run.folder) == list(range(1, 62))
    shutil.rmtree(run.folder / "journal")
    shutil.copytree(kept, run.folder / "journal")
    with pytest.raises(JournalError, match="and files were written up to"):
        Recording(tmp_path, now_ns=again.now_ns + SECOND).open()


def test_it_ends_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Recording(tmp_path).open()
    run.say(trade(1, 1, 1))
    writer = type(run.recorder._writer)
    monkeypatch.setattr(writer, "free_bytes", lambda _: 1 << 20)
    with pytest.raises(JournalFull, match=r"1 MiB are free, less than journal\.disk_reserve_mib \(256\)"):
        run.pump(after_ns=2 * SECOND)
    run.recorder.abandon()
    assert journaled(run.folder) == [1]


PIECES = st.lists(
    st.one_of(
        st.integers(1, 40).map(lambda count: ("say", count)),
        st.just(("pump", 0)),
        st.just(("die", 0)),
        st.just(("end", 0)),
        st.integers(1, 40_000).map(lambda seconds: ("wait", seconds)),
    ),
    max_size=25,
)


@given(PIECES)
@settings(max_examples=25)
def test_nothing_that_was_journaled_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, int]]
) -> None:
    """Recordings that end and die at any moment, over days; events in bursts that no append takes at once."""
    folder = tmp_path_factory.mktemp("run")
    run, number, waiting = Recording(folder, part_rows=50, part_s=30).open(), 0, 0
    expected: list[int] = []
    for what, amount in [*pieces, ("end", 0)]:
        if what == "say":
            made = [trade(1, 1, number + at + 1) for at in range(amount)]
            run.say(join_events(made))
            number, waiting = number + amount, waiting + amount
        elif what == "wait":
            run.now_ns += amount * SECOND
        elif what == "pump":
            run.pump()
            expected, waiting = list(range(1, number + 1)), 0
        else:
            if what == "die":
                run.recorder.abandon()
                number -= waiting  # it was never journaled
            else:
                run.recorder.close()
            expected, waiting = list(range(1, number + 1)), 0
            run = Recording(folder, now_ns=run.now_ns + 1_000_000, part_rows=50, part_s=30).open()
    run.recorder.close()
    assert journaled(run.folder) == expected
    assert (trades_in(run.folder) if expected else []) == expected
    for name in days_in(run.folder):
        for group in read_groups(Day(run.folder, name), "trades"):
            assert {day_of(time_ns) for time_ns in group.numbers("time_ns").tolist()} == {name}
