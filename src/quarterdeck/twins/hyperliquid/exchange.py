"""The twin's exchange: accounts and their orders around the kernel's simulated venue, which does the matching.

It does no I/O and reads no clock. What happens is said in `take_news`, for whoever listens. A trigger order waits here
for the mark price, as the venue's does, and goes to the kernel when it is reached.

The nearest to the venue that the kernel allows: an order that would meet its own account's orders first cancels those
that it crosses (the venue cancels each when it is reached).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from quarterdeck.kernel.vocabulary import EventKind, Flag, Reason, TimeInForce
from quarterdeck.market.events import Events
from quarterdeck.twins.hyperliquid.accounts import UNITS, Account, Order, text
from quarterdeck.twins.hyperliquid.books import Book
from quarterdeck.twins.hyperliquid.listings import USDC, Listing
from quarterdeck.twins.matching import ACCOUNTS_MAX, Ask, Matching, Report
from quarterdeck.twins.outside import taken_lots

__all__ = ["News", "TwinExchange"]

_NS_PER_MS: Final = 1_000_000
_PPB: Final = 10**9
_ENDS: Final = {
    Reason.REDUCE_ONLY_WOULD_INCREASE: "reduceOnlyCanceled",
    Reason.POST_ONLY_WOULD_CROSS: "badAloPxRejected",
}


@dataclass(slots=True)
class News:
    """What happened: trades by coin, whose books and marks moved, and what accounts are told."""

    trades: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    books: set[int] = field(default_factory=set[int])
    marks: set[int] = field(default_factory=set[int])
    orders: list[tuple[str, Order, str, int]] = field(default_factory=list[tuple[str, Order, str, int]])
    fills: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    fundings: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])


class TwinExchange:
    """All markets and accounts. Calls come in the order of market time."""

    def __init__(self, listings: Sequence[Listing], start_ns: int) -> None:
        self.listings = list(listings)
        self.by_asset = {one.asset: one for one in listings}
        self.by_coin = {one.coin: one for one in listings}
        self.accounts: dict[str, Account] = {}
        self.books = [Book(one) for one in listings]
        self.now_ns = start_ns
        self.halted = False
        self._matching = Matching([one.instrument for one in listings], start_ns)
        self._numbers: dict[int, Account] = {}
        self._orders: dict[int, Order] = {}  # at the kernel
        self._oid = 1_000
        self._news = News()
        self._printing = False  # the present event is a trade of the outside market

    # Accounts.

    def fund(self, address: str, usdc: Decimal, spot_usdc: Decimal = Decimal(0)) -> Account:
        """Brings money to an address; the first time makes it a user. Raises ValueError when there is no room."""
        key = address.lower()
        account = self.accounts.get(key)
        if account is None:
            if len(self.accounts) >= ACCOUNTS_MAX:
                raise ValueError(f"this twin holds {ACCOUNTS_MAX} accounts: choose a larger capacity")
            account = Account(key, len(self.accounts), 0)
            self.accounts[key] = self._numbers[account.number] = account
        account.cash += int(usdc * UNITS)
        account.tokens[USDC] = account.spot_usdc + int(spot_usdc * UNITS)
        return account

    def account_of(self, signer: str) -> Account | None:
        """Returns whose account a key may trade on: its own, or the one that approved it as agent."""
        key = signer.lower()
        found = self.accounts.get(key)
        return found or next((one for one in self.accounts.values() if key in one.agents), None)

    def unrealised(self, account: Account, index: int) -> int:
        """Returns the result of a position at the mark, in units."""
        held = account.positions.get(index)
        if held is None or not held.lots:
            return 0
        return held.lots * self.books[index].mark * self.listings[index].instrument.value - held.cost

    def value(self, account: Account) -> int:
        """Returns what the perpetuals' account is worth, in units."""
        return account.cash + sum(self.unrealised(account, index) for index in account.positions)

    def margin_used(self, account: Account) -> int:
        """Returns the initial margin of all positions at their leverage, in units."""
        used = 0
        for index, held in account.positions.items():
            notional = abs(held.lots) * self.books[index].mark * self.listings[index].instrument.value
            used += notional // self.leverage(account, index)
        return used

    def margin_ordered(self, account: Account) -> int:
        """Returns the initial margin that working orders hold, in units."""
        return sum(
            order.left * order.price * order.listing.instrument.value // self.leverage(account, order.listing.index)
            for order in account.open_orders()
            if not order.reduce_only and not order.listing.spot and order.trigger is None
        )

    def leverage(self, account: Account, index: int) -> int:
        """Returns the leverage chosen, or the market's largest."""
        return account.leverage.get(index, self.listings[index].max_leverage)

    def resting(self) -> Collection[Order]:
        """Returns the orders that the kernel holds, of all accounts."""
        return self._orders.values()

    # Orders. What may be refused was refused before (`admission`).

    def new_oid(self) -> int:
        """Returns the next order number."""
        self._oid += 1
        return self._oid

    def enter(self, account: Account, order: Order) -> str:
        """Puts an order to work; returns the venue's error, or an empty text."""
        account.orders[order.oid] = order
        if order.cloid:
            account.cloids[order.cloid] = order.oid
        if order.trigger is not None:
            self._tell(account, order, "open")
            return ""
        self._clear_own_way(account, order)
        error = self._submit(account, order)
        if error:
            account.orders.pop(order.oid, None)
            if order.cloid and account.cloids.get(order.cloid) == order.oid:
                account.cloids.pop(order.cloid)
        return error

    def cancel(self, account: Account, order: Order, status: str = "canceled") -> None:
        """Ends a working order."""
        if order.trigger is not None and order.status == "open":
            self._tell(account, order, status)
            return
        order.status = status  # said when the kernel has ended it
        self._hear(self._matching.cancel(account.number, order.oid, order.listing.index))

    def _clear_own_way(self, account: Account, order: Order) -> None:
        for other in account.open_orders():
            crosses = other.side != order.side and (order.price - other.price) * order.side >= 0
            if other.listing is order.listing and other.trigger is None and crosses and order.tif != "Alo":
                self.cancel(account, other, "selfTradeCanceled")

    def _submit(self, account: Account, order: Order) -> str:
        self._orders[order.oid] = order
        ask = Ask(
            instrument=order.listing.index, side=order.side, price=order.price, lots=order.left,
            time_in_force=TimeInForce.GTC if order.tif in {"Gtc", "Alo"} else TimeInForce.IOC,
            post_only=order.tif == "Alo", reduce_only=order.reduce_only,
        )  # fmt: skip
        self._hear(self._matching.submit(account.number, order.oid, ask))
        listing, book = order.listing, self.books[order.listing.index]
        if order.status == "badAloPxRejected":
            bid, ask = book.touch(self._orders.values())
            price = listing.instrument.ticks_to_price
            return f"Post only order would have immediately matched, bbo was {text(price(bid))}@{text(price(ask))}."
        if order.status == "iocCancelRejected":
            return "Order could not immediately match against any resting orders."
        return (
            "" if order.status in {"open", "filled"} or order.left < order.size else f"Order rejected: {order.status}."
        )

    # Time and the market.

    def take(self, events: Events) -> None:
        """Lets the outside market go on: books, trades, marks, funding, in the order given."""
        kinds: list[int] = events["kind"].tolist()
        for place, kind in enumerate(kinds):
            event = events[place]
            self.now_ns = max(self.now_ns, int(event["time_ns"]))
            index = int(event["instrument"])
            self._printing = kind == EventKind.TRADE
            if kind == EventKind.TRADE:
                self._print(index, event)
            elif kind == EventKind.LEVEL:
                self.books[index].level(int(event["price"]), int(event["quantity"]), int(event["flags"]))
                if int(event["flags"]) & Flag.LAST:
                    self.books[index].outside.restore()
                self._news.books.add(index)
            elif kind == EventKind.QUOTE:
                self._quoted(index, event)
            elif kind == EventKind.BOOK_CLEAR:
                self.books[index].clear()
            elif kind == EventKind.MARK:
                self.books[index].mark = int(event["mark"])
                self._news.marks.add(index)
            elif kind == EventKind.FUNDING:
                self._fund_positions(index, int(event["rate"]))
            self._hear(self._matching.hear(events, place), traded=self._printing)
            if kind in {EventKind.MARK, EventKind.QUOTE}:
                self._mark_moved(index)
        self._printing = False

    def _quoted(self, index: int, event: Any) -> None:
        """A market that is told by its best prices alone has one level a side, and its middle as mark."""
        book = self.books[index]
        book.outside.endless = True
        book.clear()
        book.level(int(event["bid"]), int(event["bid_quantity"]), 0)
        book.level(int(event["ask"]), int(event["ask_quantity"]), int(Flag.SELL))
        if event["bid"] > 0 and event["ask"] > 0:
            book.mark = (int(event["bid"]) + int(event["ask"])) // 2
        self._news.books.add(index)
        self._news.marks.add(index)

    def advance(self, now_ns: int) -> None:
        """Lets time pass without an event."""
        self.now_ns = max(self.now_ns, now_ns)
        self._matching.advance(now_ns)

    def take_news(self) -> News:
        """Returns what happened since the last call."""
        news, self._news = self._news, News()
        return news

    def _print(self, index: int, event: Any) -> None:
        side = -1 if int(event["flags"]) & Flag.SELL else 1
        tid = (int(event["trade_id"]) * len(self.listings) + index) * 2 + 2
        self._told_trade(index, side, int(event["price"]), int(event["quantity"]), tid)

    def _told_trade(self, index: int, side: int, price: int, lots: int, tid: int) -> None:
        listing = self.listings[index]
        row = {
            "coin": listing.coin, "side": "B" if side > 0 else "A",
            "px": text(listing.instrument.ticks_to_price(price)), "sz": text(listing.instrument.lots_to_quantity(lots)),
            "time": self.now_ns // _NS_PER_MS, "hash": f"0x{tid:064x}", "tid": tid, "users": ["0x" + "0" * 40] * 2,
        }  # fmt: skip
        self.books[index].count(price, lots)
        self._news.trades.append((listing.coin, row))

    def _fund_positions(self, index: int, rate_ppb: int) -> None:
        """Pays the hour's funding: longs pay a positive rate of the notional at the oracle's price."""
        listing, book = self.listings[index], self.books[index]
        book.funding_ppb = rate_ppb
        self._news.marks.add(index)
        if listing.spot:
            return
        for account in self.accounts.values():
            held = account.positions.get(index)
            if held is None or not held.lots:
                continue
            amount = -(held.lots * book.mark * listing.instrument.value * rate_ppb) // _PPB
            account.cash += amount
            row = {
                "time": self.now_ns // _NS_PER_MS, "coin": listing.coin, "usdc": text(Decimal(amount) / UNITS),
                "szi": text(listing.instrument.lots_to_quantity(held.lots)),
                "fundingRate": text(Decimal(rate_ppb) / _PPB), "nSamples": None,
            }  # fmt: skip
            account.fundings.append(row)
            self._news.fundings.append((account.address, row))

    def _mark_moved(self, index: int) -> None:
        mark = self.books[index].mark
        for account in list(self.accounts.values()):
            for order in account.open_orders():
                waits = order.trigger is not None and order.status == "open" and order.listing.index == index
                if waits and order.trigger is not None and order.trigger.reached(mark, order.side):
                    self._trigger(account, order)
            if any(held.lots for held in account.positions.values()):
                self._liquidate_if_needed(account)

    def _trigger(self, account: Account, order: Order) -> None:
        trigger = order.trigger
        self._tell(account, order, "triggered")
        order.trigger = None
        order.tif = "Ioc" if trigger is not None and trigger.market else order.tif
        order.status = "open"
        self._submit(account, order)

    def _liquidate_if_needed(self, account: Account) -> None:
        """Below the maintenance margin, half of the initial one at the largest leverage, everything is closed."""
        needed = 0
        for index, held in account.positions.items():
            listing = self.listings[index]
            notional = abs(held.lots) * self.books[index].mark * listing.instrument.value
            needed += notional // (2 * listing.max_leverage)
        if self.value(account) >= needed:
            return
        for order in account.open_orders():
            self.cancel(account, order, "liquidatedCanceled")
        for index, held in list(account.positions.items()):
            if held.lots:
                order = Order(
                    self.new_oid(), None, self.listings[index], -1 if held.lots > 0 else 1, 0, abs(held.lots),
                    abs(held.lots), "Ioc", True, self.now_ns // _NS_PER_MS, liquidation=True,
                )  # fmt: skip
                account.orders[order.oid] = order
                self._submit(account, order)

    # What the kernel says.

    def _hear(self, reports: Sequence[Report], *, traded: bool = False) -> None:
        for oid, lots in taken_lots(reports, traded=traded).items():
            order = self._orders.get(oid)
            if order is not None:
                self.books[order.listing.index].outside.take(-order.side, lots)
        for report in reports:
            kind = report.kind
            order, account = self._orders.get(report.order_id), self._numbers.get(report.account)
            if order is None or account is None:
                continue
            self._news.books.add(order.listing.index)
            if kind == EventKind.FILL:
                self._filled(account, order, report)
            elif kind == EventKind.ORDER_ACCEPTED:
                # An order that does not rest is told of when it ends.
                if order.tif in {"Gtc", "Alo"}:
                    self._tell(account, order, "open")
            elif kind in {EventKind.ORDER_CANCELED, EventKind.ORDER_REJECTED, EventKind.ORDER_EXPIRED}:
                self._ended(account, order, kind, report.reason)

    def _ended(self, account: Account, order: Order, kind: int, reason: Reason) -> None:
        self._orders.pop(order.oid, None)
        known = _ENDS.get(reason)
        if known is None and reason is Reason.NO_LIQUIDITY:
            known = "canceled" if order.left < order.size else "iocCancelRejected"
        if known is None:
            known = "rejected" if kind == EventKind.ORDER_REJECTED else order.status
        self._tell(account, order, "canceled" if known == "open" else known)

    def _filled(self, account: Account, order: Order, report: Report) -> None:
        listing, price, lots, maker = order.listing, report.price, report.lots, report.maker
        paid = price * lots * listing.instrument.value
        fee = report.fee + paid * order.builder_tenths // 100_000
        tid = report.trade_id * 2 + 1
        before, result, fee_text, fee_token = self._settle(account, order, lots, paid, fee, price)
        order.left -= lots
        account.volume += paid
        side = "B" if order.side > 0 else "A"
        row: dict[str, Any] = {
            "coin": listing.coin, "px": text(listing.instrument.ticks_to_price(price)),
            "sz": text(listing.instrument.lots_to_quantity(lots)), "side": side, "time": self.now_ns // _NS_PER_MS,
            "startPosition": text(listing.instrument.lots_to_quantity(before)),
            "dir": _direction(listing, order.side, before), "closedPnl": text(Decimal(result) / UNITS),
            "hash": f"0x{tid:064x}", "oid": order.oid, "crossed": not maker, "fee": fee_text, "tid": tid,
            "feeToken": fee_token, "twapId": None,
        }  # fmt: skip
        if order.cloid:
            row["cloid"] = order.cloid
        if order.liquidation:
            row["liquidation"] = {"liquidatedUser": account.address, "markPx": row["px"], "method": "market"}
        account.fills.append(row)
        self._news.fills.append((account.address, row))
        # A trade between accounts is told once; what the outside market traded is told already.
        told = (maker and self._printing) or any(one[1]["tid"] == tid for one in self._news.trades[-4:])
        if not told:
            self._told_trade(listing.index, -order.side if maker else order.side, price, lots, tid)
        if order.left == 0:
            self._orders.pop(order.oid, None)
            self._tell(account, order, "filled")

    def _settle(
        self, account: Account, order: Order, lots: int, paid: int, fee: int, price: int
    ) -> tuple[int, int, str, str]:
        """Moves money and position. Returns (position before, result, fee, its token)."""
        listing = order.listing
        if not listing.spot:
            held = account.position(listing.index)
            before = held.lots
            result = held.move(order.side, lots, paid)
            account.cash += result - fee
            return before, result, text(Decimal(fee) / UNITS), USDC
        units = lots * 10 ** (8 - listing.size_decimals)
        before = account.token(listing.base) // 10 ** (8 - listing.size_decimals)
        account.tokens[listing.base] = account.token(listing.base) + order.side * units
        account.tokens[USDC] = account.spot_usdc - order.side * paid
        if order.side > 0 and fee > 0:  # who buys pays in what he bought
            token_fee = fee * 10**listing.price_decimals // price
            account.tokens[listing.base] -= token_fee
            return before, 0, text(Decimal(token_fee) / UNITS), listing.base
        account.tokens[USDC] -= fee
        return before, 0, text(Decimal(fee) / UNITS), USDC

    def _tell(self, account: Account, order: Order, status: str) -> None:
        order.status, order.status_ms = status, self.now_ns // _NS_PER_MS
        self._news.orders.append((account.address, order, status, order.left))


def _direction(listing: Listing, side: int, before: int) -> str:
    if listing.spot:
        return "Buy" if side > 0 else "Sell"
    if before * side >= 0:
        return "Open Long" if side > 0 else "Open Short"
    return "Close Short" if side > 0 else "Close Long"
