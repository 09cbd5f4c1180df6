"""From an order to a transaction that left, or to the reason why nothing did.

    its plan -> cleared on the newest head (`clearance`) -> written down -> sent

Whatever says no on the way ends the order with nothing sent and nothing paid.
"""

import time
from collections.abc import Callable

from quarterdeck.arbitrage import records
from quarterdeck.errors import ChainError, DataError, TransactionRefused
from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.evm.attempts import Attempt, Attempts
from quarterdeck.venues.evm.bookings import news_id
from quarterdeck.venues.evm.clearance import Clearance, Cleared, Cycle
from quarterdeck.venues.evm.clerk import sent_record
from quarterdeck.venues.evm.limits import Refusal
from quarterdeck.venues.evm.search import Plan, Search
from quarterdeck.venues.evm.terms import ChainTerms
from quarterdeck.venues.evm.transactions import Transactions
from quarterdeck.venues.messages import Lost, Message, Place, Refused, Remark, Taken

__all__ = ["Placer"]


class Placer:
    """Sends attempts. One thread uses it. `clearance` asks for the newest head, and so has the pools brought to it."""

    def __init__(
        self,
        terms: ChainTerms,
        search: Search,
        clearance: Clearance,
        transactions: Transactions,
        attempts: Attempts,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._terms, self._search, self._clearance = terms, search, clearance
        self._transactions, self._attempts, self._clock = transactions, attempts, clock

    def place(self, request: Place) -> list[Message]:
        """Answers an order, after the remarks that explain the answer. DataError: the desk's own disk failed."""
        known = self._attempts.find(request.order_id)
        if known is not None:  # a repeat: nothing is sent twice
            return self._repeated(request, known)
        plan = self._search.find(request.tag)
        if plan is None:
            return self._refused(request, f"plan {request.tag} is not known any more")
        cycle = self._terms.cycles.get(plan.opportunity.token)
        if cycle is None or cycle.instrument != request.instrument:
            return self._refused(request, f"plan {request.tag} borrows another token than the order says")
        if 0 < request.expires_ns < self._clock():
            return self._refused(request, "it came too late")
        try:
            plan, cleared = self._cleared(request, plan)
        except (ChainError, DataError) as error:
            return self._refused(request, str(error))
        if isinstance(cleared, Refusal):
            return self._refused(request, str(cleared))
        now_ns = self._clock()
        self._attempts.begin(
            Attempt(
                order_id=request.order_id, strategy=request.strategy, instrument=request.instrument,
                quantity=request.quantity, plan=plan.number, status=OrderStatus.ACCEPTED, filled=0,
                detected_ns=plan.detected_ns, placed_ns=now_ns, updated_ns=now_ns, proposed=plan.record(),
            )
        )  # fmt: skip
        return self._sent(request, plan, cleared)

    def _repeated(self, request: Place, known: Attempt) -> list[Message]:
        """What became of an order that came before; one that nothing was signed for is over."""
        signed = self._transactions.find(request.order_id) is not None
        if known.status is OrderStatus.REJECTED or not signed:
            self._attempts.move(request.order_id, OrderStatus.REJECTED, 0, known.updated_ns)
            return self._refused(request, "it came before, and nothing was sent for it")
        return [Taken(request_id=request.request_id, venue_order_id=news_id("order", request.order_id))]

    def _cleared(self, request: Place, plan: Plan) -> tuple[Plan, Cleared | Refusal]:
        """The plan as the newest pools have it, no larger than the order, and whether it may be sent."""
        purse = self._terms.cycle_of(request.instrument).purse
        most = plan.opportunity.amount
        if request.quantity < purse.ceil(most):  # the rails made it smaller
            most = purse.exact(request.quantity)
        newest = [plan]

        def renew() -> Cycle | None:
            again = self._search.renew(plan, most)
            if again is None:
                return None
            newest[:] = [again]
            return again.opportunity, again.offer

        cleared = self._clearance.clear(renew)
        return newest[0], cleared

    def _sent(self, request: Place, plan: Plan, cleared: Cleared) -> list[Message]:
        try:
            sent = self._transactions.submit(cleared.call, request.order_id, plan.number, cleared.fees)
        except TransactionRefused as refusal:  # nothing left
            self._attempts.move(request.order_id, OrderStatus.REJECTED, 0, self._clock())
            return self._refused(request, str(refusal))
        except ChainError as error:  # whether it was written, and so may have left, the store says when asked
            return [Lost(request_id=request.request_id, text=str(error))]
        answer = (
            Taken(request_id=request.request_id, venue_order_id=news_id("order", request.order_id))
            if sent.known
            else Lost(request_id=request.request_id, text="the line broke while the transaction was sent")
        )
        return [Remark(text=sent_record(sent)), answer]

    def _refused(self, request: Place, text: str) -> list[Message]:
        record = records.Unsent(order_id=request.order_id, plan=request.tag, reason=text, at_ns=self._clock())
        refused = Refused(request_id=request.request_id, reason=Reason.NO_LIQUIDITY, text=text)
        return [Remark(text=records.encode(record)), refused]
