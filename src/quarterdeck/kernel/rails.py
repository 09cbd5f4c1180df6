"""The rails: what every order request must pass, in one order, before it can become an order.

| gates         | rails                                                                                             |
|---------------|---------------------------------------------------------------------------------------------------|
| every order   | ORDER_SHAPE_INVALID, EMERGENCY_LOCK, NOT_REDUCING (a reduce-only request with nothing to reduce), |
|               | ORDER_TABLE_FULL                                                                                  |
| entries only  | all others                                                                                        |

A request reduces when it is on the closing side of its strategy's position and, together with all that already works
on that side, does not exceed the position: an order that would flip it is an entry. Size rails find the largest
quantity they admit; `OnBreach` says whether a larger request is cut to it (MODIFIED) or refused.

A cycle is bought with a limit, at once or not at all (IOC or FOK), and never sold. What it borrows counts as notional
and exposure; nothing is held afterwards, so the rails of positions, heat and margin admit any size of it.
"""

from quarterdeck.kernel.arithmetic import fee_of, mul_div_floor, notional_fits, ppm_of
from quarterdeck.kernel.breaker import breaker_open
from quarterdeck.kernel.commands import paused
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.emission import notice, warn
from quarterdeck.kernel.exposure import (
    desk_exposure,
    heat,
    initial_margin,
    lots_for,
    notional_of,
    strategy_exposure,
    to_desk_money,
    venue_exposure,
    worst_lots,
)
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.ledger import account_equity
from quarterdeck.kernel.orders import SEQUENCE_BITS
from quarterdeck.kernel.records import (
    INSTRUMENTS,
    NO_LIMIT,
    ORDERS,
    PRICE_MAX,
    QUANTITY_MAX,
    Event,
    Instrument,
    Order,
    Position,
    State,
)
from quarterdeck.kernel.vocabulary import (
    DeskLimit,
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    OnBreach,
    OrderStatus,
    OrderType,
    Reason,
    SessionMode,
    StrategyLimit,
    TimeInForce,
    VenueLimit,
)
from quarterdeck.kernel.windows import window_add, window_total

__all__ = [
    "count_request",
    "entry_gate",
    "entry_lots",
    "reducible_lots",
    "reference_half_ticks",
    "shape_ok",
    "significant_price_ok",
]


_DUPLICATES_LOOKED_AT = min(ORDERS, 256)
_STOP_PPM_MAX = 10**9  # a stop a thousand prices away is none


@compiled
def significant_price_ok(price: int, exponent: int, mantissa: int, figures: int) -> bool:
    """Hyperliquid's rule: at most `figures` significant figures, whole numbers always allowed.

    `exponent` and `mantissa` give one tick: mantissa * 10**exponent.
    """
    if figures <= 0:
        return True
    digits = price * mantissa
    power = exponent
    while digits % 10 == 0 and digits > 0:
        digits //= 10
        power += 1
    if power >= 0:
        return True
    count = 0
    while digits > 0:
        digits //= 10
        count += 1
    return count <= figures


@compiled
def _prices_ok(instrument: Instrument, event: Event) -> bool:
    terms = instrument["terms"]
    figures = terms[InstrumentTerm.SIGNIFICANT_FIGURES]
    exponent = terms[InstrumentTerm.PRICE_EXPONENT]
    mantissa = terms[InstrumentTerm.TICK_MANTISSA]
    kind = event["order_type"]
    price = event["price"]
    trigger = event["trigger_price"]
    priced = kind == OrderType.LIMIT or kind == OrderType.STOP_LIMIT
    stop = kind == OrderType.STOP or kind == OrderType.STOP_LIMIT
    if priced and not (0 < price < PRICE_MAX and significant_price_ok(price, exponent, mantissa, figures)):
        return False
    if not priced and price != 0:
        return False
    if stop and not (0 < trigger < PRICE_MAX and significant_price_ok(trigger, exponent, mantissa, figures)):
        return False
    return stop or trigger == 0


@compiled
def shape_ok(instrument: Instrument, event: Event) -> bool:
    """Whether the request is an order at all: known words that fit each other, prices and lots on their grids."""
    kind = event["order_type"]
    force = event["time_in_force"]
    if kind > OrderType.STOP_LIMIT or force > TimeInForce.DAY:
        return False
    if not 0 < event["quantity"] < QUANTITY_MAX or event["quantity"] < instrument["terms"][InstrumentTerm.MIN_LOTS]:
        return False
    if event["flags"] & Flag.POST_ONLY and (
        kind != OrderType.LIMIT or force == TimeInForce.IOC or force == TimeInForce.FOK
    ):
        return False
    if event["flags"] & Flag.PROTECTIVE and not event["flags"] & Flag.REDUCE_ONLY:
        return False
    if instrument["terms"][InstrumentTerm.KIND] == InstrumentKind.CYCLE:
        at_once = force == TimeInForce.IOC or force == TimeInForce.FOK
        if event["flags"] & Flag.SELL or kind != OrderType.LIMIT or not at_once:
            return False
    return _prices_ok(instrument, event)


@compiled
def reducible_lots(position: Position, side: int) -> int:
    """Lots by which an order on `side` may still reduce the position, after all that already works on that side."""
    if side > 0:
        return max(0, -position["quantity"] - position["buy_lots"])
    return max(0, position["quantity"] - position["sell_lots"])


@compiled
def reference_half_ticks(instrument: Instrument, event: Event, side: int) -> int:
    """The price a request is judged at, in half ticks: its own, else its trigger, else the touch, else the mark."""
    if event["price"] > 0:
        return 2 * event["price"]
    if event["trigger_price"] > 0:
        return 2 * event["trigger_price"]
    touch = instrument["ask"] if side > 0 else instrument["bid"]
    return 2 * touch if touch > 0 else instrument["mark_half_ticks"]


@compiled
def _standing_gate(state: State, index: int, strategy: int) -> int:
    """Is trading open at all, for this strategy, instrument and venue?"""
    instrument = state["instruments"][index]
    limits = instrument["limits"]
    venue = state["venues"][instrument["terms"][InstrumentTerm.VENUE]]
    if not state["session"] or state["positions"][strategy * INSTRUMENTS + index]["flattening"]:
        return Reason.TRADING_DISABLED.value
    if paused(state, strategy, index):
        return Reason.TRADING_DISABLED.value
    if breaker_open(state):
        return Reason.BREAKER_OPEN.value
    if not state["strategies"][strategy]["limits"][StrategyLimit.ENABLED]:
        return Reason.STRATEGY_DISABLED.value
    if state["strategies"][strategy]["throttled"]:
        return Reason.REPEATED_EXECUTION.value
    if not limits[InstrumentLimit.ALLOWED] or not instrument["terms"][InstrumentTerm.LISTED]:
        return Reason.SYMBOL_NOT_ALLOWED.value
    if limits[InstrumentLimit.LOCKED]:
        return Reason.SYMBOL_LOCKED.value
    if instrument["unreconciled"]:
        return Reason.UNRECONCILED.value
    if not venue["connected"]:
        return Reason.VENUE_DISCONNECTED.value
    if venue["error_open"] & 1:
        return Reason.VENUE_BREAKER_OPEN.value
    # A backtest has nobody who could acknowledge.
    watched = state["mode"] != SessionMode.BACKTEST
    if watched and state["unacknowledged"] >= state["limits"][DeskLimit.MAX_UNACKNOWLEDGED]:
        return Reason.ALERTS_UNACKNOWLEDGED.value
    return Reason.NONE.value


@compiled
def _capital_gate(state: State, strategy: int) -> int:
    """Pre-set capital thresholds: losses of the day, drawdown from the peak, floor."""
    limits = state["limits"]
    loss = state["equity_day"] - state["equity"]
    if loss >= limits[DeskLimit.MAX_DAILY_LOSS]:
        return Reason.DAILY_LOSS.value
    if (
        -state["strategies"][strategy]["realised_day"]
        >= state["strategies"][strategy]["limits"][StrategyLimit.MAX_DAILY_LOSS]
    ):
        return Reason.DAILY_LOSS.value
    peak = state["equity_peak"]
    if peak - state["equity"] >= ppm_of(max(0, peak), limits[DeskLimit.MAX_DRAWDOWN_PPM]) and peak > state["equity"]:
        return Reason.EQUITY_DRAWDOWN.value
    if state["equity"] <= limits[DeskLimit.EQUITY_FLOOR]:
        return Reason.EQUITY_FLOOR.value
    return Reason.NONE.value


@compiled
def _rate_gate(state: State, instrument: Instrument) -> int:
    """Orders per minute of the desk; messages per second of the venue, less what is kept for cancels."""
    now = state["time_ns"]
    if window_total(state["order_rate"], now) >= state["limits"][DeskLimit.ORDERS_PER_MINUTE]:
        return Reason.ORDER_RATE_EXCEEDED.value
    venue = state["venues"][instrument["terms"][InstrumentTerm.VENUE]]
    room = venue["limits"][VenueLimit.MESSAGES_PER_SECOND] - venue["limits"][VenueLimit.CANCEL_RESERVE]
    if window_total(venue["messages"], now) >= room:
        return Reason.MESSAGE_RATE_EXCEEDED.value
    return Reason.NONE.value


@compiled
def _collar_gate(state: State, instrument: Instrument, half_ticks: int) -> int:
    """Price collars around the mark and around the period's reference, and the age of the price."""
    limits = instrument["limits"]
    mark = instrument["mark_half_ticks"]
    if mark <= 0:
        return Reason.PRICE_UNAVAILABLE.value
    if state["time_ns"] - instrument["data_ns"] > limits[InstrumentLimit.STALE_NS]:
        return Reason.STALE_DATA.value
    if abs(half_ticks - mark) > ppm_of(mark, limits[InstrumentLimit.COLLAR_PPM]):
        return Reason.PRICE_COLLAR.value
    reference = instrument["collar_price"]
    if abs(half_ticks - reference) > ppm_of(reference, limits[InstrumentLimit.COLLAR_PERIOD_PPM]):
        return Reason.PRICE_COLLAR_PERIOD.value
    return Reason.NONE.value


@compiled
def _duplicate(state: State, position: Position, instrument: Instrument, event: Event, side: int) -> bool:
    """The same price, side and size from the same strategy within the window, as the last request or an order."""
    window = instrument["limits"][InstrumentLimit.DUPLICATE_WINDOW_NS]
    if window <= 0:
        return False
    since = state["time_ns"] - window
    price = event["price"] + event["trigger_price"]
    if (
        position["last_request_ns"] > max(0, since)
        and position["last_request_price"] == price
        and position["last_request_quantity"] == side * event["quantity"]
    ):
        return True
    # Duplicates of several orders may take turns, so the latest orders are looked through as well.
    newest = (state["epoch"] << SEQUENCE_BITS) | state["order_sequence"]
    for order_id in range(newest, newest - min(state["order_sequence"], _DUPLICATES_LOOKED_AT), -1):
        order = state["orders"][order_id % ORDERS]
        if order["id"] != order_id:
            continue
        if order["created_ns"] <= since:
            return False
        same = order["strategy"] == event["strategy"] and order["instrument"] == event["instrument"]
        same = same and order["side"] == side and order["quantity"] == event["quantity"]
        if same and order["price"] + order["trigger_price"] == price and not _came_to_nothing(order):
            return True
    return False


@compiled
def _came_to_nothing(order: Order) -> bool:
    """Whether the order ended without a fill: to send it again is no repetition."""
    return order["status"] > OrderStatus.FILLED and order["filled"] == 0


@compiled
def _self_match(state: State, index: int, side: int, half_ticks: int) -> bool:
    """Whether an own working order stands on the other side at a price the request would trade with."""
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["instrument"] != index or order["side"] == side or order["order_type"] != OrderType.LIMIT:
            continue
        if side * (half_ticks - 2 * order["price"]) >= 0:
            return True
    return False


@compiled
def entry_gate(state: State, event: Event, side: int, half_ticks: int) -> int:
    """The first yes-or-no rail that an entry fails, or NONE."""
    index = int(event["instrument"])
    strategy = int(event["strategy"])
    instrument = state["instruments"][index]
    reason = _standing_gate(state, index, strategy)
    if reason == Reason.NONE:
        reason = _capital_gate(state, strategy)
    if reason == Reason.NONE:
        reason = _rate_gate(state, instrument)
    if reason == Reason.NONE:
        reason = _collar_gate(state, instrument, half_ticks)
    if reason != Reason.NONE:
        return reason
    position = state["positions"][strategy * INSTRUMENTS + index]
    if _duplicate(state, position, instrument, event, side):
        return Reason.DUPLICATE_ORDER.value
    if _self_match(state, index, side, half_ticks):
        return Reason.SELF_MATCH.value
    return Reason.NONE.value


@compiled
def _reach(position: Position, side: int) -> int:
    """Signed lots in the direction of `side` once all that works on that side is filled."""
    if side > 0:
        return position["quantity"] + position["buy_lots"]
    return position["sell_lots"] - position["quantity"]


@compiled
def _admitted(reach: int, other: int, room_lots: int) -> int:
    """The most lots whose added exposure stays within `room_lots`."""
    return max(0, max(abs(reach), abs(other)) + room_lots - reach)


@compiled
def _money_room(
    state: State, instrument: Instrument, position: Position, side: int, half_ticks: int, used: int, cap: int
) -> tuple[int, int]:
    """(lots in use, lots of room) of a gross money cap, for an order that adds to `position`."""
    if cap >= NO_LIMIT // 2:
        return 0, QUANTITY_MAX
    price = max(half_ticks, instrument["mark_half_ticks"])
    room = lots_for(state, instrument, max(0, cap - used), price)
    admitted = _admitted(_reach(position, side), _reach(position, -side), room)
    return lots_for(state, instrument, used, price), admitted


@compiled
def _heat_room(state: State, instrument: Instrument, position: Position, side: int, half_ticks: int) -> tuple[int, int]:
    limit = state["limits"][DeskLimit.HEAT_PPM]
    stop_ppm = min(instrument["limits"][InstrumentLimit.DEFAULT_STOP_PPM], _STOP_PPM_MAX)
    if limit >= NO_LIMIT // 2 or stop_ppm <= 0:
        return 0, QUANTITY_MAX
    used = mul_div_floor(heat(state), 1_000_000, stop_ppm)
    cap = mul_div_floor(ppm_of(max(0, state["equity"]), limit), 1_000_000, stop_ppm)
    return _money_room(state, instrument, position, side, half_ticks, used, cap)


@compiled
def _margin_room(state: State, instrument: Instrument, side: int, half_ticks: int) -> tuple[int, int]:
    """Lots that the purse carries and can carry: initial margin and the taker fee of every lot."""
    terms = instrument["terms"]
    account = terms[InstrumentTerm.ACCOUNT]
    used = initial_margin(state, account)
    price = max(half_ticks, instrument["mark_half_ticks"])
    if not notional_fits(price, 1, terms[InstrumentTerm.VALUE]):
        return 0, 0
    worth = price * terms[InstrumentTerm.VALUE] // 2
    fee = max(0, fee_of(worth, terms[InstrumentTerm.TAKER_FEE_PPB]))
    per_lot = ppm_of(worth, terms[InstrumentTerm.INITIAL_MARGIN_PPM]) + fee
    net = instrument["net"]
    lots = QUANTITY_MAX
    if per_lot > 0:
        free = max(0, account_equity(state["accounts"][account]) - used)
        lots = _admitted(_reach(net, side), _reach(net, -side), free // per_lot)
    if side < 0 and not terms[InstrumentTerm.SHORT_ALLOWED]:
        lots = min(lots, max(0, -_reach(net, -1)))
    return used // max(1, per_lot), lots


@compiled
def _strategy_room(
    state: State, instrument: Instrument, position: Position, strategy: int, side: int, half_ticks: int
) -> tuple[int, int]:
    """The strategy's gross quota, and its long or short reach."""
    limits = state["strategies"][strategy]["limits"]
    gross = strategy_exposure(state, strategy, 0)
    used, lots = _money_room(state, instrument, position, side, half_ticks, gross, limits[StrategyLimit.MAX_EXPOSURE])
    cap = limits[StrategyLimit.MAX_LONG_EXPOSURE] if side > 0 else limits[StrategyLimit.MAX_SHORT_EXPOSURE]
    price = max(half_ticks, instrument["mark_half_ticks"])
    reached = strategy_exposure(state, strategy, side)
    free = lots_for(state, instrument, max(0, cap - reached), price) + max(0, -_reach(position, side))
    if free < lots:
        return lots_for(state, instrument, reached, price), free
    return used, lots


@compiled
def _size_room(state: State, event: Event, side: int, half_ticks: int, rail: int) -> tuple[int, int]:
    """(lots in use, the most further lots admitted) of one size rail."""
    index = int(event["instrument"])
    strategy = int(event["strategy"])
    instrument = state["instruments"][index]
    limits = instrument["limits"]
    own = state["positions"][strategy * INSTRUMENTS + index]
    net = instrument["net"]
    cycle = instrument["terms"][InstrumentTerm.KIND] == InstrumentKind.CYCLE
    if cycle and (rail == Reason.POSITION_LIMIT or rail == Reason.PORTFOLIO_HEAT or rail == Reason.BUYING_POWER):
        return 0, QUANTITY_MAX
    if rail == Reason.QUANTITY_TOO_LARGE:
        return 0, limits[InstrumentLimit.MAX_LOTS]
    if rail == Reason.NOTIONAL_TOO_LARGE:
        return 0, lots_for(state, instrument, limits[InstrumentLimit.MAX_NOTIONAL], half_ticks)
    if rail == Reason.POSITION_LIMIT:
        most = limits[InstrumentLimit.MAX_LONG_LOTS] if side > 0 else limits[InstrumentLimit.MAX_SHORT_LOTS]
        return max(0, _reach(net, side)), max(0, most - _reach(net, side))
    if rail == Reason.EXPOSURE_SYMBOL_CAP:
        used = notional_of(state, instrument, worst_lots(net), instrument["mark_half_ticks"])
        return _money_room(state, instrument, net, side, half_ticks, used, limits[InstrumentLimit.MAX_EXPOSURE])
    if rail == Reason.EXPOSURE_VENUE_CAP:
        venue = instrument["terms"][InstrumentTerm.VENUE]
        cap = state["venues"][venue]["limits"][VenueLimit.MAX_EXPOSURE]
        return _money_room(state, instrument, net, side, half_ticks, venue_exposure(state, venue), cap)
    if rail == Reason.EXPOSURE_TOTAL_CAP:
        cap = state["limits"][DeskLimit.MAX_EXPOSURE]
        return _money_room(state, instrument, net, side, half_ticks, desk_exposure(state), cap)
    if rail == Reason.EXPOSURE_STRATEGY_CAP:
        return _strategy_room(state, instrument, own, strategy, side, half_ticks)
    if rail == Reason.PORTFOLIO_HEAT:
        return _heat_room(state, instrument, own, side, half_ticks)
    return _margin_room(state, instrument, side, half_ticks)


_ALL = word(-1)
_REPEATED = word(Reason.REPEATED_EXECUTION)
_SIZE_RAILS = (
    Reason.QUANTITY_TOO_LARGE.value,
    Reason.NOTIONAL_TOO_LARGE.value,
    Reason.POSITION_LIMIT.value,
    Reason.EXPOSURE_SYMBOL_CAP.value,
    Reason.EXPOSURE_STRATEGY_CAP.value,
    Reason.EXPOSURE_VENUE_CAP.value,
    Reason.EXPOSURE_TOTAL_CAP.value,
    Reason.PORTFOLIO_HEAT.value,
    Reason.BUYING_POWER.value,
)


@compiled
def entry_lots(state: State, event: Event, side: int, half_ticks: int, actions: Records[Event]) -> tuple[int, int]:
    """Returns (lots admitted, the rail that cut them or NONE). Zero lots: the entry is refused for that reason.

    The breaker's stage and the strategy's weight scale first; then each size rail admits what it admits.
    """
    asked = event["quantity"]
    index = int(event["instrument"])
    instrument = state["instruments"][index]
    weight = state["strategies"][event["strategy"]]["limits"][StrategyLimit.WEIGHT_PPM]
    lots = min(asked, ppm_of(ppm_of(asked, weight), state["breaker"]["multiplier_ppm"]))
    reason = Reason.NONE.value if lots == asked else Reason.RISK_MANAGEMENT.value
    reduce = state["limits"][DeskLimit.ON_BREACH] == OnBreach.REDUCE
    for rail in _SIZE_RAILS:
        used, room = _size_room(state, event, side, half_ticks, rail)
        if lots > room:
            if not reduce:
                return 0, rail
            lots = room
            reason = rail
        if room < QUANTITY_MAX and rail > Reason.QUANTITY_TOO_LARGE:
            instrument["warned"] = warn(state, actions, instrument["warned"], index, rail, used + lots, used + room)
    if lots < max(1, instrument["terms"][InstrumentTerm.MIN_LOTS]):
        return 0, reason
    # The desk's minimum is in desk money, the venue's in the settlement currency.
    worth = notional_of(state, instrument, lots, half_ticks)
    least = to_desk_money(state, instrument, instrument["terms"][InstrumentTerm.MIN_NOTIONAL])
    if worth < max(instrument["limits"][InstrumentLimit.MIN_NOTIONAL], least):
        return 0, Reason.NOTIONAL_TOO_SMALL.value
    return lots, reason


@compiled
def count_request(state: State, event: Event, side: int, entry: bool, actions: Records[Event]) -> None:
    """Counts an approved request at once: order rate, messages, the duplicate check and the execution throttle."""
    now = state["time_ns"]
    instrument = state["instruments"][event["instrument"]]
    position = state["positions"][event["strategy"] * INSTRUMENTS + event["instrument"]]
    venue = state["venues"][instrument["terms"][InstrumentTerm.VENUE]]
    window_add(state["order_rate"], now)
    rate = state["limits"][DeskLimit.ORDERS_PER_MINUTE]
    state["warned"] = warn(
        state, actions, state["warned"], -1, Reason.ORDER_RATE_EXCEEDED, state["order_rate"]["total"], rate
    )
    position["last_request_ns"] = now
    position["last_request_price"] = event["price"] + event["trigger_price"]
    position["last_request_quantity"] = side * event["quantity"]
    if not entry:
        return
    if venue["error_open"] == 2:
        venue["error_open"] = 3  # this entry is the probe; the venue's answer to it decides
    strategy = state["strategies"][event["strategy"]]
    if now - strategy["executions_ns"] >= strategy["limits"][StrategyLimit.EXECUTIONS_WINDOW_NS]:
        strategy["executions_ns"] = now
        strategy["executions"] = 0
    strategy["executions"] += 1
    if strategy["executions"] >= strategy["limits"][StrategyLimit.MAX_EXECUTIONS]:
        strategy["throttled"] = 1
        notice(state, actions, EventKind.THROTTLED, _ALL, int(event["strategy"]), _REPEATED)
