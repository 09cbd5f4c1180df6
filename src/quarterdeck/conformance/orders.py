"""Scenarios of single orders: each says what a desk relies on, does it, and returns what was seen."""

from typing import Final

from quarterdeck.conformance.hand import CLOSED, Hand, words
from quarterdeck.conformance.outcome import Failed, NotApplicable
from quarterdeck.conformance.terms import FAR
from quarterdeck.kernel.vocabulary import InstrumentKind, OrderStatus, Reason, Side
from quarterdeck.venues.messages import Place, Refused, Taken, Unsent

__all__ = [
    "amend",
    "duplicate_id",
    "expired",
    "fill_at_once",
    "fill_in_part",
    "place_and_cancel",
    "post_only",
    "reduce_only",
    "self_match",
    "unknown_cancel",
]

_ATTEMPTS: Final = 3
_PART_S: Final = 3.0


def place_and_cancel(hand: Hand) -> str:
    """An order that rests is among the open orders as it was asked for; cancelled, it is among them no more."""
    order = hand.rest()
    listed = [one for one in hand.open_orders() if one.order_id == order.order_id]
    if len(listed) != 1:
        raise Failed(f"the order that rests is {len(listed)} times among the open orders")
    asked = (Side.BUY, hand.lots, 0)
    if (listed[0].side, listed[0].quantity, max(listed[0].filled, 0)) != asked:
        raise Failed(f"asked for (side, lots, filled) {asked}, listed is {listed[0]}")
    if not listed[0].price or not listed[0].venue_order_id:
        raise Failed(f"the listed order has no price, or no number of the venue's: {listed[0]}")
    ended = hand.end(order.order_id)
    if ended.status is not OrderStatus.CANCELED:
        raise Failed(f"it was cancelled, and is {ended.status.name}")
    if any(one.order_id == order.order_id for one in hand.open_orders()):
        raise Failed("it was cancelled, and is still among the open orders")
    return f"{hand.lots} lots rested at {order.price} ticks and were cancelled"


def fill_at_once(hand: Hand) -> str:
    """A limit order that crosses the market fills, at its limit or better, and the position is the fills."""
    before = hand.settled()
    for side in (Side.BUY, Side.SELL):
        lots = hand.lots if side is Side.BUY else hand.settled() - before
        request = hand.take(side, lots)
        worse = [
            one.price
            for one in hand.talk.fills.values()
            if one.order_id == request.order_id and (one.price - request.price) * int(side) > 0
        ]
        if worse:
            raise Failed(f"a {side.name} at {request.price} ticks was filled at {worse}")
        hand.known(request.order_id, "a filled order is not closed", OrderStatus.FILLED)
        held = hand.settled() - before
        wanted = hand.lots if side is Side.BUY else 0
        if held != wanted and not hand.terms.spot:
            raise Failed(f"after a filled {side.name} of {lots} lots {held} are held, not {wanted}")
    return f"{hand.lots} lots bought and sold"


def fill_in_part(hand: Hand) -> str:
    """More is asked for than stands at the best price: part fills, the rest works on and is cancelled."""
    most = hand.terms.most
    for _ in range(_ATTEMPTS):
        _, ask, _, offered = hand.touch()
        lots = offered + hand.lots
        if hand.terms.worth(ask, lots) > most:
            raise NotApplicable(f"{offered} lots stand at the best price: more than {most:f} would buy")
        request = hand.request(Side.BUY, ask, lots)
        answer = hand.ask(request)
        if isinstance(answer, Refused) and answer.reason is Reason.BUYING_POWER:
            raise NotApplicable(f"{offered} lots stand at the best price: more than the account can pay")
        if not isinstance(answer, Taken):
            raise Failed(f"an order for more than is offered: {words(answer)}")
        hand.talk.until(lambda: hand.traded(request.order_id), _PART_S)  # noqa: B023 - asked here and now
        ended = hand.end(request.order_id)
        done = hand.talk.until(lambda: hand.traded(request.order_id) == ended.filled or None)  # noqa: B023 - as above
        if ended.filled >= 0 and not done:
            raise Failed(f"{ended.filled} lots are filled, and fills of {hand.traded(request.order_id)} were told")
        hand.flatten()
        filled = hand.traded(request.order_id)
        if 0 < filled < lots:
            if ended.status is not OrderStatus.CANCELED:
                raise Failed(f"{filled} of {lots} lots filled, the rest was cancelled: it is {ended.status.name}")
            return f"{filled} of {lots} lots filled, the rest was cancelled"
    raise NotApplicable(f"{_ATTEMPTS} orders for more than was offered filled whole, or not at all")


def amend(hand: Hand) -> str:
    """A working order gets a new price and quantity, and stays the same order."""
    if not hand.talk.capabilities.amend:
        raise NotApplicable("declared: it amends nothing; an order is cancelled and placed anew")
    order = hand.rest()
    price, lots = hand.terms.moved(hand.far(Side.BUY), -FAR / 4), hand.lots + 1
    answer = hand.amend(order, price, lots)
    if not isinstance(answer, Taken):
        raise Failed(f"the change of a working order: {words(answer)}")
    changed = hand.known(order.order_id, "its change was taken", OrderStatus.ACCEPTED)
    listed = [one for one in hand.open_orders() if one.order_id == order.order_id]
    hand.end(order.order_id)
    if (changed.price, changed.quantity) != (price, lots) or len(listed) != 1:
        raise Failed(f"asked for {lots} lots at {price}, the venue has {changed.quantity} at {changed.price}")
    return f"from {order.quantity} lots at {order.price} to {lots} at {price}"


def _ended_unfilled(hand: Hand, request: Place, why: str, reasons: set[Reason]) -> str:
    """An order that a venue must not fill: refused, or taken and closed without a fill."""
    answer = hand.ask(request)
    if isinstance(answer, Refused):
        if answer.reason not in reasons:
            raise Failed(f"{why} was refused for another reason: {words(answer)}")
        return f"refused: {answer.text or answer.reason.name}"
    if not isinstance(answer, Taken):
        raise Failed(f"{why}: {words(answer)}")
    found = hand.order(request.order_id)
    if found is not None and found.status not in CLOSED:
        found = hand.end(request.order_id)
        raise Failed(f"{why} was taken and worked; {hand.traded(request.order_id)} lots of it filled")
    if hand.traded(request.order_id) or (found is not None and found.filled > 0):
        raise Failed(f"{why} was filled")
    return f"taken and ended at once as {found.status.name if found else 'unknown'}, nothing filled"


def post_only(hand: Hand) -> str:
    """An order that may only add to the book never takes from it."""
    if not hand.talk.capabilities.post_only:
        raise NotApplicable("declared: it knows no post-only orders")
    hand.refresh()
    request = hand.request(Side.BUY, hand.through(Side.BUY), post_only=True)
    return _ended_unfilled(hand, request, "a post-only order that crosses", {Reason.POST_ONLY_WOULD_CROSS})


def reduce_only(hand: Hand) -> str:
    """An order that may only reduce opens nothing, and takes no more than is held."""
    if not hand.talk.capabilities.reduce_only:
        raise NotApplicable("declared: it knows no reduce-only orders")
    if hand.terms.instrument.kind is not InstrumentKind.PERPETUAL:
        raise NotApplicable(f"{hand.terms.instrument.symbol} is no position that could be reduced below nothing")
    if hand.held_before:
        raise NotApplicable("the account held a position before the run")
    hand.refresh()
    flat = hand.request(Side.SELL, hand.through(Side.SELL), reduce_only=True)
    refused = _ended_unfilled(hand, flat, "a reduce-only order without a position", {Reason.REDUCE_ONLY_WOULD_INCREASE})
    hand.take(Side.BUY)
    over = hand.request(Side.SELL, hand.through(Side.SELL), 2 * hand.lots, reduce_only=True)
    answer = hand.ask(over)
    if isinstance(answer, Taken):
        hand.talk.until(lambda: hand.traded(over.order_id) >= hand.lots or None)
        found = hand.order(over.order_id)
        if found is not None and found.status not in CLOSED:
            hand.end(over.order_id)
    held, done = hand.settled(), hand.traded(over.order_id)
    if held < 0 or done > hand.lots:
        raise Failed(f"of a reduce-only order for twice the position {done} lots filled: {held} are held")
    hand.flatten()
    second = f"cut to {done} lots" if done else words(answer)
    return f"without a position {refused}; for twice the position {second}"


def self_match(hand: Hand) -> str:
    """Two orders of one account are never each other's fill."""
    hand.take(Side.BUY)
    try:
        for _ in range(_ATTEMPTS):
            ours = _best_bid(hand)
            other = hand.request(Side.SELL, ours.price, min(hand.lots, hand.settled() - hand.held_before))
            second = hand.ask(other)
            ends = [_end_of(hand, one.order_id) for one in (ours, other)]
            if _trades(hand, ours) & _trades(hand, other):
                raise Failed("the account was let trade with itself")
            if ends[0] != OrderStatus.FILLED.name:
                if isinstance(second, Refused) and second.reason in {Reason.SELF_MATCH, Reason.VENUE_REJECTED}:
                    return f"the order that would have met ours was refused: {second.text}"
                if not isinstance(second, Taken):
                    raise Failed(f"an order that would have met ours: {words(second)}")
                return f"the order that would have met ours is {ends[1]}; ours became {ends[0]}"
            hand.flatten()
            hand.take(Side.BUY)
    finally:
        hand.flatten()
    raise NotApplicable(f"{_ATTEMPTS} orders that were to be met by our own were filled by others first")


def _best_bid(hand: Hand) -> Place:
    """Places a buy that nobody stands before: between bid and ask, or the rest of an order for more than is offered."""
    bid, ask, _, offered = hand.touch()
    price = hand.terms.beside(bid, 1)
    request = hand.request(Side.BUY, price)
    if price >= ask:
        if hand.terms.worth(ask, offered + hand.lots) > hand.terms.most:
            raise NotApplicable(
                "no order of ours can be the best one: bid and ask are one step apart, and much is offered"
            )
        request = hand.request(Side.BUY, ask, offered + hand.lots)
    answer = hand.ask(request)
    if not isinstance(answer, Taken):
        raise Failed(f"an order at the best price: {words(answer)}")
    return request


def _trades(hand: Hand, request: Place) -> set[tuple[int, int, int]]:
    """An order's fills. A venue that numbers both sides of a trade apart tells them at one time and price."""
    fills = [one for one in hand.talk.fills.values() if one.order_id == request.order_id]
    return {(one.price, one.quantity, one.venue_time_ns) for one in fills}


def _end_of(hand: Hand, order_id: int) -> str:
    found = hand.order(order_id)
    if found is not None and found.status not in CLOSED:
        found = hand.end(order_id)
    return "refused" if found is None else found.status.name


def duplicate_id(hand: Hand) -> str:
    """A client order id works once: the second order is refused, or known to be the first."""
    order = hand.rest()
    again = hand.request(Side.BUY, hand.far(Side.BUY), order_id=order.order_id)
    answer = hand.ask(again)
    mine = [one for one in hand.open_orders() if one.order_id == order.order_id]
    hand.end(order.order_id)
    left = [one for one in hand.open_orders() if one.order_id == order.order_id]
    for one in left:
        hand.cancel(0, one.venue_order_id)
    if len(mine) != 1 or left:
        raise Failed(f"{len(mine)} orders worked under one client order id: {words(answer)}")
    if isinstance(answer, Taken) and answer.venue_order_id not in (0, order.venue_order_id):
        raise Failed(f"the second order was taken as {answer.venue_order_id}, the first is {order.venue_order_id}")
    if isinstance(answer, Taken):
        return "the second order was known to be the first"
    if isinstance(answer, Refused) and answer.reason is Reason.DUPLICATE_ORDER:
        return f"refused: {answer.text}"
    raise Failed(f"the second order was not refused as a duplicate: {words(answer)}")


def expired(hand: Hand) -> str:
    """An order that arrives after its time is not taken."""
    if not hand.talk.capabilities.expiry:
        raise NotApplicable("declared: it knows no time after which an order is not taken")
    request = hand.request(Side.BUY, hand.far(Side.BUY), late=True)
    answer = hand.ask(request)
    if isinstance(answer, Refused | Unsent) and hand.order(request.order_id) is None:
        return words(answer)
    found = hand.order(request.order_id)
    if found is not None and found.status not in CLOSED:
        hand.end(request.order_id)
        raise Failed(f"an order that came too late worked: {words(answer)}")
    if found is not None and found.filled > 0:
        raise Failed("an order that came too late was filled")
    return f"{words(answer)}; the order is {found.status.name if found else 'unknown to the venue'}"


def unknown_cancel(hand: Hand) -> str:
    """The cancel of an order that never was is refused as that; asked about it, the venue knows none."""
    number = hand.new_id()
    answer = hand.cancel(number)
    if not (isinstance(answer, Refused) and answer.reason is Reason.UNKNOWN_ORDER):
        raise Failed(f"the cancel of an order that never was: {words(answer)}")
    if hand.order(number) is not None:
        raise Failed("the venue knows an order that never was")
    return f"refused: {answer.text or answer.reason.name}"
