"""An upgrade with open positions: what the version before left behind is taken over exactly, or refused by name.

`first_version.tar.xz` was written by that version (`first_version.py`): a desk with positions and open orders.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, recover
from quarterdeck.errors import JournalError, ReplayError
from quarterdeck.journal import JournalReader, JournalWriter, newest_valid, read_snapshot, verify, write_snapshot
from quarterdeck.journal.migration import first_layout
from quarterdeck.journal.schema import described
from quarterdeck.journal.segment import HEADER_BYTES, Header
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.records import STATE, STATE_SCHEMA
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.runtime.replay import replay, replay_desk
from tests.kernel.invariants import check
from tests.runtime.first_version import shot
from tests.runtime.recording import START_NS, write_desk

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = Path(__file__).with_name("first_version.tar.xz")
END_NS = START_NS + 3600 * 1_000_000_000


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The desk as the version before left it."""
    with tarfile.open(ARCHIVE) as archive:
        # Python before 3.11.4 has no filters; nor does it need any for what stands in this folder.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(tmp_path)
    return tmp_path / "harbour"


def upgraded(folder: Path) -> Recovered:
    return recover(write_desk(folder), DeskPlace(folder))


def final_state(folder: Path) -> Any:
    """What the version before itself came to, in its own layout."""
    snapshot = read_snapshot(folder / "final.qds")
    assert snapshot.state_schema == 1
    return np.frombuffer(snapshot.body, described(msgspec.json.decode(first_layout(snapshot.schema))))[0]


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """The fields of the state of old that are not the same now; what is new has no place in this comparison."""
    found: list[str] = []
    for name in before.dtype.names:
        if before[name].dtype.names:
            found += differences(before[name], after[name], f"{path}{name}.")
        elif before[name].tobytes() != after[name].tobytes():
            found.append(path + name)
    return found


def test_every_field_of_the_state_comes_over(old: Path) -> None:
    before = final_state(old)
    after = np.frombuffer(read_snapshot(old / "final.qds").present(), STATE)[0]
    assert differences(before, after) == ["schema"]
    assert after["schema"] == STATE_SCHEMA
    assert not after["venues"]["reconciled_ns"].any()


def test_a_desk_goes_on_with_its_positions_orders_and_cash(old: Path) -> None:
    recovered = upgraded(old)
    recovered.writer.close()
    assert recovered.states is not None
    before, after = final_state(old), recovered.states[0]
    assert differences(before, after) == ["schema"]
    check(after)
    positions: Any = after["positions"]
    assert sorted(positions["quantity"][positions["quantity"] != 0].tolist()) == [-1, 1]
    assert positions["cost"].any()
    assert after["open_count"] == 2
    opened: Any = [after["orders"][slot] for slot in after["open_orders"][:2]]
    assert {OrderStatus(int(order["status"])) for order in opened} == {OrderStatus.ACCEPTED}
    assert after["accounts"][0]["postings"][0] == 99_999_745_958_400
    assert recovered.epoch == 2
    assert recovered.said[0] == (
        "snapshot 000000000999.qds, of state schema 1 and capacity small, "
        "was taken over into schema 4 and capacity small"
    )
    assert ", 0 digests checked;" in recovered.said[1]
    assert recovered.said[2].startswith(
        "the journal is of another version or capacity up to here: 2 digests of it cannot"
    )


def test_what_follows_stands_in_a_segment_of_its_own(old: Path) -> None:
    recovered = upgraded(old)
    event = new_events(1)
    event["kind"], event["time_ns"] = EventKind.CLOCK, END_NS
    recovered.writer.append(event)
    recovered.writer.close()
    segments = JournalReader(old).segments
    assert [segment.header.same_state for segment in segments] == [False, False, False, True]
    assert [segment.header.state_schema for segment in segments] == [1, 1, 1, STATE_SCHEMA]
    report = verify(old / "data" / "journal")
    assert (report.exit_code, report.segments) == (0, 4)


def test_a_replay_says_which_digests_it_did_not_compare(old: Path) -> None:
    result = replay(old)
    assert (result.seals_checked, result.verified) == (0, 0)
    assert result.seals_foreign == result.as_dict()["seals_not_compared"] == 6
    assert "seals_not_compared  6: digests of another version cannot be compared" in result.lines()
    assert differences(final_state(old), result.states[0]) == ["schema"]
    upgraded(old).writer.close()
    again = replay(old)
    assert (again.seals_checked, again.seals_foreign) == (1, 6)
    assert again.digest == result.digest
    desk = replay_desk(old)
    assert (desk.snapshot, desk.compared, desk.result.digest) == (999, False, result.digest)
    assert "snapshot       999 is of another version and cannot be compared" in desk.lines()
    assert desk.as_dict()["snapshot_compared"] is False


def test_a_journal_without_a_usable_snapshot_is_replayed_from_its_start_and_that_is_said(old: Path) -> None:
    snapshot = old / "data" / "snapshots" / "000000000999.qds"
    content = bytearray(snapshot.read_bytes())
    content[5000] ^= 1
    snapshot.write_bytes(content)
    recovered = upgraded(old)
    recovered.writer.close()
    assert differences(final_state(old), recovered.states[0]) == ["schema"]  # pyright: ignore[reportOptionalSubscript]
    assert recovered.said[0] == "not used: 000000000999.qds: the state was changed: its digest fails"
    assert "from record 0 to " in recovered.said[1]
    assert "6 digests of it cannot be compared" in recovered.said[2]


def test_the_state_after_the_upgrade_is_kept_and_begun_with(old: Path) -> None:
    first = upgraded(old)
    first.writer.close()
    kept, skipped = newest_valid(DeskPlace(old).upgrades)
    assert kept is not None
    assert kept.same_state
    assert (kept.sequence, skipped) == (first.writer.next_sequence, [])
    second = upgraded(old)
    second.writer.close()
    assert second.epoch == 3
    assert len(second.said) == 1
    assert f"0 records replayed, from record {kept.sequence} to {kept.sequence}" in second.said[0]


def test_a_replay_that_comes_to_another_state_across_versions_says_where_to_begin(old: Path) -> None:
    place = DeskPlace(old)
    recovered = upgraded(old)
    recovered.writer.seal(12345, time_ns=END_NS)  # as if the state that was taken over were another one
    recovered.writer.close()
    with pytest.raises(ReplayError, match="begin at the snapshot that the upgrade left in data/upgrades"):
        replay(place.journal)


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "harbour"
    journal = folder / "data" / "journal"
    config = write_desk(folder)
    JournalWriter(journal, "harbour").close()
    (path,) = journal.glob("*.qdj")
    content = bytearray(path.read_bytes())
    header = Header("harbour", 0, 1, bytes(32), state=bytes(31) + b"\1", state_schema=STATE_SCHEMA + 1)
    content[:HEADER_BYTES] = header.pack()
    path.write_bytes(content)
    says = rf"{path.name}: written by a newer version of quarterdeck \(state schema 5, this one has 4\); start that"
    for attempt in (lambda: recover(config, DeskPlace(folder)), lambda: replay(folder)):
        with pytest.raises(JournalError, match=says) as caught:
            attempt()
        assert caught.value.exit_code == 1
    assert path.read_bytes() == content
    assert [name.name for name in journal.glob("*.qdj")] == [path.name]


LARGER = """
import json, sys
from pathlib import Path
from quarterdeck.config import load_desk
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import recover
from quarterdeck.errors import QuarterdeckError
from tests.kernel.invariants import check

folder = Path(sys.argv[1])
try:
    recovered = recover(load_desk(folder), DeskPlace(folder))
except QuarterdeckError as error:
    sys.exit(str(error))
recovered.writer.close()
state = recovered.states[0]
check(state)
print(json.dumps({
    "orders": sorted(int(state["orders"][slot]["id"]) for slot in state["open_orders"][: state["open_count"]]),
    "positions": [int(quantity) for quantity in state["positions"]["quantity"] if quantity],
    "cash": int(state["accounts"][0]["postings"][0]),
    "slots": len(state["orders"]),
}))
"""


def in_larger_capacity(folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "QUARTERDECK_CAPACITY": "standard", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", LARGER, str(folder)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


def test_a_desk_that_stopped_with_a_snapshot_may_go_on_in_a_larger_capacity(old: Path) -> None:
    refused = in_larger_capacity(old)
    assert refused.returncode == 1
    assert "a desk that was stopped in order with a snapshot may change its capacity" in refused.stderr
    write_snapshot(DeskPlace(old).snapshots, shot(old, JournalReader(old).next_sequence))
    done = in_larger_capacity(old)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    before = final_state(old)
    assert found == {
        "orders": sorted(int(before["orders"][slot]["id"]) for slot in before["open_orders"][:2]),
        "positions": [1, -1],
        "cash": 99_999_745_958_400,
        "slots": 1024,
    }
    assert verify(old / "data" / "journal").exit_code == 0
    assert [segment.header.capacity for segment in JournalReader(old).segments] == [*["small"] * 3, "standard"]
