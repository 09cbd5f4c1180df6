"""What is tested: `quarterdeck.venues.alpaca.asking`: requests that take more than one call, on a table of answers."""

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.kernel.vocabulary import OrderStatus, OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.alpaca.answers import Reply
from quarterdeck.venues.alpaca.asking import Asker, Delayed
from quarterdeck.venues.alpaca.numbers import identity_number, nanoseconds, rfc3339
from quarterdeck.venues.alpaca.posting import Unanswered
from quarterdeck.venues.alpaca.requests import ACTIVITIES_PER_PAGE, ORDERS_PER_PAGE, Call
from quarterdeck.venues.alpaca.schema import Clock
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    AccountAnswer,
    Amend,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    FillsAnswer,
    Lost,
    OrderAnswer,
    OrdersAnswer,
    Refused,
    Taken,
    Unsent,
)
from tests.venues.alpaca.builders import (
    CLIENT_ID,
    OURS,
    THEIRS,
    TIME_NS,
    WHOLE,
    Parts,
    activity,
    cancel,
    good,
    order,
    problem,
)

GONE = problem(404, 40410000, "order not found")
CLOCK = {
    "timestamp": "2026-11-20T10:30:00-05:00", "is_open": True, "next_open": "2026-11-23T09:30:00-05:00",
    "next_close": "2026-11-20T16:00:00-05:00",
}  # fmt: skip
MS = 10**6


class Venue:
    """Answers calls from a table: the first whose path the call's begins with; a list is answered one by one."""

    def __init__(self, **_: Any) -> None:
        self.parts, self.calls, self.clocks = Parts(), [], list[Clock]()
        self.calls: list[Call] = []
        self.table: dict[str, Any] = {}
        parts = self.parts
        self.asker = Asker(parts.universe, parts.answers, parts.encoder, parts.registry, self.clocks.append)

    def on(self, path: str, *replies: Reply | Exception | Callable[[Call], Reply]) -> "Venue":
        self.table[path] = list(replies)
        return self

    def send(self, call: Call) -> Reply:
        self.calls.append(call)
        path = max((one for one in self.table if call.path.startswith(one)), key=len)
        replies = self.table[path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(call) if callable(reply) else reply

    def ask(self, request: Any, clock_ns: int = 0) -> Any:
        return self.asker.answer(request, self.send, clock_ns)

    @property
    def asked(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.calls]


def ask_order(**changes: Any) -> AskOrder:
    terms: dict[str, Any] = {"request_id": 1, "order_id": 77, "venue_order_id": 0, "instrument": WHOLE, "strategy": 3}
    return AskOrder(**{**terms, **changes})


def test_a_cancel_is_noted_and_no_more() -> None:
    venue = Venue().on("/orders/", Reply(204, b""))
    venue.parts.registry.saw(OURS, CLIENT_ID)
    assert venue.ask(cancel()) == Taken(request_id=2, final=False)
    assert venue.asked == [f"DELETE /orders/{OURS}"]
    assert venue.calls[0].urgent


def test_a_cancel_after_a_restart_looks_for_the_order_first() -> None:
    venue = Venue().on("/orders:by_client_order_id", good(order())).on("/orders/", Reply(204, b""))
    assert isinstance(venue.ask(cancel()), Taken)
    assert venue.asked == ["GET /orders:by_client_order_id", f"DELETE /orders/{OURS}"]
    assert venue.calls[0].fields == {"client_order_id": CLIENT_ID}
    assert all(call.urgent for call in venue.calls)


def test_a_cancel_of_somebody_elses_order_is_by_its_number() -> None:
    venue = Venue().on("/orders", good([order(id=THEIRS, client_order_id="x")])).on("/orders/", Reply(204, b""))
    assert isinstance(venue.ask(cancel(order_id=0, venue_order_id=identity_number(THEIRS))), Taken)
    assert venue.asked == ["GET /orders", f"DELETE /orders/{THEIRS}"]
    unknown = venue.ask(cancel(order_id=0, venue_order_id=5))
    assert isinstance(unknown, Refused)
    assert unknown.reason is Reason.UNKNOWN_ORDER


@pytest.mark.parametrize("reply", [GONE, problem(422, 42210000, 'order is already in "filled" state')])
def test_a_cancel_that_came_too_late(reply: Reply) -> None:
    venue = Venue().on("/orders:by_client_order_id", good(order())).on("/orders/", reply)
    answer = venue.ask(cancel())
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.error) == (Reason.UNKNOWN_ORDER, False)


def test_a_cancel_that_overtook_its_order() -> None:
    answer = Venue().on("/orders:by_client_order_id", GONE).ask(cancel())
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.UNKNOWN_ORDER
    assert isinstance(Venue().on("/orders:by_client_order_id", Reply(502, b"")).ask(cancel()), Lost)


def test_an_amend_is_not_for_this_venue() -> None:
    request = Amend(
        request_id=3, order_id=77, venue_order_id=0, instrument=WHOLE, strategy=3, side=Side.BUY, price=1,
        trigger_price=0, quantity=1, order_type=OrderType.LIMIT, time_in_force=TimeInForce.DAY, post_only=False,
        reduce_only=False, expires_ns=0,
    )  # fmt: skip
    assert isinstance(Venue().ask(request), Refused)


def test_what_became_of_an_order() -> None:
    venue = Venue().on("/orders:by_client_order_id", good(order(status="expired")))
    answer = venue.ask(ask_order())
    assert isinstance(answer, OrderAnswer)
    assert answer.order is not None
    assert answer.order.status is OrderStatus.EXPIRED
    assert Venue().on("/orders:by_client_order_id", GONE).ask(ask_order()) == OrderAnswer(request_id=1, order=None)
    assert isinstance(Venue().on("/orders:by_client_order_id", Reply(500, b"")).ask(ask_order()), Lost)
    assert isinstance(Venue().ask(ask_order(order_id=0, venue_order_id=9)), Lost)
    with pytest.raises(BadMessage, match="not the order"):
        Venue().on("/orders:by_client_order_id", good(order(client_order_id="x"))).ask(ask_order())


def page_of(count: int, first: int, time_ns: int) -> Reply:
    rows = [order(id=f"order-{first + at}", client_order_id="x", submitted_at=rfc3339(time_ns)) for at in range(count)]
    return good(rows)


def test_all_pages_of_open_orders_are_read_each_order_once() -> None:
    full, rest = page_of(ORDERS_PER_PAGE, 0, TIME_NS), page_of(10, ORDERS_PER_PAGE - 5, TIME_NS - 5)
    venue = Venue().on("/orders", full, rest)
    answer = venue.ask(AskOrders(request_id=9))
    assert isinstance(answer, OrdersAnswer)
    assert len(answer.orders) == ORDERS_PER_PAGE + 5
    assert [call.fields.get("until") for call in venue.calls] == [None, rfc3339(TIME_NS + MS)]


def test_pages_that_repeat_themselves_end() -> None:
    venue = Venue().on("/orders", page_of(ORDERS_PER_PAGE, 0, TIME_NS))
    assert len(venue.ask(AskOrders(request_id=9)).orders) == ORDERS_PER_PAGE
    assert len(venue.calls) == 2


def fills(count: int, first: int = 0, *, orders: int = 1, step_ns: int = MS) -> list[dict[str, Any]]:
    return [
        activity(
            id=f"20261120::{place}", order_id=f"order-{place % orders}", qty="1", cum_qty=str(place + 1),
            transaction_time=rfc3339(TIME_NS + place * step_ns),
        )
        for place in range(first, first + count)
    ]  # fmt: skip


def test_fills_are_read_page_by_page_and_named() -> None:
    rows = fills(ACTIVITIES_PER_PAGE + 7)
    venue = Venue().on("/account/activities/FILL", good(rows[:100]), good(rows[100:]))
    venue.on("/orders/", good(order(id="order-0")))
    answer = venue.ask(AskFills(request_id=4, since_ns=TIME_NS + 3 * MS), TIME_NS + 10**12)
    assert isinstance(answer, FillsAnswer)
    assert [fill.venue_time_ns for fill in answer.fills] == [TIME_NS + place * MS for place in range(3, 107)]
    assert {(fill.order_id, fill.strategy) for fill in answer.fills} == {(77, 3)}
    assert len({fill.trade_id for fill in answer.fills}) == 104
    assert (answer.more, answer.until_ns) == (False, TIME_NS + 10**12 - 10**9)
    assert venue.asked == ["GET /account/activities/FILL"] * 2 + ["GET /orders/order-0"]
    assert venue.calls[1].fields["page_token"] == rows[99]["id"]
    assert nanoseconds(venue.calls[0].fields["after"]) < TIME_NS


def test_many_unknown_orders_are_looked_for_in_a_list() -> None:
    venue = Venue().on("/account/activities/FILL", good(fills(20, orders=10)))
    venue.on("/orders", good([order(id=f"order-{place}") for place in range(9)])).on("/orders/", GONE)
    answer = venue.ask(AskFills(request_id=4, since_ns=0))
    assert sorted({fill.order_id for fill in answer.fills}) == [0, 77]
    assert venue.asked == ["GET /account/activities/FILL", "GET /orders", "GET /orders/order-9"]
    assert venue.calls[1].fields["status"] == "all"
    venue.calls.clear()
    venue.ask(AskFills(request_id=5, since_ns=0))
    assert venue.asked == ["GET /account/activities/FILL"]  # once known is known


def test_a_list_without_an_end_is_given_in_parts() -> None:
    def page(call: Call) -> Reply:
        token = call.fields.get("page_token", "::-1")
        return good(fills(ACTIVITIES_PER_PAGE, int(token.rpartition("::")[2]) + 1, step_ns=MS))

    venue = Venue().on("/account/activities/FILL", page).on("/orders/", good(order(id="order-0")))
    answer = venue.ask(AskFills(request_id=4, since_ns=0))
    assert answer.more
    assert len(answer.fills) == 10 * ACTIVITIES_PER_PAGE - 1  # of the last moment more may be left
    assert answer.until_ns == TIME_NS + 999 * MS - 1
    assert answer.fills[-1].venue_time_ns <= answer.until_ns


def test_fills_of_one_moment_are_in_the_order_of_how_far_they_filled_it() -> None:
    rows = [activity(id=f"t::{cum}", qty=qty, cum_qty=cum) for cum, qty in (("100", "60"), ("869", "1"), ("40", "40"))]
    venue = Venue().on("/account/activities/FILL", good(rows)).on("/orders/", good(order()))
    assert [fill.quantity for fill in venue.ask(AskFills(request_id=4, since_ns=0)).fills] == [40, 60, 1]


@pytest.mark.parametrize(
    ("replies", "wanted"),
    [((problem(429, 0, "no"),), Unsent), ((Reply(500, b""),), Lost), ((Reply(403, b"{}"),), Lost)],
)
def test_a_list_that_was_not_given_is_asked_for_again(replies: tuple[Reply, ...], wanted: type) -> None:
    assert isinstance(Venue().on("/account/activities/FILL", *replies).ask(AskFills(request_id=4, since_ns=0)), wanted)


def test_what_a_call_raises_passes_up() -> None:
    for error in (Delayed("no room"), Unanswered("gone")):
        with pytest.raises(type(error)):
            Venue().on("/account/activities/FILL", error).ask(AskFills(request_id=4, since_ns=0))
    venue = Venue().on("/account/activities/FILL", good(fills(1))).on("/orders/", Reply(500, b""))
    assert isinstance(venue.ask(AskFills(request_id=4, since_ns=0)), Lost)
    assert venue.parts.registry.unknown(["order-0"]) == ["order-0"]


def position(qty: str) -> Reply:
    return good([{"symbol": "AAPL", "qty": qty, "side": "long", "cost_basis": "901.25", "avg_entry_price": "180.25"}])


def test_the_account_is_of_one_moment() -> None:
    venue = Venue().on("/positions", position("5")).on("/clock", good(CLOCK))
    venue.on("/account", good({"status": "ACTIVE", "cash": "1000"}))
    answer = venue.ask(AskAccount(request_id=6))
    assert isinstance(answer, AccountAnswer)
    assert answer.venue_time_ns == nanoseconds(CLOCK["timestamp"])
    assert (answer.holdings[0].quantity, answer.balances[0].cash) == (5, 10**11)
    assert venue.asked == ["GET /positions", "GET /clock", "GET /account", "GET /positions"]
    assert len(venue.clocks) == 1


def test_an_account_that_moves_is_read_again() -> None:
    venue = Venue().on("/positions", position("5"), position("6")).on("/clock", good(CLOCK))
    venue.on("/account", good({"status": "ACTIVE", "cash": "1000"}))
    assert venue.ask(AskAccount(request_id=6)).holdings[0].quantity == 6
    assert len(venue.calls) == 7
    moving = [position(str(place)) for place in range(1, 10)]
    venue.on("/positions", *moving)
    with pytest.raises(Unanswered, match="moved each time"):
        venue.ask(AskAccount(request_id=6))


@pytest.mark.parametrize("path", ["/positions", "/clock", "/account"])
def test_an_account_that_is_not_told_whole_is_not_told(path: str) -> None:
    venue = Venue().on("/positions", position("5")).on("/clock", good(CLOCK))
    venue.on("/account", good({"status": "ACTIVE", "cash": "1000"}))
    venue.on(path, Reply(503, b""))
    assert isinstance(venue.ask(AskAccount(request_id=6)), Lost)
    venue.on(path, good({"timestamp": "soon"}))
    with pytest.raises(BadMessage):
        venue.ask(AskAccount(request_id=6))
