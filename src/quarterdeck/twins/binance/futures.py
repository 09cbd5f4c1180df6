"""The USD-M half: what is asked of /fapi with a key."""

import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.binance.accounts import Account, Order, eight, plain
from quarterdeck.twins.binance.admission import check_futures_price, futures_order
from quarterdeck.twins.binance.exchange import TwinExchange
from quarterdeck.twins.binance.listings import USDT, Listing
from quarterdeck.twins.binance.margin import MAINTENANCE_PPM
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused, malformed
from quarterdeck.twins.binance.reports import entry_price
from quarterdeck.twins.binance.shapes import futures_order_row, futures_trade_row
from quarterdeck.twins.binance.spot import orders_between, trades_between

__all__ = ["LISTEN_KEY_MS", "FuturesTrading"]

Wire = dict[str, Any]
LISTEN_KEY_MS: Final = 3_600_000
_WEEK_MS: Final = 7 * 86_400_000
_NOTIONAL_CAP: Final = 50_000_000
_BATCH_MAX: Final = 5
_CANCEL_BATCH_MAX: Final = 10
_DONE: Final = {"code": 200, "msg": "success"}


class FuturesTrading:
    """The signed requests of one exchange. `wall_ms` says real time: countdowns and listen keys are of it."""

    def __init__(self, exchange: TwinExchange, wall_ms: Callable[[], int]) -> None:
        self._exchange, self._wall_ms = exchange, wall_ms

    def _listing(self, asked: Parameters) -> Listing:
        listing = self._exchange.by_symbol.get((True, asked.text("symbol")))
        if listing is None:
            raise Refused(-1121, "Invalid symbol.")
        return listing

    def _listings(self, asked: Parameters) -> list[Listing]:
        if "symbol" in asked.values:
            return [self._listing(asked)]
        return [one for one in self._exchange.listings if one.futures]

    # Orders.

    def place(self, account: Account, asked: Parameters) -> Wire:
        """A new order; acknowledged before it acts unless its RESULT is asked for."""
        order = futures_order(self._exchange, account, asked)
        detail = asked.choice("newOrderRespType", frozenset({"ACK", "RESULT"}), malformed("newOrderRespType"), "ACK")
        self._exchange.enter(account, order)
        return futures_order_row(order, placed=True, acknowledged=detail == "ACK")

    def check(self, account: Account, asked: Parameters) -> Wire:
        """An order that is only looked at."""
        return futures_order_row(futures_order(self._exchange, account, asked), placed=True, acknowledged=True)

    def _find(self, account: Account, asked: Parameters) -> Order | None:
        listing, oid, client_id = (
            self._listing(asked),
            asked.maybe("orderId"),
            asked.text("origClientOrderId", ""),
        )
        if oid is None and not client_id:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return account.find(listing, oid, client_id or None)

    def find(self, account: Account, asked: Parameters) -> Wire:
        """One order, whether it works or is closed."""
        order = self._find(account, asked)
        if order is None:
            raise Refused(-2013, "Order does not exist.")
        return futures_order_row(order)

    def find_open(self, account: Account, asked: Parameters) -> Wire:
        """One order that works."""
        order = self._find(account, asked)
        if order is None or not order.open:
            raise Refused(-2013, "Order does not exist.")
        return futures_order_row(order)

    def cancel(self, account: Account, asked: Parameters) -> Wire:
        """Ends an order."""
        order = self._find(account, asked)
        if order is None or not order.open:
            raise Refused(-2011, "Unknown order sent.")
        self._exchange.cancel(account, order)
        return futures_order_row(order, placed=True)

    def cancel_all(self, account: Account, asked: Parameters) -> Wire:
        """Ends every order of a market."""
        for order in account.open_orders(futures=True, listing=self._listing(asked)):
            self._exchange.cancel(account, order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def amend(self, account: Account, asked: Parameters) -> Wire:
        """Gives a working limit order a new price and total quantity."""
        order = self._find(account, asked)
        if order is None or not order.open:
            raise Refused(-2013, "Order does not exist.")
        listing, price = order.listing, asked.due("price")
        side = 1 if asked.choice("side", frozenset({"BUY", "SELL"}), Refused(-1117, "Invalid side.")) == "BUY" else -1
        if side != order.side:
            raise Refused(-1117, "Invalid side.")
        ticks = check_futures_price(self._exchange, listing, price, side)
        lots = asked.due("quantity") / listing.lot
        if lots % 1 or lots <= 0:
            raise Refused(-4023, "Quantity not increased by step size.")
        if (ticks, lots) == (order.price, order.size):
            raise Refused(-5027, "No need to modify the order.")
        if lots <= order.filled:
            # The venue ends an order that has nothing left to fill.
            self._exchange.cancel(account, order)
        else:
            self._check_growth(account, order, ticks, int(lots))
            self._exchange.amend(account, order, ticks, int(lots))
        return futures_order_row(order, placed=True)

    def _check_growth(self, account: Account, order: Order, ticks: int, lots: int) -> None:
        value, leverage = order.listing.instrument.value, account.leverage_of(order.listing)
        more = (ticks * (lots - order.filled) - order.price * order.left) * value // leverage
        if not order.reduce_only and more > self._exchange.margin.available(account):
            raise Refused(-2019, "Margin is insufficient.")

    def batch(self, verb: str) -> Callable[[Account, Parameters], list[Wire]]:
        """Returns the batch form of place or amend: each row is answered by itself."""
        act = {"place": self.place, "amend": self.amend}[verb]

        def run(account: Account, asked: Parameters) -> list[Wire]:
            rows = asked.rows("batchOrders")
            if not 0 < len(rows) <= _BATCH_MAX:
                raise Refused(-4082, "Invalid number of batch place orders.")
            return [_answered(act, account, row) for row in rows]

        return run

    def cancel_batch(self, account: Account, asked: Parameters) -> list[Wire]:
        """Ends several orders of a market; each is answered by itself."""
        named = "orderIdList" if "orderIdList" in asked.values else "origClientOrderIdList"
        single = "orderId" if named == "orderIdList" else "origClientOrderId"
        names = asked.texts(named)
        if not 0 < len(names) <= _CANCEL_BATCH_MAX:
            raise Refused(-4083, "Invalid number of batch cancel orders.")
        symbol = asked.text("symbol")
        return [_answered(self.cancel, account, Parameters({"symbol": symbol, single: name})) for name in names]

    def open_orders(self, account: Account, asked: Parameters) -> list[Wire]:
        """What works, of one market or of all."""
        listing = self._listing(asked) if "symbol" in asked.values else None
        return [futures_order_row(one) for one in account.open_orders(futures=True, listing=listing)]

    def all_orders(self, account: Account, asked: Parameters) -> list[Wire]:
        """Orders of a market, by number or time, oldest first."""
        return [futures_order_row(one) for one in orders_between(account, self._listing(asked), asked, 500)]

    def trades(self, account: Account, asked: Parameters) -> list[Wire]:
        """The account's trades in a market, oldest first."""
        start, end = asked.maybe("startTime"), asked.maybe("endTime")
        if start is not None and end is not None and end - start > _WEEK_MS:
            raise Refused(-4165, "Invalid time interval")
        return [futures_trade_row(one) for one in trades_between(account, self._listing(asked), asked)]

    def countdown(self, account: Account, asked: Parameters) -> Wire:
        """Cancels a market's orders after so many milliseconds unless it is set anew; 0 ends it."""
        listing, time_ms = self._listing(asked), asked.whole("countdownTime")
        if time_ms < 0:
            raise malformed("countdownTime")
        account.countdowns.pop(listing.index, None)
        if time_ms:
            account.countdowns[listing.index] = self._wall_ms() + time_ms
        return {"symbol": listing.symbol, "countdownTime": str(time_ms)}

    def expire_countdowns(self) -> None:
        """Ends the orders whose countdown is over."""
        now_ms = self._wall_ms()
        for account in self._exchange.accounts.values():
            for index, due_ms in list(account.countdowns.items()):
                if due_ms <= now_ms:
                    del account.countdowns[index]
                    for order in account.open_orders(futures=True, listing=self._exchange.listings[index]):
                        self._exchange.cancel(account, order)

    # Settings.

    def leverage(self, account: Account, asked: Parameters) -> Wire:
        """Sets the leverage of a market."""
        listing, leverage = self._listing(asked), asked.whole("leverage")
        if not 1 <= leverage <= listing.max_leverage:
            raise Refused(-4028, f"Leverage {leverage} is not valid")
        account.leverage[listing.index] = leverage
        return {"symbol": listing.symbol, "leverage": leverage, "maxNotionalValue": str(_NOTIONAL_CAP)}

    def margin_type(self, account: Account, asked: Parameters) -> Wire:
        """Sets the margin type of a market: the twin has cross margin alone."""
        listing = self._listing(asked)
        kind = asked.choice("marginType", frozenset({"ISOLATED", "CROSSED"}), Refused(-4049, "Invalid margin type."))
        if kind == "CROSSED":
            raise Refused(-4046, "No need to change margin type.")
        if account.open_orders(futures=True, listing=listing):
            raise Refused(-4047, "Margin type cannot be changed if there exists open orders.")
        raise Refused(-4048, "Margin type cannot be changed if there exists position.")

    def dual(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - the table's shape
        """Position mode: one way, always."""
        return {"dualSidePosition": False}

    def set_dual(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - as above
        """Sets the position mode."""
        if asked.text("dualSidePosition").lower() == "false":
            raise Refused(-4059, "No need to change position side.")
        raise Refused(-4068, "Position side cannot be changed if there exists position.")

    def multi_assets(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - as above
        """Multi-assets mode: off, always."""
        return {"multiAssetsMargin": False}

    def brackets(self, account: Account, asked: Parameters) -> list[Wire]:  # noqa: ARG002 - as above
        """Leverage brackets: one for each market."""
        return [
            {
                "symbol": one.symbol, "notionalCoef": 1,
                "brackets": [{
                    "bracket": 1, "initialLeverage": one.max_leverage, "notionalCap": _NOTIONAL_CAP, "notionalFloor": 0,
                    "maintMarginRatio": MAINTENANCE_PPM / 10**6, "cum": 0,
                }],
            }
            for one in self._listings(asked)
        ]  # fmt: skip

    def commission(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - as above
        """What trading a market costs."""
        instrument = self._listing(asked).instrument
        maker, taker = (f"{one / 10_000:.6f}" for one in (instrument.maker_fee_bps, instrument.taker_fee_bps))
        return {"symbol": instrument.symbol, "makerCommissionRate": maker, "takerCommissionRate": taker}

    # The stream's key.

    def listen_key(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - as above
        """Makes or prolongs the key of the user stream."""
        now_ms = self._wall_ms()
        if account.listen_until_ms <= now_ms:
            account.listen_key = secrets.token_hex(32)
        account.listen_until_ms = now_ms + LISTEN_KEY_MS
        return {"listenKey": account.listen_key}

    def keep_listen_key(self, account: Account, asked: Parameters) -> Wire:
        """Prolongs it."""
        if account.listen_until_ms <= self._wall_ms():
            raise Refused(-1125, "This listenKey does not exist.")
        return self.listen_key(account, asked)

    def drop_listen_key(self, account: Account, asked: Parameters) -> Wire:  # noqa: ARG002 - as above
        """Ends it."""
        account.listen_until_ms = 0
        return {}

    # The account.

    def account(self, account: Account, *, every: bool) -> Wire:
        """The wallet, assets and positions: version 2 lists `every` market, version 3 what is held."""
        margin = self._exchange.margin
        positions, orders = margin.all_position_margin(account), margin.all_order_margin(account)
        summary = {
            "InitialMargin": positions + orders, "MaintMargin": margin.all_maintenance(account),
            "WalletBalance": account.wallet, "UnrealizedProfit": margin.all_unrealised(account),
            "MarginBalance": margin.worth(account), "PositionInitialMargin": positions,
            "OpenOrderInitialMargin": orders, "CrossWalletBalance": account.wallet,
            "CrossUnPnl": margin.all_unrealised(account),
        }  # fmt: skip
        available = eight(margin.available(account))
        asset = {name[0].lower() + name[1:]: eight(units) for name, units in summary.items()}
        rows = [self._held(account, one, every=every) for one in self._exchange.listings if one.futures]
        told: Wire = {f"total{name}": eight(units) for name, units in summary.items()}
        told |= {"availableBalance": available, "maxWithdrawAmount": available}
        told["assets"] = [
            {
                "asset": USDT, **asset, "availableBalance": available, "maxWithdrawAmount": available,
                "marginAvailable": True, "updateTime": account.update_ms,
            }
        ]  # fmt: skip
        told["positions"] = [row for row in rows if every or Decimal(row["positionAmt"])]
        if every:
            told = {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": account.may_withdraw,
                    "updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1, **told}  # fmt: skip
        return told

    def _held(self, account: Account, listing: Listing, *, every: bool) -> Wire:
        margin = self._exchange.margin
        row: Wire = {
            "symbol": listing.symbol, "positionSide": "BOTH",
            "positionAmt": plain(listing.instrument.lots_to_quantity(account.position(listing.index).lots)),
            "unrealizedProfit": eight(margin.unrealised(account, listing)), "isolatedMargin": "0.00000000",
            "notional": eight(margin.notional(account, listing)), "isolatedWallet": "0",
            "initialMargin": eight(margin.position_margin(account, listing)),
            "maintMargin": eight(margin.maintenance(account, listing)), "updateTime": account.update_ms,
        }  # fmt: skip
        if every:
            row |= {
                "positionInitialMargin": row["initialMargin"],
                "openOrderInitialMargin": eight(margin.order_margin(account, listing)),
                "leverage": str(account.leverage_of(listing)), "isolated": False,
                "entryPrice": entry_price(account, listing), "maxNotional": str(_NOTIONAL_CAP), "bidNotional": "0",
                "askNotional": "0",
            }  # fmt: skip
        return row

    def positions(self, account: Account, asked: Parameters, *, every: bool) -> list[Wire]:
        """Positions: version 2 lists `every` market, version 3 what is held."""
        rows = [self._position(account, one, every=every) for one in self._listings(asked)]
        return [row for row in rows if every or Decimal(row["positionAmt"])]

    def _position(self, account: Account, listing: Listing, *, every: bool) -> Wire:
        margin, instrument = self._exchange.margin, listing.instrument
        entry = entry_price(account, listing)
        row: Wire = {
            "symbol": listing.symbol, "positionSide": "BOTH",
            "positionAmt": plain(instrument.lots_to_quantity(account.position(listing.index).lots)),
            "entryPrice": entry, "breakEvenPrice": entry,
            "markPrice": eight(int(instrument.ticks_to_price(margin.mark(listing)).scaleb(8))),
            "unRealizedProfit": eight(margin.unrealised(account, listing)), "liquidationPrice": "0",
            "isolatedMargin": "0.00000000", "notional": eight(margin.notional(account, listing)),
            "isolatedWallet": "0", "updateTime": account.update_ms,
        }  # fmt: skip
        if every:
            return {
                **row, "leverage": str(account.leverage_of(listing)), "maxNotionalValue": str(_NOTIONAL_CAP),
                "marginType": "cross", "isAutoAddMargin": "false",
            }  # fmt: skip
        initial, ordered = margin.position_margin(account, listing), margin.order_margin(account, listing)
        return {
            **row, "marginAsset": USDT, "initialMargin": eight(initial + ordered),
            "maintMargin": eight(margin.maintenance(account, listing)), "positionInitialMargin": eight(initial),
            "openOrderInitialMargin": eight(ordered), "adl": 0, "bidNotional": "0", "askNotional": "0",
        }  # fmt: skip

    def balance(self, account: Account, asked: Parameters) -> list[Wire]:  # noqa: ARG002 - the table's shape
        """The wallet."""
        margin, wallet = self._exchange.margin, eight(account.wallet)
        available = eight(margin.available(account))
        return [
            {
                "accountAlias": f"twin{account.number}", "asset": USDT, "balance": wallet,
                "crossWalletBalance": wallet, "crossUnPnl": eight(margin.all_unrealised(account)),
                "availableBalance": available, "maxWithdrawAmount": available, "marginAvailable": True,
                "updateTime": account.update_ms,
            }
        ]  # fmt: skip

    def income(self, account: Account, asked: Parameters) -> list[Wire]:
        """Fees, results and fundings, oldest first."""
        start, end = asked.maybe("startTime"), asked.whole("endTime", 2**60)
        symbol, kind = asked.text("symbol", ""), asked.text("incomeType", "")
        limit = asked.limit(100, 1_000)
        found = [
            row
            for row in account.income
            if (start or 0) <= row["time"] <= end and symbol in {"", row["symbol"]} and kind in {"", row["incomeType"]}
        ]
        return found[-limit:] if start is None else found[:limit]


def _answered(act: Callable[[Account, Parameters], Wire], account: Account, row: Parameters) -> Wire:
    try:
        return act(account, row)
    except Refused as refusal:
        return refusal.body()
