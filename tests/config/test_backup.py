"""What is tested: `quarterdeck.config.backup`."""

from typing import Any

import pytest
from pydantic import ValidationError

from quarterdeck.config.backup import Backup


def test_by_default_nothing_is_copied_and_much_is_kept() -> None:
    backup = Backup()
    assert not backup.answered
    assert backup.schedule_ns == 30 * 60 * 1_000_000_000
    assert backup.journal_keep_days >= 7 * 365
    assert backup.log_keep_days >= 365


@pytest.mark.parametrize(("schedule", "minutes"), [("00:00", 0), ("09:05", 545), ("23:59", 1439), ("never", None)])
def test_a_time_of_day_is_read(schedule: str, minutes: int | None) -> None:
    found = Backup(schedule=schedule).schedule_ns
    assert found == (None if minutes is None else minutes * 60_000_000_000)


@pytest.mark.parametrize("settings", [{"recipients": ("age1x",)}, {"recipients_file": "keys"}, {"unencrypted": True}])
def test_it_is_said_who_can_open_it(settings: dict[str, Any]) -> None:
    assert Backup(**settings).answered


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "24:00"},
        {"schedule": "1:00"},
        {"schedule": "12:60"},
        {"schedule": "noon"},
        {"schedule": ""},
        {"unencrypted": True, "recipients": ("age1x",)},
        {"unencrypted": True, "recipients_file": "keys"},
        {"encrypt_logs": True},
        {"encrypt_logs": True, "unencrypted": True},
        {"keep_days": 0},
        {"keep_daily": 0},
        {"journal_keep_days": 0},
        {"log_keep_days": 0},
        {"recipients": ("secret",), "log_roll_mib": 0},
        {"directory": ""},
        {"directory": "a\nb"},
        {"more": 1},
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Backup(**settings)
