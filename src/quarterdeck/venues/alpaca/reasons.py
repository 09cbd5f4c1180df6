"""What Alpaca's words mean here: why a request was refused, how an order stands, and what may be sent again.

The status and the code of an answer are the venue's contract, its texts may change ("Error responses", its API
documentation): a text only tells apart what one code says of several things. Rows are read from the top.

| verdict | the request                                                              | answer here              |
|---------|--------------------------------------------------------------------------|--------------------------|
| REFUSED | was read and turned down: do not retry                                   | Refused                  |
| UNREAD  | was turned away before it was looked at: it may be sent again            | Unsent                   |
| VENUE   | was turned down for no fault of its own                                  | Refused, `error`         |
| UNKNOWN | nobody knows: it is asked about by its client order id before all else   | Lost                     |
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus, Reason

__all__ = ["HALTS", "RESUMPTIONS", "Verdict", "judge", "status_of"]


class Verdict(Enum):
    """What an answer other than a good one says of the request."""

    REFUSED = "refused"
    UNREAD = "unread"
    VENUE = "venue"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Row:
    """A code (0: any) of a status, words in its text (none: any), and what they mean."""

    status: int
    code: int
    words: tuple[str, ...]
    reason: Reason
    verdict: Verdict = Verdict.REFUSED


_ROWS: Final = (
    _Row(400, 0, (), Reason.ORDER_SHAPE_INVALID),
    _Row(401, 0, (), Reason.TRADING_DISABLED),
    # Four day trades in five days with less than 25,000 USD: the venue wants no more of them.
    _Row(403, 40310100, (), Reason.TRADING_DISABLED),
    _Row(403, 40310010, (), Reason.SYMBOL_LOCKED),
    _Row(403, 40310000, ("buying power",), Reason.BUYING_POWER),
    _Row(403, 40310000, ("insufficient qty",), Reason.POSITION_LIMIT),
    _Row(403, 40310000, ("wash trade", "opposite side", "short sell order is open", "long buy order is open"),
         Reason.SELF_MATCH),
    _Row(403, 40310000, ("short",), Reason.POSITION_LIMIT),
    _Row(403, 40310000, ("cost basis",), Reason.NOTIONAL_TOO_SMALL),
    _Row(403, 40310000, ("restricted", "authorized", "not allowed", "blocked", "suspended", "liquidation"),
         Reason.TRADING_DISABLED),
    _Row(403, 40310000, ("halted",), Reason.SYMBOL_LOCKED),
    _Row(403, 40310000, (), Reason.VENUE_REJECTED),
    _Row(403, 0, (), Reason.TRADING_DISABLED),
    _Row(404, 0, (), Reason.UNKNOWN_ORDER),
    _Row(408, 0, (), Reason.VENUE_REJECTED, Verdict.UNKNOWN),
    # It is there: what was refused is a repeat of it.
    _Row(422, 0, ("must be unique",), Reason.DUPLICATE_ORDER),
    _Row(422, 40010001, ("not allowed for account",), Reason.TRADING_DISABLED),
    _Row(422, 42210000, ("order is already", "not cancelable", "cannot be cancel", "pending cancel"),
         Reason.UNKNOWN_ORDER),
    _Row(422, 42210000, ("market hours", "market is closed"), Reason.SESSION_CLOSED),
    _Row(422, 42210000, ("not tradable", "not active", "not found"), Reason.SYMBOL_NOT_ALLOWED),
    _Row(422, 42210000, ("wash trade", "opposite side"), Reason.SELF_MATCH),
    _Row(422, 42210000, ("sold short", "short"), Reason.POSITION_LIMIT),
    _Row(422, 42210000, ("cost basis", "minimal amount"), Reason.NOTIONAL_TOO_SMALL),
    _Row(422, 0, (), Reason.ORDER_SHAPE_INVALID),
    _Row(429, 0, (), Reason.MESSAGE_RATE_EXCEEDED, Verdict.UNREAD),
)  # fmt: skip


def judge(status: int, code: int, text: str) -> tuple[Reason, Verdict]:
    """Returns why the venue did not do it, and what that says of the request; `status` is HTTP's, not a 2xx.

    A code or status below 500 that is in no row was read and refused, for a reason that counts against the venue. Of
    everything else nobody knows how far it came: a gateway's 504 may stand before an order that was placed.
    """
    words = text.lower()
    for row in _ROWS:
        if row.status != status or row.code not in {0, code}:
            continue
        if not row.words or any(one in words for one in row.words):
            return row.reason, row.verdict
    if 400 <= status < 500:
        return Reason.VENUE_REJECTED, Verdict.VENUE
    return Reason.VENUE_REJECTED, Verdict.UNKNOWN


_WORKS: Final = (OrderStatus.ACCEPTED, Reason.NONE)
_STATUSES: Final = {
    "new": _WORKS,
    "accepted": _WORKS,
    "pending_new": _WORKS,
    "accepted_for_bidding": _WORKS,
    "held": _WORKS,
    "partially_filled": _WORKS,
    "stopped": _WORKS,  # a trade is guaranteed and has not happened yet
    "suspended": _WORKS,
    "pending_cancel": _WORKS,  # it can still be filled
    "pending_replace": _WORKS,
    "pending_review": _WORKS,
    "done_for_day": _WORKS,  # a day's order will be told as expired, another goes on tomorrow
    "calculated": _WORKS,
    "filled": (OrderStatus.FILLED, Reason.NONE),
    "canceled": (OrderStatus.CANCELED, Reason.NONE),
    "expired": (OrderStatus.EXPIRED, Reason.NONE),
    "rejected": (OrderStatus.REJECTED, Reason.VENUE_REJECTED),
    # Somebody changed it by hand, or a split did: what works on is another order, which this desk did not place.
    "replaced": (OrderStatus.CANCELED, Reason.VENUE_REJECTED),
}


def status_of(word: str) -> tuple[OrderStatus, Reason]:
    """Returns where an order stands by the venue's word for it. Raises ValueError for a word that it never used."""
    known = _STATUSES.get(word)
    if known is None:
        raise ValueError(f"{word[:40]!r} is no order status that is known")
    return known


# Codes of a status message: of tapes A and B, then of tape C.
HALTS: Final = frozenset({"2", "H", "P"})
RESUMPTIONS: Final = frozenset({"3", "T"})
