"""Calls by address: how compiled loops call compiled strategies that they were not compiled with.

A loop that knew its strategies would have to be compiled anew for each; one that calls an address is compiled once.
With the JIT off an "address" is the Python function itself.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic as _intrinsic

from quarterdeck.kernel.compiled import JIT_ENABLED, compiled
from quarterdeck.kernel.records import EVENT, STATE
from quarterdeck.kernel.units import pointer

__all__ = ["StrategyFunction", "Target", "address_of", "call_strategy"]

# on_event(state, strategy, memory, event, asks, count) -> count
StrategyFunction = Callable[[Any, int, Any, Any, Any, int], int]
Target = Any  # an int address when compiled, else the function

_types = cast(Any, types)
_carray = cast(Any, numba).carray
_WORDS = 6


@cast(Any, _intrinsic)
def _call(_typing_context: Any, _address: Any, _a: Any, _b: Any, _c: Any, _d: Any, _e: Any, _f: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word] * _WORDS)
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), list(arguments[1:]))

    return _types.int64(*([_types.int64] * (_WORDS + 1))), generate


@compiled
def _call_compiled(
    target: Any, memory: Any, states: Any, strategy: int, events: Any, index: int, asks: Any, count: int
) -> int:
    event = events.ctypes.data + EVENT_SIZE * index
    return _call(target, memory, states.ctypes.data, strategy, event, asks.ctypes.data, count)


def _call_python(
    target: Any, memory: Any, states: Any, strategy: int, events: Any, index: int, asks: Any, count: int
) -> int:
    return target(states[0], strategy, memory[0], events[index], asks, count)


EVENT_SIZE = EVENT.itemsize
call_strategy = _call_compiled if JIT_ENABLED else _call_python


@cache
def address_of(function: StrategyFunction, memory: "np.dtype[np.void]", asks: int) -> tuple[Target, object]:
    """Returns (what `call_strategy` calls, what must be kept alive meanwhile).

    `memory` is the layout of the strategy's memory, `asks` the length of the array that it asks into.
    """
    if not JIT_ENABLED:
        return function, function

    def entry(memory_at: int, state_at: int, strategy: int, event_at: int, asks_at: int, count: int) -> int:
        state = _carray(pointer(state_at), (1,), STATE)
        own = _carray(pointer(memory_at), (1,), memory)
        event = _carray(pointer(event_at), (1,), EVENT)
        room = _carray(pointer(asks_at), (asks,), EVENT)
        return function(state[0], strategy, own[0], event[0], room, count)

    word = _types.int64
    wrapped = cast(Any, numba).cfunc(word(word, word, word, word, word, word), nopython=True)(entry)
    return int(wrapped.address), wrapped
