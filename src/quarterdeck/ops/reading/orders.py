"""The table of orders as people read it: open ones first, newest first."""

from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any, Final

from quarterdeck.kernel.vocabulary import OrderFlag, OrderStatus, OrderType, Reason, TimeInForce
from quarterdeck.ops.figures import OrderFigures
from quarterdeck.ops.reading.statement import Market, Statement, scaled
from quarterdeck.runtime.wording import order_name
from quarterdeck.venues.identity import client_id, desk_tag

__all__ = ["count_of", "orders"]

_AVERAGE: Final = Context(prec=12)
_OPEN: Final = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)  # from and to
_FIELDS: Final = (
    "id", "strategy", "instrument", "side", "order_type", "time_in_force", "price", "trigger_price", "quantity",
    "filled", "filled_cost", "fee", "status", "flags", "reason", "created_ns", "updated_ns",
)  # fmt: skip
_TYPES: Final = {int(one): one.name for one in OrderType}
_FORCES: Final = {int(one): one.name for one in TimeInForce}
_STATUSES: Final = {int(one): one.name for one in OrderStatus}
_REASONS: Final = {int(one): one.name for one in Reason}


def _word(words: dict[int, str], number: int) -> str:
    return words.get(number, str(number))


def count_of(of: Statement, status: OrderStatus) -> int:
    """How many orders of the table stand so."""
    return int((of.state["orders"]["status"] == status).sum())


def orders(of: Statement, closed: int | None = None) -> tuple[OrderFigures, ...]:
    """Returns every open order and the newest `closed` of the others (None: all that the desk still holds)."""
    table = of.state["orders"]
    status = table["status"]
    is_open = (status >= _OPEN[0]) & (status <= _OPEN[1])
    working = table[is_open]
    others = table[(table["id"] > 0) & ~is_open]
    return (*_read(of, working, None, True), *_read(of, others, closed, False))


def _read(of: Statement, table: Any, most: int | None, is_open: bool) -> Iterator[OrderFigures]:
    rows = table[table["id"].argsort()[::-1]][:most]
    columns: list[list[int]] = [rows[name].tolist() for name in _FIELDS]
    tag = desk_tag(of.config.desk.name)
    exponents = [-account.exponent for account in of.config.accounts]
    for row in zip(*columns, strict=True):
        facts: dict[str, int] = dict(zip(_FIELDS, row, strict=True))
        market = of.markets[facts["instrument"]]
        exponent = exponents[market.account] if market.account < len(exponents) else 0
        yield _figures(of, market, facts, tag, exponent, is_open)


def _figures(
    of: Statement, market: Market, facts: dict[str, int], tag: str, exponent: int, is_open: bool
) -> OrderFigures:
    flags, filled = facts["flags"], facts["filled"]
    average = _AVERAGE.divide(market.tick * facts["filled_cost"], Decimal(filled)) if filled else None
    return OrderFigures(
        order_id=order_name(facts["id"]),
        client_id=client_id(tag, facts["strategy"], facts["id"]),
        strategy=of.names.strategies.label(facts["strategy"]),
        instrument=market.name,
        venue=of.names.venues.label(market.venue),
        side="BUY" if facts["side"] > 0 else "SELL",
        order_type=_word(_TYPES, facts["order_type"]),
        time_in_force=_word(_FORCES, facts["time_in_force"]),
        price=market.price_or_none(facts["price"]),
        trigger_price=market.price_or_none(facts["trigger_price"]),
        quantity=market.quantity(facts["quantity"]),
        filled=market.quantity(filled),
        average_fill_price=average,
        fee=scaled(facts["fee"], exponent),
        status=_word(_STATUSES, facts["status"]),
        open=is_open,
        post_only=bool(flags & OrderFlag.POST_ONLY),
        reduce_only=bool(flags & OrderFlag.REDUCE_ONLY),
        protective=bool(flags & OrderFlag.PROTECTIVE),
        reason=_word(_REASONS, facts["reason"]),
        created_ns=facts["created_ns"],
        updated_ns=facts["updated_ns"],
    )
