"""Seals and snapshots when they are due; logs where a line belongs; a replica that stands where the desk stands."""

import json
from pathlib import Path

from quarterdeck.config import load_desk
from quarterdeck.desk.keeping import SNAPSHOTS_KEPT, JournalKeeper, journal_options
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line
from quarterdeck.desk.paper import paper_market
from quarterdeck.desk.replica import Replica
from quarterdeck.desk.trading import PaperDesk
from quarterdeck.journal import JournalWriter, newest_valid, stat
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.opening import opening_events
from tests.desk.builders import SHIPPED, START_NS, quote

SECOND = 1_000_000_000


def test_a_block_is_sealed_by_time_and_old_snapshots_go(tmp_path: Path) -> None:
    config = load_desk(SHIPPED)
    writer = JournalWriter(tmp_path / "journal", "xrpliquid", journal_options(config.journal))
    desk = PaperDesk(paper_market(config), writer)
    desk.feed(opening_events(config, 1, START_NS, fresh=True))
    keeper = JournalKeeper(writer, config.journal, tmp_path / "snapshots", START_NS)
    for minute in range(1, 16 * (SNAPSHOTS_KEPT + 2)):
        now = START_NS + minute * 60 * SECOND
        desk.feed(quote(now))
        keeper.keep(desk.states, now)
    assert stat(tmp_path / "journal").digests >= 16
    assert len(list((tmp_path / "snapshots").iterdir())) == SNAPSHOTS_KEPT
    keeper.close(desk.states, now)
    newest, skipped = newest_valid(tmp_path / "snapshots")
    assert skipped == []
    assert newest is not None
    assert newest.digest == desk.digest


def test_a_replica_arrives_at_the_desks_state_and_hears_what_it_did(tmp_path: Path) -> None:
    config = load_desk(SHIPPED)
    writer = JournalWriter(tmp_path / "journal", "xrpliquid", journal_options(config.journal))
    desk = PaperDesk(paper_market(config), writer)
    heard: list[int] = []
    replica = Replica(lambda record, _: heard.append(int(record["kind"])))
    desk.feed(opening_events(config, 1, START_NS, fresh=True))
    desk.feed(quote(START_NS + 1))
    for sequence, records in desk.take_tape():
        replica.follow(records, sequence)
    writer.close()
    assert replica.digest == desk.digest
    assert EventKind.SESSION_START in heard


def test_an_error_is_in_two_logs_and_a_trade_in_one(tmp_path: Path) -> None:
    with DeskLogs(tmp_path, "test") as logs:
        logs.tell(Line("trading", "ORDER_FILLED", START_NS, 7, {"order_id": "1-1"}))
        logs.tell(Line("error", "ANOMALY", START_NS, 8, {"reason": "OVERFILL"}))
        logs.system("SESSION_OPENED", epoch=1)
    lines = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.log").read_text().splitlines()]
        for name in ("system", "trading", "error")
    }
    assert [line["event"] for line in lines["trading"]] == ["ORDER_FILLED"]
    assert [line["event"] for line in lines["error"]] == ["ANOMALY"]
    assert [line["event"] for line in lines["system"]] == ["ANOMALY", "SESSION_OPENED"]
    assert lines["trading"][0]["sequence"] == 7
    assert lines["trading"][0]["desk"] == "test"
