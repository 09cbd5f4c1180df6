"""Alerts and incidents: what stands open, who has taken it, and the button that takes it."""

import time
from collections.abc import Sequence
from typing import Final

from quarterdeck.errors import OpsError
from quarterdeck.ops.access import Approval, Approvals
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.alerts.model import Alert, State
from quarterdeck.ops.console.markup import Child, Markup, tag
from quarterdeck.ops.console.pieces import Column, badge, callout, empty, icon, panel, search, table
from quarterdeck.ops.console.state import View
from quarterdeck.ops.console.trading import matching
from quarterdeck.ops.console.wording import age_text, count_text, stamp_text
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.incidents.model import Incident, IncidentState, Phase, phases

__all__ = ["Alarms", "alarms_page"]

_PAST: Final = 100
_ALERTS: Final = (
    Column("Severity", head=True),
    Column("What", wide=True),
    Column("Desk"),
    Column("Since", figure=True),
    Column("Times", figure=True),
    Column("Standing"),
    Column("To do"),
)
_PAST_ALERTS: Final = (*_ALERTS[:5], Column("Over", figure=True), Column("By"))
_INCIDENTS: Final = (
    Column("Incident", head=True),
    Column("Severity"),
    Column("Title", wide=True),
    Column("Desk"),
    Column("Opened", figure=True),
    Column("Clocks", wide=True),
    Column("Standing"),
    Column("To do"),
)
_APPROVALS: Final = (
    Column("Action", head=True),
    Column("For"),
    Column("What exactly", wide=True),
    Column("Asked by"),
    Column("Until", figure=True),
    Column("Second person"),
)
_VERDICTS: Final = {"met": "good", "missed": "bad", "running": "info", "overdue": "bad", "no target": "quiet"}
_TONES: Final = {"P0": "bad", "P1": "bad", "P2": "warn", "P3": "info", "P4": "quiet"}


class Alarms:
    """The newest look at the books of alerts and incidents; `turn` looks again, off the event loop."""

    def __init__(self, book: AlertBook, incidents: Incidents, approvals: Approvals) -> None:
        self._book, self._incidents, self._approvals = book, incidents, approvals
        self.waiting: list[Approval] = []
        self.open: list[Alert] = []
        self.past: list[Alert] = []
        self.incidents: list[Incident] = []
        self.suppressed: dict[str, int] = {}
        self.problem = ""

    def turn(self) -> None:
        """Reads the books; a store that does not answer is told on the page, and keeps what was read before."""
        try:
            self.open = self._book.open()
            self.past = [one for one in self._book.history(_PAST) if one.state is State.RESOLVED]
            self.suppressed = self._book.suppressed()
            self.incidents = list(self._incidents.list())
            self.waiting = self._approvals.waiting()
            self.problem = ""
        except OpsError as error:
            self.problem = str(error)

    def open_count(self, desks: Sequence[str]) -> int:
        """How many nobody has taken yet."""
        return sum(one.state is State.FIRING and _concerns(one.desk, desks) for one in self.open)

    def desk_of(self, kind: str, number: int) -> str:
        """The desk that an alert or incident is about; empty where it is about none. OpsError: there is none such."""
        return self._incidents.find(number).desk if kind == "incident" else self._book.find(number).desk

    def acknowledge(self, kind: str, number: int, person: str) -> str:
        """Takes one for a person, or opens an incident about an alert; returns what was done. OpsError: it is taken."""
        if kind == "alert":
            taken = self._book.acknowledge(number, person)
            return f"alert {number}, {taken.summary}, is {person}'s"
        if kind == "open":
            opened = self._incidents.open_from(self._book.find(number), person)
            return f"incident {opened.id} was opened about alert {number}"
        self._incidents.acknowledge(number, person)
        return f"incident {number} is {person}'s"


def _concerns(desk: str, desks: Sequence[str]) -> bool:
    return not desk or desk in desks


def alarms_page(alarms: Alarms, desks: Sequence[str], view: View, *, may: bool, may_approve: bool) -> Markup:
    """What is open first, then what a second person must approve, incidents, and what is over."""
    words, now_ns = view.text("alarms"), time.time_ns()
    opened = [one for one in alarms.open if _concerns(one.desk, desks) and _matches(one, words)]
    past = [one for one in alarms.past if _concerns(one.desk, desks) and _matches(one, words)]
    incidents = [one for one in alarms.incidents if _concerns(one.desk, desks) and matching(words, one.title, one.desk)]
    asked = [one for one in alarms.waiting if all(desk in desks for desk in one.desks)]
    held = sum(alarms.suppressed.values())
    count = alarms.open_count(desks)
    return tag(
        "div",
        tag(
            "div",
            tag("h1", "Alerts and incidents", id="page", tabindex="-1"),
            tag("p", badge(f"{count} to take", "bad") if count else badge("nothing to take", "good"), class_="badges"),
            tag("p", f"{count_text(held)} more were counted and not told", class_="about") if held else None,
            class_="page-head",
        ),
        callout("bad", "The book of alerts cannot be read", [alarms.problem]) if alarms.problem else None,
        tag("div", search("alarms", words, "Search alerts and incidents"), class_="toolbar"),
        panel("Open alerts", table("Open alerts", _ALERTS, [(str(one.id), _open(one, may=may)) for one in opened])
              or empty("No alert is open"), name="open"),
        panel("To approve", table("To approve", _APPROVALS, [(one.approval_id, _approval(one, may=may_approve))
                                                            for one in asked]), name="approvals") if asked else None,
        panel("Incidents", table("Incidents", _INCIDENTS, [(str(one.id), _incident(one, now_ns, may=may))
                                                           for one in incidents])
              or empty("No incident"), name="incidents"),
        panel("Over", table("Alerts that are over", _PAST_ALERTS, [(str(one.id), _over(one)) for one in past])
              or empty("No alert has been resolved yet"), name="over"),
        class_="page",
    )  # fmt: skip


def _matches(one: Alert, words: str) -> bool:
    return matching(words, one.summary, one.desk, one.rule, one.subject, one.severity.value, one.acknowledged_by)


def _chief(one: Alert) -> list[Child]:
    rule = tag("span", f"{one.rule}, {one.subject}" if one.subject else one.rule, class_="aside")
    return [
        badge(one.severity.value, _TONES[one.severity.value]),
        tag("span", tag("strong", one.summary), " ", rule),
        one.desk or "all",
        stamp_text(one.fired_ns),
        count_text(one.count),
    ]


def _open(one: Alert, *, may: bool) -> list[Child]:
    if one.state is State.ACKNOWLEDGED:
        standing = badge(f"taken by {one.acknowledged_by}", "info")
        return [*_chief(one), standing, _button("open", one.id, "Open incident", may=may)]
    standing = badge(one.held, "quiet") if one.held else badge("nobody has it", "bad")
    return [*_chief(one), standing, _button("alert", one.id, may=may)]


def _over(one: Alert) -> list[Child]:
    return [*_chief(one), stamp_text(one.resolved_ns), one.resolved_by or "by itself"]


def _button(kind: str, number: int, words: str = "Acknowledge", *, may: bool) -> Markup:
    about = tag("span", f" {'alert' if kind == 'open' else kind} {number}", class_="unseen")
    return tag(
        "button", icon("warn" if kind == "open" else "good"), words, about, type="button", class_="button",
        data_act="alarm", data_kind=kind, data_number=number, disabled=not may, data_key=kind,
        title=None if may else "your role does not allow this",
    )  # fmt: skip


def _incident(one: Incident, now_ns: int, *, may: bool) -> list[Child]:
    standing = {
        IncidentState.OPEN: badge("nobody has it", "bad"),
        IncidentState.ACKNOWLEDGED: badge(f"taken by {one.acknowledged_by}", "info"),
        IncidentState.RESOLVED: badge(f"resolved by {one.resolved_by}", "good"),
    }[one.state]
    return [
        tag("strong", str(one.id)),
        badge(one.severity.value, _TONES[one.severity.value]),
        one.title,
        one.desk or "the ops plane",
        stamp_text(one.opened_ns),
        tag("div", [_clock(phase) for phase in phases(one, now_ns) if phase.target_s is not None], class_="badges"),
        standing,
        _button("incident", one.id, may=may) if one.state is IncidentState.OPEN else "",
    ]


def _clock(phase: Phase) -> Markup:
    target = "" if phase.target_s is None else f" of {age_text(phase.target_s)}"
    return badge(f"{phase.name} {age_text(phase.elapsed_s)}{target}", _VERDICTS[phase.verdict])


def _approval(one: Approval, *, may: bool) -> list[Child]:
    desks = ", ".join(one.desks) or "the ops plane"
    button = tag(
        "button", icon("good"), "Approve…", type="button", class_="button", data_act="approve",
        data_approval=one.approval_id, data_said=f"{one.action.value} {desks}: {one.words}", disabled=not may,
    )  # fmt: skip
    return [tag("strong", one.action.value), desks, tag("span", one.words, class_="code"), one.person,
            stamp_text(one.expires_ns), button]  # fmt: skip
