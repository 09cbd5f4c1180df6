"""A desk's journal made into trades: each record is taken up once, and what a reorganisation undid is taken back.

The notes of the journal say what happened to each attempt, in the chain's own units; the rates beside them say what a
unit was worth then. A trade is told by its transaction's hash: told again it replaces itself, and an orphaned block
takes away only what was told of that block. Moments are those of the notes, by the desk's own clock. Money in dollars
is the desk's base currency.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.arbitrage import records
from quarterdeck.journal import JournalTail, payload_of, rfc3339
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, LedgerAccount
from quarterdeck.ops.attempts.money import Usd
from quarterdeck.ops.attempts.place import ChainDesk
from quarterdeck.ops.attempts.trades import Trade
from quarterdeck.runtime.directory import directory
from quarterdeck.runtime.wording import order_name
from quarterdeck.venues.evm.terms import Purse

__all__ = ["Book", "Refused", "Spent"]

_TAKEN: Final = (EventKind.NOTE, EventKind.CURRENCY_RATE, EventKind.CHARGE)
_PPB: Final = 1_000_000_000
_GWEI: Final = Decimal(10) ** 9
_ONE: Final = Decimal(1)
_KINDS: Final[Mapping[str, str]] = {  # of pools, as discovery's classes are called
    "ConstantProductPool": "uniswap-v2",
    "ConcentratedPool": "uniswap-v3",
    "WeightedPool": "balancer-weighted",
    "StablePool": "balancer-stable",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Gas of a transaction that was no attempt: a cancel, a nonce that others waited for."""

    time_ns: int
    usd: Usd


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that was asked for and never left: a proof or a limit refused it."""

    time_ns: int
    trade_id: str
    reason: str


class Book:
    """Everything that a desk's attempts came to. `refresh` takes in what was journaled since."""

    def __init__(self, desk: ChainDesk) -> None:
        self._desk = desk
        self._names = directory(desk.config)
        self._tail = JournalTail(desk.place.journal)
        self._rest = b""
        self._rates: dict[int, int] = {}
        self._proposed: dict[int, records.Proposed] = {}
        self._sent: dict[str, records.Sent] = {}
        self._moments: dict[tuple[str, str | int], int] = {}  # when it was first noted, by the desk's own clock
        self._strategies: dict[int, str] = {}
        self._charged: set[tuple[int, int]] = set()
        self._owed: set[int] = set()  # orders of a note whose gas the next charge tells
        self._trades: dict[str, tuple[int, Trade]] = {}
        self._spent: list[Spent] = []
        self._refused: dict[str, Refused] = {}
        self.time_ns = 0
        """The desk's own time at the last record that was taken up."""

    @property
    def trades(self) -> list[Trade]:
        """Those that stand, the oldest first."""
        return sorted(
            (self._named(order, trade) for order, trade in self._trades.values()),
            key=lambda trade: (trade.time_ns, trade.block_number),
        )

    @property
    def spent(self) -> list[Spent]:
        return list(self._spent)

    @property
    def refused(self) -> list[Refused]:
        return list(self._refused.values())

    @property
    def proposed(self) -> list[records.Proposed]:
        """What was taken up, the oldest first."""
        return list(self._proposed.values())

    @property
    def waiting(self) -> list[records.Sent]:
        """Transactions that left and of which nothing is known yet."""
        return [sent for hash_, sent in self._sent.items() if hash_ not in self._trades]

    def refresh(self) -> "Book":
        """Takes in what was written since. JournalError: the journal cannot be followed."""
        while pieces := self._tail.poll():
            for _, raw in pieces:
                self.take(raw)
        return self

    def usd(self, account: int, units: int) -> Usd:
        """What units of a purse are worth at the rate that the journal said last."""
        rate = self._rates.get(account, _PPB)
        return Usd(Decimal(units) * rate / _PPB).scaled(-self._desk.config.base_exponent)

    def worth(self, purse: Purse, exact: int) -> Usd:
        """The same of an amount in the chain's own units, not rounded to the purse's."""
        units = Decimal(exact).scaleb(purse.exponent - purse.decimals)
        rate = self._rates.get(purse.account, _PPB)
        return Usd(units * rate / _PPB).scaled(-self._desk.config.base_exponent)

    def take(self, raw: bytes) -> None:
        """Takes in records as they follow each other in the journal, wherever they were cut."""
        raw = self._rest + raw
        found: Any = np.frombuffer(raw, EVENT)
        kinds: NDArray[np.uint8] = found["kind"]
        heads = np.flatnonzero(kinds != EventKind.CONTINUATION)
        end = len(found)
        self._rest = b""
        if len(heads) and kinds[heads[-1]] == EventKind.NOTE and not _whole(found, int(heads[-1])):
            end = int(heads[-1])
            self._rest = raw[end * EVENT.itemsize :]
        for place in np.flatnonzero(np.isin(kinds[:end], _TAKEN)).tolist():
            self._event(found, place)

    def _event(self, found: Any, place: int) -> None:
        record, kind = found[place], found["kind"][place]
        self.time_ns = max(self.time_ns, int(record["time_ns"]))
        if kind == EventKind.CURRENCY_RATE:
            self._rates[int(record["row"])] = int(record["rate"])
        elif kind == EventKind.CHARGE:
            self._charge(record)
        elif (told := records.decode(payload_of(found, place))) is not None:
            self._note(told, int(record["time_ns"]))

    def _charge(self, record: Any) -> None:
        order, account, column = int(record["tag"]), int(record["row"]), int(record["column"])
        if order > 0:
            self._strategies[order] = self._names.strategies.label(int(record["strategy"]))
        if column != LedgerAccount.GAS:
            return
        of_a_note = order in self._owed
        self._owed.discard(order)
        key = int(record["trade_id"]), account
        if key[0] and key not in self._charged:  # a venue tells its charges again, and the kernel takes each once
            self._charged.add(key)
            if not of_a_note:
                self._spent.append(Spent(int(record["time_ns"]), self.usd(account, int(record["amount"]))))

    def _note(self, told: records.Record, time_ns: int) -> None:
        if isinstance(told, records.Proposed):
            self._proposed[told.plan] = told
            self._moments.setdefault(("Proposed", told.plan), time_ns)
        elif isinstance(told, records.Sent):
            self._sent[told.hash] = told
            self._moments.setdefault(("Sent", told.order_id), time_ns)
        elif isinstance(told, records.Included):
            self._trades[told.hash] = told.order_id, self._trade(told, time_ns)
            self._owed.add(told.order_id)
        elif isinstance(told, records.Orphaned):
            standing = self._trades.get(told.hash)
            if standing is not None and standing[1].block_hash == told.block_hash:
                del self._trades[told.hash]
                self._owed.add(told.order_id)
        elif isinstance(told, records.Dropped):
            self._sent.pop(told.hash, None)
        else:
            name = order_name(told.order_id)
            self._refused[name] = Refused(time_ns, name, told.reason)

    def _named(self, order: int, trade: Trade) -> Trade:
        """With its strategy, which the charges behind the note say."""
        return msgspec.structs.replace(trade, strategy=self._strategies.get(order, ""))

    def _trade(self, told: records.Included, time_ns: int) -> Trade:
        plan, sent = self._proposed.get(told.plan), self._sent.get(told.hash)
        cycle = self._desk.terms.cycles.get(told.token)
        money = _Money(self, cycle.purse) if cycle is not None else None
        symbols = {address: token.symbol for address, token in self._desk.universe.by_address.items()}
        token, decimals = symbols.get(told.token, told.token), self._decimals(told.token)
        amount, gross = int(told.amount), int(told.gross)
        expected = int(plan.returned) - int(plan.amount) if plan is not None else None
        missed = max(0, expected - gross) if told.success and expected is not None else 0
        gas = self.worth(self._desk.terms.gas, int(told.gas_wei))
        premium, earned = (money(int(told.premium)), money(gross)) if money else (Usd(0), Usd(0))
        net = earned - premium - gas
        borrowed = money(amount) if money else Usd(0)
        detected_ns = self._moments.get(("Proposed", told.plan), told.detected_ns)
        sent_ns = self._moments.get(("Sent", told.order_id), told.sent_ns)
        exit_price = _ratio(amount + gross, amount) if told.success else None
        expected_price = _ratio(amount + expected, amount) if expected is not None else None
        return Trade(
            trade_id=order_name(told.order_id), timestamp=rfc3339(told.at_ns), block_number=told.block,
            transaction_hash=told.hash, strategy="", protocol=_protocol(plan), token_path=_route(plan, symbols),
            amount_in=Decimal(amount).scaleb(-decimals), amount_in_token=token,
            amount_out=Decimal(amount + gross if told.success else 0).scaleb(-decimals), amount_out_token=token,
            entry_price=_ONE, exit_price=exit_price, expected_price=expected_price, gas_used=told.gas_used,
            gas_price_gwei=Decimal(told.gas_price_wei) / _GWEI, gas_cost_usd=gas, flashloan_fee_usd=premium,
            protocol_fees_usd=None, slippage_cost_usd=money(missed) if money else Usd(0), gross_profit_usd=earned,
            net_profit_usd=net, roi_percent=_percent(net, borrowed),
            execution_time_ms=max(0, told.at_ns - sent_ns) / 1e6,
            slippage_percent=_slipped(exit_price, expected_price), market_impact_percent=None, success=told.success,
            revert_reason=told.reason, chain=self._desk.venue.name, wallet_address=self._desk.wallet or "",
            notes=_notes(plan, sent), time_ns=time_ns, detected_ns=detected_ns, sent_ns=sent_ns,
            included_ns=told.at_ns, block_hash=told.block_hash,
        )  # fmt: skip

    def _decimals(self, token: str) -> int:
        known = self._desk.universe.by_address.get(token)
        return 0 if known is None else known.decimals


@dataclass(frozen=True, slots=True)
class _Money:
    """Dollars of one purse's token."""

    book: Book
    purse: Purse

    def __call__(self, exact: int) -> Usd:
        return self.book.worth(self.purse, exact)


def _whole(found: Any, head: int) -> bool:
    """Whether all of the text behind a note is here: its first slot says how many follow."""
    if head + 1 >= len(found):
        return False
    following = int.from_bytes(found[head + 1 : head + 2].tobytes()[20:22], "little")
    return head + 1 + following < len(found)


def _ratio(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / Decimal(whole) if whole else None


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return Decimal(100 * Decimal(part) / Decimal(whole)) if whole else None


def _slipped(exit_price: Decimal | None, expected: Decimal | None) -> Decimal | None:
    """How much less came back than was expected; below zero: more."""
    if exit_price is None or not expected:
        return None
    return 100 * (expected - exit_price) / expected


def _legs(plan: records.Proposed | None) -> Iterator[records.Leg]:
    return iter(()) if plan is None else iter(plan.legs)


def _protocol(plan: records.Proposed | None) -> str:
    return "+".join(dict.fromkeys(_KINDS.get(leg.kind, leg.kind) for leg in _legs(plan)))


def _route(plan: records.Proposed | None, symbols: Mapping[str, str]) -> str:
    legs = list(_legs(plan))
    path = [legs[0].source, *(leg.target for leg in legs)] if legs else []
    return " > ".join(symbols.get(token, token) for token in path)


def _notes(plan: records.Proposed | None, sent: records.Sent | None) -> str:
    words: list[str] = []
    if plan is not None:
        words.append(f"lent by {plan.lender} ({plan.lender_kind})")
    if sent is not None:
        words.append(f"nonce {sent.nonce}, {'private' if sent.private else 'public'}")
    return "; ".join(words)
