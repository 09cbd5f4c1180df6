"""An order as a client wrote it, checked in the venue's words before it comes to the exchange."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from quarterdeck.market.grids import significant_step
from quarterdeck.twins.hyperliquid.accounts import Account, Order, Trigger
from quarterdeck.twins.hyperliquid.exchange import TwinExchange

__all__ = ["OrderRefused", "Wire", "admit", "read_order", "wire_number"]

Wire: TypeAlias = dict[str, Any]
_MINIMUM_USDC: Final = 10
_FIGURES: Final = 5
_NS_PER_MS: Final = 1_000_000
_TIFS: Final = frozenset({"Gtc", "Ioc", "Alo", "FrontendMarket"})


class OrderRefused(ValueError):
    """The venue's words for one order that it does not take."""


def wire_number(value: Any) -> str:
    """Returns a figure as the venue hashes it: without trailing zeros: signed otherwise, it is signed by nobody.

    Raises ValueError for what is no figure.
    """
    if not isinstance(value, str):
        raise ValueError("a text was due")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("no figure") from None
    if not number.is_finite():
        raise ValueError("no figure")
    return f"{number.normalize():f}"


def read_order(exchange: TwinExchange, wire: Wire, builder_tenths: int = 0) -> Order:
    """Returns the order that a wire describes. Raises OrderRefused, and ValueError or KeyError for a broken one."""
    asset = wire["a"]
    listing = exchange.by_asset.get(asset)
    if listing is None:
        raise OrderRefused(f"Asset not found. asset={asset}")
    kind = wire["t"]
    trigger: Trigger | None = None
    price = _ticks(exchange, wire["p"], asset)
    if "trigger" in kind:
        terms = kind["trigger"]
        if terms["tpsl"] not in {"tp", "sl"}:
            raise ValueError("neither tp nor sl")
        trigger = Trigger(_ticks(exchange, terms["triggerPx"], asset), bool(terms["isMarket"]), terms["tpsl"])
        tif = "Gtc"
    else:
        tif = kind["limit"]["tif"]
        if tif not in _TIFS:
            raise ValueError("no such time in force")
    size = Decimal(wire_number(wire["s"])).scaleb(listing.size_decimals)
    if size == 0:
        raise OrderRefused(f"Order has zero size. asset={asset}")
    if size < 0 or size % 1 or size >= 2**42:
        raise OrderRefused(f"Order has invalid size. asset={asset}")
    cloid = wire.get("c")
    if cloid is not None and not _is_cloid(cloid):
        raise ValueError("no client order id")
    cloid = cloid.lower() if cloid else None
    return Order(
        exchange.new_oid(), cloid, listing, 1 if wire["b"] else -1, price, int(size), int(size),
        "Ioc" if tif == "FrontendMarket" else tif, bool(wire["r"]), exchange.now_ns // _NS_PER_MS, trigger,
        builder_tenths=builder_tenths,
    )  # fmt: skip


def _is_cloid(value: Any) -> bool:
    digits = value[2:] if isinstance(value, str) and value[:2] == "0x" else ""
    return len(digits) == 32 and all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _ticks(exchange: TwinExchange, value: Any, asset: int) -> int:
    listing = exchange.by_asset[asset]
    number = Decimal(wire_number(value))
    if number <= 0:
        raise OrderRefused(f"Order has invalid price. asset={asset}")
    ticks = number.scaleb(listing.price_decimals)
    if ticks % 1 or ticks >= 2**42 or int(ticks) % significant_step(int(ticks), -listing.price_decimals, _FIGURES):
        raise OrderRefused(f"Price must be divisible by tick size. asset={asset}")
    return int(ticks)


def admit(exchange: TwinExchange, account: Account, order: Order, replaced: Order | None = None) -> None:
    """Raises OrderRefused where the account may not place this order. `replaced` is the one that it modifies."""
    listing, asset = order.listing, order.listing.asset
    if exchange.halted:
        raise OrderRefused(f"Trading is halted. asset={asset}")
    if order.cloid and order.cloid in account.cloids and (replaced is None or replaced.cloid != order.cloid):
        raise OrderRefused(f"Duplicate cloid. asset={asset}")
    notional = order.price * order.size * listing.instrument.value
    if not order.reduce_only and notional < listing.instrument.money_to_units(_MINIMUM_USDC):
        least = "10 USDC" if listing.spot else "$10"
        raise OrderRefused(f"Order must have minimum value of {least}. asset={asset}")
    if listing.spot:
        _check_balance(account, order, notional)
        return
    held = account.position(listing.index).lots
    if order.reduce_only and held * order.side >= 0:
        raise OrderRefused(f"Reduce only order would increase position. asset={asset}")
    if order.reduce_only or order.trigger is not None:
        return
    closing = min(order.size, abs(held)) if held * order.side < 0 else 0
    leverage = exchange.leverage(account, listing.index)
    needed = (order.size - closing) * order.price * listing.instrument.value // leverage
    ordered = exchange.margin_ordered(account)
    if replaced is not None and replaced.open and not replaced.reduce_only:
        freed = replaced.left * replaced.price * listing.instrument.value
        ordered -= min(ordered, freed // leverage)
    if needed and exchange.value(account) - exchange.margin_used(account) - ordered < needed:
        raise OrderRefused(f"Insufficient margin to place order. asset={asset}")


def _check_balance(account: Account, order: Order, notional: int) -> None:
    """A spot order may spend what the wallet has and no other order has been promised."""
    spot = [one for one in account.open_orders() if one.listing.spot and one.side == order.side]
    if order.side > 0:
        promised = sum(one.left * one.price * one.listing.instrument.value for one in spot)
        short = account.spot_usdc - promised < notional
    else:
        unit = 10 ** (8 - order.listing.size_decimals)
        promised = sum(one.left for one in spot if one.listing is order.listing) * unit
        short = account.token(order.listing.base) - promised < order.size * unit
    if short:
        raise OrderRefused(f"Insufficient spot balance asset={order.listing.asset}")
