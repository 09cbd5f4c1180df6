"""The twin's exchange: accounts and their orders around the kernel's simulated venue, which does the matching.

It does no I/O and reads no clock. What happens is said in `take_news`, for whoever listens.

| an order that             | is                                                                                  |
|---------------------------|-------------------------------------------------------------------------------------|
| may trade now             | at the kernel, status new                                                           |
| waits for a session       | here, status accepted, or new once it has been at the market                        |
| waits for a price         | here, as the venue's stops do: a trade at the stop in regular hours triggers it     |
| has met no more liquidity | here: what is left of a market order goes on when the book has changed              |
| is an exit not yet due    | here, status held (`groups`)                                                        |
"""

import uuid
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from quarterdeck.kernel.vocabulary import EventKind, Flag, Reason, TimeInForce
from quarterdeck.market.events import Events
from quarterdeck.twins.alpaca.accounts import Account, Order
from quarterdeck.twins.alpaca.calendar import Calendar, Phase, new_york
from quarterdeck.twins.alpaca.figures import instant, price, quantity
from quarterdeck.twins.alpaca.groups import activate_exits, end_group, keep_pair
from quarterdeck.twins.alpaca.listings import UNITS, Listing
from quarterdeck.twins.alpaca.margin import Valuation
from quarterdeck.twins.alpaca.tape import Bar, Row, Tape, bar_row
from quarterdeck.twins.alpaca.wire import order_row
from quarterdeck.twins.matching import ACCOUNTS_MAX, Ask, Matching, Report

__all__ = ["News", "TwinExchange"]

_TIMES: Final = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK, "opg": TimeInForce.IOC, "cls": TimeInForce.IOC}
_ENDS: Final = {"canceled": "canceled_at", "expired": "expired_at", "rejected": "failed_at", "replaced": "replaced_at"}


@dataclass(slots=True)
class News:
    """What happened: market data as (kind, instrument, row), and what accounts are told as (account, row)."""

    data: list[tuple[str, int, Row]] = field(default_factory=list[tuple[str, int, Row]])
    updates: list[tuple[str, Row]] = field(default_factory=list[tuple[str, Row]])


class TwinExchange:
    """All markets and accounts. Calls come in the order of market time. `name` makes its ids its own."""

    def __init__(self, listings: Sequence[Listing], calendar: Calendar, start_ns: int, name: str) -> None:
        self.listings = list(listings)
        self.by_symbol = {one.symbol: one for one in listings}
        self.calendar = calendar
        self.accounts: dict[str, Account] = {}
        self.tapes = [Tape(one, one.first_ticks, one.first_ticks) for one in listings]
        self.now_ns = start_ns
        self.phase = calendar.phase(start_ns)
        self.halted = False
        self._matching = Matching([one.instrument for one in listings], start_ns)
        self._numbers: dict[int, Account] = {}
        self._owners: dict[str, Account] = {}  # by order
        self._working: dict[int, Order] = {}  # at the kernel, by ticket
        self._stops: list[Order] = []
        self._waiting: list[Order] = []
        self._unsent: list[Order] = []
        self._namespace = uuid.uuid5(uuid.NAMESPACE_OID, name)
        self._count = 0
        self._news = News()
        self._printing = False  # the present event is a trade of the outside market
        self._printed: deque[tuple[int, int]] = deque()  # trades that stops have not seen
        self._last_trade_id = 0
        self._begin_tapes(start_ns)

    def _begin_tapes(self, start_ns: int) -> None:
        closed_ns = self.calendar.previous(start_ns).close_ns
        today_ns = self.calendar.day_start_ns(self.calendar.session(start_ns).open_ns)
        for tape in self.tapes:
            ticks = tape.last
            tape.previous_day = Bar(self.calendar.day_start_ns(closed_ns), ticks, ticks, ticks, ticks)
            tape.begin_day(today_ns)

    def new_id(self) -> str:
        """Returns the next id: the same calls give the same ids."""
        self._count += 1
        return str(uuid.uuid5(self._namespace, str(self._count)))

    # Accounts.

    def fund(self, key: str, secret: str, dollars: Decimal) -> Account:
        """Opens an account, or brings money to it. Raises ValueError when there is no room."""
        account = self.accounts.get(key)
        if account is None:
            if len(self.accounts) >= ACCOUNTS_MAX:
                raise ValueError(f"this twin holds {ACCOUNTS_MAX} accounts: choose a larger capacity")
            account = Account(key, secret, self.new_id(), len(self.accounts), 0, self.now_ns)
            self.accounts[key] = self._numbers[account.number] = account
        account.cash += int(dollars * UNITS)
        account.last_equity += int(dollars * UNITS)
        return account

    def value(self, account: Account) -> Valuation:
        """Returns what an account is worth at the last prices."""
        return Valuation(account, self.tapes)

    def resting(self) -> Collection[Order]:
        """Returns the orders that the kernel holds, of all accounts."""
        return self._working.values()

    # Orders. What may be refused was refused before (`admission`).

    def register(self, account: Account, order: Order) -> None:
        """Takes an order on; it does nothing before `start`."""
        for one in (order, *order.legs):
            account.orders[one.id] = account.by_client[one.client_order_id] = one
            self._owners[one.id] = account
            one.updated_ns = self.now_ns
        order.status = "pending_new" if self._may_trade(order) else "accepted"
        self.tell(order, order.status)

    def start(self, order: Order) -> None:
        """Puts a registered order to work, or lets it wait for its session."""
        if order.status == "pending_new":
            self.announce(order)
            self.work(order)
        else:
            self._waiting.append(order)
        if order.pair is not None and order.legs:  # one cancels the other: the stop is watched from now on
            self.work(order.legs[0])
        self._settle()

    def announce(self, order: Order) -> None:
        """Tells that an order is at the market."""
        order.status = "partially_filled" if order.filled else "new"
        self.tell(order, "new")

    def _may_trade(self, order: Order) -> bool:
        if order.tif in {"opg", "cls"} or self.halted:
            return False
        return self.phase is Phase.REGULAR or (order.extended and self.phase is not Phase.CLOSED)

    def work(self, order: Order) -> None:
        """Sends an order to the kernel, or keeps it for its session or its price."""
        if order.waits_for_price:
            order.follow(self.tapes[order.listing.index].last)
            self._stops.append(order)
        elif not self._may_trade(order) and order.tif not in {"opg", "cls"}:
            self._waiting.append(order)
        else:
            self._send(order)

    def _send(self, order: Order) -> None:
        account = self._owners[order.id]
        if order.notional is not None and not order.lots:
            self._measure(order)
        self._count += 1
        order.ticket = self._count
        self._working[order.ticket] = order
        ask = Ask(
            instrument=order.listing.index, side=order.side, price=order.limit, lots=order.left,
            time_in_force=_TIMES.get(order.tif, TimeInForce.GTC if order.limit else TimeInForce.IOC),
        )  # fmt: skip
        self._hear(self._matching.submit(account.number, order.ticket, ask))

    def _measure(self, order: Order) -> None:
        """Turns dollars into shares at the price that it will meet."""
        bid, ask, _, _ = self.tapes[order.listing.index].touch()
        ticks = (ask if order.side > 0 else bid) or self.tapes[order.listing.index].last
        order.lots = max(int((order.notional or 0) * UNITS) // ticks, 1)

    def _pull(self, order: Order) -> None:
        """Takes an order out of wherever it waits or works, without a word."""
        for place in (self._stops, self._waiting, self._unsent):
            if order in place:
                place.remove(order)
        if self._working.pop(order.ticket, None) is not None:
            self._matching.cancel(self._owners[order.id].number, order.ticket, order.listing.index)

    def cancel(self, order: Order, status: str = "canceled") -> None:
        """Ends an open order: canceled, expired, rejected or replaced."""
        if not order.open:
            return
        self._pull(order)
        self._end(order, status)
        self._settle()

    def _end(self, order: Order, status: str) -> None:
        order.status = status
        order.stamps[_ENDS[status]] = self.now_ns
        self.tell(order, status)
        end_group(self, order)

    def replace(self, account: Account, order: Order, new: Order) -> bool:
        """Ends an order and lets another take its place in its group; `resume` puts that to work.

        Returns whether the old one was watching for its price.
        """
        held, watched = order.status == "held", order in self._stops
        order.status = "pending_replace"
        self.tell(order, "pending_replace")
        self._pull(order)
        new.legs, new.parent, new.pair, new.order_class = order.legs, order.parent, order.pair, order.order_class
        for leg in new.legs:
            leg.parent = new
        if new.pair is not None:
            new.pair.pair = new
        if new.parent is not None:
            new.parent.legs[new.parent.legs.index(order)] = new
        order.legs, order.pair, order.parent = [], None, None
        order.replaced_by, new.replaces = new.id, order.id
        new.status, new.updated_ns = "held" if held else "pending_new", self.now_ns
        account.orders[new.id] = account.by_client[new.client_order_id] = new
        self._owners[new.id] = account
        self._end(order, "replaced")
        return watched

    def resume(self, order: Order, *, watched: bool) -> None:
        """Puts a replacement to work, as far as the order before it was."""
        if order.status != "held":
            self.announce(order)
        if watched or order.status != "held":
            self.work(order)
        self._settle()

    # Time and the market.

    def take(self, events: Events) -> None:
        """Lets the outside market go on: books, trades and quotes, in the order given."""
        kinds: list[int] = events["kind"].tolist()
        for place, kind in enumerate(kinds):
            if kind in {EventKind.MARK, EventKind.FUNDING}:
                continue  # shares have neither
            event = events[place]
            self.advance(int(event["time_ns"]))
            index = int(event["instrument"])
            tape, whole = self.tapes[index], True
            self._printing = kind == EventKind.TRADE
            if kind == EventKind.TRADE:
                self._outside_trade(index, event)
            elif kind == EventKind.LEVEL:
                tape.level(int(event["price"]), int(event["quantity"]), int(event["flags"]))
                whole = bool(int(event["flags"]) & Flag.LAST)
            elif kind == EventKind.QUOTE:
                tape.clear()
                tape.level(int(event["bid"]), int(event["bid_quantity"]), 0)
                tape.level(int(event["ask"]), int(event["ask_quantity"]), int(Flag.SELL))
            elif kind == EventKind.BOOK_CLEAR:
                tape.clear()
                whole = False
            self._hear(self._matching.hear(events, place))
            self._printing = False
            if whole:
                self._book_changed(index)
        self._settle()

    def _book_changed(self, index: int) -> None:
        for order in [one for one in self._unsent if one.listing.index == index]:
            self._unsent.remove(order)
            self._send(order)
        self._settle()
        row = self.tapes[index].quote(self.now_ns, self.resting())
        if row is not None:
            self._news.data.append(("quotes", index, row))

    def advance(self, now_ns: int) -> None:
        """Lets time pass; minutes that are over become bars."""
        self.now_ns = max(self.now_ns, now_ns)
        self._matching.advance(self.now_ns)
        for index, tape in enumerate(self.tapes):
            bar = tape.end_minute(self.now_ns)
            if bar is not None:
                self._news.data.append(("bars", index, bar_row(bar)))
                day = tape.day_row()
                if day is not None:
                    self._news.data.append(("dailyBars", index, day))

    def turn(self) -> None:
        """The phase of the day has changed: sends what has waited for it, ends what was good until now."""
        closing = self.phase is Phase.REGULAR
        if closing:
            self._trade_the_close()
        self.phase = self.calendar.phase(self.now_ns)
        if closing:
            self._leave_the_market()
        if self.phase is Phase.PRE:
            self._new_day()
        if self.phase is Phase.CLOSED:
            self._expire(extended=True)
        self._release()
        self._settle()

    def _new_day(self) -> None:
        start_ns = self.calendar.day_start_ns(self.now_ns)
        for tape in self.tapes:
            tape.begin_day(start_ns)
        for account in self.accounts.values():
            account.opened_today.clear()

    def _trade_the_close(self) -> None:
        for order in [one for one in self._waiting if one.tif == "cls" and one.open]:
            self._waiting.remove(order)
            self.announce(order)
            self._send(order)
        self._settle()

    def _leave_the_market(self) -> None:
        """Day orders end, others wait for the next open."""
        self._expire(extended=False)
        for order in [*self._working.values(), *self._unsent]:
            if not order.extended:
                self._pull(order)
                self._waiting.append(order)
        for tape in self.tapes:
            tape.last_close = tape.last
        for account in self.accounts.values():
            account.last_equity = self.value(account).equity

    def _expire(self, *, extended: bool) -> None:
        """Ends the day orders of this session."""
        today = new_york(self.now_ns - 1).date()
        for account in self.accounts.values():
            for order in account.open_orders():
                due = order.good_for is not None and order.good_for <= today
                if due and order.open and (extended or not order.extended):
                    self.cancel(order, "expired")

    def _release(self) -> None:
        opening = self.phase is Phase.REGULAR
        for order in list(self._waiting):
            if not order.open or order not in self._waiting:
                continue
            if self._may_trade(order) or (opening and order.tif == "opg"):
                self._waiting.remove(order)
                if order.status in {"accepted", "pending_new"}:
                    self.announce(order)
                if order.tif == "opg":
                    self._send(order)
                else:
                    self.work(order)

    def halt(self, *, on: bool) -> None:
        """Stops trading in all stocks, or lets it go on. Orders at the market leave it meanwhile."""
        if on == self.halted:
            return
        self.halted = on
        words = ("H", "Trading Halt", "T12", "Trading Halted; For Information Requested by NASDAQ") if on else (
            "T", "Trading Resumption", "", "")  # fmt: skip
        for index, listing in enumerate(self.listings):
            row = {"sc": words[0], "sm": words[1], "rc": words[2], "rm": words[3], "t": self.now_ns, "z": listing.tape}
            self._news.data.append(("statuses", index, row))
        if on:
            for order in [*self._working.values(), *self._unsent]:
                self._pull(order)
                self._waiting.append(order)
        else:
            self._release()
            self._settle()

    def take_news(self) -> News:
        """Returns what happened since the last call."""
        news, self._news = self._news, News()
        return news

    # Trades.

    def _outside_trade(self, index: int, event: Any) -> None:
        trade_id = (int(event["trade_id"]) * len(self.listings) + index) * 2 + 2
        self._print(index, int(event["price"]), int(event["quantity"]), trade_id)

    def _print(self, index: int, ticks: int, lots: int, trade_id: int) -> None:
        row = self.tapes[index].print(self.now_ns, ticks, lots, trade_id)
        self._news.data.append(("trades", index, row))
        self._last_trade_id = trade_id
        self._printed.append((index, ticks))

    def _settle(self) -> None:
        """Shows stops the trades that they have not seen; what they trade may trigger others."""
        while self._printed:
            index, ticks = self._printed.popleft()
            if self.phase is not Phase.REGULAR:
                continue
            for order in [one for one in self._stops if one.listing.index == index]:
                order.follow(ticks)
                if order.reached(ticks) and order in self._stops:
                    self._trigger(order)

    def _trigger(self, order: Order) -> None:
        self._stops.remove(order)
        order.triggered = True
        pair, order.pair = order.pair, None
        if pair is not None:
            pair.pair = None
            self.cancel(pair)
        if order.status == "held":
            self.announce(order)
        self.work(order)

    def _hear(self, reports: list[Report]) -> None:
        for report in reports:
            order = self._working.get(report.order_id)
            if order is None or self._owners[order.id].number != report.account:
                continue
            if report.kind == EventKind.FILL:
                self._filled(order, report)
            elif report.kind in {EventKind.ORDER_CANCELED, EventKind.ORDER_REJECTED, EventKind.ORDER_EXPIRED}:
                self._ended(order, report)

    def _ended(self, order: Order, report: Report) -> None:
        """An order that met no more liquidity: a market order that lasts waits for more."""
        self._working.pop(order.ticket, None)
        thin = report.reason in {Reason.NO_LIQUIDITY, Reason.PRICE_UNAVAILABLE}
        if thin and not order.limit and order.tif in {"day", "gtc"}:
            self._unsent.append(order)
            return
        refused = report.kind == EventKind.ORDER_REJECTED and not thin
        self._end(order, "rejected" if refused else "canceled")

    def _filled(self, order: Order, report: Report) -> None:
        account, index = self._owners[order.id], order.listing.index
        paid = report.price * report.lots
        held = account.position(index)
        self._note_day_trade(account, order, report.lots)
        held.move(order.side, report.lots, paid)
        account.cash -= order.side * paid
        order.filled += report.lots
        order.paid += paid
        trade_id = report.trade_id * 2 + 1
        # A trade between accounts is told once; what the outside market traded is told already.
        if not (report.maker and self._printing) and trade_id != self._last_trade_id:
            self._print(index, report.price, report.lots, trade_id)
        if order.left == 0:
            self._working.pop(order.ticket, None)
            order.stamps["filled_at"] = self.now_ns
        self._tell_fill(account, order, report, held.lots)
        if order.left == 0:
            activate_exits(self, order)
        keep_pair(self, order)

    def _tell_fill(self, account: Account, order: Order, report: Report, held: int) -> None:
        whole = order.left == 0
        order.status = "filled" if whole else "partially_filled"
        execution = self.new_id()
        moment = new_york(self.now_ns)
        shorting = order.side < 0 and order.opens
        account.activities.append(
            {
                "id": f"{moment:%Y%m%d%H%M%S}{self.now_ns // 1_000_000 % 1_000:03d}::{execution}",
                "activity_type": "FILL", "transaction_time": instant(self.now_ns),
                "type": "fill" if whole else "partial_fill", "price": price(report.price),
                "qty": quantity(report.lots), "side": "sell_short" if shorting else "buy" if order.side > 0 else "sell",
                "symbol": order.listing.symbol, "leaves_qty": quantity(order.left), "order_id": order.id,
                "cum_qty": quantity(order.filled), "order_status": order.status, "time_ns": self.now_ns,
            }
        )  # fmt: skip
        more = {"price": price(report.price), "qty": quantity(report.lots), "position_qty": quantity(held)}
        self.tell(order, "fill" if whole else "partial_fill", execution, **more)

    def _note_day_trade(self, account: Account, order: Order, lots: int) -> None:
        """Buying and selling the same shares on one day is a day trade; an order counts as one."""
        index = order.listing.index
        opened = account.opened_today.get(index, 0)
        if opened * order.side < 0:
            if not order.stamps.get("day_trade"):
                account.day_trades.append(new_york(self.now_ns).date())
                order.stamps["day_trade"] = self.now_ns
            left = max(abs(opened) - lots, 0)
            account.opened_today[index] = left if opened > 0 else -left
        elif order.opens:
            account.opened_today[index] = opened + order.side * lots

    def tell(self, order: Order, event: str, execution: str = "", **more: Any) -> None:
        """Tells an order's account what happened to it."""
        order.updated_ns = self.now_ns
        account = self._owners[order.id]
        row = {
            "event": event, "event_id": self._event_id(), "execution_id": execution or self.new_id(),
            "timestamp": instant(self.now_ns), "at": instant(self.now_ns), **more, "order": order_row(order),
        }  # fmt: skip
        self._news.updates.append((account.key, row))

    def _event_id(self) -> str:
        """Ids that rise with time, as the venue's do."""
        self._count += 1
        return f"{self.now_ns // 1_000_000:013d}{self._count:013d}"
