"""The table of what facts make of watched transactions, row by row."""

from typing import Any

import pytest
from msgspec.structs import replace

from quarterdeck.venues.evm.nonces import Taker
from quarterdeck.venues.evm.receipts import Facts, Receipt
from quarterdeck.venues.evm.settling import Judged, judge, take_away
from quarterdeck.venues.evm.store import Purpose, Row
from tests.venues.evm.sending import kinds
from tests.venues.evm.test_store import row

HEAD = 100
A, B = row("0xa", 5, 1), row("0xb", 5, 1, Purpose.REPLACEMENT)
CANCEL, NEXT, FILL = row("0xc", 5, 1, Purpose.CANCEL), row("0xd", 5, 2), row("0xe", 5, 0, Purpose.FILL)


def receipt(hash_: str, block: int, success: bool = True) -> Receipt:
    return Receipt(
        hash=hash_, block=block, block_hash=f"0x{block}", at_ns=block, success=success, gas_used=1, gas_price_wei=1,
        logs=(),
    )  # fmt: skip


def facts(*receipts: Receipt, count: int = 6, settled: int | None = -1, **words: Any) -> Facts:
    canonical: dict[int, tuple[str, int] | None] = {block: (f"0x{block}", block) for block in range(HEAD + 1)}
    given = {
        "head": HEAD,
        "at_ns": HEAD,
        "count": count,
        "settled": count if settled == -1 else settled,
        "pending": count,
        "receipts": {one.hash: one for one in receipts},
        "canonical": canonical,
        "known": frozenset[str](),
    }
    return Facts(**{**given, **words})


def judged(rows: list[Row], given: Facts, depth: int = 1, final: int = 64) -> Judged:
    return judge(rows, given, depth, final)


def mined(one: Row, block: int, **words: Any) -> Row:
    return replace(one, block=block, block_hash=f"0x{block}", **words)


@pytest.mark.parametrize(
    ("rows", "given", "told"),
    [
        ([A], facts(count=5), []),
        ([A], facts(receipt("0xa", HEAD)), ["Included 1"]),
        ([A], facts(receipt("0xa", HEAD, success=False)), ["Reverted 1"]),
        ([A, B], facts(receipt("0xb", 99)), ["Included 1", "Dropped 1 open"]),
        ([A, B], facts(receipt("0xa", 99)), ["Included 1", "Dropped 1 open"]),
        ([A, CANCEL], facts(receipt("0xc", 99)), ["Spent 1", "Dropped 1 closes"]),
        ([A, B, CANCEL], facts(receipt("0xc", 99)), ["Spent 1", "Dropped 1 open", "Dropped 1 closes"]),
        ([A, CANCEL], facts(receipt("0xa", 99)), ["Included 1", "Dropped 1 open"]),
        ([replace(A, freed=True), NEXT], facts(receipt("0xd", 99)), ["Included 2"]),
        ([replace(A, freed=True), NEXT], facts(receipt("0xa", 99)), ["Included 1", "Dropped 2 closes"]),
        ([FILL], facts(receipt("0xe", 99)), ["Spent 0"]),
        ([mined(A, 90, told=True)], facts(receipt("0xa", 90)), []),
        ([mined(A, 90, told=True)], facts(canonical={90: ("0xother", 90)}, count=5), ["Orphaned 1"]),
        ([mined(A, 90)], facts(canonical={90: ("0xother", 90)}, count=5), []),
        ([mined(A, 90, told=True)], facts(canonical={90: None}), []),  # the node has not that block yet
        ([mined(A, 120, told=True)], facts(canonical={120: None}, count=5), ["Orphaned 1"]),  # the chain went back
        (
            [mined(A, 90, told=True)],
            facts(receipt("0xa", 95), canonical={90: ("0xother", 90), 95: ("0x95", 95)}),
            ["Orphaned 1", "Included 1"],
        ),
    ],
)
def test_what_is_told(rows: list[Row], given: Facts, told: list[str]) -> None:
    outcomes = judged(rows, given).outcomes
    ends = ["" if not hasattr(one, "closes") else " closes" if one.closes else " open" for one in outcomes]
    words = [
        f"{kind} {one.order_id}{end}" for kind, one, end in zip(kinds(outcomes), outcomes, ends, strict=True)
    ]  # fmt: skip
    assert words == told


def test_nothing_is_told_twice_of_one_block() -> None:
    given = facts(receipt("0xb", 99))
    first = judged([A, B], given)
    again = judged(first.rows, given)
    assert (again.rows, again.outcomes) == ([], [])


def test_a_receipt_must_be_deep_enough() -> None:
    shallow = judged([A], facts(receipt("0xa", 99)), depth=3)
    assert (shallow.outcomes, shallow.rows) == ([], [mined(A, 99)])
    assert kinds(judged(shallow.rows, facts(receipt("0xa", 99)), depth=2).outcomes) == ["Included"]


@pytest.mark.parametrize(
    ("count", "settled", "foreign"), [(5, 5, []), (6, 5, []), (6, 6, [5]), (6, None, [5]), (5, None, [])]
)
def test_a_used_nonce_without_a_receipt_of_ours_is_somebody_elses(
    count: int, settled: int | None, foreign: list[int]
) -> None:
    assert judged([A], facts(count=count, settled=settled)).foreign == foreign


def test_what_a_stranger_took_is_given_back_when_his_block_is_gone() -> None:
    given = facts()
    taken = take_away([A, B], Taker("0xf", 98), given)
    assert [
        (kind, getattr(one, "closes", None)) for kind, one in zip(kinds(taken.outcomes), taken.outcomes, strict=True)
    ] == [
        ("Dropped", False),
        ("Dropped", True),
        ("Trouble", None),
    ]
    assert judged(taken.rows, given).foreign == []
    back = judged(taken.rows, facts(count=5))
    assert (back.rows, back.outcomes) == ([A, B], [])
    assert kinds(judged(back.rows, facts(receipt("0xa", 100))).outcomes) == ["Included", "Dropped"]


def test_what_is_final_is_watched_no_longer() -> None:
    rows = [mined(A, 37, told=True), replace(B, taken_by="0xa", block=37)]
    assert judged(rows, facts(receipt("0xa", 37)), final=65).rows == []
    assert [one.closed for one in judged(rows, facts(receipt("0xa", 37)), final=64).rows] == [True, True]
    strange = [replace(A, taken_by="0xf", block=37)]
    assert [one.closed for one in judged(strange, facts(), final=64).rows] == [True]
    refused = [replace(A, freed=True)]
    assert [one.closed for one in judged(refused, facts(count=5), final=64).rows] == [True]
    assert judged(refused, facts(count=5, known=frozenset(["0xa"])), final=64).rows == []
