"""The contract of a strategy: it sees the desk's state and an event, and asks. Nothing else reaches the market.

There are two ways to keep it, with the same results:

- `CompiledStrategy`: a function of the compiled subset, `on_event(state, strategy, memory, event, asks, count)`, that
  returns the new count of requests (written with `asking.ask_*`). All that it remembers is one fixed-layout record.
- `PythonStrategy`: a class with methods such as `on_quote(desk, quote)`. All that it remembers is `self.memory`.

A strategy reads no clock and draws no random number (it may carry a seeded generator's state in its memory). So a
replay that feeds it the same events makes it ask for the same things, and its memory can be kept and put back.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import msgspec
import numpy as np

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.pointers import StrategyFunction
from quarterdeck.market.instruments import Instrument
from quarterdeck.strategies.views import Bar, DeskView, Fill, Funding, Mark, OrderUpdate, Quote, Trade

__all__ = ["CompiledStrategy", "Parameters", "Place", "PythonStrategy", "read_parameters"]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a strategy can be told in `desk.toml`, `[strategies.parameters]`. Subclasses add typed fields."""


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a strategy stands in its desk."""

    strategy: int  # its index
    name: str
    instruments: tuple[int, ...]  # indices of what it may trade, in the order of its configuration
    specifications: tuple[Instrument, ...]  # of those
    config: DeskConfig


def read_parameters(kind: type[P], table: Mapping[str, Any], place: Place) -> P:
    """Returns typed parameters. Raises ConfigError naming the key, what stood there and what may."""
    try:
        return msgspec.convert(dict(table), kind, strict=True)
    except msgspec.ValidationError as error:
        key, value = f"strategies[{place.name}].parameters", cast(object, dict(table))
        named = re.search(r"(?:`\$\.|field `)(\w+)", str(error))  # msgspec tells the key in its sentence only
        if named:
            key, value = f"{key}.{named[1]}", table.get(named[1], "(missing)")
        raise ConfigError(str(place.config.file), key, value, str(error)) from error


@dataclass(frozen=True, slots=True)
class CompiledStrategy:
    """A strategy whose whole loop runs compiled.

    `prepare(memory, parameters, place)` fills the zeroed memory record before the first event.
    """

    kind: str
    parameters: type[Parameters]
    memory: "np.dtype[np.void]"
    prepare: Callable[[Any, Any, Place], None]
    on_event: StrategyFunction


class PythonStrategy:
    """Base of plain Python strategies. Override what you want to see; what is not overridden costs nothing.

    `memory` must be a msgspec.Struct: it is what `snapshot` keeps and `restore` puts back.
    """

    kind: ClassVar[str]
    parameters_type: ClassVar[type[Parameters]] = Parameters
    memory: Any  # each strategy's own Struct

    def __init__(self, parameters: Any, place: Place) -> None:
        self.parameters = parameters
        self.place = place

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        """Sees a quote."""

    def on_trade(self, desk: DeskView, trade: Trade) -> None:
        """Sees a trade between others."""

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        """Sees a finished bar."""

    def on_mark(self, desk: DeskView, mark: Mark) -> None:
        """Sees a mark price."""

    def on_funding(self, desk: DeskView, funding: Funding) -> None:
        """Sees a funding rate."""

    def on_fill(self, desk: DeskView, fill: Fill) -> None:
        """Sees an own fill."""

    def on_order(self, desk: DeskView, update: OrderUpdate) -> None:
        """Sees what the venue said of an own order."""

    def snapshot(self) -> bytes:
        """All that the strategy remembers."""
        return msgspec.msgpack.encode(self.memory)

    def restore(self, kept: bytes) -> None:
        """Puts back what `snapshot` gave."""
        self.memory = msgspec.msgpack.decode(kept, type=cast(type[msgspec.Struct], type(self.memory)))
