"""The book against a dict, on random streams and on a recorded one."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.book import (
    best_lots,
    best_price,
    clear_side,
    entry_at,
    level_lots,
    lots_through,
    set_level,
)
from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.kernel.market_records import BLOCK_LEVELS, BOOK_BLOCKS, BOOK_LEVELS, BookSide

SIDE = record_dtype(BookSide)
DEPTH = "binance_usdm_BTCUSDT_20240808_depth.parquet"


class Oracle:
    """What `set_level` promises, said with a dict."""

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}

    def set(self, key: int, lots: int) -> int:
        if lots == 0:
            self.levels.pop(key, None)
            return 0
        self.levels[key] = lots
        if len(self.levels) > BOOK_LEVELS:
            del self.levels[min(self.levels)]
            return 1
        return 0


def empty_side() -> Any:
    side = allocate(SIDE)[0]
    clear_side(side)
    return side


def levels_of(side: Any) -> list[tuple[int, int]]:
    """Levels, best first."""
    entries = [int(entry_at(side, step)) for step in range(int(side["count"]))]
    return [(int(side["keys"][entry]), int(side["lots"][entry])) for entry in entries]


def check_blocks(side: Any) -> None:
    """The blocks are what the module says of them."""
    used = int(side["blocks"])
    order = [int(block) for block in side["order"]]
    assert sorted(order) == list(range(BOOK_BLOCKS))
    assert sum(int(side["sizes"][block]) for block in order[:used]) == side["count"] <= BOOK_LEVELS
    for place, block in enumerate(order[:used]):
        size = int(side["sizes"][block])
        assert 0 < size <= BLOCK_LEVELS
        assert side["keys"][block * BLOCK_LEVELS + size - 1] == side["tops"][place]
    assert entry_at(side, int(side["count"])) == -1


def compare(side: Any, oracle: Oracle) -> None:
    expected = sorted(oracle.levels.items(), reverse=True)
    assert levels_of(side) == expected
    assert best_price(side) == (abs(expected[0][0]) if expected else 0)
    assert best_lots(side) == (expected[0][1] if expected else 0)


changes = st.lists(st.tuples(st.integers(1, 100), st.integers(0, 5)), max_size=300)


@given(changes, st.sampled_from((1, -1)))
def test_any_stream_of_changes_gives_what_a_dict_gives(stream: list[tuple[int, int]], sign: int) -> None:
    side, oracle = empty_side(), Oracle()
    for price, lots in stream:
        assert set_level(side, sign * price, lots) == oracle.set(sign * price, lots)
    compare(side, oracle)
    check_blocks(side)


@given(changes, st.integers(-110, 0))
def test_lots_are_found_and_summed_as_in_a_dict(stream: list[tuple[int, int]], key: int) -> None:
    side, oracle = empty_side(), Oracle()
    for price, lots in stream:
        set_level(side, -price, lots)
        oracle.set(-price, lots)
    assert level_lots(side, key) == oracle.levels.get(key, 0)
    assert lots_through(side, key) == sum(lots for level, lots in oracle.levels.items() if level >= key)


@pytest.mark.parametrize("spread", [BOOK_LEVELS // 2, BOOK_LEVELS, 3 * BOOK_LEVELS])
def test_a_long_stream_keeps_the_levels_nearest_the_best(spread: int, seed: int) -> None:
    draw = random.Random(seed)
    side, oracle = empty_side(), Oracle()
    for step in range(4000):
        key = draw.randint(1, spread) + step // 50
        lots = draw.choice((0, 0, 1, 7))
        assert set_level(side, key, lots) == oracle.set(key, lots)
        if step % 400 == 0:
            check_blocks(side)
    compare(side, oracle)
    check_blocks(side)


@pytest.mark.parametrize("ascending", [True, False])
def test_a_full_side_gives_up_its_farthest_level(ascending: bool) -> None:
    side = empty_side()
    keys = range(1, BOOK_LEVELS + 2)
    dropped = [set_level(side, key, 1) for key in (keys if ascending else reversed(keys))]
    assert dropped == [0] * BOOK_LEVELS + [1]
    assert [key for key, _ in levels_of(side)] == list(range(BOOK_LEVELS + 1, 1, -1))


def test_sparse_blocks_are_joined_before_they_run_out() -> None:
    side, oracle = empty_side(), Oracle()
    draw = random.Random(7)
    for start in range(0, 40 * BLOCK_LEVELS, BLOCK_LEVELS):
        for key in range(start, start + BLOCK_LEVELS):  # fills a block, then leaves one level of it
            assert set_level(side, key + 1, 3) == oracle.set(key + 1, 3)
        for key in draw.sample(range(start, start + BLOCK_LEVELS), BLOCK_LEVELS - 1):
            set_level(side, key + 1, 0)
            oracle.set(key + 1, 0)
        check_blocks(side)
    compare(side, oracle)


def test_a_cleared_side_is_empty() -> None:
    side = empty_side()
    for key in range(1, 50):
        set_level(side, key, 2)
    clear_side(side)
    compare(side, Oracle())
    check_blocks(side)


@pytest.mark.market
def test_the_recorded_book_ends_as_a_dict_does(market_data: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="the recording is a Parquet file")
    if not (market_data / DEPTH).exists():
        pytest.skip(f"{DEPTH} is not among the recorded market data")
    table = pq.read_table(market_data / DEPTH, columns=["side", "price", "qty"]).slice(0, 60_000)
    prices = (table["price"].cast("float64").to_numpy() * 10).round().astype("int64").tolist()
    lots = (table["qty"].cast("float64").to_numpy() * 1000).round().astype("int64").tolist()
    sides = {"b": (empty_side(), Oracle(), 1), "a": (empty_side(), Oracle(), -1)}
    for name, price, size in zip(table["side"].to_pylist(), prices, lots, strict=True):
        side, oracle, sign = sides[name]
        assert set_level(side, sign * price, size) == oracle.set(sign * price, size)
    for side, oracle, _ in sides.values():
        compare(side, oracle)
        check_blocks(side)
