"""Comparing with the venue: a round of questions, and what of the answers differs.

A round asks for fills since the last known, open orders, the account, and the fills once more: what was traded while
the others were on their way is then known, so that a statement of the venue can be compared with what we held at the
venue's own time of it. A difference counts when two rounds in a row see it: one alone may be a stale picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, cast

from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.kernel.vocabulary import InstrumentKind, InstrumentTerm, LedgerAccount
from quarterdeck.venues.messages import AccountAnswer, ChargeReport, TradeReport

__all__ = ["Books", "Difference", "RecentFills", "Step", "Suspicions"]

_KEPT_NS: Final = 120_000_000_000  # how long a fill is remembered for comparisons


class Step(Enum):
    """Where a round stands: what was asked last."""

    IDLE = 0
    FILLS = 1
    ORDERS = 2
    ACCOUNT = 3
    FILLS_AGAIN = 4


class Difference(NamedTuple):
    """What the venue has more than the desk: lots (`account` is -1), or cash of a purse (`instrument` is -1)."""

    instrument: int
    account: int
    excess: int


class RecentFills:
    """The latest fills and charges, by the venue's time: each once, however often it was told."""

    def __init__(self) -> None:
        self._fills: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._charges: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._heard_ns: dict[int, int] = {}
        self._newest_ns = 0

    def add(self, fill: TradeReport, now_ns: int) -> None:
        """Takes a fill, at the desk's time of its arrival."""
        self._heard_ns[fill.instrument] = now_ns
        self._fills[fill.instrument, fill.trade_id, fill.side] = (fill.venue_time_ns, fill.side * fill.quantity)
        self._newest_ns = max(self._newest_ns, fill.venue_time_ns)
        while self._fills:
            key = next(iter(self._fills))
            if self._fills[key][0] >= self._newest_ns - _KEPT_NS:
                return
            del self._fills[key]

    def add_charge(self, charge: ChargeReport) -> None:
        """Takes a charge."""
        key = charge.account, int(charge.ledger_account), charge.trade_id
        self._charges[key] = (charge.venue_time_ns, charge.amount)
        newest_ns = max(time_ns for time_ns, _ in self._charges.values())
        self._charges = {key: one for key, one in self._charges.items() if one[0] >= newest_ns - _KEPT_NS}

    def heard_since(self, desk_ns: int) -> frozenset[int]:
        """Returns the instruments of which a fill arrived since, by the desk's clock."""
        return frozenset(row for row, heard_ns in self._heard_ns.items() if heard_ns >= desk_ns)

    def lots_after(self, instrument: int, venue_ns: int) -> tuple[int, int]:
        """Returns the signed lots traded after `venue_ns`, and those traded at that very time."""
        after = at = 0
        for (row, _, _), (time_ns, lots) in self._fills.items():
            if row == instrument:
                after += lots if time_ns > venue_ns else 0
                at += lots if time_ns == venue_ns else 0
        return after, at

    def charged_after(self, account: int, venue_ns: int) -> tuple[int, int]:
        """Returns what a purse was charged after `venue_ns`, and at that very time."""
        after = at = 0
        for (row, _, _), (time_ns, amount) in self._charges.items():
            if row == account:
                after += amount if time_ns > venue_ns else 0
                at += amount if time_ns == venue_ns else 0
        return after, at

    def any_since(self, instruments: frozenset[int], venue_ns: int) -> bool:
        """Whether anything was traded at or after `venue_ns`."""
        return any(time_ns >= venue_ns and row in instruments for (row, _, _), (time_ns, _) in self._fills.items())


@dataclass
class Suspicions:
    """Differences seen once, and those confirmed by a second round in a row."""

    seen: frozenset[Difference] = frozenset()
    confirmed: frozenset[Difference] = frozenset()

    def take(self, found: Sequence[Difference]) -> None:
        """Takes what a round found. A difference that changed its figures is a new one."""
        now = frozenset(found)
        self.confirmed = now & (self.seen | self.confirmed)
        self.seen = now


class Books:
    """What the desk holds at one venue, read from its state."""

    def __init__(self, states: Records[State], venue: int, instruments: Sequence[int], accounts: Sequence[int]) -> None:
        self.venue = venue
        self.instruments = tuple(instruments)
        self.accounts = tuple(accounts)
        self._state: Any = states[0]
        self._instruments: Any = cast(Any, states)["instruments"][0]
        self._net = self._instruments["net"]["quantity"]
        self._flags = self._instruments["unreconciled"]
        self._accounts: Any = cast(Any, states)["accounts"][0]

    def net(self, instrument: int) -> int:
        """Signed lots of the account as a whole."""
        return int(self._net[instrument])

    def flagged(self, instrument: int) -> bool:
        """Whether entries are stopped there until both sides agree."""
        return bool(self._flags[instrument])

    def cash(self, account: int) -> int:
        return int(self._accounts[account]["postings"][LedgerAccount.CASH])

    def settled_by(self, account: int) -> frozenset[int]:
        """The instruments whose money is in a purse."""
        terms = self._instruments["terms"]
        return frozenset(i for i in self.instruments if int(terms[i][InstrumentTerm.ACCOUNT]) == account)

    def mark_ticks(self, instrument: int) -> int:
        """The present price, in ticks; 0 where there is none yet."""
        return int(self._instruments[instrument]["mark_half_ticks"]) // 2

    @property
    def strategies(self) -> int:
        """How many strategies the desk has."""
        return int(self._state["strategies_count"])

    @property
    def opened_ns(self) -> int:
        """The venue's time at which the desk took its account over; 0 before that."""
        return int(self._state["venues"][self.venue]["opened_ns"])

    @property
    def reconciled_ns(self) -> int:
        """The venue's time up to which every fill is known; 0 before the first round."""
        return int(self._state["venues"][self.venue]["reconciled_ns"])

    def differences(
        self, answer: AccountAnswer, recent: RecentFills, quiet: frozenset[int], tolerance: Mapping[int, int]
    ) -> list[Difference]:
        """Compares a statement with what was held at its time.

        Where the venue does not tell its time, only the `quiet` instruments (nothing traded meanwhile) are compared;
        purses only where nothing was traded since.
        """
        held = {holding.instrument: holding.quantity for holding in answer.holdings}
        found: list[Difference] = []
        time_ns = answer.venue_time_ns
        for instrument in self.instruments:
            if self._is_cycle(instrument):
                continue  # nothing of it is ever held
            venue, here = held.get(instrument, 0), self.net(instrument)
            if time_ns:
                after, at = recent.lots_after(instrument, time_ns)
                if venue in {here - after, here - after - at}:
                    continue
                found.append(Difference(instrument, -1, venue - here + after))
            elif instrument in quiet and venue != here:
                found.append(Difference(instrument, -1, venue - here))
        apart = frozenset(difference.instrument for difference in found)
        cash = {balance.account: balance.cash for balance in answer.balances}
        for account in self.accounts:
            settled = frozenset(one for one in self.settled_by(account) if not self._is_cycle(one))
            traded = recent.any_since(settled, time_ns) if time_ns else not settled <= quiet
            if traded or settled & apart:
                continue  # what a position is worth is in its purse: one after the other
            paid, slack = self._paid_more(answer, settled)
            after, at = recent.charged_after(account, time_ns) if time_ns else (0, 0)
            excess = cash.get(account, 0) - self.cash(account) - paid - after
            if min(abs(excess), abs(excess - at)) > tolerance.get(account, 0) + slack:
                found.append(Difference(-1, account, excess))
        return found

    def _is_cycle(self, instrument: int) -> bool:
        return int(self._instruments[instrument]["terms"][InstrumentTerm.KIND]) == InstrumentKind.CYCLE

    def _paid_more(self, answer: AccountAnswer, settled: frozenset[int]) -> tuple[int, int]:
        """Returns what the venue counts as paid for margined positions beyond what we do, and how exact that is.

        A margined position moves cash by its results alone, and how a result is split between cash and what the rest
        was paid for depends on the order of the fills. Cash less what was paid does not.
        """
        held = {holding.instrument: holding for holding in answer.holdings}
        paid = slack = 0
        for instrument in settled:
            terms = self._instruments[instrument]["terms"]
            if int(terms[InstrumentTerm.KIND]) != InstrumentKind.PERPETUAL:
                continue
            paid -= self.cost(instrument)
            holding = held.get(instrument)
            if holding is not None and holding.cost is not None:
                paid += holding.cost
            elif holding is not None:
                value = int(terms[InstrumentTerm.VALUE])
                paid += holding.quantity * holding.price * value
                slack += abs(holding.quantity) * value
        return paid, slack

    def cost(self, instrument: int) -> int:
        """What was paid for the account's net position, in money units, signed as the lots are."""
        return int(self._instruments[instrument]["net"]["cost"])

    def rounding(self, instrument: int, lots: int, price: int, paid: int | None) -> int:
        """What cash must be given so that lots taken over at a whole price cost what the venue says was `paid`."""
        terms = self._instruments[instrument]["terms"]
        margined = int(terms[InstrumentTerm.KIND]) == InstrumentKind.PERPETUAL
        return 0 if paid is None or not margined else lots * price * int(terms[InstrumentTerm.VALUE]) - paid

    def purse(self, instrument: int) -> int:
        """The account that settles an instrument."""
        return int(self._instruments[instrument]["terms"][InstrumentTerm.ACCOUNT])
