"""The strategies that a desk can name by kind. Each is imported when it is first asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, cast

from quarterdeck.strategies.contract import CompiledStrategy, PythonStrategy

__all__ = ["STRATEGIES"]


def _named(module: str) -> Callable[[], CompiledStrategy | type[PythonStrategy]]:
    def load() -> CompiledStrategy | type[PythonStrategy]:
        found = import_module(module)
        return cast(CompiledStrategy | type[PythonStrategy], found.STRATEGY)

    return load


STRATEGIES: Final[Mapping[str, Callable[[], CompiledStrategy | type[PythonStrategy]]]] = {
    "momentum": _named("quarterdeck.strategies.momentum"),
    "maker": _named("quarterdeck.strategies.maker"),
    "funding_arbitrage": _named("quarterdeck.strategies.funding_arbitrage"),
    "hats": _named("quarterdeck.strategies.hats"),
    "regime": _named("quarterdeck.strategies.regime"),
    "breakout": _named("quarterdeck.strategies.breakout"),
    "arbitrage": _named("quarterdeck.strategies.arbitrage"),
}
