"""What is tested: `quarterdeck.ops.incidents.incidents`, `quarterdeck.ops.incidents.model`,
`quarterdeck.ops.incidents.tables`, `quarterdeck.ops.incidents.timeline`, `quarterdeck.ops.incidents.loss` and
`quarterdeck.ops.incidents.report`: from the alert to the post-mortem, with clocks, logs and money."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pyrage
import pytest

from quarterdeck.backup.envelope import Recipients, wrap
from quarterdeck.errors import OpsError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.alerts.book import AlertBook, money_row
from quarterdeck.ops.alerts.engine import Engine
from quarterdeck.ops.alerts.model import Severity
from quarterdeck.ops.desks import Desks
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.incidents.model import Incident, phases, severity_of
from quarterdeck.ops.incidents.report import duration_text
from quarterdeck.ops.incidents.timeline import ENTRIES_MAX, log_timeline
from quarterdeck.ops.store import Store
from tests.desk.builders import Buyer, Idle, desk_folder
from tests.ops.alerts.builders import SECOND_NS, START_NS, Clock, changed, finding, ops
from tests.ops.figures.rig import open_desk

MINUTE_S = 60
DESK = "xrpliquid"


class Room:
    """Incidents of one desk that does not run: its logs and its money are what the test writes."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        (folder / "desk").mkdir()
        config = desk_folder(folder / "desk")
        self.settings = ops(folder / "plane")
        self.store = Store(self.settings.data)
        self.desks = Desks.load([config.folder])
        self.logs = self.desks[DESK].place.logs
        self.logs.mkdir(parents=True)
        self.book = AlertBook(self.store, self.clock)
        self.engine = Engine(self.settings, self.store)
        self.incidents = Incidents(self.store, self.desks, folder / "incidents", self.clock)

    def log(self, event: str, log: str = "system", **words: object) -> None:
        line = {"event": event, "logged": rfc3339(self.clock.now_ns), "level": "info", "desk": DESK, **words}
        with (self.logs / f"{log}.log").open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")

    def money(self, realised: str, sequence: int = 1, fees: str = "0") -> None:
        seen = changed(
            desk=DESK, shown_ns=self.clock.now_ns, realised=Decimal(realised), fees=Decimal(fees), sequence=sequence
        )
        self.book.keep_money([money_row(seen)])

    def close(self) -> None:
        self.desks.close()
        self.store.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def test_from_the_alert_to_the_post_mortem(room: Room, tmp_path: Path) -> None:
    room.money("10.00", 90)
    room.log("ORDER_FILLED", "trading", sequence=91, instrument="XRP", side="BUY", price="1.2", quantity="20")
    room.clock.later(5)
    room.log("BREAKER_CHANGE", sequence=99, stage="COOLDOWN", before="NORMAL", reason="EQUITY_DRAWDOWN")
    room.engine.work([finding("kill-switch", desk=DESK, summary="COOLDOWN", sequence=99)], room.clock.now_ns)
    incident = room.incidents.open_from(room.book.open()[0], "operator-1")
    assert (incident.severity, incident.desk, incident.alert) == (Severity.P1, DESK, 1)
    room.clock.later(2 * MINUTE_S)
    room.incidents.acknowledge(incident.id, "operator-1")
    assert room.book.find(1).acknowledged_by == "operator-1"
    room.clock.later(10 * MINUTE_S)
    room.incidents.note(incident.id, "operator-1", "a limit was | too wide", "cause")
    room.log("COMMAND", verb="resume", person="operator-1", why="fixed", command_sequence=120)
    room.incidents.note(incident.id, "operator-2", "the limit is narrower", "mitigation")
    room.incidents.note(incident.id, "operator-2", "look at limits each week", "lesson")
    action = room.incidents.action(incident.id, "review all limits", "operator-2", "2026-11-28")
    room.incidents.action(incident.id, "tell the team", "operator-1")
    room.incidents.done(action.id, "operator-2")
    room.clock.later(30 * MINUTE_S)
    room.incidents.resolve(incident.id, "operator-1", "it trades again")
    room.clock.later(1)
    room.money("-90.50", 140, fees="1.25")
    assert [(one.name, one.verdict) for one in room.incidents.clock(incident.id)] == [
        ("response", "met"),
        ("investigation", "met"),
        ("recovery", "missed"),
    ]
    path = room.incidents.postmortem(incident.id)
    text = path.read_text()
    assert path == tmp_path / "incidents" / "incident-0001.md"
    begun, done = rfc3339(START_NS), rfc3339(START_NS + 725 * SECOND_NS)
    after = f"-91.75 at {rfc3339(room.clock.now_ns)} (record 140)"
    for line in (
        "# Incident 1 post-mortem: COOLDOWN",
        "- **Duration**: 42 min",
        "- **Severity**: P1",
        f"- **Financial Loss**: 101.75 USDC: the result was 10.00 at {begun} (record 90) and {after}",
        "- **Impact**: unknown: nobody has written it (`quarterdeck incident note 1 --kind impact TEXT`)",
        "- response: 2 min (target < 5 min): met",
        "- investigation: 12 min (target < 15 min): met",
        "- recovery: 42 min (target < 30 min): missed",
        "a limit was | too wide",
        "the limit is narrower it trades again",
        "1. look at limits each week",
        f"- [x] review all limits (operator-2, due 2026-11-28, done by operator-2 at {done})",
        "- [ ] tell the team (operator-1, without a date)",
        "unknown: nobody has written it (`quarterdeck incident note 1 --kind prevention TEXT`)",
    ):
        assert line in text.splitlines(), line
    assert "| 91 | ORDER_FILLED |  | instrument XRP, side BUY, price 1.2, quantity 20 |" in text
    assert "| 99 | BREAKER_CHANGE |  | stage COOLDOWN, before NORMAL, reason EQUITY_DRAWDOWN |" in text
    assert "| 120 | COMMAND | operator-1 | verb resume, person operator-1, why fixed |" in text
    assert "| 99 | ALERT_FIRING |  | alert 1 [P1] kill-switch: COOLDOWN |" in text
    assert "|  | cause | operator-1 | a limit was \\| too wide |" in text


def test_by_hand_and_refused(room: Room) -> None:
    with pytest.raises(OpsError, match="needs a title"):
        room.incidents.open(" ", Severity.P2, "operator-1")
    with pytest.raises(OpsError, match="no desk other"):
        room.incidents.open("x", Severity.P2, "operator-1", desk="other")
    with pytest.raises(OpsError, match="nobody is named"):
        room.incidents.open("x", Severity.P2, "")
    with pytest.raises(OpsError, match="later than now"):
        room.incidents.open("x", Severity.P2, "operator-1", detected_ns=START_NS + 1)
    made = room.incidents.open("the console shows nothing", Severity.P3, "operator-1", detected_ns=START_NS - 1)
    for act in (
        lambda: room.incidents.note(made.id, "operator-1", "x", "gossip"),
        lambda: room.incidents.note(made.id, "operator-1", " "),
        lambda: room.incidents.note(9, "operator-1", "x"),
        lambda: room.incidents.action(made.id, "x", ""),
        lambda: room.incidents.action(made.id, "x", "operator-1", "tomorrow"),
        lambda: room.incidents.done(9, "operator-1"),
        lambda: room.incidents.find(9),
    ):
        with pytest.raises(OpsError):
            act()
    room.incidents.resolve(made.id, "operator-1")
    with pytest.raises(OpsError, match="RESOLVED already"):
        room.incidents.resolve(made.id, "operator-1")
    with pytest.raises(OpsError, match="RESOLVED already"):
        room.incidents.acknowledge(made.id, "operator-1")
    assert room.incidents.list(past=False) == []
    assert [one.id for one in room.incidents.list()] == [made.id]


def test_an_alert_has_one_incident(room: Room) -> None:
    room.engine.work([finding("drawdown", desk=DESK)], room.clock.now_ns)
    alert = room.book.open()[0]
    room.incidents.open_from(alert, "operator-1", Severity.P1)
    with pytest.raises(OpsError, match="alert 1 has an incident already: 1"):
        room.incidents.open_from(alert, "operator-1")


def loss_text(room: Room) -> str:
    return room.incidents.loss(1).text


def test_a_loss_that_nobody_can_know_is_unknown(room: Room) -> None:
    room.incidents.open("it looks wrong", Severity.P2, "operator-1", desk=DESK)
    assert loss_text(room) == (
        f"unknown: nobody looked at the desk's money in the two minutes before {rfc3339(START_NS)}"
    )
    room.clock.now_ns = START_NS - 100 * SECOND_NS
    room.money("5", 7)
    room.clock.now_ns = START_NS + 10 * SECOND_NS
    assert "nobody looked at the desk's money after" in loss_text(room)
    room.clock.later(10)
    room.money("8", 9)
    assert loss_text(room).startswith("none: the result rose by 3.00 USDC: the result was 5.00 at ")
    assert room.incidents.loss(1).amount == Decimal(-3)
    room.clock.later(3600)
    assert loss_text(room).endswith("; what came later is not known")
    room.money("0", 2)
    assert "journal began anew" in loss_text(room)
    room.incidents.open("of no desk", Severity.P2, "operator-1")
    assert room.incidents.loss(2).text == "unknown: the incident names no desk"


def an_incident(severity: Severity, **words: int) -> Incident:
    fields = {"acknowledged_ns": None, "investigated_ns": None, "mitigated_ns": None, "resolved_ns": None, **words}
    return msgspec.convert(
        {
            "id": 1, "title": "x", "severity": severity, "desk": "", "alert": None, "state": "OPEN",
            "detected_ns": START_NS, "opened_ns": START_NS, "opened_by": "a", "acknowledged_by": "", "resolved_by": "",
            **fields,
        },
        Incident,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "targets"),
    [
        (Severity.P0, (5, 15, 30)),
        (Severity.P1, (5, 15, 30)),
        (Severity.P2, (10, None, 60)),
        (Severity.P3, (120, None, None)),
    ],
)
def test_clocks_have_the_runbooks_targets(severity: Severity, targets: tuple[int | None, ...]) -> None:
    for index, minutes in enumerate(targets):
        if minutes is None:
            assert phases(an_incident(severity), START_NS)[index].verdict == "no target"
            continue
        at = START_NS + minutes * MINUTE_S * SECOND_NS
        field = ("acknowledged_ns", "investigated_ns", "resolved_ns")[index]
        said = [
            phases(an_incident(severity), at)[index].verdict,
            phases(an_incident(severity), at + 1)[index].verdict,
            phases(an_incident(severity, **{field: at}), at + 99)[index].verdict,
            phases(an_incident(severity, **{field: at + 1}), at + 99)[index].verdict,
        ]
        assert said == ["running", "overdue", "met", "missed"]


def test_the_least_may_wait_for_the_next_business_day() -> None:
    friday = int(datetime(2026, 11, 20, 15, tzinfo=UTC).timestamp()) * SECOND_NS
    incident = msgspec.structs.replace(an_incident(Severity.P4), detected_ns=friday)
    response = phases(incident, friday)[0]
    assert response.target_s == 9 * 3600 + 3 * 86400  # the end of Monday


def test_words_of_severity() -> None:
    words = ("P0", "p4", "CRITICAL", "high", "Medium", "LOW")
    assert [severity_of(one) for one in words] == ["P0", "P4", "P1", "P2", "P3", "P4"]
    with pytest.raises(OpsError, match="P0 to P4"):
        severity_of("bad")
    assert [duration_text(one) for one in (0.25, 59, 60, 3661)] == ["0.2 s", "59 s", "1 min", "1 h 1 min 1 s"]


def test_the_timeline_reads_rolled_packed_and_encrypted_logs(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    live = room.logs / "system.log"

    def roll(suffix: str = "") -> Path:
        at = datetime.fromtimestamp(room.clock.now_ns // SECOND_NS, UTC)
        target = room.logs / f"system.{at:%Y%m%dT%H%M%SZ}.log{suffix}"
        live.rename(target)
        return target

    def pack(path: Path, keys: Recipients) -> None:
        with path.with_name(path.name + keys.suffix).open("wb") as file:
            wrap(memoryview(path.read_bytes()), keys, file.write)
        path.unlink()

    identity = pyrage.x25519.Identity.generate()
    begin = room.clock.now_ns
    for number, keys in enumerate((None, Recipients((), "x"), Recipients((str(identity.to_public()),), "x"))):
        room.log(f"PART_{number}", sequence=number)
        room.clock.later(60)
        path = roll()
        if keys is not None:
            pack(path, keys)
    room.log("PART_3")
    live.write_bytes(live.read_bytes() + b'{"event": "CUT OFF')
    end = room.clock.later(60)
    said = log_timeline(room.logs, begin, end)
    assert [one.what for one in said] == ["PART_0", "PART_1", "GAP", "PART_3"]
    assert "encrypted" in said[2].text
    monkeypatch.setenv("QUARTERDECK_AGE_IDENTITY", str(identity))
    assert [one.what for one in log_timeline(room.logs, begin, end)] == ["PART_0", "PART_1", "PART_2", "PART_3"]
    inner = log_timeline(room.logs, begin + 60 * SECOND_NS, end - 60 * SECOND_NS)
    assert [one.what for one in inner] == ["PART_1", "PART_2"]
    assert log_timeline(room.logs / "nowhere", begin, end) == []


def test_long_logs_are_entered_at_their_place_and_cut_in_the_middle(room: Room) -> None:
    for number in range(5_000):
        room.log("STEP", sequence=number, words="x" * 60)
        room.clock.later(1)
    found = log_timeline(room.logs, START_NS + 3_000 * SECOND_NS, START_NS + 3_010 * SECOND_NS)
    assert [one.sequence for one in found] == list(range(3_000, 3_010))
    whole = log_timeline(room.logs, START_NS, room.clock.now_ns)
    assert (len(whole), whole[0].sequence, whole[-2].sequence) == (ENTRIES_MAX + 1, 0, 4_999)
    assert whole[-1].text.startswith("4500 more lines")


def test_money_is_looked_at_when_an_incident_opens_and_ends(tmp_path: Path) -> None:
    """Against a real desk: what it shows when the incident opens and when it is over makes the loss."""
    shown = open_desk(tmp_path / "desk", sources=(Buyer, Idle, Idle))
    store = Store(tmp_path / "plane")
    incidents = Incidents(store, Desks([shown.desk]), tmp_path / "incidents")
    try:
        shown.pump(lambda state: int(state["positions"]["quantity"].sum()) != 0 or int(state["events"]) > 300)
        shown.publish()
        begun = time.time_ns()
        made = incidents.open("a drill", Severity.P2, "operator-1", desk=DESK, detected_ns=begun)
        events = int(shown.state["events"])
        shown.pump(lambda state: int(state["events"]) > events + 50)
        shown.publish()
        incidents.resolve(made.id, "operator-1")
        loss = incidents.loss(made.id)
        assert loss.amount is not None, loss.text
        assert loss.currency == shown.config.desk.base_currency
        assert "(record " in loss.text
        assert any(one.what == "SESSION_OPENED" for one in incidents.timeline(made.id))
    finally:
        shown.close()
        store.close()
