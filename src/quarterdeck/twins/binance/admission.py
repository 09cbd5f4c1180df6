"""An order as a client wrote it, checked by the venue's filters and in its words before it comes to the exchange."""

from decimal import Decimal
from typing import Final

from quarterdeck.twins.binance.accounts import Account, Order
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.listings import USDT, Listing
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused, filter_failure

__all__ = ["SPOT_KINDS", "STP_MODES", "check_futures_price", "futures_order", "spot_order"]

SPOT_KINDS: Final = frozenset({"LIMIT", "MARKET", "LIMIT_MAKER"})
STP_MODES: Final = frozenset({"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"})
_SPOT_TIFS: Final = frozenset({"GTC", "IOC", "FOK"})
_FUTURES_TIFS: Final = frozenset({"GTC", "IOC", "FOK", "GTX"})
_ALGO_KINDS: Final = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
_SIDES: Final = frozenset({"BUY", "SELL"})
_LOTS_MAX: Final = 2**42
_SHORT: Final = "Account has insufficient balance for requested action."
_STP_DEFAULT: Final = "EXPIRE_MAKER"


def _listing(exchange: TwinExchange, asked: Parameters, *, futures: bool) -> Listing:
    listing = exchange.by_symbol.get((futures, asked.text("symbol")))
    if listing is None:
        raise Refused(-1121, "Invalid symbol.")
    if exchange.halted:
        raise Refused(-4141, "Symbol is closed.") if futures else Refused(-1013, "Market is closed.")
    return listing


def _side(asked: Parameters) -> int:
    return 1 if asked.choice("side", _SIDES, Refused(-1117, "Invalid side.")) == "BUY" else -1


def _stp(asked: Parameters) -> str:
    words = "Invalid selfTradePreventionMode."
    return asked.choice("selfTradePreventionMode", STP_MODES, Refused(-1173, words), _STP_DEFAULT)


# Spot.


def spot_order(exchange: TwinExchange, account: Account, asked: Parameters) -> Order:
    """Returns the spot order that was asked for. Raises Refused."""
    listing = _listing(exchange, asked, futures=False)
    side = _side(asked)
    kind = asked.choice("type", SPOT_KINDS, Refused(-1116, "Invalid orderType."))
    tif, price, size, money = "GTC", 0, 0, Decimal(0)
    if kind == "MARKET":
        for name in ("price", "timeInForce"):
            if name in asked.values:
                raise Refused(-1106, f"Parameter '{name}' sent when not required.")
        tif = "GTC"
        quote = asked.number("quoteOrderQty")
        if quote is not None:
            money = _digits(listing, quote, 8, "quoteOrderQty")
            size = _lots_for(exchange, listing, side, money)
    else:
        if kind == "LIMIT":
            tif = asked.choice("timeInForce", _SPOT_TIFS, Refused(-1115, "Invalid timeInForce."))
        price = _spot_ticks(exchange, listing, asked.due("price"))
    if not money:
        size = _spot_lots(listing, asked.due("quantity"))
    oid = exchange.new_oid()
    order = Order(
        oid, asked.client_id("newClientOrderId", f"twin{oid:018d}"), listing, side, kind, tif, price, size, size,
        reduce_only=False, time_ms=exchange.now_ms, stp=_stp(asked), quote_units=int(money.scaleb(8)),
    )  # fmt: skip
    _check_spot_notional(exchange, order)
    if any(other.client_id == order.client_id for other in account.open_orders(futures=False, listing=listing)):
        raise Refused(-2010, "Duplicate order sent.")
    _check_balance(exchange, account, order)
    return order


def _digits(listing: Listing, value: Decimal, most: int, name: str) -> Decimal:
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > most:
        futures = "Precision is over the maximum defined for this asset."
        raise Refused(-1111, futures if listing.futures else f"Parameter '{name}' has too much precision.")
    return value


def _spot_ticks(exchange: TwinExchange, listing: Listing, price: Decimal) -> int:
    ticks = _digits(listing, price, 8, "price") / listing.tick
    if price <= 0 or ticks % 1 or ticks >= _LOTS_MAX:
        raise filter_failure("PRICE_FILTER")
    market = exchange.books[listing.index].average()
    if not market * listing.price_down <= price <= market * listing.price_up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")
    return int(ticks)


def _spot_lots(listing: Listing, quantity: Decimal) -> int:
    lots = _digits(listing, quantity, 8, "quantity") / listing.lot
    if quantity <= 0 or lots % 1 or lots > listing.lots_max:
        raise filter_failure("LOT_SIZE")
    return int(lots)


def _check_spot_notional(exchange: TwinExchange, order: Order) -> None:
    instrument = order.listing.instrument
    price = order.price or int(exchange.books[order.listing.index].average() / order.listing.tick)
    if price * order.size * instrument.value < instrument.money_to_units(instrument.min_notional):
        raise filter_failure("NOTIONAL")


def _lots_for(exchange: TwinExchange, listing: Listing, side: int, money: Decimal) -> int:
    """How many lots the book gives for an amount of the quote asset."""
    units, lots = int(money.scaleb(8)), 0
    for price, there in exchange.books[listing.index].side(-side, 1_000):
        each = price * listing.instrument.value
        taken = min(there, units // each)
        lots, units = lots + taken, units - taken * each
        if taken < there:
            break
    if not lots:
        raise filter_failure("LOT_SIZE")
    return lots


def _check_balance(exchange: TwinExchange, account: Account, order: Order) -> None:
    """A spot order may spend what the wallet has and no other order holds."""
    listing = order.listing
    if order.side < 0:
        short = account.free(listing.base) < order.size * listing.unit
    elif order.price:
        short = account.free(USDT) < order.price * order.size * listing.instrument.value
    else:
        left, needed = order.size, 0
        for price, there in exchange.books[listing.index].side(-1, 1_000):
            taken = min(left, there)
            left, needed = left - taken, needed + taken * price * listing.instrument.value
        short = account.free(USDT) < needed
    if short:
        raise Refused(-2010, _SHORT)


# Futures.


def futures_order(exchange: TwinExchange, account: Account, asked: Parameters) -> Order:
    """Returns the futures order that was asked for. Raises Refused."""
    listing = _listing(exchange, asked, futures=True)
    side = _side(asked)
    kind = asked.text("type")
    if kind in _ALGO_KINDS:
        words = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise Refused(-4120, words)
    if kind not in {"LIMIT", "MARKET"}:
        raise Refused(-1116, "Invalid orderType.")
    if asked.text("positionSide", "BOTH") != "BOTH":
        raise Refused(-4061, "Order's position side does not match user's setting.")
    tif, price = "GTC", 0
    if kind == "LIMIT":
        tif = asked.choice("timeInForce", _FUTURES_TIFS, Refused(-1115, "Invalid timeInForce."))
        price = check_futures_price(exchange, listing, asked.due("price"), side)
    elif "price" in asked.values:
        raise Refused(-1106, "Parameter 'price' sent when not required.")
    size = _futures_lots(listing, asked.due("quantity"))
    oid = exchange.new_oid()
    order = Order(
        oid, _futures_client_id(asked, oid), listing, side, kind, tif, price, size, size,
        reduce_only=asked.flag("reduceOnly"), time_ms=exchange.now_ms, stp=_stp(asked),
    )  # fmt: skip
    if any(other.client_id == order.client_id for other in account.open_orders(futures=True)):
        raise Refused(-4116, "ClientOrderId is duplicated.")
    _check_futures_size(exchange, order)
    _check_margin(exchange, account, order)
    return order


def _futures_client_id(asked: Parameters, oid: int) -> str:
    if len(asked.text("newClientOrderId", "-")) > 36:
        raise Refused(-4015, "Client order id length should be less than 36 chars")
    return asked.client_id("newClientOrderId", f"twin{oid:018d}")


def check_futures_price(exchange: TwinExchange, listing: Listing, price: Decimal, side: int) -> int:
    """Returns a price in ticks. Raises Refused off the grid or too far from the mark on the side that could pay."""
    if price <= 0:
        raise Refused(-4001, "Price less than 0.")
    _digits(listing, price, 8, "price")
    ticks = price / listing.tick
    if ticks % 1 or ticks >= _LOTS_MAX:
        raise Refused(-4014, "Price not increased by tick size.")
    market = exchange.books[listing.index].average()
    most, least = (market * one for one in (listing.price_up, listing.price_down))
    if side > 0 and price > most:
        raise Refused(-4016, f"Limit price can't be higher than {most:.2f}.")
    if side < 0 and price < least:
        raise Refused(-4024, f"Limit price can't be lower than {least:.2f}.")
    return int(ticks)


def _futures_lots(listing: Listing, quantity: Decimal) -> int:
    if quantity <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    lots = quantity / listing.lot
    if lots % 1:
        # The venue counts digits before it looks at the step.
        _digits(listing, quantity, -int(listing.lot.normalize().as_tuple().exponent), "quantity")
        raise Refused(-4023, "Quantity not increased by step size.")
    if lots > listing.lots_max:
        raise Refused(-4005, "Quantity greater than max quantity.")
    return int(lots)


def _check_futures_size(exchange: TwinExchange, order: Order) -> None:
    instrument = order.listing.instrument
    price = order.price or exchange.books[order.listing.index].mark
    least = instrument.min_notional
    if not order.reduce_only and price * order.size * instrument.value < instrument.money_to_units(least):
        words = f"Order's notional must be no smaller than {least:f} (unless you choose reduce only)."
        raise Refused(-4164, words)


def _check_margin(exchange: TwinExchange, account: Account, order: Order) -> None:
    """An order that opens needs its initial margin; one that only closes needs a position to close."""
    listing, held = order.listing, account.position(order.listing.index).lots
    if order.reduce_only:
        if held * order.side >= 0:
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        return
    closing = min(order.size, abs(held)) if held * order.side < 0 else 0
    price = order.price or exchange.books[listing.index].mark
    needed = (order.size - closing) * price * listing.instrument.value // account.leverage_of(listing)
    if needed and exchange.margin.available(account) < needed:
        raise Refused(-2019, "Margin is insufficient.")
