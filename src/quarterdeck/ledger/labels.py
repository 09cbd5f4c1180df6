"""What the kernel's indices are called in the ledger, and in which units it counts."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from quarterdeck.config import DeskConfig
from quarterdeck.errors import LedgerError
from quarterdeck.runtime.directory import MACHINE, directory

__all__ = ["Labels", "Purse", "labels_of"]

_SAME: Final = "run `quarterdeck ledger DESK --rebuild`"


@dataclass(frozen=True, slots=True)
class Purse:
    """One currency at one venue; money is counted in 10**-exponent of it."""

    venue: str
    currency: str
    exponent: int


@dataclass(frozen=True, slots=True)
class Labels:
    """Names in the order of the kernel's indices.

    By instrument, `lots` are the sizes of one lot and `settled` the places of their purses.
    """

    desk: str
    instruments: tuple[str, ...]
    strategies: tuple[str, ...]
    people: tuple[str, ...]
    purses: tuple[Purse, ...]
    lots: tuple[Decimal, ...] = ()
    settled: tuple[int, ...] = ()

    def instrument(self, index: int) -> str | None:
        return _named(self.instruments, index)

    def strategy(self, index: int) -> str | None:
        return _named(self.strategies, index)

    def person(self, index: int) -> str | None:
        return _named(self.people, index)

    def purse(self, index: int) -> Purse:
        """The purse of an account that settings name. LedgerError for another: its money has no unit."""
        if not 0 <= index < len(self.purses):
            raise LedgerError(
                f"desk {self.desk}: the journal has an account {index + 1}, desk.toml names {len(self.purses)}: put "
                "the missing [[accounts]] back"
            )
        return self.purses[index]

    def exponent(self, venue: str, currency: str) -> int:
        """How many decimal places the money of a purse has."""
        return next(one.exponent for one in self.purses if (one.venue, one.currency) == (venue, currency))

    def as_text(self) -> str:
        """The names and units as JSON, to be kept beside what was written with them."""
        return msgspec.json.encode(self).decode()

    def check_against(self, text: str) -> None:
        """Raises LedgerError when rows were written with other names: only at the ends may there be more by now."""
        kept = msgspec.json.decode(text, type=Labels)
        for what in ("instruments", "strategies", "people", "purses"):
            before, now = getattr(kept, what), getattr(self, what)
            if now[: len(before)] != before:
                raise LedgerError(
                    f"desk {self.desk}: the ledger was written with other {what} than desk.toml has now: {_SAME}"
                )


def _named(names: tuple[str, ...], index: int) -> str | None:
    """The name at an index, "#7" where there is none; None for the kernel's -1."""
    if index < 0:
        return None
    return names[index] if index < len(names) else f"#{index}"


def labels_of(config: DeskConfig) -> Labels:
    """Returns the names of a desk as its settings have them."""
    names = directory(config)
    purses = tuple(Purse(one.venue, one.currency, one.exponent) for one in config.accounts)
    lots = tuple(one.lot for one in config.instruments)
    people = tuple(names.people) or (MACHINE,)
    places = {(one.venue, one.currency): place for place, one in enumerate(config.accounts)}
    settled = tuple(places[one.venue, one.quote] for one in config.instruments)
    return Labels(names.desk, tuple(names.instruments), tuple(names.strategies), people, purses, lots, settled)
