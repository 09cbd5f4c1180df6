"""Orders, fills and funding of the venue as the desk's reports, shared by the answers and the stream."""

from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus, Side
from quarterdeck.venues.hyperliquid.reasons import status_of
from quarterdeck.venues.hyperliquid.schema import BasicOrder, Fill, FundingRow
from quarterdeck.venues.hyperliquid.universe import Listed, Universe
from quarterdeck.venues.identity import order_of
from quarterdeck.venues.messages import FundingReport, OrderReport, TradeReport

__all__ = ["Reader", "nanoseconds"]

_NS_PER_MS: Final = 1_000_000
_TIME_MS_MAX: Final = 9_000_000_000_000
_ID_MAX: Final = 2**63


def nanoseconds(time_ms: int) -> int:
    """Returns UTC nanoseconds of the venue's milliseconds. Raises ValueError for a time that cannot be."""
    if not 0 <= time_ms < _TIME_MS_MAX:
        raise ValueError(f"{time_ms} is no time in milliseconds")
    return time_ms * _NS_PER_MS


class Reader:
    """Reads orders and fills of one account; `tag` is the desk's, see `identity`."""

    def __init__(self, universe: Universe, tag: str) -> None:
        self._universe, self._tag = universe, tag

    def order(self, order: BasicOrder, word: str = "open", time_ms: int = 0) -> OrderReport | None:
        """Returns an order's report; None where the desk does not trade the coin. Raises ValueError."""
        listed = self._universe.of_coin(order.coin)
        if listed is None:
            return None
        order_id, strategy = order_of(self._tag, order.cloid or "")
        left = listed.lots(order.sz)
        # Without the original size nothing is told of what was filled: it is then the size left.
        quantity = listed.lots(order.orig_sz) if order.orig_sz else left
        status, reason = status_of(word)
        filled = quantity - left if order.orig_sz else -1
        if left < 0 or quantity < left or not 0 <= order.oid < _ID_MAX:
            raise ValueError(f"order {order.oid}: {order.sz[:40]!r} left of {order.orig_sz[:40]!r}")
        if status is OrderStatus.ACCEPTED and filled > 0:
            status = OrderStatus.PARTIALLY_FILLED
        if status is OrderStatus.FILLED:
            filled = quantity if order.orig_sz and not left else filled
        return OrderReport(
            order_id=order_id, strategy=strategy, venue_order_id=order.oid, instrument=listed.index,
            side=Side.BUY if order.side == "B" else Side.SELL, price=listed.near_ticks(order.limit_px),
            trigger_price=_trigger(listed, order), quantity=quantity, filled=filled, status=status,
            reduce_only=order.reduce_only, reason=reason, venue_time_ns=nanoseconds(time_ms or order.timestamp),
        )  # fmt: skip

    def fill(self, fill: Fill) -> TradeReport | None:
        """Returns a fill's report; None where the desk does not trade the coin. Raises ValueError."""
        listed = self._universe.of_coin(fill.coin)
        if listed is None:
            return None
        order_id, strategy = order_of(self._tag, fill.cloid or "")
        quantity, price = listed.lots(fill.sz), listed.near_ticks(fill.px)
        if quantity <= 0 or price <= 0 or not 0 < fill.tid < _ID_MAX or not 0 <= fill.oid < _ID_MAX:
            raise ValueError(f"fill {fill.tid} of order {fill.oid}: {fill.sz[:40]!r} at {fill.px[:40]!r}")
        return TradeReport(
            trade_id=fill.tid, order_id=order_id, strategy=strategy, venue_order_id=fill.oid,
            instrument=listed.index, side=Side.BUY if fill.side == "B" else Side.SELL, price=price,
            quantity=quantity, fee=_fee(listed, fill), maker=not fill.crossed,
            venue_time_ns=nanoseconds(fill.time), liquidation=fill.liquidation is not None,
        )  # fmt: skip

    def funding(self, row: FundingRow, time_ms: int = 0) -> FundingReport | None:
        """Returns a payment of funding; None where the desk does not trade the coin. Raises ValueError.

        `time_ms` is the payment's time where the row does not say it.
        """
        listed = self._universe.of_coin(row.coin)
        if listed is None:
            return None
        time_ns = nanoseconds(row.time or time_ms)
        return FundingReport(instrument=listed.index, amount=listed.money(row.usdc), venue_time_ns=time_ns)


def _trigger(listed: Listed, order: BasicOrder) -> int:
    return listed.near_ticks(order.trigger_px) if order.is_trigger else 0


def _fee(listed: Listed, fill: Fill) -> int:
    """The fee in the purse's money: who buys spot pays it in the token bought, which is valued at the fill's price."""
    if fill.fee_token != listed.token or not listed.token:
        return listed.money(fill.fee)
    scale = 10**listed.price_decimals
    return listed.money(fill.fee) * listed.near_ticks(fill.px) // scale
