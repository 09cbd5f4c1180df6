"""Brings what a strategy holds of one instrument to a target, with a protective stop at the venue.

| held against target | what is asked for |
|---|---|
| as wanted | entries are taken back; a stop of the held size stands |
| too little | a stop of the held size stands; an entry waits post-only at the touch, or goes to the market |
| too much, or the other side | every own order is taken back; once none works, a reduce-only market order |

What flips a position is two steps, down to nothing first: working orders together never reduce by more than is held.
A gap worth less than the smallest order is as wanted. What was held and is gone (the stop took it, or a person did) is
not bought back: the target is nothing then. What is held at the first look, as a restart leaves it, is the target
until the strategy's first signal: a strategy that remembers nothing has no reason to leave.
"""

from typing import Final

import msgspec

from quarterdeck.kernel.vocabulary import Reason, Side
from quarterdeck.market.instruments import Instrument
from quarterdeck.strategies.views import DeskView, OpenOrder

__all__ = ["Course", "Manner", "steer"]

_NEVER: Final = -(2**62)
_ENTRY: Final = 1  # tags of own orders
_STOP: Final = 2
_EXIT: Final = 3


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How orders are placed. `make` False: entries take at once.

    `stop` is the share of the price that may be lost; 0: there is no stop. It stands at the venue, or, where that takes
    none (`stop_at_venue` False), it is kept here: at that price the target is nothing, as long as the desk runs.
    """

    stop: float
    stop_at_venue: bool = True
    patience_ns: int
    retry_ns: int
    make: bool = True


class Course(msgspec.Struct):
    """Where one instrument is to go: `target` in signed lots. The rest is what steering remembers."""

    target: int = 0
    reference: float = 0.0  # price in ticks that stops are counted from: when the entry was asked for
    asked_ns: int = _NEVER
    stopped_ns: int = _NEVER
    entered_ns: int = _NEVER
    held: int = 0  # at the last look
    begun: bool = False  # it was looked at
    inherited: bool = False  # the target is what was held at the first look

    def waits_for(self, signal: float) -> bool:
        """Whether what was held at the first look is still kept, as no signal (other than 0) has come since."""
        self.inherited = self.inherited and self.target != 0 and signal == 0
        return self.inherited


def steer(desk: DeskView, instrument: int, listing: Instrument, course: Course, manner: Manner, now_ns: int) -> None:
    """Asks for what brings the position nearer to its target, at most one new order at a time."""
    held = desk.position(instrument)
    if not course.begun and not course.target:
        course.target, course.inherited = held, held != 0
    course.begun = True
    if not held and course.held * course.target > 0:
        course.target = 0  # its stop took it, or a person did: nobody buys it back at once
    course.held = held
    if held and course.reference <= 0:  # a desk that begins with a position counts its stop from the price it finds
        course.reference = _price(desk, instrument)
    if held and not manner.stop_at_venue and _stopped_out(desk, instrument, course, manner, held):
        course.target = 0
    orders = list(desk.open_orders(instrument))
    gap = course.target - held
    if held and gap and (gap > 0) != (held > 0):
        _reduce(desk, instrument, course, manner, orders, now_ns)
        return
    _guard(desk, instrument, listing, course, manner, orders, now_ns)
    entries = [order for order in orders if order.tag != _STOP]
    if gap and _worth(desk, instrument, listing, gap):
        _enter(desk, instrument, course, manner, entries, now_ns)
    else:
        _take_back(desk, entries)


def _price(desk: DeskView, instrument: int) -> float:
    return desk.mark_half_ticks(instrument) / 2


def _worth(desk: DeskView, instrument: int, listing: Instrument, gap: int) -> bool:
    """Whether the venue takes an order of so many lots."""
    notional = int(abs(gap) * _price(desk, instrument)) * listing.value
    return abs(gap) >= max(listing.min_lots, 1) and notional > 1.01 * listing.money_to_units(listing.min_notional)


def _stopped_out(desk: DeskView, instrument: int, course: Course, manner: Manner, held: int) -> bool:
    """Whether the stop that is kept here has been reached."""
    lost = course.reference - _price(desk, instrument)
    return manner.stop > 0 and course.reference > 0 and (lost if held > 0 else -lost) >= manner.stop * course.reference


def _take_back(desk: DeskView, orders: list[OpenOrder]) -> None:
    for order in orders:
        if not order.cancel_pending:
            desk.cancel(order.order_id)


def _reduce(
    desk: DeskView, instrument: int, course: Course, manner: Manner, orders: list[OpenOrder], now_ns: int
) -> None:
    exits = [order for order in orders if order.tag == _EXIT]
    _take_back(desk, [order for order in orders if order.tag != _EXIT])
    if len(orders) > len(exits) or exits or now_ns - course.asked_ns < manner.retry_ns:
        return
    course.asked_ns = now_ns
    held = desk.position(instrument)
    lots = min(abs(course.target - held), abs(held))
    ask = desk.sell if held > 0 else desk.buy
    ask(instrument, lots, reduce_only=True, tag=_EXIT, reason=Reason.SIGNAL_EXIT)


def _enter(
    desk: DeskView, instrument: int, course: Course, manner: Manner, entries: list[OpenOrder], now_ns: int
) -> None:
    if entries:
        if now_ns - course.entered_ns >= manner.patience_ns:
            _take_back(desk, entries)
        return
    if now_ns - course.asked_ns < manner.retry_ns or desk.multiplier_ppm <= 0:
        return
    course.asked_ns = course.entered_ns = now_ns
    if desk.position(instrument) == 0:
        course.reference = _price(desk, instrument)
    gap = course.target - desk.position(instrument)
    touch = desk.bid(instrument) if gap > 0 else desk.ask(instrument)
    making = manner.make and touch > 0
    ask = desk.buy if gap > 0 else desk.sell
    ask(instrument, abs(gap), touch if making else None, post_only=making, tag=_ENTRY, reason=Reason.SIGNAL_ENTRY)


def _guard(
    desk: DeskView,
    instrument: int,
    listing: Instrument,
    course: Course,
    manner: Manner,
    orders: list[OpenOrder],
    now_ns: int,
) -> None:
    """Sees to one stop of the size that is held. While an entry works a smaller one may stand."""
    held = desk.position(instrument)
    stops = [order for order in orders if order.tag == _STOP]
    entering = any(order.tag == _ENTRY for order in orders)
    right = len(stops) == 1 and held and stops[0].side * held < 0 and (entering or stops[0].quantity == abs(held))
    if right or (not stops and not (held and manner.stop > 0 and manner.stop_at_venue)):
        return
    if stops:
        _take_back(desk, stops)
        return
    if now_ns - course.stopped_ns < manner.retry_ns:
        return
    course.stopped_ns = now_ns
    away = -manner.stop if held > 0 else manner.stop
    price = listing.ticks_to_price(max(1, int(course.reference * (1 + away))))
    trigger = listing.round_price_to_ticks(price, "down" if held > 0 else "up")
    desk.stop(instrument, Side.SELL if held > 0 else Side.BUY, trigger, abs(held), tag=_STOP)
