"""What the desk needs of a venue: a place to send requests, and messages that come back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quarterdeck.venues.messages import Message, Request

__all__ = ["Capabilities", "Deliver", "Venue"]

Deliver = Callable[[Message], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a venue can do. What it cannot is refused before it is sent."""

    post_only: bool = True
    reduce_only: bool = True
    amend: bool = True
    """Changes price and quantity of a working order, which stays the same order. Without it the order is cancelled."""
    stops: bool = True
    expiry: bool = True
    """Refuses a Place that arrives after its `expires_ns`. Without it a Place may arrive late by `latest_ms`."""
    latest_ms: int = 5_000
    """How long after it was sent a request may still take effect, where nothing bounds it."""
    cancel_ms: int = 5_000
    """How long a cancel may need until the order has ended, one way or the other: what a desk that stops waits for."""


class Venue(Protocol):
    """One account at one venue, behind a link.

    `send` never blocks and raises nothing: what fails comes back as Unsent or Lost. Cancels overtake other requests.
    Messages are delivered from any thread, in the order in which they came.
    """

    capabilities: Capabilities

    def open(self, deliver: Deliver) -> None:
        """Begins to connect. Line says when news flows."""
        ...

    def send(self, request: Request) -> None: ...

    def close(self) -> None:
        """Gives up the connection. What is on its way may still happen; nothing is delivered after this."""
        ...
