"""Which desk is meant by a script that names none, and its parts that everything here needs."""

import os
import sys
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.config.chain import Chain
from quarterdeck.errors import ConfigError, DataError, QuarterdeckError
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.venues.evm.terms import ChainTerms, desk_terms
from quarterdeck.venues.evm.universe import Universe, read_universe

__all__ = ["DESK_VARIABLE", "ChainDesk", "chain_row", "desk_here", "speak_plainly"]

DESK_VARIABLE: Final = "QUARTERDECK_DESK"


class ChainDesk:
    """A desk with an evm venue. ConfigError: it has none."""

    def __init__(self, config: DeskConfig, root: Path | None = None) -> None:
        row = chain_row(config)
        if row is None:
            raise ConfigError(config.file, "venues.kind", config.desk.name, 'a desk with a venue of kind "evm"')
        self.config, self.venue = config, config.venues[row]
        self.seen = SeenDesk(config, root)
        self.place = self.seen.place
        chain = self.venue.chain
        assert chain is not None, "config.venues requires it of this kind"
        self.chain: Chain = chain
        self._row = row

    @cached_property
    def universe(self) -> Universe:
        """What it may touch. ConfigError: the file is not there, as before a desk's first run, or cannot be read."""
        return _universe(self.config.folder / self.chain.universe)

    @cached_property
    def terms(self) -> ChainTerms:
        """Its purses and cycles. ConfigError, as above."""
        return desk_terms(self.config, self._row, self.universe)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where its chain is asked, the preferred node first: HOST:PORT."""
        return tuple(address for address in (self.venue.address, *self.chain.endpoints) if address)

    @property
    def wallet(self) -> str | None:
        """The address that pays, by the name of the file in which the desk keeps its transactions; None: none yet."""
        prefix = f"transactions-{self.chain.chain_id}-"
        files = sorted(self.place.data.glob(f"{prefix}0x*.sqlite"), key=lambda path: path.stat().st_mtime_ns)
        return files[-1].stem.removeprefix(prefix) if files else None


def chain_row(config: DeskConfig) -> int | None:
    """The row of the desk's first evm venue; None: it has none."""
    return next((row for row, venue in enumerate(config.venues) if venue.kind == "evm"), None)


@lru_cache(maxsize=8)
def _opened(place: str) -> ChainDesk:
    config = load_desk(place)
    # The journal's readers take it at their import: nothing of the kernel may be imported before it is known.
    os.environ.setdefault("QUARTERDECK_CAPACITY", config.desk.capacity)
    return ChainDesk(config)


def desk_here() -> ChainDesk:
    """The desk that QUARTERDECK_DESK names (a name or a folder), or else the one of the current directory."""
    named = os.environ.get(DESK_VARIABLE)
    if named:
        return _opened(named)
    if not Path("desk.toml").is_file():
        allowed = f"a desk's folder: go there, or name it in {DESK_VARIABLE}"
        raise ConfigError("command", "directory", str(Path.cwd()), allowed)
    return _opened(str(Path.cwd()))


def speak_plainly() -> None:
    """From now on an error of ours ends this process with its sentence, as the command line does, without a trace."""
    plain = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, QuarterdeckError):
            sys.stderr.write(f"quarterdeck: {' '.join(str(error).split())}\n")
        else:
            plain(kind, error, trace)

    sys.excepthook = hook


def _universe(path: Path) -> Universe:
    try:
        return read_universe(path)
    except DataError as error:
        raise ConfigError(str(path), "universe", path.name, f"a universe that can be read ({error})") from error
