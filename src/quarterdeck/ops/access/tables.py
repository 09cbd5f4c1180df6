"""What the ops plane remembers of who may. No column holds anything that opens something."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

from quarterdeck.ops.store import METADATA

__all__ = [
    "APPROVALS",
    "CODES",
    "FAILURES",
    "HEADS",
    "PEOPLE",
    "SESSIONS",
    "TOKENS",
    "desks_of",
    "desks_text",
    "insert",
]

PEOPLE: Final = Table(
    "access_people",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("desks", Text, nullable=False),
    Column("password", Text),  # argon2
    Column("totp", Text),  # encrypted by age
    Column("created_ns", BigInteger, nullable=False),
    Column("removed_ns", BigInteger),
)
TOKENS: Final = Table(
    "access_tokens",
    METADATA,
    Column("token_id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),  # SHA-256 of the whole token
    Column("person", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("desks", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),
    Column("revoked_ns", BigInteger),
    Column("replaced_by", String(32)),
)
SESSIONS: Final = Table(
    "access_sessions",
    METADATA,
    Column("token_id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("origin", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
)
CODES: Final = Table(  # which codes of second factors were used, by whom and for what; `use` is empty in the first row
    "access_codes",
    METADATA,
    Column("person", String(64), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("use", String(160), primary_key=True),
    Column("holder", String(32), nullable=False),
)
FAILURES: Final = Table(
    "access_failures",
    METADATA,
    Column("place", String(160), primary_key=True),
    Column("started_ns", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("locked_until_ns", BigInteger, nullable=False),
    Column("strikes", Integer, nullable=False),
)
APPROVALS: Final = Table(
    "access_approvals",
    METADATA,
    Column("approval_id", String(32), primary_key=True),
    Column("action", String(32), nullable=False),
    Column("desks", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("person", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("approver", String(64)),
    Column("approved_ns", BigInteger),
    Column("used_ns", BigInteger),
)
HEADS: Final = Table(  # the newest record of the audit trail that is known to be on the medium
    "access_heads",
    METADATA,
    Column("trail", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)


def insert(line: Connection, table: Table) -> Any:
    """Returns an INSERT that may say what happens on a conflict; both databases spell it the same."""
    return postgresql.insert(table) if line.dialect.name == "postgresql" else sqlite.insert(table)


def desks_text(desks: frozenset[str]) -> str:
    return ",".join(sorted(desks))


def desks_of(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()
