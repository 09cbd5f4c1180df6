"""What is said of a component: how it stands, in one sentence, when that was looked at, and how long it took."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

__all__ = ["Component", "Found", "HealthReport", "Status", "worst"]


class Status(StrEnum):
    """How something stands; `unhealthy` is a 503."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


_BADNESS = {status: place for place, status in enumerate(Status)}


class Found(NamedTuple):
    """What a probe found."""

    status: Status
    message: str
    details: Mapping[str, object]


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One component. `last_check` is RFC 3339; `response_time_ms` is how long the look at it took."""

    status: Status
    message: str
    last_check: str
    response_time_ms: float
    details: dict[str, object]


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """All components that were asked for; the worst of them is the whole's."""

    status: Status
    timestamp: str
    components: dict[str, Component]

    @property
    def http_status(self) -> int:
        """200 for healthy and degraded, else 503."""
        return 503 if self.status is Status.UNHEALTHY else 200


def worst(statuses: Iterable[Status]) -> Status:
    """Returns the worst; HEALTHY of none."""
    return max(statuses, key=_BADNESS.__getitem__, default=Status.HEALTHY)
