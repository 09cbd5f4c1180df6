"""Following a log through rolls, torn lines and restarts.

What is tested: `quarterdeck.ops.tails`.
"""

from pathlib import Path

from quarterdeck.ops.tails import ROLL_S, LogTail, Place


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def events(tail: LogTail) -> list[object]:
    return [line["event"] for line in tail.read()]


def test_it_reads_whole_lines_only_and_counts_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    append(path, '{"event": "before"}\n')
    tail = LogTail(path)
    assert events(tail) == []
    append(path, '{"event": "one"}\n{"event": "tw')
    assert events(tail) == ["one"]
    append(path, 'o"}\nnonsense\n{"event": "three"}\n')
    assert events(tail) == ["two", "three"]
    assert tail.unreadable == 1
    tail.close()


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    append(path, '{"event": "one"}\n{"event": "tw')
    tail = LogTail(path, Place(path.stat().st_ino, 0))
    assert events(tail) == ["one"]
    place = tail.place
    tail.close()
    append(path, 'o"}\n')
    again = LogTail(path, place)
    assert events(again) == ["two"]
    again.close()


def test_a_rolled_log_is_read_until_nobody_writes_to_it_any_more(tmp_path: Path) -> None:
    path, now = tmp_path / "a.log", [0.0]
    append(path, '{"event": "one"}\n')
    tail = LogTail(path, Place(path.stat().st_ino, 0), clock=lambda: now[0])
    assert events(tail) == ["one"]
    path.rename(tmp_path / "a.log.1")
    append(path, '{"event": "new"}\n')
    assert events(tail) == []  # it sees the roll
    append(tmp_path / "a.log.1", '{"event": "late"}\n')
    assert events(tail) == ["late"]
    now[0] = ROLL_S
    assert events(tail) == []  # it goes over
    assert events(tail) == ["new"]
    tail.close()


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    tail = LogTail(tmp_path / "a.log")
    assert events(tail) == []
    append(tmp_path / "a.log", '{"event": "first"}\n')
    assert events(tail) == ["first"]
    tail.close()
    assert tail.read() == []
