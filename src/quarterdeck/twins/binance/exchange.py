"""The twin's exchange: both wallets of its accounts and their orders around the kernel's simulated venue.

It does no I/O and reads no clock. What happens is said in `take_news`, each private event in the venue's own shape at
the moment when it happened.

Self-trade prevention is the venue's default, EXPIRE_MAKER. The nearest to it that the kernel allows: an order that
would meet its own account's orders first expires those that it crosses (the venue expires each when it is reached).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quarterdeck.kernel.vocabulary import EventKind, Flag, Reason, TimeInForce
from quarterdeck.market.events import Events
from quarterdeck.twins.binance.accounts import Account, Fill, Order
from quarterdeck.twins.binance.books import Book
from quarterdeck.twins.binance.listings import BNB, USDT, Listing
from quarterdeck.twins.binance.margin import Margin
from quarterdeck.twins.binance.refusals import Refused
from quarterdeck.twins.binance.reports import (
    account_position,
    account_update,
    execution_report,
    income_row,
    order_trade_update,
)
from quarterdeck.twins.matching import ACCOUNTS_MAX, Ask, Matching, Report
from quarterdeck.twins.outside import taken_lots

__all__ = ["FUNDING_HOURS", "News", "PublicTrade", "TwinExchange"]

FUNDING_HOURS: Final = 8
_NS_PER_MS: Final = 1_000_000
_HOUR_NS: Final = 3_600_000_000_000
_PPB: Final = 10**9
_LEVELS_MAX: Final = 10_000
_BNB_PRICE: Final = 600  # USDT, where BNB is not listed
_TIFS: Final = {
    "GTC": TimeInForce.GTC, "GTX": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK,
}  # fmt: skip
_WOULD_TAKE: Final = "Order would immediately match and take."
_UNRECORDED: Final = "The order will not be recorded in the order history"


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade as the public sees it; `sold`: its taker sold."""

    index: int
    number: int
    price: int
    lots: int
    sold: bool
    time_ms: int


@dataclass(slots=True)
class News:
    """What happened: trades, whose books and marks moved, and what accounts are told in which half of the venue."""

    trades: list[PublicTrade] = field(default_factory=list[PublicTrade])
    books: set[int] = field(default_factory=set[int])
    marks: list[int] = field(default_factory=list[int])
    private: list[tuple[Account, bool, dict[str, Any]]] = field(
        default_factory=list[tuple[Account, bool, dict[str, Any]]]
    )


class TwinExchange:
    """All markets and accounts. Calls come in the order of market time."""

    def __init__(self, listings: Sequence[Listing], start_ns: int) -> None:
        self.listings = list(listings)
        self.by_symbol = {(one.futures, one.symbol): one for one in listings}
        self.accounts: dict[str, Account] = {}
        self.books = [Book(one, start_ns // _NS_PER_MS) for one in listings]
        self.fundings: list[list[tuple[int, int, int]]] = [[] for _ in listings]  # (time ms, rate ppb, mark)
        self.now_ns = start_ns
        self.halted = False
        self.margin = Margin(self.books)
        self._matching = Matching([one.instrument for one in listings], start_ns)
        self._numbers: dict[int, Account] = {}
        self._orders: dict[int, Order] = {}  # at the kernel
        self._oid = start_ns // _NS_PER_MS
        self._told_trade = (0, 0)  # the kernel's latest trade, and the public's number of it
        self._news = News()

    @property
    def now_ms(self) -> int:
        """Returns the market's time."""
        return self.now_ns // _NS_PER_MS

    # Accounts.

    def open_account(self, key: str, secret: str) -> Account:
        """Returns a new account without money. Raises ValueError when there is no room."""
        if len(self.accounts) >= ACCOUNTS_MAX:
            raise ValueError(f"this twin holds {ACCOUNTS_MAX} accounts: choose a larger capacity")
        account = Account(key, secret, len(self.accounts))
        self.accounts[key] = self._numbers[account.number] = account
        return account

    def bnb_price(self) -> int:
        """Returns units of USDT for one BNB."""
        listing = self.by_symbol.get((False, f"{BNB}{USDT}"))
        if listing is None:
            return _BNB_PRICE * 10**8
        return int(listing.instrument.ticks_to_price(self.books[listing.index].last).scaleb(8))

    # Orders. What may be refused was refused before (`admission`).

    def new_oid(self) -> int:
        """Returns the next order number."""
        self._oid += 1
        return self._oid

    def enter(self, account: Account, order: Order) -> None:
        """Puts an order to work. Raises Refused where it may not be: then it never was."""
        blocked = self._own_way(account, order)
        if blocked and order.stp in {"EXPIRE_TAKER", "EXPIRE_BOTH"}:
            self._expire_taker(account, order)
        for other in blocked:
            if order.stp != "EXPIRE_TAKER":
                self.cancel(account, other, "EXPIRED_IN_MATCH")
        if not order.open:
            return
        account.orders[order.oid] = self._orders[order.oid] = order
        account.working[order.oid] = order
        reports = self._matching.submit(account.number, order.oid, self._ask(order))
        refusal = self._refusal(order, reports)
        if refusal is not None:
            for known in (account.orders, account.working, self._orders):
                known.pop(order.oid, None)
            raise refusal
        self._hear(reports)

    def _ask(self, order: Order) -> Ask:
        return Ask(
            instrument=order.listing.index, side=order.side, price=order.price, lots=order.size,
            time_in_force=TimeInForce.IOC if order.kind == "MARKET" else _TIFS[order.tif],
            post_only=order.tif == "GTX" or order.kind == "LIMIT_MAKER", reduce_only=order.reduce_only,
        )  # fmt: skip

    @staticmethod
    def _refusal(order: Order, reports: Sequence[Report]) -> Refused | None:
        """What the venue answers instead of taking the order."""
        futures = order.listing.futures
        for report in reports:
            rejected = report.kind == EventKind.ORDER_REJECTED and report.order_id == order.oid
            if rejected and report.reason is Reason.POST_ONLY_WOULD_CROSS:
                words = "Due to the order could not be executed as maker, the Post Only order will be rejected. "
                return Refused(-5022, words + _UNRECORDED) if futures else Refused(-2010, _WOULD_TAKE)
            if rejected and report.reason is not Reason.PRICE_UNAVAILABLE:
                return Refused(-1010, f"ERROR_MSG_RECEIVED: {report.reason.name}")
            killed = report.kind in {EventKind.ORDER_CANCELED, EventKind.ORDER_EXPIRED} and order.tif == "FOK"
            if killed and futures:
                words = "Due to the order could not be filled immediately, the FOK order has been rejected. "
                return Refused(-5021, words + _UNRECORDED)
        return None

    def cancel(self, account: Account, order: Order, status: str = "CANCELED") -> None:
        """Ends a working order."""
        order.status = status if order.open else order.status  # said when the kernel has ended it
        self._hear(self._matching.cancel(account.number, order.oid, order.listing.index))

    def amend(self, account: Account, order: Order, price: int, size: int) -> None:
        """Gives a working order another price and total. Raises Refused: then it works as before."""
        before = order.price
        order.price = price
        for other in self._own_way(account, order):
            self.cancel(account, other, "EXPIRED_IN_MATCH")
        order.price = before
        ask = Ask(instrument=order.listing.index, side=order.side, price=price, lots=size)
        reports = self._matching.amend(account.number, order.oid, ask)
        refused = next((one for one in reports if one.kind == EventKind.REPLACE_REJECTED), None)
        if refused is not None:
            if refused.reason is Reason.POST_ONLY_WOULD_CROSS:
                words = "Due to the order could not be executed as maker, the Post Only order will be rejected. "
                raise Refused(-5022, words + _UNRECORDED)
            raise Refused(-2013, "Order does not exist.")
        order.left += size - order.size
        order.price, order.size = price, size
        self._tell(account, order, "AMENDMENT")
        self._hear(reports)
        self._show(order)

    def _own_way(self, account: Account, order: Order) -> list[Order]:
        """The account's own orders among what an order would meet in the book."""
        if order.tif == "GTX" or order.kind == "LIMIT_MAKER":
            return []
        mine: dict[int, list[Order]] = {}
        for other in account.open_orders(futures=order.listing.futures, listing=order.listing):
            if other.side != order.side:
                mine.setdefault(other.price, []).append(other)
        met: list[Order] = []
        wanted = order.left if mine else 0
        for price, lots in self.books[order.listing.index].side(-order.side, _LEVELS_MAX):
            if wanted <= 0 or (order.price and (order.price - price) * order.side < 0):
                break
            own = mine.get(price, [])
            met += own
            wanted -= lots - sum(one.left for one in own)
        return met

    def _expire_taker(self, account: Account, order: Order) -> None:
        """An order that expires before it meets its own account's: it is told of, and never works."""
        account.orders[order.oid] = order
        self._tell(account, order, "NEW")
        order.status = "EXPIRED_IN_MATCH"
        self._tell(account, order, "EXPIRED" if order.listing.futures else "TRADE_PREVENTION")

    # Time and the market.

    def take(self, events: Events) -> None:
        """Lets the outside market go on: books, trades, marks, funding, in the order given."""
        kinds: list[int] = events["kind"].tolist()
        for place, kind in enumerate(kinds):
            event = events[place]
            self.now_ns = max(self.now_ns, int(event["time_ns"]))
            index = int(event["instrument"])
            book = self.books[index]
            if kind == EventKind.LEVEL:
                book.level(int(event["price"]), int(event["quantity"]), int(event["flags"]))
                if int(event["flags"]) & Flag.LAST:
                    book.restore()
                self._news.books.add(index)
            elif kind == EventKind.QUOTE:
                bid, ask = (
                    (int(event["bid"]), int(event["bid_quantity"])),
                    (int(event["ask"]), int(event["ask_quantity"])),
                )
                book.quote(bid, ask)
                self._news.books.add(index)
                self._news.marks.append(index)
            elif kind == EventKind.BOOK_CLEAR:
                book.clear()
            elif kind == EventKind.MARK:
                book.mark, book.marked = int(event["mark"]), True
                self._news.marks.append(index)
            elif kind == EventKind.FUNDING:
                self._fund(index, int(event["rate"]))
            reports = self._matching.hear(events, place)
            self._hear(reports, traded=kind == EventKind.TRADE)
            if kind == EventKind.TRADE:
                traded = sum(one.lots for one in reports if one.kind == EventKind.FILL)
                self._print(index, int(event["price"]), int(event["quantity"]) - traded,
                            sold=bool(int(event["flags"]) & Flag.SELL))  # fmt: skip
            if not book.marked and (kind == EventKind.TRADE or int(event["flags"]) & Flag.LAST):
                book.mark_by_touch()
            if kind in {EventKind.MARK, EventKind.QUOTE} and book.listing.futures:
                self._liquidate_if_needed()

    def advance(self, now_ns: int) -> None:
        """Lets time pass without an event."""
        self.now_ns = max(self.now_ns, now_ns)
        self._matching.advance(now_ns)

    def take_news(self) -> News:
        """Returns what happened since the last call."""
        news, self._news = self._news, News()
        return news

    def _print(self, index: int, price: int, lots: int, *, sold: bool) -> int:
        """Tells the public of a trade; returns its number."""
        book = self.books[index]
        if lots <= 0:
            return book.trades
        paid = price * lots * book.listing.instrument.value
        number = book.print(price, lots, paid, self.now_ms, sold=sold)
        self._news.trades.append(PublicTrade(index, number, price, lots, sold, self.now_ms))
        return number

    def _fund(self, index: int, hourly_ppb: int) -> None:
        """Every eighth hour: longs pay a positive rate of the notional at the mark."""
        listing, book = self.listings[index], self.books[index]
        if not listing.futures or self.now_ns // _HOUR_NS % FUNDING_HOURS:
            return
        rate_ppb = hourly_ppb * FUNDING_HOURS
        self.fundings[index].append((self.now_ms, rate_ppb, book.mark))
        for account in self.accounts.values():
            held = account.position(index)
            if not held.lots:
                continue
            amount = -(held.lots * book.mark * listing.instrument.value * rate_ppb) // _PPB
            account.wallet += amount
            account.income.append(income_row(listing, "FUNDING_FEE", amount, self.now_ms, self._oid))
            event = account_update(self.margin, account, listing, "FUNDING_FEE", amount, self.now_ms)
            self._news.private.append((account, True, event))

    def _liquidate_if_needed(self) -> None:
        for account in self.accounts.values():
            if not self.margin.liquidates(account):
                continue
            for order in account.open_orders(futures=True):
                self.cancel(account, order)
            for index, held in list(account.positions.items()):
                if held.lots:
                    side, lots = (-1 if held.lots > 0 else 1), abs(held.lots)
                    order = Order(
                        self.new_oid(), f"autoclose-{self.now_ms}", self.listings[index], side, "MARKET", "IOC", 0,
                        lots, lots, True, self.now_ms, "EXPIRE_MAKER", liquidation=True,
                    )  # fmt: skip
                    self.enter(account, order)

    # What the kernel says.

    def _hear(self, reports: Sequence[Report], *, traded: bool = False) -> None:
        for oid, lots in taken_lots(reports, traded=traded).items():
            order = self._orders.get(oid)
            if order is not None:
                self.books[order.listing.index].take(-order.side, lots)
        for report in reports:
            order, account = self._orders.get(report.order_id), self._numbers.get(report.account)
            if order is None or account is None:
                continue
            self._news.books.add(order.listing.index)
            if report.kind == EventKind.FILL:
                self._filled(account, order, report)
            elif report.kind == EventKind.ORDER_ACCEPTED:
                self._tell(account, order, "NEW")
            elif report.kind in {EventKind.ORDER_CANCELED, EventKind.ORDER_REJECTED, EventKind.ORDER_EXPIRED}:
                self._ended(account, order, rejected=report.kind == EventKind.ORDER_REJECTED)
        for report in reports:
            order = self._orders.get(report.order_id)
            if order is not None:
                self._show(order)

    def _ended(self, account: Account, order: Order, *, rejected: bool) -> None:
        """What the venue ends by itself expires; what is cancelled had its status before."""
        if rejected:
            self._tell(account, order, "NEW")
        if order.open:
            order.status = "EXPIRED"
        self._close(account, order)
        told = order.status if order.status in {"CANCELED", "EXPIRED"} else "EXPIRED"
        prevented = order.status == "EXPIRED_IN_MATCH" and not order.listing.futures
        self._tell(account, order, "TRADE_PREVENTION" if prevented else told)

    def _close(self, account: Account, order: Order) -> None:
        self._orders.pop(order.oid, None)
        account.working.pop(order.oid, None)
        self._show(order)

    def _show(self, order: Order) -> None:
        """Brings what the book shows of an order up to what rests of it."""
        lots = order.left if order.open and order.oid in self._orders and order.kind != "MARKET" else 0
        lots = 0 if order.tif in {"IOC", "FOK"} else lots
        if (lots, order.price) == (order.resting, order.resting_price):
            return
        book = self.books[order.listing.index]
        if order.resting:
            book.rest(order.side, order.resting_price, -order.resting)
        if lots:
            book.rest(order.side, order.price, lots)
        order.resting, order.resting_price = lots, order.price

    def _filled(self, account: Account, order: Order, report: Report) -> None:
        listing, price, lots = order.listing, report.price, report.lots
        if self._told_trade[0] != report.trade_id:
            number = self._print(listing.index, price, lots, sold=(order.side > 0) == report.maker)
            self._told_trade = (report.trade_id, number)
        paid = price * lots * listing.instrument.value
        fee, asset, result = self._settle(account, order, lots, paid, report.fee)
        order.left -= lots
        order.paid += paid
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        fill = Fill(
            order=order, number=self._told_trade[1], price=price, lots=lots, paid=paid, fee=fee, fee_asset=asset,
            maker=report.maker, time_ms=self.now_ms, result=result,
        )  # fmt: skip
        order.fills.append(fill)
        account.fills.append(fill)
        if order.left == 0:
            self._close(account, order)
        self._tell(account, order, "TRADE", fill)

    def _settle(self, account: Account, order: Order, lots: int, paid: int, fee: int) -> tuple[int, str, int]:
        """Moves money and position. Returns (fee in units of its asset, that asset, realised result)."""
        listing = order.listing
        if listing.futures:
            result = account.position(listing.index).move(order.side, lots, paid)
            account.wallet += result - fee
            if result:
                account.income.append(income_row(listing, "REALIZED_PNL", result, self.now_ms, order.oid))
            account.income.append(income_row(listing, "COMMISSION", -fee, self.now_ms, order.oid))
            return fee, USDT, result
        account.add(listing.base, order.side * lots * listing.unit)
        account.add(USDT, -order.side * paid)
        bnb = fee * 3 * 10**8 // (4 * self.bnb_price())  # a quarter less in BNB
        if account.pays_in_bnb(bnb):
            fee, asset = bnb, BNB
        elif order.side > 0:  # who buys pays in what he bought
            fee, asset = lots * listing.unit * fee // paid if paid else 0, listing.base
        else:
            asset = USDT
        account.add(asset, -fee)
        return fee, asset, 0

    def _tell(self, account: Account, order: Order, execution: str, fill: Fill | None = None) -> None:
        """Says an event of an order, and what it did to the wallet."""
        order.update_ms = account.update_ms = self.now_ms
        futures = order.listing.futures
        told: list[dict[str, Any]] = []
        if futures and fill is not None:
            told.append(account_update(self.margin, account, order.listing, "ORDER", 0, self.now_ms))
        report = order_trade_update if futures else execution_report
        told.append(report(order, execution, self.now_ms, fill))
        if not futures:
            assets = {order.listing.base, USDT} | ({fill.fee_asset} if fill else set[str]())
            told.append(account_position(account, assets, self.now_ms))
        self._news.private += [(account, futures, event) for event in told]
