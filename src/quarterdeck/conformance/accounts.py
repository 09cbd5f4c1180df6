"""Scenarios of the account as a whole: that it answers, that all its orders can be ended, that its books add up."""

import time
from typing import Final

from quarterdeck.conformance.hand import CLOSED, STRATEGY, Hand
from quarterdeck.conformance.outcome import Failed
from quarterdeck.conformance.terms import FAR
from quarterdeck.kernel.vocabulary import Side
from quarterdeck.venues.messages import Taken, TradeReport

__all__ = ["books", "connect", "fills", "kill", "leave_nothing"]

_RESTING: Final = 4
_ROUNDS_MAX: Final = 20
_SLACK_NS: Final = 60_000_000_000  # how far a venue's clock may be behind what it last said


def connect(hand: Hand) -> str:
    """The line comes up, quotes flow, the account answers; it has no open order that a kill would end."""
    talk = hand.talk
    if not talk.until(lambda: talk.up or None, 3 * talk.patience_s):
        raise Failed(f"the line did not come up within {3 * talk.patience_s:g} s: {talk.why_down or 'nothing heard'}")
    bid, ask, *_ = hand.touch()
    if not 0 < bid < ask:
        raise Failed(f"the market is crossed or empty: bid {bid}, ask {ask} ticks")
    working = hand.open_orders()
    if working:
        raise Failed(f"the account has {len(working)} open orders: a conformance run wants one that has none")
    hand.held_before, hand.cash_before = hand.account()
    # Some streams say no time, and a twin's clock may be of another day.
    now_ns = time.time_ns()
    hand.since_ns = min(now_ns, talk.first_venue_ns or now_ns) - _SLACK_NS
    hand.lots = hand.terms.lots(bid)
    return f"holds {hand.held_before} lots; an order is of {hand.lots} lots at about {bid} ticks"


def kill(hand: Hand) -> str:
    """All open orders are asked for and cancelled until none is open."""
    prices = [hand.terms.moved(hand.far(Side.BUY), -FAR * step / 10) for step in range(_RESTING)]
    asked = [hand.request(Side.BUY, price) for price in prices]
    for request in asked:
        hand.talk.send(request)  # nobody waits for the answers: a kill does not, either
    cancels = 0
    taken: list[int] | None = None
    for _ in range(_ROUNDS_MAX):
        working = hand.open_orders()
        for order in working:
            answer = hand.cancel(order.order_id if order.strategy == STRATEGY else 0, order.venue_order_id)
            cancels += isinstance(answer, Taken)
        if taken is None:
            taken = [one.order_id for one in asked if isinstance(hand.talk.answer_to(one), Taken)]
        states = [hand.order(order_id) for order_id in taken]
        if not working and all(one is not None and one.status in CLOSED for one in states):
            if not cancels:
                raise Failed("no order worked that could be ended")
            return f"{cancels} orders were ended, none is open"
    raise Failed(f"{len(hand.open_orders())} orders are open after {_ROUNDS_MAX} rounds of cancels")


def fills(hand: Hand) -> str:
    """The list of fills and the stream of them say the same, each fill once, under the same number both times."""
    listed = hand.fills()
    streamed = {(one.trade_id, one.order_id): one for one in _ours(hand)}
    told = hand.talk.until(lambda: len(_ours(hand)) >= len(listed) or None)
    if told:
        streamed = {(one.trade_id, one.order_id): one for one in _ours(hand)}
    again = hand.fills()
    if listed != again[: len(listed)]:
        raise Failed("asked twice, the list of fills has other numbers, or another order")
    if not listed:
        raise Failed("the list of fills is empty after orders were filled")
    found = {(one.trade_id, one.order_id): one for one in again}
    only_listed, only_streamed = found.keys() - streamed.keys(), streamed.keys() - found.keys()
    if only_listed or only_streamed:
        raise Failed(f"{len(only_listed)} fills are in the list alone, {len(only_streamed)} were streamed alone")
    for key, one in found.items():
        if _figures(one) != _figures(streamed[key]):
            raise Failed(f"fill {key[0]} is {_figures(one)} in the list, {_figures(streamed[key])} in the stream")
    return f"{len(found)} fills, the same in list and stream"


def _ours(hand: Hand) -> list[TradeReport]:
    return [one for one in hand.talk.fills.values() if one.order_id in hand.placed]


def _figures(fill: TradeReport) -> tuple[int, ...]:
    return (
        fill.order_id, fill.venue_order_id, fill.instrument, int(fill.side), fill.price, fill.quantity, fill.fee,
        int(fill.maker),
    )  # fmt: skip


def books(hand: Hand) -> str:
    """Position and cash moved by what was filled, paid and charged, and by nothing else."""
    hand.flatten()
    held, cash = hand.account()
    done, value = hand.fills(), hand.terms.instrument.value
    bought = sum(int(one.side) * one.quantity for one in done)
    paid = sum(int(one.side) * one.quantity * one.price for one in done) * value
    fees = sum(one.fee for one in done)
    funding = sum(one.amount for one in hand.talk.payments if one.instrument == hand.terms.index)
    position, money = held - hand.held_before - bought, cash - hand.cash_before + paid + fees - funding
    facts = f"{len(done)} fills, {fees} units of fees, {funding} of funding"
    if not position and abs(money) <= hand.terms.cash_tolerance:
        return f"{facts}: position and cash are what they say"
    if hand.terms.spot and position < 0 and done:
        # The fee was taken out of what was bought, and is counted as money all the same.
        lot = value * max(one.price for one in done)
        if 0 <= money <= fees + lot and abs(money + position * lot) <= 2 * lot:
            return f"{facts}: {-position} lots less and {money} units more than they say: fees were taken in the base"
    raise Failed(f"{facts}: the position is {position} lots, the cash {money} units away from what they say")


def leave_nothing(hand: Hand) -> str:
    """The account is left as it was found: no open order, the same position."""
    hand.flatten()
    working = hand.open_orders()
    if working:
        raise Failed(f"{len(working)} orders are open at the end")
    held, cash = hand.account()
    cost = hand.terms.instrument.units_to_money(hand.cash_before - cash)
    return f"{held} lots are held as before; the run cost {cost:f} {hand.terms.instrument.quote}"
