"""How resting orders meet market data. "Buy" stands for both sides; a sell is the mirror image.

Which rules hold is decided by the richest data that the instrument has had: LEVELS, else QUOTES, else PRINTS (bars or
trades alone). Fills of one event go by price, then by arrival. All at their own price as maker unless said otherwise.

| data            | resting buy limit at p                                                                     |
|-----------------|--------------------------------------------------------------------------------------------|
| QUOTE           | ask <= p: whole; with DISPLAYED at most the displayed lots a quote, shared                 |
| LEVEL (LAST)    | best ask <= p: at most the ask lots at p or better in that book, shared                    |
| TRADE at < p    | at most the trade's lots, shared (they came past the order)                                |
| TRADE at p      | aggressor sold: the lots that came past the queue ahead (`queues`), shared                 |
| TRADE, no book  | < p (TOUCH: <= p): whole; PARTICIPATION caps the lots of all orders together               |
| BAR, no book    | open <= p: whole at the open; else low < p (TOUCH: <= p): whole at p; PARTICIPATION caps   |

Queue ahead of a buy at p, at its arrival: the lots displayed at p. QUOTES show only the touch: an order that improves
it is first (0), one behind it does not know its queue and joins behind the displayed lots once p is the touch; a
trade at p does not fill it before. When the bid falls below p, nobody is ahead.

| data            | market order, or limit that crosses, on arrival                                            |
|-----------------|--------------------------------------------------------------------------------------------|
| QUOTE, LEVEL    | trades at once as taker (`execution`), in the book as it was before the event              |
| BAR             | waits, and trades at the next bar's open as taker; what PARTICIPATION leaves of a market   |
|                 | order goes on at the next open, of an IOC is cancelled; a FOK trades whole or not at all   |
| TRADE, no book  | waits, and trades at the next trade's price, else as BAR                                   |

| data            | stop buy at trigger s                                                                      |
|-----------------|--------------------------------------------------------------------------------------------|
| QUOTE, LEVEL    | ask >= s: becomes a market (limit) order at once, in the book as it is after the event     |
| TRADE           | price >= s: likewise; without a book it waits for the next trade                           |
| BAR             | open >= s: at the open; else high >= s: at s; as taker. A stop-limit that the trigger      |
|                 | price does not satisfy rests, from the next bar on. Stops come before limits: where a bar  |
|                 | reaches both, the worse one is assumed to have been first                                  |
"""

from quarterdeck.kernel.arithmetic import ppm_of
from quarterdeck.kernel.book import level_lots, lots_through
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.execution import cancel_order, crosses, executable, fill, is_market, reachable, take
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.market_records import DataSource, Listing, Market, MarketCount, MarketSetting, OrderList
from quarterdeck.kernel.queues import join_queue, level_changed, lots_reached
from quarterdeck.kernel.records import NO_LIMIT, ORDERS, QUANTITY_MAX, Event
from quarterdeck.kernel.resting import enlist, unlist
from quarterdeck.kernel.vocabulary import Flag, OrderType, Reason, TimeInForce

__all__ = [
    "follow_level",
    "follow_touch",
    "match_bar",
    "match_book",
    "match_print",
    "match_trade",
    "place_order",
    "rest_order",
    "trigger_stops",
]

_BUY = word(OrderList.BUY)
_SELL = word(OrderList.SELL)
_STOP_BUY = word(OrderList.STOP_BUY)
_STOP_SELL = word(OrderList.STOP_SELL)
_OPENING = word(OrderList.OPENING)
_NO_LIQUIDITY = word(Reason.NO_LIQUIDITY)
_WOULD_CROSS = word(Reason.POST_ONLY_WOULD_CROSS)
_MAKER = word(Flag.MAKER)
_TAKER = word(0)
_NO_OPEN = word(0)
_NOBODY = word(0)
_LIMIT = word(OrderType.LIMIT)
_MARKET = word(OrderType.MARKET)


@compiled
def rest_order(market: Market, slot: int) -> None:
    """Enters a limit order into its side's list and into the queue of its price."""
    order = market["orders"][slot]
    listing = market["listings"][order["instrument"]]
    price = order["price"]
    order["level_lots"] = -1
    if listing["source"] == DataSource.LEVELS:
        if order["side"] > 0:
            join_queue(order, level_lots(listing["bids"], price))
        else:
            join_queue(order, level_lots(listing["asks"], -price))
    elif listing["source"] == DataSource.QUOTES:
        touch = listing["bid"] if order["side"] > 0 else listing["ask"]
        lots = listing["bid_lots"] if order["side"] > 0 else listing["ask_lots"]
        if price == touch:
            join_queue(order, lots)
        elif touch <= 0 or (price - touch) * int(order["side"]) > 0:
            join_queue(order, _NOBODY)
    enlist(market, slot, _BUY if order["side"] > 0 else _SELL)


@compiled
def place_order(market: Market, slot: int, reports: Records[Event]) -> None:
    """An accepted order, or a stop that was triggered, meets the book; without a book it waits for a print."""
    order = market["orders"][slot]
    if market["listings"][order["instrument"]]["source"] < DataSource.QUOTES:
        enlist(market, slot, _OPENING)
        return
    if order["flags"] & Flag.POST_ONLY and crosses(market, order):
        cancel_order(market, slot, _WOULD_CROSS, reports)
        return
    if order["time_in_force"] == TimeInForce.FOK and not reachable(market, order):
        cancel_order(market, slot, _NO_LIQUIDITY, reports)
        return
    take(market, slot, reports)
    if order["remaining"] == 0:
        return
    if _lasts(order["time_in_force"]) and not is_market(order):
        rest_order(market, slot)
    else:
        cancel_order(market, slot, _NO_LIQUIDITY, reports)


@compiled
def _lasts(time_in_force: int) -> bool:
    return time_in_force == TimeInForce.GTC or time_in_force == TimeInForce.DAY


@compiled
def follow_touch(market: Market, listing: Listing) -> None:
    """Moves the queues of the orders at the touch or before it, after a quote."""
    model = market["settings"][MarketSetting.QUEUE_MODEL]
    power = market["settings"][MarketSetting.QUEUE_POWER]
    for place in range(2):
        side = 1 if place == _BUY else -1
        touch = listing["bid"] if place == _BUY else listing["ask"]
        lots = listing["bid_lots"] if place == _BUY else listing["ask_lots"]
        slot = listing["heads"][place]
        for _ in range(ORDERS):
            if slot == 0:
                break
            order = market["orders"][slot]
            ahead = (order["price"] - touch) * side
            if touch > 0 and ahead < 0:
                break
            if touch <= 0 or ahead > 0:
                if order["level_lots"] != 0 or order["queue_ahead"] != 0.0:
                    join_queue(order, _NOBODY)
            elif order["level_lots"] < 0:
                join_queue(order, lots)
            elif order["level_lots"] != lots or order["level_traded"] != 0:
                level_changed(order, lots, model, power)
            slot = order["following"]


@compiled
def follow_level(market: Market, listing: Listing, place: int, price: int, lots: int) -> None:
    """Moves the queues of the orders at a level that changed."""
    model = market["settings"][MarketSetting.QUEUE_MODEL]
    power = market["settings"][MarketSetting.QUEUE_POWER]
    side = 1 if place == _BUY else -1
    slot = listing["heads"][place]
    for _ in range(ORDERS):
        if slot == 0:
            return
        order = market["orders"][slot]
        ahead = (order["price"] - price) * side
        if ahead < 0:
            return
        if ahead == 0:
            level_changed(order, lots, model, power)
        slot = order["following"]


@compiled
def _match_side(market: Market, listing: Listing, place: int, reports: Records[Event]) -> None:
    """Fills the orders of one side that the opposite touch has reached."""
    side = 1 if place == _BUY else -1
    touch = listing["ask"] if place == _BUY else listing["bid"]
    if touch <= 0:
        return
    depth = listing["source"] == DataSource.LEVELS
    capped = depth or market["settings"][MarketSetting.DISPLAYED] != 0
    slot = listing["heads"][place]
    for _ in range(ORDERS):
        if slot == 0:
            return
        order = market["orders"][slot]
        price = order["price"]
        if (price - touch) * side < 0:
            return
        following = order["following"]
        lots = order["remaining"]
        if capped:
            taken = listing["taken_asks"] if place == _BUY else listing["taken_bids"]
            offered = listing["ask_lots"] if place == _BUY else listing["bid_lots"]
            if depth:
                offered = (
                    lots_through(listing["asks"], -price) if place == _BUY else lots_through(listing["bids"], price)
                )
            lots = min(lots, offered - taken)
        if lots > 0:
            market["trade_sequence"] += 1
            traded = fill(market, slot, price, lots, _MAKER, reports)
            if capped and place == _BUY:
                listing["taken_asks"] += traded
            elif capped:
                listing["taken_bids"] += traded
        slot = following


@compiled
def match_book(market: Market, index: int, reports: Records[Event]) -> None:
    """Matches after a quote, or a batch of levels: waiting orders, resting orders, stops."""
    listing = market["listings"][index]
    for _ in range(ORDERS):
        slot = listing["heads"][_OPENING]
        if slot == 0:
            break
        unlist(market, slot)
        place_order(market, slot, reports)
    if listing["ask"] <= listing["best_buy"]:
        _match_side(market, listing, _BUY, reports)
    if listing["bid"] >= listing["best_sell"]:
        _match_side(market, listing, _SELL, reports)
    high = listing["ask"] if listing["ask"] > 0 else -1
    low = listing["bid"] if listing["bid"] > 0 else NO_LIMIT
    trigger_stops(market, listing, high, low, reports)


@compiled
def trigger_stops(market: Market, listing: Listing, high: int, low: int, reports: Records[Event]) -> None:
    """Turns stop buys with a trigger up to `high`, and stop sells down to `low`, into orders that meet the book."""
    for _ in range(ORDERS):
        if high >= listing["first_stop_buy"]:
            slot = listing["heads"][_STOP_BUY]
        elif low <= listing["first_stop_sell"]:
            slot = listing["heads"][_STOP_SELL]
        else:
            return
        unlist(market, slot)
        order = market["orders"][slot]
        order["order_type"] = _MARKET if order["order_type"] == OrderType.STOP else _LIMIT
        place_order(market, slot, reports)


@compiled
def match_trade(market: Market, index: int, price: int, lots: int, sold: bool, reports: Records[Event]) -> None:
    """Matches after a trade of an instrument that has a book."""
    listing = market["listings"][index]
    for place in range(2):
        side = 1 if place == _BUY else -1
        aggressor_met = sold == (place == _BUY)
        left = lots  # of the trade, for orders that it came past
        slot = listing["heads"][place]
        for _ in range(ORDERS):
            if slot == 0:
                break
            order = market["orders"][slot]
            ahead = (order["price"] - price) * side
            if ahead < 0:
                break
            following = order["following"]
            reached = lots
            if ahead == 0:
                reached = lots_reached(order, lots) if aggressor_met and order["level_lots"] >= 0 else 0
            possible = min(left, reached - (lots - left))
            if possible > 0:
                market["trade_sequence"] += 1
                left -= fill(market, slot, order["price"], possible, _MAKER, reports)
            slot = following
    trigger_stops(market, listing, price, price, reports)


@compiled
def _print_budget(market: Market, volume: int) -> int:
    """Lots of a print that may be ours."""
    share = market["settings"][MarketSetting.PARTICIPATION_PPM]
    return ppm_of(volume, share) if share > 0 else QUANTITY_MAX


@compiled
def _fill_print(market: Market, slot: int, price: int, budget: int, maker: int, reports: Records[Event]) -> int:
    """Fills an order at a print as far as the budget goes; returns what is left of the budget."""
    lots = min(budget, market["orders"][slot]["remaining"])
    if lots <= 0:
        return budget
    market["trade_sequence"] += 1
    traded = fill(market, slot, price, lots, maker, reports)
    return budget - traded if budget < QUANTITY_MAX else budget


@compiled
def _open_order(market: Market, slot: int, price: int, budget: int, reports: Records[Event]) -> int:
    """An order that waited meets the print's (opening) price. Returns what is left of the budget."""
    order = market["orders"][slot]
    met = is_market(order) or (order["price"] - price) * int(order["side"]) >= 0
    if met and order["flags"] & Flag.POST_ONLY:
        cancel_order(market, slot, _WOULD_CROSS, reports)
        return budget
    whole = order["time_in_force"] == TimeInForce.FOK
    if met and not (whole and min(executable(market, order), budget) < order["remaining"]):
        budget = _fill_print(market, slot, price, budget, _TAKER, reports)
    if order["remaining"] == 0:
        return budget
    if not _lasts(order["time_in_force"]):
        cancel_order(market, slot, _NO_LIQUIDITY, reports)
    elif not is_market(order):
        unlist(market, slot)
        rest_order(market, slot)
    return budget


@compiled
def _open_orders(market: Market, listing: Listing, price: int, budget: int, reports: Records[Event]) -> int:
    """Executes the orders that arrived since the last print, in their order. Returns what is left of the budget."""
    slot = listing["heads"][_OPENING]
    for _ in range(ORDERS):
        if slot == 0:
            break
        following = market["orders"][slot]["following"]
        budget = _open_order(market, slot, price, budget, reports)
        slot = following
    return budget


@compiled
def _match_resting(
    market: Market, listing: Listing, place: int, opening: int, extreme: int, budget: int, reports: Records[Event]
) -> int:
    """Fills resting orders of one side at a print; `opening` 0: none to fill at. Returns the budget left."""
    side = 1 if place == _BUY else -1
    touch = market["settings"][MarketSetting.BAR_TOUCH]
    slot = listing["heads"][place]
    for _ in range(ORDERS):
        if slot == 0:
            break
        order = market["orders"][slot]
        price = order["price"]
        gap = (price - extreme) * side
        if gap < 0 or (gap == 0 and touch == 0 and opening != price):
            break
        following = order["following"]
        if order["held_event"] != market["counts"][MarketCount.EVENTS]:
            at = opening if opening > 0 and (price - opening) * side >= 0 else price
            budget = _fill_print(market, slot, at, budget, _MAKER, reports)
        slot = following
    return budget


@compiled
def _bar_stops(
    market: Market, listing: Listing, place: int, opening: int, extreme: int, budget: int, reports: Records[Event]
) -> int:
    """Executes the stops of one side that a bar reached. Returns what is left of the budget."""
    side = 1 if place == _STOP_BUY else -1
    for _ in range(ORDERS):
        slot = listing["heads"][place]
        if slot == 0:
            break
        order = market["orders"][slot]
        trigger = order["trigger_price"]
        if (extreme - trigger) * side < 0:
            break
        price = opening if (opening - trigger) * side >= 0 else trigger
        unlist(market, slot)
        order["order_type"] = _MARKET if order["order_type"] == OrderType.STOP else _LIMIT
        order["held_event"] = market["counts"][MarketCount.EVENTS]
        # It waits in no list while it is executed; what is left of it rests, or goes on at the next open.
        budget = _open_order(market, slot, price, budget, reports)
        if order["remaining"] > 0 and order["place"] == OrderList.NONE:
            enlist(market, slot, _OPENING)
    return budget


@compiled
def match_bar(market: Market, index: int, event: Event, reports: Records[Event]) -> None:
    """Matches after a bar of an instrument without a book."""
    listing = market["listings"][index]
    opening = event["open"]
    budget = _print_budget(market, event["volume"])
    budget = _open_orders(market, listing, opening, budget, reports)
    budget = _bar_stops(market, listing, _STOP_BUY, opening, event["high"], budget, reports)
    budget = _bar_stops(market, listing, _STOP_SELL, opening, event["low"], budget, reports)
    budget = _match_resting(market, listing, _BUY, opening, event["low"], budget, reports)
    _match_resting(market, listing, _SELL, opening, event["high"], budget, reports)


@compiled
def match_print(market: Market, index: int, price: int, lots: int, reports: Records[Event]) -> None:
    """Matches after a trade of an instrument without a book."""
    listing = market["listings"][index]
    budget = _print_budget(market, lots)
    budget = _open_orders(market, listing, price, budget, reports)
    budget = _match_resting(market, listing, _BUY, _NO_OPEN, price, budget, reports)
    _match_resting(market, listing, _SELL, _NO_OPEN, price, budget, reports)
    trigger_stops(market, listing, price, price, reports)
