"""What Hyperliquid's words mean here: why an order was refused, how one ended, and what may be sent again.

The texts are the venue's own ("Error responses" and "Info endpoint", its API documentation); live ones end in
" asset=N". A refusal is compared by its beginning, in lower case.

| verdict | the request                                                                | answer here       |
|---------|----------------------------------------------------------------------------|-------------------|
| REFUSED | was read and turned down; sent again it would be turned down again         | Refused           |
| UNREAD  | was turned away before it was looked at: it may be sent again later        | Unsent            |
| VENUE   | was turned down for no fault of the order: nonce, maintenance, a new error | Refused, `error`  |
| UNKNOWN | nobody knows                                                               | Lost              |
"""

from enum import Enum
from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus, Reason

__all__ = ["Verdict", "judge", "judge_status", "status_of"]


class Verdict(Enum):
    """What a refusal says of the request."""

    REFUSED = "refused"
    UNREAD = "unread"
    VENUE = "venue"
    UNKNOWN = "unknown"


_TEXTS: Final = (
    ("price must be divisible by tick size", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
    ("order must have minimum value", Reason.NOTIONAL_TOO_SMALL, Verdict.REFUSED),
    ("insufficient margin to place order", Reason.BUYING_POWER, Verdict.REFUSED),
    ("reduce only order would increase position", Reason.REDUCE_ONLY_WOULD_INCREASE, Verdict.REFUSED),
    ("post only order would have immediately matched", Reason.POST_ONLY_WOULD_CROSS, Verdict.REFUSED),
    ("order could not immediately match", Reason.NO_LIQUIDITY, Verdict.REFUSED),
    ("no liquidity available", Reason.NO_LIQUIDITY, Verdict.REFUSED),
    ("invalid tp/sl price", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
    ("order would increase open interest", Reason.POSITION_LIMIT, Verdict.REFUSED),
    ("order rejected due to price more aggressive", Reason.PRICE_COLLAR, Verdict.REFUSED),
    ("insufficient spot balance", Reason.BUYING_POWER, Verdict.REFUSED),
    ("order has insufficient spot balance", Reason.BUYING_POWER, Verdict.REFUSED),
    ("order price too far from oracle", Reason.PRICE_COLLAR, Verdict.REFUSED),
    ("price too far from oracle", Reason.PRICE_COLLAR, Verdict.REFUSED),
    ("order price cannot be more than", Reason.PRICE_COLLAR, Verdict.REFUSED),
    ("order would cause position to exceed", Reason.POSITION_LIMIT, Verdict.REFUSED),
    ("order was never placed, already canceled, or filled", Reason.UNKNOWN_ORDER, Verdict.REFUSED),
    ("cannot modify canceled or filled order", Reason.UNKNOWN_ORDER, Verdict.REFUSED),
    ("error placing new order during modify", Reason.VENUE_REJECTED, Verdict.UNKNOWN),  # the old one may be gone
    ("order has invalid", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
    ("order has zero size", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
    ("duplicate cloid", Reason.DUPLICATE_ORDER, Verdict.REFUSED),
    ("asset not found", Reason.SYMBOL_NOT_ALLOWED, Verdict.REFUSED),
    ("trading is halted", Reason.SYMBOL_LOCKED, Verdict.VENUE),
    ("action already expired", Reason.STALE_DATA, Verdict.REFUSED),
    ("failed to deserialize", Reason.ORDER_SHAPE_INVALID, Verdict.REFUSED),
    ("user or api wallet", Reason.TRADING_DISABLED, Verdict.REFUSED),
    ("l1 error: user or api wallet", Reason.TRADING_DISABLED, Verdict.REFUSED),
    ("must deposit before performing actions", Reason.TRADING_DISABLED, Verdict.REFUSED),
    ("unable to recover signer", Reason.TRADING_DISABLED, Verdict.REFUSED),
    ("vault not registered", Reason.TRADING_DISABLED, Verdict.REFUSED),
    ("too many cumulative requests", Reason.MESSAGE_RATE_EXCEEDED, Verdict.UNREAD),
    ("too many requests", Reason.MESSAGE_RATE_EXCEEDED, Verdict.UNREAD),
    ("invalid nonce", Reason.VENUE_REJECTED, Verdict.VENUE),
    ("cannot set scheduled cancel time", Reason.VENUE_REJECTED, Verdict.REFUSED),
)


def judge(text: str) -> tuple[Reason, Verdict]:
    """Returns why the venue refused, and what that says of the request. A text never seen counts against the venue."""
    words = text.lower()
    for beginning, reason, verdict in _TEXTS:
        if words.startswith(beginning):
            return reason, verdict
    return Reason.VENUE_REJECTED, Verdict.VENUE


# HTTP status of an action: 429 is said before the action is looked at; 4xx, after it was found unreadable. Of
# everything else nobody knows how far it came: a gateway's 502 may stand before an order that was placed.
def judge_status(status: int) -> Verdict:
    """Returns what an HTTP status other than 200 says of an action."""
    if status == 429:
        return Verdict.UNREAD
    return Verdict.REFUSED if 400 <= status < 500 and status != 408 else Verdict.UNKNOWN


_ENDS: Final = {
    "open": (OrderStatus.ACCEPTED, Reason.NONE),
    "triggered": (OrderStatus.ACCEPTED, Reason.NONE),
    "filled": (OrderStatus.FILLED, Reason.NONE),
    "canceled": (OrderStatus.CANCELED, Reason.NONE),
    "scheduledCancel": (OrderStatus.CANCELED, Reason.KILLED),
    "marginCanceled": (OrderStatus.CANCELED, Reason.BUYING_POWER),
    "selfTradeCanceled": (OrderStatus.CANCELED, Reason.SELF_MATCH),
    "reduceOnlyCanceled": (OrderStatus.CANCELED, Reason.REDUCE_ONLY_WOULD_INCREASE),
    "liquidatedCanceled": (OrderStatus.CANCELED, Reason.LIQUIDATED),
    "openInterestCapCanceled": (OrderStatus.CANCELED, Reason.POSITION_LIMIT),
    "delistedCanceled": (OrderStatus.CANCELED, Reason.SYMBOL_NOT_ALLOWED),
    "siblingFilledCanceled": (OrderStatus.CANCELED, Reason.VENUE_REJECTED),
    "vaultWithdrawalCanceled": (OrderStatus.CANCELED, Reason.VENUE_REJECTED),
    "rejected": (OrderStatus.REJECTED, Reason.VENUE_REJECTED),
    "tickRejected": (OrderStatus.REJECTED, Reason.ORDER_SHAPE_INVALID),
    "minTradeNtlRejected": (OrderStatus.REJECTED, Reason.NOTIONAL_TOO_SMALL),
    "perpMarginRejected": (OrderStatus.REJECTED, Reason.BUYING_POWER),
    "reduceOnlyRejected": (OrderStatus.REJECTED, Reason.REDUCE_ONLY_WOULD_INCREASE),
    "badAloPxRejected": (OrderStatus.REJECTED, Reason.POST_ONLY_WOULD_CROSS),
    "iocCancelRejected": (OrderStatus.REJECTED, Reason.NO_LIQUIDITY),
    "badTriggerPxRejected": (OrderStatus.REJECTED, Reason.ORDER_SHAPE_INVALID),
    "marketOrderNoLiquidityRejected": (OrderStatus.REJECTED, Reason.NO_LIQUIDITY),
    "insufficientSpotBalanceRejected": (OrderStatus.REJECTED, Reason.BUYING_POWER),
    "oracleRejected": (OrderStatus.REJECTED, Reason.PRICE_COLLAR),
    "perpMaxPositionRejected": (OrderStatus.REJECTED, Reason.POSITION_LIMIT),
}


def status_of(word: str) -> tuple[OrderStatus, Reason]:
    """Returns where an order stands by the venue's word for it. Raises ValueError for a word that it never used.

    New words come as "...Canceled" and "...Rejected": they are understood by their ending.
    """
    known = _ENDS.get(word)
    if known is not None:
        return known
    if word.endswith("Canceled"):
        return OrderStatus.CANCELED, Reason.VENUE_REJECTED
    if word.endswith("Rejected"):
        return OrderStatus.REJECTED, Reason.VENUE_REJECTED
    raise ValueError(f"{word[:40]!r} is no order status that is known")
