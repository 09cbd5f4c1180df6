"""The simulated venue: `market_apply` feeds it market data and gets its reports, `market_accept` sends it requests.

`market_apply` for an event e at time t, in this order:

1. reports whose response latency is over are told;
2. requests due by t are executed in order of arrival, in the book as it was before e (not while e continues a batch
   of levels: a half-changed book trades with nobody);
3. e changes the book, the last price or the instrument;
4. resting orders and stops are matched (`matching`);
5. when a batch of levels has changed the touch, a QUOTE says so.

Nothing here reads a clock or draws a random number: the same calls give the same bytes.
"""

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.book import best_lots, best_price, clear_side, set_level
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.execution import cancel_order
from quarterdeck.kernel.layout import Records, allocate, word
from quarterdeck.kernel.market_records import (
    EVENT_REPORTS,
    INBOX,
    MARKET,
    MARKET_ACCOUNTS,
    MARKET_REPORTS,
    DataSource,
    Listing,
    Market,
    MarketCount,
    MarketSetting,
    OrderList,
    QueueModel,
)
from quarterdeck.kernel.market_reports import deliver, report_order, report_quote, report_room
from quarterdeck.kernel.matching import follow_level, follow_touch, match_bar, match_book, match_print, match_trade
from quarterdeck.kernel.records import INSTRUMENTS, PRICE_MAX, QUANTITY_MAX, Event
from quarterdeck.kernel.resting import free_order, reset_heads
from quarterdeck.kernel.venue_requests import execute_request
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, Reason, Table, TimeInForce

__all__ = ["market_accept", "market_apply", "new_market"]

_QUOTES = word(DataSource.QUOTES)
_LEVELS = word(DataSource.LEVELS)
_PRINTS = word(DataSource.PRINTS)
_BUY = word(OrderList.BUY)
_SELL = word(OrderList.SELL)
_NONE = word(Reason.NONE)
_EXPIRED = word(EventKind.ORDER_EXPIRED)
_ALL_ORDERS = word(0)
_DAY_ORDERS = word(1)
_EVERYWHERE = word(-1)
_TERMS = len(InstrumentTerm)


def new_market(
    *,
    order_latency_ns: int = 0,
    response_latency_ns: int = 0,
    queue_model: QueueModel = QueueModel.CONSERVATIVE,
    queue_power: int = 3,
    displayed: bool = False,
    impact_ticks: int = 0,
    bar_touch: bool = False,
    participation_ppm: int = 0,
) -> Records[Market]:
    """Returns one empty market (an array of one record).

    `order_latency_ns` is for the caller, who adds it to the `due_ns` of `market_accept`. `queue_power` is 1, 2 or 3.
    Raises ConfigError for a value out of range.
    """
    bounds = {
        MarketSetting.ORDER_LATENCY_NS: (order_latency_ns, 0, 10**12),
        MarketSetting.RESPONSE_LATENCY_NS: (response_latency_ns, 0, 10**12),
        MarketSetting.QUEUE_MODEL: (int(queue_model), 0, max(QueueModel)),
        MarketSetting.QUEUE_POWER: (queue_power, 1, 3),
        MarketSetting.DISPLAYED: (int(displayed), 0, 1),
        MarketSetting.IMPACT_TICKS: (impact_ticks, 0, 10**6),
        MarketSetting.BAR_TOUCH: (int(bar_touch), 0, 1),
        MarketSetting.PARTICIPATION_PPM: (participation_ppm, 0, 10**6),
    }
    markets: Records[Market] = allocate(MARKET)
    for setting, (value, least, most) in bounds.items():
        if not least <= value <= most:
            raise ConfigError("simulated venue", setting.name.lower(), value, f"{least} to {most}")
        markets[0]["settings"][setting] = value
    for listing in markets[0]["listings"]:
        reset_heads(listing)
        clear_side(listing["bids"])
        clear_side(listing["asks"])
    return markets


@compiled
def market_accept(markets: Records[Market], actions: Records[Event], index: int, account: int, due_ns: int) -> int:
    """Takes the SUBMIT, CANCEL, REPLACE or LIQUIDATION `actions[index]` of an account; it arrives at `due_ns`.

    Returns 0, or 1 when the inbox is full or the request cannot be (its kind, instrument or account is none that the
    venue knows): then nothing was taken. A request due earlier than those before it overtakes them.
    """
    market = markets[0]
    action = actions[index]
    kind = action["kind"]
    instrument = action["instrument"]
    count = market["inbox_count"]
    known = (
        kind == EventKind.SUBMIT
        or kind == EventKind.CANCEL
        or kind == EventKind.REPLACE
        or kind == EventKind.LIQUIDATION
    )
    if not known or not 0 <= instrument < INSTRUMENTS or not 0 <= account < MARKET_ACCOUNTS:
        market["counts"][MarketCount.REFUSED] += 1
        return 1
    if count >= INBOX:
        market["counts"][MarketCount.INBOX_FULL] += 1
        return 1
    place = count
    for _ in range(INBOX):
        if place == 0:
            break
        before = market["inbox"][(market["inbox_first"] + place - 1) % INBOX]
        if before["due_ns"] <= due_ns:
            break
        _copy_request(market, (market["inbox_first"] + place) % INBOX, (market["inbox_first"] + place - 1) % INBOX)
        place -= 1
    request = market["inbox"][(market["inbox_first"] + place) % INBOX]
    request["due_ns"] = due_ns
    request["account"] = account
    request["kind"] = kind
    request["flags"] = action["flags"]
    request["instrument"] = instrument
    request["strategy"] = action["strategy"]
    request["order_type"] = action["order_type"]
    request["time_in_force"] = action["time_in_force"]
    request["price"] = action["price"]
    request["quantity"] = action["quantity"]
    request["order_id"] = action["order_id"]
    request["third"] = action["trigger_price"]
    request["fourth"] = action["tag"]
    market["inbox_count"] = count + 1
    return 0


@compiled
def _copy_request(market: Market, target: int, source: int) -> None:
    to = market["inbox"][target]
    of = market["inbox"][source]
    to["due_ns"] = of["due_ns"]
    to["account"] = of["account"]
    to["kind"] = of["kind"]
    to["flags"] = of["flags"]
    to["instrument"] = of["instrument"]
    to["strategy"] = of["strategy"]
    to["order_type"] = of["order_type"]
    to["time_in_force"] = of["time_in_force"]
    to["price"] = of["price"]
    to["quantity"] = of["quantity"]
    to["order_id"] = of["order_id"]
    to["third"] = of["third"]
    to["fourth"] = of["fourth"]


@compiled
def _execute_due(market: Market, reports: Records[Event]) -> None:
    """Executes the requests that have arrived, as far as there is room to report on them and on the event itself."""
    for _ in range(INBOX):
        if market["inbox_count"] == 0 or report_room(market) < 2 * EVENT_REPORTS:
            return
        first = market["inbox_first"]
        request = market["inbox"][first]
        if request["due_ns"] > market["now_ns"]:
            return
        execute_request(market, request, reports)
        market["inbox_first"] = (first + 1) % INBOX
        market["inbox_count"] -= 1


@compiled
def _reached(listing: Listing) -> bool:
    """Whether the touch reaches any order."""
    return (
        listing["ask"] <= listing["best_buy"]
        or listing["bid"] >= listing["best_sell"]
        or listing["ask"] >= listing["first_stop_buy"]
        or listing["bid"] <= listing["first_stop_sell"]
        or listing["heads"][OrderList.OPENING] != 0
    )


@compiled
def _quote(market: Market, index: int, event: Event) -> bool:
    """Takes a quote; whether there is anything to match. The array of reports is not handed on where none is said."""
    bid = event["bid"]
    ask = event["ask"]
    bid_lots = event["bid_quantity"]
    ask_lots = event["ask_quantity"]
    inside = 0 <= bid <= PRICE_MAX and 0 <= ask <= PRICE_MAX
    if not inside or (bid > ask > 0) or not (0 <= bid_lots <= QUANTITY_MAX and 0 <= ask_lots <= QUANTITY_MAX):
        market["counts"][MarketCount.REFUSED] += 1
        return False
    listing = market["listings"][index]
    if listing["source"] > DataSource.QUOTES:
        return False
    listing["source"] = _QUOTES
    listing["bid"] = bid
    listing["ask"] = ask
    listing["bid_lots"] = bid_lots
    listing["ask_lots"] = ask_lots
    listing["taken_bids"] = 0
    listing["taken_asks"] = 0
    if bid <= listing["best_buy"] or ask >= listing["best_sell"] or ask == 0:
        follow_touch(market, listing)
    return _reached(listing)


@compiled
def _level(market: Market, index: int, event: Event) -> bool:
    """Takes a change of a level; whether the book is whole again."""
    price = event["price"]
    lots = event["quantity"]
    if not (0 < price <= PRICE_MAX and 0 <= lots <= QUANTITY_MAX):
        market["counts"][MarketCount.REFUSED] += 1
        return False
    listing = market["listings"][index]
    listing["source"] = _LEVELS
    if event["flags"] & Flag.SELL:
        market["counts"][MarketCount.LEVELS_DROPPED] += set_level(listing["asks"], -price, lots)
        if price >= listing["best_sell"]:
            follow_level(market, listing, _SELL, price, lots)
    else:
        market["counts"][MarketCount.LEVELS_DROPPED] += set_level(listing["bids"], price, lots)
        if price <= listing["best_buy"]:
            follow_level(market, listing, _BUY, price, lots)
    listing["in_batch"] = 0 if event["flags"] & Flag.LAST else 1
    return listing["in_batch"] == 0


@compiled
def _end_batch(market: Market, index: int, venue_time_ns: int, reports: Records[Event]) -> None:
    """The book is whole again."""
    listing = market["listings"][index]
    listing["bid"] = best_price(listing["bids"])
    listing["ask"] = best_price(listing["asks"])
    listing["bid_lots"] = best_lots(listing["bids"])
    listing["ask_lots"] = best_lots(listing["asks"])
    listing["taken_bids"] = 0
    listing["taken_asks"] = 0
    if _reached(listing):
        match_book(market, index, reports)
    report_quote(market, index, venue_time_ns, reports)


@compiled
def _trade(market: Market, index: int, event: Event, reports: Records[Event]) -> None:
    price = event["price"]
    lots = event["quantity"]
    if not (0 < price <= PRICE_MAX and 0 < lots <= QUANTITY_MAX):
        market["counts"][MarketCount.REFUSED] += 1
        return
    listing = market["listings"][index]
    listing["last"] = price
    if listing["source"] < DataSource.QUOTES:
        listing["source"] = _PRINTS
        match_print(market, index, price, lots, reports)
    elif (
        price <= listing["best_buy"]
        or price >= listing["best_sell"]
        or price >= listing["first_stop_buy"]
        or price <= listing["first_stop_sell"]
    ):
        match_trade(market, index, price, lots, (event["flags"] & Flag.SELL) != 0, reports)


@compiled
def _bar(market: Market, index: int, event: Event, reports: Records[Event]) -> None:
    low = event["low"]
    high = event["high"]
    whole = 0 < low <= event["open"] <= high <= PRICE_MAX and low <= event["close"] <= high
    if not whole or not 0 <= event["volume"] <= QUANTITY_MAX:
        market["counts"][MarketCount.REFUSED] += 1
        return
    listing = market["listings"][index]
    listing["last"] = event["close"]
    listing["close"] = event["close"]
    if listing["source"] < DataSource.QUOTES:
        listing["source"] = _PRINTS
        if market["open_count"] > 0:
            match_bar(market, index, event, reports)


@compiled
def _clear_book(listing: Listing) -> None:
    clear_side(listing["bids"])
    clear_side(listing["asks"])
    listing["bid"] = 0
    listing["ask"] = 0
    listing["bid_lots"] = 0
    listing["ask_lots"] = 0
    listing["taken_bids"] = 0
    listing["taken_asks"] = 0
    listing["in_batch"] = 0


@compiled
def _end_orders(market: Market, index: int, day_only: int, reports: Records[Event]) -> None:
    """Ends an instrument's orders: day orders expire at the session's end, all are cancelled at a corporate event."""
    for slot in range(1, market["used_slots"] + 1):
        order = market["orders"][slot]
        if order["remaining"] == 0 or (index >= 0 and order["instrument"] != index):
            continue
        if day_only == 0:
            cancel_order(market, slot, _NONE, reports)
        elif order["time_in_force"] == TimeInForce.DAY:
            report_order(market, order, _EXPIRED, _NONE, reports)
            free_order(market, slot)


@compiled
def _rescale(market: Market, index: int, event: Event, reports: Records[Event]) -> None:
    """A split (positions) or a new tick size (value of a tick): old prices mean nothing any more."""
    numerator = event["numerator"]
    denominator = event["denominator"]
    if not (0 < numerator <= 10**6 and 0 < denominator <= 10**6):
        market["counts"][MarketCount.REFUSED] += 1
        return
    _end_orders(market, index, _ALL_ORDERS, reports)
    listing = market["listings"][index]
    _clear_book(listing)
    listing["last"] = 0
    listing["close"] = 0
    listing["mark"] = 0
    if event["kind"] == EventKind.SPLIT:
        for account in range(MARKET_ACCOUNTS):
            place = account * INSTRUMENTS + index
            held = market["positions"][place]
            size = abs(held) // denominator * numerator + abs(held) % denominator * numerator // denominator
            market["positions"][place] = size if held >= 0 else -size
    else:
        listing["terms"][InstrumentTerm.VALUE] = listing["terms"][InstrumentTerm.VALUE] * denominator // numerator


@compiled
def _configure(market: Market, event: Event) -> None:
    row = event["row"]
    column = event["column"]
    if event["table"] != Table.INSTRUMENT_TERM:
        return
    if 0 <= row < INSTRUMENTS and 0 <= column < _TERMS:
        market["listings"][row]["terms"][column] = event["setting"]
    else:
        market["counts"][MarketCount.REFUSED] += 1


@compiled
def _happen(market: Market, index: int, event: Event, reports: Records[Event]) -> None:
    """What is rarer than market data."""
    kind = event["kind"]
    if kind == EventKind.CONFIGURE:
        _configure(market, event)
    elif kind == EventKind.SESSION_END:
        _end_orders(market, _EVERYWHERE, _DAY_ORDERS, reports)
    elif not 0 <= index < INSTRUMENTS:
        return
    elif kind == EventKind.BOOK_CLEAR:
        _clear_book(market["listings"][index])
    elif kind == EventKind.MARK:
        market["listings"][index]["mark"] = event["mark"]
    elif kind == EventKind.POSITION_ADOPTED:
        if -QUANTITY_MAX < event["quantity"] < QUANTITY_MAX:
            market["positions"][index] = event["quantity"]
        else:
            market["counts"][MarketCount.REFUSED] += 1
    elif kind == EventKind.SPLIT or kind == EventKind.TICK_SIZE_CHANGE:
        _rescale(market, index, event, reports)
    elif kind == EventKind.DELISTING:
        _end_orders(market, index, _ALL_ORDERS, reports)
        _clear_book(market["listings"][index])
        market["listings"][index]["terms"][InstrumentTerm.LISTED] = 0


@compiled
def _catch_up(market: Market, kind: int, instrument: int, reports: Records[Event]) -> None:
    """Tells reports that are due and executes requests that have arrived."""
    deliver(market, reports)
    if not (kind == EventKind.LEVEL and market["listings"][instrument]["in_batch"]):
        _execute_due(market, reports)


@compiled
def _apply(market: Market, event: Event, reports: Records[Event]) -> int:
    kind = event["kind"]
    instrument = event["instrument"]
    market["emitted"] = 0
    market["counts"][MarketCount.EVENTS] += 1
    began = event["venue_time_ns"] if kind == EventKind.BAR else event["time_ns"]
    market["happened_ns"] = max(market["now_ns"], min(began, event["time_ns"]))
    market["now_ns"] = max(market["now_ns"], event["time_ns"])
    data = kind <= EventKind.BAR and kind != EventKind.BOOK_CLEAR
    if data and not 0 <= instrument < INSTRUMENTS:
        market["counts"][MarketCount.REFUSED] += 1
        return 0
    if market["inbox_count"] + market["outbox_count"] > 0:
        _catch_up(market, kind, instrument, reports)
    if kind == EventKind.QUOTE:
        if _quote(market, instrument, event):
            match_book(market, instrument, reports)
    elif kind == EventKind.LEVEL:
        if _level(market, instrument, event):
            _end_batch(market, instrument, event["venue_time_ns"], reports)
    elif kind == EventKind.TRADE:
        _trade(market, instrument, event, reports)
    elif kind == EventKind.BAR:
        _bar(market, instrument, event, reports)
    else:
        _happen(market, instrument, event, reports)
    if kind == EventKind.BAR and market["outbox_count"] > 0:
        deliver(market, reports)
    return market["emitted"]


@compiled
def market_apply(markets: Records[Market], events: Records[Event], index: int, reports: Records[Event]) -> int:
    """Applies `events[index]` and returns how many reports were written to the start of `reports`.

    `reports` must hold at least MARKET_REPORTS records, which no event can exceed; with fewer nothing is done and -1
    is returned. Kinds that are not the venue's are only a moment in time. A figure that cannot be (a negative price, a
    crossed quote, an instrument out of range) is counted as REFUSED and changes nothing.
    """
    if len(reports) < MARKET_REPORTS or not 0 <= index < len(events):
        return -1
    return _apply(markets[0], events[index], reports)
