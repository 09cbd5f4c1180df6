"""What a live desk does with an event, in two calls of compiled code: the event, and what a strategy asks at it.

Each record is copied into the journal's buffer, stamped and applied, in that order. What the kernel wants of venues is
put aside, cancels apart from orders, until the journal has been handed over. The journal's cursor moves along in memory
that both sides know, so Python does nothing for a record but make the call.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

import numba
import numpy as np
from numba.core import types as _types
from numpy.typing import NDArray

from quarterdeck.kernel.account import apply_event, new_actions, new_events
from quarterdeck.kernel.compiled import JIT_ENABLED, compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import ACTIONS, EVENT, STATE, Event, State
from quarterdeck.kernel.stamping import BASE, CURSOR_WORDS, NEXT, ROOM, stamp
from quarterdeck.kernel.units import events_at, held_by_python, records_at, words_at
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.strategies.asking import ASKS

__all__ = ["LiveLoop"]

_CANCELS: Final = 0
_ORDERS: Final = 1
_OUTGOING: Final = 2 * ACTIONS
_CONTEXT_WORDS: Final = 9
_RECORD_WORDS: Final = EVENT.itemsize // 8
# Kinds that are both journaled and applied: not the journal's own, not what the kernel says.
_INPUTS: Final = np.isin(np.arange(256), [kind for kind in EventKind if 0 < kind < EventKind.SEAL])


@compiled
def _apply_next(
    states: Records[State], buffer: Records[Event], words: Any, cursor: Any, actions: Any, out: Any, counts: Any
) -> None:
    """Stamps and applies the record at the cursor, and moves the cursor behind it.

    `out` is room for cancels and, behind `_OUTGOING` of them, for orders; `counts` says how many of each there are.
    """
    place = cursor[NEXT] - cursor[BASE]
    stamp(words, place, cursor[NEXT])
    cursor[NEXT] += 1
    cursor[ROOM] -= 1
    for index in range(apply_event(states[0], buffer[place], actions)):
        kind = actions[index]["kind"]
        if kind == EventKind.CANCEL:
            out[counts[_CANCELS]] = actions[index]
            counts[_CANCELS] += 1
        elif kind <= EventKind.REPLACE:
            out[_OUTGOING + counts[_ORDERS]] = actions[index]
            counts[_ORDERS] += 1


@compiled
def _take(
    states: Records[State], buffer: Records[Event], words: Any, cursor: Any, actions: Any, out: Any, counts: Any,
    events: Records[Event], index: int,
) -> int:  # fmt: skip
    kind = np.int64(events[index]["kind"])  # an unsigned byte has no minus
    if not _INPUTS[kind]:
        return int(-kind)
    buffer[cursor[NEXT] - cursor[BASE]] = events[index]
    _apply_next(states, buffer, words, cursor, actions, out, counts)
    return int(kind)


@compiled
def _take_asks(
    states: Records[State], buffer: Records[Event], words: Any, cursor: Any, actions: Any, out: Any, counts: Any,
    asks: Records[Event], count: int, strategy: int,
) -> None:  # fmt: skip
    for index in range(count):
        place = cursor[NEXT] - cursor[BASE]
        buffer[place] = asks[index]
        buffer[place]["time_ns"] = states[0]["time_ns"]
        buffer[place]["strategy"] = strategy
        _apply_next(states, buffer, words, cursor, actions, out, counts)


def _take_at(address: int, events: Any, index: int) -> int:
    context = words_at(address, _CONTEXT_WORDS, np.int64)
    return _take(
        records_at(context[0], 1, STATE), events_at(context[1], context[2]),
        words_at(context[1], context[2] * _RECORD_WORDS, np.uint64), words_at(context[3], CURSOR_WORDS, np.int64),
        events_at(context[4], ACTIONS), events_at(context[5], 2 * _OUTGOING), words_at(context[6], 2, np.int64),
        events, index,
    )  # fmt: skip


def _take_asks_at(address: int, count: int) -> int:
    context = words_at(address, _CONTEXT_WORDS, np.int64)
    _take_asks(
        records_at(context[0], 1, STATE), events_at(context[1], context[2]),
        words_at(context[1], context[2] * _RECORD_WORDS, np.uint64), words_at(context[3], CURSOR_WORDS, np.int64),
        events_at(context[4], ACTIONS), events_at(context[5], 2 * _OUTGOING), words_at(context[6], 2, np.int64),
        events_at(context[7], ASKS), count, context[8],
    )  # fmt: skip
    return count


def _take_in(context: Any, events: Any, index: int) -> int:
    return int(cast(Any, _take)(*context, events, index))


def _take_asks_in(context: Any, count: int) -> int:
    *arrays, asks, strategy = context
    cast(Any, _take_asks)(*arrays, asks, count, strategy)
    return count


class LiveLoop:
    """The compiled half of a live desk, bound to its state and its journal's buffer and cursor.

    `take(context, events, index)` takes one event in and returns its kind, or minus the kind where it is none that can
    be journaled and applied. `take_asks(context of the asker, count)` does the same with what was asked. For both the
    cursor must have room. `cancels` and `orders` are views of the outgoing actions; `counts` says how many are valid.
    """

    def __init__(self, states: Records[State], buffer: NDArray[np.void], cursor: NDArray[np.int64]) -> None:
        outgoing, counts = new_events(2 * _OUTGOING), np.zeros(2, np.int64)
        views = list(cast(Any, outgoing))  # made once
        self.cancels, self.orders = views[:_OUTGOING], views[_OUTGOING:]
        self.counts = memoryview(cast(Any, counts))
        self.kinds = memoryview(cast(Any, outgoing.view(np.uint8)))[16 :: EVENT.itemsize][_OUTGOING:]
        words = buffer.view(np.uint64)
        self._kept: list[Any] = []  # what contexts point to
        self._arrays: tuple[Any, ...] = (states, buffer, words, cursor, new_actions(), outgoing, counts)
        self.take, self.take_asks = _entries()
        self.context = self._context()

    def asker(self, asks: NDArray[np.void], strategy: int) -> Any:
        """Returns the context of one strategy that asks into `asks` (shape (ASKS,)), which must outlive it."""
        return self._context(asks, strategy)

    def _context(self, asks: NDArray[np.void] | None = None, strategy: int = -1) -> Any:
        if not JIT_ENABLED:
            return self._arrays if asks is None else (*self._arrays, asks, strategy)
        states, buffer, _, cursor, actions, out, counts = self._arrays
        places = [array.ctypes.data for array in (states, buffer)] + [len(buffer)]
        places += [array.ctypes.data for array in (cursor, actions, out, counts)]
        context = np.array([*places, 0 if asks is None else asks.ctypes.data, strategy], np.int64)
        self._kept.append((context, asks))
        return context.ctypes.data


@cache
def _entries() -> tuple[Callable[[Any, Any, int], int], Callable[[Any, int], int]]:
    """The two calls of the loop. Compiled ones are called without numba's dispatcher, which looks at every argument's

    type and, when the processor's caches are cold, takes longer for it than the kernel for the event. So the caller
    sees to the types: EVENT records without gaps, plain integers.
    """
    if not JIT_ENABLED:
        return _take_in, _take_asks_in
    types = cast(Any, _types)
    word, events = types.int64, cast(Any, numba).from_dtype(EVENT)[::1]
    signatures = ((_take_at, (word, events, word)), (_take_asks_at, (word, word)))
    take, take_asks = (_entry(function, arguments) for function, arguments in signatures)
    return take, take_asks


def _entry(function: Any, arguments: tuple[Any, ...]) -> Any:
    dispatcher = held_by_python(function)
    dispatcher.compile(arguments)
    return dispatcher.overloads[arguments].entry_point
