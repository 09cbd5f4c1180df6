"""[standby]: whether another process may take the desk over, through what the two share, and how soon."""

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import model_validator

from quarterdeck.config.figures import Settings, Within, refusal

__all__ = ["Standby"]

Span: TypeAlias = Annotated[Decimal, Within("0.05", "3600", "seconds", step="0.001")]


class Standby(Settings):
    """[standby]: with a store, a session of this desk holds a lease, and a standby can follow and succeed it.

    A standby leads ttl_s + longest_request_s after it last saw the leader renew, and what it takes to open the session:
    with the figures below within 5 s.
    """

    store: Literal["none", "file", "postgresql"] = "none"
    """What the two share: the desk's own folder (one host, or one file system), or the database of DATABASE_URL."""
    ttl_s: Span = Decimal("1.5")
    """For how long a renewal of the lease is good."""
    margin_s: Span = Decimal("0.4")
    """How much sooner the leader stops: more than two hosts' clocks part in ttl_s."""
    longest_request_s: Annotated[Decimal, Within("0", "3600", "seconds", step="0.001")] = Decimal(1)
    """How long after it was sent a request may still take effect at a venue."""
    synchronous: bool = False
    """Whether an order leaves only once the database has every record before it; for store = "postgresql"."""
    keep_hours: Annotated[int, Within("1", "87600", "hours")] = 168
    """How long records stay in the database after they were shipped; a new standby needs them from the first on."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.margin_s >= self.ttl_s:
            raise refusal("margin_s", self.margin_s, f"less than ttl_s ({self.ttl_s})")
        if self.synchronous and self.store != "postgresql":
            raise refusal("synchronous", True, 'false unless store = "postgresql": one folder needs no second copy')
        return self
