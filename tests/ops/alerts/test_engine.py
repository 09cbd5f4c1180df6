"""What is tested: `quarterdeck.ops.alerts.engine`, `quarterdeck.ops.alerts.notices`, `quarterdeck.ops.alerts.roster`,
`quarterdeck.ops.alerts.book`, `quarterdeck.ops.alerts.tables`, `quarterdeck.ops.alerts.inbox` and
`quarterdeck.ops.alerts.looking`: from findings to alerts to notices, on a clock that is told, over restarts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config.ops import Shift, Thresholds
from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.alerts.engine import OTHERS, Engine
from quarterdeck.ops.alerts.inbox import ALERTS_MAX, Inbox
from quarterdeck.ops.alerts.looking import Looker
from quarterdeck.ops.alerts.model import Case, Finding, Severity, State
from quarterdeck.ops.alerts.roster import on_call
from quarterdeck.ops.alerts.silences import Silence
from quarterdeck.ops.store import Store
from tests.ops.alerts.builders import DESK, SECOND_NS, START_NS, Clock, finding, ops

HOUR_S = 3600
MATRIX = """
[[channels]]
name = "phone"
kind = "console"
severities = ["P0", "P1", "P2"]
[[channels]]
name = "mail"
kind = "console"
severities = ["P0", "P1", "P2", "P3"]
[[channels]]
name = "slack"
kind = "console"
severities = ["P3", "P4"]
[[channels]]
name = "oncall"
kind = "console"
severities = []
heartbeat = true
[[channels]]
name = "senior"
kind = "console"
severities = []
[[channels]]
name = "manager"
kind = "console"
severities = []
[[channels]]
name = "cto"
kind = "console"
severities = []
[[on_call]]
person = "operator-1"
days = [1]
channels = ["oncall"]
[[escalation]]
level = 2
name = "Senior engineer"
after_minutes = 15
channels = ["senior"]
[[escalation]]
level = 3
name = "Engineering manager"
after_minutes = 30
channels = ["manager"]
[[escalation]]
level = 4
name = "CTO"
after_minutes = 60
channels = ["cto"]
[alerts]
heartbeat_s = 60
rate_count = 3
"""


class Plane:
    """An engine over a real store. `told` is what was written down since it was last asked, oldest first."""

    def __init__(self, folder: Path, text: str = MATRIX) -> None:
        self.folder, self.text = folder, text
        self.clock = Clock()
        self._start()
        self._told = 0

    def _start(self) -> None:
        self.config = ops(self.folder, self.text)
        self.store = Store(self.config.data)
        self.engine = Engine(self.config, self.store)
        self.engine.load()
        self.book = AlertBook(self.store, self.clock)

    def restart(self) -> None:
        self.store.close()
        self._start()

    def work(self, *findings: Finding, later: float = 0.0) -> list[tuple[str, str, tuple[str, ...]]]:
        """Goes on so many seconds, takes findings, returns the new notices as (kind, title, channels)."""
        self.engine.work(findings, self.clock.later(later))
        return self.told()

    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        rows = [row for row in reversed(self.book.deliveries(limit=1000)) if row["id"] > self._told]
        notices: dict[int, tuple[str, str, tuple[str, ...]]] = {}
        for row in rows:
            channels = notices[row["id"]][2] if row["id"] in notices else ()
            notices[row["id"]] = (row["kind"], row["body"]["title"], (*channels, row["channel"]))
        self._told = max([self._told, *notices])
        return list(notices.values())


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    made = Plane(tmp_path)
    yield made
    made.store.close()


def kinds(told: list[Any]) -> list[str]:
    return [one[0] for one in told]


def test_fires_once_is_acknowledged_and_resolved(plane: Plane) -> None:
    told = plane.work(finding("kill-switch", summary="COOLDOWN"))
    assert told == [("FIRING", "[P1] alpha: Kill switch: COOLDOWN", ("phone", "mail", "oncall"))]
    assert plane.work(finding("kill-switch"), later=1) == []
    alert = plane.book.open()[0]
    assert (alert.state, alert.count) == (State.FIRING, 2)
    plane.book.acknowledge(alert.id, "operator-1", "I look")
    assert plane.work(later=5 * HOUR_S) == []  # neither repeated nor escalated
    told = plane.work(finding("kill-switch", clears=True))
    assert kinds(told) == ["RESOLVED"]
    found = plane.book.find(alert.id)
    assert (found.state, found.acknowledged_by, found.note, found.resolved_by) == (
        State.RESOLVED,
        "operator-1",
        "I look",
        "the desk",
    )
    assert not plane.book.open()


def test_what_was_told_is_not_told_again_after_a_restart(plane: Plane) -> None:
    seen = finding("venue-down", "sim", event_id="alpha:7:CONNECTION", event_ns=START_NS, sequence=7)
    assert kinds(plane.work(seen)) == ["FIRING"]
    plane.restart()
    assert plane.work(seen) == []  # heard twice: the reader's place was older
    assert plane.engine.standing["venue-down|alpha|sim"].count == 1
    over = finding("venue-down", "sim", clears=True, event_id="alpha:9:CONNECTION", event_ns=START_NS + 9, sequence=9)
    assert kinds(plane.work(over, later=10)) == ["RESOLVED"]
    plane.restart()
    assert plane.work(seen, over, later=10) == []
    assert not plane.book.open()
    again = finding("venue-down", "sim", event_id="alpha:11:CONNECTION", event_ns=START_NS + 99, sequence=11)
    assert kinds(plane.work(again, later=10)) == ["FIRING"]


def test_notices_of_one_transaction_survive_a_death(plane: Plane) -> None:
    """What was written down and not sent is still to be sent after a restart."""
    plane.work(finding("kill-switch"))
    plane.restart()
    assert {row["status"] for row in plane.book.deliveries()} == {"PENDING"}


def test_worse_is_told_anew_and_needs_a_person_anew(plane: Plane) -> None:
    plane.work(finding("drawdown"))
    plane.book.acknowledge(1, "operator-1")
    told = plane.work(finding("drawdown", severity=Severity.P1), later=10)
    assert [(one[0], one[1][:4]) for one in told] == [("FIRING", "[P1]")]
    assert plane.book.find(1).state is State.FIRING
    assert plane.work(finding("drawdown", severity=Severity.P2), later=10) == []


def test_alerts_of_one_kind_are_told_together(plane: Plane) -> None:
    first = plane.work(*(finding("feed-stale", name) for name in ("a", "b")))
    assert [one[1] for one in first] == ["[P2] alpha: Stale feed: feed-stale of b (and 1 more)"]
    assert plane.work(finding("feed-stale", "c"), later=1) == []
    assert plane.work(finding("feed-stale", "d"), later=1) == []
    told = plane.work(later=3)
    assert [one[1] for one in told] == ["[P2] alpha: Stale feed: feed-stale of d (and 1 more)"]
    assert kinds(plane.work(finding("feed-stale", "e", desk="beta"))) == ["FIRING"]  # another desk waits for nobody


def test_too_many_of_a_kind_are_counted_and_told_as_a_number(plane: Plane) -> None:
    told: list[Any] = []
    for number in range(8):
        told += plane.work(finding("anomaly", str(number)), later=6)
    assert kinds(told) == ["FIRING"] * 3
    assert plane.book.suppressed() == {DESK: 5}
    assert plane.work(later=200) == []
    told = plane.work(later=120)
    assert [one[1] for one in told] == ["SUPPRESSED [P3] alpha: 5 more alerts of anomaly were not told"]
    assert len(plane.book.open()) == 8  # each can be looked at
    plane.restart()
    assert plane.book.suppressed() == {DESK: 5}


def test_suppressed_ones_are_told_with_the_next_of_their_kind(plane: Plane) -> None:
    for number in range(4):
        plane.work(finding("anomaly", str(number)), later=6)
    plane.told()
    plane.engine.work([finding("anomaly", "late")], plane.clock.later(295))
    bodies = [row["body"] for row in plane.book.deliveries() if row["body"]["title"].endswith("late")]
    assert bodies[0]["suppressed"] == 1


def test_more_subjects_than_are_kept_apart_become_one(plane: Plane) -> None:
    plane.work(*(finding("anomaly", f"s{number}") for number in range(250)))
    found = plane.book.open()
    assert len(found) == 201
    others = next(one for one in found if one.subject == OTHERS)
    assert others.count == 50
    assert "more than 200" in others.summary


def test_a_dead_desk_holds_its_other_alerts_back_until_it_lives(plane: Plane) -> None:
    told = plane.work(finding("feed-stale", "XRP"), finding("desk-dead"), finding("feed-stale", "XRP", desk="beta"))
    assert sorted(one[1] for one in told) == [
        "[P0] alpha: A desk died: desk-dead of desk",
        "[P2] beta: Stale feed: feed-stale of XRP",
    ]
    held = next(one for one in plane.book.open(DESK) if one.rule == "feed-stale")
    assert held.held == "inhibited by 2"
    assert [one[1][:14] for one in plane.work(later=20 * 60)] == ["ESCALATION [P0", "ESCALATION [P2"]
    told = plane.work(finding("desk-dead", clears=True))
    assert sorted(kinds(told)) == ["FIRING", "RESOLVED"]


def test_a_lost_venue_holds_back_what_follows_from_it_and_nothing_else(plane: Plane) -> None:
    told = plane.work(
        finding("venue-down", "one"),
        finding("feed-stale", "XRP@one", facts={"venue": "one"}),
        finding("feed-stale", "XRP@two", facts={"venue": "two"}),
    )
    assert sorted(one[1] for one in told) == [
        "[P2] alpha: Stale feed: feed-stale of XRP@two",
        "[P2] alpha: Venue connection lost: venue-down of one",
    ]


def test_the_escalation_matrix_until_somebody_acknowledges(plane: Plane) -> None:
    plane.work(finding("kill-switch"))
    assert plane.work(later=14 * 60) == []
    steps = [plane.work(later=60), plane.work(later=15 * 60)]
    assert [[(one[0], one[2]) for one in told] for told in steps] == [
        [("ESCALATION", ("senior",))],
        [("ESCALATION", ("manager",))],
    ]
    plane.restart()
    assert plane.work() == []  # each level once
    told = plane.work(later=30 * 60)
    assert [(one[0], one[2]) for one in told] == [
        ("REPEAT", ("phone", "mail", "oncall")),
        ("ESCALATION", ("cto",)),
    ]
    plane.book.acknowledge(1, "operator-1")
    assert plane.work(later=3 * HOUR_S) == []
    told = plane.work(finding("kill-switch", clears=True))
    assert told[0][2] == ("phone", "mail", "senior", "manager", "cto")  # whoever was told is told the end


def test_levels_that_were_due_while_nobody_ran_are_told_once_each(plane: Plane) -> None:
    plane.work(finding("kill-switch"))
    told = plane.work(later=2 * HOUR_S)
    assert [one[0] for one in told] == ["REPEAT", "ESCALATION", "ESCALATION", "ESCALATION"]
    assert [one[2] for one in told[1:]] == [("senior",), ("manager",), ("cto",)]


def test_who_is_not_called_for_little(plane: Plane) -> None:
    assert [one[2] for one in plane.work(finding("anomaly", "x"))] == [("mail", "slack")]
    assert [one[2] for one in plane.work(finding("signal-rate"))] == [("slack",)]
    assert kinds(plane.work(later=50 * 60)) == []


def test_silences_hold_back_and_what_still_stands_is_told_afterwards(plane: Plane) -> None:
    end = plane.clock.now_ns + 600 * SECOND_NS
    plane.book.silence(Silence(rule="venue-*", end_ns=end, person="operator-1", reason="they move"))
    assert plane.work(finding("venue-down", "sim"), finding("venue-errors", "sim")) == []
    assert {one.held for one in plane.book.open() if one.rule == "venue-down"} == {"silence 1"}
    plane.work(finding("venue-errors", "sim", clears=True), later=60)
    assert plane.told() == []
    told = plane.work(later=541)
    assert [one[1] for one in told] == ["[P2] alpha: Venue connection lost: venue-down of sim"]


def test_a_silence_of_everything_does_not_hide_what_must_be_told(plane: Plane) -> None:
    end = plane.clock.now_ns + 600 * SECOND_NS
    plane.book.silence(Silence(end_ns=end, person="operator-1", reason="work"))
    told = plane.work(finding("foreign-orders", "account"), finding("feed-stale", "XRP"))
    assert [one[1] for one in told] == ["[P0] alpha: Orders of somebody else: foreign-orders of account"]
    plane.book.silence(Silence(rule="difference", end_ns=end, person="operator-1", reason="known"))
    assert plane.work(finding("difference", "XRP")) == []


def test_a_silence_can_be_lifted_and_needs_a_person_and_a_reason(plane: Plane) -> None:
    end = plane.clock.now_ns + SECOND_NS
    kept = plane.book.silence(Silence(end_ns=end, person="operator-1", reason="work"))
    plane.book.lift(kept.id, "operator-2")
    assert plane.book.silences() == []
    assert [one.lifted_by for one in plane.book.silences(past=True)] == ["operator-2"]
    assert kinds(plane.work(finding("feed-stale", "XRP"))) == ["FIRING"]
    for bad in (
        Silence(end_ns=end, person="", reason="work"),
        Silence(end_ns=end, person="operator-1", reason=" "),
        Silence(person="operator-1", reason="for ever"),
        Silence(end_ns=1, person="operator-1", reason="past"),
        Silence(rule="no-such", end_ns=end, person="operator-1", reason="work"),
        Silence(every="sometimes", person="operator-1", reason="work"),
    ):
        with pytest.raises(OpsError):
            plane.book.silence(bad)
    with pytest.raises(OpsError):
        plane.book.lift(kept.id, "operator-2")


def test_maintenance_windows_of_the_configuration(tmp_path: Path) -> None:
    window = '[[maintenance]]\nevery = "weekly sunday 02:00-04:00"\nperson = "operator-1"\nreason = "weekly"\n'
    plane = Plane(tmp_path, MATRIX + window)
    sunday = 1_700_359_200 * SECOND_NS  # 2023-11-19T02:00:00Z
    plane.clock.now_ns = sunday - SECOND_NS
    assert kinds(plane.work(finding("desk-dead"))) == ["FIRING"]
    assert plane.work(finding("desk-dead", desk="beta"), later=2) == []
    assert {one.held for one in plane.book.open()} == {"maintenance"}
    assert kinds(plane.work(later=2 * HOUR_S - 1)) == ["FIRING", "REPEAT", "ESCALATION", "ESCALATION", "ESCALATION"]
    plane.store.close()


def test_what_nothing_ends_ends_when_it_is_quiet(plane: Plane) -> None:
    plane.work(finding("anomaly", "x"), finding("liquidation", "y"))
    assert sorted(kinds(plane.work(later=HOUR_S))) == ["ESCALATION"] * 3 + ["REPEAT", "RESOLVED"]
    assert [one.rule for one in plane.book.open()] == ["liquidation"]  # a P0 waits for a person
    plane.book.acknowledge(2, "operator-1")
    assert kinds(plane.work()) == ["RESOLVED"]
    assert plane.book.find(2).resolved_by == "quiet"


def test_heartbeat_goes_out_while_looks_come(plane: Plane) -> None:
    def beat(later: float, vital: dict[str, str] | None) -> list[str]:
        plane.engine.work([], plane.clock.later(later), vital)
        return kinds(plane.told())

    assert beat(0, {"alpha": "alive"}) == ["HEARTBEAT"]
    assert beat(59, {"alpha": "alive"}) == []
    assert beat(1, None) == []  # no looks: whoever waits for it shall notice
    assert beat(1, {"alpha": "alive"}) == ["HEARTBEAT"]
    plane.restart()
    assert beat(10, {"alpha": "alive"}) == []


def test_disabled_rules_do_not_speak(tmp_path: Path) -> None:
    plane = Plane(tmp_path, MATRIX + 'disabled = ["maker-share"]\n')
    assert plane.work(finding("maker-share")) == []
    assert plane.book.open() == []
    plane.store.close()


def test_a_failed_channel_is_not_told_through_itself(plane: Plane) -> None:
    told = plane.work(finding("channel-failed", "phone", desk=""))
    assert [one[2] for one in told] == [("mail", "oncall")]


def test_book_says_what_cannot_be_done(plane: Plane) -> None:
    plane.work(finding("drawdown"))
    with pytest.raises(OpsError, match="nobody is named"):
        plane.book.acknowledge(1, " ")
    plane.book.resolve(1, "operator-1", "checked")
    assert kinds(plane.work()) == ["RESOLVED"]
    for act in (plane.book.acknowledge, plane.book.resolve):
        with pytest.raises(OpsError, match="RESOLVED already, by operator-1"):
            act(1, "operator-2")
    with pytest.raises(OpsError, match="no alert 9"):
        plane.book.find(9)
    assert [one.id for one in plane.book.history(desk=DESK)] == [1]
    assert kinds(plane.work(finding("drawdown"), later=10)) == ["FIRING"]  # it holds still: a new alert


def test_old_things_go(plane: Plane) -> None:
    plane.work(finding("drawdown"))
    plane.book.resolve(1, "operator-1")
    row = {"desk": DESK, "time_ns": plane.clock.now_ns, "sequence": 1, "currency": "USDC"}
    money = dict.fromkeys(("equity", "realised", "unrealised", "fees", "funding"), "1")
    plane.book.keep_money([{**row, **money}, {**row, **money}])
    plane.clock.later(401 * 24 * HOUR_S)
    plane.book.prune()
    assert (plane.book.history(), plane.book.deliveries()) == ([], [])
    assert plane.book.money_before(DESK, plane.clock.now_ns) is None


def test_who_is_on_call() -> None:
    night = Shift(person="operator-1", days=(6,), from_hour=22, to_hour=6, channels=("phone",))
    day = Shift(person="operator-2", channels=("phone",), from_hour=6, to_hour=22)
    sunday = 1_700_352_000 * SECOND_NS  # 2023-11-19T00:00:00Z
    hour = 3600 * SECOND_NS
    said = [[one.person for one in on_call([night, day], sunday + at * hour)] for at in (5, 6, 21, 22, 29, 30, 46)]
    assert said == [[], ["operator-2"], ["operator-2"], ["operator-1"], ["operator-1"], ["operator-2"], []]


def test_a_flood_becomes_counts() -> None:
    inbox = Inbox()
    for number in range(100_000):
        inbox.put(finding("anomaly", str(number % 3)))
    assert len(inbox) == 3
    assert sorted(one.count for one in inbox.take()) == [33_333, 33_333, 33_334]
    for number in range(ALERTS_MAX + 500):
        inbox.put(finding("anomaly", str(number)))
    found = inbox.take()
    assert len(found) == ALERTS_MAX + 1
    assert (found[-1].rule, found[-1].count) == ("alerts-overflow", 500)
    assert inbox.take() == []


def test_what_goes_to_and_fro_keeps_its_turns() -> None:
    inbox = Inbox()
    for number in range(9):
        inbox.put(finding("venue-down", clears=number % 2 == 1, summary=str(number)))
    found = inbox.take()
    assert [(one.clears, one.summary) for one in found] == [(False, "0"), (True, "1"), (False, "8")]
    assert found[-1].count == 4


def look(looker: Looker, plane: Plane, *cases: Case, rule: str = "venue-down", sequence: int = 100) -> int:
    standing = [one for one in plane.engine.standing.values() if one.desk == DESK]
    found = list(looker.look(DESK, {rule: list(cases)}, standing, sequence, plane.clock.now_ns))
    plane.engine.work(found, plane.clock.now_ns)
    return len(found)


def test_looks_fire_when_it_holds_and_end_when_it_no_longer_does(plane: Plane) -> None:
    looker, down = Looker(Thresholds()), Case("sim", "no connection")
    assert look(looker, plane, down) == 0  # for_s = 10
    plane.clock.later(9)
    assert look(looker, plane) == 0
    plane.clock.later(2)
    assert look(looker, plane, down) == 0  # it began anew
    plane.clock.later(10)
    assert look(looker, plane, down) == 1
    assert look(looker, plane, down) == 0
    assert [one.rule for one in plane.book.open()] == ["venue-down"]
    plane.clock.later(5)
    assert look(looker, plane) == 0  # it may be a moment's
    plane.clock.later(3)
    assert look(looker, plane) == 1
    assert plane.book.open() == []


def test_a_look_that_is_older_than_the_event_ends_nothing(plane: Plane) -> None:
    looker = Looker(Thresholds())
    plane.work(finding("venue-down", "sim", event_id="x", event_ns=1, sequence=200))
    for later in (0, 5, 5):
        plane.clock.later(later)
        assert look(looker, plane, sequence=199) == 0
    assert look(looker, plane, sequence=201) == 1


def test_a_look_that_finds_it_worse_says_so(plane: Plane) -> None:
    looker = Looker(Thresholds())
    assert look(looker, plane, Case("desk", "3.1 %", Severity.P2), rule="drawdown") == 1
    assert look(looker, plane, Case("desk", "3.2 %", Severity.P2), rule="drawdown") == 0
    assert look(looker, plane, Case("desk", "5.1 %", Severity.P1), rule="drawdown") == 1
    assert [one.severity for one in plane.book.open()] == [Severity.P1]


def test_orders_may_be_of_unknown_fate_for_as_long_as_the_threshold_says(plane: Plane) -> None:
    looker, case = Looker(Thresholds()), Case("desk", "1 order")
    seen = []
    for later in (0, 29, 1):
        plane.clock.later(later)
        seen.append(look(looker, plane, case, rule="unknown-orders"))
    assert seen == [0, 0, 1]
