"""A desk's records: its reports, what people told it, what was refused them, its log lines."""

import datetime
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.audit.operators import OperatorCommand, operator_commands
from quarterdeck.errors import JournalError
from quarterdeck.ops.console.markup import Child, Markup, tag
from quarterdeck.ops.console.memory import DeskMemory
from quarterdeck.ops.console.pieces import Column, badge, empty, icon, panel, search, table
from quarterdeck.ops.console.state import View
from quarterdeck.ops.console.trading import matching
from quarterdeck.ops.desks import SeenDesk

__all__ = ["AccessLine", "access_lines", "audit_tab", "commands_of", "logs_tab", "report_files", "reports_tab"]

_SHOWN: Final = 200
_REPORTS: Final = 500
_TAIL: Final = 1 << 20
_COMMANDS: Final = (
    Column("Time", head=True),
    Column("Who"),
    Column("Command"),
    Column("For"),
    Column("Why", wide=True),
    Column("From"),
    Column("Record", figure=True),
)
_ACCESS: Final = (
    Column("Time", head=True),
    Column("Who"),
    Column("Action"),
    Column("Outcome"),
    Column("About", wide=True),
    Column("From"),
)
_FILES: Final = (Column("Report", head=True), Column("Size", figure=True), Column("Written", figure=True))
_LOGS: Final = (Column("Time", head=True), Column("Log"), Column("Event"), Column("Words", wide=True))
_ACCESS_CHIEF: Final = frozenset(
    ("time", "person", "name", "action", "what", "code", "origin", "hash", "previous", "sequence", "role")
)
_LEVELS: Final = ("everything", "system", "trading", "error")


class AccessLine(msgspec.Struct, frozen=True):
    """One line of the access log."""

    time: str
    person: str
    action: str
    outcome: str
    about: str
    origin: str


def commands_of(desk: SeenDesk) -> tuple[list[OperatorCommand], str]:
    """The newest commands in a desk's journal, newest first; and what stands in the way of reading it."""
    try:
        found = deque(operator_commands(desk.place.journal, desk.config, verify=False), maxlen=_SHOWN * 5)
    except JournalError as error:
        return [], str(error)
    return list(reversed(found)), ""


def access_lines(path: Path) -> list[AccessLine]:
    """The newest lines of the access log, newest first; none where there is no such file."""
    return list(itertools.islice(_access(path), _SHOWN * 5))


def _access(path: Path) -> Iterator[AccessLine]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            raw = file.read()
    except FileNotFoundError:
        return
    for line in reversed(raw.splitlines()):
        try:
            said = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:  # the first one may be half of a line
            continue
        yield _access_line(said)


def _access_line(said: dict[str, Any]) -> AccessLine:
    """`what` is what was written: permitted, refused, signed_in and so on; `action` is what somebody wanted to do."""
    what = str(said.get("what", ""))
    about = {name: said[name] for name in said if name not in _ACCESS_CHIEF and said[name]}
    return AccessLine(
        time=str(said.get("time", "")),
        person=str(said.get("person") or said.get("name") or "nobody known"),
        action=str(said.get("action") or ("identify" if what == "refused" else what)),
        outcome=str(said.get("code") or "refused") if what == "refused" else "permitted",
        about=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items()),
        origin=str(said.get("origin", "")),
    )


def audit_tab(commands: tuple[list[OperatorCommand], str], access: list[AccessLine], view: View) -> Markup:
    """The operators' log out of the journal, and who was let through or refused; one search for both."""
    words = view.text("audit")
    said, problem = commands
    found = [one for one in said if matching(words, one.time, one.person, one.verb, one.scope, one.why, one.origin)]
    rows = [(str(one.sequence), _command(one)) for one in found[:_SHOWN]]
    passed = [one for one in access if matching(words, one.time, one.person, one.action, one.outcome, one.about)]
    lines = [(f"{one.time}/{place}", _passed(one)) for place, one in enumerate(passed[:_SHOWN])]
    return tag(
        "div",
        tag("div", search("audit", words, "Search who, what, why, when"), class_="toolbar"),
        panel(
            "Operators' log",
            table("Commands in the journal", _COMMANDS, rows, len(found)) or empty(problem or "No command matches"),
            aside=tag("p", "out of the journal", class_="aside"),
            name="commands",
        ),
        panel(
            "Access log",
            table("Permitted and refused", _ACCESS, lines, len(passed)) or empty("No line matches"),
            aside=tag("p", "of the ops plane", class_="aside"),
            name="access",
        ),
    )


def _command(one: OperatorCommand) -> list[Child]:
    verb = f"{one.verb}, protective too" if one.protective else one.verb
    moment = one.time[:19].replace("T", " ")
    return [moment, one.person, tag("strong", verb), one.scope, one.why, one.origin, f"{one.sequence:,}"]


def _passed(one: AccessLine) -> list[Child]:
    outcome = badge(one.outcome, "good" if one.outcome == "permitted" else "bad")
    return [
        one.time[:19].replace("T", " "),
        one.person,
        tag("strong", one.action.replace("_", " ")),
        outcome,
        one.about,
        one.origin,
    ]


def report_files(root: Path) -> list[tuple[str, int, float]]:
    """The files below reports/, newest first: name, bytes, when it was written (seconds since the epoch)."""
    folder = root / "reports"
    found = [
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime)
        for path in itertools.islice(folder.rglob("*"), 10 * _REPORTS)
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda one: -one[2])[:_REPORTS]


def reports_tab(desk: SeenDesk, view: View) -> Markup:
    """The files in reports/: each opens as it is."""
    words = view.text("reports")
    files = report_files(desk.place.root)
    found = [one for one in files if matching(words, one[0])]
    rows = [(name, _file(desk.name, name, size, written)) for name, size, written in found[:_SHOWN]]
    none = "No report yet: a desk writes them when its day ends" if not files else "No report matches"
    shown = table("Reports", _FILES, rows, len(found)) or empty(none)
    return tag("div", tag("div", search("reports", words, "Search reports"), class_="toolbar"), panel("Reports", shown))


def _file(desk: str, name: str, size: int, written: float) -> list[Child]:
    moment = datetime.datetime.fromtimestamp(written, tz=datetime.UTC)
    link = tag("a", icon("file"), name, href=f"/desk/{desk}/report/{name}", target="_blank", rel="noopener")
    return [link, f"{size:,} B", moment.strftime("%Y-%m-%d %H:%M:%S")]


def logs_tab(memory: DeskMemory, view: View) -> Markup:
    """The newest lines of the desk's logs, newest first."""
    words, log = view.text("logs"), view.text("log") or _LEVELS[0]
    lines = memory.newest(*(() if log not in _LEVELS[1:] else (log,)))
    found = [one for one in lines if matching(words, one.event, one.words, one.log)]
    options = [tag("option", name, value=name, selected=name == log) for name in _LEVELS]
    choice = tag("select", options, data_field="log", aria_label="Which log")
    rows = [(str(one.number), _line(one.time, one.log, one.event, one.words, one.level)) for one in found[:_SHOWN]]
    shown = table("Log lines", _LOGS, rows, len(found)) or empty("No line matches")
    return tag(
        "div",
        tag("div", search("logs", words, "Search log lines"), choice, class_="toolbar"),
        panel("Log", shown, aside=tag("p", "newest first, as they are written", class_="aside")),
    )


def _line(time: str, log: str, event: str, words: str, level: str) -> list[Child]:
    tone = "bad" if level in {"error", "critical"} else "quiet"
    sign = badge(log, tone)
    return [time[11:23], sign, tag("strong", event), tag("span", words, class_="words")]
