"""Compile units: the kernel in a few pieces of machine code that call each other by symbol.

numba links a function's callees into it and optimises the whole again at every level, so one deep call tree costs its
size times its depth. A unit is compiled once and called by name, like an object file; its code is kept on disk.
The first import after a change compiles them, which is said on standard error. With the JIT off there are no units.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic as _intrinsic

from quarterdeck.kernel.compiled import JIT_ENABLED, code_folder, compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import EVENT, STATE, Event, State

__all__ = [
    "StateUnit",
    "events_at",
    "held_by_python",
    "is_kept",
    "pointer",
    "record_address",
    "records_at",
    "state_at",
    "state_unit",
    "unit",
    "with_arrays",
    "words_at",
]

_types = cast(Any, types)
_carray = cast(Any, numba).carray
# `compiled` leaves out what returning an array needs.
with_arrays = cast(Any, numba.njit(cache=True, nogil=True))
# The same for the live path: no other thread of Python gets its turn in the middle of an event.
held_by_python = cast(Any, numba.njit(cache=True))
_built: Final[list[object]] = []  # compiled code lives as long as this list

StateUnit = Callable[[State, Event, Records[Event]], None]


@cast(Any, _intrinsic)
def pointer(_typing_context: Any, _address: Any) -> Any:
    """An integer as a C pointer."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cast(Any, cgutils).voidptr_t)

    return _types.voidptr(_types.intp), generate


@cast(Any, _intrinsic)
def record_address(_typing_context: Any, record: Any) -> Any:
    """The address of a record as an integer."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return _types.int64(record), generate


@with_arrays
def state_at(address: int) -> State:
    """The state at an address."""
    return _carray(pointer(address), (1,), STATE)[0]


@with_arrays
def records_at(address: int, count: int, layout: Any) -> Any:
    """`count` records of a layout at an address."""
    return _carray(pointer(address), (count,), layout)


@with_arrays
def events_at(address: int, count: int) -> Records[Event]:
    """`count` events at an address."""
    return _carray(pointer(address), (count,), EVENT)


@with_arrays
def words_at(address: int, count: int, layout: Any) -> Any:
    """`count` words (an int64 or uint64) at an address."""
    return _carray(pointer(address), (count,), layout)


def _marker(name: str) -> Path:
    return code_folder() / f"{name}.compiled"


def is_kept(name: str) -> bool:
    """Whether the unit's code is on disk already."""
    return _marker(name).exists()


def unit(name: str, words: int, entry: Callable[..., int]) -> Any:
    """Compiles `entry` (of `words` integer arguments) and enters it under a symbol; returns what calls it."""
    signature = _types.int64(*([_types.int64] * words))
    fresh = not is_kept(name)
    if fresh:
        sys.stderr.write(f"quarterdeck: compiling the {name} (once for this version) ...\n")
    built = cast(Any, numba).cfunc(signature, cache=True)(entry)
    if fresh:
        _marker(name).touch()
    symbol = "quarterdeck_" + name.replace(" ", "_")
    cast(Any, llvmlite.binding).add_symbol(symbol, built.address)
    _built.append(built)
    return _types.ExternalFunction(symbol, signature)


def state_unit(name: str, function: StateUnit, entry: Callable[[int, int, int], int]) -> StateUnit:
    """Makes a unit of a function of (state, event, actions). `entry` unpacks the addresses and calls it."""
    if not JIT_ENABLED:
        return function
    call = unit(name, 3, entry)

    def called(state: Any, event: Any, actions: Any) -> None:
        call(record_address(state), record_address(event), actions.ctypes.data)

    return compiled(called)
