"""Levels of a book read from JSON's bytes by compiled code: of all that a venue streams, they are the most.

Only the plain form that venues write is read here. Whatever is not exactly that (blanks, another order of names, a
figure between two steps or out of range) is left to whoever reads with care, so nothing is refused or taken here that
would not be there.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import JIT_ENABLED
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX

__all__ = ["OBJECTS", "PAIRS", "UNREAD", "LevelForm", "LevelScanner", "brief", "matches", "read_levels", "whole_steps"]

_DIGITS_MAX: Final = 17  # with a scale of 10**k they stay below 2**63, see `whole_steps`
UNREAD: Final = -1
_ZERO, _NINE, _DOT, _COMMA, _OPEN, _CLOSE, _END = (ord(one) for one in "09.,[]}")


class LevelForm:
    """How one level is written: what stands before its price, between price and size, and after the size."""

    def __init__(self, before: bytes, between: bytes, after: bytes, *, counted: bool) -> None:
        self.before, self.between, self.after = (np.frombuffer(one, np.uint8) for one in (before, between, after))
        self.counted = counted  # a whole number and a brace follow


PAIRS: Final = LevelForm(b'["', b'","', b'"]', counted=False)
OBJECTS: Final = LevelForm(b'{"px":"', b'","sz":"', b'","n":', counted=True)


class LevelScanner:
    """Reads lists of levels of one instrument into `prices` and `sizes`, whole steps, shape (most,).

    A price is a whole number, above 0, of `price_step` * 10**-`price_decimals`, a size of the other two, and at least
    `least`. One thread uses it.
    """

    def __init__(
        self, form: LevelForm, most: int, price: tuple[int, int], size: tuple[int, int], *, least: int
    ) -> None:
        """`price` and `size` are (step's mantissa, decimals)."""
        self._form = form
        self._steps = np.array([*price, *size, least], np.int64)
        room = np.zeros((most, 2), np.int64)
        self.prices, self.sizes = room[:, 0], room[:, 1]

    def scan(self, raw: bytes, start: int = 0, kept: int = 0) -> tuple[int, int]:
        """Reads the list that begins at `start`, behind `kept` levels. Returns (levels in all, where the list ended).

        (-1, 0): it is not in the plain form, or has no room.
        """
        form = self._form
        count, end = read_levels(
            raw, start, kept, form.before, form.between, form.after, form.counted, self._steps, self.prices, self.sizes
        )
        return (count, end) if count >= 0 else (UNREAD, 0)


F = TypeVar("F", bound=Callable[..., Any])
_njit = cast(Any, numba.njit)


def brief(function: F) -> F:
    """Compiles what takes a few microseconds. It keeps Python's lock: giving it away would cost more than the work,
    and getting it back may take as long as another thread likes to keep it.
    """
    assert JIT_ENABLED is not None  # compiled code is kept where the kernel's is: `kernel.compiled` has said so
    return cast(F, _njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, _nrt=False)(function))


@brief
def matches(raw: bytes, at: int, text: NDArray[np.uint8]) -> bool:
    """Whether the text stands at `at`."""
    if at + len(text) > len(raw):
        return False
    for place in range(len(text)):  # noqa: SIM110 - compiled code has no generators
        if raw[at + place] != text[place]:
            return False
    return True


@brief
def whole_steps(raw: bytes, at: int, step: int, decimals: int, most: int) -> tuple[int, int]:
    """The whole steps of the figure at `at`, and the place of the first byte that is none of it; below 0: not plain."""
    units, digits, part, seen = 0, 0, 0, False
    begin = at
    while at < len(raw):
        byte = raw[at]
        if byte == _DOT and not seen and at > begin:
            seen = True
        elif _ZERO <= byte <= _NINE:
            if part < decimals or not seen:
                units = units * 10 + (byte - _ZERO)
                part += 1 if seen else 0
                digits += 1
                if digits > _DIGITS_MAX:
                    return UNREAD, at
            elif byte != _ZERO:
                return UNREAD, at
        else:
            break
        at += 1
    if digits == 0 or raw[at - 1] == _DOT or digits + decimals - part > _DIGITS_MAX:
        return UNREAD, at
    for _ in range(decimals - part):
        units *= 10
    if step != 1:
        if units % step != 0:
            return UNREAD, at
        units //= step
    return (units if units <= most else UNREAD), at


@brief
def read_levels(
    raw: bytes,
    at: int,
    count: int,
    before: NDArray[np.uint8],
    between: NDArray[np.uint8],
    after: NDArray[np.uint8],
    counted: bool,
    steps: NDArray[np.int64],
    prices: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> tuple[int, int]:
    """Reads the list at `at` behind `count` levels. Returns (levels in all, one past the list's last byte), or below 0.

    `steps`: those of a price (mantissa, decimals), of a size, and the least size.
    """
    if at + 1 >= len(raw) or raw[at] != _OPEN:
        return UNREAD, at
    if raw[at + 1] == _CLOSE:
        return count, at + 2
    while True:
        at += 1
        if count >= len(prices) or not matches(raw, at, before):
            return UNREAD, at
        price, at = whole_steps(raw, at + len(before), steps[0], steps[1], PRICE_MAX)
        if price <= 0 or not matches(raw, at, between):
            return UNREAD, at
        size, at = whole_steps(raw, at + len(between), steps[2], steps[3], QUANTITY_MAX)
        if size < steps[4] or not matches(raw, at, after):
            return UNREAD, at
        at += len(after)
        if counted:
            first = at
            while at < len(raw) and _ZERO <= raw[at] <= _NINE:
                at += 1
            if at == first or (raw[first] == _ZERO and at > first + 1) or at >= len(raw) or raw[at] != _END:
                return UNREAD, at
            at += 1
        prices[count], sizes[count] = price, size
        count += 1
        if at >= len(raw):
            return UNREAD, at
        if raw[at] == _CLOSE:
            return count, at + 1
        if raw[at] != _COMMA:
            return UNREAD, at
