"""What is posted to /info, answered in the venue's shapes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.hyperliquid.accounts import UNITS, Account, Order, text
from quarterdeck.twins.hyperliquid.exchange import TwinExchange
from quarterdeck.twins.hyperliquid.limits import AddressLimits
from quarterdeck.twins.hyperliquid.listings import USDC

__all__ = ["Information", "basic_order", "order_update"]

_NS_PER_MS: Final = 1_000_000
_FILLS: Final = 2_000
_FUNDINGS: Final = 500

Wire = dict[str, Any]


def basic_order(order: Order, left: int | None = None) -> Wire:
    """Returns an order as openOrders and orderUpdates tell it."""
    instrument = order.listing.instrument
    row: Wire = {
        "coin": order.listing.coin, "side": "B" if order.side > 0 else "A",
        "limitPx": text(instrument.ticks_to_price(order.price)),
        "sz": text(instrument.lots_to_quantity(order.left if left is None else left)), "oid": order.oid,
        "timestamp": order.time_ms, "origSz": text(instrument.lots_to_quantity(order.size)),
    }  # fmt: skip
    if order.reduce_only:
        row["reduceOnly"] = True
    if order.cloid:
        row["cloid"] = order.cloid
    return row


def _whole_order(order: Order) -> Wire:
    """An order as frontendOpenOrders and orderStatus tell it."""
    instrument, trigger = order.listing.instrument, order.trigger
    kind = "Limit"
    condition = "N/A"
    if trigger is not None:
        kind = f"{'Take Profit' if trigger.kind == 'tp' else 'Stop'} {'Market' if trigger.market else 'Limit'}"
        above = (order.side > 0) == (trigger.kind == "sl")
        condition = f"Price {'above' if above else 'below'} {text(instrument.ticks_to_price(trigger.price))}"
    return {
        **basic_order(order), "triggerCondition": condition, "isTrigger": trigger is not None,
        "triggerPx": text(instrument.ticks_to_price(trigger.price)) if trigger else "0.0", "children": [],
        "isPositionTpsl": False, "reduceOnly": order.reduce_only, "orderType": kind,
        "tif": None if trigger else order.tif, "cloid": order.cloid,
    }  # fmt: skip


def order_update(order: Order, status: str, left: int) -> Wire:
    """Returns a row of orderUpdates."""
    return {"order": basic_order(order, left), "status": status, "statusTimestamp": order.status_ms}


class Information:
    """The /info endpoint of one exchange."""

    def __init__(self, exchange: TwinExchange, limits: AddressLimits) -> None:
        self._exchange, self._limits = exchange, limits
        self._plain: dict[str, Callable[[Wire], Any]] = {
            "meta": lambda body: self.meta(body),  # noqa: PLW0108 - a method of the table's shape
            "metaAndAssetCtxs": lambda body: [self.meta(body), self.contexts(spot=False)],
            "spotMeta": lambda body: self.spot_meta(),  # noqa: ARG005 - the table's shape
            "spotMetaAndAssetCtxs": lambda body: [self.spot_meta(), self.contexts(spot=True)],  # noqa: ARG005 - as above
            "perpDexs": lambda body: [None],  # noqa: ARG005 - as above
            "allMids": lambda body: self._mids(),  # noqa: ARG005 - as above
            "l2Book": lambda body: self.book(body["coin"]),
            "exchangeStatus": lambda body: {"time": self._now_ms(), "specialStatuses": None},  # noqa: ARG005 - as above
        }
        self._personal: dict[str, Callable[[Account, Wire], Any]] = {
            "clearinghouseState": lambda account, body: self._state(account),  # noqa: ARG005 - as above
            "spotClearinghouseState": lambda account, body: self._spot_state(account),  # noqa: ARG005 - as above
            "openOrders": lambda account, body: [basic_order(one) for one in account.open_orders()],  # noqa: ARG005 - as above
            "frontendOpenOrders": lambda account, body: [_whole_order(one) for one in account.open_orders()],  # noqa: ARG005 - as above
            "historicalOrders": self._history,
            "orderStatus": self._order_status,
            "userFills": lambda account, body: list(reversed(account.fills))[:_FILLS],  # noqa: ARG005 - as above
            "userFillsByTime": lambda account, body: _between(account.fills, body)[:_FILLS],
            "userFunding": self._funding,
            "userRateLimit": self._rate_limit,
            "userFees": self._fees,
            "userRole": lambda account, body: self._role(account, body["user"].lower()),
            "extraAgents": lambda account, body: [  # noqa: ARG005 - as above
                {"address": agent, "name": name, "validUntil": 0} for agent, name in account.agents.items()
            ],
            "userAbstraction": lambda account, body: "disabled",  # noqa: ARG005 - as above
            "maxBuilderFee": lambda account, body: 10 if body["builder"].lower() in account.builders else 0,
        }

    def answer(self, body: Any) -> Any:
        """Returns the answer. Raises KeyError, TypeError, ValueError or AttributeError where the question is none."""
        kind = body["type"]
        if kind in self._plain:
            return self._plain[kind](body)
        personal = self._personal[kind]
        user = body["user"].lower()
        account = self._exchange.accounts.get(user)
        if account is None:
            master = self._exchange.account_of(user) if kind == "userRole" else None
            if kind == "userRole":
                return self._role(master, user)
            account = Account(user, -1, 0)  # somebody who never was here owns nothing
        return personal(account, body)

    def _now_ms(self) -> int:
        return self._exchange.now_ns // _NS_PER_MS

    # The market.

    def meta(self, body: Wire) -> Wire:
        """Returns the perpetuals, in the order of their asset ids."""
        if body.get("dex"):
            return {"universe": []}
        rows = [
            {"szDecimals": one.size_decimals, "name": one.coin, "maxLeverage": one.max_leverage, "marginTableId": 1}
            for one in self._exchange.listings
            if not one.spot
        ]
        tiers = {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}]}
        return {"universe": rows, "marginTables": [[1, tiers]], "collateralToken": 0}

    def spot_meta(self) -> Wire:
        """Returns tokens and pairs."""
        spot = [one for one in self._exchange.listings if one.spot]
        names = [(USDC, 8)] + [(one.base, one.size_decimals) for one in spot]
        tokens = [
            {
                "name": name, "szDecimals": decimals, "weiDecimals": 8, "index": place, "tokenId": f"0x{place:032x}",
                "isCanonical": True, "evmContract": None, "fullName": None,
            }
            for place, (name, decimals) in enumerate(names)
        ]  # fmt: skip
        pairs = [
            {"name": one.coin, "tokens": [place + 1, 0], "index": one.asset - 10_000, "isCanonical": True}
            for place, one in enumerate(spot)
        ]
        return {"tokens": tokens, "universe": pairs}

    def contexts(self, *, spot: bool) -> list[Wire]:
        """Returns each asset's context, in the order of the lists."""
        return [self.context(one.index) for one in self._exchange.listings if one.spot == spot]

    def context(self, index: int) -> Wire:
        """Returns one asset's context."""
        held = sum(
            max(account.positions[index].lots, 0)
            for account in self._exchange.accounts.values()
            if index in account.positions
        )
        return self._exchange.books[index].context(self._exchange.resting(), held)

    def _mids(self) -> Wire:
        rows: Wire = {}
        for book in self._exchange.books:
            bid, ask = book.touch(self._exchange.resting())
            if bid and ask:
                rows[book.listing.coin] = text(book.listing.instrument.ticks_to_price(bid + ask) / 2)
        return rows

    def book(self, coin: str) -> Wire | None:
        """Returns twenty levels a side; None for a coin that is not listed."""
        listing = self._exchange.by_coin.get(coin)
        if listing is None:
            return None
        levels = self._exchange.books[listing.index].wire_levels(self._exchange.resting())
        return {"coin": coin, "time": self._now_ms(), "levels": levels}

    # Accounts.

    def _state(self, account: Account) -> Wire:
        rows: list[Wire] = []
        notional = 0
        for index, held in account.positions.items():
            if held.lots:
                rows.append({"type": "oneWay", "position": self._position(account, index)})
                notional += self._notional(index, held.lots)
        value, used = self._exchange.value(account), self._exchange.margin_used(account)
        summary = {
            "accountValue": _money(value), "totalNtlPos": _money(notional), "totalRawUsd": _money(value),
            "totalMarginUsed": _money(used),
        }  # fmt: skip
        free = max(0, value - used - self._exchange.margin_ordered(account))
        return {
            "marginSummary": summary, "crossMarginSummary": summary, "crossMaintenanceMarginUsed": _money(used // 2),
            "withdrawable": _money(free), "assetPositions": rows, "time": self._now_ms(),
        }  # fmt: skip

    def _notional(self, index: int, lots: int) -> int:
        return abs(lots) * self._exchange.books[index].mark * self._exchange.listings[index].instrument.value

    def _position(self, account: Account, index: int) -> Wire:
        held, listing = account.positions[index], self._exchange.listings[index]
        size = listing.instrument.lots_to_quantity(held.lots)
        leverage = self._exchange.leverage(account, index)
        unrealised = self._exchange.unrealised(account, index)
        margin = self._notional(index, held.lots) // leverage
        return {
            "coin": listing.coin, "szi": text(size), "entryPx": text(round(Decimal(held.cost) / UNITS / size, 8)),
            "positionValue": _money(self._notional(index, held.lots)), "unrealizedPnl": _money(unrealised),
            "returnOnEquity": text(round(Decimal(unrealised) / margin, 8)) if margin else "0.0",
            "leverage": {"type": "cross", "value": leverage}, "liquidationPx": None, "marginUsed": _money(margin),
            "maxLeverage": listing.max_leverage,
            "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
        }  # fmt: skip

    def _spot_state(self, account: Account) -> Wire:
        names = [USDC] + [one.base for one in self._exchange.listings if one.spot]
        rows = [
            {"coin": name, "token": place, "total": _money(account.token(name)), "hold": "0.0", "entryNtl": "0.0"}
            for place, name in enumerate(names)
            if account.token(name)
        ]
        return {"balances": rows}

    def _history(self, account: Account, body: Wire) -> list[Wire]:  # noqa: ARG002 - the table's shape
        newest = list(reversed(account.orders.values()))[:_FILLS]
        return [
            {"order": _whole_order(one), "status": one.status, "statusTimestamp": one.status_ms or one.time_ms}
            for one in newest
        ]

    def _order_status(self, account: Account, body: Wire) -> Wire:
        order = account.find(body["oid"])
        if order is None:
            return {"status": "unknownOid"}
        told = {
            "order": _whole_order(order),
            "status": order.status,
            "statusTimestamp": order.status_ms or order.time_ms,
        }
        return {"status": "order", "order": told}

    def _funding(self, account: Account, body: Wire) -> list[Wire]:
        return [
            {"time": row["time"], "hash": "0x" + "0" * 64, "delta": {"type": "funding", **_without(row, "time")}}
            for row in _between(account.fundings, body)[:_FUNDINGS]
        ]

    def _rate_limit(self, account: Account, body: Wire) -> Wire:  # noqa: ARG002 - the table's shape
        return {
            "cumVlm": f"{account.volume / UNITS:.2f}", "nRequestsUsed": account.requests,
            "nRequestsCap": self._limits.cap(account), "nRequestsSurplus": 0,
        }  # fmt: skip

    def _fees(self, account: Account, body: Wire) -> Wire:  # noqa: ARG002 - the table's shape
        return {
            "dailyUserVlm": [], "userCrossRate": "0.00045", "userAddRate": "0.00015", "userSpotCrossRate": "0.0007",
            "userSpotAddRate": "0.0004", "activeReferralDiscount": "0.0",
        }  # fmt: skip

    def _role(self, account: Account | None, address: str) -> Wire:
        if account is None:
            return {"role": "missing"}
        if account.address == address:
            return {"role": "user"} if account.number >= 0 else {"role": "missing"}
        return {"role": "agent", "data": {"user": account.address}}


def _money(units: int) -> str:
    return text(Decimal(units) / UNITS)


def _without(row: Wire, name: str) -> Wire:
    return {key: value for key, value in row.items() if key != name}


def _between(rows: Any, body: Wire) -> list[Wire]:
    """Rows from startTime to endTime, both inclusive, oldest first."""
    start, end = int(body["startTime"]), body.get("endTime")
    return [row for row in rows if start <= row["time"] and (end is None or row["time"] <= int(end))]
