"""What is tested: `quarterdeck.capture.gaps` and `quarterdeck.capture.sessions`."""

from pathlib import Path

import pytest

from quarterdeck.capture.gaps import Gap, Span, find_gaps
from quarterdeck.capture.sessions import Began, Ended, read_sessions, write_session
from quarterdeck.errors import DataError
from tests.capture.builders import catalogue

EARLY, LATE, SILENT = "the line was not up yet", "nobody recorded", "it hung up"
UP, DOWN = (True, ""), (False, SILENT)

# What the line said, who recorded, and the gaps between 0 and 100.
CASES = [
    ("up at once", [(0, *UP)], [(0, 100)], []),
    ("up later", [(7, *UP)], [(0, 100)], [(0, 7, EARLY)]),
    ("never up", [(3, *DOWN), (5, *DOWN)], [(0, 100)], [(0, 100, SILENT)]),
    ("down and up", [(0, *UP), (10, *DOWN), (12, *DOWN), (30, *UP)], [(0, 100)], [(10, 30, SILENT)]),
    ("down at the end", [(0, *UP), (90, *DOWN)], [(0, 100)], [(90, 100, SILENT)]),
    ("nobody between", [(0, *UP), (62, *UP)], [(0, 40), (60, 100)], [(40, 62, LATE)]),
    ("down, then nobody", [(0, *UP), (30, *DOWN), (62, *UP)], [(0, 40), (60, 100)], [(30, 62, SILENT)]),
    ("before anybody", [(50, *UP)], [(50, 100)], []),
    ("no recording", [], [], []),
    ("up since yesterday", [(-50, *UP), (20, *DOWN), (21, *UP)], [(-60, 100)], [(20, 21, SILENT)]),
    ("down since yesterday", [(-50, *DOWN), (5, *UP)], [(-60, 100)], [(0, 5, SILENT)]),
    ("into tomorrow", [(0, *UP), (95, *DOWN), (130, *UP)], [(0, 200)], [(95, 100, SILENT)]),
]  # fmt: skip


@pytest.mark.parametrize(("case", "lines", "spans", "expected"), CASES, ids=[case[0] for case in CASES])
def test_gaps(
    case: str, lines: list[tuple[int, bool, str]], spans: list[tuple[int, int]], expected: list[tuple[int, int, str]]
) -> None:
    found = find_gaps("v", lines, [Span(*span) for span in spans], 0, 100)
    assert found == [Gap("v", *gap) for gap in expected]


def began(at: int) -> Began:
    return Began(
        desk="d", began_ns=at, version="1", source_hash="h", first_sequence=at, catalogue=catalogue(("0.5", "1"))
    )


def test_recordings_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "capture" / "sessions.jsonl"
    assert read_sessions(path) == []
    write_session(path, began(1))
    write_session(path, Ended(began_ns=1, ended_ns=5, next_sequence=9))
    write_session(path, began(6))
    first, second = read_sessions(path)
    assert first.ended == Ended(began_ns=1, ended_ns=5, next_sequence=9)
    assert (second.began, second.ended) == (began(6), None)


def test_a_line_that_a_death_cut_off_is_passed_over_and_another_is_not(tmp_path: Path) -> None:
    path = tmp_path / "sessions.jsonl"
    write_session(path, began(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    assert [one.began for one in read_sessions(path)] == [began(1)]
    path.write_bytes(whole[:50] + b"\n" + whole)
    with pytest.raises(DataError, match="row 1: is no line of a recording"):
        read_sessions(path)
