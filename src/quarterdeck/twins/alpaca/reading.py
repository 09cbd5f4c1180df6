"""An order as a client wrote it, checked in the venue's words. What the account may do is `admission`'s.

What is refused: fields that are missing or none, prices off the grid (whole cents from a dollar on), quantities finer
than a millionth, fractions of anything but a simple day order, extended hours of anything but a limit order.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.alpaca.accounts import Order
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.figures import read_decimal
from quarterdeck.twins.alpaca.listings import LOTS, TICKS, Listing
from quarterdeck.twins.alpaca.refusals import invalid, unprocessable

__all__ = ["Wire", "read_client_order_id", "read_order", "read_quantity", "read_ticks"]

Wire = dict[str, Any]
_KINDS: Final = frozenset({"market", "limit", "stop", "stop_limit", "trailing_stop"})
_TIFS: Final = frozenset({"day", "gtc", "opg", "cls", "ioc", "fok"})
_SIDES: Final = frozenset({"buy", "sell"})
_CLASSES: Final = frozenset({"simple", "bracket", "oco", "oto"})
_ID_MAX: Final = 128
_QUANTITY_MAX: Final = 2**42
_CENT: Final = 100
_NEEDS: Final = {
    "limit": ("limit_price", "limit orders require a limit price"),
    "stop": ("stop_price", "stop orders require a stop price"),
}


def read_order(exchange: TwinExchange, body: Wire) -> Order:
    """Returns the order that a body describes, its legs with it. Raises Refusal."""
    listing = _read_listing(exchange, body)
    side = _choice(body, "side", _SIDES, "invalid side")
    kind = _choice(body, "type", _KINDS, "invalid order type")
    tif = _choice(body, "time_in_force", _TIFS, "invalid time_in_force")
    order_class = _choice(body, "order_class", _CLASSES, "invalid order_class") if body.get("order_class") else "simple"
    lots, notional = _read_amount(listing, body, kind)
    order = Order(
        exchange.new_id(), read_client_order_id(exchange, body), listing, 1 if side == "buy" else -1, kind, tif,
        lots, exchange.now_ns, notional=notional, extended=bool(body.get("extended_hours")), order_class=order_class,
    )  # fmt: skip
    _read_prices(order, body)
    _check_shape(order)
    if order_class != "simple":
        _read_exits(exchange, order, body)
    if tif != "gtc":
        day = exchange.calendar.good_for(exchange.now_ns, extended=order.extended).day
        for one in (order, *order.legs):
            one.good_for = day
    return order


def _choice(body: Wire, name: str, choices: frozenset[str], words: str) -> str:
    given = body.get(name)
    if not isinstance(given, str) or given not in choices:
        raise invalid(words)
    return given


def _read_listing(exchange: TwinExchange, body: Wire) -> Listing:
    symbol = body.get("symbol")
    if not symbol:
        raise invalid("symbol is required")
    found = exchange.by_symbol.get(str(symbol)) or next(
        (one for one in exchange.listings if one.asset_id == symbol), None
    )
    if found is None:
        raise unprocessable(f'asset "{symbol}" not found')
    return found


def _number(read: Callable[[], Decimal], name: str) -> Decimal:
    try:
        return read()
    except ValueError:
        raise invalid(f"invalid {name}") from None


def read_quantity(value: Any) -> int:
    """Returns lots. Raises Refusal."""
    number = _number(lambda: read_decimal(value), "qty")
    if number <= 0:
        raise invalid("qty must be > 0")
    lots = number * LOTS
    if lots % 1:
        raise unprocessable("qty must be limited to 6 decimal places")  # the venue: 9
    if lots >= _QUANTITY_MAX:
        raise unprocessable(f"qty must be < {_QUANTITY_MAX // LOTS}")
    return int(lots)


def _read_amount(listing: Listing, body: Wire, kind: str) -> tuple[int, Decimal | None]:
    """Lots, or dollars."""
    given = [name for name in ("qty", "notional") if body.get(name) is not None]
    if not given:
        raise invalid("qty or notional is required")
    if len(given) > 1:
        raise invalid("only one of qty or notional is accepted")
    if given == ["qty"]:
        lots = read_quantity(body["qty"])
        if lots % LOTS and not listing.fractionable:
            raise unprocessable(f'asset "{listing.symbol}" is not fractionable')
        return lots, None
    dollars = _number(lambda: read_decimal(body["notional"]), "notional")
    if dollars <= 0:
        raise invalid("notional must be > 0")
    if dollars * 100 % 1:
        raise unprocessable("notional value must be limited to 2 decimal places")
    if kind != "market":
        raise unprocessable("notional orders must be market orders")
    if not listing.fractionable:
        raise unprocessable(f'asset "{listing.symbol}" is not fractionable')
    return 0, dollars


def read_ticks(value: Any, name: str) -> int:
    """Returns a price in ticks. Raises Refusal off the grid."""
    number = _number(lambda: read_decimal(value), name)
    if number <= 0:
        raise invalid(f"{name.replace('_', ' ')} must be > 0")
    ticks = number * TICKS
    if ticks % 1 or (ticks >= TICKS and ticks % _CENT):
        raise unprocessable(
            f"invalid {name} {number.normalize():f}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    if ticks >= _QUANTITY_MAX:
        raise unprocessable(f"invalid {name} {number.normalize():f}")
    return int(ticks)


def read_client_order_id(exchange: TwinExchange, body: Wire) -> str:
    """Returns the client's id, or a new one. Raises Refusal for one that is too long."""
    given = body.get("client_order_id")
    if not given:
        return exchange.new_id()
    if not isinstance(given, str) or len(given) > _ID_MAX:
        raise invalid(f"client_order_id must be no more than {_ID_MAX} characters")
    return given


def _read_prices(order: Order, body: Wire) -> None:
    given = {name: body.get(name) for name in ("limit_price", "stop_price", "trail_price", "trail_percent")}
    if order.kind == "market" and (given["limit_price"] is not None or given["stop_price"] is not None):
        raise invalid("market orders require no stop or limit price")
    if order.kind == "stop_limit" and (given["limit_price"] is None or given["stop_price"] is None):
        raise invalid("stop limit orders require both stop and limit price")
    for kind, (name, words) in _NEEDS.items():
        if order.kind == kind and given[name] is None and not (order.order_class == "oco" and kind == "limit"):
            raise invalid(words)
    if order.kind in {"limit", "stop_limit"} and given["limit_price"] is not None:
        order.limit = read_ticks(given["limit_price"], "limit_price")
    if order.kind in {"stop", "stop_limit"}:
        order.stop = read_ticks(given["stop_price"], "stop_price")
    if order.kind == "trailing_stop":
        _read_trail(order, given)


def _read_trail(order: Order, given: Wire) -> None:
    if (given["trail_price"] is None) == (given["trail_percent"] is None):
        raise invalid("trailing stop orders must specify one of trail_price or trail_percent")
    if given["trail_price"] is not None:
        order.trail_price = read_ticks(given["trail_price"], "trail_price")
        return
    percent = _number(lambda: read_decimal(given["trail_percent"]), "trail_percent")
    if percent < Decimal("0.1"):
        raise invalid("trail_percent must be greater than or equal to 0.1")
    order.trail_percent = percent


def _check_shape(order: Order) -> None:
    """Combinations that the venue does not take."""
    fractional = order.notional is not None or order.lots % LOTS != 0
    if order.extended and (order.kind != "limit" or order.tif not in {"day", "gtc"}):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if fractional and order.tif != "day":
        raise unprocessable("fractional orders must be DAY orders")
    if fractional and order.order_class != "simple":
        raise unprocessable("fractional orders must be simple orders")
    if order.kind not in {"market", "limit"} and order.tif in {"opg", "cls", "ioc", "fok"}:
        raise unprocessable(f"order type {order.kind} does not support time_in_force {order.tif}")
    if order.order_class != "simple" and order.tif not in {"day", "gtc"}:
        raise unprocessable(f"{order.order_class} orders must be DAY or GTC orders")
    if order.order_class != "simple" and order.extended:
        raise unprocessable(f"{order.order_class} orders are not supported in extended hours")


# Groups.


def _read_exits(exchange: TwinExchange, order: Order, body: Wire) -> None:
    profit, loss = _part(body, "take_profit"), _part(body, "stop_loss")
    needed = {"bracket": (True, True), "oco": (True, True), "oto": (False, False)}[order.order_class]
    if needed[0] and profit.get("limit_price") is None:
        raise invalid(f"{order.order_class} orders require take_profit.limit_price")
    if needed[1] and loss.get("stop_price") is None:
        raise invalid(f"{order.order_class} orders require stop_loss.stop_price")
    if order.order_class == "oto" and (profit.get("limit_price") is None) == (loss.get("stop_price") is None):
        raise invalid("oto orders require either take_profit.limit_price or stop_loss.stop_price")
    if order.order_class == "oco" and order.kind != "limit":
        raise unprocessable("oco orders must be limit orders")
    limit = read_ticks(profit["limit_price"], "take_profit.limit_price") if profit.get("limit_price") is not None else 0
    stop = read_ticks(loss["stop_price"], "stop_loss.stop_price") if loss.get("stop_price") is not None else 0
    below = read_ticks(loss["limit_price"], "stop_loss.limit_price") if loss.get("limit_price") is not None else 0
    exit_side = order.side if order.order_class == "oco" else -order.side
    if limit and stop and (limit - stop) * -exit_side <= 0:
        raise unprocessable(f"take_profit.limit_price must be {'>' if exit_side < 0 else '<'} stop_loss.stop_price")
    _check_base(exchange, order, exit_side, limit, stop)
    if order.order_class == "oco":
        order.limit = limit
        stop_leg = _leg(exchange, order, exit_side, 0, stop, below)
        order.legs, order.pair, stop_leg.pair = [stop_leg], stop_leg, order
        return
    if limit:
        order.legs.append(_leg(exchange, order, exit_side, limit, 0, 0))
    if stop:
        order.legs.append(_leg(exchange, order, exit_side, 0, stop, below))
    if len(order.legs) == 2:
        order.legs[0].pair, order.legs[1].pair = order.legs[1], order.legs[0]


def _part(body: Wire, name: str) -> Wire:
    part: Any = body.get(name) or {}
    if not isinstance(part, dict):
        raise invalid(f"invalid {name}")
    return part  # pyright: ignore[reportUnknownVariableType] any JSON object


def _check_base(exchange: TwinExchange, order: Order, exit_side: int, limit: int, stop: int) -> None:
    """An exit lies on its own side of where the entry is: of its price, or of the last trade."""
    base = exchange.tapes[order.listing.index].last
    if order.order_class != "oco":
        base = order.limit or order.stop or base
    shown = f"{Decimal(base) / TICKS:f}"
    if stop and (base - stop) * -exit_side < _CENT:
        words = "<= base_price - 0.01" if exit_side < 0 else ">= base_price + 0.01"
        raise unprocessable(f"stop_loss.stop_price must be {words}", base_price=shown)
    if limit and (limit - base) * -exit_side < _CENT:
        words = ">= base_price + 0.01" if exit_side < 0 else "<= base_price - 0.01"
        raise unprocessable(f"take_profit.limit_price must be {words}", base_price=shown)


def _leg(exchange: TwinExchange, order: Order, side: int, limit: int, stop: int, below: int) -> Order:
    kind = "limit" if limit else "stop_limit" if below else "stop"
    return Order(
        exchange.new_id(), exchange.new_id(), order.listing, side, kind, order.tif, order.lots, order.created_ns,
        limit=limit or below, stop=stop, order_class=order.order_class, status="held", parent=order, opens=False,
    )  # fmt: skip
