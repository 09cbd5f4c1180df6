"""What a venue says, as event records: one place where messages become the kernel's words."""

import struct
from typing import Final

from quarterdeck.journal import note
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import ConnectionState, EventKind, Flag, Reason, Side
from quarterdeck.venues.messages import ChargeReport, FundingReport, OrderReport, TradeReport

__all__ = ["Reports"]

# time, venue time, kind, flags, instrument, strategy, check, and the five payload words (kernel.records.Event)
_RECORD: Final = struct.Struct("<qqBBhhHqqqqq")
assert _RECORD.size == EVENT.itemsize


class Reports:
    """Collects event records, until `take` hands them over at the desk's time that `at` was given.

    Remarks are notes of the journal: a NOTE and the slots behind it stand among the records, and no kernel sees them.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[int, ...] | str] = []
        self._now = 0

    def __len__(self) -> int:
        return len(self._parts)

    def at(self, now_ns: int) -> None:
        """Sets the receive time of what is taken next."""
        self._now = now_ns

    def take(self) -> bytes:
        """Returns the records, one behind the other, and begins anew."""
        now = self._now
        raw = b"".join(
            [
                note(words, now).tobytes() if isinstance(words, str) else _RECORD.pack(now, *words)
                for words in self._parts
            ]
        )
        self._parts.clear()
        return raw

    def order(
        self,
        kind: EventKind,
        order_id: int,
        instrument: int,
        strategy: int,
        *,
        price: int = 0,
        value: int = 0,
        venue_order_id: int = 0,
        venue_time_ns: int = 0,
    ) -> None:
        """A report of an order. `value` is a Reason where it was rejected, the total quantity where it was replaced."""
        self._add(kind, 0, instrument, strategy, price, value, order_id, venue_order_id, 0, venue_time_ns)

    def fill(self, fill: TradeReport, order_id: int, strategy: int) -> None:
        flags = (
            (Flag.SELL if fill.side is Side.SELL else 0)
            | (Flag.MAKER if fill.maker else 0)
            | (Flag.LIQUIDATED if fill.liquidation else 0)
        )
        words = (fill.price, fill.quantity, order_id, fill.trade_id, fill.fee)
        self._add(EventKind.FILL, flags, fill.instrument, strategy, *words, fill.venue_time_ns)

    def funding(self, payment: FundingReport) -> None:
        """A payment on a position; the kernel knows repeats by the venue's time."""
        time_ns = payment.venue_time_ns
        self._add(EventKind.FUNDING_PAYMENT, 0, payment.instrument, -1, payment.amount, venue_time_ns=time_ns)

    def charge(self, charge: ChargeReport, strategy: int) -> None:
        """Money that no fill moved; the kernel knows repeats by the trade id."""
        words = (charge.amount, charge.account, charge.ledger_account, charge.trade_id, charge.order_id)
        self._add(EventKind.CHARGE, 0, charge.instrument, strategy, *words, charge.venue_time_ns)

    def remark(self, text: str) -> None:
        """Words of the venue's, to be journaled here."""
        self._parts.append(text)

    def adopt(self, order: OrderReport) -> None:
        """An order that works at the venue and that the desk does not know."""
        flags = (Flag.SELL if order.side is Side.SELL else 0) | (Flag.REDUCE_ONLY if order.reduce_only else 0)
        words = (order.price or order.trigger_price, order.quantity, order.order_id, order.venue_order_id, 0)
        strategy = max(0, order.strategy)
        self._add(EventKind.ORDER_ADOPTED, flags, order.instrument, strategy, *words, order.venue_time_ns)

    def position(self, instrument: int, strategy: int, price: int, quantity: int) -> None:
        """A position that the venue has and the desk has not: signed lots at an average price in ticks."""
        self._add(EventKind.POSITION_ADOPTED, 0, instrument, strategy, price, quantity)

    def transfer(self, account: int, amount: int) -> None:
        self._add(EventKind.TRANSFER, 0, 0, -1, amount, account)

    def balance(self, account: int, cash: int) -> None:
        self._add(EventKind.BALANCE, 0, 0, -1, cash, account)

    def connection(self, venue: int, up: bool) -> None:
        self._add(EventKind.CONNECTION, 0, venue, -1, 0, ConnectionState.UP if up else ConnectionState.DOWN)

    def result(self, venue: int, error: bool) -> None:
        """An answer of the venue, good or bad: too many bad ones open its breaker."""
        self._add(EventKind.VENUE_RESULT, Flag.ERROR if error else 0, venue, -1)

    def difference(self, instrument: int, differs: bool) -> None:
        self._add(EventKind.RECONCILIATION, 0, instrument, -1, 0, int(differs))

    def reconciled(self, venue: int, until_ns: int) -> None:
        self._add(EventKind.RECONCILED, 0, venue, -1, 0, until_ns)

    def clock(self) -> None:
        self._add(EventKind.CLOCK, 0, -1, -1)

    def cancel_all(self, reason: Reason) -> None:
        """Asks for every order to be cancelled, in the desk's own name."""
        # A request has no venue time: its place holds type, time in force, reason and person.
        self._add(EventKind.CANCEL_ALL_REQUEST, 0, -1, -1, 0, 0, 0, 0, 0, int(reason) << 16)

    def _add(
        self,
        kind: EventKind,
        flags: int,
        instrument: int,
        strategy: int,
        first: int = 0,
        second: int = 0,
        third: int = 0,
        fourth: int = 0,
        fifth: int = 0,
        venue_time_ns: int = 0,
    ) -> None:
        self._parts.append((venue_time_ns, kind, flags, instrument, strategy, 0, first, second, third, fourth, fifth))
