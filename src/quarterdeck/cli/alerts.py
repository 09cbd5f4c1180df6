"""`quarterdeck alerts`: what stands, who has taken it, what is not told, which rules there are, and whether it arrives.

All of it works on the store beside ops.toml, with the ops plane running or not.
"""

import asyncio
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from quarterdeck.cli.shared import JsonFlag, app, print_json
from quarterdeck.errors import OpsError

__all__ = [
    "OpsFolder",
    "PersonName",
    "alerts_ack",
    "alerts_app",
    "alerts_lift",
    "alerts_list",
    "alerts_resolve",
    "alerts_rules",
    "alerts_silence",
    "alerts_silences",
    "alerts_test",
    "moment_text",
    "plane",
    "seconds_of",
]

_LIST = "list"


class _AlertsGroup(TyperGroup):
    """`alerts` alone is `alerts list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else [_LIST, *args])


alerts_app = typer.Typer(cls=_AlertsGroup, help="Alerts: what stands, who has taken it, what is not told.")
app.add_typer(alerts_app, name="alerts")

OpsFolder = Annotated[
    Path | None, typer.Option("--ops", metavar="PATH", help="ops.toml or its folder; by default here, or ./desks.")
]
PersonName = Annotated[str, typer.Option("--person", envvar="QUARTERDECK_PERSON", metavar="NAME", help="Who does it.")]
AlertNumber = Annotated[int, typer.Argument(metavar="ALERT", help="The alert's number.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What others should know.")]
DeskName = Annotated[str | None, typer.Option("--desk", metavar="DESK", help="Only of this desk.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def plane(ops: Path | None) -> tuple[Any, Any]:
    """Returns the settings and the store of an ops plane; the store is to be closed."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.store import Store  # noqa: PLC0415 - heavy for --help

    for room in ("alerts", "incidents"):
        import_module(f"quarterdeck.ops.{room}.tables")  # a store makes the tables that it knows of
    config = load_ops(ops)
    return config, Store(config.data)


def moment_text(time_ns: int | None) -> str:
    """A time for people, to the second."""
    from quarterdeck.journal import rfc3339  # noqa: PLC0415 - heavy for --help

    return "" if time_ns is None else rfc3339(time_ns // 1_000_000_000 * 1_000_000_000).replace(".000000000", "")


def seconds_of(text: str) -> int:
    """Reads 90s, 30m, 2h, 1d. OpsError: it is no such time."""
    if text[-1:] in _UNITS and text[:-1].isdecimal() and int(text[:-1]) > 0:
        return int(text[:-1]) * _UNITS[text[-1]]
    raise OpsError(f"{text!r} is no time: write a number and s, m, h or d, such as 2h")


def _book(ops: Path | None) -> Any:
    from quarterdeck.ops.alerts.book import AlertBook  # noqa: PLC0415 - heavy for --help

    return AlertBook(plane(ops)[1])


@alerts_app.command(_LIST)
def alerts_list(
    ops: OpsFolder = None,
    desk: DeskName = None,
    past: Annotated[bool, typer.Option("--all", help="Resolved ones too, newest first.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show the alerts that stand: the worst first."""
    book = _book(ops)
    found = book.history(desk=desk) if past else book.open(desk)
    if json:
        from msgspec import to_builtins  # noqa: PLC0415 - heavy for --help

        print_json([to_builtins(one) for one in found])
        return
    for one in found:
        who = one.resolved_by or one.acknowledged_by
        state = f"{one.state.value}{f' by {who}' if who else ''}{f' ({one.held})' if one.held else ''}"
        times = f" x{one.count}" if one.count > 1 else ""
        sys.stdout.write(
            f"{one.id:>5}  {one.severity.value}  {moment_text(one.fired_ns)}  {one.desk or 'ops plane'}  "
            f"{one.rule}{times}  {state}\n       {one.summary}\n"
        )
    if not found:
        sys.stdout.write("no alerts\n" if past else "no alert stands\n")
    left_out = sum(book.suppressed().values())
    if left_out:
        sys.stdout.write(f"{left_out} alerts were not told one by one: too many of their kind at once\n")


@alerts_app.command("ack")
def alerts_ack(alert: AlertNumber, person: PersonName, note: Note = "", ops: OpsFolder = None) -> None:
    """Take an alert: it is not told again, and escalates no more."""
    done = _book(ops).acknowledge(alert, person, note)
    sys.stdout.write(f"alert {done.id} is {done.state.value} by {done.acknowledged_by}\n")


@alerts_app.command("resolve")
def alerts_resolve(alert: AlertNumber, person: PersonName, note: Note = "", ops: OpsFolder = None) -> None:
    """Say that an alert is over; what still holds fires again."""
    done = _book(ops).resolve(alert, person, note)
    sys.stdout.write(f"alert {done.id} is {done.state.value} by {done.resolved_by}\n")


@alerts_app.command("silence")
def alerts_silence(
    person: PersonName,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason.")],
    rule: Annotated[str, typer.Option("--rule", metavar="RULE", help="A rule, or a pattern such as venue-*.")] = "*",
    desk: Annotated[str, typer.Option("--desk", metavar="DESK", help="A desk, or a pattern.")] = "*",
    subject: Annotated[str, typer.Option("--subject", metavar="WHAT", help="An instrument, a venue, a pattern.")] = "*",
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="For so long: 30m, 2h, 1d.")] = "",
    every: Annotated[
        str,
        typer.Option(
            "--every",
            metavar="WINDOW",
            help='Again and again, UTC: "weekly sunday 02:00-04:00"; weekly, monthly, quarterly: the runbook\'s.',
        ),
    ] = "",
    ops: OpsFolder = None,
) -> None:
    """Do not tell some alerts for a while, or in maintenance windows. They are kept and listed all the same."""
    from quarterdeck.ops.alerts.silences import RUNBOOK_WINDOWS, Silence  # noqa: PLC0415 - heavy for --help

    now = time.time_ns()
    end_ns = now + seconds_of(lasting) * 1_000_000_000 if lasting else 0
    window = RUNBOOK_WINDOWS.get(every.strip().lower(), every.strip().lower())
    asked = Silence(
        rule=rule, desk=desk, subject=subject, every=window, begin_ns=now, end_ns=end_ns, person=person, reason=why
    )
    kept = _book(ops).silence(asked)
    sys.stdout.write(f"silence {kept.id} holds {_when(kept)}\n")


@alerts_app.command("silences")
def alerts_silences(
    ops: OpsFolder = None,
    past: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show what is not told, by whom and why."""
    from quarterdeck.ops.alerts.book import AlertBook  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.alerts.silences import Silence  # noqa: PLC0415 - heavy for --help

    config, store = plane(ops)
    fixed = [
        Silence(rule=one.rule, desk=one.desk, every=one.every, person=one.person, reason=one.reason)
        for one in config.maintenance
    ]
    found = [*fixed, *AlertBook(store).silences(past)]
    if json:
        from msgspec import to_builtins  # noqa: PLC0415 - heavy for --help

        print_json([to_builtins(one) for one in found])
        return
    now = time.time_ns()
    for one in found:
        number = f"{one.id:>5}" if one.id else "  toml"
        state = "holds now" if one.active(now) else "over" if one.over(now) else "waits"
        what = f"rule {one.rule}, desk {one.desk}, subject {one.subject}"
        sys.stdout.write(f"{number}  {state}  {_when(one)}  {what}  by {one.person}: {one.reason}\n")
    if not found:
        sys.stdout.write("nothing is silenced\n")


@alerts_app.command("lift")
def alerts_lift(
    silence: Annotated[int, typer.Argument(metavar="SILENCE", help="The silence's number.")],
    person: PersonName,
    ops: OpsFolder = None,
) -> None:
    """End a silence now."""
    _book(ops).lift(silence, person)
    sys.stdout.write(f"silence {silence} is lifted by {person}\n")


@alerts_app.command("rules")
def alerts_rules(ops: OpsFolder = None, json: JsonFlag = False) -> None:
    """Show every rule: how bad, at which threshold, which runbook asks for it, and whether it is off."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.alerts.rules import RULES  # noqa: PLC0415 - heavy for --help

    config = load_ops(ops)
    rows: list[dict[str, Any]] = []
    for rule in RULES.values():
        figure = getattr(config.thresholds, rule.threshold) if rule.threshold else None
        rows.append(
            {
                "rule": rule.name, "severity": rule.severity.value, "title": rule.title, "threshold": rule.threshold,
                "figure": None if figure is None else str(figure), "runbooks": rule.runbooks,
                "off": rule.name in config.alerts.disabled,
            }
        )  # fmt: skip
    if json:
        print_json(rows)
        return
    for row in rows:
        limit = f" [{row['threshold']} = {row['figure']}]" if row["threshold"] else ""
        off = " (off)" if row["off"] else ""
        sys.stdout.write(f"{row['severity']}  {row['rule']:<20} {row['title']}{limit}{off}\n      {row['runbooks']}\n")


@alerts_app.command("test")
def alerts_test(
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="One channel; by default all.")] = None,
    ops: OpsFolder = None,
) -> None:
    """Send a test through a channel, or all of them. Exit 1 when one did not take it."""
    from quarterdeck.config.ops import load_ops  # noqa: PLC0415 - heavy for --help
    from quarterdeck.ops.alerts.channels import send_test  # noqa: PLC0415 - heavy for --help

    answers = asyncio.run(send_test(load_ops(ops), channel, time.time_ns()))
    for name, problem in answers.items():
        sys.stdout.write(f"{problem}\n" if problem else f"channel {name}: it arrived\n")
    if any(answers.values()):
        raise typer.Exit(1)


def _when(silence: Any) -> str:
    if silence.every:
        return f"every {silence.every} UTC" + (f" until {moment_text(silence.end_ns)}" if silence.end_ns else "")
    return f"until {moment_text(silence.end_ns)}"
