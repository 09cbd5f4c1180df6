"""What is tested: `quarterdeck.twins.alpaca.exchange` with its accounts, groups and margin: matching, sessions, exits.
`quarterdeck.twins.alpaca.accounts`, `quarterdeck.twins.alpaca.groups`, `quarterdeck.twins.alpaca.margin`,
`quarterdeck.twins.alpaca.trading`, `quarterdeck.twins.alpaca.wire` and `quarterdeck.twins.alpaca.listings`.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market.events import Events, blank_events
from quarterdeck.twins.alpaca.accounts import Account, Position
from quarterdeck.twins.alpaca.calendar import Calendar, Phase
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.listings import UNITS, Listing, default_listings
from quarterdeck.twins.alpaca.refusals import Refusal
from quarterdeck.twins.alpaca.trading import Trading
from tests.twins.alpaca.serving import MORNING, SHARE, at, levels, still_market

CALENDAR = Calendar()
AAPL = 0


class Rig:
    """An exchange with its trading API and one account, and a still AAPL market."""

    def __init__(self, start_ns: int = MORNING, dollars: int = 100_000, **options: Any) -> None:
        listings = [self.listed(one, options.pop("terms", {})) for one in default_listings(1)]
        self.exchange = TwinExchange(listings, CALENDAR, start_ns, "test")
        self.api = Trading(self.exchange, **options)
        self.ann = self.exchange.fund("ann", "secret", Decimal(dollars))
        self.told: list[dict[str, Any]] = []
        self.feed(still_market())

    @staticmethod
    def listed(listing: Listing, terms: dict[str, Any]) -> Listing:
        return replace(listing, **terms) if listing.index == AAPL else listing

    def feed(self, events: Events) -> None:
        events["time_ns"] = self.exchange.now_ns
        self.exchange.take(events)
        self.listen()

    def trade(self, cents: int, shares: int = 100, *, sold: bool = False) -> None:
        """Somebody else trades."""
        events = blank_events(1, EventKind.TRADE, AAPL)
        events["price"], events["quantity"], events["trade_id"] = cents * 100, shares * SHARE, 1
        events["flags"] = int(Flag.SELL) if sold else 0
        self.feed(events)

    def listen(self) -> None:
        self.told += [row for _, row in self.exchange.take_news().updates]

    def until(self, text: str) -> None:
        """Lets time pass, phase after phase."""
        while (change := CALENDAR.next_change_ns(self.exchange.now_ns)) <= at(text):
            self.exchange.advance(change)
            self.exchange.turn()
        self.exchange.advance(at(text))
        self.listen()

    def place(self, account: Account | None = None, **terms: Any) -> dict[str, Any]:
        body = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day", **terms}
        status, row = self.api.place(account or self.ann, {k: v for k, v in body.items() if v is not None})
        assert status == 200
        self.listen()
        return row

    def limit(self, price: str, **terms: Any) -> dict[str, Any]:
        return self.place(type="limit", limit_price=price, **terms)

    def refused(self, **terms: Any) -> tuple[int, int, str]:
        with pytest.raises(Refusal) as caught:
            self.place(**terms)
        return caught.value.status, caught.value.body["code"], caught.value.body["message"]

    def see(self, row: dict[str, Any]) -> dict[str, Any]:
        return self.api.order(self.ann, row["id"], {"nested": "true"})[1]

    def status(self, row: dict[str, Any]) -> str:
        return self.see(row)["status"]

    def events(self, row: dict[str, Any]) -> list[str]:
        return [one["event"] for one in self.told if one["order"]["id"] == row["id"]]

    def held(self) -> int:
        return self.ann.position(AAPL).lots // SHARE


# Orders.


def test_a_taker_walks_the_book() -> None:
    rig = Rig()
    row = rig.limit("230.02", qty="400")
    assert (row["status"], row["filled_qty"]) == ("pending_new", "0")  # what it has done is told by the stream
    seen = rig.see(row)
    assert (seen["status"], seen["filled_qty"], seen["filled_avg_price"]) == ("filled", "400", "230.0125")
    assert rig.events(row) == ["pending_new", "new", "partial_fill", "fill"]
    paid = 300 * 23_001 + 100 * 23_002
    assert rig.ann.cash == 100_000 * UNITS - paid * UNITS // 100
    fills = [one for one in rig.told if one["event"] in {"partial_fill", "fill"}]
    assert [(one["price"], one["qty"], one["position_qty"]) for one in fills] == [
        ("230.01", "300", "300"),
        ("230.02", "100", "400"),
    ]
    activities = rig.api.activities(rig.ann, "FILL", {"direction": "asc"})[1]
    assert [one["id"].partition("::")[2] for one in activities] == [one["execution_id"] for one in fills]
    assert [(one["leaves_qty"], one["cum_qty"]) for one in activities] == [("100", "300"), ("0", "400")]


def test_the_rest_rests_and_is_filled_by_a_trade() -> None:
    rig = Rig()
    row = rig.limit("230.01", qty="310")
    assert rig.see(row)["filled_qty"] == "300"
    rig.trade(23_000, 4, sold=True)
    assert rig.see(row)["filled_qty"] == "304"
    rig.api.cancel(rig.ann, row["id"])
    rig.listen()
    assert rig.events(row)[-2:] == ["pending_cancel", "canceled"]
    with pytest.raises(Refusal, match='order is already in "canceled" state'):
        rig.api.cancel(rig.ann, row["id"])


def test_what_an_order_has_sold_it_no_longer_holds() -> None:
    rig = Rig()
    rig.place(qty="100")
    rig.limit("231", side="sell", qty="60")
    rig.trade(23_101, 20)
    assert rig.api.position(rig.ann, "AAPL")[1]["qty_available"] == "40"
    rig.limit("231", side="sell", qty="40")
    assert rig.api.position(rig.ann, "AAPL")[1]["qty_available"] == "0"


def test_no_quote_is_locked_by_the_rest_of_an_order() -> None:
    rig = Rig()
    rig.limit("230.01", qty="400")
    quote = rig.exchange.tapes[AAPL].touch(rig.exchange.resting())
    assert quote == (2_300_100, 2_300_200, 100 * SHARE, 1_000 * SHARE)
    assert rig.exchange.tapes[AAPL].touch() == (2_299_900, 2_300_100, 500 * SHARE, 300 * SHARE)


def test_a_market_order_goes_on_when_there_is_more_to_meet() -> None:
    rig = Rig(dollars=1_000_000)
    row = rig.place(qty="1500")
    assert (rig.status(row), rig.see(row)["filled_qty"]) == ("partially_filled", "1300")
    rig.feed(levels([(23_001, 0, Flag.SELL), (23_002, 0, Flag.SELL), (23_005, 900, Flag.SELL)]))
    assert rig.status(row) == "filled"
    assert [one["price"] for one in rig.told if "price" in one] == ["230.01", "230.02", "230.05"]


@pytest.mark.parametrize(
    ("tif", "qty", "status", "filled"),
    [("ioc", "400", "canceled", "300"), ("fok", "400", "canceled", "0"), ("fok", "300", "filled", "300")],
)
def test_orders_that_do_not_wait(tif: str, qty: str, status: str, filled: str) -> None:
    rig = Rig()
    row = rig.limit("230.01", qty=qty, time_in_force=tif)
    assert (rig.status(row), rig.see(row)["filled_qty"]) == (status, filled)


def test_two_accounts_share_a_trade_that_is_printed_once() -> None:
    rig = Rig()
    bob = rig.exchange.fund("bob", "secret", Decimal(100_000))
    rig.limit("230.00")
    rig.place(account=bob, type="limit", limit_price="230", side="sell")
    assert (rig.held(), bob.position(AAPL).lots) == (10, -10 * SHARE)
    rig.trade(23_000)
    prints = list(rig.exchange.tapes[AAPL].trades)
    assert [(one["p"], one["s"]) for one in prints] == [(230.0, 10), (230.0, 100)]
    assert prints[0]["i"] != prints[1]["i"]


def test_dollars_buy_a_part_of_a_share() -> None:
    rig = Rig()
    row = rig.place(qty=None, notional="100")
    seen = rig.see(row)
    assert (seen["qty"], seen["notional"], seen["status"]) == (None, "100", "filled")
    assert Decimal(seen["filled_qty"]) == (Decimal(100) / Decimal("230.01")).quantize(Decimal("1e-6"), "ROUND_DOWN")
    rig.place(qty=seen["filled_qty"], side="sell")
    assert rig.ann.position(AAPL) == Position(0, 0)


# Prices that are waited for.


@pytest.mark.parametrize(
    ("terms", "side", "quiet", "reached"),
    [
        ({"type": "stop", "stop_price": "229.50"}, "sell", 22_951, 22_950),
        ({"type": "stop", "stop_price": "230.50"}, "buy", 23_049, 23_050),
        ({"type": "stop_limit", "stop_price": "229.50", "limit_price": "229"}, "sell", 22_951, 22_940),
        ({"type": "trailing_stop", "trail_price": "1"}, "sell", 22_902, 22_901),
        ({"type": "trailing_stop", "trail_percent": "1"}, "sell", 22_771, 22_770),
    ],
)
def test_stops_wait_for_a_trade(terms: dict[str, Any], side: str, quiet: int, reached: int) -> None:
    rig = Rig()
    rig.place()
    row = rig.place(side=side, **terms)
    rig.trade(quiet, 1)
    assert (rig.status(row), rig.see(row)["filled_qty"]) == ("new", "0")
    rig.trade(reached, 1)
    assert rig.status(row) == "filled"


def test_a_trailing_stop_follows_the_best_price() -> None:
    rig = Rig()
    rig.place()
    row = rig.place(side="sell", type="trailing_stop", trail_price="1")
    rig.trade(23_300)
    assert (rig.see(row)["hwm"], rig.see(row)["stop_price"]) == ("233", "232")
    rig.trade(23_200)
    assert rig.status(row) == "filled"


def test_stops_sleep_outside_regular_hours() -> None:
    rig = Rig()
    rig.place()
    row = rig.place(side="sell", type="stop", stop_price="229", time_in_force="gtc")
    rig.until("2026-11-20T17:00")
    rig.trade(22_000)
    assert rig.status(row) == "new"
    rig.until("2026-11-23T09:31")
    rig.trade(23_000)
    assert rig.status(row) == "new"  # what was traded after hours has triggered nothing
    rig.trade(22_000)
    assert rig.status(row) == "filled"


# Groups.


def bracket(rig: Rig, **terms: Any) -> dict[str, Any]:
    exits = {"take_profit": {"limit_price": "232"}, "stop_loss": {"stop_price": "228"}}
    return rig.limit("230.01", order_class="bracket", **exits, **terms)


def legs(rig: Rig, row: dict[str, Any]) -> list[str]:
    return [leg["status"] for leg in rig.see(row)["legs"]]


def test_exits_wait_for_the_whole_entry() -> None:
    rig = Rig()
    row = bracket(rig, qty="310")
    assert legs(rig, row) == ["held", "held"]
    rig.trade(23_000, 10, sold=True)
    assert (rig.status(row), legs(rig, row)) == ("filled", ["new", "held"])


@pytest.mark.parametrize(("cents", "ends"), [(23_201, ["filled", "canceled"]), (22_800, ["canceled", "filled"])])
def test_one_exit_ends_the_other(cents: int, ends: list[str]) -> None:
    rig = Rig()
    row = bracket(rig)
    rig.trade(cents)
    assert legs(rig, row) == ends
    assert rig.held() == 0


def test_a_part_of_an_exit_shrinks_the_other() -> None:
    rig = Rig()
    row = bracket(rig)
    rig.trade(23_201, 4)
    profit, loss = rig.see(row)["legs"]
    assert (profit["filled_qty"], loss["qty"], loss["status"]) == ("4", "6", "held")
    rig.trade(22_700)
    assert rig.held() == 0


def test_the_end_of_an_entry_ends_its_exits() -> None:
    rig = Rig()
    row = bracket(rig, qty="310")
    rig.api.cancel(rig.ann, row["id"])
    assert (rig.status(row), legs(rig, row)) == ("canceled", ["canceled", "canceled"])


def test_one_cancels_the_other() -> None:
    rig = Rig()
    rig.place()
    exits = {"take_profit": {"limit_price": "232"}, "stop_loss": {"stop_price": "228", "limit_price": "227"}}
    first = rig.place(side="sell", type="limit", order_class="oco", **exits)
    assert (first["limit_price"], [leg["type"] for leg in first["legs"]]) == ("232", ["stop_limit"])
    assert rig.api.position(rig.ann, "AAPL")[1]["qty_available"] == "0"
    rig.trade(22_800)
    assert (rig.status(first), legs(rig, first), rig.held()) == ("canceled", ["filled"], 0)
    assert rig.events(first["legs"][0]) == ["new", "fill"]
    rig.place()
    second = rig.place(side="sell", type="limit", order_class="oco", **exits)
    rig.trade(23_201)
    assert (rig.status(second), legs(rig, second), rig.held()) == ("filled", ["canceled"], 0)


def test_one_triggers_the_other() -> None:
    rig = Rig()
    row = rig.limit("230.01", order_class="oto", stop_loss={"stop_price": "228"})
    assert (rig.status(row), legs(rig, row)) == ("filled", ["new"])
    rig.trade(22_800)
    assert (legs(rig, row), rig.held()) == (["filled"], 0)


def test_a_stop_of_a_pair_is_moved() -> None:
    rig = Rig()
    row = bracket(rig)
    loss = rig.see(row)["legs"][1]
    new = rig.api.replace(rig.ann, loss["id"], {"stop_price": "229"})[1]
    assert (new["status"], new["stop_price"], new["replaces"]) == ("held", "229", loss["id"])
    assert legs(rig, row) == ["new", "held"]
    rig.trade(22_900)
    assert (legs(rig, row), rig.held()) == (["canceled", "filled"], 0)


# Replacements.


def test_a_replacement_trades_what_was_left() -> None:
    rig = Rig()
    row = rig.limit("230.01", qty="400")
    new = rig.api.replace(rig.ann, row["id"], {"qty": "350", "limit_price": "230.02", "client_order_id": "second"})[1]
    rig.listen()
    assert (new["qty"], new["client_order_id"], new["replaces"]) == ("50", "second", row["id"])
    old = rig.see(row)
    assert (old["status"], old["replaced_by"], old["filled_qty"]) == ("replaced", new["id"], "300")
    assert rig.events(row)[-2:] == ["pending_replace", "replaced"]
    assert (rig.status(new), rig.held()) == ("filled", 350)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"qty": "290"}, "qty must be > filled_qty"),
        ({"limit_price": "230.123"}, "invalid limit_price 230.123. sub-penny"),
        ({"qty": "100000"}, "insufficient buying power"),
        ({"client_order_id": "mine"}, "client_order_id must be unique"),
        ({"qty": "310.5"}, "qty of fractional orders cannot be replaced"),
    ],
)
def test_a_replacement_may_be_refused_and_the_order_stands(change: dict[str, Any], words: str) -> None:
    rig = Rig()
    row = rig.limit("230.01", qty="310", client_order_id="mine")
    with pytest.raises(Refusal) as caught:
        rig.api.replace(rig.ann, row["id"], change)
    assert caught.value.body["message"].startswith(words)
    assert rig.status(row) == "partially_filled"


def test_what_is_over_or_has_not_begun_is_not_replaced() -> None:
    rig = Rig()
    row = rig.place()
    with pytest.raises(Refusal, match="order is not open"):
        rig.api.replace(rig.ann, row["id"], {"qty": "5"})
    rig.until("2026-11-20T18:00")
    row = rig.limit("200")
    with pytest.raises(Refusal, match="isn't sent to exchange yet"):
        rig.api.replace(rig.ann, row["id"], {"qty": "5"})


# Sessions.


def test_a_day_order_ends_at_the_close() -> None:
    rig = Rig()
    row, lasting = rig.limit("220"), rig.limit("221", time_in_force="gtc")
    late = rig.limit("222", extended_hours=True)
    rig.until("2026-11-20T16:00")
    assert [rig.status(one) for one in (row, lasting, late)] == ["expired", "new", "new"]
    assert rig.events(row)[-1] == "expired"
    rig.until("2026-11-20T20:00")
    assert [rig.status(one) for one in (lasting, late)] == ["new", "expired"]


def test_an_order_of_the_night_waits_for_the_open() -> None:
    rig = Rig(at("2026-11-20T21:00"))
    row = rig.place()
    assert (row["status"], rig.status(row)) == ("accepted", "accepted")
    rig.until("2026-11-23T09:29")
    assert rig.events(row) == ["accepted"]
    rig.until("2026-11-23T09:30")
    assert rig.events(row) == ["accepted", "new", "fill"]
    clock = rig.api.clock()[1]
    assert (clock["is_open"], clock["next_close"]) == (True, "2026-11-23T16:00:00-05:00")


def test_orders_of_regular_hours_do_not_trade_after_them() -> None:
    rig = Rig()
    row = rig.limit("229", time_in_force="gtc")
    rig.until("2026-11-20T16:30")
    rig.trade(22_500, 1_000, sold=True)
    assert rig.status(row) == "new"
    early = rig.limit("228", extended_hours=True)
    rig.trade(22_400, 1_000, sold=True)
    assert (rig.status(early), rig.status(row)) == ("filled", "new")
    rig.until("2026-11-23T09:31")
    rig.trade(22_500, 1_000, sold=True)
    assert rig.status(row) == "filled"


def test_the_opening_and_the_close() -> None:
    rig = Rig(at("2026-11-20T09:00"))
    opening, closing = rig.place(time_in_force="opg"), rig.place(time_in_force="cls", qty="20")
    rig.until("2026-11-20T09:30")
    assert (rig.status(opening), rig.status(closing)) == ("filled", "accepted")
    rig.until("2026-11-20T16:00")
    assert rig.status(closing) == "filled"
    assert rig.ann.last_equity == rig.exchange.value(rig.ann).equity


def test_a_halt_lets_nobody_trade() -> None:
    rig = Rig()
    row = rig.limit("229.99")
    rig.exchange.halt(on=True)
    assert rig.refused()[2] == "trading is halted for AAPL"
    assert [kind for kind, _, _ in rig.exchange.take_news().data] == ["statuses"] * 4
    rig.exchange.halt(on=False)
    rig.trade(22_900, sold=True)
    assert rig.status(row) == "filled"


# Worth.


def test_what_an_account_is_worth() -> None:
    rig = Rig()
    rig.place(qty="100")
    rig.trade(23_100)
    account, position = rig.api.account(rig.ann)[1], rig.api.position(rig.ann, "AAPL")[1]
    assert (account["cash"], account["long_market_value"], account["equity"]) == ("76999", "23100", "100099")
    assert (account["initial_margin"], account["buying_power"]) == ("11550", "177098")
    assert (position["unrealized_pl"], position["cost_basis"], position["avg_entry_price"]) == ("99", "23001", "230.01")
    assert (position["lastday_price"], position["unrealized_intraday_pl"]) == ("230", "99")
    rig.limit("220", qty="10")
    assert rig.api.account(rig.ann)[1]["buying_power"] == "174898"


def test_a_short_sale() -> None:
    rig = Rig()
    rig.place(side="sell", qty="100")
    account, position = rig.api.account(rig.ann)[1], rig.api.position(rig.ann, "AAPL")[1]
    assert (position["side"], position["qty"], position["market_value"]) == ("short", "-100", "-22999")
    assert (account["cash"], account["short_market_value"], account["equity"]) == ("122999", "-22999", "100000")
    assert rig.api.activities(rig.ann, "", {})[1][0]["side"] == "sell_short"
    rig.api.close_position(rig.ann, "AAPL", {"percentage": "50"})
    assert rig.held() == -50
    assert [row["status"] for row in rig.api.close_all(rig.ann, {})[1]] == [200]
    assert rig.held() == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "bid", "offer", "cancel", "print", "bracket", "replace"]),
        st.integers(22_980, 23_020),
        st.integers(1, 400),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_money_and_shares_are_what_the_fills_say(steps: list[tuple[str, int, int]]) -> None:
    rig = Rig()
    for kind, cents, shares in steps:
        try:
            step(rig, kind, cents, shares)
        except Refusal:
            continue
        finally:
            rig.listen()
    cash, held = Decimal(100_000), Decimal(0)
    for row in rig.api.activities(rig.ann, "FILL", {"page_size": "100"})[1]:
        sign = 1 if row["side"] == "buy" else -1
        held += sign * Decimal(row["qty"])
        cash -= sign * Decimal(row["qty"]) * Decimal(row["price"])
    assert rig.ann.cash == cash * UNITS
    assert rig.ann.position(AAPL).lots == held * SHARE
    orders = rig.api.orders(rig.ann, {"status": "all", "limit": "500"})[1]
    signed = [Decimal(row["filled_qty"]) * (1 if row["side"] == "buy" else -1) for row in orders]
    assert sum(signed) == held
    for row in orders:
        assert row["qty"] is None or Decimal(row["filled_qty"]) <= Decimal(row["qty"])
        assert (row["status"] == "filled") == (row["filled_at"] is not None)
    assert all(order.open for order in rig.exchange.resting())
    quotes = rig.exchange.tapes[AAPL].quotes
    assert all(row["bp"] < row["ap"] for row in quotes if row["bp"] and row["ap"])


def step(rig: Rig, kind: str, cents: int, shares: int) -> None:
    price = f"{Decimal(cents) / 100}"
    if kind in {"buy", "sell"}:
        rig.place(side=kind, qty=str(shares))
    elif kind in {"bid", "offer"}:
        rig.limit(price, side="buy" if kind == "bid" else "sell", qty=str(shares))
    elif kind == "print":
        rig.trade(cents, shares, sold=shares % 2 == 0)
    elif kind == "bracket":
        exits = {"take_profit": {"limit_price": "231"}, "stop_loss": {"stop_price": "229.70"}}
        rig.limit(price, qty=str(shares), order_class="bracket", **exits)
    elif rig.ann.open_orders():
        first = rig.ann.open_orders()[0]
        if kind == "cancel":
            rig.api.cancel(rig.ann, first.id)
        else:
            rig.api.replace(rig.ann, first.id, {"qty": str(shares), "limit_price": price})


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 10**9), st.integers(1, 10**6)), max_size=20))
def test_a_position_keeps_every_unit(trades: list[tuple[int, int, int]]) -> None:
    held, cash, realised = Position(), 0, 0
    for side, lots, price in trades:
        realised += held.move(side, lots, lots * price)
        cash -= side * lots * price
    assert cash + held.cost == realised
    assert held.lots == sum(side * lots for side, lots, _ in trades)


def test_phases_are_named() -> None:
    rig = Rig(at("2026-11-20T03:00"))
    seen = []
    for text in ("2026-11-20T04:00", "2026-11-20T09:30", "2026-11-20T16:00", "2026-11-20T20:00"):
        rig.until(text)
        seen.append(rig.exchange.phase)
    assert seen == [Phase.PRE, Phase.REGULAR, Phase.POST, Phase.CLOSED]
