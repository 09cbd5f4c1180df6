"""What the venue says of the account, what a person commands, and what time does."""

from quarterdeck.kernel.arithmetic import mul_div_floor, ppm_of
from quarterdeck.kernel.bounds import rescaling_fits
from quarterdeck.kernel.breaker import (
    KILL_COMMAND,
    grade_metric,
    resume_breaker,
    step_breaker,
    watch_drawdown,
    watch_timers,
)
from quarterdeck.kernel.charges import apply_charge
from quarterdeck.kernel.commands import begin_flatten, cancel_scope, continue_flatten, pause_scope
from quarterdeck.kernel.compiled import compiled, inlined
from quarterdeck.kernel.emission import notice, warn
from quarterdeck.kernel.exposure import maintenance_margin, notional_of
from quarterdeck.kernel.layout import Records, word
from quarterdeck.kernel.ledger import account_equity, move_position, post, post_funding, revalue, sum_equity
from quarterdeck.kernel.orders import set_working
from quarterdeck.kernel.records import INSTRUMENTS, METRICS, NO_LIMIT, PRICE_MAX, Event, Position, State
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentTerm,
    LedgerAccount,
    Metric,
    MetricLevel,
    MetricTerm,
    Reason,
    VenueLimit,
)
from quarterdeck.kernel.windows import window_add, window_clear, window_total

__all__ = ["apply_account", "apply_command", "apply_session", "check_rescaling", "house_calls", "keep_house"]

_ALL = word(-1)
_KILLED = word(Reason.KILLED)
_LOCKED = word(Reason.EMERGENCY_LOCK)
_LIQUIDATED = word(Reason.LIQUIDATED)
_RISK = word(Reason.RISK_MANAGEMENT)
_VENUE_BREAKER = word(Reason.VENUE_BREAKER_OPEN)
_API_ERRORS = word(Metric.API_ERRORS)
_POSITION_SIZE = word(Metric.POSITION_SIZE)
_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS


@compiled
def _shift_capital(state: State, before: int) -> None:
    """Capital that came or went since equity was `before` is no result: all that results are measured from moves."""
    equity = sum_equity(state)
    change = equity - before
    state["equity"] = equity
    state["equity_peak"] += change
    state["equity_day"] += change
    state["breaker"]["peak"] += change
    state["breaker"]["recovery_peak"] += change
    state["equity_high"] = -NO_LIMIT


@compiled
def _adopt_position(state: State, event: Event) -> None:
    """Takes over a position found at the venue, at its average price, as capital brought in."""
    index = int(event["instrument"])
    instrument = state["instruments"][index]
    side = 1 if event["quantity"] > 0 else -1
    lots = abs(event["quantity"])
    paid = lots * event["price"] * instrument["terms"][InstrumentTerm.VALUE]
    equity_before = int(state["equity"])
    cost_before = instrument["net"]["cost"]
    realised = move_position(instrument["net"], side, lots, paid)
    if event["strategy"] >= 0:
        move_position(state["positions"][event["strategy"] * INSTRUMENTS + index], side, lots, paid)
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    post(account, LedgerAccount.CASH, LedgerAccount.REALISED, realised)
    if instrument["terms"][InstrumentTerm.KIND] != InstrumentKind.PERPETUAL:
        post(account, LedgerAccount.INVENTORY, LedgerAccount.CAPITAL, instrument["net"]["cost"] - cost_before)
    if instrument["mark_half_ticks"] == 0:
        instrument["mark_half_ticks"] = 2 * event["price"]
    revalue(state, index)
    _shift_capital(state, equity_before)


@compiled
def _scale(value: int, numerator: int, denominator: int) -> int:
    part = mul_div_floor(abs(value), numerator, denominator)
    return part if value >= 0 else -part


@compiled
def check_rescaling(state: State, event: Event) -> int:
    """The reason to refuse a split or a tick size change, or NONE."""
    new, old, index = event["numerator"], event["denominator"], int(event["instrument"])
    if not (0 < new < 2**20 and 0 < old < 2**20):
        return Reason.VALUE_OUT_OF_RANGE.value
    if event["kind"] == EventKind.SPLIT:
        value = state["instruments"][index]["terms"][InstrumentTerm.VALUE]
        fits = rescaling_fits(state, index, float(new) / float(old), float(old) / float(new), value)
    elif 0 < event["aux"] < 2**50:
        fits = rescaling_fits(state, index, 1.0, float(new) / float(old), event["aux"])
    else:
        return Reason.VALUE_OUT_OF_RANGE.value
    return Reason.NONE.value if fits else Reason.OVERFLOW.value


@compiled
def _split_position(position: Position, quantity: int) -> int:
    """Gives a holder the new shares; returns what is realised where not even one is left."""
    position["quantity"] = quantity
    if quantity != 0:
        return 0
    lost = position["cost"]
    position["cost"] = 0
    position["realised"] -= lost
    return -lost


@compiled
def _split(state: State, event: Event, actions: Records[Event]) -> None:
    """New shares for old at unchanged cost. Fractions of a lot are dropped by each holder, as brokers pay them in cash.

    Orders are called back: their prices and lots were meant for the old shares.
    """
    index = int(event["instrument"])
    instrument = state["instruments"][index]
    net = instrument["net"]
    new, old = event["numerator"], event["denominator"]
    total = 0
    unowned = net["quantity"]
    for strategy in range(state["strategies_count"]):
        own = state["positions"][strategy * INSTRUMENTS + index]
        unowned -= own["quantity"]
        realised = _split_position(own, _scale(own["quantity"], new, old))
        state["strategies"][strategy]["realised_day"] += realised
        total += own["quantity"]
    cost_before = net["cost"]
    realised = _split_position(net, total + _scale(unowned, new, old))
    account = state["accounts"][instrument["terms"][InstrumentTerm.ACCOUNT]]
    post(account, LedgerAccount.CASH, LedgerAccount.REALISED, realised)
    if instrument["terms"][InstrumentTerm.KIND] != InstrumentKind.PERPETUAL:
        post(account, LedgerAccount.INVENTORY, LedgerAccount.CASH, net["cost"] - cost_before)
    _scale_prices(state, index, old, new)
    revalue(state, index)
    cancel_scope(state, actions, _ALL, index, True, _RISK)


@compiled
def _scale_price(price: int, numerator: int, denominator: int) -> int:
    """A price that is one stays one, inside the kernel's range."""
    return min(PRICE_MAX - 1, max(1, _scale(price, numerator, denominator))) if price > 0 else 0


@compiled
def _scale_prices(state: State, index: int, numerator: int, denominator: int) -> None:
    instrument = state["instruments"][index]
    instrument["bid"] = _scale_price(instrument["bid"], numerator, denominator)
    instrument["ask"] = _scale_price(instrument["ask"], numerator, denominator)
    instrument["last"] = _scale_price(instrument["last"], numerator, denominator)
    instrument["mark_half_ticks"] = _scale(instrument["mark_half_ticks"], numerator, denominator)
    instrument["collar_price"] = _scale(instrument["collar_price"], numerator, denominator)


@compiled
def _tick_size_change(state: State, event: Event) -> None:
    """Old ticks * numerator / denominator are the new ticks; `aux` is what a new tick of a lot is worth."""
    index = int(event["instrument"])
    state["instruments"][index]["terms"][InstrumentTerm.VALUE] = event["aux"]
    _scale_prices(state, index, event["numerator"], event["denominator"])
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["instrument"] == index:
            lots = order["working_lots"]
            set_working(state, order, 0)  # stops count at their trigger
            order["price"] = _scale_price(order["price"], event["numerator"], event["denominator"])
            order["trigger_price"] = _scale_price(order["trigger_price"], event["numerator"], event["denominator"])
            order["replace_price"] = _scale_price(order["replace_price"], event["numerator"], event["denominator"])
            set_working(state, order, lots)
    revalue(state, index)


@compiled
def _venue_result(state: State, event: Event, actions: Records[Event]) -> None:
    """Counts an answer of the venue; too many errors open its breaker, one good probe closes it."""
    venue = state["venues"][event["instrument"]]
    now = state["time_ns"]
    failed = event["flags"] & Flag.ERROR
    window_add(venue["results"], now)
    if failed:
        window_add(venue["errors"], now)
    results = window_total(venue["results"], now)
    errors = window_total(venue["errors"], now)
    probed = venue["error_open"] == 3
    if probed:
        venue["error_open"] = 1 if failed else 0
        venue["error_until_ns"] = now + venue["limits"][VenueLimit.ERROR_COOLDOWN_NS]
        if not failed:  # the errors that opened it are past, or the next answer would open it again
            window_clear(venue["results"])
            window_clear(venue["errors"])
    share_ppm = errors * 1_000_000 // results
    enough = results >= max(1, venue["limits"][VenueLimit.ERROR_SAMPLES_MIN])
    if venue["error_open"] == 0 and enough and not probed and share_ppm >= venue["limits"][VenueLimit.ERROR_RATE_PPM]:
        venue["error_open"] = 1
        venue["error_until_ns"] = now + venue["limits"][VenueLimit.ERROR_COOLDOWN_NS]
        notice(state, actions, EventKind.ANOMALY, _ALL, _ALL, _VENUE_BREAKER)
    if results >= max(1, venue["limits"][VenueLimit.ERROR_SAMPLES_MIN]):
        grade_metric(state, actions, _API_ERRORS, errors * 1_000_000 // results)


@compiled
def apply_account(state: State, event: Event, actions: Records[Event]) -> None:
    """Applies what the venue says of the account and of its instruments."""
    kind = event["kind"]
    if kind == EventKind.CONNECTION:
        state["venues"][event["instrument"]]["connected"] = event["value"]
    elif kind == EventKind.VENUE_RESULT:
        _venue_result(state, event, actions)
    elif kind == EventKind.BALANCE:
        state["accounts"][event["row"]]["venue_cash"] = event["amount"]
        state["accounts"][event["row"]]["venue_cash_ns"] = state["time_ns"]
    elif kind == EventKind.POSITION_ADOPTED:
        _adopt_position(state, event)
    elif kind == EventKind.TRANSFER:
        post(state["accounts"][event["row"]], LedgerAccount.CASH, LedgerAccount.CAPITAL, event["amount"])
        _shift_capital(state, int(state["equity"]))
    elif kind == EventKind.FUNDING_PAYMENT:
        instrument = state["instruments"][event["instrument"]]
        instrument["funding_paid_ns"] = max(instrument["funding_paid_ns"], event["venue_time_ns"])
        post_funding(state, int(event["instrument"]), event["amount"])
    elif kind == EventKind.CHARGE:
        apply_charge(state, event)
    elif kind == EventKind.SPLIT:
        _split(state, event, actions)
    elif kind == EventKind.TICK_SIZE_CHANGE:
        _tick_size_change(state, event)
    elif kind == EventKind.DELISTING:
        state["instruments"][event["instrument"]]["terms"][InstrumentTerm.LISTED] = 0
    elif kind == EventKind.RECONCILIATION:
        state["instruments"][event["instrument"]]["unreconciled"] = event["value"]
    elif kind == EventKind.RECONCILED:
        venue = state["venues"][event["instrument"]]
        if venue["reconciled_ns"] == 0:
            venue["opened_ns"] = event["value"]
        venue["reconciled_ns"] = max(venue["reconciled_ns"], event["value"])
    else:
        state["accounts"][event["row"]]["rate_ppb"] = event["rate"]
    state["equity"] = sum_equity(state)
    state["slack"] = 0
    watch_drawdown(state, actions)


@compiled
def apply_command(state: State, event: Event, actions: Records[Event]) -> None:
    """Applies a person's command to a scope."""
    kind = event["kind"]
    strategy, instrument, person = int(event["strategy"]), int(event["instrument"]), int(event["person"])
    whole_desk = strategy < 0 and instrument < 0
    protective = event["flags"] & Flag.PROTECTIVE != 0
    if kind == EventKind.PAUSE:
        pause_scope(state, strategy, instrument, 1)
    elif kind == EventKind.RESUME:
        pause_scope(state, strategy, instrument, 0)
        if whole_desk:
            resume_breaker(state, actions, person)
    elif kind == EventKind.KILL:
        if whole_desk:
            step_breaker(state, actions, KILL_COMMAND, _KILLED, person)
        else:
            pause_scope(state, strategy, instrument, 1)
        cancel_scope(state, actions, strategy, instrument, protective, _KILLED)
    elif kind == EventKind.FLATTEN:
        begin_flatten(state, actions, strategy, instrument, person)
        continue_flatten(state, actions)
    elif kind == EventKind.LOCK:
        state["breaker"]["locked"] = 1
        cancel_scope(state, actions, _ALL, _ALL, False, _LOCKED)
    elif kind == EventKind.UNLOCK:
        state["breaker"]["locked"] = 0
    elif kind == EventKind.THROTTLE_RESET:
        state["strategies"][strategy]["throttled"] = 0
        state["strategies"][strategy]["executions"] = 0
    elif kind == EventKind.ACKNOWLEDGE:
        state["unacknowledged"] = 0


@compiled
def apply_session(state: State, event: Event) -> None:
    """Begins or ends a session. Every start raises the epoch, so no order id is issued twice."""
    if event["kind"] == EventKind.SESSION_START:
        state["epoch"] = event["epoch"]
        state["order_sequence"] = 0
        state["mode"] = event["value"]
        state["simulated"] = 1 if event["flags"] & Flag.SETTLE else 0
        state["session"] = 1
    else:
        state["session"] = 0


@compiled
def _begin_day(state: State, day: int) -> None:
    state["day"] = day
    state["equity_day"] = state["equity"]
    state["equity_high"] = -NO_LIMIT
    state["slack"] = 0
    state["breaker"]["trips_day"] = 0
    for metric in range(METRICS):
        state["breaker"]["grades"][metric]["trips_day"] = 0
    for strategy in range(state["strategies_count"]):
        state["strategies"][strategy]["realised_day"] = 0


@compiled
def _warn_of_losses(state: State, actions: Records[Event]) -> None:
    limits = state["limits"]
    loss = max(0, state["equity_day"] - state["equity"])
    state["warned"] = warn(
        state, actions, state["warned"], -1, Reason.DAILY_LOSS, loss, limits[DeskLimit.MAX_DAILY_LOSS]
    )
    peak = max(0, state["equity_peak"])
    fall = max(0, peak - state["equity"])
    cap = ppm_of(peak, limits[DeskLimit.MAX_DRAWDOWN_PPM])
    if cap > 0:
        state["warned"] = warn(state, actions, state["warned"], -1, Reason.EQUITY_DRAWDOWN, fall, cap)


@compiled
def _grade_largest_position(state: State, actions: Records[Event]) -> None:
    """The largest position as a share of equity is one of the graded metrics."""
    equity = state["equity"]
    if equity <= 0:
        return
    grade = state["breaker"]["grades"][Metric.POSITION_SIZE]
    largest = 0
    for index in range(state["instruments_count"]):
        instrument = state["instruments"][index]
        lots = abs(instrument["net"]["quantity"])
        if lots > 0:
            largest = max(largest, notional_of(state, instrument, lots, instrument["mark_half_ticks"]))
    if grade["level"] != MetricLevel.NORMAL or largest >= ppm_of(equity, grade["terms"][MetricTerm.TRIGGER_PPM]):
        grade_metric(state, actions, _POSITION_SIZE, mul_div_floor(largest, 1_000_000, equity))


@compiled
def _liquidate(state: State, actions: Records[Event]) -> None:
    """A simulated venue closes a purse whose equity is below its maintenance margin; a real one tells us so."""
    for account in range(state["accounts_count"]):
        needed = maintenance_margin(state, account)
        if needed == 0 or account_equity(state["accounts"][account]) >= needed:
            continue
        for index in range(state["instruments_count"]):
            instrument = state["instruments"][index]
            lots = instrument["net"]["quantity"]
            if instrument["terms"][InstrumentTerm.ACCOUNT] != account or lots == 0:
                continue
            for strategy in range(state["strategies_count"]):
                _liquidate_position(state, actions, strategy, index, state["positions"][strategy * INSTRUMENTS + index])


@compiled
def _liquidate_position(state: State, actions: Records[Event], strategy: int, index: int, own: Position) -> None:
    if own["quantity"] == 0:
        return
    action = notice(state, actions, EventKind.LIQUIDATION, index, strategy, _LIQUIDATED)
    action["quantity"] = abs(own["quantity"])
    if own["quantity"] > 0:
        action["flags"] = Flag.SELL


@compiled
def _nearest(distance: int, share: int) -> int:
    """How far marks may move when each unit that they move equity by brings two figures nearer by 1 + `share`."""
    return max(0, distance) // (1 + share)


@compiled
def _slack(state: State) -> int:
    """By how much marks may move equity, up and down together, before anything that `keep_house` looks at can change.

    A unit of such movement changes losses, the notional of positions and margins by a unit at most, and limits that
    are shares of them by that share. Every distance is divided by both, so this is never too large.
    """
    limits, equity = state["limits"], state["equity"]
    warned_from = 1_000_000 - min(1_000_000, max(0, limits[DeskLimit.WARNING_PPM]))
    limit = limits[DeskLimit.MAX_DAILY_LOSS]
    slack = _nearest(abs(state["equity_day"] - equity - max(1, limit - ppm_of(max(0, limit), warned_from))), 0)
    drawdown = limits[DeskLimit.MAX_DRAWDOWN_PPM]
    cap = ppm_of(max(0, state["equity_peak"]), drawdown)
    fall = state["equity_peak"] - equity
    slack = min(slack, _nearest(abs(fall - max(1, cap - ppm_of(cap, warned_from))) - 2, 2 + drawdown // 1_000_000))
    grade = state["breaker"]["grades"][Metric.POSITION_SIZE]
    trigger = grade["terms"][MetricTerm.TRIGGER_PPM]
    unlimited = trigger >= NO_LIMIT // 2
    if grade["level"] != MetricLevel.NORMAL or not (0 < trigger < 1_000_000_000 or unlimited):
        return 0
    allowed = min(slack, max(0, equity - 1_000_000))  # below that even a trigger without limit could be met
    for index in range(state["instruments_count"]):
        instrument = state["instruments"][index]
        lots = abs(instrument["net"]["quantity"])
        if lots > 0 and not unlimited:
            worth = notional_of(state, instrument, lots, instrument["mark_half_ticks"])
            allowed = min(allowed, _nearest(ppm_of(equity, trigger) - worth - 4, 2 + trigger // 1_000_000))
    if state["simulated"]:
        for account in range(state["accounts_count"]):
            needed = maintenance_margin(state, account)
            if needed > 0:
                spare = account_equity(state["accounts"][account]) - needed - state["instruments_count"]
                allowed = min(allowed, _nearest(spare, 1 + _largest_margin(state)))
    return allowed


@compiled
def _largest_margin(state: State) -> int:
    """The largest maintenance margin of any instrument, in whole notionals, rounded up."""
    largest = 0
    for index in range(state["instruments_count"]):
        largest = max(largest, state["instruments"][index]["terms"][InstrumentTerm.MAINTENANCE_MARGIN_PPM])
    return (largest + 999_999) // 1_000_000


@inlined
def house_calls(state: State) -> bool:
    """Whether time has anything to do: most seconds nothing does."""
    for index in range(state["venues_count"]):
        if state["venues"][index]["error_open"] == 1:
            return True
    return (
        state["time_ns"] >= state["day_end_ns"]
        or (state["moved"] >= state["slack"] and state["equity"] != state["equity_housed"])
        or state["breaker"]["raised"] > 0
        or state["breaker"]["stage"] > BreakerStage.REDUCED
        or state["flattening"] > 0
    )


@compiled
def keep_house(state: State, actions: Records[Event]) -> None:
    """What time alone does, once a second of kernel time: the day, timers, warnings, open ends of kill and flatten."""
    now = state["time_ns"]
    if now >= state["day_end_ns"]:
        day = (now - state["limits"][DeskLimit.DAY_OFFSET_NS]) // _DAY_NS
        state["day_end_ns"] = (day + 1) * _DAY_NS + state["limits"][DeskLimit.DAY_OFFSET_NS]
        if day != state["day"]:
            _begin_day(state, day)
    # A fill or a new mark of something held changes equity; while it stands still nothing here can change.
    if state["moved"] >= state["slack"] and state["equity"] != state["equity_housed"]:
        state["equity_housed"] = state["equity"]
        _warn_of_losses(state, actions)
        _grade_largest_position(state, actions)
        if state["simulated"]:
            _liquidate(state, actions)
        state["moved"] = 0
        state["slack"] = _slack(state)
    watch_timers(state, actions)
    stage = state["breaker"]["stage"]
    if stage == BreakerStage.KILLED or stage == BreakerStage.COOLDOWN:
        cancel_scope(state, actions, _ALL, _ALL, False, _KILLED)
    if state["flattening"]:
        continue_flatten(state, actions)
    for index in range(state["venues_count"]):
        venue = state["venues"][index]
        if venue["error_open"] == 1 and now >= venue["error_until_ns"]:
            venue["error_open"] = 2
