"""What is tested: `quarterdeck.ops.hearing`, `quarterdeck.ops.bus.lines`, `quarterdeck.ops.bus.pulse`: what a desk
writes and shows is on the bus once, in order, and what it wrote while nobody listened is heard at the next start.
"""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line
from quarterdeck.ops.bus import MISSED, TOPICS, BusEvent, InProcessBus
from quarterdeck.ops.bus.events import new_event
from quarterdeck.ops.bus.lines import LINE_TOPICS, LineReader, event_of_line, time_ns_of, topic_of
from quarterdeck.ops.bus.pulse import Pulse
from quarterdeck.ops.desks import Desks, SeenDesk
from quarterdeck.ops.hearing import Hearing
from quarterdeck.ops.store import Store
from tests.desk.builders import desk_folder
from tests.ops.bus.rig import until
from tests.ops.figures.rig import Shown, open_desk

PLACE = {"instrument": "XRP-PERP", "strategy": "TIDE"}


class Listening:
    """A desk's logs, and somebody who hears them."""

    def __init__(self, folder: Path) -> None:
        self.config = desk_folder(folder)
        self.desks = Desks([SeenDesk(self.config)])
        (self.desk,) = self.desks.values()
        self.logs = DeskLogs(self.desk.place.logs, self.desk.name)
        self.store = Store(folder / "ops")
        self.heard: list[BusEvent] = []
        self.begin()

    def begin(self) -> None:
        self.bus = InProcessBus()
        self.bus.listen(self.heard.append)
        self.hearing = Hearing(self.desks, self.bus, self.store)

    def restart(self, *, saved: bool = True) -> None:
        if saved:
            self.hearing.save()
        self.hearing.close()
        self.begin()

    def pump(self) -> list[BusEvent]:
        """What is heard now, without what comes by the clock."""
        before = len(self.heard)

        async def run() -> None:
            while await self.hearing.pump():
                pass

        asyncio.run(run())
        return [event for event in self.heard[before:] if not event.id.endswith(":health.state")]

    def trade(self, event: str, sequence: int, **fields: object) -> None:
        self.logs.tell(Line("trading", event, 1_700_000_000_123_456_789, sequence, {**PLACE, **fields}))

    def close(self) -> None:
        self.hearing.close()
        self.logs.close()
        self.desks.close()
        self.store.close()


@pytest.fixture
def listening(tmp_path: Path) -> Generator[Listening, None, None]:
    made = Listening(tmp_path)
    yield made
    made.close()


def test_each_line_is_one_event_with_all_that_it_says(listening: Listening) -> None:
    assert listening.pump() == []
    listening.trade("RISK_BLOCK", 7, reason="EXPOSURE_LIMIT", side="BUY")
    listening.logs.system("SESSION_OPENED", epoch=3)
    listening.logs.error("DISK_LOW", why="1 % free")
    heard = listening.pump()
    assert [(event.topic, event.data["event"]) for event in heard] == [
        ("risk.rejected", "RISK_BLOCK"),
        ("desk.session", "SESSION_OPENED"),
        ("health.state", "DISK_LOW"),  # it stands in error.log and in system.log, and is told once
    ]
    first = heard[0]
    assert (first.desk, first.sequence, first.time_ns) == (listening.desk.name, 7, 1_700_000_000_123_456_789)
    assert first.id.startswith(f"{listening.desk.name}:7:RISK_BLOCK:")
    assert first.data["reason"] == "EXPOSURE_LIMIT"
    assert len({event.id for event in heard}) == 3
    assert listening.pump() == []


def test_what_follows_from_fills_is_told_too(listening: Listening) -> None:
    order = {"order_id": "1-5", "side": "BUY"}
    listening.trade("ORDER_SUBMITTED", 1, **order, price="2.00", quantity="10")
    listening.trade("ORDER_FILLED", 2, **order, price="2.00", quantity="4")
    listening.pump()
    listening.restart()  # what is remembered of the order survives
    listening.trade("ORDER_FILLED", 3, **order, price="1.99", quantity="6")
    heard = listening.pump()
    assert [event.topic for event in heard] == ["trade.fill", "exec.slippage", "order.filled", "order.closed"]
    assert heard[1].data["slippage_bps"] == pytest.approx(-50)
    assert heard[2].data["average_price"] == "1.994"
    assert heard[2].data["quantity"] == "10"
    assert all("event" not in event.data for event in heard[1:])  # nobody counts the line twice
    listening.trade("ORDER_SUBMITTED", 4, order_id="1-6", side="SELL", price=None, quantity="3")
    listening.trade("ORDER_REPLACED", 5, order_id="1-6", side="SELL", price="2.10", quantity="2")
    listening.trade("ORDER_FILLED", 6, order_id="1-6", side="SELL", price="2.05", quantity="1")
    listening.trade("ORDER_CANCELED", 7, order_id="1-6")
    listening.trade("ORDER_FILLED", 8, order_id="0-9", side="SELL", price="2.05", quantity="1")  # from before we came
    topics = [event.topic for event in listening.pump()]
    assert topics == ["order.submitted", "order.state", "trade.fill", "exec.slippage", "order.closed", "trade.fill"]


def test_what_was_written_while_nobody_listened_is_heard_at_the_next_start(listening: Listening) -> None:
    listening.trade("RISK_BLOCK", 1)
    listening.pump()
    listening.restart()
    assert listening.pump() == []
    listening.hearing.save()
    listening.hearing.close()
    for sequence in range(2, 52):
        listening.trade("RISK_BLOCK", sequence)
    listening.begin()
    listening.hearing._saved_s = float("inf")  # it keeps no place any more
    assert [event.sequence for event in listening.pump()] == list(range(2, 52))
    listening.restart(saved=False)  # it died before it had kept its place: again, with the same ids
    again = listening.pump()
    assert [event.sequence for event in again] == list(range(2, 52))
    assert {event.id for event in again} <= {event.id for event in listening.heard[: -len(again)]}


def test_rolled_logs_are_read_to_their_end_first(listening: Listening) -> None:
    listening.trade("RISK_BLOCK", 1)
    listening.pump()
    listening.hearing.save()
    listening.hearing.close()
    folder = listening.desk.place.logs
    for number in (2, 4):
        listening.trade("RISK_BLOCK", number)
        (folder / "trading.log").rename(folder / f"trading.2026112{number}T000000Z.log")
        listening.logs.refresh()
        listening.trade("RISK_BLOCK", number + 1)
    listening.begin()
    assert [event.sequence for event in listening.pump()] == [2, 3, 4, 5]
    assert listening.hearing.gaps == 0


def test_lines_that_were_packed_away_meanwhile_are_told_as_missed(listening: Listening) -> None:
    listening.trade("RISK_BLOCK", 1)
    listening.pump()
    listening.hearing.save()
    listening.hearing.close()
    listening.trade("RISK_BLOCK", 2)
    path = listening.desk.place.logs / "trading.log"
    kept = path.rename(path.with_name("trading.20261121T000000Z.log.zst"))
    listening.logs.refresh()
    listening.trade("RISK_BLOCK", 3)
    listening.begin()
    heard = listening.pump()
    assert [event.topic for event in heard] == [MISSED, "risk.rejected"]
    assert heard[1].sequence == 3
    assert listening.hearing.gaps == 1
    assert kept.exists()


def test_run_hears_until_it_is_cancelled_and_keeps_its_place(listening: Listening) -> None:
    async def run() -> None:
        task = asyncio.create_task(listening.hearing.run())
        listening.trade("RISK_BLOCK", 1)
        await until(lambda: any(event.sequence == 1 for event in listening.heard))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(run())
    listening.trade("RISK_BLOCK", 2)
    listening.begin()
    assert [event.sequence for event in listening.pump()] == [2]
    assert not listening.hearing.trouble


def test_a_running_desk_beats_once_a_second(tmp_path: Path) -> None:
    shown = open_desk(tmp_path)
    try:
        check_pulse(shown)
    finally:
        shown.close()


def check_pulse(shown: Shown) -> None:
    pulse = Pulse(shown.desk.name)
    (never,) = pulse.events(None, 1)
    assert (never.topic, never.data["state"]) == ("health.state", "never ran")
    shown.pump(lambda state: state["open_count"] and state["instruments"][0]["unrealised"] != 0)
    found = shown.figures()
    events = list(pulse.events(found, found.shown_ns))
    assert {event.topic for event in events} >= {"health.state", "metrics.update", "market.tick"}
    (metrics,) = (event for event in events if event.topic == "metrics.update")
    assert metrics.data["equity"] == pytest.approx(float(found.equity))
    assert metrics.data["pnl_unrealized"] == pytest.approx(float(found.unrealised))
    for event in events:
        new_event(event.topic, event.data, event.desk, event.id, event.time_ns, event.sequence)
    assert list(pulse.events(found, found.shown_ns)) == []  # nothing new was shown
    down = list(pulse.events(shown.figures(alive=False), 2))
    assert [event.data["state"] for event in down] == ["down"]
    assert [event.data["why"] for event in pulse.unreadable("torn", 3)] == [["torn"]]


def test_topics_of_lines() -> None:
    assert set(LINE_TOPICS.values()) <= set(TOPICS)
    assert topic_of({"event": "COMMAND_KILL"}) == "command.given"
    assert topic_of({"event": "SOMETHING_NEW", "level": "error"}) == "desk.error"
    assert topic_of({"event": "SOMETHING_NEW", "level": "info"}) == "health.state"
    assert topic_of({}) == "health.state"


@pytest.mark.parametrize(
    ("line", "time_ns"),
    [
        ({"time": "2023-11-14T22:13:20.123456789Z", "logged": "x"}, 1_700_000_000_123_456_789),
        ({"logged": "2023-11-14T22:13:20.5Z"}, 1_700_000_000_500_000_000),
        ({"logged": "2023-11-14T22:13:20Z"}, 1_700_000_000_000_000_000),
        ({"time": "yesterday"}, 0),
        ({}, 0),
    ],
)
def test_times_of_lines(line: dict[str, str], time_ns: int) -> None:
    assert time_ns_of(line) == time_ns


def test_lines_without_figures_derive_nothing() -> None:
    reader = LineReader("north")
    list(reader.events({"event": "ORDER_SUBMITTED", "order_id": "1-1", "quantity": None, "price": "1"}))
    assert len(list(reader.events({"event": "ORDER_FILLED", "order_id": "1-1", "quantity": "1", "price": "1"}))) == 1
    assert event_of_line({"sequence": "seven"}, "north").sequence == 0
