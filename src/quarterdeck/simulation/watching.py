"""What the oracle is told, and what it may look at: plain numbers and bytes, nothing that it shares with the desk."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["CLOSED", "FILLED", "DeskFigures", "Eyes", "Watcher", "Weathered"]

FILLED = 6
CLOSED = frozenset((FILLED, 7, 8, 9))  # filled, canceled, rejected, expired, as states hold it


class DeskFigures(NamedTuple):
    """What a desk believes of money: by instrument, by purse, and of the whole."""

    quantities: list[int]
    costs: list[int]
    marks_half_ticks: list[int]
    cash: list[int]
    postings: list[int]  # the sum of all of a purse's accounts
    equity: int


class Eyes(Protocol):
    """A look into a running desk."""

    @property
    def ready(self) -> bool: ...

    def figures(self) -> DeskFigures: ...

    def order(self, order_id: int) -> tuple[int, int] | None:
        """Returns (status, filled) of an order; None when the desk's table does not hold it."""
        ...

    def open_orders(self) -> dict[int, int]:
        """Returns the open orders: id -> lots not filled yet."""
        ...

    def stopped(self) -> list[bool]:
        """Which instruments have entries stopped because they differ from the venue."""
        ...

    def digest(self) -> bytes: ...


class Weathered(Protocol):
    """Whether the world is kind just now, so that bounds of time run."""

    def healthy(self) -> bool: ...


class Watcher(Protocol):
    """The oracle, as the world knows it. `name` is a process's."""

    def sent(self, name: str, raw: bytes) -> None:
        """A request is about to leave a process."""
        ...

    def arrived(self, name: str, raw: bytes) -> None:
        """A request has come to the exchange and was done."""
        ...

    def heard(self, name: str, raw: bytes) -> None:
        """A message is about to be taken by a process."""
        ...

    def connected(self, name: str, up: bool) -> None:
        """A process learns that its line is up or down."""
        ...

    def recovered(self, name: str, host: str, digest: bytes, records: int) -> None:
        """A process has rebuilt its state from the journal: what it came to, and where it goes on."""
        ...

    def opened(self, name: str, epoch: int, eyes: Eyes) -> None:
        """A process leads."""
        ...

    def commanded(self, name: str, verb: str) -> None:
        """A command to a whole desk was journaled, done and acknowledged."""
        ...

    def damaged(self, hosts: Sequence[str]) -> None:
        """Bytes of a journal changed by themselves, or were put right, on the medium of these hosts."""
        ...

    def ended(self, name: str, digest: bytes | None) -> None:
        """A process is no more; `digest` is of its state where everything that it took was flushed."""
        ...
