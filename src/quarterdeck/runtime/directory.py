"""Names and indices: the kernel knows things by their place, people by their names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError

__all__ = ["MACHINE", "Directory", "Names", "directory"]

MACHINE: Final = "desk"  # person 0: the desk itself, where no person asked


@dataclass(frozen=True, slots=True)
class Names:
    """Names in the order of the kernel's indices."""

    what: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, index: int) -> str:
        """The name at an index. Raises IndexError, for a negative index too: the kernel's -1 is no name."""
        if index < 0:
            raise IndexError(f"{self.what} {index} has no name")
        return self.names[index]

    def label(self, index: int) -> str:
        """The name for a log or a report: "all" for the kernel's -1, "#7" where there is no name."""
        if index == -1:
            return "all"
        return self.names[index] if 0 <= index < len(self.names) else f"#{index}"

    def index(self, name: str) -> int:
        """The index of a name. Raises ConfigError listing the names there are."""
        if name not in self.names:
            raise ConfigError("command", self.what, name, f"one of {', '.join(self.names) or 'none: there is none'}")
        return self.names.index(name)


@dataclass(frozen=True, slots=True)
class Directory:
    """Who and what a desk's indices are.

    An instrument is its symbol, or SYMBOL@VENUE where two venues have that symbol; an account is VENUE/CURRENCY.
    """

    desk: str
    instruments: Names
    strategies: Names
    venues: Names
    accounts: Names
    people: Names


def directory(config: DeskConfig) -> Directory:
    """Returns the names of a desk, in the order in which its opening events number them."""
    symbols = [instrument.symbol for instrument in config.instruments]
    words = (
        one.symbol if symbols.count(one.symbol) == 1 else f"{one.symbol}@{one.venue}" for one in config.instruments
    )
    return Directory(
        config.desk.name,
        Names("instrument", tuple(words)),
        Names("strategy", tuple(strategy.name for strategy in config.strategies)),
        Names("venue", tuple(venue.name for venue in config.venues)),
        Names("account", tuple(f"{account.venue}/{account.currency}" for account in config.accounts)),
        Names("person", (MACHINE, *config.operators.people)),
    )
