"""Orders, positions, accounts and assets as the venue writes them."""

from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.alpaca.accounts import Account, Order, Position
from quarterdeck.twins.alpaca.figures import instant, money, price, quantity, share
from quarterdeck.twins.alpaca.listings import TICKS, Listing
from quarterdeck.twins.alpaca.margin import Valuation
from quarterdeck.twins.alpaca.tape import Tape

__all__ = ["account_row", "asset_row", "average_price", "intent", "order_row", "position_row", "side_name"]

Wire = dict[str, Any]
_STAMPS: Final = ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at")
_INTENTS: Final = {
    (1, True): "buy_to_open", (1, False): "buy_to_close", (-1, True): "sell_to_open", (-1, False): "sell_to_close",
}  # fmt: skip


def side_name(side: int) -> str:
    """Returns "buy" or "sell"."""
    return "buy" if side > 0 else "sell"


def intent(side: int, *, opens: bool) -> str:
    """Returns what an order means for the position."""
    return _INTENTS[side, opens]


def average_price(paid: int, lots: int) -> str:
    """Returns the mean price of lots that cost `paid` units, to six places."""
    mean = (Decimal(paid) / lots / TICKS).quantize(Decimal("1e-6"))
    return f"{mean.normalize():f}"


def order_row(order: Order, *, nested: bool = True) -> Wire:
    """Returns an order; `nested` with its legs."""
    times = {name: instant(order.stamps[name]) if name in order.stamps else None for name in _STAMPS}
    fractional = order.notional is not None
    legs = [order_row(leg) for leg in order.legs] if nested and order.legs else None
    trail = order.trail_percent
    return {
        "id": order.id, "client_order_id": order.client_order_id, "created_at": instant(order.created_ns),
        "updated_at": instant(order.updated_ns), "submitted_at": instant(order.created_ns), **times,
        "replaced_by": order.replaced_by, "replaces": order.replaces, "asset_id": order.listing.asset_id,
        "symbol": order.listing.symbol, "asset_class": "us_equity",
        "notional": f"{order.notional.normalize():f}" if order.notional is not None else None,
        "qty": None if fractional else quantity(order.lots), "filled_qty": quantity(order.filled),
        "filled_avg_price": average_price(order.paid, order.filled) if order.filled else None,
        "order_class": order.order_class, "order_type": order.kind, "type": order.kind,
        "side": side_name(order.side), "position_intent": intent(order.side, opens=order.opens),
        "time_in_force": order.tif, "limit_price": price(order.limit) if order.limit else None,
        "stop_price": price(order.stop) if order.stop else None, "status": order.status,
        "extended_hours": order.extended, "legs": legs, "trail_percent": f"{trail:f}" if trail else None,
        "trail_price": price(order.trail_price) if order.trail_price else None,
        "hwm": price(order.hwm) if order.hwm else None, "subtag": None, "source": None, "expires_at": None,
    }  # fmt: skip


def position_row(account: Account, held: Position, tape: Tape) -> Wire:
    """Returns a position at the last price. It must not be empty."""
    listing = tape.listing
    value = held.lots * tape.last
    unrealised = value - held.cost
    opened = account.opened_today.get(listing.index, 0)
    before = held.lots - opened  # what was held at the last close
    intraday = unrealised if before * held.lots <= 0 else held.lots * (tape.last - tape.last_close)
    available = abs(held.lots) - account.held_for_orders(listing.index, -1 if held.lots > 0 else 1)
    return {
        "asset_id": listing.asset_id, "symbol": listing.symbol, "exchange": listing.exchange,
        "asset_class": "us_equity", "asset_marginable": True, "qty": quantity(held.lots),
        "qty_available": quantity(available if held.lots > 0 else -available),
        "avg_entry_price": average_price(held.cost, held.lots), "side": "long" if held.lots > 0 else "short",
        "market_value": money(value), "cost_basis": money(held.cost), "unrealized_pl": money(unrealised),
        "unrealized_plpc": share(unrealised, abs(held.cost)), "unrealized_intraday_pl": money(intraday),
        "unrealized_intraday_plpc": share(intraday, abs(held.cost)), "current_price": price(tape.last),
        "lastday_price": price(tape.last_close), "change_today": share(tape.last - tape.last_close, tape.last_close),
    }  # fmt: skip


def account_row(account: Account, worth: Valuation, day_trading: Wire) -> Wire:
    """Returns the account; `day_trading` are the fields of the rule that ended in July 2026, or none."""
    return {
        "id": account.id, "account_number": f"PA{int(account.id[:8], 16):010d}", "status": "ACTIVE",
        "crypto_status": "INACTIVE", "currency": "USD", "buying_power": money(worth.buying_power),
        "regt_buying_power": money(worth.buying_power), "effective_buying_power": money(worth.buying_power),
        "non_marginable_buying_power": money(worth.cash_power), "options_buying_power": "0",
        "options_approved_level": 0, "options_trading_level": 0, "cash": money(account.cash),
        "accrued_fees": "0", "pending_transfer_in": "0", "portfolio_value": money(worth.equity),
        "trading_blocked": False, "transfers_blocked": False, "account_blocked": False,
        "created_at": instant(account.created_ns),
        "trade_suspended_by_user": bool(account.settings.get("suspend_trade")),
        "multiplier": str(worth.multiplier), "shorting_enabled": worth.multiplier > 1, "equity": money(worth.equity),
        "last_equity": money(account.last_equity), "long_market_value": money(worth.long),
        "short_market_value": money(worth.short), "position_market_value": money(worth.long - worth.short),
        "initial_margin": money(worth.initial_margin), "maintenance_margin": money(worth.maintenance_margin),
        "last_maintenance_margin": "0", "sma": "0", **day_trading,
    }  # fmt: skip


def asset_row(listing: Listing) -> Wire:
    """Returns an asset."""
    return {
        "id": listing.asset_id, "class": "us_equity", "exchange": listing.exchange, "symbol": listing.symbol,
        "name": listing.name, "status": "active", "tradable": True, "marginable": True,
        "maintenance_margin_requirement": 30, "margin_requirement_long": "30", "margin_requirement_short": "30",
        "shortable": listing.shortable, "easy_to_borrow": listing.easy_to_borrow,
        "fractionable": listing.fractionable, "attributes": [],
    }  # fmt: skip
