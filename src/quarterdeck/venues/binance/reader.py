"""Orders, fills and funding of the venue as the desk's reports, shared by the answers and the stream.

A fill in an answer says the venue's number of its order and not the client's id. `Reader` remembers whose number is
whose; where it does not know, the order is asked for.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus, Side
from quarterdeck.venues.binance.reasons import status_of
from quarterdeck.venues.binance.schema import AccountOrder, AccountTrade, Income, StreamOrder
from quarterdeck.venues.binance.universe import Listed, Universe
from quarterdeck.venues.identity import order_of
from quarterdeck.venues.messages import FundingReport, OrderReport, TradeReport

__all__ = ["TIME_MS_MAX", "Owner", "Reader", "nanoseconds"]

_NS_PER_MS: Final = 1_000_000
TIME_MS_MAX: Final = 9_000_000_000_000
_ID_MAX: Final = 2**63
_ORDERS_MAX: Final = 16_384
_FORCED: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")  # ids of orders that the venue itself places


def nanoseconds(time_ms: int) -> int:
    """Returns UTC nanoseconds of the venue's milliseconds. Raises ValueError for a time that cannot be."""
    if not 0 <= time_ms < TIME_MS_MAX:
        raise ValueError(f"{time_ms} is no time in milliseconds")
    return time_ms * _NS_PER_MS


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an order is: (0, -1) is not this desk's. `forced`: the venue placed it to close a position."""

    order_id: int
    strategy: int
    forced: bool = False


class Reader:
    """Reads orders and fills of one account; `tag` is the desk's, see `identity`. Any thread may call it.

    `fees_elsewhere` are the assets of fees that were taken in neither of an instrument's own: such a fee is in no purse
    of the desk, so its fills say 0.
    """

    def __init__(self, universe: Universe, tag: str) -> None:
        self._universe, self._tag = universe, tag
        self._lock = threading.Lock()
        self._owners: OrderedDict[tuple[int, int], Owner] = OrderedDict()
        self.fees_elsewhere: set[str] = set()

    def own(self, instrument: int, venue_order_id: int, client_order_id: str) -> Owner:
        """Remembers whose an order is, and returns it."""
        owner = Owner(*order_of(self._tag, client_order_id), client_order_id.startswith(_FORCED))
        with self._lock:
            self._owners[instrument, venue_order_id] = owner
            if len(self._owners) > _ORDERS_MAX:
                self._owners.popitem(last=False)
        return owner

    def owner(self, instrument: int, venue_order_id: int) -> Owner | None:
        """Returns whose an order is; None where nobody has told yet."""
        with self._lock:
            return self._owners.get((instrument, venue_order_id))

    def order(self, order: AccountOrder) -> OrderReport | None:
        """Returns an order's report; None where the desk does not trade the symbol. Raises ValueError."""
        listed = self._universe.of_symbol(order.symbol)
        if listed is None:
            return None
        _check_order(order.order_id)
        owner = self.own(listed.index, order.order_id, order.orig_client_order_id or order.client_order_id)
        time_ms = order.update_time or order.transact_time or order.time
        figures = (order.price, order.stop_price, order.orig_qty, order.executed_qty)
        return _report(listed, order.order_id, owner, order.side, figures, order.status, time_ms, order.reduce_only)

    def streamed(self, order: StreamOrder) -> tuple[OrderReport, TradeReport | None] | None:
        """Returns an execution report as the order's and, where it traded, the fill's report. Raises ValueError."""
        listed = self._universe.of_symbol(order.s)
        if listed is None:
            return None
        _check_order(order.i)
        owner = self.own(listed.index, order.i, order.C or order.c)
        trigger = order.P if listed.spot else order.sp
        figures = (order.p, trigger, order.q, order.z)
        report = _report(listed, order.i, owner, order.S, figures, order.X, order.T, order.R)
        if order.x not in {"TRADE", "CALCULATED"} or order.t <= 0:
            return report, None
        fee = self._fee(listed, order.n or "0", order.N or listed.quote, order.L)
        fill = _fill(listed, order.i, owner, order.S == "BUY", (order.L, order.l), order.t, fee, order.m, order.T)
        return report, fill

    def fill(self, trade: AccountTrade) -> TradeReport | None:
        """Returns a fill's report; None where the desk does not trade the symbol. Raises ValueError."""
        listed = self._universe.of_symbol(trade.symbol)
        if listed is None:
            return None
        buys = trade.is_buyer if trade.buyer is None else trade.buyer
        makes = trade.is_maker if trade.maker is None else trade.maker
        if buys is None or makes is None:
            raise ValueError(f"trade {trade.id} does not say who bought")
        _check_order(trade.order_id)
        owner = self.owner(listed.index, trade.order_id) or Owner(0, -1)
        fee = self._fee(listed, trade.commission, trade.commission_asset, trade.price)
        figures = (trade.price, trade.qty)
        return _fill(listed, trade.order_id, owner, buys, figures, trade.id, fee, makes, trade.time)

    def funding(self, row: Income) -> FundingReport | None:
        """Returns a payment of funding; None where the desk does not trade the symbol. Raises ValueError."""
        listed = self._universe.of_symbol(row.symbol)
        if listed is None or row.income_type != "FUNDING_FEE":
            return None
        if row.asset != listed.quote:
            raise ValueError(f"funding of {row.symbol[:40]} in {row.asset[:40]!r}")
        amount, time_ns = listed.money(row.income), nanoseconds(row.time)
        return FundingReport(instrument=listed.index, amount=amount, venue_time_ns=time_ns)

    def _fee(self, listed: Listed, amount: str, asset: str, price: str) -> int:
        """A fee in the purse's money: one that is taken in the base asset is valued at the fill's price."""
        if asset == listed.quote:
            return listed.money(amount)
        if asset == listed.base:
            return listed.worth(amount, price)
        if amount.strip("0.-"):
            self.fees_elsewhere.add(asset[:16])
        return 0


def _check_order(venue_order_id: int) -> None:
    if not 0 < venue_order_id < _ID_MAX:
        raise ValueError(f"{venue_order_id} is no order's number")


def _report(
    listed: Listed, number: int, owner: Owner, side: str, figures: tuple[str, str, str, str], word: str, time_ms: int,
    reduce_only: bool,
) -> OrderReport:  # fmt: skip
    price, trigger, total, done = figures
    quantity, filled = listed.lots(total), listed.lots(done)
    status, reason = status_of(word)
    if not 0 <= filled <= quantity:
        raise ValueError(f"order {number}: {done[:40]!r} filled of {total[:40]!r}")
    if status is OrderStatus.ACCEPTED and filled:
        status = OrderStatus.PARTIALLY_FILLED
    return OrderReport(
        order_id=owner.order_id, strategy=owner.strategy, venue_order_id=number, instrument=listed.index,
        side=Side.BUY if side == "BUY" else Side.SELL, price=listed.near_ticks(price),
        trigger_price=listed.near_ticks(trigger), quantity=quantity, filled=filled, status=status,
        reduce_only=reduce_only, reason=reason, venue_time_ns=nanoseconds(time_ms),
    )  # fmt: skip


def _fill(
    listed: Listed, number: int, owner: Owner, buys: bool, figures: tuple[str, str], trade_id: int, fee: int,
    maker: bool, time_ms: int,
) -> TradeReport:  # fmt: skip
    price, quantity = listed.ticks(figures[0]), listed.lots(figures[1])
    if quantity <= 0 or not 0 < trade_id < _ID_MAX:
        raise ValueError(f"trade {trade_id} of order {number}: {figures[1][:40]!r} at {figures[0][:40]!r}")
    return TradeReport(
        trade_id=trade_id, order_id=owner.order_id, strategy=owner.strategy, venue_order_id=number,
        instrument=listed.index, side=Side.BUY if buys else Side.SELL, price=price, quantity=quantity, fee=fee,
        maker=maker, venue_time_ns=nanoseconds(time_ms), liquidation=owner.forced,
    )  # fmt: skip
