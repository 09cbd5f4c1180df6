"""An incident on paper: its clock in words, and the post-mortem as Markdown. Nothing that is not known is filled in."""

from collections.abc import Mapping, Sequence
from typing import Final

from quarterdeck.journal import rfc3339
from quarterdeck.ops.incidents.loss import Loss
from quarterdeck.ops.incidents.model import Action, Entry, Incident, Phase

__all__ = ["clock_lines", "duration_text", "postmortem_text"]

_MISSING: Final = "unknown: nobody has written it (`quarterdeck incident note {id} --kind {kind} TEXT`)"
_MILESTONES: Final = (
    ("Incident detected", "detected_ns"),
    ("Response initiated", "acknowledged_ns"),
    ("Mitigation deployed", "mitigated_ns"),
    ("Root cause identified", "investigated_ns"),
    ("Service restored", "resolved_ns"),
)


def duration_text(seconds: float) -> str:
    """A time as people say it."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    parts = [(hours, "h"), (minutes, "min"), (whole % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or f"{seconds:.1f} s"


def clock_lines(phases: Sequence[Phase]) -> list[str]:
    """The response clock, a line for each phase."""
    lines: list[str] = []
    for phase in phases:
        target = "no target" if phase.target_s is None else f"target < {duration_text(phase.target_s)}"
        verdict = "" if phase.verdict == "no target" else f": {phase.verdict}"
        lines.append(f"{phase.name}: {duration_text(phase.elapsed_s)} ({target}){verdict}")
    return lines


def postmortem_text(
    incident: Incident,
    notes: Mapping[str, Sequence[str]],
    timeline: Sequence[Entry],
    actions: Sequence[Action],
    phases: Sequence[Phase],
    loss: Loss,
    now_ns: int,
) -> str:
    """Returns the whole page; the chapters are those of the quant-arbitrage runbook's template."""
    end_ns = incident.resolved_ns
    lasted = duration_text(((end_ns or now_ns) - incident.detected_ns) / 1e9)
    lines = [
        f"# Incident {incident.id} post-mortem: {incident.title}",
        "",
        "## Incident Summary",
        f"- **Date/Time**: {rfc3339(incident.detected_ns)}",
        f"- **Duration**: {lasted}" + ("" if end_ns else f" and not over, as of {rfc3339(now_ns)}"),
        f"- **Severity**: {incident.severity.value}",
        f"- **Desk**: {incident.desk or 'the ops plane'}",
        f"- **Impact**: {_joined(incident, notes, 'impact')}",
        f"- **Financial Loss**: {loss.text}",
        f"- **Opened by**: {incident.opened_by}" + (f", from alert {incident.alert}" if incident.alert else ""),
        "",
        "## Response",
        *(f"- {line}" for line in clock_lines(phases)),
        "",
        "## Timeline",
        *_milestones(incident),
        "",
        *_table(timeline),
        "",
        "## Root Cause",
        _joined(incident, notes, "cause"),
        "",
        "## Resolution",
        _joined(incident, notes, "mitigation", "resolution"),
        "",
        "## Lessons Learned",
        *_numbered(incident, notes),
        "",
        "## Action Items",
        *_actions(incident, actions),
        "",
        "## Prevention",
        _joined(incident, notes, "prevention"),
    ]
    return "\n".join(lines) + "\n"


def _joined(incident: Incident, notes: Mapping[str, Sequence[str]], *kinds: str) -> str:
    said = [text for kind in kinds for text in notes.get(kind, ())]
    return " ".join(said) if said else _MISSING.format(id=incident.id, kind=kinds[-1])


def _milestones(incident: Incident) -> list[str]:
    lines: list[str] = []
    for name, field in _MILESTONES:
        time_ns = getattr(incident, field)
        lines.append(f"- {'unknown' if time_ns is None else rfc3339(time_ns)}: {name}")
    return lines


def _table(timeline: Sequence[Entry]) -> list[str]:
    if not timeline:
        return ["Nothing is recorded of that time."]
    lines = ["| time | record | what | by | text |", "|---|---|---|---|---|"]
    for one in timeline:
        record = "" if one.sequence is None else str(one.sequence)
        cells = (rfc3339(one.time_ns), record, one.what, one.person, one.text)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _numbered(incident: Incident, notes: Mapping[str, Sequence[str]]) -> list[str]:
    lessons = notes.get("lesson", ())
    return [f"{place}. {text}" for place, text in enumerate(lessons, 1)] or [
        _MISSING.format(id=incident.id, kind="lesson")
    ]


def _actions(incident: Incident, actions: Sequence[Action]) -> list[str]:
    lines: list[str] = []
    for one in actions:
        due = f", due {one.due}" if one.due else ", without a date"
        done = f", done by {one.done_by} at {rfc3339(one.done_ns)}" if one.done_ns else ""
        lines.append(f"- [{'x' if one.done_ns else ' '}] {one.text} ({one.owner}{due}{done})")
    return lines or [f"unknown: nobody has written one (`quarterdeck incident action {incident.id} TEXT --owner NAME`)"]
