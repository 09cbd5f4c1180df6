"""What is tested: `quarterdeck.twins.binance.books`: differences add up to the book, and bars add up to the trades."""

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import Flag
from quarterdeck.twins.binance.books import MINUTE_MS, Book
from quarterdeck.twins.binance.listings import default_listings

START_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["level", "rest", "clear"]), st.sampled_from([1, -1]), st.integers(1, 12), st.integers(0, 5)
    ),
    max_size=40,
)


def book() -> Book:
    return Book(default_listings(START_MS * 1_000_000)[0])


def change(one: Book, rows: list[tuple[str, int, int, int]]) -> None:
    """Bids below 100, asks above; nobody takes more from the book than rests in it."""
    for what, side, away, lots in rows:
        price = 100 - side * away
        if what == "clear":
            one.clear()
        elif what == "level":
            one.level(price, lots, 0 if side > 0 else int(Flag.SELL))
        else:
            one.rest(side, price, lots)


def levels(one: Book) -> dict[tuple[int, int], int]:
    return {(side, price): lots for side in (1, -1) for price, lots in one.side(side, 1_000)}


@given(CHANGES, CHANGES, CHANGES)
def test_differences_after_a_snapshot_make_the_book(
    before: list[tuple[str, int, int, int]],
    between: list[tuple[str, int, int, int]],
    after: list[tuple[str, int, int, int]],
) -> None:
    one = book()
    change(one, before)
    window = one.window(100, START_MS)
    change(one, between)
    snapshot, last = levels(one), one.update_id
    assert window.last_id <= last
    change(one, after)
    if one.update_id > last:
        assert window.last_id + 1 <= last + 1 <= one.update_id  # the difference meets the snapshot
    for side, price in window.changed:
        snapshot[side, price] = one.lots_at(side, price)
    assert {place: lots for place, lots in snapshot.items() if lots} == levels(one)


def test_own_orders_and_others_share_a_level() -> None:
    one = book()
    one.level(99, 5, 0)
    one.rest(1, 99, 3)
    one.rest(1, 98, 2)
    assert one.side(1, 5) == [(99, 8), (98, 2)]
    one.rest(1, 99, -3)
    one.level(99, 0, 0)
    assert (one.touch(), one.best(1), one.best(-1)) == (((98, 2), (0, 0)), 98, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 200), st.integers(1, 9), st.booleans()), min_size=1, max_size=60
    )
)
def test_bars_add_up(trades: list[tuple[int, int, int, bool]]) -> None:
    one = book()
    trades.sort(key=lambda row: row[0])
    for minute, price, lots, sold in trades:
        one.print(price, lots, price * lots, START_MS + minute * MINUTE_MS, sold=sold)
    for minutes in (1, 5, 60):
        bars = one.merged(minutes, 0, 2**60, 1_000)
        assert sum(bar.lots for bar in bars) == sum(row[2] for row in trades)
        assert sum(bar.taker_paid for bar in bars) == sum(row[1] * row[2] for row in trades if not row[3])
        assert (bars[0].open, bars[-1].close) == (trades[0][1], trades[-1][1])
        assert max(bar.high for bar in bars) == max(row[1] for row in trades)
        assert [bar.first for bar in bars][1:] == [bar.last + 1 for bar in bars][:-1]
        assert all(bar.open_ms % (minutes * MINUTE_MS) == 0 for bar in bars)
    assert one.merged(1, START_MS + 31 * MINUTE_MS, 2**60, 9) == []
