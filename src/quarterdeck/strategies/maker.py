"""Market making: post-only quotes on both sides of a short average of the price, leaning against what is held.

    fair   = average of the mid (of the close, where only bars are shown) over `average_seconds`
    centre = fair * (1 - held / most * skew)                  long: both quotes move down, to sell sooner than to buy
    reach  = max(maker fee + edge, volatility_multiple * volatility over the time a quote stands)
    bid, ask = centre * (1 -+ reach), on the venue's grid and never at or through the other side of the book

A quote that covers its fee and what the price usually moves while it stands loses to neither; in a tight market it
therefore stands behind the touch and waits. A quote is moved only when its price is `requote_bps` from where it should
be, or it is `age_seconds` old, and never more often than each `pause_seconds`.

Sizes are the regime's (`sizing`). A position that loses the regime's `stop_loss_bps` is closed at the market, and
quoting pauses for the regime's cooldown.
"""

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.exposure import lots_for
from quarterdeck.kernel.layout import Records, record_dtype, word
from quarterdeck.kernel.records import INSTRUMENTS, Event, Position, State
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentTerm, OrderFlag, OrderType, Reason, Side
from quarterdeck.strategies.asking import ask_cancel, ask_limit, ask_market, ask_replace
from quarterdeck.strategies.bars import Building, add_to_bar, bar_ended, begin_of, shows_price
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, Place
from quarterdeck.strategies.indicators import Average, time_ema_step, volatility_over
from quarterdeck.strategies.prices import entries_open, least_lots, price_above, price_below
from quarterdeck.strategies.sizing import Sizing, observe_close, prepare_sizing, sized_lots

__all__ = ["STRATEGY", "Maker", "MakerParameters"]

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Points = Annotated[float, Meta(ge=0, le=10_000)]

_SECOND_NS = 1_000_000_000
_NOTHING = word(0)
_BUY = word(Side.BUY)
_SELL = word(Side.SELL)
_POST_ONLY = word(Flag.POST_ONLY)
_REDUCE_ONLY = word(Flag.REDUCE_ONLY)
_SIGNAL_ENTRY = word(Reason.SIGNAL_ENTRY)
_SIGNAL_EXIT = word(Reason.SIGNAL_EXIT)
_STOP_LOSS = word(Reason.STOP_LOSS)


class MakerParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the maker can be told."""

    notional: Positive = 100.0
    """Full size of one quote in the quote currency, before the regime's multiplier."""
    inventory_notional: Positive = 200.0
    """The most that is held, long or short, in the quote currency."""
    edge_bps: Points = 1.0
    """What a quote must earn beyond the maker fee."""
    volatility_multiple: Annotated[float, Meta(ge=0, le=100)] = 1.0
    bar_multiple: Annotated[float, Meta(ge=0, le=100)] = 3.0
    """Instead of `volatility_multiple` where only bars are shown: a quote then stands blind for a bar's length."""
    skew_bps: Points = 10.0
    """How far a full position moves both quotes."""
    requote_bps: Points = 1.0
    average_seconds: Positive = 1.0
    age_seconds: Positive = 30.0
    pause_seconds: Positive = 1.0
    bar_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 5
    """Volatility is estimated from bars of this length."""
    volatility_minutes: Positive = 15.0
    regime_hysteresis: Annotated[float, Meta(ge=0, lt=1)] = 0.1


class Maker(TypedDict):
    """All that the maker remembers."""

    instrument: I8
    notional: I8
    inventory: I8
    edge: F8  # as shares of the price: edge and fee, skew, requote
    skew: F8
    requote: F8
    volatility_multiple: F8
    bar_multiple: F8
    average_ns: I8
    age_ns: I8
    pause_ns: I8

    sizing: Annotated[Sizing, Sizing]
    bar: Annotated[Building, Building]
    average: Annotated[Average, Average]
    stands_ns: I8  # how long a quote stands before it can be moved: the bar's length on bars
    bid_ns: I8  # when the side was last asked for
    ask_ns: I8
    resume_ns: I8  # no quotes before
    sold_ns: I8  # when a losing position was last asked to be closed


def _prepare(memory: Any, parameters: Any, place: Place) -> None:
    told: MakerParameters = parameters
    if len(place.instruments) != 1:
        key = f"strategies[{place.name}].instruments"
        raise ConfigError(place.config.file, key, len(place.instruments), "one instrument: a maker quotes one")
    specification = place.specifications[0]
    prepare_sizing(memory["sizing"], place.config, specification, told.regime_hysteresis, told.volatility_minutes)
    memory["instrument"] = place.instruments[0]
    memory["notional"] = int(told.notional * 10**place.config.base_exponent)
    memory["inventory"] = int(told.inventory_notional * 10**place.config.base_exponent)
    memory["edge"] = (float(specification.maker_fee_bps) + told.edge_bps) / 10_000
    memory["skew"] = told.skew_bps / 10_000
    memory["requote"] = told.requote_bps / 10_000
    memory["volatility_multiple"] = told.volatility_multiple
    memory["bar_multiple"] = told.bar_multiple
    memory["average_ns"] = int(told.average_seconds * _SECOND_NS)
    memory["age_ns"] = int(told.age_seconds * _SECOND_NS)
    memory["pause_ns"] = int(told.pause_seconds * _SECOND_NS)
    memory["stands_ns"] = memory["age_ns"]
    memory["bar"]["width_ns"] = told.bar_seconds * _SECOND_NS


@compiled
def _find_order(state: State, strategy: int, instrument: int, side: int) -> int:
    """Slot of the strategy's quote on a side; -1 when there is none."""
    for place in range(state["open_count"]):
        slot = state["open_orders"][place]
        order = state["orders"][slot]
        own = order["strategy"] == strategy and order["instrument"] == instrument
        if own and order["side"] == side and order["order_type"] == OrderType.LIMIT:
            return slot
    return -1


@compiled
def _quote(
    state: State, strategy: int, memory: Maker, side: int, price: int, lots: int, asks: Records[Event], count: int
) -> int:
    """Brings the quote of one side to where it should be; no lots: takes it back."""
    now = state["time_ns"]
    asked_ns = memory["bid_ns"] if side > 0 else memory["ask_ns"]
    if now - asked_ns < memory["pause_ns"]:
        return count
    index = memory["instrument"]
    slot = _find_order(state, strategy, index, side)
    least = least_lots(state, state["instruments"][index], 2 * price)
    before = count
    if slot < 0:
        if lots > 0:
            count = ask_limit(asks, count, index, side, price, lots, _POST_ONLY, _SIGNAL_ENTRY)
    else:
        order = state["orders"][slot]
        if order["flags"] & (OrderFlag.CANCEL_PENDING | OrderFlag.REPLACE_PENDING):
            return count
        away = abs(order["price"] - price)
        moved = float(away) >= memory["requote"] * float(price)
        old = away > 0 and now - order["updated_ns"] >= memory["age_ns"]
        left = order["quantity"] - order["filled"]
        # The rails judge what a replacement adds as an order of its own, which must not be too small.
        total = order["filled"] + (lots if lots - left >= least else min(lots, left))
        if lots == 0:
            count = ask_cancel(asks, count, order["id"], _SIGNAL_EXIT)
        elif away > 0 and (moved or old):
            count = ask_replace(asks, count, order["id"], price, total, _SIGNAL_ENTRY)
    if count > before and side > 0:
        memory["bid_ns"] = now
    elif count > before:
        memory["ask_ns"] = now
    return count


@compiled
def _reach(memory: Maker) -> float:
    """How far a quote stands from the centre, as a share of the price."""
    moves = volatility_over(memory["sizing"]["volatility"], memory["stands_ns"])
    multiple = memory["bar_multiple"] if memory["stands_ns"] > memory["age_ns"] else memory["volatility_multiple"]
    return max(memory["edge"], multiple * moves)


@compiled
def _quote_both(
    state: State, strategy: int, memory: Maker, own: Position, entries: bool, asks: Records[Event], count: int
) -> int:
    """Quotes both sides; without `entries` only what reduces the position."""
    index = memory["instrument"]
    instrument = state["instruments"][index]
    fair = memory["average"]["value"]
    half_ticks = int(2.0 * fair)
    sizing = memory["sizing"]
    full = sized_lots(sizing, lots_for(state, instrument, memory["notional"], half_ticks))
    most = min(
        lots_for(state, instrument, memory["inventory"], half_ticks), sizing["bands"][sizing["band"]]["max_lots"]
    )
    held = own["quantity"]
    if most <= 0 or full <= 0:
        return count
    leaning = max(-1.0, min(1.0, float(held) / float(most)))
    centre = fair * (1.0 - leaning * memory["skew"])
    reach = _reach(memory)
    bid = int(centre * (1.0 - reach))
    ask = int(centre * (1.0 + reach)) + 1
    # The other side of the book, or the last price where there is no book, is where a quote would trade at once.
    last = int(memory["bar"]["close"])
    bid = price_below(instrument, max(1, min(bid, (instrument["ask"] if instrument["ask"] > 0 else last) - 1)))
    ask = price_above(instrument, max(ask, (instrument["bid"] if instrument["bid"] > 0 else last) + 1))
    least = least_lots(state, instrument, half_ticks)
    buy = min(full, most - held)
    sell = min(full, most + held)
    if not entries:
        buy = min(buy, -held)
        sell = min(sell, held)
    if bid <= 0 or buy < min(least, -held if held < 0 else least):
        buy = 0
    if sell < min(least, held if held > 0 else least):
        sell = 0
    count = _quote(state, strategy, memory, _BUY, bid, buy, asks, count)
    return _quote(state, strategy, memory, _SELL, ask, sell, asks, count)


@compiled
def _stop_out(state: State, strategy: int, memory: Maker, own: Position, asks: Records[Event], count: int) -> int:
    """Takes the quotes back; once none works, closes what is held."""
    index = memory["instrument"]
    count = _quote(state, strategy, memory, _BUY, _NOTHING, _NOTHING, asks, count)
    count = _quote(state, strategy, memory, _SELL, _NOTHING, _NOTHING, asks, count)
    held = own["quantity"]
    now = state["time_ns"]
    if held == 0 or own["flattening"] or own["buy_lots"] + own["sell_lots"] > 0:
        return count
    if now - memory["sold_ns"] < memory["pause_ns"]:
        return count
    memory["sold_ns"] = now
    side = _SELL if held > 0 else _BUY
    return ask_market(asks, count, index, side, abs(held), _REDUCE_ONLY, _STOP_LOSS)


@compiled
def _losing(state: State, memory: Maker, own: Position) -> bool:
    """Whether what is held has lost the regime's stop distance."""
    held = own["quantity"]
    if held == 0:
        return False
    value = state["instruments"][memory["instrument"]]["terms"][InstrumentTerm.VALUE]
    entry = float(own["cost"]) / (float(held) * float(value))
    loss = (entry - memory["bar"]["close"]) * (1.0 if held > 0 else -1.0)
    return loss >= memory["sizing"]["bands"][memory["sizing"]["band"]]["stop"] * entry


@compiled
def _on_event(state: State, strategy: int, memory: Maker, event: Event, asks: Records[Event], count: int) -> int:
    """Sees an event; acts on prices alone, so what the venue reports of an order is in the state by then."""
    if not shows_price(state, event, memory["instrument"]):
        return count
    bar = memory["bar"]
    if bar_ended(bar, begin_of(event)):
        observe_close(memory["sizing"], bar["ended_ns"], bar["ended_close"])
    add_to_bar(bar, event)
    time_ema_step(memory["average"], memory["average_ns"], event["time_ns"], bar["close"])
    if bar_ended(bar, event["time_ns"]):
        observe_close(memory["sizing"], bar["ended_ns"], bar["ended_close"])
    if event["kind"] == EventKind.BAR:
        memory["stands_ns"] = max(event["time_ns"] - event["venue_time_ns"], memory["age_ns"])
    own = state["positions"][strategy * INSTRUMENTS + memory["instrument"]]
    now = state["time_ns"]
    if now >= memory["resume_ns"] and _losing(state, memory, own):
        memory["resume_ns"] = now + memory["sizing"]["bands"][memory["sizing"]["band"]]["cooldown_ns"]
    known = memory["sizing"]["volatility"]["count"] > 0
    if now < memory["resume_ns"]:
        return _stop_out(state, strategy, memory, own, asks, count)
    entries = known and entries_open(state, strategy, memory["instrument"])
    return _quote_both(state, strategy, memory, own, entries, asks, count)


STRATEGY = CompiledStrategy("maker", MakerParameters, record_dtype(Maker), _prepare, _on_event)
