"""How the simulated venue speaks: reports go to the caller's array, or into a ring while their latency lasts.

A report's `time_ns` is when it is told, its `venue_time_ns` when it happened. Its `check` field carries the account
that it is for, until a journal seals the record.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.market_records import (
    INBOX,
    MARKET_REPORTS,
    MESSAGE_RING,
    Market,
    MarketCount,
    MarketSetting,
    Message,
    RestingOrder,
)
from quarterdeck.kernel.records import Event
from quarterdeck.kernel.vocabulary import EventKind, Flag

__all__ = ["deliver", "report_fill", "report_order", "report_quote", "report_refusal", "report_room"]

_FILL = word(EventKind.FILL)
_SELL = word(Flag.SELL)


@compiled
def report_room(market: Market) -> int:
    """How many more reports the present event may write."""
    if market["settings"][MarketSetting.RESPONSE_LATENCY_NS] > 0:
        return MESSAGE_RING - market["outbox_count"]
    return MARKET_REPORTS - 1 - market["emitted"]


@compiled
def _write(market: Market, message: Message, reports: Records[Event]) -> None:
    record = reports[market["emitted"]]
    market["emitted"] += 1
    record["time_ns"] = market["now_ns"]
    record["venue_time_ns"] = message["venue_time_ns"]
    record["kind"] = message["kind"]
    record["flags"] = message["flags"]
    record["instrument"] = message["instrument"]
    record["strategy"] = message["strategy"]
    record["check"] = message["account"]
    record["price"] = message["price"]
    record["quantity"] = message["quantity"]
    record["order_id"] = message["order_id"]
    record["trade_id"] = message["third"]
    record["fee"] = message["fourth"]


@compiled
def deliver(market: Market, reports: Records[Event]) -> None:
    """Tells the held reports that are due, and the oldest ones early where more than INBOX are held."""
    for _ in range(MESSAGE_RING):
        count = market["outbox_count"]
        if count == 0 or market["emitted"] >= MARKET_REPORTS - 1:
            return
        first = market["outbox_first"]
        message = market["outbox"][first]
        if message["due_ns"] > market["now_ns"]:
            if count <= INBOX:
                return
            market["counts"][MarketCount.REPORTS_EARLY] += 1
        _write(market, message, reports)
        market["outbox_first"] = (first + 1) % MESSAGE_RING
        market["outbox_count"] = count - 1


@compiled
def _next_message(market: Market) -> Message:
    """A message at the ring's end; `_say` keeps it there or tells it at once."""
    return market["outbox"][(market["outbox_first"] + market["outbox_count"]) % MESSAGE_RING]


@compiled
def _say(market: Market, message: Message, reports: Records[Event]) -> None:
    latency = market["settings"][MarketSetting.RESPONSE_LATENCY_NS]
    message["venue_time_ns"] = market["happened_ns"]
    if latency > 0:
        message["due_ns"] = market["happened_ns"] + latency
        market["outbox_count"] += 1
    else:
        _write(market, message, reports)


@compiled
def report_order(market: Market, order: RestingOrder, kind: int, value: int, reports: Records[Event]) -> None:
    """Says ORDER_ACCEPTED, ORDER_CANCELED, ORDER_EXPIRED, ORDER_REJECTED or ORDER_REPLACED of an order.

    `value` is the Reason (for ORDER_REPLACED: the new total). Of a liquidation only the fills are told.
    """
    if order["order_id"] == 0:
        return
    message = _next_message(market)
    message["kind"] = kind
    message["flags"] = _SELL if order["side"] < 0 else 0
    message["account"] = order["account"]
    message["instrument"] = order["instrument"]
    message["strategy"] = order["strategy"]
    message["price"] = order["price"]
    message["quantity"] = value
    message["order_id"] = order["order_id"]
    message["third"] = order["venue_order_id"]
    message["fourth"] = 0
    _say(market, message, reports)


@compiled
def report_refusal(market: Market, request: Message, kind: int, reason: int, reports: Records[Event]) -> None:
    """Says ORDER_REJECTED, CANCEL_REJECTED or REPLACE_REJECTED of a request; `value` is the Reason."""
    if request["order_id"] == 0:
        return
    message = _next_message(market)
    message["kind"] = kind
    message["flags"] = request["flags"] & _SELL
    message["account"] = request["account"]
    message["instrument"] = request["instrument"]
    message["strategy"] = request["strategy"]
    message["price"] = request["price"]
    message["quantity"] = reason
    message["order_id"] = request["order_id"]
    message["third"] = 0
    message["fourth"] = 0
    _say(market, message, reports)


@compiled
def report_fill(
    market: Market, order: RestingOrder, price: int, lots: int, fee: int, maker: int, reports: Records[Event]
) -> None:
    """Says FILL, under the latest trade id. `maker` is Flag.MAKER or 0."""
    message = _next_message(market)
    flags = _SELL if order["side"] < 0 else 0
    message["kind"] = _FILL
    message["flags"] = flags | maker
    message["account"] = order["account"]
    message["instrument"] = order["instrument"]
    message["strategy"] = order["strategy"]
    message["price"] = price
    message["quantity"] = lots
    message["order_id"] = order["order_id"]
    message["third"] = market["trade_sequence"]
    message["fourth"] = fee
    _say(market, message, reports)


@compiled
def report_quote(market: Market, index: int, venue_time_ns: int, reports: Records[Event]) -> None:
    """Says QUOTE when the top of the book is not what the latest one said. Market data knows no response latency."""
    listing = market["listings"][index]
    if (
        listing["bid"] == listing["told_bid"]
        and listing["ask"] == listing["told_ask"]
        and listing["bid_lots"] == listing["told_bid_lots"]
        and listing["ask_lots"] == listing["told_ask_lots"]
    ):
        return
    listing["told_bid"] = listing["bid"]
    listing["told_ask"] = listing["ask"]
    listing["told_bid_lots"] = listing["bid_lots"]
    listing["told_ask_lots"] = listing["ask_lots"]
    record = reports[market["emitted"]]
    market["emitted"] += 1
    record["time_ns"] = market["now_ns"]
    record["venue_time_ns"] = venue_time_ns
    record["kind"] = EventKind.QUOTE
    record["flags"] = 0
    record["instrument"] = index
    record["strategy"] = -1
    record["check"] = 0
    record["bid"] = listing["bid"]
    record["ask"] = listing["ask"]
    record["bid_quantity"] = listing["bid_lots"]
    record["ask_quantity"] = listing["ask_lots"]
    record["update_id"] = 0
