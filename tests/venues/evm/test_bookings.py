"""A purse is the chain's balance, rounded down, whatever happens on the chain and is taken back.

What is tested: `quarterdeck.venues.evm.bookings`.
"""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import LedgerAccount, Side
from quarterdeck.venues.evm.attempts import Booking
from quarterdeck.venues.evm.bookings import Mined, book_mined, book_orphaned, news_id
from quarterdeck.venues.evm.executor import Ran
from tests.venues.evm.books import COIN, DOLLARS, TERMS, USDC, WETH, WRAPPED, order, ran

BEGUN = {"USDC": 1_000_001, "ETH": 10**18 + 7, "WETH": 5 * 10**9 + 3}
UNIT = 10**10  # of ETH and WETH: what the desk counts

amounts = st.integers(1, 30) | st.integers(UNIT - 3, UNIT + 3) | st.integers(1, 10**15)
premiums = st.just(0) | amounts
runs = st.builds(ran, amounts, premiums, st.sampled_from([USDC, WETH]))
steps = st.lists(
    st.tuples(st.just("mined"), amounts, st.none() | runs, st.booleans())
    | st.tuples(st.just("orphaned"), st.integers(0, 20), st.none(), st.just(False)),
    max_size=25,
)


class Books:
    """Bookings one after another, as the file has them."""

    def __init__(self) -> None:
        self.totals, self.outcomes = dict(BEGUN), 0
        self.told: list[Booking] = []
        self.standing: list[Booking] = []

    def mined(self, gas_wei: int, done: Ran | None, of_order: bool = True, *, hash_: str = "0xaa") -> Booking:
        self.outcomes += 1
        what = order(self.outcomes, 0 if done is not None and done.token == USDC else 1) if of_order else None
        mined = Mined(
            outcome=self.outcomes, order=what, hash=hash_, block_hash="0xbb", time_ns=self.outcomes, gas_wei=gas_wei,
            ran=done,
        )  # fmt: skip
        booking = book_mined(TERMS, self.totals, mined, "")
        self.standing.append(booking)
        return self.enter(booking)

    def orphaned(self, place: int) -> Booking:
        self.outcomes += 1
        earlier = self.standing.pop(place)
        return self.enter(book_orphaned(TERMS, self.totals, earlier, self.outcomes, self.outcomes, ""))

    def enter(self, booking: Booking) -> Booking:
        for currency, change in booking.moved.items():
            self.totals[currency] += int(change)
        self.told.append(booking)
        return booking

    def paid(self, account: int) -> int:
        return sum(one.amount for booking in self.told for one in booking.charges if one.account == account)

    def check(self) -> None:
        for purse in TERMS.purses.values():
            exact = purse.floor(self.totals[purse.currency]) - purse.floor(BEGUN[purse.currency])
            assert -self.paid(purse.account) == exact, purse.currency


@given(steps)
def test_each_purse_is_the_floor_of_what_the_chain_has(sequence: list[tuple[str, int, Ran | None, bool]]) -> None:
    books = Books()
    for what, figure, done, of_order in sequence:
        if what == "mined":
            books.mined(figure, done if of_order else None, of_order)
        elif books.standing:
            books.orphaned(figure % len(books.standing))
        books.check()
    while books.standing:  # in the order in which they came, so that each is rounded otherwise than it was
        books.orphaned(0)
        books.check()
    assert books.totals == BEGUN
    assert not any(books.paid(account) for account in TERMS.purses)
    keys = Counter((one.account, one.ledger_account, one.trade_id) for booking in books.told for one in booking.charges)
    assert not keys or max(keys.values()) == 1, "the kernel books each key once"


def test_an_inclusion_says_profit_premium_and_gas_apart() -> None:
    books = Books()
    booking = books.mined(21_000 * 10**9, ran(2 * UNIT, UNIT + 1))
    amounts_ = {(one.account, one.ledger_account): one.amount for one in booking.charges}
    assert amounts_ == {
        (WRAPPED.account, LedgerAccount.REALISED): -4,
        (WRAPPED.account, LedgerAccount.PREMIUM): 2,
        (COIN.account, LedgerAccount.GAS): 2_100,
    }, "a premium is rounded up, what was earned is the rest"
    fill = booking.fill
    assert fill is not None
    assert (fill.side, fill.price, fill.quantity, fill.fee) == (Side.BUY, 1, 50, 0)
    assert {one.strategy for one in booking.charges} == {3}


def test_what_fell_between_two_units_is_taken_back_where_it_shows() -> None:
    """Neither of two small amounts of gas alone is a unit; the one that showed none has to give one back."""
    books = Books()
    small = books.mined(3, None)
    assert not small.charges
    books.mined(5, None)
    books.check()
    assert books.paid(COIN.account) == 1
    assert [one.amount for one in books.orphaned(0).charges] == [-1]
    books.orphaned(0)
    books.check()


def test_the_money_goes_where_it_came_though_the_order_named_another() -> None:
    books = Books()
    books.outcomes = 1
    booking = book_mined(
        TERMS, books.totals,
        Mined(outcome=1, order=order(1, 1), hash="0x1", block_hash="0x2", time_ns=1, gas_wei=UNIT, ran=ran(5, 0, USDC)),
        "",
    )  # fmt: skip
    assert (DOLLARS.account, -5) in {(one.account, one.amount) for one in booking.charges}


def test_a_second_inclusion_is_the_same_fill_and_other_charges() -> None:
    books = Books()
    first = books.mined(UNIT, ran(UNIT))
    books.orphaned(0)
    again = order(1)
    mined = Mined(outcome=9, order=again, hash="0xaa", block_hash="0xcc", time_ns=9, gas_wei=UNIT, ran=ran(UNIT))
    second = book_mined(TERMS, books.totals, mined, "")
    assert first.fill is not None
    assert second.fill is not None
    assert first.fill.trade_id == second.fill.trade_id
    assert not {one.trade_id for one in first.charges} & {one.trade_id for one in second.charges}


@given(st.lists(st.text() | st.integers(), min_size=1, max_size=3))
def test_a_news_id_is_one_that_the_kernel_takes(parts: list[object]) -> None:
    assert 0 < news_id(*parts) < 2**62
    assert news_id(*parts) == news_id(*parts)
