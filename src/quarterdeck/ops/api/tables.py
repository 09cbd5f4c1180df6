"""What the API remembers: commands that were given with an Idempotency-Key, and what was answered."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from quarterdeck.ops.store import METADATA

__all__ = ["ANSWERS"]

ANSWERS: Final = Table(
    "api_answers",
    METADATA,
    Column("caller", String(64), primary_key=True),  # whose key it is: a hash, so that nobody meets another's answers
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # of method, address and body
    Column("made_ns", BigInteger, nullable=False, index=True),
    Column("status", Integer),  # none: under way, or it never ended
    Column("media_type", String(80)),
    Column("body", LargeBinary),
)
