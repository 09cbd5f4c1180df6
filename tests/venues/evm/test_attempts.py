"""Booked first, told second, settled last: whoever dies in between tells the very same again, and books it once.

What is tested: `quarterdeck.venues.evm.attempts` and `quarterdeck.venues.evm.clerk`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.arbitrage import records
from quarterdeck.errors import ChainError, DataError
from quarterdeck.kernel.vocabulary import LedgerAccount, OrderStatus
from quarterdeck.venues.evm.attempts import Attempts, Booking
from quarterdeck.venues.evm.clerk import Clerk
from quarterdeck.venues.evm.executor import RAN, Executor
from quarterdeck.venues.evm.receipts import Dropped, Included, Log, Orphaned, Receipt, Reverted, Spent, Trouble
from quarterdeck.venues.evm.reverts import Reason
from quarterdeck.venues.messages import ChargesNews, FillsNews, Message, OrderNews, Remark
from tests.venues.evm.books import LENDER, TERMS, WETH, order

EXECUTOR = "0x" + "44" * 20
PROPOSED = records.encode(
    records.Proposed(
        plan=7, block=1, at_ns=1, token=WETH, lender=LENDER, lender_kind="aave-v3", amount="1", premium="0",
        returned="2", gas=1, cost="0", legs=(),
    )
)  # fmt: skip
WRONG_PREMIUM = Reason("WrongPremium", (1, 2), "the lender asked a premium of 1, the proof had reckoned with 2")
MOVED = Reason("ProfitTooSmall", (1, 2), "it would have earned 1, the minimum was 2")


class Desk:
    """One process, which may die."""

    def __init__(self, folder: Path) -> None:
        self.attempts = Attempts(folder / "attempts.sqlite")
        self.attempts.begin_totals({"USDC": 0, "ETH": 10**18, "WETH": 0})
        self.reason: Reason | None = MOVED
        self.lent: list[tuple[str, bool, str]] = []
        self.said: list[str] = []
        self.clerk = Clerk(
            TERMS, self.attempts, Executor(EXECUTOR, None, {}), self.why, lambda *words: self.lent.append(words),
            self.said.append,
        )  # fmt: skip

    def why(self, receipt: Receipt) -> Reason:
        if self.reason is None:
            raise ChainError(f"nobody traces {receipt.hash}")
        return self.reason


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.attempts.begin(order(5, proposed=PROPOSED))
    yield made
    made.attempts.close()


def receipt(success: bool, block_hash: str = "0xb1", gas_used: int = 150_000) -> Receipt:
    words = (10**18, 10**15, 7 * 10**15)
    report = Log(
        EXECUTOR, (RAN, "0x" + "00" * 12 + WETH[2:], "0x" + "00" * 12 + LENDER[2:]),
        "0x" + "".join(f"{word:064x}" for word in words),
    )  # fmt: skip
    return Receipt(
        hash="0xaa", block=9, block_hash=block_hash, at_ns=99, success=success, gas_used=gas_used,
        gas_price_wei=10**9, logs=(report,) if success else (),
    )  # fmt: skip


def outcome(kind: type[Included] | type[Reverted] | type[Spent], number: int, block_hash: str = "0xb1") -> Included:
    told = receipt(kind is Included, block_hash)
    return kind(number=number, order_id=5, plan=7, hash="0xaa", nonce=3, at_ns=99, receipt=told)  # type: ignore[return-value]


def orphaned(number: int, block_hash: str = "0xb1") -> Orphaned:
    return Orphaned(number=number, order_id=5, plan=7, hash="0xaa", nonce=3, at_ns=99, block=9, block_hash=block_hash)


def kinds(told: list[Message]) -> list[type[Message]]:
    return [type(one) for one in told]


def charged(told: list[Message]) -> dict[LedgerAccount, int]:
    return {
        one.ledger_account: one.amount for news in told if isinstance(news, ChargesNews) for one in news.charges
    }  # fmt: skip


def test_whoever_dies_before_it_is_settled_tells_the_same_again_and_books_it_once(desk: Desk, tmp_path: Path) -> None:
    told = desk.clerk.take(outcome(Included, 1), None, 100)
    assert kinds(told) == [Remark, ChargesNews, FillsNews]
    assert charged(told) == {
        LedgerAccount.REALISED: -800_000,
        LedgerAccount.PREMIUM: 100_000,
        LedgerAccount.GAS: 15_000,
    }
    after = desk.attempts.totals()
    assert after == {"USDC": 0, "ETH": 10**18 - 15 * 10**13, "WETH": 7 * 10**15}
    desk.attempts.close()
    reborn = Desk(tmp_path)
    assert reborn.clerk.take(outcome(Included, 1), None, 500) == told, "dated as it was"
    assert reborn.attempts.totals() == after
    assert [booking.outcome for booking in reborn.clerk.since(0)] == [1]
    found = reborn.attempts.find(5)
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.FILLED, 50)
    assert reborn.lent == [], "it was noted when it was booked"
    reborn.attempts.close()


def test_a_reversal_that_is_told_twice_is_told_the_same_way_round(desk: Desk) -> None:
    desk.clerk.take(outcome(Included, 1), None, 100)
    back = desk.clerk.take(orphaned(2), None, 200)
    assert charged(back) == {
        LedgerAccount.REALISED: 800_000,
        LedgerAccount.PREMIUM: -100_000,
        LedgerAccount.GAS: -15_000,
    }
    assert desk.clerk.take(orphaned(2), None, 300) == back
    assert desk.attempts.totals() == {"USDC": 0, "ETH": 10**18, "WETH": 0}
    again = desk.clerk.take(outcome(Included, 3), None, 400)  # in the very same block
    assert charged(again)[LedgerAccount.GAS] == 15_000
    assert charged(desk.clerk.take(orphaned(4), None, 500))[LedgerAccount.GAS] == -15_000


def test_a_reverted_attempt_costs_gas_and_says_why(desk: Desk) -> None:
    told = desk.clerk.take(outcome(Reverted, 1), None, 100)
    assert kinds(told) == [Remark, ChargesNews, OrderNews]
    assert charged(told) == {LedgerAccount.GAS: 15_000}
    record = records.decode(told[0].text) if isinstance(told[0], Remark) else None
    assert isinstance(record, records.Included)
    assert (record.success, record.reason, record.net) == (False, MOVED.text, "0")
    news = told[2]
    assert isinstance(news, OrderNews)
    assert news.orders[0].status is OrderStatus.CANCELED
    assert desk.lent == [], "a pool that moved is no fault of its lender"


def test_a_lender_hears_of_what_it_did(desk: Desk) -> None:
    desk.clerk.take(outcome(Included, 1), None, 100)
    desk.reason = WRONG_PREMIUM
    desk.clerk.take(outcome(Reverted, 2), None, 100)
    assert desk.lent == [(LENDER, True, ""), (LENDER, False, WRONG_PREMIUM.text)]


def test_what_cannot_be_explained_yet_is_neither_booked_nor_told(desk: Desk) -> None:
    desk.reason = None
    with pytest.raises(ChainError):
        desk.clerk.take(outcome(Reverted, 1), None, 100)
    assert list(desk.clerk.since(0)) == []
    assert desk.attempts.totals()["ETH"] == 10**18


def test_a_cancel_costs_gas_and_its_order_ends(desk: Desk) -> None:
    assert charged(desk.clerk.take(outcome(Spent, 1), None, 100)) == {LedgerAccount.GAS: 15_000}
    over = Dropped(
        number=2, order_id=5, plan=7, hash="0xaa", nonce=3, at_ns=99, reason="cancelled", by="0xcc", closes=True
    )
    assert kinds(desk.clerk.take(over, None, 100)) == [Remark, OrderNews]
    assert not desk.attempts.working()
    late = desk.clerk.take(outcome(Included, 3), None, 200)
    assert FillsNews in kinds(late), "a fill is a fact"
    found = desk.attempts.find(5)
    assert found is not None
    assert found.status is OrderStatus.FILLED


def test_a_filled_gap_is_nobodys_order(desk: Desk) -> None:
    gap = Spent(number=1, order_id=0, plan=0, hash="0xdd", nonce=3, at_ns=99, receipt=receipt(False))
    told = desk.clerk.take(gap, None, 100)
    assert kinds(told) == [ChargesNews]
    assert isinstance(told[0], ChargesNews)
    assert told[0].charges[0].strategy == -1


def test_trouble_is_said_and_an_unknown_block_takes_nothing_back(desk: Desk) -> None:
    assert desk.clerk.take(orphaned(1), None, 100) == []
    trouble = Trouble(number=2, order_id=0, plan=0, hash="", nonce=3, at_ns=99, kind="foreign", text="somebody has it")
    assert desk.clerk.take(trouble, None, 100) == []
    assert desk.said == ["somebody has it"]


def test_an_order_is_entered_once(desk: Desk) -> None:
    assert not desk.attempts.begin(order(5))
    assert desk.attempts.begin(order(6))
    assert [one.order_id for one in desk.attempts.working()] == [5, 6]
    desk.attempts.move(5, OrderStatus.REJECTED, 0, 30)
    assert [one.order_id for one in desk.attempts.working()] == [6]


def test_a_booking_is_stored_once_and_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    made = Booking(
        outcome=1, order_id=0, hash="0x1", block_hash="0x2", time_ns=5, remark="", charges=(), fill=None,
        moved={"ETH": "-7"},
    )  # fmt: skip
    desk.attempts.book(made)
    with pytest.raises(DataError, match="nothing was written"):
        desk.attempts.book(made)
    assert desk.attempts.totals()["ETH"] == 10**18 - 7
    assert desk.attempts.booked(1) == made
    desk.attempts.begin_totals({"ETH": 5, "DAI": 3})
    assert desk.attempts.totals() == {"USDC": 0, "ETH": 10**18 - 7, "WETH": 0, "DAI": 3}
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DataError, match="restore it"):
        Attempts(tmp_path / "broken.sqlite")
