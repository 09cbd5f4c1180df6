"""Outcomes of transactions made into news for the desk: booked first, told second, settled last, in that order.

| outcome            | order    | booked          | told                                                  |
|--------------------|----------|-----------------|-------------------------------------------------------|
| Included           | FILLED   | profit and gas  | Remark, ChargesNews, FillsNews                        |
| Reverted           | CANCELED | gas             | Remark, ChargesNews, OrderNews                        |
| Spent              |          | gas             | ChargesNews                                           |
| Dropped, it closes | CANCELED |                 | Remark, OrderNews                                     |
| Dropped            |          |                 | Remark                                                |
| Orphaned           |          | all of it back  | Remark, ChargesNews                                   |
| Resent             |          |                 | Remark                                                |
| Trouble            |          |                 | a sentence for people                                 |

An order that was filled stays filled when its block is orphaned: its money is taken back, and comes again where the
transaction lands.
"""

from collections.abc import Callable, Iterable

from quarterdeck.arbitrage import records
from quarterdeck.kernel.vocabulary import OrderStatus, Side
from quarterdeck.kernel.vocabulary import Reason as OrderReason
from quarterdeck.venues.evm.attempts import Attempt, Attempts, Booking
from quarterdeck.venues.evm.bookings import Mined, book_mined, book_orphaned, news_id
from quarterdeck.venues.evm.executor import Executor
from quarterdeck.venues.evm.receipts import (
    Dropped,
    Included,
    Orphaned,
    Outcome,
    Receipt,
    Resent,
    Reverted,
    SentTx,
    Spent,
)
from quarterdeck.venues.evm.reverts import Reason
from quarterdeck.venues.evm.terms import ChainTerms
from quarterdeck.venues.messages import (
    ChargesNews,
    FillsNews,
    Message,
    OrderNews,
    OrderReport,
    Remark,
)

__all__ = ["Clerk", "order_report", "sent_record"]

Say = Callable[[str], None]
_PAR = 1
_LENDERS_FAULTS = frozenset(("WrongPremium",))  # by the name of the revert: what no pool could have caused


def order_report(attempt: Attempt) -> OrderReport:
    """An attempt as the desk knows orders."""
    return OrderReport(
        order_id=attempt.order_id, strategy=attempt.strategy, venue_order_id=news_id("order", attempt.order_id),
        instrument=attempt.instrument, side=Side.BUY, price=_PAR, trigger_price=0, quantity=attempt.quantity,
        filled=attempt.filled, status=attempt.status, venue_time_ns=attempt.updated_ns,
        reason=OrderReason.VENUE_REJECTED if attempt.status is OrderStatus.REJECTED else OrderReason.NONE,
    )  # fmt: skip


def sent_record(sent: SentTx) -> str:
    """What left, for the journal."""
    return records.encode(
        records.Sent(
            order_id=sent.order_id, plan=sent.plan, hash=sent.hash, nonce=sent.nonce, gas_limit=sent.gas_limit,
            max_fee_wei=str(sent.max_fee_wei), priority_fee_wei=str(sent.priority_fee_wei), private=sent.private,
            block=sent.block, at_ns=sent.at_ns,
        )
    )  # fmt: skip


class Clerk:
    """Books what happened on the chain. `why` says why a transaction reverted.

    `lent` hears of each attempt that was mined: the lender's address, whether it did its part, and what was wrong.
    """

    def __init__(
        self,
        terms: ChainTerms,
        attempts: Attempts,
        executor: Executor,
        why: Callable[[Receipt], Reason],
        lent: Callable[[str, bool, str], None],
        say: Say,
    ) -> None:
        self._terms, self._attempts, self._executor, self._why = terms, attempts, executor, why
        self._lent, self._say = lent, say

    def take(self, outcome: Outcome, sent: SentTx | None, now_ns: int) -> list[Message]:
        """Books an outcome, once; returns what is to be told of it. `sent`: its transaction; `now_ns`: the head's time.

        DataError: nothing could be booked, so nothing may be told or settled.
        """
        order = self._attempts.find(outcome.order_id) if outcome.order_id else None
        booked = self._attempts.booked(outcome.number)
        if booked is not None:  # whoever booked it died before it was settled: the very same is told
            return self._told(booked, isinstance(outcome, Included | Reverted))
        if isinstance(outcome, Included | Reverted | Spent):
            return self._mined(outcome, order, sent, now_ns)
        if isinstance(outcome, Orphaned):
            return self._orphaned(outcome, now_ns)
        if isinstance(outcome, Dropped):
            return self._dropped(outcome, order, now_ns)
        if isinstance(outcome, Resent):
            return [Remark(text=sent_record(outcome.sent))]
        self._say(outcome.text)  # Trouble
        return []

    def since(self, time_ns: int) -> Iterable[Booking]:
        """What was booked from a time on."""
        return self._attempts.since(time_ns)

    def _mined(
        self, outcome: Included | Reverted | Spent, order: Attempt | None, sent: SentTx | None, now_ns: int
    ) -> list[Message]:
        receipt = outcome.receipt
        ran = self._executor.ran(receipt.logs) if isinstance(outcome, Included) else None
        mined = Mined(
            outcome=outcome.number, order=order, hash=outcome.hash, block_hash=receipt.block_hash, time_ns=now_ns,
            gas_wei=receipt.gas_wei, ran=ran,
        )  # fmt: skip
        is_attempt = order is not None and not isinstance(outcome, Spent)
        remark = ""
        if is_attempt and order is not None:
            reason = None if ran is not None else self._why(receipt)
            remark = _included(order, receipt, mined, reason, 0 if sent is None else sent.at_ns)
            self._note(order, reason)
            if reason is not None:
                self._say(f"plan {order.plan} was mined and did nothing: {reason}; its gas is paid")
        booking = book_mined(self._terms, self._attempts.totals(), mined, remark)
        self._attempts.book(booking)
        return self._told(booking, is_attempt)

    def _told(self, booking: Booking, is_attempt: bool) -> list[Message]:
        """A booking as news. One of an attempt also ends its order, where nothing has yet."""
        told = _news(booking)
        order = self._attempts.find(booking.order_id) if is_attempt else None
        if order is not None:
            done = booking.fill is not None or order.status is OrderStatus.FILLED  # it may have landed twice
            status = OrderStatus.FILLED if done else OrderStatus.CANCELED
            self._attempts.move(order.order_id, status, order.quantity if done else 0, booking.time_ns)
            if not done:
                told += self._order_news(order.order_id)
        return told

    def _note(self, order: Attempt, reason: Reason | None) -> None:
        """Tells the lender's keeper how an attempt went that reached it; a pool that moved is no fault of a lender."""
        plan = records.decode(order.proposed)
        if isinstance(plan, records.Proposed) and (reason is None or reason.name in _LENDERS_FAULTS):
            self._lent(plan.lender, reason is None, "" if reason is None else str(reason))

    def _orphaned(self, outcome: Orphaned, now_ns: int) -> list[Message]:
        earlier = self._attempts.latest(outcome.hash, outcome.block_hash)
        if earlier is None:
            return []
        remark = records.encode(
            records.Orphaned(
                order_id=outcome.order_id, hash=outcome.hash, block=outcome.block, block_hash=outcome.block_hash,
                at_ns=now_ns,
            )
        )  # fmt: skip
        booking = book_orphaned(self._terms, self._attempts.totals(), earlier, outcome.number, now_ns, remark)
        self._attempts.book(booking)
        return _news(booking)

    def _dropped(self, outcome: Dropped, order: Attempt | None, now_ns: int) -> list[Message]:
        told: list[Message] = [
            Remark(
                text=records.encode(
                    records.Dropped(order_id=outcome.order_id, hash=outcome.hash, reason=outcome.reason, at_ns=now_ns)
                )
            )
        ]
        if outcome.closes and order is not None and order.status is not OrderStatus.FILLED:
            self._attempts.move(order.order_id, OrderStatus.CANCELED, 0, now_ns)
            told += self._order_news(order.order_id)
        return told

    def _order_news(self, order_id: int) -> list[Message]:
        attempt = self._attempts.find(order_id)
        return [] if attempt is None else [OrderNews(orders=(order_report(attempt),))]


def _news(booking: Booking) -> list[Message]:
    told: list[Message] = [Remark(text=booking.remark)] if booking.remark else []
    if booking.charges:
        told.append(ChargesNews(charges=booking.charges))
    if booking.fill is not None:
        told.append(FillsNews(fills=(booking.fill,)))
    return told


def _included(order: Attempt, receipt: Receipt, mined: Mined, reason: Reason | None, sent_ns: int) -> str:
    proposed = records.decode(order.proposed)
    plan = proposed if isinstance(proposed, records.Proposed) else None
    return records.encode(
        records.Included(
            order_id=order.order_id, plan=order.plan, hash=receipt.hash, block=receipt.block,
            block_hash=receipt.block_hash, success=mined.ran is not None, gas_used=receipt.gas_used,
            gas_price_wei=str(receipt.gas_price_wei), gas_wei=str(receipt.gas_wei),
            token="" if plan is None else plan.token, amount="0" if plan is None else plan.amount,
            premium=str(mined.premium), gross=str(mined.profit + mined.premium), net=str(mined.profit),
            reason="" if reason is None else str(reason),
            at_ns=receipt.at_ns, detected_ns=order.detected_ns, sent_ns=sent_ns, confirmed_ns=mined.time_ns,
        )
    )  # fmt: skip
