"""The strategy host: calls each strategy at each event and hands over what it asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError, StrategyError
from quarterdeck.kernel.compiled import JIT_ENABLED, compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.pointers import Target, address_of, call_strategy
from quarterdeck.kernel.records import State
from quarterdeck.runtime.opening import market_instruments
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.contract import CompiledStrategy, Place, PythonStrategy, read_parameters
from quarterdeck.strategies.library import STRATEGIES
from quarterdeck.strategies.views import (
    Bar,
    DeskView,
    EventView,
    Fill,
    Funding,
    Mark,
    OrderUpdate,
    Quote,
    Trade,
)

__all__ = ["CompiledHost", "Host", "PythonHost", "StrategySource", "host_strategies", "strategy_source"]

StrategySource = CompiledStrategy | type[PythonStrategy]

_HANDLERS: Mapping[type, str] = {
    Quote: "on_quote",
    Trade: "on_trade",
    Bar: "on_bar",
    Mark: "on_mark",
    Funding: "on_funding",
    Fill: "on_fill",
    OrderUpdate: "on_order",
}


@compiled
def _ask_compiled(
    target: Any, memory: Any, states: Any, strategy: int, events: Any, index: int, asks: Any, count: int
) -> int:
    return call_strategy(target, memory, states, strategy, events, index, asks, count)


@dataclass
class CompiledHost:
    """A compiled strategy at work."""

    source: CompiledStrategy
    place: Place
    memory: NDArray[np.void]
    target: Target
    keep: object = field(repr=False)

    @property
    def memory_handle(self) -> Any:
        """What compiled loops know the memory by."""
        return self.memory.ctypes.data if JIT_ENABLED else self.memory

    def ask(self, states: Records[State], events: NDArray[np.void], index: int, asks: Any, count: int) -> int:
        """Shows it one event; returns the new count of requests."""
        strategy = self.place.strategy
        return _ask_compiled(self.target, self.memory_handle, states, strategy, events, index, asks, count)

    def snapshot(self) -> bytes:
        return self.memory.tobytes()

    def restore(self, kept: bytes) -> None:
        if len(kept) != self.memory.nbytes:
            raise StrategyError(
                f"strategy {self.place.name}: the kept memory has {len(kept)} bytes, this version uses "
                f"{self.memory.nbytes}: replay the journal from its start instead"
            )
        self.memory[0] = np.frombuffer(kept, self.memory.dtype)[0]


@dataclass
class PythonHost:
    """A plain Python strategy at work."""

    strategy: PythonStrategy
    place: Place
    view: DeskView
    handlers: dict[type, Any]

    def show(self, event: EventView) -> None:
        """Shows it one event; what it asks is in `view.asks[:view.count]`."""
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(self.view, event)

    def snapshot(self) -> bytes:
        return self.strategy.snapshot()

    def restore(self, kept: bytes) -> None:
        self.strategy.restore(kept)


Host = CompiledHost | PythonHost


def strategy_source(kind: str, config: DeskConfig) -> StrategySource:
    """Returns the strategy of a kind. Raises ConfigError naming the kinds there are."""
    if kind in STRATEGIES:
        return STRATEGIES[kind]()
    known = ", ".join(sorted(STRATEGIES))
    raise ConfigError(str(config.file), "strategies.kind", kind, f"one of {known}")


def _compiled(source: CompiledStrategy, place: Place, table: Mapping[str, Any]) -> CompiledHost:
    memory = np.zeros(1, source.memory)
    source.prepare(memory[0], read_parameters(source.parameters, table, place), place)
    target, keep = address_of(source.on_event, source.memory, ASKS)
    return CompiledHost(source, place, memory, target, keep)


def _python(source: type[PythonStrategy], place: Place, table: Mapping[str, Any], states: Records[State]) -> PythonHost:
    strategy = source(read_parameters(source.parameters_type, table, place), place)
    handlers = {
        view: getattr(strategy, name)
        for view, name in _HANDLERS.items()
        if getattr(source, name) is not getattr(PythonStrategy, name)
    }
    return PythonHost(strategy, place, DeskView(states, place.strategy), handlers)


def host_strategies(
    config: DeskConfig, states: Records[State], sources: Sequence[StrategySource] | None = None
) -> tuple[Host, ...]:
    """Returns the desk's strategies, ready. `sources` gives them in place of the kinds that the config names."""
    instruments = market_instruments(config)
    hosts: list[Host] = []
    for index, settings in enumerate(config.strategies):
        source = sources[index] if sources is not None else strategy_source(settings.kind, config)
        places = tuple(place for word in settings.instruments for place in config.find_instruments(word))
        specifications = tuple(instruments[one] for one in places)
        place = Place(index, settings.name, places, specifications, config)
        table = cast(Mapping[str, Any], settings.parameters)
        if isinstance(source, CompiledStrategy):
            hosts.append(_compiled(source, place, table))
        else:
            hosts.append(_python(source, place, table, states))
    return tuple(hosts)
