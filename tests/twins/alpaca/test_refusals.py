"""What is tested: what the twin does not take, cell by cell: `quarterdeck.twins.alpaca.reading`,
`quarterdeck.twins.alpaca.admission` and `quarterdeck.twins.alpaca.refusals`.
"""

from decimal import Decimal
from typing import Any

import pytest

from quarterdeck.twins.alpaca.refusals import Refusal
from tests.twins.alpaca.serving import at
from tests.twins.alpaca.test_exchange import Rig, bracket

INVALID, FORBIDDEN, UNPROCESSABLE = (422, 40010001), (403, 40310000), (422, 42210000)
LIMIT: dict[str, Any] = {"type": "limit", "limit_price": "229"}
EXITS = {"take_profit": {"limit_price": "232"}, "stop_loss": {"stop_price": "228"}}
PENNY = "sub-penny increment does not fulfill minimum pricing criteria"


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"symbol": None}, INVALID, "symbol is required"),
        ({"symbol": "ZZZZ"}, UNPROCESSABLE, 'asset "ZZZZ" not found'),
        ({"qty": None}, INVALID, "qty or notional is required"),
        ({"notional": "5"}, INVALID, "only one of qty or notional is accepted"),
        ({"qty": "0"}, INVALID, "qty must be > 0"),
        ({"qty": "-1"}, INVALID, "qty must be > 0"),
        ({"qty": "ten"}, INVALID, "invalid qty"),
        ({"qty": True}, INVALID, "invalid qty"),
        ({"qty": "NaN"}, INVALID, "invalid qty"),
        ({"qty": "0.0000001"}, UNPROCESSABLE, "qty must be limited to 6 decimal places"),
        ({"qty": "9999999"}, UNPROCESSABLE, "qty must be < 4398046"),
        ({"side": "hold"}, INVALID, "invalid side"),
        ({"type": "iceberg"}, INVALID, "invalid order type"),
        ({"time_in_force": "gtd"}, INVALID, "invalid time_in_force"),
        ({"order_class": "mleg"}, INVALID, "invalid order_class"),
        ({"type": "limit"}, INVALID, "limit orders require a limit price"),
        ({"type": "stop"}, INVALID, "stop orders require a stop price"),
        ({"type": "stop_limit", "stop_price": "229"}, INVALID, "stop limit orders require both stop and limit price"),
        ({"limit_price": "229"}, INVALID, "market orders require no stop or limit price"),
        ({**LIMIT, "limit_price": "0"}, INVALID, "limit price must be > 0"),
        ({**LIMIT, "limit_price": "229.001"}, UNPROCESSABLE, f"invalid limit_price 229.001. {PENNY}"),
        ({**LIMIT, "limit_price": "0.12345"}, UNPROCESSABLE, f"invalid limit_price 0.12345. {PENNY}"),
        ({"type": "stop", "stop_price": "231.005"}, UNPROCESSABLE, f"invalid stop_price 231.005. {PENNY}"),
        ({"type": "trailing_stop"}, INVALID, "trailing stop orders must specify one of trail_price or trail_percent"),
        (
            {"type": "trailing_stop", "trail_percent": "0.01"},
            INVALID,
            "trail_percent must be greater than or equal to 0.1",
        ),
        ({"client_order_id": "x" * 129}, INVALID, "client_order_id must be no more than 128 characters"),
        ({"extended_hours": True}, UNPROCESSABLE, "extended hours order must be DAY or GTC limit orders"),
        (
            {**LIMIT, "extended_hours": True, "time_in_force": "ioc"},
            UNPROCESSABLE,
            "extended hours order must be DAY or GTC limit orders",
        ),
        ({"qty": "0.5", "time_in_force": "gtc"}, UNPROCESSABLE, "fractional orders must be DAY orders"),
        ({**LIMIT, "qty": "0.5", "order_class": "bracket"}, UNPROCESSABLE, "fractional orders must be simple orders"),
        ({"qty": None, "notional": "5.001"}, UNPROCESSABLE, "notional value must be limited to 2 decimal places"),
        ({"qty": None, "notional": "0.5"}, FORBIDDEN, "cost basis must be >= minimal amount of order 1"),
        ({**LIMIT, "qty": None, "notional": "5"}, UNPROCESSABLE, "notional orders must be market orders"),
        ({"qty": "0.5", "side": "sell"}, UNPROCESSABLE, "fractional orders cannot be sold short"),
        ({"order_class": "bracket"}, INVALID, "bracket orders require take_profit.limit_price"),
        (
            {"order_class": "bracket", "take_profit": EXITS["take_profit"]},
            INVALID,
            "bracket orders require stop_loss.stop_price",
        ),
        (
            {"order_class": "bracket", **EXITS, "take_profit": {"limit_price": "227"}},
            UNPROCESSABLE,
            "take_profit.limit_price must be > stop_loss.stop_price",
        ),
        (
            {"order_class": "bracket", **EXITS, "stop_loss": {"stop_price": "230.5"}},
            UNPROCESSABLE,
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
        (
            {"order_class": "bracket", **EXITS, "take_profit": {"limit_price": "230"}},
            UNPROCESSABLE,
            "take_profit.limit_price must be >= base_price + 0.01",
        ),
        ({"order_class": "oto", **EXITS}, INVALID, "oto orders require either"),
        ({"order_class": "oco", **EXITS}, UNPROCESSABLE, "oco orders must be limit orders"),
        ({"order_class": "oco", "type": "limit", "side": "sell", **EXITS}, UNPROCESSABLE, "oco orders must be exit"),
        ({"order_class": "bracket", "time_in_force": "ioc", **EXITS}, UNPROCESSABLE, "bracket orders must be DAY or"),
        ({"time_in_force": "opg"}, FORBIDDEN, "opg orders must be submitted after 7:00pm and before 9:28am"),
        ({"position_intent": "sell_to_open"}, UNPROCESSABLE, "position intent mismatch, inferred: buy_to_open, spec"),
        ({**LIMIT, "qty": "1000"}, FORBIDDEN, "insufficient buying power"),
    ],
)
def test_refused_in_the_venues_words(terms: dict[str, Any], code: tuple[int, int], words: str) -> None:
    rig = Rig()
    before = rig.ann.cash
    status, number, message = rig.refused(**terms)
    assert ((status, number), message[: len(words)]) == (code, words)
    assert (rig.ann.cash, rig.ann.orders, rig.told) == (before, {}, [])


@pytest.mark.parametrize(
    ("price", "taken"), [("229.99", True), ("0.9999", True), ("1.0001", False), ("0.99999", False)]
)
def test_the_grid_of_prices(price: str, taken: bool) -> None:
    rig = Rig()
    if taken:
        assert rig.limit(price)["limit_price"] == price
    else:
        assert PENNY in rig.refused(**{**LIMIT, "limit_price": price})[2]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"shortable": False}, 'asset "AAPL" cannot be sold short'),
        ({"easy_to_borrow": False}, "only day orders are allowed for hard-to-borrow asset AAPL"),
    ],
)
def test_not_every_stock_is_sold_short(terms: dict[str, Any], words: str) -> None:
    assert Rig(terms=terms).refused(side="sell", time_in_force="gtc")[2] == words


def test_not_every_stock_has_parts() -> None:
    rig = Rig(terms={"fractionable": False})
    for terms in ({"qty": "0.5"}, {"qty": None, "notional": "50"}):
        assert rig.refused(**terms) == (422, 42210000, 'asset "AAPL" is not fractionable')


def test_an_account_of_cash_sells_nothing_short_and_spends_no_more_than_it_has() -> None:
    rig = Rig(dollars=1_900)
    assert rig.refused(side="sell", qty="1")[2] == 'asset "AAPL" cannot be sold short'
    assert rig.refused(qty="9")[2] == "insufficient buying power"
    rig.place(qty="8")


def test_what_is_not_held_or_promised_is_not_sold() -> None:
    rig = Rig()
    rig.place()
    resting = rig.limit("240", side="sell", qty="6")
    with pytest.raises(Refusal) as caught:
        rig.place(side="sell", qty="5")
    assert caught.value.body == {
        "code": 40310000, "message": "insufficient qty available for order (requested: 5, available: 4)",
        "available": "4", "existing_qty": "10", "held_for_orders": "6", "related_orders": [resting["id"]],
        "symbol": "AAPL",
    }  # fmt: skip


def test_buying_power_is_said() -> None:
    rig = Rig()
    with pytest.raises(Refusal) as caught:
        rig.place(qty="900")
    assert (caught.value.body["buying_power"], caught.value.body["cost_basis"]) == ("200000", "207009")


@pytest.mark.parametrize(
    ("terms", "cost"),
    [
        ({}, "236910.3"),  # 3% above the ask
        ({"type": "limit", "limit_price": "229"}, "236910.3"),
        ({"type": "limit", "limit_price": "240"}, "240000"),
    ],
)
def test_a_short_sale_costs_its_limit_or_more_than_the_ask(terms: dict[str, Any], cost: str) -> None:
    rig = Rig()
    with pytest.raises(Refusal) as caught:
        rig.place(side="sell", qty="1000", **terms)
    assert caught.value.body["cost_basis"] == cost


def test_an_id_is_used_once() -> None:
    rig = Rig()
    rig.limit("200", client_order_id="mine")
    assert rig.refused(client_order_id="mine") == (422, 42210000, "client_order_id must be unique")
    assert rig.limit("200", client_order_id="x" * 128)["client_order_id"] == "x" * 128


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({**LIMIT}, {"side": "sell", **LIMIT, "limit_price": "235"}, "cannot open a short sell while a long buy"),
        (
            {"side": "sell", **LIMIT, "limit_price": "235"},
            {**LIMIT},
            "cannot open a long buy while a short sell order is open",
        ),
    ],
)
def test_long_and_short_are_not_opened_at_once(first: dict[str, Any], second: dict[str, Any], words: str) -> None:
    rig = Rig()
    rig.place(**first)
    assert rig.refused(**second)[2].startswith(words)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({**LIMIT, "limit_price": "235"}, {}, "opposite side market/stop order exists"),
        ({**LIMIT, "limit_price": "235"}, {**LIMIT, "limit_price": "235"}, "opposite side limit order exists"),
        ({**LIMIT, "limit_price": "235"}, {**LIMIT, "limit_price": "229"}, None),
        ({"type": "stop", "stop_price": "200"}, {**LIMIT}, "opposite side market/stop order exists"),
        ({"type": "trailing_stop", "trail_percent": "5"}, {}, "opposite side market/stop order exists"),
    ],
)
def test_wash_trades(first: dict[str, Any], second: dict[str, Any], reason: str | None) -> None:
    rig = Rig()
    rig.place()
    row = rig.place(side="sell", **first)
    if reason is None:
        rig.place(**second)
        return
    with pytest.raises(Refusal) as caught:
        rig.place(**second)
    assert caught.value.body == {
        "code": 40310000, "message": "potential wash trade detected. use complex orders",
        "existing_order_id": row["id"], "reject_reason": reason,
    }  # fmt: skip


def test_a_bracket_enters() -> None:
    rig = Rig()
    rig.place(side="sell")
    assert rig.refused(order_class="bracket", **EXITS)[2] == "bracket orders must be entry orders"
    assert bracket(Rig())["order_class"] == "bracket"


def test_settings_of_the_account_are_kept() -> None:
    rig = Rig()
    rig.api.settings(rig.ann, {"suspend_trade": True, "colour": "red"})
    assert rig.refused()[2] == "new orders are rejected by user request"
    assert rig.api.account(rig.ann)[1]["trade_suspended_by_user"]
    assert "colour" not in rig.api.settings(rig.ann)[1]
    rig.api.settings(rig.ann, {"suspend_trade": False, "no_shorting": True})
    assert rig.refused(side="sell")[2] == 'asset "AAPL" cannot be sold short'


def test_a_fourth_day_trade_is_denied_where_the_rule_is_on() -> None:
    rig, free = Rig(dollars=20_000, day_trading=True), Rig(dollars=20_000)
    for one in (rig, free):
        for _ in range(3):
            one.place(qty="1")
            one.place(qty="1", side="sell")
        one.place(qty="1")
    account = rig.api.account(rig.ann)[1]
    assert (account["daytrade_count"], account["pattern_day_trader"]) == (3, False)
    assert rig.refused(side="sell", qty="1") == (403, 40310100, "trade denied due to pattern day trading protection")
    assert "daytrade_count" not in free.api.account(free.ann)[1]
    free.place(side="sell", qty="1")
    rig.until("2026-11-23T09:31")  # held over night, it is no day trade
    rig.place(side="sell", qty="1")
    rich = Rig(dollars=30_000, day_trading=True)
    for _ in range(4):
        rich.place(qty="1")
        rich.place(qty="1", side="sell")


@pytest.mark.parametrize(
    ("clock", "tif", "taken"),
    [
        ("09:27", "opg", True), ("09:28", "opg", False), ("18:59", "opg", False), ("19:00", "opg", True),
        ("15:49", "cls", True), ("15:50", "cls", False), ("19:01", "cls", True),
    ],
)  # fmt: skip
def test_orders_for_the_auctions_come_in_time(clock: str, tif: str, taken: bool) -> None:
    rig = Rig(at(f"2026-11-19T{clock}"))
    if taken:
        assert rig.place(time_in_force=tif)["status"] == "accepted"
    else:
        assert rig.refused(time_in_force=tif)[:2] == FORBIDDEN


@pytest.mark.parametrize("query", [{"status": "some"}, {"limit": "501"}, {"after": "yesterday"}])
def test_questions_that_are_none(query: dict[str, str]) -> None:
    rig = Rig()
    with pytest.raises(Refusal) as caught:
        rig.api.orders(rig.ann, query)
    assert caught.value.status == 422


def test_orders_are_listed_as_asked() -> None:
    rig = Rig()
    first, second = rig.limit("200"), rig.place(symbol="AAPL")
    rig.exchange.advance(rig.exchange.now_ns + 10**9)
    third = bracket(rig, qty="310")
    ids = [row["id"] for row in rig.api.orders(rig.ann, {})[1]]
    assert ids[-1] == first["id"]
    assert third["id"] in ids
    assert [row["id"] for row in rig.api.orders(rig.ann, {"status": "closed"})[1]] == [second["id"]]
    everything = rig.api.orders(rig.ann, {"status": "all", "direction": "asc"})[1]
    assert len(everything) == 5
    nested = rig.api.orders(rig.ann, {"status": "all", "nested": "true"})[1]
    assert [len(row["legs"] or []) for row in nested] == [2, 0, 0]
    late = rig.api.orders(rig.ann, {"status": "all", "after": first["submitted_at"], "nested": "true"})[1]
    assert [row["id"] for row in late] == [third["id"]]
    assert rig.api.orders(rig.ann, {"symbols": "MSFT"})[1] == []
    assert rig.api.orders(rig.ann, {"status": "all", "side": "sell", "limit": "1"})[1][0]["side"] == "sell"


def test_activities_come_in_pages() -> None:
    rig = Rig()
    for _ in range(5):
        rig.place(qty="1")
    first = rig.api.activities(rig.ann, "FILL", {"page_size": "3"})[1]
    second = rig.api.activities(rig.ann, "FILL", {"page_size": "3", "page_token": first[-1]["id"]})[1]
    assert len(first) == 3
    assert len({row["id"] for row in first + second}) == 5
    moment = first[0]["transaction_time"]
    assert rig.api.activities(rig.ann, "", {"after": moment})[1] == []
    assert len(rig.api.activities(rig.ann, "", {"date": "2026-11-20"})[1]) == 5
    assert rig.api.activities(rig.ann, "DIV", {})[1] == []
    assert Decimal(first[0]["price"]) == Decimal("230.01")
