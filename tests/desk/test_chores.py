"""What is tested: `quarterdeck.desk.chores`."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.desk.chores import Chores
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.place import DeskPlace
from tests.backup.builders import NOW_NS, PLAIN, desk, store

SECOND_NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "logs" / f"{name}.log").read_text().splitlines()]


def until_ended(chores: Chores, clock: Clock) -> None:
    deadline = time.monotonic() + 120
    while chores.status()["ended"] is None:
        assert time.monotonic() < deadline
        clock.now_ns += SECOND_NS
        chores.turn()
        time.sleep(0.02)


@pytest.mark.parametrize("hurt", [False, True])
def test_a_backup_that_is_due_is_made_and_told(hurt: bool, tmp_path: Path) -> None:
    config = desk(tmp_path, PLAIN, events=100)
    if hurt:
        path = sorted((tmp_path / "data" / "journal").glob("*.qdj"))[0]
        raw = path.read_bytes()
        path.write_bytes(raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:])
    clock = Clock()
    with DeskLogs(tmp_path / "logs", "harbour") as logs:
        chores = Chores(config, DeskPlace(tmp_path), logs, wall=clock, monotonic=clock)
        chores.turn()
        assert chores.status() == {"enabled": True, "running": True, "ended": None, "error": None}
        until_ended(chores, clock)
        chores.close()
    assert bool(chores.status()["error"]) is hurt
    assert len(store(config).names()) == (0 if hurt else 1)
    (told,) = [line for line in lines(tmp_path, "system") if line["event"].startswith("BACKUP")]
    assert told["event"] == ("BACKUP_FAILED" if hurt else "BACKUP_DONE")
    assert bool(lines(tmp_path, "error")) is hurt


def test_it_does_something_once_a_second(tmp_path: Path) -> None:
    config = desk(tmp_path, "", events=50)
    clock = Clock()
    with DeskLogs(tmp_path / "logs", "harbour") as logs:
        chores = Chores(config, DeskPlace(tmp_path), logs, wall=clock, monotonic=clock)
        chores.turn()
        (tmp_path / "logs" / "system.log").rename(tmp_path / "logs" / "rolled.log")
        clock.now_ns += SECOND_NS - 1
        chores.turn()
        assert not (tmp_path / "logs" / "system.log").exists()
        clock.now_ns += 1
        chores.turn()
        assert (tmp_path / "logs" / "system.log").exists()
        assert chores.status()["enabled"] is False
        chores.close()
    (told,) = [json.loads(line) for line in (tmp_path / "logs" / "rolled.log").read_text().splitlines()]
    assert told["event"] == "BACKUP_OFF"


def test_a_log_that_cannot_be_opened_anew_goes_on_as_it_was(tmp_path: Path) -> None:
    config = desk(tmp_path, "", events=50)
    clock = Clock()
    with DeskLogs(tmp_path / "logs", "harbour") as logs:
        chores = Chores(config, DeskPlace(tmp_path), logs, wall=clock, monotonic=clock)
        (tmp_path / "logs").rename(tmp_path / "moved")
        chores.turn()
        logs.system("STILL_HERE")
        chores.close()
    found = [json.loads(line)["event"] for line in (tmp_path / "moved" / "system.log").read_text().splitlines()]
    assert found == ["BACKUP_OFF", "LOG_NOT_ROLLED", "STILL_HERE"]
