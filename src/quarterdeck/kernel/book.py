"""One side of an order book: sorted blocks of a few levels each, so that a new level moves few others.

Blocks stand in the order of their keys: `order` lists them, best last, and after the used ones the free ones. `tops`
holds the last key of each used block. Keys ascend throughout, so the best level is the last entry of the last block.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market_records import BLOCK_LEVELS, BOOK_BLOCKS, BOOK_LEVELS, BookSide

__all__ = [
    "best_lots",
    "best_price",
    "clear_side",
    "entry_at",
    "level_lots",
    "lots_through",
    "set_level",
]


@compiled
def clear_side(side: BookSide) -> None:
    """Removes every level; makes a zeroed side ready for use."""
    side["count"] = 0
    side["blocks"] = 0
    for place in range(BOOK_BLOCKS):
        side["order"][place] = place
        side["tops"][place] = 0
        side["sizes"][place] = 0


@compiled
def _find_block(side: BookSide, key: int) -> int:
    """Place of the block that holds `key` or would; the last one when the key is above all. There must be one."""
    tops = side["tops"]
    left = side["blocks"] - 1
    place = 0
    # The comparison is a factor, not a branch: half of such branches would be guessed wrong.
    while left > 0:
        half = (left + 1) >> 1
        place += half * int(tops[place + half - 1] < key)
        left -= half
    return place


@compiled
def _find_entry(side: BookSide, place: int, key: int) -> int:
    """First entry of the block whose key is not below `key`; the block's end when there is none."""
    keys = side["keys"]
    block = side["order"][place]
    left = side["sizes"][block]
    entry = block * BLOCK_LEVELS
    while left > 0:
        half = (left + 1) >> 1
        entry += half * int(keys[entry + half - 1] < key)
        left -= half
    return entry


@compiled
def _holds(side: BookSide, place: int, entry: int, key: int) -> bool:
    block = side["order"][place]
    return entry < block * BLOCK_LEVELS + side["sizes"][block] and side["keys"][entry] == key


@compiled
def level_lots(side: BookSide, key: int) -> int:
    """Lots at a level; 0 when it is not in the book."""
    if side["blocks"] == 0:
        return 0
    place = _find_block(side, key)
    entry = _find_entry(side, place, key)
    return side["lots"][entry] if _holds(side, place, entry, key) else 0


@compiled
def _drop_block(side: BookSide, place: int) -> None:
    """Gives an empty block back."""
    order = side["order"]
    block = order[place]
    last = side["blocks"] - 1
    for at in range(place, last):
        order[at] = order[at + 1]
        side["tops"][at] = side["tops"][at + 1]
    order[last] = block
    side["blocks"] = last


@compiled
def _remove(side: BookSide, place: int, entry: int) -> None:
    block = side["order"][place]
    end = block * BLOCK_LEVELS + side["sizes"][block] - 1
    keys = side["keys"]
    lots = side["lots"]
    for at in range(entry, end):
        keys[at] = keys[at + 1]
        lots[at] = lots[at + 1]
    side["sizes"][block] -= 1
    side["count"] -= 1
    if side["sizes"][block] == 0:
        _drop_block(side, place)
    elif entry == end:
        side["tops"][place] = keys[end - 1]


@compiled
def _move(side: BookSide, source: int, start: int, target: int) -> None:
    """Moves the entries of block `source` from its `start`-th on to the end of block `target`."""
    count = side["sizes"][source] - start
    of = source * BLOCK_LEVELS + start
    to = target * BLOCK_LEVELS + side["sizes"][target]
    for at in range(count):
        side["keys"][to + at] = side["keys"][of + at]
        side["lots"][to + at] = side["lots"][of + at]
    side["sizes"][source] = start
    side["sizes"][target] += count


@compiled
def _merge_blocks(side: BookSide) -> None:
    """Joins neighbours that fit into one block. Fewer than BOOK_BLOCKS are left: any two neighbours fill one."""
    order = side["order"]
    place = 0
    for _ in range(BOOK_BLOCKS):
        if place >= side["blocks"] - 1:
            return
        if side["sizes"][order[place]] + side["sizes"][order[place + 1]] <= BLOCK_LEVELS:
            _move(side, order[place + 1], 0, order[place])
            side["tops"][place] = side["tops"][place + 1]
            _drop_block(side, place + 1)
        else:
            place += 1


@compiled
def _split(side: BookSide, place: int) -> None:
    """Moves the upper half of a full block into a free one behind it. There must be a free one."""
    order = side["order"]
    used = side["blocks"]
    fresh = order[used]
    for at in range(used, place + 1, -1):
        order[at] = order[at - 1]
        side["tops"][at] = side["tops"][at - 1]
    order[place + 1] = fresh
    side["sizes"][fresh] = 0
    _move(side, order[place], BLOCK_LEVELS // 2, fresh)
    side["tops"][place + 1] = side["tops"][place]
    side["tops"][place] = side["keys"][order[place] * BLOCK_LEVELS + BLOCK_LEVELS // 2 - 1]
    side["blocks"] = used + 1


@compiled
def _make_room(side: BookSide, key: int) -> None:
    """Sees to it that the block of `key` can take one more; a full side gives up its farthest level."""
    if side["count"] == BOOK_LEVELS:
        _remove(side, 0, side["order"][0] * BLOCK_LEVELS)
    if side["blocks"] == 0:
        side["blocks"] = 1
        side["sizes"][side["order"][0]] = 0
    elif side["sizes"][side["order"][_find_block(side, key)]] == BLOCK_LEVELS:
        if side["blocks"] == BOOK_BLOCKS:
            _merge_blocks(side)
        _split(side, _find_block(side, key))


@compiled
def _insert(side: BookSide, place: int, entry: int, key: int, size: int) -> None:
    """Puts a level before `entry` of a block that has room."""
    block = side["order"][place]
    end = block * BLOCK_LEVELS + side["sizes"][block]
    keys = side["keys"]
    lots = side["lots"]
    for at in range(end, entry, -1):
        keys[at] = keys[at - 1]
        lots[at] = lots[at - 1]
    keys[entry] = key
    lots[entry] = size
    side["sizes"][block] += 1
    side["count"] += 1
    if entry == end:
        side["tops"][place] = key


@compiled
def set_level(side: BookSide, key: int, lots: int) -> int:
    """Sets a level (0 lots remove it). Returns 1 when a level found no room, else 0.

    A full side gives up the level farthest from the best, which may be the new one.
    """
    if side["blocks"] == 0:
        if lots == 0:
            return 0
        _make_room(side, key)
    place = _find_block(side, key)
    entry = _find_entry(side, place, key)
    if _holds(side, place, entry, key):
        if lots > 0:
            side["lots"][entry] = lots
        else:
            _remove(side, place, entry)
        return 0
    if lots == 0:
        return 0
    full = side["count"] == BOOK_LEVELS
    if full and place == 0 and entry == side["order"][0] * BLOCK_LEVELS:
        return 1
    if full or side["sizes"][side["order"][place]] == BLOCK_LEVELS:
        _make_room(side, key)
        place = _find_block(side, key)
        entry = _find_entry(side, place, key)
    _insert(side, place, entry, key, lots)
    return int(full)


@compiled
def entry_at(side: BookSide, step: int) -> int:
    """Entry of the level `step` levels behind the best (0: the best); -1 when the side has no so many."""
    place = side["blocks"] - 1
    for _ in range(BOOK_BLOCKS):
        if place < 0:
            return -1
        block = side["order"][place]
        size = side["sizes"][block]
        if step < size:
            return block * BLOCK_LEVELS + size - 1 - step
        step -= size
        place -= 1
    return -1


@compiled
def best_price(side: BookSide) -> int:
    """Best price in ticks; 0 when the side is empty."""
    used = side["blocks"]
    return abs(side["tops"][used - 1]) if used > 0 else 0


@compiled
def best_lots(side: BookSide) -> int:
    """Lots at the best price; 0 when the side is empty."""
    used = side["blocks"]
    if used == 0:
        return 0
    block = side["order"][used - 1]
    return side["lots"][block * BLOCK_LEVELS + side["sizes"][block] - 1]


@compiled
def lots_through(side: BookSide, key: int) -> int:
    """Lots of all levels at `key` or better."""
    total = 0
    for step in range(side["count"]):
        entry = entry_at(side, step)
        if side["keys"][entry] < key:
            break
        total += side["lots"][entry]
    return total
