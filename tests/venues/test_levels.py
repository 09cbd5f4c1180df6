"""What is tested: `quarterdeck.venues.levels`, against reading the same bytes with care."""

import json
import random
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.venues.levels import OBJECTS, PAIRS, LevelForm, LevelScanner

MOST = 50
UNREAD = (-1, 0)
FUZZ_S = 2.0


def scanner(form: LevelForm = PAIRS, *, least: int = 0, price: str = "0.01", size: str = "0.001") -> LevelScanner:
    parts = [(int(Decimal(step).normalize().as_tuple().digits[0]), -int(Decimal(step).normalize().as_tuple().exponent))
             for step in (price, size)]  # fmt: skip
    return LevelScanner(form, MOST, parts[0], parts[1], least=least)


def scanned(reader: LevelScanner, raw: bytes, start: int = 0) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    count, end = reader.scan(raw, start)
    return (count, end), list(zip(reader.prices[: max(0, count)].tolist(), reader.sizes[: max(0, count)], strict=True))


def pairs(levels: list[tuple[str, str]]) -> bytes:
    return json.dumps([list(level) for level in levels], separators=(",", ":")).encode()


def objects(levels: list[tuple[str, str]]) -> bytes:
    return json.dumps([{"px": px, "sz": sz, "n": 7} for px, sz in levels], separators=(",", ":")).encode()


def carefully(text: str, step: str) -> int | None:
    """Whole steps of a text, or None."""
    steps = Decimal(text) / Decimal(step)
    return int(steps) if steps == steps.to_integral_value() else None


FIGURES = st.one_of(
    st.decimals("0", "99999999", places=2).map(lambda figure: f"{figure:f}"),
    st.decimals("0", "9999", places=5).map(lambda figure: f"{figure:f}"),
    st.integers(0, 10**12).map(str),
    st.sampled_from(["0.00000000", "61800.20000000", "007", "1.0", "0", "3"]),
)


@given(st.lists(st.tuples(FIGURES, FIGURES), max_size=12), st.sampled_from(["0.01", "0.5", "1", "5"]), st.booleans())
def test_what_is_read_is_what_stands_there(levels: list[tuple[str, str]], step: str, named: bool) -> None:
    raw = (objects if named else pairs)(levels)
    reader = scanner(OBJECTS if named else PAIRS, price=step)
    result, found = scanned(reader, raw)
    steps = [(carefully(px, step), carefully(sz, "0.001")) for px, sz in levels]
    fits = all(px and sz is not None and px <= PRICE_MAX and sz <= QUANTITY_MAX for px, sz in steps)
    if fits:
        assert (result, found) == ((len(levels), len(raw)), steps)
    else:
        assert result == UNREAD


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[", b"[[", b'[["1","2"]', b'[["1","2"],', b'[["1","2"],]', b'[["1","2"]}', b'[["1" ,"2"]]',
        b'[ ["1","2"]]',
        b'[["1","2","3"]]', b'[["1"]]', b'[[1,2]]', b'[["","2"]]', b'[[".5","2"]]', b'[["5.","2"]]', b'[["1.2.3","2"]]',
        b'[["-1","2"]]', b'[["1e3","2"]]', b'[["+1","2"]]', b'[["1","-2"]]', b'[["0","2"]]', b'[["0.005","2"]]',
        b'[["1","0.0001"]]', b'[["99999999999999999999","1"]]', b'[["1","99999999999999999999"]]', b'{"px":"1"}',
        b'[["1","2"],["1","2"}]', b'[["1_0","2"]]', b'[["NaN","2"]]',
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_alone(raw: bytes) -> None:
    assert scanned(scanner(), raw)[0] == UNREAD


def test_lists_follow_one_another() -> None:
    reader = scanner(OBJECTS, least=1)
    raw = b"[" + objects([("5", "1"), ("4", "2")]) + b"," + objects([("6", "3")]) + b"]"
    bids, end = reader.scan(raw, 1)
    assert raw[end : end + 1] == b","
    both, end = reader.scan(raw, end + 1, bids)
    assert (bids, both, end) == (2, 3, len(raw) - 1)
    assert reader.prices[:3].tolist() == [500, 400, 600]
    assert scanned(reader, objects([("5", "0")]))[0] == UNREAD  # less than the least


def test_there_is_an_end_to_the_room() -> None:
    assert scanned(scanner(), pairs([("1", "1")] * MOST))[0] == (MOST, len(pairs([("1", "1")] * MOST)))
    assert scanned(scanner(), pairs([("1", "1")] * (MOST + 1)))[0] == UNREAD
    assert scanned(scanner(), b"[]")[0] == (0, 2)


def test_no_bytes_whatever_make_it_read_what_is_not_there(seed: int) -> None:
    """Bytes cut, changed and swapped: what it reads, careful reading reads as well."""
    chance, ends = random.Random(seed), time.monotonic() + FUZZ_S
    whole = pairs([("61800.20000000", "2.507"), ("1", "0"), ("99.99", "1000000")])
    reader = scanner()
    while time.monotonic() < ends:
        raw = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw))
            raw[place : place + chance.randrange(3)] = bytes(
                chance.choice(b'0123456789.",[]{}x- ') for _ in range(chance.randrange(3))
            )
        result, found = scanned(reader, bytes(raw))
        if result != UNREAD:
            said = json.loads(bytes(raw[: result[1]]))
            assert found == [(carefully(px, "0.01"), carefully(sz, "0.001")) for px, sz in said]
