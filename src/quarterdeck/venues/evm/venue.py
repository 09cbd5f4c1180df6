"""A chain as a `Venue`: heads come in, plans and news go out, orders become transactions.

| thread | does                                                                                  |
|--------|---------------------------------------------------------------------------------------|
| heads  | follows the chain's newest block (`heads`)                                            |
| chain  | everything else, one thing after another: what a head says is whole before the next   |

At each head, in this order: what became of our transactions is booked and told; the pools take the head's changes; what
they now offer is quoted. An order that comes meanwhile waits for that, and is then proven against this very head.

There is no order book, so there is nothing to amend and no stop. A cancel is a transaction that competes with the one
that it cancels, and the chain decides.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from quarterdeck.arbitrage.pools import Pool
from quarterdeck.errors import ChainError, ConfigError, DataError
from quarterdeck.kernel.vocabulary import OrderStatus, Reason
from quarterdeck.venues.evm.attempts import Attempt, Attempts
from quarterdeck.venues.evm.clerk import Clerk, order_report
from quarterdeck.venues.evm.heads import Head
from quarterdeck.venues.evm.money import Money
from quarterdeck.venues.evm.placing import Placer
from quarterdeck.venues.evm.search import Search
from quarterdeck.venues.evm.shown import Shown
from quarterdeck.venues.evm.telling import apart, quotes, rates
from quarterdeck.venues.evm.terms import ChainTerms
from quarterdeck.venues.evm.transactions import Transactions
from quarterdeck.venues.evm.watching import PoolSet
from quarterdeck.venues.messages import (
    AccountAnswer,
    Answer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Balance,
    Cancel,
    ChargesNews,
    FillsAnswer,
    Line,
    Lost,
    Message,
    OrderAnswer,
    OrdersAnswer,
    Place,
    Refused,
    Remark,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.protocol import Capabilities, Deliver
from quarterdeck.venues.senders import Sender

__all__ = ["ChainParts", "EvmVenue"]

_WAITING_MAX: Final = 1_024
_INSPECTION_BLOCKS: Final = 256
_CANCEL_MS: Final = 36_000  # three blocks: one for the attempt or its cancel, and two where the chain is full
_NS_PER_S: Final = 1_000_000_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainParts:
    """What the venue is made of. `follow` begins to report heads, `close` ends all that was opened."""

    name: str
    terms: ChainTerms
    base_exponent: int
    pools: PoolSet
    search: Search
    money: Money
    transactions: Transactions
    attempts: Attempts
    clerk: Clerk
    placer: Callable[[Callable[[], Head]], Placer]  # given how to get at the newest head
    shown: Shown
    follow: Callable[[Callable[[Head], None], Callable[[str], None]], None]
    unfollow: Callable[[], None]
    close: Callable[[], None]


class EvmVenue:
    """One account on one chain. `say` is told, in a sentence, what a person should know."""

    def __init__(self, parts: ChainParts, say: Say) -> None:
        self.capabilities = Capabilities(
            post_only=False, reduce_only=False, amend=False, stops=False, expiry=False, latest_ms=10_000,
            cancel_ms=_CANCEL_MS,
        )  # fmt: skip
        self._parts, self._say_plainly = parts, say
        self._placer = parts.placer(self.newest)
        self._deliver: Deliver = _nobody
        self._closing = False
        self._head: Head | None = None
        self._up = False
        self._inspected = 0
        self._changed: dict[str, Pool] = {}  # that the search has not seen yet
        self._whole = True  # the search has seen nothing yet
        self._complaint = ""
        self._newest: Head | None = None  # that nobody has looked at yet
        self._broken = ""  # why nobody hears of the chain, since the last look
        self._lock = threading.Lock()
        self._worker: Sender[Request | None] = Sender(f"{parts.name} chain", self._act, _WAITING_MAX)

    # The protocol.

    def open(self, deliver: Deliver) -> None:
        """Begins to follow the chain."""
        self._deliver = deliver
        self._worker.open()
        self._parts.follow(self._arrived, self._lost)

    def send(self, request: Request) -> None:
        """Hands a request to the chain's thread; what cannot be handed over comes back as Unsent."""
        if not self._worker.put(request):
            self._tell(Unsent(request_id=request.request_id, text=f"{_WAITING_MAX} requests wait already"))

    def close(self) -> None:
        """Ends all threads. Transactions that left may still be mined: the next start finds out."""
        self._closing = True  # before nobody hears: what is told after this is not settled
        self._deliver = _nobody
        self._parts.unfollow()
        self._worker.close()
        self._parts.close()

    # From the threads that follow the chain.

    def _arrived(self, head: Head) -> None:
        """Only the newest head is looked at: it says all that those before it said."""
        with self._lock:
            self._newest, self._broken = head, ""
        self._worker.put(None)

    def _lost(self, why: str) -> None:
        with self._lock:
            self._broken = why
        self._worker.put(None)

    # In the chain's thread.

    def _act(self, request: Request | None) -> None:
        if request is None:
            self._catch_up()
            return
        for message in self._answered(request):
            self._tell(message)

    def _catch_up(self) -> None:
        with self._lock:
            head, self._newest = self._newest, None
            broken, self._broken = self._broken, ""
        if head is not None:
            self._look(head)
        if broken:
            self._down(broken)

    def newest(self) -> Head:
        """Takes in a head that has come meanwhile; returns the one that the pools stand at. For the chain's thread.

        ChainError: the newest one could not be taken in, so nothing may be sent on what is known.
        """
        self._catch_up()
        if self._complaint:
            raise ChainError(f"the newest block could not be looked at: {self._complaint}")
        assert self._head is not None, "requests wait for the first head"
        return self._head

    def _look(self, head: Head) -> None:
        try:
            self._take(head)
        except (ChainError, DataError, ConfigError, OSError) as error:
            if str(error) != self._complaint:  # the same at every head is said once
                self._complaint = str(error)
                self._say(f"block {head.number}: {error}")
            self._down(str(error))
        else:
            self._complaint = ""

    def _take(self, head: Head) -> None:
        parts = self._parts
        time_ns = head.time_s * _NS_PER_S
        first = self._head is None
        if first:
            parts.money.begin(head)
        for outcome in parts.transactions.poll(head):
            sent = parts.transactions.signed(outcome.hash)
            for message in parts.clerk.take(outcome, sent, time_ns):
                self._tell(message)
            if self._closing:  # whether anybody heard it is not known: the next start tells it again
                return
            parts.transactions.settle(outcome.number)
        if first or head.number - self._inspected >= _INSPECTION_BLOCKS:
            self._load(head)
        else:
            changed = parts.pools.advance(head)
            if changed is None:  # all of them were read anew
                self._anew(parts.pools.pools)
            else:
                self._changed |= {pool.address: pool for pool in changed}
        gas_price_wei = parts.transactions.market.look().max_fee_wei
        plans = apart(parts.search.look(head, None if self._whole else list(self._changed.values()), gas_price_wei))
        self._changed, self._whole = {}, False
        self._head = head
        if not self._up:
            self._up = True
            self._tell(Line(up=True))
        for plan in plans:
            self._tell(Remark(text=plan.record()))
        known = rates(parts.search.worths(), parts.terms.purses, parts.base_exponent, time_ns)
        if known is not None:
            self._tell(known)
        self._tell(quotes(parts.terms, plans, time_ns))
        parts.shown.write(head, plans, gas_price_wei)

    def _load(self, head: Head) -> None:
        """Reads the whole market, and tries its tokens: what they do without a log shows here only."""
        before = set(self._parts.pools.refused)
        pools = self._parts.pools.load(head)
        for address, why in self._parts.pools.refused.items():
            if address not in before:
                self._say(f"pool {address} is left out: {why}")
        self._anew(pools)
        self._inspected = head.number

    def _anew(self, pools: Sequence[Pool]) -> None:
        self._parts.search.begin(pools)
        self._changed, self._whole = {}, True

    def _answered(self, request: Request) -> list[Message]:
        number = request.request_id
        head = self._head
        if head is None:
            return [Unsent(request_id=number, text="the chain was not reached yet")]
        try:
            if isinstance(request, Place):
                return self._placed(request)
            if isinstance(request, Cancel):
                return [self._cancel(request)]
            if isinstance(request, AskOrder):
                attempt = self._known(request.order_id)
                return [OrderAnswer(request_id=number, order=None if attempt is None else order_report(attempt))]
            if isinstance(request, AskOrders):
                working = (self._known(attempt.order_id) for attempt in self._parts.attempts.working())
                open_ones = (one for one in working if one is not None and one.status is OrderStatus.ACCEPTED)
                return [OrdersAnswer(request_id=number, orders=tuple(map(order_report, open_ones)))]
            if isinstance(request, AskFills):
                return self._fills(request, head)
            if isinstance(request, AskAccount):
                return [self._account(request, head)]
        except (ChainError, DataError, OSError) as error:
            return [Lost(request_id=number, text=str(error))]
        return [Refused(request_id=number, reason=Reason.VENUE_REJECTED, text="a transaction cannot be amended")]

    def _placed(self, request: Place) -> list[Message]:
        told = self._placer.place(request)
        for answer in told:
            if isinstance(answer, Refused):
                self._say(f"plan {request.tag} is not sent: {answer.text}")
        return told

    def _cancel(self, request: Cancel) -> Answer:
        """Competes with the transaction. Its end is told by an outcome, whichever of the two is mined."""
        number = request.request_id
        if self._parts.transactions.cancel(request.order_id) is not None:
            return Taken(request_id=number, final=False)
        attempt = self._known(request.order_id)
        if attempt is not None and attempt.status is OrderStatus.ACCEPTED:
            return Taken(request_id=number, final=False)  # offered to a relay only: for no further block
        return Refused(request_id=number, reason=Reason.UNKNOWN_ORDER, text="nothing of it waits to be mined")

    def _known(self, order_id: int) -> Attempt | None:
        """An order as it stands; one that died before anything was signed for it is over."""
        attempts = self._parts.attempts
        attempt = attempts.find(order_id)
        if attempt is None or attempt.status is not OrderStatus.ACCEPTED:
            return attempt
        if self._parts.transactions.find(order_id) is None:
            attempts.move(order_id, OrderStatus.REJECTED, 0, attempt.placed_ns)
        return attempts.find(order_id)

    def _fills(self, request: AskFills, head: Head) -> list[Message]:
        booked = self._parts.attempts.since(request.since_ns)
        charges = tuple(charge for booking in booked for charge in booking.charges)
        fills = tuple(booking.fill for booking in booked if booking.fill is not None)
        told: list[Message] = [ChargesNews(charges=charges)] if charges else []
        until_ns = head.time_s * _NS_PER_S
        return [*told, FillsAnswer(request_id=request.request_id, fills=fills, until_ns=until_ns)]

    def _account(self, request: AskAccount, head: Head) -> AccountAnswer:
        """The chain's own balances at the head whose outcomes are all told."""
        balances = self._parts.money.balances(head)
        return AccountAnswer(
            request_id=request.request_id, holdings=(),
            balances=tuple(Balance(account=account, cash=cash) for account, cash in balances.items()),
            venue_time_ns=head.time_s * _NS_PER_S,
        )  # fmt: skip

    def _tell(self, message: Message) -> None:
        self._deliver(message)

    def _say(self, sentence: str) -> None:
        if not self._closing:
            self._say_plainly(f"{self._parts.name}: {sentence}")

    def _down(self, why: str) -> None:
        if self._up:
            self._up = False
            self._tell(Line(up=False, text=why))


def _nobody(message: Message) -> None:
    """Whoever closed hears nothing more."""
