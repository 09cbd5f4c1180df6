"""Requests on their way: each gets a number and a time by which it is answered, or counts as lost."""

from collections.abc import Callable
from typing import Final, NamedTuple

from quarterdeck.desk.publishing import BUCKETS
from quarterdeck.venues.messages import Amend, Cancel, Place, Request

__all__ = ["NEVER_NS", "Post", "Sent"]

NEVER_NS: Final = 2**62
_KINDS: Final[dict[type, str]] = {Place: "submit", Cancel: "cancel", Amend: "amend"}
_LATE_MAX: Final = 4_096  # answers that may still come for requests given up


class Sent(NamedTuple):
    """A request, when it left, and when waiting for its answer ends; desk time."""

    request: Request
    sent_ns: int
    deadline_ns: int
    settled_ns: int  # from here on it can no longer take effect at the venue


class Post:
    """Sends, and knows what has not been answered. The time to wait is the same for all, so the oldest is due first."""

    def __init__(self, send: Callable[[Request], None], answer_ns: int) -> None:
        self._send = send
        self._answer_ns = answer_ns
        self._waiting: dict[int, Sent] = {}
        self._late: dict[int, Sent] = {}
        self._last = 0
        self.latency: dict[str, list[int]] = {}  # answers by the kind of their request and by time, as `timed` counts

    def __len__(self) -> int:
        return len(self._waiting)

    def number(self) -> int:
        """Returns the next request's number."""
        self._last += 1
        return self._last

    def send(self, request: Request, now_ns: int, settled_ns: int = 0) -> None:
        self._waiting[request.request_id] = Sent(request, now_ns, now_ns + self._answer_ns, settled_ns)
        self._send(request)

    def answered(self, request_id: int) -> Sent | None:
        """Returns what an answer belongs to, a late one too; None for a repeat, or for a question never asked."""
        return self._waiting.pop(request_id, None) or self._late.pop(request_id, None)

    def timed(self, sent: Sent, now_ns: int) -> None:
        """Counts an answer by how long it took: bucket n holds those of less than 2**n ns."""
        counts = self.latency.setdefault(_KINDS.get(type(sent.request), "ask"), [0] * (BUCKETS + 1))
        counts[min((now_ns - sent.sent_ns).bit_length(), BUCKETS)] += 1

    def orders_on_their_way(self) -> frozenset[int]:
        """Returns the ids of orders that a Place, Cancel or Amend without an answer is about."""
        return frozenset(
            sent.request.order_id for sent in self._waiting.values() if isinstance(sent.request, Place | Cancel | Amend)
        )

    def is_placing(self, order_id: int) -> bool:
        """Whether the Place of this order has no answer yet."""
        return any(isinstance(s.request, Place) and s.request.order_id == order_id for s in self._waiting.values())

    def settled_ns(self, order_id: int) -> int:
        """From when on nothing that has no answer yet can still change this order; 0: nothing is on its way."""
        return max(
            (
                sent.settled_ns
                for sent in self._waiting.values()
                if isinstance(sent.request, Place | Cancel | Amend) and sent.request.order_id == order_id
            ),
            default=0,
        )

    def overdue(self, now_ns: int) -> list[Sent]:
        """Gives up what has waited long enough. Its answer is still understood when it comes."""
        found: list[Sent] = []
        for sent in self._waiting.values():
            if sent.deadline_ns > now_ns:
                break
            found.append(sent)
        for sent in found:
            number = sent.request.request_id
            del self._waiting[number]
            self._late[number] = sent
        while len(self._late) > _LATE_MAX:
            del self._late[next(iter(self._late))]
        return found

    @property
    def next_due_ns(self) -> int:
        """When the oldest request is given up."""
        for sent in self._waiting.values():
            return sent.deadline_ns
        return NEVER_NS
