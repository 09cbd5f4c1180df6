"""What is tested: `quarterdeck.backup.schedule` and `quarterdeck.backup.worker`, the worker as the process it is."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.backup.schedule import RETRY_NS, BackupRunner, BackupSchedule, last_backup_ns
from quarterdeck.backup.worker import daily_work
from quarterdeck.config import DeskConfig
from quarterdeck.config.backup import Backup
from tests.backup.builders import DAY_NS, NOW_NS, PLAIN, Keys, back_up, desk, objects, policy, store

MIDNIGHT_NS = NOW_NS // DAY_NS * DAY_NS
HOUR_NS = DAY_NS // 24


@pytest.mark.parametrize(
    ("last_h", "now_h", "due"),
    [
        (None, 0, True),  # never made one: at once
        (-20, 1, False),  # made today's (04:00 yesterday, for 02:00 of that day); today's hour has not come
        (-20, 2, True),
        (2, 3, False),
        (2, 25.9, False),
        (2, 26, True),
        (2, 100, True),
        (30, 3, False),  # made in the future: the clock was put back
    ],
)
def test_a_backup_is_due_once_a_day_from_its_hour_on(last_h: float | None, now_h: float, due: bool) -> None:
    last = 0 if last_h is None else MIDNIGHT_NS + int(last_h * HOUR_NS)
    schedule = BackupSchedule(policy(schedule="02:00"), last)
    assert schedule.due(MIDNIGHT_NS + int(now_h * HOUR_NS)) is due


@given(st.lists(st.integers(1, DAY_NS), min_size=1, max_size=80), st.integers(0, 1439))
def test_pumped_at_any_times_there_is_one_backup_a_day(steps: list[int], minute: int) -> None:
    schedule = BackupSchedule(policy(schedule=f"{minute // 60:02}:{minute % 60:02}"), MIDNIGHT_NS)
    made: list[int] = []
    now = MIDNIGHT_NS
    for step in steps:
        now += step
        if schedule.due(now):
            schedule.began(now)
            schedule.done(now)
            made.append((now - minute * 60_000_000_000) // DAY_NS)
    assert len(set(made)) == len(made)
    days = (now - minute * 60_000_000_000) // DAY_NS - (MIDNIGHT_NS - minute * 60_000_000_000) // DAY_NS
    assert len(made) <= days
    assert (not made) == (days == 0)


def test_a_failure_is_tried_again_after_a_while() -> None:
    schedule = BackupSchedule(policy(), 0)
    schedule.began(NOW_NS)
    assert not schedule.due(NOW_NS + RETRY_NS - 1)
    assert schedule.due(NOW_NS + RETRY_NS)
    assert schedule.due(NOW_NS - DAY_NS), "a clock that was put back holds nothing up"


@pytest.mark.parametrize(
    ("settings", "enabled"), [(Backup(), False), (policy(), True), (policy(schedule="never"), False)]
)
def test_none_is_made_where_nobody_said_how(settings: Backup, enabled: bool) -> None:
    schedule = BackupSchedule(settings, 0)
    assert schedule.enabled is schedule.due(NOW_NS) is enabled


def ran(runner: BackupRunner, now_ns: int) -> dict[str, Any]:
    """Pumps until the run that is due has ended."""
    assert runner.pump(now_ns) is None
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = runner.pump(now_ns + 1)
        if answer is not None:
            return answer
        time.sleep(0.02)
    raise AssertionError("the worker did not end")


def test_the_desk_backs_itself_up_in_a_process_of_its_own(tmp_path: Path) -> None:
    config = desk(tmp_path, events=100)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "system.log").write_text('{"logged":"2020-01-01T00:00:00Z"}\n')
    runner = BackupRunner(config, tmp_path)
    answer = ran(runner, NOW_NS)
    assert answer["ok"], answer
    assert [answer["backup"]["name"]] == store(config).names()
    assert len(answer["logs"]["rolled"]) == 1
    assert answer["prune"]["segments"] == []
    assert runner.pump(NOW_NS + 2) is None
    assert not runner.running, "one a day"
    runner.close()


def test_a_failure_is_told_and_tried_again(tmp_path: Path) -> None:
    config = desk(tmp_path, events=100)
    path = sorted((tmp_path / "data" / "journal").glob("*.qdj"))[0]
    good = path.read_bytes()
    path.write_bytes(good[:5000] + bytes([good[5000] ^ 1]) + good[5001:])
    runner = BackupRunner(config, tmp_path)
    answer = ran(runner, NOW_NS)
    assert not answer["ok"]
    assert path.name in answer["error"]
    assert store(config).names() == []
    assert runner.pump(NOW_NS + RETRY_NS) is None
    assert not runner.running, "the run ended a moment after it began"
    path.write_bytes(good)
    assert ran(runner, NOW_NS + RETRY_NS + 1)["ok"]
    runner.close()


def test_closing_ends_a_run_and_leaves_no_backup_that_counts(tmp_path: Path) -> None:
    config = desk(tmp_path, events=100)
    runner = BackupRunner(config, tmp_path)
    runner.pump(NOW_NS)
    assert runner.running
    runner.close()
    assert not runner.running
    runner.close()
    for name in store(config).names():
        assert store(config).manifest(name)
    back_up(config)
    kept = {file.object for name in store(config).names() for file in store(config).manifest(name).files}
    assert {path.name for path in objects(store(config))} == kept


def test_a_worker_that_says_nothing_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk(tmp_path, events=50)
    monkeypatch.setattr("quarterdeck.backup.schedule._WORKER", "quarterdeck.nowhere")
    answer = ran(BackupRunner(config, tmp_path), NOW_NS)
    assert not answer["ok"]
    assert "ended without an answer" in answer["error"]


def test_a_process_that_cannot_begin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk(tmp_path, events=50)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    runner = BackupRunner(config, tmp_path)
    answer = runner.pump(NOW_NS)
    assert answer is not None
    assert "no process could be begun" in answer["error"]
    assert runner.pump(NOW_NS + 1) is None


def test_when_the_newest_backup_was_made_is_read_from_the_store(tmp_path: Path) -> None:
    config = desk(tmp_path, events=50)
    assert last_backup_ns(config, tmp_path) == 0
    back_up(config)
    assert last_backup_ns(config, tmp_path) == NOW_NS
    (path,) = (store(config).root / "manifests").iterdir()
    path.write_text("{}")
    assert last_backup_ns(config, tmp_path) == 0, "what cannot be read is no backup: one is due"


def test_one_part_that_fails_leaves_the_others(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "safe")
    config = desk(tmp_path / "desk", f"{keys.settings}\nencrypt_logs = true", events=50)
    (tmp_path / "desk" / "backups").write_text("in the way")
    (tmp_path / "desk" / "logs").mkdir()
    (tmp_path / "desk" / "logs" / "system.20200101T000000Z.log").write_text("a line\n")
    answer = daily_work(config, config.folder, time.time_ns() + DAY_NS)
    assert not answer["ok"]
    assert answer["error"].startswith("backup: ")
    assert answer["logs"]["packed"] == ["system.20200101T000000Z.log.zst.age"]
    assert "prune" in answer


def test_a_desk_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "quarterdeck.backup.worker", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert "a desk's folder" in msgspec.json.decode(line)["error"]


def test_the_worker_gets_no_secret_by_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(tmp_path / "safe")
    monkeypatch.setenv("QUARTERDECK_AGE_IDENTITY", str(keys.identity))
    config: DeskConfig = desk(tmp_path / "desk", PLAIN, events=50)
    runner = BackupRunner(config, config.folder)
    runner.pump(NOW_NS)
    process = runner._process
    assert process is not None
    assert str(keys.identity) not in " ".join(map(str, process.args))  # type: ignore[arg-type] # a list of words
    runner.close()
