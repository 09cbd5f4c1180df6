"""What is fuzzed: one reader of one venue, and how a good message of it is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from quarterdeck.venues.messages import MarketData, Message
from quarterdeck.venues.quarantine import Quarantine
from tests.conformance.damage import Shape

__all__ = ["Subject", "market"]


def _nothing() -> None:
    return None


@dataclass
class Subject:
    """`read` takes raw bytes and which of `good` they were once, and returns what they say.

    `sound` is true of what an undamaged `good[sentinel]` says. `parts`: one message holds several, each counted on its
    own, and the good ones of them are told.
    """

    name: str
    good: Sequence[Any]
    shape: Shape
    read: Callable[[bytes, int], Sequence[Message]]
    quarantine: Quarantine
    said: list[str]
    sound: Callable[[Sequence[Message]], bool]
    sentinel: int = 0
    counts_most: int = 1
    parts: bool = False
    close: Callable[[], None] = field(default=_nothing)


def market(instrument: int, **words: int) -> Callable[[Sequence[Message]], bool]:
    """Whether one market message came, with one event that says this."""

    def sound(heard: Sequence[Message]) -> bool:
        if len(heard) != 1 or not isinstance(heard[0], MarketData) or len(heard[0].events) != 1:
            return False
        event = heard[0].events[0]
        return int(event["instrument"]) == instrument and all(int(event[name]) == word for name, word in words.items())

    return sound
