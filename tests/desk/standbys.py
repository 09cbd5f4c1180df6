"""What the tests of a standby are built from: a desk with a [standby], its sessions, and two places to run it in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.desk.leading import Leadership, begin_to_lead
from quarterdeck.desk.paper import PaperSession, SessionOptions
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Warm
from tests.desk.builders import SOURCES, desk_folder

SMALL_JOURNAL = {
    'fsync = "group"': 'fsync = "os"',
    "segment_records = 1048576": "segment_records = 1024",
    "block_records = 65536": "block_records = 128",
}
LEASE = "ttl_s = 3\nmargin_s = 1\nlongest_request_s = 0.2\n"  # one that a busy machine of ours renews in time


def standby_desk(path: Path, store: str, more: str = "", *changes: tuple[str, str]) -> DeskConfig:
    """A desk of its own folder, with small segments, whose sessions hold a lease in such a store."""
    desk_folder(path, *SMALL_JOURNAL.items(), *changes)
    file = path / "desk.toml"
    text = file.read_text()
    assert "[standby]" not in text
    file.write_text(f'{text}\n[standby]\nstore = "{store}"\n{more}')
    return load_desk(path)


def new_session(config: DeskConfig, place: DeskPlace, leadership: Leadership | None, **options: Any) -> PaperSession:
    """A session of a leader that is not open yet."""
    options = {"speed": 30.0, "sources": SOURCES, **options}
    warm: Warm | None = options.pop("warm", None)
    if leadership is not None:
        options["recover"] = lambda config, place, disk: leadership.recover(config, place, disk, warm)
    return PaperSession(config, place, SessionOptions(**options))


@contextmanager
def leading(
    config: DeskConfig, place: DeskPlace, said: list[str], *, dies: bool = False, **options: Any
) -> Iterator[PaperSession]:
    """An open session that leads. At the end it is stopped and gives its lease back; or it `dies` without a word."""
    session = new_session(config, place, None, **options)
    leadership = begin_to_lead(config, place, said.append)
    session = new_session(config, place, leadership, **options)
    session.open()
    session.desk.gate = leadership.settle
    try:
        yield session
        if not dies:
            session.close()
    except BaseException:
        session.abandon()
        leadership.end(None)
        raise
    if dies:
        session.abandon()
        leadership.end(None)
    else:
        leadership.end(session.recovered.writer.flushed_sequence, settled=True, stopped=True)
