"""Market data read from its bytes by compiled code, where a message is written exactly as its venue writes it.

    Form('{"e":"trade","p":"<price>","q":"<size>","T":<time>}<row>', ...)

A form is the text of a whole message with a name where a figure stands; a compiled loop walks through both and writes
events. Whatever differs by a byte (blanks, another order of names, an escape, a figure between two steps or out of
range) is left to whoever reads with care, so nothing is refused or taken here that would not be there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.records import EVENT, PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.venues.levels import UNREAD, LevelForm, brief, matches, read_levels, whole_steps

__all__ = ["ASK", "BID", "NEWEST", "TIME", "Form", "Grids", "MarketRoom"]

_WORDS: Final = EVENT.itemsize // 8
_ROOM_ROWS: Final = 4_096  # events that are handed out of one piece of memory
_ROWS_MAX: Final = 1_024  # of one message; a longer one is read with care
_BYTES_MAX: Final = 256 * 1024
_TIME_MS_MAX: Final = 9_000_000_000_000
_NS_PER_MS: Final = 1_000_000
_DIGITS_MAX: Final = 18
_NOBODY: Final = -1

# What stands at a place of a form: a row of `plan`, (what, two figures that depend on it, the figure that it becomes).
_TEXT, _NUMBER, _TIME_MS, _PRICE, _SIZE, _BOOLEAN, _AGGRESSOR, _SPARE, _PASSED, _EACH, _ROW, _BIDS, _ASKS = range(13)
_STEP: Final = 4
# A plan begins with the figures of the present message; the first eight are the words of an event.
TIME, _AT_HEAD, _AT_PRICE, _AT_QUANTITY, _AT_NUMBER = 1, 2, 3, 4, 7
_AT_FIRST, _AT_BEFORE = 8, 9
NEWEST, BID, ASK = 10, 11, 12
_GRIDS: Final = 16  # then price and size (mantissa, decimals), the least size of a level, the heads
_CLEAR_HEAD, _LEVEL_HEAD = 21, 22
_LEVEL_TEXTS: Final = 24  # where the three texts of a level begin and end
_COUNTED: Final = 30
_STEPS: Final = 32

_KINDS: Final[Mapping[str, tuple[int, int, int]]] = {
    # what, the least, the figure
    "number": (_NUMBER, 0, -1),
    "id": (_NUMBER, 1, 6),
    "update": (_NUMBER, 0, _AT_NUMBER),
    "first": (_NUMBER, 0, _AT_FIRST),
    "before": (_NUMBER, 0, _AT_BEFORE),
    "time": (_TIME_MS, 1, TIME),
    "price": (_PRICE, 1, _AT_PRICE),
    "size": (_SIZE, 1, _AT_QUANTITY),
    "bid": (_PRICE, 1, 3),
    "ask": (_PRICE, 1, 4),
    "bid_size": (_SIZE, 1, 5),
    "ask_size": (_SIZE, 1, 6),
    "buyer_is_maker": (_BOOLEAN, 0, -1),
    "aggressor": (_AGGRESSOR, 0, -1),
    "yes_or_no": (_SPARE, 0, -1),
    "text": (_PASSED, 0, -1),
    "each": (_EACH, 0, -1),
    "row": (_ROW, 0, -1),
    "bids": (_BIDS, 0, -1),
    "asks": (_ASKS, 0, -1),
}
_NAME: Final = re.compile(r"<(\w+)>")
_SELL_BIT: Final = int(Flag.SELL) << 8  # in an event's third word
_LAST_BIT: Final = int(Flag.LAST) << 8
_QUOTE_KIND: Final = int(EventKind.QUOTE)
_A, _B, _QUOTE_MARK, _BACKSLASH, _COMMA, _ZERO, _NINE, _BLANK, _TILDE = (ord(one) for one in 'AB"\\,09 ~')
_TRUE: Final = np.frombuffer(b"true", np.uint8)
_FALSE: Final = np.frombuffer(b"false", np.uint8)


@dataclass(frozen=True, slots=True)
class Grids:
    """An instrument's index, its steps as (mantissa, decimals), and the least size that a level may have."""

    index: int
    price: tuple[int, int]
    size: tuple[int, int]
    least: int = 0


class Form:
    """One way in which a venue writes one kind of message of one instrument.

    | name                            | what stands there                                                            |
    |---------------------------------|------------------------------------------------------------------------------|
    | time                            | the venue's time, whole milliseconds                                         |
    | price size id                   | of a trade                                                                   |
    | buyer_is_maker, aggressor       | its side: true or false; A or B                                              |
    | bid bid_size ask ask_size       | of a quote; the bid must be below the ask                                    |
    | bids asks                       | lists of levels, in the form `levels`                                        |
    | update first before             | numbers of a message: its last one; its first, and the last before it        |
    | number, text, yes_or_no         | what nobody asks for: a whole number; a text without escapes; true or false  |
    | row                             | no byte: an event is complete                                                |
    | each                            | no byte: behind a row, and a comma, the same again from here                 |

    A price and a size of a row are above 0. `kind` is what a row becomes; with `levels`, the message becomes LEVELs,
    behind a BOOK_CLEAR where `whole`: then the first bid must be below the first ask.

    `figures` are those of the message that was read last: NEWEST of its times, the best BID and ASK of a quote or a
    book (ticks, 0 where there is none). A form that is not `timed` gives its events the TIME that was written there.
    """

    def __init__(
        self, text: str, kind: int, grids: Grids, *, levels: LevelForm | None = None, whole: bool = False
    ) -> None:
        literals = bytearray()
        steps: list[tuple[int, int, int, int]] = []
        for place, part in enumerate(_NAME.split(text)):
            if place % 2:
                what, least, figure = _KINDS[part]
                steps.append((what, least, 0, figure))
            elif part:
                raw = part.encode()
                steps.append((_TEXT, len(literals), len(literals) + len(raw), -1))
                literals += raw
        head = np.zeros(_STEPS, np.int64)
        head[_AT_HEAD] = _head(kind, grids.index)
        head[_GRIDS : _GRIDS + 5] = (*grids.price, *grids.size, grids.least)
        if levels is not None:
            head[_CLEAR_HEAD] = _head(EventKind.BOOK_CLEAR, grids.index) if whole else 0
            head[_LEVEL_HEAD] = _head(EventKind.LEVEL, grids.index)
            for place, raw in enumerate((levels.before, levels.between, levels.after)):
                begin = _LEVEL_TEXTS + 2 * place
                head[begin], head[begin + 1] = len(literals), len(literals) + len(raw)
                literals += raw.tobytes()
            head[_COUNTED] = levels.counted
        self.text = np.frombuffer(bytes(literals), np.uint8)
        self.plan = np.concatenate([head, np.array(steps, np.int64).reshape(-1)])
        self.figures = self.plan.data
        self.timed = "<time>" in text
        self.kind, self.index = kind, grids.index

    @property
    def numbers(self) -> tuple[int, int, int]:
        """`first`, `update` and `before` of the message that was read last."""
        figures = self.figures
        return figures[_AT_FIRST], figures[_AT_NUMBER], figures[_AT_BEFORE]


class MarketRoom:
    """Where events are written as messages are read. What was handed out is never written again; one thread uses it."""

    def __init__(self) -> None:
        self._make_room()
        # What is not compiled yet is compiled now, and not when the first message has come.
        self.read(Form("{}", EventKind.QUOTE, Grids(0, (1, 0), (1, 0))), b"")

    def _make_room(self) -> None:
        self._words = np.empty((_ROOM_ROWS, _WORDS), np.int64)
        # The same bytes: a view of another type is checked by slow code of numpy's.
        self._events = np.ndarray((_ROOM_ROWS,), EVENT, self._words.data)
        self._next = 0

    def read(self, form: Form, raw: bytes) -> Any:
        """Returns a message's events; None where it is not in this form."""
        begin = self._next
        if begin > _ROOM_ROWS - _ROWS_MAX:
            self._make_room()
            begin = 0
        count = _read(raw, form.text, form.plan, self._words, begin)
        if count < 0:
            return None
        self._next = end = begin + count
        return self._events[begin:end]


def _head(kind: int, index: int) -> int:
    """The third word of an event without flags, for no strategy."""
    event = np.zeros(1, EVENT)
    event["kind"], event["instrument"], event["strategy"] = kind, index, _NOBODY
    return int(event.view(np.int64)[_AT_HEAD])


@brief
def _whole_number(raw: bytes, at: int) -> tuple[int, int]:
    """The JSON number at `at`, of digits alone, and where it ends; below 0: it is none."""
    value, begin = 0, at
    while at < len(raw) and _ZERO <= raw[at] <= _NINE:
        value = value * 10 + (raw[at] - _ZERO)
        at += 1
        if at - begin > _DIGITS_MAX:
            return UNREAD, at
    if at == begin or (raw[begin] == _ZERO and at > begin + 1):
        return UNREAD, at
    return value, at


@brief
def _passed(raw: bytes, at: int) -> int:
    """Where the text ends that begins at `at`; below 0: it has what must be looked at with care."""
    while at < len(raw) and raw[at] != _QUOTE_MARK:
        if raw[at] < _BLANK or raw[at] > _TILDE or raw[at] == _BACKSLASH:
            return UNREAD
        at += 1
    return at


@brief
def _side(raw: bytes, at: int, what: int) -> tuple[int, int]:
    """Whether it was sold, and where that ends; below 0: it does not say so."""
    if what == _AGGRESSOR:
        if at < len(raw) and (raw[at] == _A or raw[at] == _B):
            return int(raw[at] == _A), at + 1
    elif matches(raw, at, _TRUE):
        return 1, at + len(_TRUE)
    elif matches(raw, at, _FALSE):
        return 0, at + len(_FALSE)
    return UNREAD, at


@brief
def _figure(raw: bytes, at: int, what: int, plan: NDArray[np.int64]) -> tuple[int, int]:
    """The figure at `at` and where it ends; below 0: not plain."""
    if what == _PRICE:
        return whole_steps(raw, at, plan[_GRIDS], plan[_GRIDS + 1], PRICE_MAX)
    if what == _SIZE:
        return whole_steps(raw, at, plan[_GRIDS + 2], plan[_GRIDS + 3], QUANTITY_MAX)
    value, end = _whole_number(raw, at)
    if what == _TIME_MS:
        if value >= _TIME_MS_MAX:
            return UNREAD, at
        if value > 0:
            value *= _NS_PER_MS
    return value, end


@brief
def _write_row(plan: NDArray[np.int64], sold: int, row: NDArray[np.int64]) -> bool:
    """An event of the figures; False: it makes no sense, and somebody has to say which."""
    for word in range(_WORDS):
        row[word] = plan[word]
    if sold:
        row[_AT_HEAD] |= _SELL_BIT
    plan[NEWEST] = max(plan[NEWEST], row[TIME])
    plan[BID], plan[ASK] = row[_AT_PRICE], row[_AT_PRICE + 1]
    return (row[_AT_HEAD] & 0xFF) != _QUOTE_KIND or row[_AT_PRICE] < row[_AT_PRICE + 1]


@brief
def _write_book(plan: NDArray[np.int64], bids: int, count: int, rows: NDArray[np.int64]) -> int:
    """What is the same in all events of a book whose prices and sizes stand there. Returns how many events."""
    first = 1 if plan[_CLEAR_HEAD] else 0
    plan[NEWEST] = plan[TIME]
    plan[BID] = rows[first, _AT_PRICE] if bids else 0
    plan[ASK] = rows[first + bids, _AT_PRICE] if bids < count else 0
    if first:
        for word in range(_WORDS):
            rows[0, word] = 0
        rows[0, TIME], rows[0, _AT_HEAD] = plan[TIME], plan[_CLEAR_HEAD]
        if plan[BID] >= plan[ASK] > 0:
            return UNREAD  # crossed
    for place in range(count):
        row = rows[first + place]
        row[0], row[TIME] = 0, plan[TIME]
        row[_AT_HEAD] = plan[_LEVEL_HEAD] | (_SELL_BIT if place >= bids else 0)
        row[5], row[6], row[_AT_NUMBER] = 0, 0, plan[_AT_NUMBER]
    if count:
        rows[first + count - 1, _AT_HEAD] |= _LAST_BIT
    return first + count


@brief
def _read_side(
    raw: bytes, at: int, text: NDArray[np.uint8], plan: NDArray[np.int64], kept: int, rows: NDArray[np.int64]
) -> tuple[int, int]:
    """Reads a list of levels behind `kept` of them. Returns (levels in all, where it ended), or below 0."""
    first = 1 if plan[_CLEAR_HEAD] else 0
    return read_levels(
        raw,
        at,
        kept,
        text[plan[_LEVEL_TEXTS] : plan[_LEVEL_TEXTS + 1]],
        text[plan[_LEVEL_TEXTS + 2] : plan[_LEVEL_TEXTS + 3]],
        text[plan[_LEVEL_TEXTS + 4] : plan[_LEVEL_TEXTS + 5]],
        plan[_COUNTED] != 0,
        plan[_GRIDS : _GRIDS + 5],
        rows[first:, _AT_PRICE],
        rows[first:, _AT_QUANTITY],
    )


@brief
def _read(raw: bytes, text: NDArray[np.uint8], plan: NDArray[np.int64], words: NDArray[np.int64], begin: int) -> int:
    """Writes a message's events from row `begin` on. Returns how many, or below 0."""
    if len(raw) > _BYTES_MAX:
        return UNREAD
    rows = words[begin : begin + _ROWS_MAX]
    at, count, sold, bids, levels, again = 0, 0, 0, 0, 0, 0
    step = _STEPS
    plan[NEWEST] = 0
    while step < len(plan):
        what, least, until, figure = plan[step], plan[step + 1], plan[step + 2], plan[step + 3]
        step += _STEP
        if what == _TEXT:
            if not matches(raw, at, text[least:until]):
                return UNREAD
            at += until - least
        elif what <= _SIZE:
            value, at = _figure(raw, at, what, plan)
            if value < least:
                return UNREAD
            if figure >= 0:
                plan[figure] = value
        elif what <= _SPARE:
            side, at = _side(raw, at, what)
            if side < 0:
                return UNREAD
            sold = side if what != _SPARE else sold
        elif what == _PASSED:
            at = _passed(raw, at)
            if at < 0:
                return UNREAD
        elif what == _EACH:
            again = step
        elif what == _ROW:
            if count >= _ROWS_MAX or not _write_row(plan, sold, rows[count]):
                return UNREAD
            count += 1
            if again and at < len(raw) and raw[at] == _COMMA:
                at += 1
                step = again
        else:
            levels, at = _read_side(raw, at, text, plan, levels, rows)
            if levels < 0:
                return UNREAD
            if what == _BIDS:
                bids = levels
    if at != len(raw):
        return UNREAD
    return _write_book(plan, bids, levels, rows) if plan[_LEVEL_HEAD] else count
