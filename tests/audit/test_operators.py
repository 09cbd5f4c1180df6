"""What is tested: `quarterdeck.audit.operators`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarterdeck.audit import operator_commands
from quarterdeck.audit.operators import command_note, operator_lines
from quarterdeck.errors import JournalCorrupt
from quarterdeck.journal import JournalWriter, attach, note
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag
from tests.journal.builders import DESK, SMALL, quotes
from tests.runtime.recording import write_desk


def command(kind: EventKind, payload: bytes = b"", **fields: Any) -> Any:
    head = np.zeros(1, EVENT)
    for name, value in {
        "kind": kind,
        "time_ns": 1_700_000_000_000_000_001,
        "strategy": -1,
        "instrument": -1,
        **fields,
    }.items():
        head[name] = value
    return attach(head, payload)


def journal(root: Path, *records: Any) -> Path:
    with JournalWriter(root / "data" / "journal", DESK, SMALL) as writer:
        for number, one in enumerate(records):
            writer.append(quotes(3, number))
            writer.append(one)
    return root


def test_a_command_is_told_with_who_from_where_why_and_for_what(tmp_path: Path) -> None:
    config = write_desk(tmp_path)
    words = b'{"who":"operator-1","from":"ada@bridge","why":"the feed stutters"}'
    root = journal(
        tmp_path,
        command(EventKind.PAUSE, words, strategy=1),
        command(EventKind.KILL, person=1, instrument=0, flags=Flag.PROTECTIVE),
        command(EventKind.THROTTLE_RESET, person=-1, strategy=0, instrument=0),
        command(EventKind.LOCK, b"not JSON"),
    )
    pause, kill, reset, lock = operator_commands(root, config)
    assert pause.as_dict() == {
        "sequence": 3,
        "time": "2023-11-14T22:13:20.000000001Z",
        "person": "operator-1",
        "origin": "ada@bridge",
        "why": "the feed stutters",
        "verb": "pause",
        "scope": "strategy WIND",
        "protective": False,
    }
    assert (kill.person, kill.scope, kill.protective) == ("operator-1", "instrument BTCUSDT", True)
    assert (reset.verb, reset.person, reset.scope) == (
        "throttle-reset",
        "unnamed",
        "strategy TIDE, instrument BTCUSDT",
    )
    assert (lock.why, lock.scope, lock.person) == ("not JSON", "desk", "desk")


def test_without_the_desk_numbers_stay_numbers(tmp_path: Path) -> None:
    root = journal(tmp_path, command(EventKind.RESUME, person=4, strategy=2))
    (found,) = operator_commands(root)
    assert (found.person, found.scope) == ("person #4", "strategy 2")
    (line,) = operator_lines(iter([found]))
    assert line.endswith("person #4  resume strategy 2")


def test_every_word_a_person_can_say_is_listed(tmp_path: Path) -> None:
    from quarterdeck.desk.commands import _KINDS

    root = journal(tmp_path, *(command(kind) for kind in _KINDS.values()))
    assert [one.verb for one in operator_commands(root)] == [verb.value for verb in _KINDS]


def test_a_log_of_a_changed_journal_is_refused(tmp_path: Path) -> None:
    root = journal(tmp_path, command(EventKind.PAUSE, b'{"who":"operator-1"}'))
    (path,) = (root / "data" / "journal").glob("*.qdj")
    raw = bytearray(path.read_bytes())
    raw[4096 + 4 * 64 + 9] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(JournalCorrupt):
        list(operator_commands(root))
    assert len(list(operator_commands(root, verify=False))) == 1


def test_what_is_no_event_of_the_kernel_is_a_note_and_listed_too(tmp_path: Path) -> None:
    root = journal(
        tmp_path,
        note("session 3: quarterdeck 0.1.0", 5),
        command_note("stop", "operator-1", "ada@bridge", "end of day", 1_700_000_000_000_000_001),
        note('{"not": "a command"}', 6),
        command(EventKind.POSITION_ADOPTED, b'{"who":"operator-1","why":"it is ours"}', instrument=0),
        command(EventKind.ORDER_REQUEST, b'{"signal": 3}'),
    )
    stop, adopted = operator_commands(root)
    assert (stop.verb, stop.person, stop.origin, stop.why) == ("stop", "operator-1", "ada@bridge", "end of day")
    assert (stop.scope, stop.time) == ("desk", "2023-11-14T22:13:20.000000001Z")
    assert (adopted.verb, adopted.person, adopted.scope) == ("position-adopted", "operator-1", "instrument 0")
