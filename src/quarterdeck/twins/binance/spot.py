"""The spot half: what is asked of /api/v3 with a key, by REST and over the websocket API alike."""

from typing import Any, Final

from quarterdeck.twins.binance.accounts import Account, Fill, Order, eight
from quarterdeck.twins.binance.admission import spot_order
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.listings import USDT, Listing
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.binance.shapes import (
    spot_cancel_row,
    spot_order_row,
    spot_placed_row,
    spot_trade_row,
)

__all__ = ["SpotTrading", "orders_between", "trades_between"]

Wire = dict[str, Any]
_DAY_MS: Final = 86_400_000
_DETAILS: Final = frozenset({"ACK", "RESULT", "FULL"})
_MODES: Final = frozenset({"STOP_ON_FAILURE", "ALLOW_FAILURE"})


def _bps(value: Any) -> str:
    return f"{value / 10_000:.8f}"


class SpotTrading:
    """The signed requests of one exchange. Each takes the account that signed and the parameters."""

    def __init__(self, exchange: TwinExchange) -> None:
        self._exchange = exchange

    def _listing(self, asked: Parameters) -> Listing:
        listing = self._exchange.by_symbol.get((False, asked.text("symbol")))
        if listing is None:
            raise Refused(-1121, "Invalid symbol.")
        return listing

    # Orders.

    def place(self, account: Account, asked: Parameters) -> Wire:
        """A new order."""
        order = spot_order(self._exchange, account, asked)
        default = "ACK" if order.kind == "LIMIT_MAKER" else "FULL"
        refusal = Refused(
            -1100, "Illegal characters found in parameter 'newOrderRespType'; legal range is 'ACK|RESULT|FULL'."
        )
        detail = asked.choice("newOrderRespType", _DETAILS, refusal, default)
        self._exchange.enter(account, order)
        return spot_placed_row(order, detail)

    def check(self, account: Account, asked: Parameters) -> Wire:
        """An order that is only looked at."""
        spot_order(self._exchange, account, asked)
        return {}

    def find(self, account: Account, asked: Parameters) -> Wire:
        """One order, whether it works or is closed."""
        order = self._find(account, asked, "orderId", "origClientOrderId")
        if order is None:
            raise Refused(-2013, "Order does not exist.")
        return spot_order_row(order)

    def _find(self, account: Account, asked: Parameters, number: str, name: str) -> Order | None:
        listing, oid, client_id = self._listing(asked), asked.maybe(number), asked.text(name, "")
        if oid is None and not client_id:
            raise Refused(-1102, f"Param '{name}' or '{number}' must be sent, but both were empty/null!")
        order = account.find(listing, oid, client_id or None)
        return None if order is not None and client_id and order.client_id != client_id else order

    def cancel(self, account: Account, asked: Parameters) -> Wire:
        """Ends an order."""
        return self._cancel(account, asked, "orderId", "origClientOrderId", "newClientOrderId")

    def _cancel(self, account: Account, asked: Parameters, number: str, name: str, new: str) -> Wire:
        order = self._find(account, asked, number, name)
        if order is None or not order.open:
            raise Refused(-2011, "Unknown order sent.")
        order.cancel_id = asked.client_id(new, f"cancel{order.oid}")
        self._exchange.cancel(account, order)
        return spot_cancel_row(order)

    def cancel_all(self, account: Account, asked: Parameters) -> list[Wire]:
        """Ends every order of a market."""
        orders = account.open_orders(futures=False, listing=self._listing(asked))
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        for order in orders:
            self._exchange.cancel(account, order)
        return [spot_cancel_row(order) for order in orders]

    def cancel_replace(self, account: Account, asked: Parameters) -> Wire:
        """Ends an order and places another. Raises Refused: 400 where nothing was done, 409 where one half was."""
        words = (
            "Illegal characters found in parameter 'cancelReplaceMode'; legal range is 'STOP_ON_FAILURE|ALLOW_FAILURE'."
        )
        stops = asked.choice("cancelReplaceMode", _MODES, Refused(-1100, words)) == "STOP_ON_FAILURE"
        done: Wire = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        try:
            done["cancelResponse"] = self._cancel(
                account, asked, "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId"
            )
        except Refused as refusal:
            done |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body()}
            if stops:
                done |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
                raise Refused(-2022, "Order cancel-replace failed.", 400, done) from None
        try:
            done["newOrderResponse"] = self.place(account, asked)
        except Refused as refusal:
            done |= {"newOrderResult": "FAILURE", "newOrderResponse": refusal.body()}
            if done["cancelResult"] == "FAILURE":
                raise Refused(-2022, "Order cancel-replace failed.", 400, done) from None
        if "FAILURE" in (done["cancelResult"], done["newOrderResult"]):
            raise Refused(-2021, "Order cancel-replace partially failed.", 409, done)
        return done

    def open_orders(self, account: Account, asked: Parameters) -> list[Wire]:
        """What works, of one market or of all."""
        listing = self._listing(asked) if "symbol" in asked.values else None
        return [spot_order_row(one) for one in account.open_orders(futures=False, listing=listing)]

    def all_orders(self, account: Account, asked: Parameters) -> list[Wire]:
        """Orders of a market, by number or time, oldest first."""
        return [spot_order_row(one) for one in orders_between(account, self._listing(asked), asked, 500)]

    def trades(self, account: Account, asked: Parameters) -> list[Wire]:
        """The account's trades in a market, oldest first."""
        start, end = asked.maybe("startTime"), asked.maybe("endTime")
        if start is not None and end is not None and end - start > _DAY_MS:
            raise Refused(-1127, "More than 24 hours between startTime and endTime.")
        return [spot_trade_row(one) for one in trades_between(account, self._listing(asked), asked)]

    # The account.

    def account(self, account: Account, asked: Parameters) -> Wire:
        """Balances and rights."""
        listing = next(one for one in self._exchange.listings if not one.futures)
        maker, taker = listing.instrument.maker_fee_bps, listing.instrument.taker_fee_bps
        assets = sorted({USDT} | {one.base for one in self._exchange.listings} | account.spot.keys())
        zeros = not asked.flag("omitZeroBalances")
        balances = [
            {"asset": one, "free": eight(account.free(one)), "locked": eight(account.locked(one))}
            for one in assets
            if zeros or account.balance(one)
        ]
        rates = {"maker": _bps(maker), "taker": _bps(taker), "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "makerCommission": int(maker), "takerCommission": int(taker), "buyerCommission": 0, "sellerCommission": 0,
            "commissionRates": rates, "canTrade": True, "canWithdraw": account.may_withdraw, "canDeposit": True,
            "brokered": False, "requireSelfTradePrevention": False, "preventSor": False,
            "updateTime": account.update_ms, "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"],
            "uid": account.number + 1,
        }  # fmt: skip

    def commission(self, account: Account, asked: Parameters) -> Wire:
        """What trading a market costs."""
        instrument = self._listing(asked).instrument
        none = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
        rates = {**none, "maker": _bps(instrument.maker_fee_bps), "taker": _bps(instrument.taker_fee_bps)}
        discount = {
            "enabledForAccount": account.burn, "enabledForSymbol": True, "discountAsset": "BNB",
            "discount": "0.75000000",
        }  # fmt: skip
        return {
            "symbol": instrument.symbol, "standardCommission": rates, "specialCommission": none, "taxCommission": none,
            "discount": discount,
        }  # fmt: skip

    def restrictions(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - the table's shape
        """What the key may do."""
        return {
            "ipRestrict": not account.may_withdraw, "createTime": 1_698_645_219_000, "enableReading": True,
            "enableWithdrawals": account.may_withdraw, "enableInternalTransfer": False, "enableMargin": False,
            "enableFutures": True, "permitsUniversalTransfer": False, "enableVanillaOptions": False,
            "enableFixApiTrade": False, "enableFixReadOnly": False, "enableSpotAndMarginTrading": True,
            "enablePortfolioMarginTrading": False,
        }  # fmt: skip

    def burn(self, account: Account, asked: Parameters) -> Wire:
        """Whether spot fees are paid in BNB; `spotBNBBurn` sets it."""
        if "spotBNBBurn" in asked.values:
            account.burn = asked.flag("spotBNBBurn")
        return {"spotBNBBurn": account.burn, "interestBNBBurn": False}


def orders_between(account: Account, listing: Listing, asked: Parameters, default: int) -> list[Order]:
    """Returns orders from a number on, or of a time, oldest first; without either the newest."""
    least, start, end = asked.maybe("orderId"), asked.maybe("startTime"), asked.whole("endTime", 2**60)
    limit = asked.limit(default, 1_000)
    found = [
        one
        for one in account.orders.values()
        if one.listing is listing
        and (least is None or one.oid >= least)
        and (start is None or one.time_ms >= start)
        and one.time_ms <= end
    ]
    return found[-limit:] if least is None and start is None else found[:limit]


def trades_between(account: Account, listing: Listing, asked: Parameters) -> list[Fill]:
    """Returns trades of an order, from a number on, or of a time, oldest first; without any of these the newest."""
    oid, least = asked.maybe("orderId"), asked.maybe("fromId")
    start, end = asked.maybe("startTime"), asked.whole("endTime", 2**60)
    if least is not None and (start is not None or "endTime" in asked.values):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    limit = asked.limit(500, 1_000)
    found = [
        one
        for one in account.fills
        if one.order.listing is listing
        and (oid is None or one.order.oid == oid)
        and (least is None or one.number >= least)
        and (start is None or one.time_ms >= start)
        and one.time_ms <= end
    ]
    return found[-limit:] if least is None and start is None else found[:limit]
