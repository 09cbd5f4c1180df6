"""Momentum: buys when MACD and the spread of two averages agree on an upward trend, and guards every lot with a stop.

On each bar that ends (`bars`):

- strength s = MACD histogram / (`histogram_atr` * ATR); confidence = s / (1 + s). A signal is a confidence of at least
  the trading file's `confidence_threshold` while EMA(trend_fast) - EMA(trend_slow) > `trend_atr` * ATR.
- An entry follows a signal that was not there on the bar before, outside any cooldown, and only if the way to the
  profit target is `reward_to_cost` times the fees of getting in and out.
- Stop and target are ATR multiples of the trading file, but no further than the regime's `stop_loss_bps` and
  `take_profit_bps`. The size is the regime's, and at the stop no more than `risk_per_trade` of equity is lost.
- The position is left at the stop (an order at the venue), at the target, or when the averages cross back. To leave,
  the stop is taken back first: working orders together never reduce by more than the position.

Urgent entries (confidence above `urgency`, or a market that moves more than `volatility_taker`) and those without a
book take; others wait post-only at the bid for `patience_seconds`. After a trade it pauses; after a loss for the
regime's cooldown; after `max_consecutive_losses` until the next day (UTC).
"""

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.arithmetic import ppm_of
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.exposure import lots_for
from quarterdeck.kernel.layout import Records, record_dtype, word
from quarterdeck.kernel.records import INSTRUMENTS, Event, Position, State
from quarterdeck.kernel.vocabulary import Flag, InstrumentTerm, OrderFlag, OrderType, Reason, Side
from quarterdeck.strategies.asking import ask_cancel, ask_limit, ask_market, ask_stop
from quarterdeck.strategies.bars import Building, add_to_bar, bar_ended, begin_of, shows_price
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, Place
from quarterdeck.strategies.indicators import Atr, Average, Macd, atr_step, ema_step, macd_step
from quarterdeck.strategies.prices import entries_open, price_below
from quarterdeck.strategies.sizing import Sizing, observe_close, prepare_sizing, sized_lots

__all__ = ["STRATEGY", "Momentum", "MomentumParameters"]

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Periods = Annotated[int, Meta(ge=2, le=10_000)]

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
_DAY_NS = 86_400 * _SECOND_NS
_BUY = word(Side.BUY)
_SELL = word(Side.SELL)
_PLAIN = word(0)
_POST_ONLY = word(Flag.POST_ONLY)
_REDUCE_ONLY = word(Flag.REDUCE_ONLY)
_SIGNAL_ENTRY = word(Reason.SIGNAL_ENTRY)
_SIGNAL_EXIT = word(Reason.SIGNAL_EXIT)
_STOP_LOSS = word(Reason.STOP_LOSS)
_RETRY_NS = _SECOND_NS  # what the rails refused is asked for again after so long


class MomentumParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What momentum can be told. Signals' periods, fees, pauses and sizes by regime are in the desk's JSON files."""

    notional: Positive = 250.0
    """Full size of a position in the quote currency, before the regime's multiplier."""
    bar_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300
    trend_fast: Periods = 50
    trend_slow: Periods = 200
    histogram_atr: Positive = 0.05
    """A histogram of so many true ranges is strength 1, a confidence of one half."""
    trend_atr: Annotated[float, Meta(ge=0, le=100)] = 0.5
    reward_to_cost: Positive = 8.0
    urgency: Share = 0.7
    volatility_taker: Positive = 0.05
    """Above this volatility, in the sizing file's unit, entries take."""
    patience_seconds: Positive = 20.0
    volatility_minutes: Positive = 240.0
    """How fast old returns fade from the volatility that sizes are made from."""
    regime_hysteresis: Share = 0.1


class Momentum(TypedDict):
    """All that momentum remembers."""

    instrument: I8
    notional: I8  # desk money units
    trend_fast: I8
    trend_slow: I8
    macd_fast: I8
    macd_slow: I8
    macd_signal: I8
    atr_period: I8
    histogram_atr: F8
    trend_atr: F8
    stop_multiple: F8
    take_multiple: F8
    confidence_min: F8
    cost: F8  # fees in and out as a share, times reward_to_cost
    risk_ppm: I8
    urgency: F8
    volatility_taker: F8
    patience_ns: I8
    pause_ns: I8
    losses_max: I8

    sizing: Annotated[Sizing, Sizing]
    bar: Annotated[Building, Building]
    macd: Annotated[Macd, Macd]
    fast: Annotated[Average, Average]
    slow: Annotated[Average, Average]
    atr: Annotated[Atr, Atr]
    histogram: F8

    signalled: I8  # 1 while there is a signal
    stop_ticks: I8  # distance from the entry
    take_ticks: I8
    entered_ns: I8  # when the entry was asked for
    stopped_ns: I8  # when a stop was last asked for
    sold_ns: I8
    leaving: I8  # the Reason to leave, or 0
    held: I8  # lots at the last look
    baseline: I8  # result of the position before the trade
    losses: I8  # in a row
    resume_ns: I8  # no entry before


def _prepare(memory: Any, parameters: Any, place: Place) -> None:
    told: MomentumParameters = parameters
    trading = place.config.trading_parameters
    if len(place.instruments) != 1:
        key = f"strategies[{place.name}].instruments"
        raise ConfigError(place.config.file, key, len(place.instruments), "one instrument: momentum trades one")
    if trading is None:
        raise ConfigError(place.config.file, "risk.trading_file", "(missing)", "the file with macd, atr and pauses")
    if told.trend_fast >= told.trend_slow:
        key = f"strategies[{place.name}].parameters.trend_fast"
        raise ConfigError(place.config.file, key, told.trend_fast, f"below trend_slow ({told.trend_slow})")
    specification = place.specifications[0]
    prepare_sizing(memory["sizing"], place.config, specification, told.regime_hysteresis, told.volatility_minutes)
    memory["instrument"] = place.instruments[0]
    memory["notional"] = int(told.notional * 10**place.config.base_exponent)
    memory["bar"]["width_ns"] = told.bar_seconds * _SECOND_NS
    memory["trend_fast"], memory["trend_slow"] = told.trend_fast, told.trend_slow
    memory["macd_fast"], memory["macd_slow"] = trading.macd.fast, trading.macd.slow
    memory["macd_signal"] = trading.macd.signal
    memory["atr_period"] = trading.atr.period
    memory["histogram_atr"], memory["trend_atr"] = told.histogram_atr, told.trend_atr
    memory["stop_multiple"] = float(trading.atr.stop_multiple)
    memory["take_multiple"] = float(trading.atr.take_profit_multiple)
    memory["confidence_min"] = float(trading.confidence_threshold)
    memory["cost"] = told.reward_to_cost * 2 * float(specification.taker_fee_bps) / 10_000
    memory["risk_ppm"] = int(trading.risk_per_trade * 1_000_000)
    memory["urgency"], memory["volatility_taker"] = told.urgency, told.volatility_taker
    memory["patience_ns"] = int(told.patience_seconds * _SECOND_NS)
    memory["pause_ns"] = int(trading.post_trade_cooldown_minutes * _MINUTE_NS)
    memory["losses_max"] = trading.max_consecutive_losses


@compiled
def _confidence(memory: Momentum) -> float:
    """0 without an upward trend or before the averages are full; else s / (1 + s)."""
    atr = memory["atr"]["value"]
    if memory["slow"]["count"] < memory["trend_slow"] or atr <= 0.0:
        return 0.0
    spread = memory["fast"]["value"] - memory["slow"]["value"]
    if memory["histogram"] <= 0.0 or spread <= memory["trend_atr"] * atr:
        return 0.0
    strength = memory["histogram"] / (memory["histogram_atr"] * atr)
    return strength / (1.0 + strength)


@compiled
def _end_bar(memory: Momentum) -> None:
    """Takes the bar that ended into every estimate."""
    bar = memory["bar"]
    close = bar["ended_close"]
    observe_close(memory["sizing"], bar["ended_ns"], close)
    atr_step(memory["atr"], memory["atr_period"], bar["ended_high"], bar["ended_low"], close)
    ema_step(memory["fast"], memory["trend_fast"], close)
    ema_step(memory["slow"], memory["trend_slow"], close)
    memory["histogram"] = macd_step(
        memory["macd"], memory["macd_fast"], memory["macd_slow"], memory["macd_signal"], close
    )


@compiled
def _note_trade(memory: Momentum, own: Position, now: int) -> None:
    """Notices that a trade is over, and what follows from how it ended."""
    held = own["quantity"]
    if memory["held"] > 0 and held == 0:
        result = own["realised"] - own["fees"] + own["funding"] - memory["baseline"]
        pause = memory["pause_ns"]
        if result < 0:
            memory["losses"] += 1
            pause = max(pause, memory["sizing"]["bands"][memory["sizing"]["band"]]["cooldown_ns"])
        else:
            memory["losses"] = 0
        memory["resume_ns"] = now + pause
        if memory["losses"] >= memory["losses_max"]:
            memory["losses"] = 0
            memory["resume_ns"] = max(memory["resume_ns"], (now // _DAY_NS + 1) * _DAY_NS)
        memory["leaving"] = 0
        memory["stop_ticks"] = 0
    memory["held"] = held


@compiled
def _cancel_orders(state: State, strategy: int, memory: Momentum, side: int, asks: Records[Event], count: int) -> int:
    """Takes back the strategy's open orders of one side."""
    for place in range(state["open_count"]):
        order = state["orders"][state["open_orders"][place]]
        if order["strategy"] != strategy or order["instrument"] != memory["instrument"] or order["side"] != side:
            continue
        if not order["flags"] & OrderFlag.CANCEL_PENDING and order["order_type"] != OrderType.MARKET:
            count = ask_cancel(asks, count, order["id"], _SIGNAL_EXIT)
    return count


@compiled
def _enter(state: State, memory: Momentum, own: Position, confidence: float, asks: Records[Event], count: int) -> int:
    """Asks to buy, if the way to the target pays for the fees."""
    index = memory["instrument"]
    instrument = state["instruments"][index]
    sizing = memory["sizing"]
    band = sizing["bands"][sizing["band"]]
    price = memory["bar"]["ended_close"]
    atr = memory["atr"]["value"]
    take = min(memory["take_multiple"] * atr, band["take"] * price)
    stop = int(min(memory["stop_multiple"] * atr, band["stop"] * price))
    if take < memory["cost"] * price or stop <= 0:
        return count
    half_ticks = int(2.0 * price)
    lots = sized_lots(sizing, lots_for(state, instrument, memory["notional"], half_ticks))
    risk = ppm_of(max(0, state["equity"]), memory["risk_ppm"])
    lots = min(lots, lots_for(state, instrument, risk, 2 * stop))
    if lots <= 0:
        return count
    memory["stop_ticks"] = stop
    memory["take_ticks"] = int(take)
    memory["entered_ns"] = state["time_ns"]
    memory["baseline"] = own["realised"] - own["fees"] + own["funding"]
    taking = confidence > memory["urgency"] or sizing["value"] > memory["volatility_taker"]
    if taking or instrument["bid"] == 0:
        return ask_market(asks, count, index, _BUY, lots, _PLAIN, _SIGNAL_ENTRY)
    bid = price_below(instrument, instrument["bid"])
    return ask_limit(asks, count, index, _BUY, bid, lots, _POST_ONLY, _SIGNAL_ENTRY)


@compiled
def _guard(state: State, strategy: int, memory: Momentum, own: Position, asks: Records[Event], count: int) -> int:
    """Keeps every lot held behind a stop, or gets out."""
    index = memory["instrument"]
    instrument = state["instruments"][index]
    now = state["time_ns"]
    held = own["quantity"]
    if own["flattening"]:
        return count
    entry = own["cost"] // (held * instrument["terms"][InstrumentTerm.VALUE])
    if memory["stop_ticks"] == 0:  # a position that another session left behind
        band = memory["sizing"]["bands"][memory["sizing"]["band"]]
        memory["stop_ticks"] = max(1, int(band["stop"] * entry))
        memory["take_ticks"] = max(1, int(band["take"] * entry))
    price = instrument["bid"] if instrument["bid"] > 0 else int(memory["bar"]["close"])
    if memory["leaving"] == 0 and price >= entry + memory["take_ticks"]:
        memory["leaving"] = Reason.TAKE_PROFIT
    if memory["leaving"] != 0:
        if own["sell_lots"] > 0:
            return _cancel_orders(state, strategy, memory, _SELL, asks, count)
        if now - memory["sold_ns"] >= _RETRY_NS:
            memory["sold_ns"] = now
            return ask_market(asks, count, index, _SELL, held, _REDUCE_ONLY, memory["leaving"])
    elif held > own["sell_lots"] and now - memory["stopped_ns"] >= _RETRY_NS:
        memory["stopped_ns"] = now
        trigger = price_below(instrument, max(1, entry - memory["stop_ticks"]))
        return ask_stop(asks, count, index, _SELL, trigger, held - own["sell_lots"], _STOP_LOSS)
    return count


@compiled
def _act(state: State, strategy: int, memory: Momentum, ended: bool, asks: Records[Event], count: int) -> int:
    own = state["positions"][strategy * INSTRUMENTS + memory["instrument"]]
    now = state["time_ns"]
    _note_trade(memory, own, now)
    confidence = _confidence(memory)
    fresh = False
    if ended:
        signal = confidence > 0.0 and confidence >= memory["confidence_min"]
        fresh = signal and memory["signalled"] == 0
        memory["signalled"] = 1 if signal else 0
    if own["buy_lots"] > 0 and now - memory["entered_ns"] >= memory["patience_ns"]:
        count = _cancel_orders(state, strategy, memory, _BUY, asks, count)
    if own["quantity"] > 0:
        if ended and memory["leaving"] == 0 and memory["fast"]["value"] < memory["slow"]["value"]:
            memory["leaving"] = Reason.SIGNAL_EXIT
        return _guard(state, strategy, memory, own, asks, count)
    free = own["quantity"] == 0 and own["buy_lots"] == 0 and now >= memory["resume_ns"]
    if fresh and free and entries_open(state, strategy, memory["instrument"]):
        count = _enter(state, memory, own, confidence, asks, count)
    return count


@compiled
def _on_event(state: State, strategy: int, memory: Momentum, event: Event, asks: Records[Event], count: int) -> int:
    """Sees an event; acts on prices alone, so what the venue reports of an order is in the state by then."""
    if not shows_price(state, event, memory["instrument"]):
        return count
    ended = bar_ended(memory["bar"], begin_of(event))
    if ended:
        _end_bar(memory)
    add_to_bar(memory["bar"], event)
    if bar_ended(memory["bar"], event["time_ns"]):
        _end_bar(memory)
        ended = True
    return _act(state, strategy, memory, ended, asks, count)


STRATEGY = CompiledStrategy("momentum", MomentumParameters, record_dtype(Momentum), _prepare, _on_event)
