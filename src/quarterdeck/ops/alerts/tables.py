"""The tables of alerts in the ops plane's store. Times are UTC nanoseconds."""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from quarterdeck.ops.store import METADATA

__all__ = ["ALERTS", "DELIVERIES", "MARKS", "MONEY", "NOTICES", "SILENCES", "SUPPRESSED"]


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, default="")


def _whole(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, default=0)


ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _text("fingerprint"),
    *(_text(name) for name in ("rule", "desk", "subject", "severity", "state", "summary", "facts")),
    *(_whole(name) for name in ("sequence", "event_ns")),
    _text("event_id"),
    *(_whole(name) for name in ("count", "fired_ns", "last_ns")),
    Column("told_ns", BigInteger),
    _text("held"),
    Column("level", Integer, nullable=False, default=0),
    Column("acknowledged_ns", BigInteger),
    _text("acknowledged_by"),
    _text("note"),
    Column("resolved_ns", BigInteger),
    _text("resolved_by"),
    Column("closing_told", Boolean, nullable=False, default=False),
    Index("alerts_by_fingerprint", "fingerprint", "id"),
    Index("alerts_by_state", "state"),
)
NOTICES: Final = Table(
    "alert_notices",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    *(_text(name) for name in ("kind", "severity", "bucket")),
    _whole("time_ns"),
    Column("body", Text, nullable=False),
    Index("alert_notices_by_bucket", "bucket", "time_ns"),
)
DELIVERIES: Final = Table(
    "alert_deliveries",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("notice", Integer, nullable=False),
    _text("channel"),
    _text("status"),
    Column("attempts", Integer, nullable=False, default=0),
    _whole("due_ns"),
    Column("sent_ns", BigInteger),
    _text("error"),
    UniqueConstraint("notice", "channel", name="alert_deliveries_once"),
    Index("alert_deliveries_by_status", "status"),
)
SILENCES: Final = Table(
    "alert_silences",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    *(_text(name) for name in ("rule", "desk", "subject", "every", "person", "reason")),
    *(_whole(name) for name in ("begin_ns", "end_ns", "created_ns")),
    Column("lifted_ns", BigInteger),
    _text("lifted_by"),
)
SUPPRESSED: Final = Table(
    "alert_suppressed",
    METADATA,
    Column("bucket", Text, primary_key=True),
    *(_whole(name) for name in ("waiting", "total", "since_ns")),
    _text("severity"),
)
MARKS: Final = Table("alert_marks", METADATA, Column("name", Text, primary_key=True), _whole("time_ns"))
MONEY: Final = Table(
    "desk_money",
    METADATA,
    Column("desk", Text, primary_key=True),
    Column("time_ns", BigInteger, primary_key=True, autoincrement=False),
    _whole("sequence"),
    *(_text(name) for name in ("equity", "realised", "unrealised", "fees", "funding", "currency")),
)
