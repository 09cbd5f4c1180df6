"""A paper session: opens, trades, obeys, winds down; a second one goes on where the first one ended or died."""

import json
import shutil
from pathlib import Path

import pytest

from quarterdeck.desk.commands import NAMED_PERSON
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import recover
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import ConfigError, DeskError, JournalCorrupt, JournalFull, JournalLocked, ReplayError
from quarterdeck.journal import JournalReader, cat, verify
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.runtime.replay import replay, replay_desk
from tests.desk.builders import Buyer, Idle, Quoter, RoomyDisk, desk_folder, pump, session, until


def kinds(place: DeskPlace) -> list[str]:
    return [str(record["kind"]) for record in cat(place.journal)]


def died(place: DeskPlace, folder: Path) -> DeskPlace:
    """What the operating system has of a desk at this moment, as if its process had died now."""
    shutil.copytree(place.root, folder)
    return DeskPlace(folder)


def test_trades_winds_down_and_replays(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    pump(desk, 400)
    assert desk.tally.orders > 0
    desk.close()
    assert desk.desk.states[0]["open_count"] == 0
    assert kinds(place)[-2:] == ["SESSION_END", "SEAL"]
    assert verify(place.journal).problem is None
    replayed = replay_desk(config.folder)
    assert replayed.result.digest == desk.desk.digest
    assert replayed.snapshot is not None


def test_a_second_session_continues_with_a_higher_epoch_and_no_second_deposit(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    place = DeskPlace(config.folder)
    for epoch in (1, 2, 3):
        desk = session(config, place)
        desk.open()
        pump(desk, 50)
        assert desk.recovered.epoch == epoch
        desk.close()
    assert desk.desk.states[0]["kinds"][EventKind.TRANSFER] == 1
    assert replay(place.journal).digest == desk.desk.digest


def test_after_death_positions_stay_and_open_orders_are_said_to_be_gone(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk", ("max_executions = 120", "max_executions = 1000000"))
    place = DeskPlace(config.folder)
    first = session(config, place, sources=(Buyer, Quoter, Idle))
    first.open()
    until(first, lambda state: state["kinds"][EventKind.FILL] and state["open_count"])
    held = int(first.desk.states[0]["instruments"][0]["net"]["quantity"])
    cash = first.desk.states[0]["accounts"][0]["postings"].tobytes()
    after = died(place, tmp_path / "after")
    first.close()

    said: list[str] = []
    second = session(config, after, sources=(Idle, Idle, Idle), say=said.append)
    second.open()
    state = second.desk.states[0]
    assert state["open_count"] == 0
    assert int(state["instruments"][0]["net"]["quantity"]) == held != 0
    assert state["accounts"][0]["postings"].tobytes() == cash
    assert any("reported gone" in sentence for sentence in said)
    assert second.desk.engine.market[0]["positions"][0] == held
    pump(second, 100)
    second.close()
    assert replay(after.journal).digest == second.desk.digest


def test_an_order_that_the_venue_never_answered_is_not_found_twice(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    place = DeskPlace(config.folder)
    first = session(config, place)
    first.open()
    until(first, lambda state: OrderStatus.SUBMITTED in state["orders"]["status"])
    after = died(place, tmp_path / "after")
    first.close()
    second = session(config, after)
    second.open()
    assert second.desk.states[0]["open_count"] == 0
    second.close()
    assert kinds(after).count("ORDER_NOT_FOUND") >= 2


def test_a_desk_runs_once(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    desk = session(config, DeskPlace(config.folder))
    desk.open()
    with pytest.raises(JournalLocked, match="another process"):
        session(config, DeskPlace(config.folder)).open()
    desk.close()


def test_the_epoch_is_raised_even_when_the_journal_has_lost_its_end(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    place = DeskPlace(config.folder)
    place.data.mkdir()
    place.keep_epoch(41)
    recovered = recover(config, place)
    recovered.writer.close()
    assert (recovered.epoch, place.last_epoch()) == (42, 42)


def test_an_instrument_that_became_another_is_refused(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    desk = session(config, DeskPlace(config.folder))
    desk.open()
    desk.close()
    changed = desk_folder(tmp_path / "other", ('lot = "0.01"', 'lot = "0.1"'))
    with pytest.raises(DeskError, match="instrument 2"):
        recover(changed, DeskPlace(config.folder))


def test_a_journal_that_does_not_replay_is_not_traded_on(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    place = DeskPlace(config.folder)
    desk = session(config, place)
    desk.open()
    desk.close()
    shutil.rmtree(place.snapshots)
    segment = next(place.journal.glob("*.qdj"))
    raw = bytearray(segment.read_bytes())
    raw[4096 + 64 * 30 + 56] ^= 1
    segment.write_bytes(raw)
    with pytest.raises((ReplayError, JournalCorrupt), match="record"):
        session(config, place).open()


# What a person can say.

SCOPED = (Verb.PAUSE, Verb.RESUME, Verb.KILL, Verb.FLATTEN)


@pytest.fixture
def running(tmp_path: Path):
    config = desk_folder(tmp_path / "desk")
    desk = session(config, DeskPlace(config.folder), sources=(Buyer, Quoter, Idle))
    desk.open()
    pump(desk, 100)
    yield desk
    desk.close()
    assert replay(desk.place.journal).digest == desk.desk.digest


def say(desk, verb: Verb, **words) -> dict[str, object]:
    return desk.obey(Command(verb=verb, person="operator-1", origin="here", why="a test", **words))


def test_pause_and_resume(running) -> None:
    assert say(running, Verb.PAUSE)["paused"] is True
    orders = running.tally.orders
    pump(running, 200)
    assert running.tally.orders == orders
    assert say(running, Verb.RESUME)["paused"] is False


def test_kill_cancels_and_blocks_until_a_person_resumes(running) -> None:
    say(running, Verb.KILL)
    until(running, lambda state: state["open_count"] == 0)
    assert running.status()["breaker"] == "KILLED"
    say(running, Verb.RESUME)
    assert running.status()["breaker"] == "RECOVERY_1"


def test_flatten_closes_the_position(running) -> None:
    until(running, lambda state: state["instruments"][0]["net"]["quantity"] != 0)
    say(running, Verb.FLATTEN)
    until(running, lambda state: not state["flattening"])
    assert running.desk.states[0]["instruments"][0]["net"]["quantity"] == 0


def test_lock_stops_everything_until_it_is_opened(running) -> None:
    assert say(running, Verb.LOCK)["locked"] is True
    assert say(running, Verb.UNLOCK)["locked"] is False


def test_acknowledge_and_throttle_reset(running) -> None:
    say(running, Verb.ACKNOWLEDGE)
    assert running.desk.states[0]["unacknowledged"] == 0
    say(running, Verb.THROTTLE_RESET, strategy="SCALP")


@pytest.mark.parametrize("verb", SCOPED)
def test_a_scope_reaches_only_its_strategy(running, verb: Verb) -> None:
    say(running, verb, strategy="SCALP", instrument="XRP")
    assert running.status()["paused"] is False


def test_who_and_why_are_in_the_journal_behind_the_command(running) -> None:
    sequence = say(running, Verb.PAUSE, strategy="BUY")["command_sequence"]
    reader = JournalReader(running.place.journal)
    words = json.loads(reader.payload(sequence))
    assert words == {"who": "operator-1", "from": "here", "why": "a test"}
    assert running.recovered.writer.flushed_sequence > sequence


REFUSED = [
    (Command(verb=Verb.PAUSE, strategy="NOPE"), "one of BUY, SCALP"),
    (Command(verb=Verb.PAUSE, instrument="DOGE"), "one of XRP"),
    (Command(verb=Verb.PAUSE, person="nobody"), "one of desk, operator-1"),
    *((Command(verb=verb), "signed") for verb in sorted(NAMED_PERSON - {Verb.THROTTLE_RESET})),
    (Command(verb=Verb.THROTTLE_RESET, person="operator-1"), "for one strategy"),
    (Command(verb=Verb.LOCK, strategy="BUY"), "whole desk"),
    (Command(verb=Verb.PAUSE, protective=True), "only with kill"),
]


@pytest.mark.parametrize(("command", "words"), REFUSED, ids=lambda value: getattr(value, "verb", None))
def test_a_command_that_cannot_be_is_refused_and_not_journaled(running, command: Command, words: str) -> None:
    before = running.recovered.writer.next_sequence
    running.behind = True
    with pytest.raises(ConfigError, match=words):
        running.obey(command)
    after = [record["kind"] for record in cat(running.place.journal, before)]
    assert not {"PAUSE", "RESUME", "LOCK", "UNLOCK", "ACKNOWLEDGE"} & set(after)


# A disk that is full.


def test_entries_stop_while_the_disk_still_has_room(tmp_path: Path) -> None:
    config, disk = desk_folder(tmp_path / "desk"), RoomyDisk()
    said: list[str] = []
    desk = session(config, DeskPlace(config.folder), disk=disk, say=said.append)
    desk.open()
    pump(desk, 20)
    disk.room = 100 << 20
    desk._looked_ns = 0
    until(desk, lambda state: state["paused"])
    assert any("below the reserve" in sentence for sentence in said)
    desk.close()


def test_a_full_disk_stops_trading_with_last_words(tmp_path: Path) -> None:
    config, disk = desk_folder(tmp_path / "desk"), RoomyDisk()
    desk = session(config, DeskPlace(config.folder), disk=disk)
    desk.open()
    pump(desk, 20)
    disk.room = 3_000
    with pytest.raises(JournalFull, match="make room"):
        pump(desk, 10_000)
    events = int(desk.desk.states[0]["events"])
    with pytest.raises(JournalFull):
        desk.pump()
    with pytest.raises(JournalFull):
        desk.obey(Command(verb=Verb.PAUSE))
    assert desk.desk.states[0]["events"] == events
    assert desk.fail() == "the last words are in the journal"
    told = list(cat(desk.place.journal, disk=disk))
    assert told[-1]["kind"] == "SEAL"
    assert told[-2]["kind"] == "NOTE"
    assert "trading stopped" in str(told[-2]["payload"])
