"""What is remembered of an attempt comes back as it was. What is tested: `quarterdeck.arbitrage.records`."""

import json

import pytest

from quarterdeck.arbitrage.records import (
    Dropped,
    Included,
    Leg,
    Orphaned,
    Proposed,
    Record,
    Sent,
    Unsent,
    decode,
    encode,
)
from quarterdeck.errors import DataError

WEI = str(2**255 + 1)
HASH = "0x" + "ab" * 32
RECORDS: tuple[Record, ...] = (
    Proposed(
        plan=2**62, block=7, at_ns=1, token="0xT", lender="0xL", lender_kind="aave-v3", amount=WEI, premium="5",
        returned=WEI, gas=300_000, cost="9", legs=(Leg("0xP", "uniswap-v3", "0xT", "0xU", WEI, "0"),),
    ),
    Sent(
        order_id=1, plan=2, hash=HASH, nonce=3, gas_limit=4, max_fee_wei=WEI, priority_fee_wei="0", private=True,
        block=5, at_ns=6,
    ),
    Included(
        order_id=1, plan=2, hash=HASH, block=7, block_hash=HASH, success=False, gas_used=21_000, gas_price_wei="7",
        gas_wei="147000", token="0xT", amount=WEI, premium="0", gross="-1", net="-1", reason="NO_PROFIT", at_ns=8,
        detected_ns=1, sent_ns=2, confirmed_ns=9,
    ),
    Orphaned(order_id=1, hash=HASH, block=7, block_hash=HASH, at_ns=8),
    Dropped(order_id=1, hash=HASH, reason="replaced", at_ns=8),
    Unsent(order_id=1, plan=2, reason="the proof reverts: K", at_ns=8),
)  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    text = encode(record)
    assert decode(text) == decode(text.encode()) == record
    assert json.loads(text)["what"] == type(record).__name__


@pytest.mark.parametrize(
    "text", ["", "session 3: quarterdeck", '{"what":"Else"}', '{"verb":"kill"}', '{"what":"Sentence"}']
)
def test_other_notes_are_none(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [(f'"{WEI}"', "12"), (f'"{WEI}"', '"1e18"'), (f'"{WEI}"', '"007"'), ('"nonce":3,', ""), ("}", "")],
)
def test_a_record_that_is_broken_says_so(before: str, after: str) -> None:
    text = encode(RECORDS[1])
    assert before in text
    with pytest.raises(DataError, match="is no record of an attempt"):
        decode(text.replace(before, after))
