"""Prices: what quotes, trades, bars and marks do to an instrument and to what is held in it."""

from quarterdeck.kernel.arithmetic import fee_of
from quarterdeck.kernel.bounds import funding_fits, mark_fits
from quarterdeck.kernel.breaker import watch_drawdown
from quarterdeck.kernel.compiled import compiled, inlined
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.ledger import post_funding, revalue, sum_equity
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX, Event, Instrument, State
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentLimit, InstrumentTerm, Reason

__all__ = ["apply_market", "check_market"]

assert PRICE_MAX == QUANTITY_MAX
_OUT_OF_RANGE = ~(PRICE_MAX - 1)


@inlined
def _holds(state: State, instrument: Instrument, price: int) -> bool:
    """Whether the net position can be valued at this price."""
    return instrument["net"]["quantity"] == 0 or mark_fits(state, instrument, 2 * price)


@compiled
def _settles(state: State, event: Event) -> bool:
    """Whether the payment of one funding interval fits."""
    instrument = state["instruments"][event["instrument"]]
    worth = float(instrument["net"]["quantity"]) * float(instrument["mark_half_ticks"])
    worth *= 0.5 * float(instrument["terms"][InstrumentTerm.VALUE])
    return funding_fits(state, int(event["instrument"]), -worth * float(event["rate"]) * 1e-9)


@inlined
def check_market(state: State, instrument: Instrument, event: Event) -> int:
    """The reason to refuse a market event, or NONE."""
    kind = event["kind"]
    if kind == EventKind.QUOTE:
        bid, ask = event["bid"], event["ask"]
        # Both bounds are the same power of two: one test for four figures, each neither negative nor too large.
        if (bid | ask | event["bid_quantity"] | event["ask_quantity"]) & _OUT_OF_RANGE:
            return Reason.VALUE_OUT_OF_RANGE.value
        if bid > ask > 0:
            return Reason.CROSSED_QUOTE.value
        return Reason.NONE.value if _holds(state, instrument, max(bid, ask)) else Reason.OVERFLOW.value
    if kind == EventKind.BAR:
        low, high = event["low"], event["high"]
        inside = low <= event["open"] <= high and low <= event["close"] <= high
        if not (low > 0 and high < PRICE_MAX and inside and event["volume"] >= 0):
            return Reason.VALUE_OUT_OF_RANGE.value
        return Reason.NONE.value if _holds(state, instrument, high) else Reason.OVERFLOW.value
    if kind == EventKind.TRADE:
        if not (0 < event["price"] < PRICE_MAX and 0 < event["quantity"] < QUANTITY_MAX):
            return Reason.VALUE_OUT_OF_RANGE.value
        return Reason.NONE.value if _holds(state, instrument, event["price"]) else Reason.OVERFLOW.value
    if kind == EventKind.MARK:
        if not 0 < event["mark"] < PRICE_MAX:
            return Reason.VALUE_OUT_OF_RANGE.value
        return Reason.NONE.value if _holds(state, instrument, event["mark"]) else Reason.OVERFLOW.value
    if kind == EventKind.FUNDING:
        if not -1_000_000_000 < event["rate"] < 1_000_000_000:
            return Reason.VALUE_OUT_OF_RANGE.value
        if event["flags"] & Flag.SETTLE and not _settles(state, event):
            return Reason.OVERFLOW.value
    return Reason.NONE.value


@compiled
def _settle_funding(state: State, index: int, rate_ppb: int) -> None:
    """Posts one funding interval on the net position at the mark, rounded against the desk."""
    instrument = state["instruments"][index]
    lots = instrument["net"]["quantity"]
    if lots == 0 or rate_ppb == 0:
        return
    worth = abs(lots) * instrument["mark_half_ticks"] * instrument["terms"][InstrumentTerm.VALUE] // 2
    pays = (lots > 0) == (rate_ppb > 0)
    amount = -fee_of(worth, abs(rate_ppb)) if pays else -fee_of(worth, -abs(rate_ppb))
    post_funding(state, index, amount)
    state["equity"] = sum_equity(state)
    state["slack"] = 0


@inlined
def _set_mark(state: State, index: int, half_ticks: int, actions: Records[Event]) -> None:
    instrument = state["instruments"][index]
    now = state["time_ns"]
    instrument["data_ns"] = now
    period_ns = instrument["limits"][InstrumentLimit.COLLAR_PERIOD_NS]
    if instrument["collar_price"] == 0 or now - instrument["collar_ns"] >= period_ns:
        instrument["collar_ns"] = now
        instrument["collar_price"] = half_ticks
    if half_ticks == instrument["mark_half_ticks"]:
        return
    instrument["mark_half_ticks"] = half_ticks
    if instrument["net"]["quantity"] != 0:
        revalue(state, index)
        watch_drawdown(state, actions)


@inlined
def apply_market(state: State, event: Event, actions: Records[Event]) -> None:
    """Applies a market event that `check_market` let pass. Book levels are the venue's business, not the desk's."""
    kind = event["kind"]
    index = int(event["instrument"])
    instrument = state["instruments"][index]
    if kind == EventKind.QUOTE:
        bid, ask = event["bid"], event["ask"]
        instrument["bid"] = bid
        instrument["ask"] = ask
        instrument["bid_quantity"] = event["bid_quantity"]
        instrument["ask_quantity"] = event["ask_quantity"]
        if bid > 0 and ask > 0:
            if instrument["mark_given_ns"] == 0:
                _set_mark(state, index, bid + ask, actions)
            else:
                instrument["data_ns"] = state["time_ns"]
    elif kind == EventKind.BAR:
        instrument["last"] = event["close"]
        _set_mark(state, index, 2 * event["close"], actions)
    elif kind == EventKind.TRADE:
        instrument["last"] = event["price"]
        if instrument["bid"] == 0 and instrument["mark_given_ns"] == 0:
            _set_mark(state, index, 2 * event["price"], actions)
    elif kind == EventKind.MARK:
        instrument["mark_given_ns"] = state["time_ns"]
        _set_mark(state, index, 2 * event["mark"], actions)
    elif kind == EventKind.FUNDING:
        instrument["funding_ppb"] = event["rate"]
        if event["flags"] & Flag.SETTLE:
            _settle_funding(state, index, event["rate"])
            watch_drawdown(state, actions)
