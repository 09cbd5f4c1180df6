"""The tables of incidents in the ops plane's store. Times are UTC nanoseconds."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from quarterdeck.ops.store import METADATA

__all__ = ["ACTIONS", "INCIDENTS", "NOTES"]


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, default="")


def _moment(name: str, *, known: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=not known)


INCIDENTS: Final = Table(
    "incidents",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    *(_text(name) for name in ("title", "severity", "desk", "state")),
    Column("alert", Integer),
    _moment("detected_ns", known=True),
    _moment("opened_ns", known=True),
    _text("opened_by"),
    _moment("acknowledged_ns"),
    _text("acknowledged_by"),
    _moment("investigated_ns"),
    _moment("mitigated_ns"),
    _moment("resolved_ns"),
    _text("resolved_by"),
)
NOTES: Final = Table(
    "incident_notes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", Integer, nullable=False),
    _moment("time_ns", known=True),
    *(_text(name) for name in ("kind", "person", "text")),
    Index("incident_notes_by_incident", "incident"),
)
ACTIONS: Final = Table(
    "incident_actions",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", Integer, nullable=False),
    *(_text(name) for name in ("text", "owner", "due", "done_by")),
    _moment("made_ns", known=True),
    _moment("done_ns"),
    Index("incident_actions_by_incident", "incident"),
)
