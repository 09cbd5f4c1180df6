"""Scenarios in which something breaks: the line, an answer, the venue itself. What is real can always be found out."""

import time
from typing import Final

from quarterdeck.conformance.hand import CLOSED, Hand, words
from quarterdeck.conformance.outcome import Failed, NotApplicable
from quarterdeck.conformance.switches import FaultSwitch
from quarterdeck.kernel.vocabulary import OrderStatus, Reason, Side
from quarterdeck.venues.messages import Answer, AskOrders, Lost, OrdersAnswer, Refused, Taken, Unsent

__all__ = ["answer_lost", "garbled", "halted", "line_cut", "rate_limit", "restarted", "turned_away"]

_PAUSES_S: Final = (0.0, 0.005, 0.05)
_SHORT_S: Final = 3.0
_QUESTIONS_MAX: Final = 5_000
_ASKING_S: Final = 10.0
_SETTLE_S: Final = 30.0
_AGAIN_S: Final = 0.1


def _switch(hand: Hand) -> FaultSwitch:
    if hand.switch is None:
        raise NotApplicable("no fault switch")
    return hand.switch


def restarted(hand: Hand) -> str:
    """The desk dies right after it sent an order. Started again, it learns by its own id what became of it."""
    seen: list[str] = []
    for pause_s in _PAUSES_S:
        request = hand.request(Side.BUY, hand.far(Side.BUY))
        hand.talk.send(request)
        time.sleep(pause_s)
        hand.talk.reopen()
        _line_up(hand)
        seen.append(_fate(hand, request.order_id))
    return f"after {len(_PAUSES_S)} starts: {', '.join(seen)}"


def _fate(hand: Hand, order_id: int, answer: Answer | None = None) -> str:
    """What became of an order, and the end of it where it works. Unless it was refused, it may still be on its way."""
    refused = isinstance(answer, Refused | Unsent)
    deadline = time.monotonic() + (0 if refused else hand.talk.capabilities.latest_ms / 1_000)
    while True:
        found = hand.order(order_id)
        if found is not None or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if found is None:
        if any(one.order_id == order_id for one in hand.open_orders()):
            raise Failed("the venue does not know an order that is among the open ones")
        return "it never arrived"
    if found.status not in CLOSED:
        hand.end(order_id)
        return "it worked, and was cancelled"
    if found.filled > 0:
        raise Failed(f"an order far from the market was filled: {found}")
    return f"it was {found.status.name}"


def _line_up(hand: Hand) -> None:
    if not hand.talk.until(lambda: hand.talk.up or None, _SETTLE_S):
        raise Failed(f"the line did not come up again within {_SETTLE_S:g} s: {hand.talk.why_down}")


def answer_lost(hand: Hand) -> str:
    """An order is taken and its answer never comes: it is found by its own id, and nothing is sent twice."""
    switch = _switch(hand)
    request = hand.request(Side.BUY, hand.far(Side.BUY))
    switch.set("drop-acks", 1)
    try:
        answer = hand.talk.ask(request, _SHORT_S)
    finally:
        switch.set("clear")
    if isinstance(answer, Refused | Unsent):
        raise Failed(f"an order whose answer was lost is said not to be: {words(answer)}")
    _line_up(hand)
    hand.known(request.order_id, "its answer was lost", OrderStatus.ACCEPTED)
    mine = [one for one in hand.open_orders() if one.order_id == request.order_id]
    hand.end(request.order_id)
    if len(mine) != 1:
        raise Failed(f"{len(mine)} orders worked under the id of one whose answer was lost")
    return f"{words(answer)}; asked about it, it works"


def line_cut(hand: Hand) -> str:
    """The line breaks while an order works: it comes back by itself, quotes flow, and the order is still known."""
    switch = _switch(hand)
    order = hand.rest()
    downs, ups = hand.talk.downs, hand.talk.ups
    began = time.monotonic()
    switch.set("disconnect")
    if not hand.talk.until(lambda: hand.talk.downs > downs or None, _SETTLE_S):
        raise Failed("the line was cut, and nobody was told so")
    if not hand.talk.until(lambda: hand.talk.ups > ups or None, _SETTLE_S):
        raise Failed(f"the line did not come back within {_SETTLE_S:g} s: {hand.talk.why_down}")
    back_ms = (time.monotonic() - began) * 1_000
    _quotes_flow(hand)
    if hand.end(order.order_id).status is not OrderStatus.CANCELED:
        raise Failed("the order that worked when the line was cut could not be cancelled")
    return f"back after {back_ms:.0f} ms; the order worked on and was cancelled"


def _quotes_flow(hand: Hand) -> None:
    seen = hand.talk.quotes
    if not hand.talk.until(lambda: hand.talk.quotes > seen or None, _SETTLE_S):
        raise Failed(f"no quote came within {_SETTLE_S:g} s")


def garbled(hand: Hand) -> str:
    """Messages that nobody can read change nothing: quotes flow on, orders are placed and cancelled."""
    switch = _switch(hand)
    _line_up(hand)
    switch.set("garble", 5)
    try:
        _quotes_flow(hand)
    finally:
        switch.set("clear")
    _line_up(hand)
    hand.end(hand.rest().order_id)
    return "quotes went on"


def turned_away(hand: Hand) -> str:
    """The venue turns an order away unread: it is said to be so, and no order is there."""
    switch = _switch(hand)
    request = hand.request(Side.BUY, hand.far(Side.BUY))
    switch.set("reject", 1)
    try:
        answer = hand.talk.ask(request)
    finally:
        switch.set("clear")
    fate = _fate(hand, request.order_id, answer)
    if isinstance(answer, Taken) or not isinstance(answer, Refused | Unsent | Lost):
        raise Failed(f"an order that was turned away: {words(answer)}")
    if fate.startswith("it worked"):
        raise Failed(f"an order that was turned away worked: {words(answer)}")
    return f"{words(answer)}; {fate}"


def halted(hand: Hand) -> str:
    """While the market stands still no order is taken, and one that works can be cancelled, then or right after."""
    switch = _switch(hand)
    order = hand.rest()
    request = hand.request(Side.BUY, hand.far(Side.BUY))
    switch.set("halt", 1)
    try:
        answer = hand.talk.ask(request)
        cancelled = hand.cancel(order.order_id)
    finally:
        switch.set("halt", 0)
        switch.set("clear")
    fate = _fate(hand, request.order_id, answer)
    found = hand.order(order.order_id)
    if found is not None and found.status not in CLOSED:
        hand.end(order.order_id)
    if isinstance(answer, Taken) or fate.startswith("it worked"):
        raise Failed(f"an order was taken while the market stood still: {words(answer)}")
    return f"an order: {words(answer)}; a cancel: {words(cancelled)}"


def rate_limit(hand: Hand) -> str:
    """Questions are asked until the limit says no: that is understood, and a cancel still goes through."""
    order = hand.rest()
    busy: Unsent | None = None
    asked = 0
    until_s = time.monotonic() + _ASKING_S
    while busy is None and asked < _QUESTIONS_MAX and time.monotonic() < until_s:
        answer = hand.talk.ask(AskOrders(request_id=hand.talk.number()))
        asked += 1
        if isinstance(answer, Unsent) and answer.reason is Reason.MESSAGE_RATE_EXCEEDED:
            busy = answer
        elif not isinstance(answer, OrdersAnswer):
            hand.end(order.order_id)
            raise Failed(f"question {asked} of many: {words(answer)}")
    began = time.monotonic()
    cancelled, tries = _cancel_at_limit(hand, order.order_id)
    took_ms = (time.monotonic() - began) * 1_000
    if not isinstance(cancelled, Taken):
        hand.end(order.order_id)
        raise Failed(f"a cancel at the limit did not go through in {tries} tries: {words(cancelled)}")
    if busy is None:
        raise NotApplicable(f"{asked} questions met no limit")
    return f"question {asked} was turned away ({busy.text}); a cancel took {took_ms:.0f} ms, sent {tries} times"


def _cancel_at_limit(hand: Hand, order_id: int) -> tuple[Answer | None, int]:
    """Cancels as a desk does: what was turned away unread is sent again. Returns the last answer, and how often."""
    deadline = time.monotonic() + hand.talk.patience_s
    tries = 0
    while True:
        answer = hand.talk.ask(hand.cancelling(order_id))
        tries += 1
        if not isinstance(answer, Unsent) or time.monotonic() > deadline:
            return answer, tries
        time.sleep(_AGAIN_S)
