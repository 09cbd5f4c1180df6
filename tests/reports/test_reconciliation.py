"""What is tested: `quarterdeck.reports.reconciliation` and `quarterdeck.reports.trades`: two sides of a day."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.kernel.ledger import move_position
from quarterdeck.kernel.records import Position
from quarterdeck.reports.reconciliation import CLEAN, DIRTY, NOT_COMPARED, Tolerances, cost_after, reconcile
from quarterdeck.reports.trades import Books, Move, Statement, Terms, Trade

PURSE = ("north", "USDT")
TERMS = {
    name: Terms(name=name, tick=Decimal("0.01"), lot=Decimal("0.1"), value=100_000, purse=PURSE, exponent=8)
    for name in ("BTC", "ETH")
}
STRICT = Tolerances()
NOTHING: dict[str, Any] = {"rates": {PURSE: Decimal("1e-8")}}

TRADE = st.builds(
    Trade,
    instrument=st.sampled_from(("BTC", "ETH")),
    trade_id=st.integers(1, 10**12),
    side=st.sampled_from((1, -1)),
    price=st.integers(1, 10**6),
    lots=st.integers(1, 10**5),
    fee=st.integers(-(10**6), 10**6),
    time_ns=st.integers(0, 10**14),
)
TRADES = st.lists(TRADE, max_size=12, unique_by=lambda trade: trade.key)


def books_of(trades: list[Trade], **words: Any) -> Books:
    """The books of a ledger that has heard these trades in the order of their time."""
    ordered = sorted(trades, key=lambda trade: trade.time_ns)
    numbered = [dataclasses.replace(trade, sequence=10 + place) for place, trade in enumerate(ordered)]
    realised, held = dict.fromkeys(TERMS, 0), dict.fromkeys(TERMS, (0, 0)) | words.get("opening", {})
    for trade in numbered:
        paid = trade.price * trade.lots * TERMS[trade.instrument].value
        lots, cost, gained = cost_after(*held[trade.instrument], trade.side, trade.lots, paid)
        held[trade.instrument], realised[trade.instrument] = (lots, cost), realised[trade.instrument] + gained
    holds = {name: lots for name, (lots, _) in held.items()}
    return Books(
        **{**NOTHING, "trades": numbered, "realised": realised, "positions": holds, "cash": {PURSE: 5}, **words}
    )


def said_of(trades: list[Trade], books: Books, **words: Any) -> Statement:
    return Statement(
        **{
            "trades": trades,
            "until_ns": 10**15,
            "positions": books.positions,
            "cash": books.cash,
            "as_of_ns": 1,
            **words,
        }
    )


def compare(books: Books, statement: Statement, tolerances: Tolerances = STRICT) -> Any:
    return reconcile("2026-11-20", 7, books, statement, TERMS, tolerances, "USDT")


@given(TRADES, st.randoms(use_true_random=False))
def test_the_same_on_both_sides_is_clean(trades: list[Trade], draw: Any) -> None:
    shuffled = list(trades)
    draw.shuffle(shuffled)
    books = books_of(trades)
    report = compare(books, said_of(shuffled, books))
    shown = report.as_dict()
    assert report.clean
    assert shown["overall_status"] == CLEAN
    assert shown["trade_reconciliation"]["matched_trades"] == len(trades)
    assert shown["pnl_reconciliation"]["exchange_pnl"] == shown["pnl_reconciliation"]["ledger_pnl"]


CHANGES: dict[str, Callable[[Trade], Trade | None]] = {
    "missing": lambda _: None,
    "quantity": lambda trade: dataclasses.replace(trade, lots=trade.lots + 1),
    "price": lambda trade: dataclasses.replace(trade, price=trade.price + 1),
    "fee": lambda trade: dataclasses.replace(trade, fee=trade.fee - 1),
    "side": lambda trade: dataclasses.replace(trade, side=-trade.side),
    "trade id": lambda trade: dataclasses.replace(trade, trade_id=trade.trade_id + 10**13),
    "instrument": lambda trade: dataclasses.replace(trade, instrument="ETH" if trade.instrument == "BTC" else "BTC"),
}


@given(TRADES.filter(bool), st.sampled_from(sorted(CHANGES)), st.booleans(), st.data())
def test_whatever_differs_is_dirty_and_named(trades: list[Trade], change: str, at_venue: bool, data: Any) -> None:
    """On whichever side it was changed."""
    place = data.draw(st.integers(0, len(trades) - 1))
    changed = CHANGES[change](trades[place])
    altered = [*trades[:place], *([changed] if changed else []), *trades[place + 1 :]]
    ledger, venue = (trades, altered) if at_venue else (altered, trades)
    books = books_of(ledger)
    keys = {trade.key for trade in trades}
    if changed is not None and changed.key in keys - {trades[place].key}:
        return  # it became another trade of the list
    report = compare(books, said_of(venue, books))
    shown = report.as_dict()["trade_reconciliation"]
    assert report.status == DIRTY
    named = {one["trade_id"] for one in [*shown["unmatched_trades"], *shown["discrepancies"]]}
    assert trades[place].trade_id in named
    assert len(named) <= 2
    sources = {one["source"] for one in shown["unmatched_trades"]}
    if change == "missing":
        assert sources == {"ledger_only" if at_venue else "exchange_only"}
    if change in {"quantity", "price", "fee"}:
        assert [one["field"] for one in shown["discrepancies"]] == [change]
        assert not sources
    assert report.lines()[0].startswith("2026-11-20: DIRTY")
    assert len(report.lines()) > 1


ONE = Trade(instrument="BTC", trade_id=1, side=1, price=10_000, lots=10, fee=1_000, time_ns=5)


@pytest.mark.parametrize(
    ("tolerances", "changes", "status"),
    [
        (Tolerances(price_bps=Decimal(1)), {"price": 10_001}, CLEAN),
        (Tolerances(price_bps=Decimal(1)), {"price": 10_002}, DIRTY),
        (Tolerances(price_bps=Decimal(1)), {"price": 9_999}, CLEAN),
        # A notional of 10,000 ticks * 10 lots * 100,000 units: a basis point of it is 1,000,000 units.
        (Tolerances(fee_bps=Decimal("0.01")), {"fee": 11_000}, CLEAN),
        (Tolerances(fee_bps=Decimal("0.01")), {"fee": 11_001}, DIRTY),
        (Tolerances(fee_bps=Decimal("0.01")), {"fee": -9_000}, CLEAN),
        (Tolerances(price_bps=Decimal(500), fee_bps=Decimal(500)), {"lots": 11}, DIRTY),
        (STRICT, {"fee": 1_001}, DIRTY),
    ],
)
def test_tolerances(tolerances: Tolerances, changes: dict[str, int], status: str) -> None:
    books = books_of([ONE])
    report = compare(books, said_of([dataclasses.replace(ONE, **changes)], books), tolerances)
    assert report.status == status


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"positions": {"BTC": 10, "ETH": 3}}, "position ETH is 0.3 at the exchange and 0.0 in the ledger"),
        ({"positions": {}}, "position BTC is 0.0 at the exchange and 1.0 in the ledger"),
        ({"positions": {"BTC": -10}}, "position BTC is -1.0 at the exchange and 1.0 in the ledger"),
        ({"cash": {PURSE: 6}}, "cash north/USDT is 0.00000006 at the exchange and 0.00000005 in the ledger"),
        ({"cash": {}}, "cash north/USDT is 0.00000000 at the exchange and 0.00000005 in the ledger"),
    ],
)
def test_other_positions_and_cash(words: dict[str, Any], named: str) -> None:
    books = books_of([ONE])
    report = compare(books, said_of([ONE], books, **words))
    assert report.status == DIRTY
    assert any(named in line for line in report.lines())


def test_cash_has_a_tolerance() -> None:
    books = books_of([ONE])
    statement = said_of([ONE], books, cash={PURSE: 15})
    assert compare(books, statement, Tolerances(cash=Decimal("0.0000001"))).clean
    assert not compare(books, statement, Tolerances(cash=Decimal("0.00000009"))).clean


MARGINED = {name: dataclasses.replace(terms, margined=True) for name, terms in TERMS.items()}


def margined_sides(heard: list[Trade], matched: list[Trade]) -> tuple[Books, Statement]:
    """A desk that heard trades of perpetuals in one order, and a venue that matched them in another."""
    sides: list[tuple[int, dict[str, int]]] = []
    for trades in (heard, matched):
        cash, held = 10**12, dict.fromkeys(TERMS, (0, 0))
        for one in trades:
            paid = one.price * one.lots * TERMS[one.instrument].value
            lots, cost, gained = cost_after(*held[one.instrument], one.side, one.lots, paid)
            held[one.instrument], cash = (lots, cost), cash + gained - one.fee
        sides.append((cash, {name: cost for name, (_, cost) in held.items()}))
    (booked, costs), (said, told) = sides
    books = books_of(heard, cash={PURSE: booked}, costs=costs)
    return books, said_of(
        matched, books, cash={PURSE: said}, costs={name: (cost, 0) for name, cost in told.items() if cost}
    )


@given(TRADES, st.randoms(use_true_random=False), st.sampled_from((-1, 0, 1)))
def test_another_order_of_fills_is_clean_and_a_missing_unit_is_not(
    trades: list[Trade], draw: Any, missing: int
) -> None:
    """How a result is split between cash and the cost of what is left depends on the order; the difference does not."""
    matched = list(trades)
    draw.shuffle(matched)
    books, statement = margined_sides(sorted(trades, key=lambda trade: trade.time_ns), matched)
    statement = dataclasses.replace(statement, cash={PURSE: (statement.cash or {})[PURSE] + missing})
    report = reconcile("2026-11-20", 7, books, statement, MARGINED, STRICT, "USDT")
    assert report.status == (DIRTY if missing else CLEAN), report.lines()
    if missing:
        (found,) = report.parts["balance_reconciliation"]["discrepancies"]
        assert found["field"] == "cash north/USDT less the cost of open positions"
        assert Decimal(found["difference"]) == Decimal(missing).scaleb(-8)


BOUGHT = Trade(instrument="BTC", trade_id=1, side=1, price=10_000, lots=10, fee=0, time_ns=1)
MORE = Trade(instrument="BTC", trade_id=2, side=1, price=12_000, lots=10, fee=0, time_ns=2)
SOLD = Trade(instrument="BTC", trade_id=3, side=-1, price=13_000, lots=10, fee=0, time_ns=3)


def test_the_split_by_order_is_a_real_one() -> None:
    """The desk heard of the second purchase after the sale: other cash, other costs, the same money."""
    books, statement = margined_sides([BOUGHT, SOLD, MORE], [BOUGHT, MORE, SOLD])
    assert books.cash != statement.cash
    assert books.costs["BTC"] == 10 * 12_000 * 100_000
    assert statement.costs["BTC"] == (10 * 11_000 * 100_000, 0)
    assert reconcile("2026-11-20", 7, books, statement, MARGINED, STRICT, "USDT").clean
    spot = reconcile("2026-11-20", 7, books, statement, TERMS, STRICT, "USDT")
    assert spot.status == DIRTY  # what is fully paid has no such freedom


def test_an_average_price_is_exact_to_its_tick() -> None:
    books, statement = margined_sides([BOUGHT], [BOUGHT])
    off = 10 * 100_000
    for cost, clean in ((off, True), (-off, True), (off + 1, False), (-off - 1, False)):
        told = dataclasses.replace(statement, costs={"BTC": (books.costs["BTC"] + cost, off)})
        assert reconcile("2026-11-20", 7, books, told, MARGINED, STRICT, "USDT").clean is clean


def test_cash_beside_a_position_of_unknown_cost_is_not_compared() -> None:
    books, statement = margined_sides([BOUGHT], [BOUGHT])
    report = reconcile("2026-11-20", 7, books, dataclasses.replace(statement, costs={}), MARGINED, STRICT, "USDT")
    section = report.parts["balance_reconciliation"]
    assert (section["reconciliation_status"], section["compared"]) == (NOT_COMPARED, 0)
    assert "balances were not compared: the venue does not say what its position in BTC was paid for" in report.lines()


def test_a_fee_that_differs_makes_no_result_differ_whatever_the_order() -> None:
    """The purchase is of the day before and was heard within the day: what was booked is not what a replay makes."""
    books = books_of([SOLD], opening={"BTC": (20, 20 * 11_000 * 100_000)}, realised={"BTC": 777})
    shown = compare(books, said_of([dataclasses.replace(SOLD, fee=9)], books)).as_dict()["pnl_reconciliation"]
    assert [one["field"] for one in shown["discrepancies"]] == ["fees north/USDT"]


def test_what_was_not_compared_says_why() -> None:
    books = books_of([ONE])
    report = compare(books, said_of([ONE], books, positions=None, cash=None, why_not="the ledger is older"))
    shown = report.as_dict()
    assert report.clean
    for name in ("position_reconciliation", "balance_reconciliation"):
        assert shown[name]["reconciliation_status"] == NOT_COMPARED
        assert shown[name]["why"] == "the ledger is older"
    assert "positions were not compared: the ledger is older" in report.lines()


def test_the_shape() -> None:
    books = books_of([ONE], decomposition={"directional": Decimal("1.50")})
    shown = compare(books, said_of([], books)).as_dict()
    assert list(shown)[:2] == ["timestamp", "date"]
    assert set(shown) >= {"trade_reconciliation", "pnl_reconciliation", "pnl_decomposition", "overall_status"}
    assert set(shown["trade_reconciliation"]) >= {
        *("total_exchange_trades", "total_ledger_trades", "matched_trades", "unmatched_trades", "discrepancies"),
    }
    assert shown["trade_reconciliation"]["unmatched_trades"] == [
        {
            "trade_id": 1,
            "source": "ledger_only",
            "trade": {
                "time": "1970-01-01T00:00:00.000000005Z",
                "instrument": "BTC",
                "side": "BUY",
                "qty": "1.0",
                "price": "100.00",
                "fee": "0.00001000",
                "sequence": 10,
            },
        }
    ]
    assert shown["pnl_decomposition"] == {"directional": "1.50"}


@pytest.mark.parametrize(
    ("missed_at", "expected"),
    [
        (0, "20.00000000"),  # bought before the sale: 9,000 and 11,000 are 10,000 on average, sold at 12,000
        (2, "20.00000000"),
        (4, "30.00000000"),  # bought after it: 9,000 sold at 12,000
    ],
)
def test_results_of_a_missed_trade(missed_at: int, expected: str) -> None:
    """From what was held, at average cost, with the trade that the ledger lacks in its place."""
    opening = {"BTC": (10, 10 * 9_000 * 100_000)}
    heard = [
        Trade(instrument="ETH", trade_id=1, side=1, price=11_000, lots=10, fee=0, time_ns=1),
        Trade(instrument="BTC", trade_id=3, side=-1, price=12_000, lots=10, fee=0, time_ns=3),
    ]
    missed = Trade(instrument="BTC", trade_id=2, side=1, price=11_000, lots=10, fee=700, time_ns=missed_at)
    books = books_of(heard, opening=opening)
    shown = compare(books, said_of([heard[0], missed, heard[1]], books)).as_dict()["pnl_reconciliation"]
    found = {one["field"]: (one["exchange_value"], one["ledger_value"]) for one in shown["discrepancies"]}
    assert found["fees north/USDT"] == ("0.00000700", "0.00000000")
    assert found.get("realised BTC", ("30.00000000",))[0] == expected
    assert Decimal(shown["exchange_pnl"]) == Decimal(expected) - Decimal("0.00000700")
    assert Decimal(shown["ledger_pnl"]) == Decimal(30)


def test_a_split_between_two_trades() -> None:
    heard = [
        Trade(instrument="BTC", trade_id=1, side=1, price=10_000, lots=10, fee=0, time_ns=1, sequence=10),
        Trade(instrument="BTC", trade_id=2, side=-1, price=6_000, lots=20, fee=0, time_ns=3, sequence=30),
    ]
    split = Move(20, "BTC", 10, 0)  # twice as many, at the same cost
    books = Books(**NOTHING, trades=heard, moves=[split], realised={"BTC": 20_000 * 100_000})
    late = dataclasses.replace(heard[1], fee=9)
    shown = compare(books, said_of([heard[0], late], books)).as_dict()["pnl_reconciliation"]
    assert [one["field"] for one in shown["discrepancies"]] == ["fees north/USDT"]


@given(
    st.lists(
        st.tuples(st.sampled_from((1, -1)), st.integers(1, 10**6), st.integers(1, 10**12)), min_size=1, max_size=20
    )
)
def test_cost_goes_as_in_the_kernel(fills: list[tuple[int, int, int]]) -> None:
    positions: Any = allocate(record_dtype(Position))
    held, cost = 0, 0
    for side, lots, paid in fills:
        held, cost, gained = cost_after(held, cost, side, lots, paid)
        assert gained == cast(Any, move_position)(positions[0], side, lots, paid)
        assert (held, cost) == (int(positions[0]["quantity"]), int(positions[0]["cost"]))
