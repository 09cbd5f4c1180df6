"""What Binance's codes mean here: why a request was refused, how an order ended, and what may be sent again.

The codes are the venue's own ("Error codes", its API documentation of spot and of USD-M futures). Where one code says
several things, its text tells them apart; a text is compared by what it contains, in small letters.

| verdict | the request                                                               | retry      | answer here      |
|---------|---------------------------------------------------------------------------|------------|------------------|
| REFUSED | was read and turned down; sent again it would be turned down again        | do not     | Refused          |
| UNREAD  | was turned away before it was looked at: it may be sent again later       | later      | Unsent           |
| VENUE   | was turned down for no fault of the order: maintenance, a new code        | do not     | Refused, `error` |
| UNKNOWN | nobody knows: "execution status unknown", a gateway's failure             | ask first  | Lost             |
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus, Reason

__all__ = ["NO_SUCH_ORDER", "Judgement", "Verdict", "judge", "status_of"]

NO_SUCH_ORDER: Final = -2013


class Verdict(Enum):
    """What a refusal says of the request."""

    REFUSED = "refused"
    UNREAD = "unread"
    VENUE = "venue"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why, and what that says of the request."""

    reason: Reason
    verdict: Verdict


_REFUSED, _UNREAD, _VENUE, _UNKNOWN = Verdict.REFUSED, Verdict.UNREAD, Verdict.VENUE, Verdict.UNKNOWN

# (code, what the text contains, why, verdict): the first that fits. An empty text fits any.
_CODES: Final = (
    # the server itself
    (-1000, "", Reason.VENUE_REJECTED, _UNKNOWN),
    (-1001, "", Reason.VENUE_REJECTED, _UNKNOWN),  # "Internal error": how far it came is not said
    (-1002, "", Reason.TRADING_DISABLED, _REFUSED),
    (-1003, "", Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),
    (-1004, "", Reason.VENUE_REJECTED, _VENUE),
    (-1005, "", Reason.TRADING_DISABLED, _REFUSED),
    (-1006, "", Reason.VENUE_REJECTED, _UNKNOWN),  # "Execution status unknown"
    (-1007, "", Reason.VENUE_REJECTED, _UNKNOWN),  # "Send status unknown; execution status unknown"
    (-1008, "", Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),  # "Server is currently overloaded"
    (-1010, "insufficient balance", Reason.BUYING_POWER, _REFUSED),
    (-1010, "", Reason.VENUE_REJECTED, _VENUE),
    (-1011, "", Reason.TRADING_DISABLED, _REFUSED),
    (-1013, "market is closed", Reason.SYMBOL_LOCKED, _VENUE),
    (-1013, "price_filter", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-1013, "percent_price", Reason.PRICE_COLLAR, _REFUSED),
    (-1013, "notional", Reason.NOTIONAL_TOO_SMALL, _REFUSED),
    (-1013, "max_position", Reason.POSITION_LIMIT, _REFUSED),
    (-1013, "max_num", Reason.ORDER_RATE_EXCEEDED, _REFUSED),
    (-1013, "", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-1014, "", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-1015, "", Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),  # "Too many new orders"
    (-1016, "", Reason.TRADING_DISABLED, _VENUE),
    (-1020, "", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-1021, "", Reason.STALE_DATA, _REFUSED),  # it came after its time: that is what the bound is for
    (-1022, "", Reason.TRADING_DISABLED, _REFUSED),  # the signature
    (-1034, "", Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),
    (-1099, "", Reason.TRADING_DISABLED, _REFUSED),
    (-1121, "", Reason.SYMBOL_NOT_ALLOWED, _REFUSED),
    # spot's matching engine, and what both say of orders
    (-2010, "insufficient balance", Reason.BUYING_POWER, _REFUSED),
    (-2010, "immediately match", Reason.POST_ONLY_WOULD_CROSS, _REFUSED),
    (-2010, "duplicate order", Reason.DUPLICATE_ORDER, _REFUSED),
    (-2010, "market is closed", Reason.SYMBOL_LOCKED, _VENUE),
    (-2010, "trigger immediately", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-2010, "liquidity", Reason.NO_LIQUIDITY, _REFUSED),
    (-2010, "not permitted", Reason.TRADING_DISABLED, _REFUSED),
    (-2010, "disabled on this account", Reason.TRADING_DISABLED, _REFUSED),
    (-2010, "not supported for this symbol", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-2010, "not enabled", Reason.TRADING_DISABLED, _REFUSED),
    (-2010, "", Reason.VENUE_REJECTED, _REFUSED),
    (-2011, "duplicate", Reason.DUPLICATE_ORDER, _REFUSED),
    (-2011, "unknown order", Reason.UNKNOWN_ORDER, _REFUSED),
    (-2011, "", Reason.VENUE_REJECTED, _REFUSED),
    (NO_SUCH_ORDER, "", Reason.UNKNOWN_ORDER, _REFUSED),
    (-2014, "", Reason.TRADING_DISABLED, _REFUSED),
    (-2015, "", Reason.TRADING_DISABLED, _REFUSED),
    (-2016, "", Reason.SYMBOL_LOCKED, _VENUE),
    (-2018, "", Reason.BUYING_POWER, _REFUSED),
    (-2019, "", Reason.BUYING_POWER, _REFUSED),
    (-2020, "", Reason.NO_LIQUIDITY, _REFUSED),
    (-2021, "", Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-2022, "", Reason.REDUCE_ONLY_WOULD_INCREASE, _REFUSED),
    (-2023, "", Reason.LIQUIDATED, _REFUSED),
    (-2024, "", Reason.REDUCE_ONLY_WOULD_INCREASE, _REFUSED),
    (-2025, "", Reason.ORDER_RATE_EXCEEDED, _REFUSED),
    (-2027, "", Reason.POSITION_LIMIT, _REFUSED),
    (-2028, "", Reason.POSITION_LIMIT, _REFUSED),
    # futures
    (-4016, "", Reason.PRICE_COLLAR, _REFUSED),
    (-4024, "", Reason.PRICE_COLLAR, _REFUSED),
    (-4061, "", Reason.TRADING_DISABLED, _REFUSED),  # the account holds both sides of a position apart
    (-4087, "", Reason.NOT_REDUCING, _REFUSED),
    (-4088, "", Reason.TRADING_DISABLED, _REFUSED),
    (-4116, "", Reason.DUPLICATE_ORDER, _REFUSED),
    (-4131, "", Reason.PRICE_COLLAR, _REFUSED),
    (-4141, "", Reason.SYMBOL_LOCKED, _VENUE),  # "Symbol is closed."
    (-4164, "", Reason.NOTIONAL_TOO_SMALL, _REFUSED),
    (-4192, "", Reason.TRADING_DISABLED, _REFUSED),
    (-4400, "", Reason.TRADING_DISABLED, _REFUSED),
    (-4401, "", Reason.TRADING_DISABLED, _REFUSED),
    (-4402, "", Reason.TRADING_DISABLED, _REFUSED),
    (-4403, "", Reason.TRADING_DISABLED, _REFUSED),
    (-5021, "", Reason.NO_LIQUIDITY, _REFUSED),
    (-5022, "", Reason.POST_ONLY_WOULD_CROSS, _REFUSED),
)

# Codes that come in ranges: what is wrong with a request's form, and futures' filters.
_RANGES: Final = (
    (-1199, -1100, Reason.ORDER_SHAPE_INVALID, _REFUSED),
    (-4999, -4000, Reason.ORDER_SHAPE_INVALID, _REFUSED),
)

# Where an answer has no code, its HTTP status alone speaks. 429 and 418 are said before a request is looked at, 403 by
# the firewall in front; any other 4xx after it was found unreadable. Of everything else nobody knows how far it came.
_STATUSES: Final = {
    403: Judgement(Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),
    408: Judgement(Reason.VENUE_REJECTED, _UNKNOWN),
    418: Judgement(Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),
    429: Judgement(Reason.MESSAGE_RATE_EXCEEDED, _UNREAD),
}


def judge(status: int, code: int, text: str) -> Judgement:
    """Returns why a request got no, by its HTTP status, the venue's code (0: none) and its words.

    A failure of the server (5xx) leaves a request's fate open whatever it says, but for its own overload (-1008), which
    it turns away unread. A code that was never seen counts against the venue.
    """
    if status in {418, 429}:
        return _STATUSES[status]
    words = text.lower()
    known = next(
        (Judgement(why, verdict) for number, part, why, verdict in _CODES if number == code and part in words), None
    )
    if status >= 500:
        return known if known is not None and known.verdict is _UNREAD else Judgement(Reason.VENUE_REJECTED, _UNKNOWN)
    if known is not None:
        return known
    for least, most, reason, verdict in _RANGES:
        if least <= code <= most:
            return Judgement(reason, verdict)
    if code:
        return Judgement(Reason.VENUE_REJECTED, _VENUE)
    found = _STATUSES.get(status)
    if found is not None:
        return found
    if 400 <= status < 500:
        return Judgement(Reason.VENUE_REJECTED, _VENUE)
    return Judgement(Reason.VENUE_REJECTED, _UNKNOWN)


_ENDS: Final = {
    "NEW": (OrderStatus.ACCEPTED, Reason.NONE),
    "PENDING_NEW": (OrderStatus.ACCEPTED, Reason.NONE),
    "PARTIALLY_FILLED": (OrderStatus.PARTIALLY_FILLED, Reason.NONE),
    "FILLED": (OrderStatus.FILLED, Reason.NONE),
    "CANCELED": (OrderStatus.CANCELED, Reason.NONE),
    "PENDING_CANCEL": (OrderStatus.ACCEPTED, Reason.NONE),
    "REJECTED": (OrderStatus.REJECTED, Reason.VENUE_REJECTED),
    "EXPIRED": (OrderStatus.EXPIRED, Reason.NONE),
    "EXPIRED_IN_MATCH": (OrderStatus.CANCELED, Reason.SELF_MATCH),
    "NEW_INSURANCE": (OrderStatus.ACCEPTED, Reason.NONE),
    "NEW_ADL": (OrderStatus.ACCEPTED, Reason.NONE),
}


def status_of(word: str) -> tuple[OrderStatus, Reason]:
    """Returns where an order stands by the venue's word for it. Raises ValueError for a word that it never used."""
    known = _ENDS.get(word)
    if known is None:
        raise ValueError(f"{word[:40]!r} is no order status that is known")
    return known
