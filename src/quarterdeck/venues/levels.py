"""Levels of a book read from JSON's bytes by compiled code: of all that a venue streams, they are the most.

Only the plain form that venues write is read here. Whatever is not exactly that (blanks, another order of names, a
figure between two steps or out of range) is left to whoever reads with care, so nothing is refused or taken here that
would not be there.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX

__all__ = ["OBJECTS", "PAIRS", "LevelForm", "LevelScanner"]

_DIGITS_MAX: Final = 17  # with a scale of 10**k they stay below 2**63, see _number
_UNREAD: Final = -1
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
        self._end = np.zeros(1, np.int64)
        self.prices, self.sizes = np.zeros(most, np.int64), np.zeros(most, np.int64)

    def scan(self, raw: NDArray[np.uint8], start: int = 0, kept: int = 0) -> tuple[int, int]:
        """Reads the list that begins at `start`, behind `kept` levels. Returns (levels in all, where the list ended).

        (-1, 0): it is not in the plain form, or has no room.
        """
        form = self._form
        count = _scan(
            raw, start, kept, form.before, form.between, form.after, form.counted, self._steps, self.prices, self.sizes,
            self._end,
        )  # fmt: skip
        return (count, int(self._end[0])) if count >= 0 else (_UNREAD, 0)


@compiled
def _matches(raw: NDArray[np.uint8], at: int, text: NDArray[np.uint8]) -> bool:
    if at + len(text) > len(raw):
        return False
    for place in range(len(text)):  # noqa: SIM110 - compiled code has no generators
        if raw[at + place] != text[place]:
            return False
    return True


@compiled
def _number(raw: NDArray[np.uint8], at: int, step: int, decimals: int, most: int, end: NDArray[np.int64]) -> int:
    """The whole steps of the figure at `at`, which ends at a byte that is none of it: `end`; below 0: not plain."""
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
                    return _UNREAD
            elif byte != _ZERO:
                return _UNREAD
        else:
            break
        at += 1
    if digits == 0 or raw[at - 1] == _DOT or digits + decimals - part > _DIGITS_MAX:
        return _UNREAD
    for _ in range(decimals - part):
        units *= 10
    if units % step != 0 or units // step > most:
        return _UNREAD
    end[0] = at
    return units // step


@compiled
def _scan(
    raw: NDArray[np.uint8],
    start: int,
    kept: int,
    before: NDArray[np.uint8],
    between: NDArray[np.uint8],
    after: NDArray[np.uint8],
    counted: bool,
    steps: NDArray[np.int64],
    prices: NDArray[np.int64],
    sizes: NDArray[np.int64],
    end: NDArray[np.int64],
) -> int:
    """The count of levels with those that were kept, or below 0; `end` is one past the list's last byte."""
    at, count = start, kept
    if at + 1 >= len(raw) or raw[at] != _OPEN:
        return _UNREAD
    if raw[at + 1] == _CLOSE:
        end[0] = at + 2
        return count
    while True:
        at += 1
        if count >= len(prices) or not _matches(raw, at, before):
            return _UNREAD
        price = _number(raw, at + len(before), steps[0], steps[1], PRICE_MAX, end)
        at = end[0]
        if price <= 0 or not _matches(raw, at, between):
            return _UNREAD
        size = _number(raw, at + len(between), steps[2], steps[3], QUANTITY_MAX, end)
        at = end[0]
        if size < steps[4] or not _matches(raw, at, after):
            return _UNREAD
        at += len(after)
        if counted:
            first = at
            while at < len(raw) and _ZERO <= raw[at] <= _NINE:
                at += 1
            if at == first or at >= len(raw) or raw[at] != _END:
                return _UNREAD
            at += 1
        prices[count], sizes[count] = price, size
        count += 1
        if at >= len(raw):
            return _UNREAD
        if raw[at] == _CLOSE:
            end[0] = at + 1
            return count
        if raw[at] != _COMMA:
            return _UNREAD
