"""Desks seen from outside: what each shows, what its logs tell, and its control socket. No kernel is compiled here."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.publishing import SHOWN, Edition, Reader
from quarterdeck.desk.wire import Answer, Command, ask
from quarterdeck.errors import ConfigError
from quarterdeck.runtime.directory import Directory, directory

__all__ = ["ALIVE_S", "Desks", "SeenDesk"]

ALIVE_S: Final = 5.0  # a desk shows itself every second when nothing happens


class SeenDesk:
    """One desk. `root` is where it keeps data/ and logs/: its own folder unless it was given another."""

    def __init__(self, config: DeskConfig, root: Path | None = None) -> None:
        self.config = config
        self.name = config.desk.name
        self.place = DeskPlace(config.folder if root is None else root)
        self._reader = Reader(self.place.data / SHOWN)

    @cached_property
    def names(self) -> Directory:
        return directory(self.config)

    def edition(self) -> Edition | None:
        """The newest copy of its state; None before it first ran. DeskError: a file that this version cannot read."""
        return self._reader.read()

    def alive(self, edition: Edition | None) -> bool:
        """Whether the desk that showed this still runs: it did so within the last seconds, and did not end."""
        if edition is None or edition.words["ended"]:
            return False
        return time.time_ns() - int(edition.words["shown_ns"]) < ALIVE_S * 1e9

    async def tell(self, command: Command, timeout_s: float = 10.0) -> Answer:
        """Sends a command over the control socket; returns the desk's own acknowledgement. DeskError: it refused."""
        return await asyncio.to_thread(ask, self.place.socket, self.name, command, timeout_s)

    def close(self) -> None:
        self._reader.close()


class Desks(Mapping[str, SeenDesk]):
    """The desks that an ops plane looks after, by name."""

    def __init__(self, seen: Sequence[SeenDesk]) -> None:
        self._seen = {desk.name: desk for desk in seen}

    @classmethod
    def load(cls, places: Sequence[str | Path], roots: Mapping[str, Path] | None = None) -> "Desks":
        """Loads them by folder or name; `roots` gives some of them another place for data/ and logs/."""
        seen = [SeenDesk(config, (roots or {}).get(config.desk.name)) for config in map(load_desk, places)]
        names = [desk.name for desk in seen]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("ops.toml", "ops.desks", name, "each desk once")
        return cls(seen)

    def __getitem__(self, name: str) -> SeenDesk:
        return self._seen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def close(self) -> None:
        for desk in self._seen.values():
            desk.close()
