"""The kernel's simulated venue as a twin uses it: plain Python values in, reports out.

`Matching` holds the books, the resting orders of all accounts and their positions. It knows no money: what an account
may do, what it pays and what it is told is the twin's. A request is executed at once, in the book as it is.

    market = Matching([instrument], start_ns)
    reports = market.submit(0, 1_001, Ask(instrument=0, side=1, price=12_000, lots=5))
    for place in range(len(events)):
        reports = market.hear(events, place)        # one event of the outside market

An order meets the book and the orders of other accounts, never its own account's. A reduce-only order trades at most
what closes the account's position here and ends when nothing is left to close.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.market import market_accept, new_market
from quarterdeck.kernel.market_records import MARKET_ACCOUNTS, MARKET_REPORTS
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.venue import venue_apply
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, OrderType, Reason, Table, TimeInForce
from quarterdeck.market.events import Events
from quarterdeck.market.instruments import Instrument

__all__ = ["ACCOUNTS_MAX", "LISTINGS_MAX", "Ask", "Matching", "Report"]

ACCOUNTS_MAX: Final = MARKET_ACCOUNTS
LISTINGS_MAX: Final = INSTRUMENTS
# Minimum and figures are refused by the twin, in its venue's words.
_FREE: Final = frozenset({InstrumentTerm.MIN_NOTIONAL, InstrumentTerm.SIGNIFICANT_FIGURES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An order's terms: `side` 1 or -1, `price` in ticks (0: any price), `lots` to trade; `trigger` in ticks for stops.

    A stop waits in the kernel for the touch of the book; twins whose venue triggers on another price keep it back.
    """

    instrument: int
    side: int
    price: int
    lots: int
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    trigger: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the kernel says of an order.

    `kind` is ORDER_ACCEPTED, FILL, ORDER_CANCELED, ORDER_REJECTED, ORDER_EXPIRED, ORDER_REPLACED, CANCEL_REJECTED or
    REPLACE_REJECTED. A FILL has `price` (ticks), `lots`, `fee` (money units by the instrument's rates), `maker` and
    `trade_id`, the same on both sides of a trade between accounts; an end has its `reason`.
    """

    kind: EventKind
    account: int
    order_id: int
    price: int = 0
    lots: int = 0
    fee: int = 0
    trade_id: int = 0
    maker: bool = False
    reason: Reason = Reason.NONE


class Matching:
    """One simulated venue. The place of an instrument in `instruments` is its index."""

    def __init__(self, instruments: Sequence[Instrument], start_ns: int) -> None:
        self.now_ns = start_ns
        self._markets: Any = new_market()
        self._reports = cast(Any, new_events(MARKET_REPORTS))
        self._event = cast(Any, new_events(1))
        for row, instrument in enumerate(instruments):
            for column, setting in enumerate(instrument.terms()):
                self._fill_in(EventKind.CONFIGURE, table=Table.INSTRUMENT_TERM, row=row, column=column,
                              setting=0 if column in _FREE else setting)  # fmt: skip
                self._apply()

    # The outside market.

    def hear(self, events: Events, place: int) -> list[Report]:
        """Takes one event of the outside market; returns what it did to orders."""
        self.now_ns = max(self.now_ns, int(events[place]["time_ns"]))
        return self._read(venue_apply(self._markets, events, place, self._reports))

    def advance(self, now_ns: int) -> None:
        """Lets time pass without an event."""
        self.now_ns = max(self.now_ns, now_ns)

    # Requests. Order ids are the caller's, above 0, and each is used once by an account.

    def submit(self, account: int, order_id: int, ask: Ask) -> list[Report]:
        """Puts an order to work; returns ORDER_ACCEPTED and what came at once, or ORDER_REJECTED."""
        kinds = {(True, False): OrderType.MARKET, (False, False): OrderType.LIMIT, (True, True): OrderType.STOP}
        flags = (0 if ask.side > 0 else Flag.SELL) | (Flag.REDUCE_ONLY if ask.reduce_only else 0)
        self._fill_in(
            EventKind.SUBMIT, instrument=ask.instrument, order_id=order_id, price=ask.price, quantity=ask.lots,
            flags=int(flags | (Flag.POST_ONLY if ask.post_only else 0)), trigger_price=ask.trigger,
            order_type=kinds.get((ask.price == 0, ask.trigger > 0), OrderType.STOP_LIMIT),
            time_in_force=ask.time_in_force,
        )  # fmt: skip
        return self._send(account, order_id, EventKind.ORDER_REJECTED)

    def cancel(self, account: int, order_id: int, instrument: int) -> list[Report]:
        """Ends an order; returns ORDER_CANCELED, or CANCEL_REJECTED where it does not work."""
        self._fill_in(EventKind.CANCEL, instrument=instrument, order_id=order_id)
        return self._send(account, order_id, EventKind.CANCEL_REJECTED)

    def amend(self, account: int, order_id: int, ask: Ask) -> list[Report]:
        """Gives a working order a new price and total quantity; returns ORDER_REPLACED and what came, or the refusal.

        It keeps its place in the queue only where the price stays and the quantity shrinks.
        """
        self._fill_in(
            EventKind.REPLACE, instrument=ask.instrument, order_id=order_id, price=ask.price, quantity=ask.lots,
            trigger_price=ask.trigger, flags=0 if ask.side > 0 else int(Flag.SELL),
        )  # fmt: skip
        return self._send(account, order_id, EventKind.REPLACE_REJECTED)

    def _send(self, account: int, order_id: int, refusal: EventKind) -> list[Report]:
        """Hands a request to the kernel, which executes it at once in the book as it is."""
        if market_accept(self._markets, self._event, 0, account, self.now_ns):
            return [Report(kind=refusal, account=account, order_id=order_id, reason=Reason.ORDER_SHAPE_INVALID)]
        self._fill_in(EventKind.CLOCK)
        return self._apply()

    def _fill_in(self, kind: EventKind, **fields: int) -> None:
        event = self._event[0]
        for name in ("price", "quantity", "order_id", "trigger_price", "tag", "venue_time_ns"):
            event[name] = 0
        event["time_ns"], event["kind"], event["flags"], event["strategy"] = self.now_ns, kind, 0, 0
        for name, value in fields.items():
            event[name] = value

    def _apply(self) -> list[Report]:
        return self._read(venue_apply(self._markets, self._event, 0, self._reports))

    def _read(self, count: int) -> list[Report]:
        """Copies the reports out: the next call overwrites them. What is said of the touch is left out."""
        found: list[Report] = []
        for place in range(count):
            row = self._reports[place]
            kind = EventKind(int(row["kind"]))
            if kind == EventKind.QUOTE:
                continue
            account, order_id = int(row["check"]), int(row["order_id"])
            if kind == EventKind.FILL:
                found.append(
                    Report(
                        kind=kind, account=account, order_id=order_id, price=int(row["price"]),
                        lots=int(row["quantity"]), fee=int(row["fee"]), trade_id=int(row["trade_id"]),
                        maker=bool(int(row["flags"]) & Flag.MAKER),
                    )
                )  # fmt: skip
            else:
                reason = Reason.NONE if kind == EventKind.ORDER_REPLACED else Reason(int(row["value"]))
                found.append(Report(kind=kind, account=account, order_id=order_id, reason=reason))
        return found
