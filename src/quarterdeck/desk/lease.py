"""Who leads a desk: a lease in a store that both processes can reach, kept without looking at any clock but one's own.

The store is one register a desk, changed only by compare-and-swap; it knows no time. What stands in it is a `Term`.

    leader      raises `beat` a few times in every `ttl_ns`. It may act until the moment at which it SENT the last
                renewal that came through, plus ttl_ns, less margin_ns, by its own monotonic clock. Then it is done.
    successor   takes the lease when it has seen one and the same term for ttl_ns by its own monotonic clock, and acts
                only longest_ns later: by then no request of the leader can take effect any more.

The successor saw the term after it was written, and that was after the renewal was sent. So it takes over later than
the leader stops, as long as two monotonic clocks do not part by margin_ns in ttl_ns; wall clocks may say what they
like.

No thread, no socket, no clock in here: `LeaseStore` does the talking, `monotonic` is handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from quarterdeck.errors import LeaseLost

__all__ = ["Lease", "LeaseKeeper", "LeaseStore", "LeaseTerms", "Term"]

_RENEWALS: Final = 3  # in the time that one renewal is good for
_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """For how long a renewal is good, how much sooner the leader stops, and how long a request may be on its way.

    Nanoseconds. ValueError when they make no lease.
    """

    ttl_ns: int = 2_000_000_000
    margin_ns: int = 500_000_000
    longest_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        if not 0 < self.margin_ns < self.ttl_ns or self.longest_ns < 0:
            raise ValueError(f"a lease needs 0 < margin < ttl and a longest request of 0 or more, not {self}")

    @property
    def renew_ns(self) -> int:
        """How often the leader renews."""
        return (self.ttl_ns - self.margin_ns) // _RENEWALS


@dataclass(frozen=True, slots=True)
class Term:
    """What the store holds for one desk. No `holder`: it was given back; then `heir`, if named, has the first right.

    `beat` differs from one write to the next. `ttl_ns` and `longest_ns` are the holder's: how long it may believe that
    it leads, and how long after that its last request can still take effect. `identity` says what program it is.
    `stopped`: a person ended the desk, so no standby need take over.
    """

    epoch: int
    holder: str
    beat: int
    ttl_ns: int
    longest_ns: int
    heir: str = ""
    identity: str = ""
    stopped: bool = False


class LeaseStore(Protocol):
    """One register for each desk. Both calls may block; StoreUnreachable: whether a write was done is not known."""

    def read(self, desk: str) -> Term | None:
        """Returns what stands there now; None when nothing ever did."""
        ...

    def write(self, desk: str, before: Term | None, after: Term) -> bool:
        """Puts `after` in the place of exactly `before`, durably; False, and nothing done, where another stands."""
        ...


class Lease(Protocol):
    """What a session asks of its lease."""

    @property
    def epoch(self) -> int: ...

    def held(self) -> bool:
        """Whether a request may be sent at this moment. Cheap: no call to anybody."""
        ...


class LeaseKeeper:
    """One process's side of a lease. `holder` must be a name that no other process ever has, also not after a restart.

    `take` until it says True, then `renew` whenever `renew_due`; `held` is true from `wait_ns` later on, and never
    again once it was lost or given back. StoreUnreachable passes through `take`, `renew` and `release`: ask again.
    """

    def __init__(
        self,
        store: LeaseStore,
        desk: str,
        holder: str,
        terms: LeaseTerms,
        *,
        monotonic: Callable[[], int],
        identity: str = "",
    ) -> None:
        assert holder, "an empty holder stands for nobody"
        self.desk, self.holder, self.terms, self.identity = desk, holder, terms, identity
        self.epoch = 0  # of the lease, once taken
        self.lost = False
        self.seen: Term | None = None  # what the last look found
        self._store, self._monotonic = store, monotonic
        self._seen_ns = monotonic()  # when that was first seen
        self._from_ns = self._until_ns = 0
        self._asked_ns = 0  # when the last renewal was sent, whatever became of it

    @property
    def taken(self) -> bool:
        """Whether this process has taken the lease and not lost it, as far as it knows without the clock."""
        return self.epoch > 0 and not self.lost

    def held(self) -> bool:
        """Whether a request may be sent now."""
        return self._from_ns <= self._monotonic() < self._until_ns

    def wait_ns(self) -> int:
        """How long after a `take` nothing may be sent yet, from now on."""
        return max(0, self._from_ns - self._monotonic())

    def left_ns(self) -> int:
        """For how long from now the lease is good without another renewal."""
        return max(0, self._until_ns - self._monotonic())

    def look(self) -> Term | None:
        """Reads the register, and remembers since when it has been as it is."""
        found = self._store.read(self.desk)
        if found != self.seen:
            self.seen, self._seen_ns = found, self._monotonic()
        return found

    def take(self, epoch_known: int = 0) -> bool:
        """Takes the lease when it is free, or nobody renewed it for its whole time; returns whether it is taken.

        The new epoch is above the register's and above `epoch_known`: what the caller's journal and disk know.
        """
        assert not self.epoch, "a keeper takes its lease once"
        before = self.look()
        if before is not None and not self._is_free(before):
            return False
        if before is not None and before.holder == self.holder:  # it was taken, and the answer did not arrive
            return self._took(before, replace(before, beat=before.beat + 1), self._from_ns)
        terms = self.terms
        known, beat = (0, 0) if before is None else (before.epoch, before.beat)
        epoch = max(known, epoch_known) + 1
        after = Term(epoch, self.holder, beat + 1, terms.ttl_ns, terms.longest_ns, identity=self.identity)
        self._from_ns = self._quiet_ns(before)
        return self._took(before, after, self._from_ns)

    def renew_due(self) -> bool:
        """Whether it is time to renew."""
        return self.taken and self._monotonic() - self._asked_ns >= self.terms.renew_ns

    def renew(self) -> bool:
        """Renews; returns whether the lease is good for another while. False is final: another may lead by now."""
        if not self.taken:
            return False
        self._asked_ns = sent = self._monotonic()
        if sent >= self._until_ns:
            return self._lose()
        before = self.seen
        assert before is not None, "what was taken was seen"
        after = replace(before, beat=before.beat + 1)
        if not self._store.write(self.desk, before, after):
            found = self._store.read(self.desk)
            if found is None or (found.holder, found.epoch) != (self.holder, self.epoch):
                return self._lose()
            before, after = found, replace(found, beat=found.beat + 1)  # an earlier answer was lost on its way
            if not self._store.write(self.desk, before, after):
                return self._lose()
        self.seen = after
        self._until_ns = self._good_until(sent)
        return True

    def release(self, *, heir: str = "", settled: bool = False, stopped: bool = False) -> bool:
        """Gives the lease back; nothing is sent after this. Returns whether it still was this process's.

        `settled`: every request of this process has been answered, so a successor need not wait for any. A named
        `heir` has the first right to it, for as long as the lease would have lasted. `stopped`: as in Term.
        """
        if not self.epoch:
            return False
        self._lose()
        found = self._store.read(self.desk)
        if found is None or (found.holder, found.epoch) != (self.holder, self.epoch):
            return False
        longest = 0 if settled else self.terms.longest_ns + self.terms.margin_ns  # two clocks part here, too
        given = replace(found, holder="", beat=found.beat + 1, longest_ns=longest, heir=heir, stopped=stopped)
        return self._store.write(self.desk, found, given)

    def check(self) -> None:
        """Raises LeaseLost when nothing may be sent now."""
        if not self.held():
            raise LeaseLost(
                f"desk {self.desk} no longer holds its lease (epoch {self.epoch}): nothing more is sent; another "
                "process leads, or will; start this one again as a standby"
            )

    def _is_free(self, term: Term) -> bool:
        lapsed = self._monotonic() - self._seen_ns >= term.ttl_ns
        if term.holder:
            return lapsed or term.holder == self.holder
        return lapsed or term.heir in {"", self.holder}

    def _quiet_ns(self, before: Term | None) -> int:
        """From when on no request of the holder before can take effect, by the own clock."""
        if before is None:
            return self._monotonic()
        lapse = before.ttl_ns if before.holder else 0
        return self._seen_ns + lapse + before.longest_ns

    def _took(self, before: Term | None, after: Term, from_ns: int) -> bool:
        self._asked_ns = sent = self._monotonic()
        if not self._store.write(self.desk, before, after):
            return False
        self.seen, self._seen_ns = after, sent
        self.epoch, self._from_ns, self._until_ns = after.epoch, from_ns, self._good_until(sent)
        return True

    def _good_until(self, sent_ns: int) -> int:
        return sent_ns + self.terms.ttl_ns - self.terms.margin_ns

    def _lose(self) -> bool:
        self.lost, self._from_ns, self._until_ns = True, _NEVER, 0
        return False
