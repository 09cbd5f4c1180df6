"""What the metrics remember: for each desk one document of what its logs have counted, and where they were read to."""

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from quarterdeck.ops.store import METADATA

__all__ = ["COUNTS"]

COUNTS: Final = Table(
    "metrics_counts",
    METADATA,
    Column("desk", String(128), primary_key=True),
    Column("generation", BigInteger, nullable=False),  # raised with each change: two processes may count one desk
    Column("document", LargeBinary, nullable=False),
)
