"""What is tested: `quarterdeck.backup.logs`, and that `quarterdeck.desk.logs` goes over to a new file."""

import json
import os
from pathlib import Path

import pyrage
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.backup.envelope import Recipients
from quarterdeck.backup.logs import PACK_AFTER_NS, roll_logs
from quarterdeck.desk.logs import DeskLogs
from tests.backup.builders import DAY_NS, NOW_NS, Keys, policy

MIB = 1 << 20
NAME = "system.20270115T080000Z.log"  # rolled at NOW_NS


def write(path: Path, data: bytes, time_ns: int = NOW_NS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(time_ns, time_ns))
    return path


def line(day: str, number: int = 0) -> bytes:
    return json.dumps({"n": number, "logged": f"{day}T08:00:00Z"}, separators=(",", ":")).encode() + b"\n"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_log_of_an_earlier_day_is_rolled(tmp_path: Path) -> None:
    write(tmp_path / "system.log", line("2027-01-14") + line("2027-01-15"))
    write(tmp_path / "trading.log", line("2027-01-15"))
    write(tmp_path / "error.log", b"")
    report = roll_logs(tmp_path, policy(), None, NOW_NS)
    assert report.rolled == [NAME]
    assert names(tmp_path) == ["error.log", NAME, "trading.log"]


def test_a_log_without_times_is_of_its_last_change(tmp_path: Path) -> None:
    write(tmp_path / "system.log", b"plain words\n", NOW_NS - DAY_NS)
    write(tmp_path / "other.log", b"plain words\n", NOW_NS)
    assert roll_logs(tmp_path, policy(), None, NOW_NS).rolled == [NAME]


def test_a_large_log_is_rolled(tmp_path: Path) -> None:
    write(tmp_path / "system.log", line("2027-01-15") * (MIB // 38 + 1000))
    assert roll_logs(tmp_path, policy(log_roll_mib=2), None, NOW_NS).rolled == []
    assert roll_logs(tmp_path, policy(log_roll_mib=1), None, NOW_NS).rolled == [NAME]
    write(tmp_path / "system.log", line("2027-01-15") * (MIB // 38 + 1000))
    assert roll_logs(tmp_path, policy(log_roll_mib=1), None, NOW_NS).rolled == ["system.20270115T080000Z-2.log"]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_rolled_log_is_packed_an_hour_later_and_opens_again(sealed: bool, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "safe")
    recipients = Recipients((keys.public,), "test") if sealed else None
    data = line("2027-01-14") * 500
    folder = tmp_path / "logs"
    write(folder / NAME, data)
    assert roll_logs(folder, policy(), recipients, NOW_NS + PACK_AFTER_NS - 1).packed == []
    report = roll_logs(folder, policy(), recipients, NOW_NS + PACK_AFTER_NS)
    assert report.packed == names(folder) == [NAME + (".zst.age" if sealed else ".zst")]
    raw = (folder / report.packed[0]).read_bytes()
    assert len(raw) < len(data)
    raw = pyrage.decrypt(raw, [keys.identity]) if sealed else raw
    assert zstandard.ZstdDecompressor().decompress(raw) == data
    assert (folder / report.packed[0]).stat().st_mtime_ns == NOW_NS


def test_what_a_process_that_died_left_is_packed_anew(tmp_path: Path) -> None:
    write(tmp_path / NAME, b"a line\n")
    write(tmp_path / f"{NAME}.zst.unfinished", b"half")
    roll_logs(tmp_path, policy(), None, NOW_NS + PACK_AFTER_NS)
    assert names(tmp_path) == [f"{NAME}.zst"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(
        st.tuples(st.integers(-2, 800), st.integers(-2, 800), st.sampled_from(["", ".zst", ".zst.age"])), max_size=6
    ),
    keep=st.integers(1, 500),
)
def test_nothing_younger_than_the_policy_is_deleted(
    ages: list[tuple[int, int, str]], keep: int, tmp_path: Path
) -> None:
    """Both ages count: when it was rolled, and when it was last written to."""
    from datetime import UTC, datetime

    for path in tmp_path.iterdir():
        path.unlink()
    expected: dict[str, bool] = {}
    for number, (rolled, changed, suffix) in enumerate(ages):
        moment = datetime.fromtimestamp((NOW_NS - rolled * DAY_NS) // 1_000_000_000, UTC)
        stem = f"log{number}.{moment:%Y%m%dT%H%M%SZ}.log"
        write(tmp_path / (stem + suffix), b"a line\n", NOW_NS - changed * DAY_NS)
        expected[stem] = min(rolled, changed) > keep
    for stem in ("notes.txt", "system.log", "system.log.bak", "2020.log.zst"):
        write(tmp_path / stem, b"", NOW_NS - 10_000 * DAY_NS)
        expected[stem] = False
    roll_logs(tmp_path, policy(log_keep_days=keep), None, NOW_NS)
    left = names(tmp_path)
    for stem, gone in expected.items():
        assert any(name.startswith(stem) for name in left) is not gone


def test_a_folder_that_is_not_there_has_no_logs(tmp_path: Path) -> None:
    assert roll_logs(tmp_path / "nowhere", policy(), None, NOW_NS).as_dict() == {
        "rolled": [],
        "packed": [],
        "deleted": [],
    }


def test_a_link_is_left_alone(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", line("2020-01-01"), 0)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "system.log").symlink_to(outside)
    (tmp_path / "logs" / "system.20200101T000000Z.log").symlink_to(outside)
    roll_logs(tmp_path / "logs", policy(), None, NOW_NS)
    assert len(names(tmp_path / "logs")) == 2


def test_no_line_is_lost_while_a_desk_writes(tmp_path: Path) -> None:
    with DeskLogs(tmp_path, "harbour") as logs:
        for number in range(30):
            logs.system("LINE", number=number)
            logs.error("FAULT", number=number)
            if number % 10 == 5:
                roll_logs(tmp_path, policy(), None, NOW_NS * 2 + number * 1_000_000_000)
            if number % 10 == 7:
                logs.refresh()
        logs.refresh()
        logs.system("LINE", number=30)
    found = [json.loads(text) for path in sorted(tmp_path.glob("system*")) for text in path.read_text().splitlines()]
    assert sorted(one["number"] for one in found if one["event"] == "LINE") == list(range(31))
    assert sorted(one["number"] for one in found if one["event"] == "FAULT") == list(range(30))
    assert {one["desk"] for one in found} == {"harbour"}
    assert len(list(tmp_path.glob("system*"))) == 4
