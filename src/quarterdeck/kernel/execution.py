"""What happens when an order trades: fills, fees, venue-side positions, and an incoming order's walk through liquidity.

An incoming order meets, best price first: resting orders of other accounts (first at equal prices), then the external
book. It never meets its own account. What a book showed and own orders took is gone until the book changes again.

| book                  | what it offers a taker                                                        |
|-----------------------|-------------------------------------------------------------------------------|
| QUOTES                | the touch, any quantity                                                       |
| QUOTES, DISPLAYED     | the displayed quantity at the touch; with IMPACT_TICKS that quantity again at |
|                       | each further step of so many ticks                                            |
| LEVELS                | its levels, each with its quantity                                            |

A reduce-only order trades at most what closes its account's position here, and is cancelled when nothing is left to
close. Both sides of a trade between accounts have the same trade id.
"""

from quarterdeck.kernel.arithmetic import fee_of, notional_fits
from quarterdeck.kernel.book import entry_at
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.market_records import (
    BOOK_LEVELS,
    DataSource,
    Listing,
    Market,
    MarketCount,
    MarketSetting,
    OrderList,
    RestingOrder,
)
from quarterdeck.kernel.market_reports import report_fill, report_order
from quarterdeck.kernel.records import INSTRUMENTS, ORDERS, PRICE_MAX, QUANTITY_MAX, Event
from quarterdeck.kernel.resting import free_order
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, OrderType, Reason

__all__ = ["cancel_order", "crosses", "executable", "external_price", "fill", "is_market", "reachable", "take"]

_CANCELED = word(EventKind.ORDER_CANCELED)
_REDUCE_REASON = word(Reason.REDUCE_ONLY_WOULD_INCREASE)
_OVERFLOW = word(Reason.OVERFLOW)
_MAKER = word(Flag.MAKER)
_TAKER = word(0)
_TOP = word(0)
_STEPS = BOOK_LEVELS + ORDERS + 2


@compiled
def is_market(order: RestingOrder) -> bool:
    """Whether the order takes any price."""
    return order["order_type"] == OrderType.MARKET


@compiled
def cancel_order(market: Market, slot: int, reason: int, reports: Records[Event]) -> None:
    """Ends an order with ORDER_CANCELED and the reason."""
    market["counts"][MarketCount.CANCELED] += 1
    report_order(market, market["orders"][slot], _CANCELED, reason, reports)
    free_order(market, slot)


@compiled
def executable(market: Market, order: RestingOrder) -> int:
    """Lots that the order may trade now: what remains of it, for reduce-only at most what closes the position."""
    remaining = order["remaining"]
    if not order["flags"] & Flag.REDUCE_ONLY:
        return remaining
    held = market["positions"][int(order["account"]) * INSTRUMENTS + int(order["instrument"])]
    return min(remaining, max(-held * int(order["side"]), 0))


@compiled
def fill(market: Market, slot: int, price: int, lots: int, maker: int, reports: Records[Event]) -> int:
    """Trades up to `lots` of an order at `price` under the latest trade id. Returns the lots traded.

    0 means that the order is gone: it may not trade at all. An order that is done or may do no more ends here too.
    """
    order = market["orders"][slot]
    index = int(order["instrument"])
    terms = market["listings"][index]["terms"]
    lots = min(lots, executable(market, order))
    if lots <= 0:
        cancel_order(market, slot, _REDUCE_REASON, reports)
        return 0
    value = terms[InstrumentTerm.VALUE]
    if not notional_fits(price, lots, value):
        cancel_order(market, slot, _OVERFLOW, reports)
        return 0
    rate = terms[InstrumentTerm.MAKER_FEE_PPB] if maker else terms[InstrumentTerm.TAKER_FEE_PPB]
    report_fill(market, order, price, lots, fee_of(price * lots * value, rate), maker, reports)
    market["counts"][MarketCount.FILLS] += 1
    market["positions"][int(order["account"]) * INSTRUMENTS + index] += int(order["side"]) * lots
    order["remaining"] -= lots
    if order["remaining"] == 0:
        free_order(market, slot)
    elif executable(market, order) == 0:
        cancel_order(market, slot, _REDUCE_REASON, reports)
    return lots


@compiled
def external_price(market: Market, listing: Listing, side: int, step: int) -> int:
    """Price of the external book's level number `step` that a taker of `side` meets; 0: there is none."""
    if listing["source"] == DataSource.LEVELS:
        book = listing["asks"] if side > 0 else listing["bids"]
        entry = entry_at(book, step)
        return abs(book["keys"][entry]) if entry >= 0 else 0
    touch = listing["ask"] if side > 0 else listing["bid"]
    if touch <= 0 or step == 0:
        return max(touch, 0)
    impact = market["settings"][MarketSetting.IMPACT_TICKS]
    if impact <= 0 or step > BOOK_LEVELS:
        return 0
    price = touch + side * step * impact
    return price if 0 < price <= PRICE_MAX else 0


@compiled
def _external_lots(market: Market, listing: Listing, side: int, step: int) -> int:
    if listing["source"] == DataSource.LEVELS:
        book = listing["asks"] if side > 0 else listing["bids"]
        return book["lots"][entry_at(book, step)]
    if market["settings"][MarketSetting.DISPLAYED] == 0:
        return QUANTITY_MAX
    return listing["ask_lots"] if side > 0 else listing["bid_lots"]


@compiled
def _note_taken(market: Market, listing: Listing, side: int, lots: int) -> None:
    if listing["source"] == DataSource.QUOTES and market["settings"][MarketSetting.DISPLAYED] == 0:
        return
    if side > 0:
        listing["taken_asks"] += lots
    else:
        listing["taken_bids"] += lots


@compiled
def _contra(market: Market, order: RestingOrder) -> int:
    """Slot of the best resting order of another account on the other side; 0: there is none."""
    place = OrderList.SELL if order["side"] > 0 else OrderList.BUY
    slot = market["listings"][order["instrument"]]["heads"][place]
    for _ in range(ORDERS):
        if slot == 0 or market["orders"][slot]["account"] != order["account"]:
            return slot
        slot = market["orders"][slot]["following"]
    return 0


@compiled
def _acceptable(order: RestingOrder, price: int) -> bool:
    """Whether the order may trade at `price` (0: no price)."""
    if price <= 0:
        return False
    if is_market(order):
        return True
    return price <= order["price"] if order["side"] > 0 else price >= order["price"]


@compiled
def crosses(market: Market, order: RestingOrder) -> bool:
    """Whether the order would trade at once."""
    listing = market["listings"][order["instrument"]]
    if _acceptable(order, external_price(market, listing, int(order["side"]), _TOP)):
        return True
    contra = _contra(market, order)
    return contra != 0 and _acceptable(order, market["orders"][contra]["price"])


@compiled
def reachable(market: Market, order: RestingOrder) -> bool:
    """Whether the whole order can trade at once. Reduce-only orders of others are not counted on."""
    side = int(order["side"])
    listing = market["listings"][order["instrument"]]
    wanted = executable(market, order)
    if wanted < order["remaining"]:
        return False
    offered = -(listing["taken_asks"] if side > 0 else listing["taken_bids"])
    for step in range(BOOK_LEVELS + 1):
        if offered >= wanted or not _acceptable(order, external_price(market, listing, side, step)):
            break
        lots = _external_lots(market, listing, side, step)
        if lots <= 0:
            break
        offered += lots
    wanted -= max(offered, 0)
    place = OrderList.SELL if side > 0 else OrderList.BUY
    slot = listing["heads"][place]
    for _ in range(ORDERS):
        if wanted <= 0 or slot == 0:
            break
        contra = market["orders"][slot]
        if not _acceptable(order, contra["price"]):
            break
        if contra["account"] != order["account"] and not contra["flags"] & Flag.REDUCE_ONLY:
            wanted -= contra["remaining"]
        slot = contra["following"]
    return wanted <= 0


@compiled
def _trade_with(market: Market, slot: int, contra: int, reports: Records[Event]) -> bool:
    """Matches an incoming order with another account's resting one at the resting price. False: the incoming ended."""
    order = market["orders"][slot]
    other = market["orders"][contra]
    price = other["price"]
    possible = executable(market, other)
    if possible <= 0:
        cancel_order(market, contra, _REDUCE_REASON, reports)
        return True
    wanted = executable(market, order)
    if wanted <= 0:
        cancel_order(market, slot, _REDUCE_REASON, reports)
        return False
    market["trade_sequence"] += 1
    lots = fill(market, contra, price, min(possible, wanted), _MAKER, reports)
    if lots > 0:
        fill(market, slot, price, lots, _TAKER, reports)
    return order["remaining"] > 0


@compiled
def take(market: Market, slot: int, reports: Records[Event]) -> None:
    """Trades an incoming order against everything it crosses. Its `remaining` is 0 afterwards if it ended."""
    order = market["orders"][slot]
    side = int(order["side"])
    listing = market["listings"][order["instrument"]]
    step = _TOP
    skipped = listing["taken_asks"] if side > 0 else listing["taken_bids"]
    for _ in range(_STEPS):
        price = external_price(market, listing, side, step)
        lots = _external_lots(market, listing, side, step) if price > 0 else 0
        if price > 0 and lots <= skipped:
            if lots > 0:
                skipped -= lots
                step += 1
                continue
            price = _TOP  # a quote without a quantity offers nothing, at no step
        contra = _contra(market, order)
        if contra != 0:
            inner = market["orders"][contra]["price"]
            if _acceptable(order, inner) and (price <= 0 or (inner - price) * side <= 0):
                if not _trade_with(market, slot, contra, reports):
                    return
                continue
        if not _acceptable(order, price):
            return
        market["trade_sequence"] += 1
        traded = fill(market, slot, price, lots - skipped, _TAKER, reports)
        _note_taken(market, listing, side, traded)
        if order["remaining"] == 0:
            return
        skipped = 0
        step += 1
