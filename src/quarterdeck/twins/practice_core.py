"""A practice exchange that remembers: accounts by name, requests, a market, faults, and the truth file under all of it.

It does no network I/O. Whatever a call returns to be told is in the truth file by then.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.config import DeskConfig
from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Listing, Quote
from quarterdeck.twins.practice_faults import Fault, Faults
from quarterdeck.twins.practice_truth import Asked, Halted, Opened, Quoted, Truth, TruthLine
from quarterdeck.twins.practice_wire import Line, PracticeWire
from quarterdeck.venues.practice.terms import DeskTerms, desk_terms

__all__ = ["PracticeCore", "PracticeTerms", "practice_terms"]

_PPB_PER_BPS: Final = 100_000
_BUSY: Final = b'{"type":"Busy"'
_REFUSABLE: Final = ("Place", "Amend")


class _Tagged(msgspec.Struct):
    type: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeTerms:
    """What an exchange trades, and what a new account has, by purse."""

    terms: DeskTerms
    listings: tuple[Listing, ...]
    cash: tuple[int, ...]


def practice_terms(config: DeskConfig, row: int) -> PracticeTerms:
    """Returns an exchange like the venue at that row of desk.toml; each account opens with the desk's deposits."""
    terms = desk_terms(config, row)
    currencies = [purse.currency for purse in terms.purses]
    listings: list[Listing] = []
    for place, words in zip(terms.places, terms.instruments, strict=True):
        one = config.instruments[place]
        listing = Listing(
            value=words.value,
            purse=currencies.index(words.purse),
            margined=one.kind == "perpetual",
            maker_fee_ppb=int((one.maker_fee_bps or Decimal(0)) * _PPB_PER_BPS),
            taker_fee_ppb=int((one.taker_fee_bps or Decimal(0)) * _PPB_PER_BPS),
        )
        listings.append(listing)
    accounts = [config.accounts[place] for place in terms.purse_places]
    cash = tuple(int(account.deposit.scaleb(account.exponent)) for account in accounts)
    return PracticeTerms(terms=terms, listings=tuple(listings), cash=cash)


class PracticeCore:
    """The exchange of a practice server. Times are the exchange's own, UTC nanoseconds, and never run backwards.

    DataError: the state file is not this exchange's. OSError of any call: the truth could not be kept; whoever serves
    must stop.
    """

    def __init__(
        self,
        terms: PracticeTerms,
        *,
        state: Path | None = None,
        requests_per_second: int = 0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.terms = terms
        self.exchange = PracticeExchange(terms.listings)
        self.wire = PracticeWire(self.exchange)
        self.faults = Faults()
        self.accounts: dict[str, int] = {}
        self.restored = self.requests = self.quotes = 0
        self._clock = clock
        self._unkept: dict[int, tuple[int, Quote]] = {}  # the last quote that is not in the truth, by instrument
        self._truth = Truth(state, msgspec.to_builtins((terms.listings, terms.terms.instruments)))
        try:
            self._restore()
        except BaseException:
            self._truth.close()
            raise
        self.exchange.requests_per_second = requests_per_second  # what was refused unread is not in the truth

    def close(self) -> None:
        self._truth.close()

    def now_ns(self) -> int:
        """The exchange's time."""
        return max(self._clock(), self.exchange.now_ns)

    def account(self, name: str) -> int:
        """Returns the number of an account, which is opened where there is none of that name."""
        if name not in self.accounts:
            self._truth.append([Opened(at_ns=self.now_ns(), account=name, cash=self.terms.cash)])
            self.accounts[name] = self.exchange.open_account(self.terms.cash)
        return self.accounts[name]

    def ask(self, account: int, lines: Sequence[bytes]) -> tuple[list[bytes], list[Line]]:
        """Takes requests of one account; returns the answers to it, and what is news for anybody."""
        kept: list[TruthLine] = []
        answers: list[bytes] = []
        told: list[Line] = []
        for line in lines:
            self._ask(account, line, kept, answers, told)
        self._truth.append(kept)
        return answers, told

    def _ask(self, account: int, line: bytes, kept: list[TruthLine], answers: list[bytes], told: list[Line]) -> None:
        now = self.now_ns()
        self.requests += 1
        try:
            text, tagged = line.decode(), msgspec.json.decode(line, type=_Tagged)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.wire.malformed += 1
            return
        if tagged.type in _REFUSABLE and self.faults.take(Fault.REJECT):
            refused = {"type": "Refused", "request_id": tagged.request_id, "why": "a fault", "error": True}
            answers.append(msgspec.json.encode(refused))
            return
        said = self.wire.handle(now, account, line)
        if not said:
            return
        if len(said) > 1 or not (tagged.type.startswith("Ask") or said[0][1].startswith(_BUSY)):
            kept += self._quotes_before()
            kept.append(Asked(at_ns=now, account=account, line=text))
        if not self.faults.take(Fault.DROP_ACKS):
            answers.append(said[0][1])
        told += said[1:]

    def set_market(self, quotes: Sequence[tuple[int, Quote]]) -> list[Line]:
        """Moves the outside market, or lets time pass; returns what is to be told."""
        now = self.now_ns()
        waits = any(self.exchange.books[row].has_stops for row, _ in quotes)
        if quotes:
            told = self.wire.quote(now, quotes)
            moved = waits or len(told) > 1
        else:
            self.exchange.advance(now)
            told = self.wire.news()
            moved = bool(told)
        self.quotes += len(quotes)
        if moved:
            rows = tuple((row, one.bid, one.ask, one.bid_lots, one.ask_lots) for row, one in quotes)
            self._truth.append([*self._quotes_before(), Quoted(at_ns=now, quotes=rows)])
        else:
            self._unkept.update({row: (now, quote) for row, quote in quotes})
        return told

    def halt(self, halted: bool) -> list[Line]:
        """Stops all trading, or lets it go on."""
        if halted == self.exchange.halted:
            return []
        now = self.now_ns()
        self._truth.append([*self._quotes_before(), Halted(at_ns=now, halted=halted)])
        self._halt(now, halted)
        return self.wire.news()

    def record(self, account: int) -> dict[str, Any]:
        """All that an account has and ever did."""
        holder = self.exchange.holders[account]
        return {
            "cash": holder.cash,
            "positions": holder.positions,
            "trades": holder.trades,
            "orders": list(holder.orders.values()),
        }

    def _halt(self, now_ns: int, halted: bool) -> None:
        if halted:
            self.exchange.halted = True
        else:
            self.exchange.resume(now_ns)

    def _quotes_before(self) -> list[TruthLine]:
        """Quotes that were left out so far, and matter now."""
        unkept = sorted((at_ns, row) for row, (at_ns, _) in self._unkept.items())
        lines: list[TruthLine] = []
        for at_ns, row in unkept:
            one = self._unkept.pop(row)[1]
            lines.append(Quoted(at_ns=at_ns, quotes=((row, one.bid, one.ask, one.bid_lots, one.ask_lots),)))
        return lines

    def _restore(self) -> None:
        """Does again what the truth says was done; nobody is told of it twice."""
        for line in self._truth.read():
            self.restored += 1
            match line:
                case Opened():
                    self.accounts[line.account] = self.exchange.open_account(line.cash)
                case Asked():
                    self.wire.handle(line.at_ns, line.account, line.line.encode())
                case Quoted():
                    for row, *rest in line.quotes:
                        self.exchange.quote(line.at_ns, row, Quote(*rest))
                    self.exchange.advance(line.at_ns)
                case Halted():
                    self._halt(line.at_ns, line.halted)
            self.exchange.take_news()
        self.wire.malformed = 0
