"""`quarterdeck incident`: from an alert, or from a person, to the post-mortem."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from quarterdeck.cli.alerts import OpsFolder, PersonName, moment_text, plane
from quarterdeck.cli.shared import JsonFlag, app, print_json
from quarterdeck.errors import OpsError

__all__ = [
    "incident_ack",
    "incident_action",
    "incident_app",
    "incident_list",
    "incident_note",
    "incident_open",
    "incident_postmortem",
    "incident_resolve",
    "incident_show",
]

incident_app = typer.Typer(no_args_is_help=True, help="Incidents: open, note, acknowledge, act, resolve, look back.")
app.add_typer(incident_app, name="incident")

Number = Annotated[int, typer.Argument(metavar="INCIDENT", help="The incident's number.")]


def _incidents(ops: Path | None) -> tuple[Any, Any]:
    from quarterdeck.ops.desks import Desks  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.incidents.incidents import Incidents  # noqa: PLC0415 - heavy for --help

    config, store = plane(ops)
    return Incidents(store, Desks.load(config.desk_places), config.data / "incidents"), store


@incident_app.command("open")
def incident_open(
    person: PersonName,
    title: Annotated[str, typer.Argument(metavar="[TITLE]", help="What is wrong; not needed with --alert.")] = "",
    alert: Annotated[int | None, typer.Option("--alert", metavar="N", help="From this alert.")] = None,
    severity: Annotated[str, typer.Option("--severity", help="P0..P4, or CRITICAL, HIGH, MEDIUM, LOW.")] = "",
    desk: Annotated[str, typer.Option("--desk", metavar="DESK", help="Which desk it is about.")] = "",
    detected: Annotated[str, typer.Option("--detected", metavar="TIME", help="RFC 3339; by default now.")] = "",
    ops: OpsFolder = None,
) -> None:
    """Open an incident: its clocks run."""
    from quarterdeck.ops.alerts.book import AlertBook  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.incidents.model import severity_of  # noqa: PLC0415 - heavy for --help

    incidents, store = _incidents(ops)
    worst = severity_of(severity) if severity else None
    if alert is not None:
        found = incidents.open_from(AlertBook(store).find(alert), person, worst)
    else:
        when = _time_ns(detected) if detected else None
        if worst is None:
            raise OpsError("say how bad it is: --severity P0..P4, or CRITICAL, HIGH, MEDIUM, LOW")
        found = incidents.open(title, worst, person, desk=desk, detected_ns=when)
    _print(incidents, found)


@incident_app.command("note")
def incident_note(
    incident: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was seen or done.")],
    person: PersonName,
    kind: Annotated[
        str, typer.Option("--kind", help="note, impact, cause, mitigation, resolution, lesson, prevention.")
    ] = "note",
    ops: OpsFolder = None,
) -> None:
    """Write down what was seen or done. A cause ends the investigation; each kind goes to its chapter."""
    incidents, _ = _incidents(ops)
    _print(incidents, incidents.note(incident, person, text, kind))


@incident_app.command("ack")
def incident_ack(incident: Number, person: PersonName, ops: OpsFolder = None) -> None:
    """Respond: the response clock ends; the incident's alert is acknowledged too."""
    incidents, _ = _incidents(ops)
    _print(incidents, incidents.acknowledge(incident, person))


@incident_app.command("action")
def incident_action(
    incident: Number,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What is to be done.")] = "",
    owner: Annotated[str, typer.Option("--owner", metavar="NAME", help="Who does it.")] = "",
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="Until when: YYYY-MM-DD.")] = "",
    done: Annotated[int | None, typer.Option("--done", metavar="ACTION", help="This action is done.")] = None,
    person: Annotated[str, typer.Option("--person", envvar="QUARTERDECK_PERSON", metavar="NAME", help="Who did.")] = "",
    ops: OpsFolder = None,
) -> None:
    """Write down what is to be done and by whom, or that it is done."""
    incidents, _ = _incidents(ops)
    if done is not None:
        incidents.done(done, person)
        sys.stdout.write(f"action {done} is done by {person}\n")
        return
    made = incidents.action(incident, text, owner, due)
    sys.stdout.write(f"action {made.id}: {made.text} ({made.owner}{f', due {made.due}' if made.due else ''})\n")


@incident_app.command("resolve")
def incident_resolve(
    incident: Number,
    person: PersonName,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="How it was resolved.")] = "",
    ops: OpsFolder = None,
) -> None:
    """Say that it is over: all clocks end."""
    incidents, _ = _incidents(ops)
    _print(incidents, incidents.resolve(incident, person, text))


@incident_app.command("postmortem")
def incident_postmortem(incident: Number, ops: OpsFolder = None) -> None:
    """Write the post-mortem: timeline, duration and loss are computed, what nobody knows is said to be unknown."""
    incidents, _ = _incidents(ops)
    sys.stdout.write(f"{incidents.postmortem(incident)}\n")


@incident_app.command("list")
def incident_list(
    ops: OpsFolder = None,
    past: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show the incidents that are not over."""
    incidents, _ = _incidents(ops)
    found = incidents.list(past=past)
    if json:
        from msgspec import to_builtins  # noqa: PLC0415 - heavy for --help

        print_json([to_builtins(one) for one in found])
        return
    for one in found:
        where = one.desk or "ops plane"
        sys.stdout.write(
            f"{one.id:>5}  {one.severity.value}  {moment_text(one.detected_ns)}  {where}  {one.state.value}  "
            f"{one.title}\n"
        )
    if not found:
        sys.stdout.write("no incident is open\n" if not past else "no incidents\n")


@incident_app.command("show")
def incident_show(incident: Number, ops: OpsFolder = None, json: JsonFlag = False) -> None:
    """Show an incident: its clocks, what it cost, its timeline, its actions."""
    incidents, _ = _incidents(ops)
    found = incidents.find(incident)
    if json:
        from msgspec import to_builtins  # noqa: PLC0415 - heavy for --help

        parts = {
            "incident": found, "clock": incidents.clock(incident), "loss": incidents.loss(incident),
            "timeline": incidents.timeline(incident), "actions": incidents.actions(incident),
        }  # fmt: skip
        print_json(to_builtins(parts))
        return
    _print(incidents, found)
    sys.stdout.write(f"loss: {incidents.loss(incident).text}\n")
    for one in incidents.actions(incident):
        done = f"done by {one.done_by}" if one.done_ns else f"due {one.due or 'without a date'}"
        sys.stdout.write(f"action {one.id}: {one.text} ({one.owner}, {done})\n")
    for entry in incidents.timeline(incident):
        record = "" if entry.sequence is None else f" record {entry.sequence}"
        sys.stdout.write(f"{moment_text(entry.time_ns)}{record}  {entry.what}  {entry.person}  {entry.text}\n")


def _print(incidents: Any, found: Any) -> None:
    from quarterdeck.ops.incidents.report import clock_lines  # noqa: PLC0415 - heavy for --help

    where = found.desk or "ops plane"
    sys.stdout.write(f"incident {found.id} [{found.severity.value}] {where}: {found.title}: {found.state.value}\n")
    sys.stdout.write("".join(f"    {line}\n" for line in clock_lines(incidents.clock(found.id))))


def _time_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OpsError(f"{text!r} is no time: write RFC 3339, such as 2026-11-21T09:30:00Z") from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000_000) * 1000
