"""The ops plane's tables as they first were.

Before there were versions, each process made those that it knew, so some or all of them may be there: what has the
right columns is taken over as it is, and the rest is made.
"""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from quarterdeck.errors import OpsError

__all__ = ["TABLES", "down_revision", "downgrade", "revision", "upgrade"]

revision: Final = "0001"
down_revision: Final = None
TABLES: Final = sa.MetaData()


def _string(letters: int, *names: str, null: bool = False) -> "tuple[sa.Column[Any], ...]":
    return tuple(sa.Column(name, sa.String(letters), nullable=null) for name in names)


def _text(*names: str, null: bool = False) -> "tuple[sa.Column[Any], ...]":
    return tuple(sa.Column(name, sa.Text(), nullable=null) for name in names)


def _whole(*names: str, null: bool = False) -> "tuple[sa.Column[Any], ...]":
    return tuple(sa.Column(name, sa.BigInteger(), nullable=null, autoincrement=False) for name in names)


def _small(*names: str, null: bool = False) -> "tuple[sa.Column[Any], ...]":
    return tuple(sa.Column(name, sa.Integer(), nullable=null, autoincrement=False) for name in names)


def _number() -> "sa.Column[Any]":
    return sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True)


def _key(*names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names)


_ACCESS: Final = (
    sa.Table(
        "access_people", TABLES,
        *_string(64, "name"), *_string(16, "role"), *_text("desks"), *_text("password", "totp", null=True),
        *_whole("created_ns"), *_whole("removed_ns", null=True), _key("name"),
    ),
    sa.Table(
        "access_tokens", TABLES,
        *_string(32, "token_id"), *_string(64, "digest", "person"), *_string(16, "role"), *_text("desks"),
        *_whole("created_ns", "expires_ns"), *_whole("used_ns", "revoked_ns", null=True),
        *_string(32, "replaced_by", null=True), _key("token_id"),
    ),
    sa.Table(
        "access_sessions", TABLES,
        *_string(32, "token_id"), *_string(64, "digest", "person"), *_text("origin"),
        *_whole("created_ns", "expires_ns", "used_ns"), *_whole("ended_ns", null=True), _key("token_id"),
    ),
    sa.Table(
        "access_codes", TABLES,
        *_string(64, "person"), *_whole("step"), *_string(160, "use"), *_string(32, "holder"),
        _key("person", "step", "use"),
    ),
    sa.Table(
        "access_failures", TABLES,
        *_string(160, "place"), *_whole("started_ns"), *_small("count"), *_whole("locked_until_ns"),
        *_small("strikes"), _key("place"),
    ),
    sa.Table(
        "access_approvals", TABLES,
        *_string(32, "approval_id", "action"), *_text("desks", "words"), *_string(64, "person"),
        *_whole("created_ns", "expires_ns"), *_string(64, "approver", null=True),
        *_whole("approved_ns", "used_ns", null=True), _key("approval_id"),
    ),
    sa.Table(
        "access_heads", TABLES, *_string(64, "trail"), *_whole("sequence"), *_string(64, "hash"), _key("trail"),
    ),
)  # fmt: skip
_ALERTS: Final = (
    sa.Table(
        "alerts", TABLES, _number(),
        *_text("fingerprint", "rule", "desk", "subject", "severity", "state", "summary", "facts"),
        *_whole("sequence", "event_ns"), *_text("event_id"), *_whole("count", "fired_ns", "last_ns"),
        *_whole("told_ns", null=True), *_text("held"), *_small("level"), *_whole("acknowledged_ns", null=True),
        *_text("acknowledged_by", "note"), *_whole("resolved_ns", null=True), *_text("resolved_by"),
        sa.Column("closing_told", sa.Boolean(), nullable=False),
        sa.Index("alerts_by_fingerprint", "fingerprint", "id"), sa.Index("alerts_by_state", "state"),
    ),
    sa.Table(
        "alert_notices", TABLES, _number(),
        *_text("kind", "severity", "bucket"), *_whole("time_ns"), *_text("body"),
        sa.Index("alert_notices_by_bucket", "bucket", "time_ns"),
    ),
    sa.Table(
        "alert_deliveries", TABLES, _number(),
        *_small("notice"), *_text("channel", "status"), *_small("attempts"), *_whole("due_ns"),
        *_whole("sent_ns", null=True), *_text("error"),
        sa.UniqueConstraint("notice", "channel", name="alert_deliveries_once"),
        sa.Index("alert_deliveries_by_status", "status"),
    ),
    sa.Table(
        "alert_silences", TABLES, _number(),
        *_text("rule", "desk", "subject", "every", "person", "reason"), *_whole("begin_ns", "end_ns", "created_ns"),
        *_whole("lifted_ns", null=True), *_text("lifted_by"),
    ),
    sa.Table(
        "alert_suppressed", TABLES,
        *_text("bucket"), *_whole("waiting", "total", "since_ns"), *_text("severity"), _key("bucket"),
    ),
    sa.Table("alert_marks", TABLES, *_text("name"), *_whole("time_ns"), _key("name")),
    sa.Table(
        "desk_money", TABLES,
        *_text("desk"), *_whole("time_ns", "sequence"),
        *_text("equity", "realised", "unrealised", "fees", "funding", "currency"), _key("desk", "time_ns"),
    ),
)  # fmt: skip
_INCIDENTS: Final = (
    sa.Table(
        "incidents", TABLES, _number(),
        *_text("title", "severity", "desk", "state"), *_small("alert", null=True),
        *_whole("detected_ns", "opened_ns"), *_text("opened_by"), *_whole("acknowledged_ns", null=True),
        *_text("acknowledged_by"), *_whole("investigated_ns", "mitigated_ns", "resolved_ns", null=True),
        *_text("resolved_by"),
    ),
    sa.Table(
        "incident_notes", TABLES, _number(),
        *_small("incident"), *_whole("time_ns"), *_text("kind", "person", "text"),
        sa.Index("incident_notes_by_incident", "incident"),
    ),
    sa.Table(
        "incident_actions", TABLES, _number(),
        *_small("incident"), *_text("text", "owner", "due", "done_by"), *_whole("made_ns"),
        *_whole("done_ns", null=True), sa.Index("incident_actions_by_incident", "incident"),
    ),
)  # fmt: skip
_OTHERS: Final = (
    sa.Table(
        "api_answers", TABLES,
        *_string(64, "caller"), *_string(255, "key"), *_string(64, "fingerprint"), *_whole("made_ns"),
        *_small("status", null=True), *_string(80, "media_type", null=True),
        sa.Column("body", sa.LargeBinary()), _key("caller", "key"), sa.Index("ix_api_answers_made_ns", "made_ns"),
    ),
    sa.Table("hearing_orders", TABLES, *_string(64, "desk"), *_text("orders"), _key("desk")),
    sa.Table(
        "hearing_places", TABLES,
        *_string(64, "desk"), *_string(32, "log"), *_whole("inode", "at_byte"), _key("desk", "log"),
    ),
    sa.Table(
        "metrics_counts", TABLES,
        *_string(128, "desk"), *_whole("generation"), sa.Column("document", sa.LargeBinary(), nullable=False),
        _key("desk"),
    ),
)  # fmt: skip


def upgrade() -> None:
    """Makes what is not there. OpsError, with nothing changed: a table of that name has other columns."""
    line = op.get_bind()
    known = sa.inspect(line)
    there = set(known.get_table_names())
    for table in TABLES.sorted_tables:
        if table.name in there:
            found = {column["name"] for column in known.get_columns(table.name)}
            if found != set(table.columns.keys()):
                odd = ", ".join(sorted(found ^ set(table.columns.keys())))
                raise OpsError(
                    f"the database has a table {table.name} that is not the ops plane's (it differs in {odd}): give "
                    "the ops plane a database of its own"
                )
    for table in TABLES.sorted_tables:
        table.create(line, checkfirst=True)
        for index in table.indexes:
            index.create(line, checkfirst=True)


def downgrade() -> None:
    """Takes the tables away, with all that the ops plane remembered: people, tokens, alerts, incidents."""
    for table in reversed(TABLES.sorted_tables):
        op.drop_table(table.name)
