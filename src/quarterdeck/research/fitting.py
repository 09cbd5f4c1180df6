"""Fitting a desk to recorded data: which instrument the data is of, on which grid, and what of the desk changes by it.

A desk trades the instruments that it names. Data of one of them is taken on that instrument's own grid. Data of
anything else takes the place of the desk's first instrument: symbol, base, tick and lot come from the data (the lot
finer, where the desk's orders are smaller than a few of them); kind, fees, margins, limits and the currency that
settles stay the desk's. What was changed is said in the result.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from pydantic import ValidationError

from quarterdeck.config import DeskConfig, Strategy, is_unlimited
from quarterdeck.config import Instrument as InstrumentSettings
from quarterdeck.config.desk import QUANTITY_LOTS_MAX
from quarterdeck.errors import ConfigError, DataError
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import Events, Instrument, MarketData, Split, load
from quarterdeck.market.instruments import CURRENCY_EXPONENT_MAX
from quarterdeck.market.times import format_time
from quarterdeck.runtime.opening import market_instruments

__all__ = ["DataRequest", "FittedDesk", "choose_strategies", "fit_desk"]

_LOTS_PER_ORDER: Final = 100  # of the desk's largest order, at least
_PRICED: Final = (EventKind.QUOTE, EventKind.TRADE, EventKind.LEVEL, EventKind.BAR)
# What real markets and captures do; such rows are left out and counted, and the rest of the file stays good.
_MARKET_FACTS: Final = ("crossed_quote", "locked_quote", "outside_prices", "suspicious", "zero_quantity")
_QUANTITIES: Final = ("max_quantity", "max_long", "max_short")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """Which data, and how its files are read: see `quarterdeck.market.load`. Times are UTC nanoseconds, both included.

    `instrument` is a symbol of the desk that the data is of, where the file's name does not say so. Data with rows that
    cannot be (no number, no positive price, time going backwards) is refused whole unless `skip_bad_rows`.
    """

    paths: tuple[Path, ...]
    instrument: str | None = None
    columns: Mapping[str, str] | None = None
    column: str | None = None
    timezone: str | None = None
    tick: str | None = None
    lot: str | None = None
    off_grid: Literal["refuse", "round"] = "refuse"
    skip_bad_rows: bool = False
    splits: tuple[Split, ...] = ()
    begin_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class FittedDesk:
    """A desk in backtest mode whose instrument number `instrument` is the one that `data` is of.

    `changes` says in words what differs from the desk's own settings; empty when nothing does.
    """

    config: DeskConfig
    data: MarketData
    instrument: int
    changes: tuple[str, ...]


def fit_desk(config: DeskConfig, request: DataRequest) -> FittedDesk:
    """Loads the data and returns the desk fitted to it.

    Raises DataError when the data cannot be traded, ConfigError for a symbol that the desk has not or a grid on which
    the desk's limits cannot be counted.
    """
    venues = tuple(one.model_copy(update={"kind": "simulated", "address": None}) for one in config.venues)
    config = _rebuild(config, desk=config.desk.model_copy(update={"mode": "backtest"}), venues=venues)
    given_grid = request.tick is not None or request.lot is not None
    place = 0 if request.instrument is None else _place(config, request.instrument)
    data = None
    if request.instrument is None or given_grid:
        data = _load(request, None, place)
        found = config.find_instruments(data.instrument.symbol)
        if request.instrument is None and found and not given_grid:
            place, data = found[0], None
        elif request.lot is None:
            data = _with_fine_lots(config, request, data, place)
    changes: tuple[str, ...] = ()
    if data is None:
        data = _load(request, market_instruments(config)[place], place)
    else:
        keep = request.instrument is not None
        config, changes = _respecify(config, place, data.instrument, keep_symbol=keep)
    if not request.skip_bad_rows:
        _require_sound(data)
    config, resting = _rest(config, place)
    return FittedDesk(config, _between(data, request), place, (*changes, *resting))


def choose_strategies(config: DeskConfig, wanted: Sequence[str]) -> DeskConfig:
    """Returns the desk with only those of its strategies whose kind or name is wanted; all when nothing is.

    Raises ConfigError naming the strategies there are.
    """
    if not wanted:
        return config
    for word in wanted:
        if not any(word in {strategy.kind, strategy.name} for strategy in config.strategies):
            known = ", ".join(f"{strategy.kind} ({strategy.name})" for strategy in config.strategies)
            raise ConfigError("command", "strategy", word, f"a kind or name of the desk's: {known or 'it has none'}")
    chosen = tuple(one for one in config.strategies if {one.kind, one.name} & set(wanted))
    return _rebuild(config, strategies=chosen)


def _rest(config: DeskConfig, place: int) -> tuple[DeskConfig, tuple[str, ...]]:
    """Leaves out strategies that need prices of an instrument of which there are none, and says so."""
    active: list[Strategy] = []
    said: list[str] = []
    for strategy in config.strategies:
        missing = [word for word in strategy.instruments if place not in config.find_instruments(word)]
        if missing:
            said.append(f"strategy {strategy.name} rests: it needs prices of {', '.join(missing)} too")
        else:
            active.append(strategy)
    return (_rebuild(config, strategies=tuple(active)), tuple(said)) if said else (config, ())


def _place(config: DeskConfig, word: str) -> int:
    found = config.find_instruments(word)
    if len(found) != 1:
        known = ", ".join(f"{one.symbol}@{one.venue}" for one in config.instruments)
        raise ConfigError("command", "instrument", word, f"one instrument of the desk: {known}")
    return found[0]


def _load(request: DataRequest, instrument: Instrument | None, place: int) -> MarketData:
    return load(
        request.paths,
        instrument=instrument,
        tick=request.tick,
        lot=request.lot,
        columns=request.columns,
        column=request.column,
        timezone=request.timezone,
        off_grid=request.off_grid,
        splits=request.splits,
        instrument_index=place,
    )


def _require_sound(data: MarketData) -> None:
    """Raises DataError naming the first bad row and how many there are: a gap left by one would go unnoticed."""
    for file in data.quality.files:
        bad = [one for one in file.findings if one.refused and one.name not in _MARKET_FACTS]
        if not bad:
            continue
        first = min(bad, key=lambda one: one.first_row or 0)
        counts = ", ".join(f"{one.name} in {one.count:,} row{'s' * (one.count > 1)}" for one in bad)
        detail = f" ({first.detail})" if first.detail else ""
        problem = f"{counts}{detail}: mend the file, or leave such rows out with --skip-bad-rows"
        raise DataError(file.file, problem, first.first_row)


def _with_fine_lots(config: DeskConfig, request: DataRequest, data: MarketData, place: int) -> MarketData:
    """Takes the data in finer lots where one lot is worth so much that an order of the desk's could not be sized.

    A whole share, or a thousandth of a bitcoin, may be more than the desk puts into one order.
    """
    largest = min(config.instruments[place].limits.max_notional, Decimal(10_000))
    found = data.instrument
    # `price` is also where a quote's bid and a bar's open stand.
    prices = data.events["price"][np.isin(data.events["kind"], _PRICED)]
    price = found.ticks_to_price(int(np.median(prices))) * found.multiplier
    lot, finest = found.lot, Decimal(1).scaleb(-CURRENCY_EXPONENT_MAX) / found.tick
    while lot * price * _LOTS_PER_ORDER > largest > 0 and lot / 10 >= finest:
        lot /= 10
    return data if lot == found.lot else _load(replace(request, lot=f"{lot:f}"), None, place)


def _between(data: MarketData, request: DataRequest) -> MarketData:
    """Leaves out what lies before and after the times that are asked for."""
    times = data.events["time_ns"]
    first = 0 if request.begin_ns is None else int(np.searchsorted(times, request.begin_ns, "left"))
    last = len(times) if request.end_ns is None else int(np.searchsorted(times, request.end_ns, "right"))
    if first >= last:
        span = f"{format_time(int(times[0]))} to {format_time(int(times[-1]))}"
        raise DataError(data.sources[0].path, f"has nothing between those times: it tells of {span}")
    if first and np.any(data.events["kind"][:first] == EventKind.LEVEL):
        problem = "is a book of levels, which cannot be entered after its start: leave out the time to begin at"
        raise DataError(data.sources[0].path, problem)
    events: Events = data.events[first:last]
    return MarketData(events, data.instrument, data.kind, data.sources, data.quality)


def _respecify(
    config: DeskConfig, place: int, found: Instrument, *, keep_symbol: bool
) -> tuple[DeskConfig, tuple[str, ...]]:
    """Gives the desk's instrument the data's grid, and (unless told otherwise) its name."""
    old = config.instruments[place]
    symbol = old.symbol if keep_symbol else _symbol(found.symbol)
    base = old.base if keep_symbol else _base(found.base, old.quote)
    limits = old.limits.model_copy(
        update={key: _whole_lots(key, getattr(old.limits, key), found.lot) for key in _QUANTITIES}
    )
    least = (old.min_quantity / found.lot).to_integral_value(ROUND_CEILING) * found.lot
    values = {
        **{key: getattr(old, key) for key in type(old).model_fields},
        "symbol": symbol, "base": base, "tick": found.tick, "lot": found.lot, "significant_figures": 0,
        "min_quantity": least, "limits": limits,
    }  # fmt: skip
    exponent = max(config.exponent(old.quote), found.currency_exponent)
    accounts = tuple(
        account.model_copy(update={"exponent": exponent}) if account.currency == old.quote else account
        for account in config.accounts
    )
    strategies = tuple(
        one.model_copy(
            update={"instruments": tuple(symbol if place in config.find_instruments(w) else w for w in one.instruments)}
        )
        for one in config.strategies
    )
    try:
        new = InstrumentSettings(**cast(dict[str, Any], values))
    except ValidationError as error:
        raise ConfigError("data", f"instrument {symbol}", _told(error)[1], _told(error)[0]) from error
    instruments = (*config.instruments[:place], new, *config.instruments[place + 1 :])
    fitted = _rebuild(config, instruments=instruments, accounts=accounts, strategies=strategies)
    return fitted, tuple(_changes(old, new, exponent - config.exponent(old.quote)))


def _changes(old: InstrumentSettings, new: InstrumentSettings, finer: int) -> list[str]:
    said = [
        f"{new.symbol} stands in for {old.symbol}: tick {new.tick:f} as in the data, lot {new.lot:f}",
        f"kind ({old.kind}), fees, margins and limits are those of {old.symbol}; prices are taken as {old.quote}",
    ]
    for key in _QUANTITIES:
        before, after = getattr(old.limits, key), getattr(new.limits, key)
        if before != after:
            said.append(f"{key} is {after:f} instead of {before:f}, a whole number of lots")
    if finer:
        said.append(
            f"{old.quote} is counted {finer} decimal places finer, so that one tick of one lot is a whole number"
        )
    return said


def _whole_lots(key: str, limit: Decimal | None, lot: Decimal) -> Decimal | None:
    if limit is None or is_unlimited(limit):
        return limit
    lots = min((limit / lot).to_integral_value(ROUND_FLOOR), Decimal(QUANTITY_LOTS_MAX))
    return lot * (max(lots, Decimal(1)) if key == "max_quantity" else lots)


def _symbol(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]", "-", name).lstrip("-._/")[:32] or "DATA"


def _base(name: str, quote: str) -> str:
    plain = re.sub(r"[^A-Z0-9]", "", name.upper())[:16]
    return plain if plain and plain != quote else "ASSET"


def _rebuild(config: DeskConfig, **changed: object) -> DeskConfig:
    """Returns the desk with other tables, checked as a whole like one that was read from its files."""
    values = {key: getattr(config, key) for key in type(config).model_fields}
    try:
        return DeskConfig(**{**values, **cast(dict[str, Any], changed)})
    except ValidationError as error:
        allowed, value = _told(error)
        raise ConfigError(config.file, "with the data's instrument", value, allowed) from error


def _told(error: ValidationError) -> tuple[str, str]:
    first = error.errors()[0]
    context = cast(dict[str, object], first.get("ctx") or {})
    key = context.get("key")
    where = ".".join(map(str, cast(tuple[object, ...], key))) + ": " if isinstance(key, tuple) else ""
    return f"{where}{first['msg']}", str(context.get("value", ""))
