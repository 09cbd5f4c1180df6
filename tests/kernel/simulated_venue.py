"""A simulated venue to write tests with: steps are method calls or tuples, reports come back as short tuples.

("ACCEPTED", id)  ("REJECTED", id, reason)  ("FILL", id, price, lots, "maker" | "taker")  ("CANCELED", id, reason)
("EXPIRED", id)  ("REPLACED", id, price, total)  ("CANCEL_REJECTED", id, reason)  ("REPLACE_REJECTED", id, reason)
("QUOTE", bid, ask, bid_lots, ask_lots)
"""

from typing import Any

from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.market import market_accept, market_apply, new_market
from quarterdeck.kernel.market_records import MARKET_REPORTS
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, OrderType, Reason, Table, TimeInForce

VALUE = 1000
MAKER_PPB = 100_000
TAKER_PPB = 400_000
TERMS = {
    InstrumentTerm.LISTED: 1,
    InstrumentTerm.VALUE: VALUE,
    InstrumentTerm.MAKER_FEE_PPB: MAKER_PPB,
    InstrumentTerm.TAKER_FEE_PPB: TAKER_PPB,
    InstrumentTerm.MIN_LOTS: 1,
}
WITH_REASON = {
    EventKind.ORDER_REJECTED: "REJECTED",
    EventKind.ORDER_CANCELED: "CANCELED",
    EventKind.CANCEL_REJECTED: "CANCEL_REJECTED",
    EventKind.REPLACE_REJECTED: "REPLACE_REJECTED",
}


def spoken(report: Any) -> tuple[Any, ...]:
    """The short form of a report."""
    kind = EventKind(int(report["kind"]))
    order_id = int(report["order_id"])
    if kind == EventKind.FILL:
        role = "maker" if report["flags"] & Flag.MAKER else "taker"
        return ("FILL", order_id, int(report["price"]), int(report["quantity"]), role)
    if kind == EventKind.QUOTE:
        return ("QUOTE", *(int(report[name]) for name in ("bid", "ask", "bid_quantity", "ask_quantity")))
    if kind in WITH_REASON:
        return (WITH_REASON[kind], order_id, Reason(int(report["value"])).name)
    if kind == EventKind.ORDER_REPLACED:
        return ("REPLACED", order_id, int(report["price"]), int(report["quantity"]))
    return (kind.name.removeprefix("ORDER_"), order_id)


class SimulatedVenue:
    """One market with two instruments of the same terms. Time advances by 1 ns with each event."""

    def __init__(self, terms: dict[InstrumentTerm, int] | None = None, **settings: Any) -> None:
        self.markets: Any = new_market(**settings)
        self.events: Any = allocate(EVENT)
        self.reports: Any = allocate(EVENT, MARKET_REPORTS)
        self.raw: list[Any] = []  # every report, as the record that it was
        self.now = 0
        for row in range(2):
            for column, setting in {**TERMS, **(terms or {})}.items():
                self.event(
                    EventKind.CONFIGURE,
                    instrument=-1,
                    table=Table.INSTRUMENT_TERM,
                    row=row,
                    column=column,
                    setting=setting,
                )

    @property
    def market(self) -> Any:
        return self.markets[0]

    def event(self, kind: EventKind, instrument: int = 0, flags: int = 0, **words: int) -> list[tuple[Any, ...]]:
        self.now += 1
        self.events[:] = 0
        event = self.events[0]
        event["time_ns"] = self.now
        event["kind"] = kind
        event["instrument"] = instrument
        event["flags"] = flags
        for name, value in words.items():
            event[name] = value
        count = market_apply(self.markets, self.events, 0, self.reports)
        assert count >= 0
        told = [self.reports[place].copy() for place in range(count)]
        self.raw += told
        return [spoken(report) for report in told]

    def quote(self, bid: int, ask: int, bid_lots: int = 100, ask_lots: int = 100, instrument: int = 0) -> Any:
        return self.event(EventKind.QUOTE, instrument, bid=bid, ask=ask, bid_quantity=bid_lots, ask_quantity=ask_lots)

    def trade(self, price: int, lots: int, aggressor: str = "seller", instrument: int = 0) -> Any:
        flags = int(Flag.SELL) if aggressor == "seller" else 0
        return self.event(EventKind.TRADE, instrument, flags, price=price, quantity=lots)

    def bar(self, opening: int, high: int, low: int, close: int, volume: int = 1000) -> Any:
        return self.event(EventKind.BAR, open=opening, high=high, low=low, close=close, volume=volume)

    def levels(self, bids: dict[int, int], asks: dict[int, int], last: bool = True) -> Any:
        """A batch of level changes; the last one is flagged LAST."""
        changes = [(0, *change) for change in bids.items()] + [(int(Flag.SELL), *change) for change in asks.items()]
        told: list[Any] = []
        for place, (flags, price, lots) in enumerate(changes):
            ends = int(Flag.LAST) if last and place == len(changes) - 1 else 0
            told += self.event(EventKind.LEVEL, 0, flags | ends, price=price, quantity=lots)
        return told

    def split(self, numerator: int, denominator: int) -> Any:
        return self.event(EventKind.SPLIT, numerator=numerator, denominator=denominator)

    def end(self) -> Any:
        """The session ends."""
        return self.event(EventKind.SESSION_END, instrument=-1)

    def delist(self) -> Any:
        return self.event(EventKind.DELISTING)

    def tick(self) -> Any:
        """A moment passes."""
        return self.event(EventKind.CLOCK, instrument=-1)

    def request(
        self,
        kind: EventKind,
        order_id: int,
        *,
        price: int = 0,
        lots: int = 0,
        trigger: int = 0,
        order_type: OrderType = OrderType.LIMIT,
        tif: TimeInForce = TimeInForce.GTC,
        flags: int = 0,
        account: int = 0,
        instrument: int = 0,
        due: int | None = None,
    ) -> int:
        action: Any = allocate(EVENT)
        action[0]["kind"] = kind
        action[0]["order_id"] = order_id
        action[0]["price"] = price
        action[0]["quantity"] = lots
        action[0]["trigger_price"] = trigger
        action[0]["order_type"] = order_type
        action[0]["time_in_force"] = tif
        action[0]["flags"] = flags
        action[0]["instrument"] = instrument
        return market_accept(self.markets, action, 0, account, self.now if due is None else due)

    def buy(self, order_id: int, lots: int, price: int = 0, **terms: Any) -> int:
        """A limit order; a market order without a price; a stop (limit) order with a trigger."""
        if "trigger" in terms:
            terms["order_type"] = OrderType.STOP_LIMIT if price else OrderType.STOP
        elif not price:
            terms["order_type"] = OrderType.MARKET
        return self.request(EventKind.SUBMIT, order_id, price=price, lots=lots, **terms)

    def sell(self, order_id: int, lots: int, price: int = 0, **terms: Any) -> int:
        return self.buy(order_id, lots, price, **{**terms, "flags": terms.get("flags", 0) | Flag.SELL})

    def cancel(self, order_id: int, **terms: Any) -> int:
        return self.request(EventKind.CANCEL, order_id, **terms)

    def replace(self, order_id: int, price: int, total: int, **terms: Any) -> int:
        return self.request(EventKind.REPLACE, order_id, price=price, lots=total, **terms)

    def liquidate(self, lots: int, flags: int = 0, **terms: Any) -> int:
        return self.request(EventKind.LIQUIDATION, 0, lots=lots, flags=flags, **terms)

    def run(self, steps: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Plays steps `(method, *arguments, {named})` and returns what the events among them told."""
        told: list[Any] = []
        for name, *arguments in steps:
            named = arguments.pop() if arguments and name != "levels" and isinstance(arguments[-1], dict) else {}
            answer = getattr(self, name)(*arguments, **named)
            if isinstance(answer, list):
                told += answer
            else:
                assert answer == 0
        return told
