"""How a session opens: a desk's settings as the events that the kernel learns them from.

A journal begins with these events, so it is whole without the desk's files. Their order is fixed: counts, accounts,
venues, instruments, strategies, desk, breaker; then the session; then connections and deposits.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig, is_unlimited
from quarterdeck.config.figures import exact_units
from quarterdeck.config.limits import Grading
from quarterdeck.config.sections import Instrument as InstrumentSettings
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.records import EVENT, MONEY_MAX, NO_LIMIT, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    ConnectionState,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentKind,
    InstrumentLimit,
    InstrumentTerm,
    Metric,
    MetricTerm,
    OnBreach,
    SessionMode,
    StrategyLimit,
    Table,
    VenueLimit,
)
from quarterdeck.market.events import join_events
from quarterdeck.market.instruments import Instrument

__all__ = ["market_instruments", "opening_events"]

Setting = tuple[Table, int, int, int]
Column = TypeVar("Column", bound=IntEnum)

_PPM: Final = Decimal(1_000_000)
_PPM_PER_BPS: Final = 100
_PPB: Final = 1_000_000_000
_MS: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE


def _exact(key: str, figure: Decimal, scale: Fraction | Decimal | int, most: int = NO_LIMIT) -> int:
    """Figure * scale as a whole number; refused when it is none or too large. Unlimited is NO_LIMIT."""
    if is_unlimited(figure):
        return NO_LIMIT
    units = exact_units(figure, 1 / Fraction(scale))
    if units is None or abs(units) > most:
        raise ConfigError(
            "desk.toml", key, str(figure), f"a whole number of units of 1/{scale}, at most {most} of them"
        )
    return units


def _row(table: Table, row: int, columns: type[Column], values: Mapping[Column, int]) -> Iterator[Setting]:
    """One setting for each column. A column without a value is a KeyError, so none is forgotten."""
    for column in columns:
        yield table, row, int(column), int(values[column])


def market_instruments(config: DeskConfig) -> tuple[Instrument, ...]:
    """Returns the desk's instruments as the market room knows them, in the order of their indices."""
    return tuple(_market_instrument(config, settings) for settings in config.instruments)


def _market_instrument(config: DeskConfig, settings: InstrumentSettings) -> Instrument:
    return Instrument(
        symbol=settings.symbol,
        venue=settings.venue,
        kind=InstrumentKind[settings.kind.upper()],
        base=settings.base,
        quote=settings.quote,
        tick=settings.tick,
        lot=settings.lot,
        multiplier=settings.multiplier,
        maker_fee_bps=settings.maker_fee_bps or Decimal(0),
        taker_fee_bps=settings.taker_fee_bps or Decimal(0),
        min_notional=settings.min_notional,
        min_lots=max(1, _exact("min_quantity", settings.min_quantity, 1 / Fraction(settings.lot), QUANTITY_MAX)),
        significant_figures=settings.significant_figures,
        initial_margin=settings.initial_margin,
        maintenance_margin=settings.maintenance,
        short_allowed=settings.shorts,
        currency_exponent=config.exponent(settings.quote),
    )


def _lots(quantity: Decimal | None, instrument: Instrument, money: int, rate_ppb: int) -> int:
    """The quantity in lots; where none is written, what the money (at its rate) buys at a price of one tick."""
    if quantity is not None:
        return NO_LIMIT if is_unlimited(quantity) else instrument.quantity_to_lots(quantity)
    return NO_LIMIT if money == NO_LIMIT else min(money * _PPB // (instrument.value * rate_ppb), QUANTITY_MAX)


class _Opening:
    """The settings of one desk, table by table."""

    def __init__(self, config: DeskConfig) -> None:
        self.config = config
        self.money_scale = 10**config.base_exponent
        self.venues = [venue.name for venue in config.venues]
        self.purses = [(account.venue, account.currency) for account in config.accounts]

    def money(self, key: str, figure: Decimal) -> int:
        return _exact(key, figure, self.money_scale, MONEY_MAX)

    def settings(self) -> Iterator[Setting]:
        config = self.config
        held = (len(config.instruments), len(config.strategies), len(self.venues), len(self.purses))
        for column, count in enumerate(held):
            yield Table.COUNTS, 0, column, count
        for row, account in enumerate(config.accounts):
            yield Table.ACCOUNT_VENUE, row, 0, self.venues.index(account.venue)
            yield Table.ACCOUNT_VENUE, row, 1, self.rate_ppb(row)
        for row in range(len(config.venues)):
            yield from self.venue(row)
        for row, instrument in enumerate(market_instruments(config)):
            yield from self.instrument(row, instrument)
        for row in range(len(config.strategies)):
            yield from self.strategy(row)
        yield from self.desk()
        yield from self.breaker()

    def rate_ppb(self, row: int) -> int:
        """Desk money units per unit of the account's currency, in parts per billion."""
        account = self.config.accounts[row]
        scale = Decimal(_PPB).scaleb(self.config.base_exponent - account.exponent)
        return _exact(f"accounts[{account.currency}].rate", account.rate or Decimal(1), scale, MONEY_MAX)

    def venue(self, row: int) -> Iterator[Setting]:
        venue = self.config.venues[row]
        limits, key = venue.limits, f"venues[{venue.name}].limits"
        values = {
            VenueLimit.MAX_EXPOSURE: self.money(f"{key}.max_exposure", limits.max_exposure),
            VenueLimit.MESSAGES_PER_SECOND: limits.messages_per_second,
            VenueLimit.CANCEL_RESERVE: limits.cancel_reserve,
            VenueLimit.ERROR_RATE_PPM: _exact(f"{key}.error_rate", limits.error_rate, _PPM),
            VenueLimit.ERROR_SAMPLES_MIN: limits.error_samples_min,
            VenueLimit.ERROR_COOLDOWN_NS: _exact(f"{key}.error_cooldown_s", limits.error_cooldown_s, _SECOND),
        }
        yield from _row(Table.VENUE_LIMIT, row, VenueLimit, values)

    def instrument(self, row: int, instrument: Instrument) -> Iterator[Setting]:
        account = self.purses.index((instrument.venue, instrument.quote))
        terms = instrument.terms(self.venues.index(instrument.venue), account)
        yield from _row(Table.INSTRUMENT_TERM, row, InstrumentTerm, dict(zip(InstrumentTerm, terms, strict=True)))
        settings = self.config.instruments[row]
        limits, key = settings.limits, f"instruments[{settings.symbol}].limits"
        max_notional = self.money(f"{key}.max_notional", limits.max_notional)
        max_exposure = self.money(f"{key}.max_exposure", self.config.max_exposure(settings))
        rate = self.rate_ppb(account)

        def lots(quantity: Decimal | None, money: int) -> int:
            return _lots(quantity, instrument, money, rate)

        values = {
            InstrumentLimit.ALLOWED: int(not limits.restricted),
            InstrumentLimit.LOCKED: int(limits.locked),
            InstrumentLimit.MIN_NOTIONAL: self.min_notional(settings, rate),
            InstrumentLimit.MAX_NOTIONAL: max_notional,
            InstrumentLimit.MAX_LOTS: lots(limits.max_quantity, max_notional),
            InstrumentLimit.COLLAR_PPM: _exact(f"{key}.collar_bps", limits.collar_bps, _PPM_PER_BPS),
            InstrumentLimit.COLLAR_PERIOD_PPM: _exact(
                f"{key}.collar_period_bps", limits.collar_period_bps, _PPM_PER_BPS
            ),
            InstrumentLimit.COLLAR_PERIOD_NS: _exact(f"{key}.collar_period_s", limits.collar_period_s, _SECOND),
            InstrumentLimit.STALE_NS: _exact(f"{key}.stale_ms", limits.stale_ms, _MS),
            InstrumentLimit.MAX_EXPOSURE: max_exposure,
            InstrumentLimit.MAX_LONG_LOTS: lots(limits.max_long, max_exposure),
            InstrumentLimit.MAX_SHORT_LOTS: lots(limits.max_short, max_exposure) if settings.shorts else 0,
            InstrumentLimit.DUPLICATE_WINDOW_NS: _exact(f"{key}.duplicate_window_ms", limits.duplicate_window_ms, _MS),
            InstrumentLimit.DEFAULT_STOP_PPM: _exact(
                f"{key}.default_stop_bps", self.config.stop_bps(settings), _PPM_PER_BPS
            ),
        }
        yield from _row(Table.INSTRUMENT_LIMIT, row, InstrumentLimit, values)

    def min_notional(self, settings: InstrumentSettings, rate_ppb: int) -> int:
        """The desk's own minimum, or the venue's in desk money, rounded up."""
        if settings.limits.min_notional is not None:
            return self.money(f"instruments[{settings.symbol}].limits.min_notional", settings.limits.min_notional)
        scale = 10 ** self.config.exponent(settings.quote)
        least = _exact(f"instruments[{settings.symbol}].min_notional", settings.min_notional, scale, MONEY_MAX)
        return -(-least * rate_ppb // _PPB)

    def strategy(self, row: int) -> Iterator[Setting]:
        strategy = self.config.strategies[row]
        limits, key = strategy.limits, f"strategies[{strategy.name}].limits"
        exposure = limits.max_exposure
        long = exposure if limits.max_long_exposure is None else limits.max_long_exposure
        short = exposure if limits.max_short_exposure is None else limits.max_short_exposure
        values = {
            StrategyLimit.ENABLED: int(strategy.enabled),
            StrategyLimit.MAX_EXPOSURE: self.money(f"{key}.max_exposure", exposure),
            StrategyLimit.MAX_LONG_EXPOSURE: self.money(f"{key}.max_long_exposure", long),
            StrategyLimit.MAX_SHORT_EXPOSURE: self.money(f"{key}.max_short_exposure", short),
            StrategyLimit.WEIGHT_PPM: _exact(f"{key}.weight", limits.weight, _PPM),
            StrategyLimit.MAX_EXECUTIONS: limits.max_executions,
            StrategyLimit.EXECUTIONS_WINDOW_NS: _exact(
                f"{key}.executions_window_s", limits.executions_window_s, _SECOND
            ),
            StrategyLimit.MAX_DAILY_LOSS: self.money(f"{key}.max_daily_loss", limits.max_daily_loss),
        }
        yield from _row(Table.STRATEGY_LIMIT, row, StrategyLimit, values)

    def desk(self) -> Iterator[Setting]:
        limits = self.config.limits
        values = {
            DeskLimit.MAX_EXPOSURE: self.money("limits.max_exposure", limits.max_exposure),
            DeskLimit.HEAT_PPM: _exact("limits.heat", limits.heat, _PPM),
            DeskLimit.MAX_DAILY_LOSS: self.money("limits.max_daily_loss", self.config.max_daily_loss),
            DeskLimit.MAX_DRAWDOWN_PPM: _exact("limits.max_drawdown", limits.max_drawdown, _PPM),
            DeskLimit.EQUITY_FLOOR: self.money("limits.equity_floor", limits.equity_floor),
            DeskLimit.ORDERS_PER_MINUTE: limits.orders_per_minute,
            DeskLimit.ON_BREACH: OnBreach[limits.on_breach.upper()],
            DeskLimit.WARNING_PPM: _exact("limits.warning", limits.warning, _PPM),
            DeskLimit.DAY_OFFSET_NS: limits.day_offset_minutes * _MINUTE,
            DeskLimit.MAX_UNACKNOWLEDGED: limits.max_unacknowledged,
        }
        yield from _row(Table.DESK_LIMIT, 0, DeskLimit, values)

    def breaker(self) -> Iterator[Setting]:
        breaker = self.config.breaker
        first, second, third, fourth = (_exact("breaker.stages", stage, _PPM) for stage in breaker.stages)
        values = {
            BreakerTerm.DRAWDOWN_TRIP_PPM: _exact("breaker.drawdown_trip", breaker.drawdown_trip, _PPM),
            BreakerTerm.DRAWDOWN_RECOVERY_PPM: _exact("breaker.drawdown_recovery", breaker.drawdown_recovery, _PPM),
            BreakerTerm.COOLDOWN_NS: _exact("breaker.cooldown_hours", breaker.cooldown_hours, _HOUR),
            BreakerTerm.DWELL_NS: _exact("breaker.dwell_minutes", breaker.dwell_minutes, _MINUTE),
            BreakerTerm.REDUCED_PPM: _exact("breaker.reduced", breaker.reduced, _PPM),
            BreakerTerm.RECOVERY_1_PPM: first,
            BreakerTerm.RECOVERY_2_PPM: second,
            BreakerTerm.RECOVERY_3_PPM: third,
            BreakerTerm.RECOVERY_4_PPM: fourth,
            BreakerTerm.TRIPS_PER_DAY: breaker.trips_per_day,
        }
        yield from _row(Table.BREAKER_TERM, 0, BreakerTerm, values)
        for metric in Metric:
            yield from self.metric(metric, getattr(breaker.metrics, metric.name.lower()))

    def metric(self, metric: Metric, grading: Grading) -> Iterator[Setting]:
        key = f"breaker.metrics.{metric.name.lower()}"
        values = {
            MetricTerm.TRIGGER_PPM: _exact(f"{key}.trigger", grading.trigger, _PPM),
            MetricTerm.RESET_PPM: _exact(f"{key}.reset", grading.reset, _PPM),
            MetricTerm.COOLDOWN_NS: _exact(f"{key}.cooldown_s", grading.cooldown_s, _SECOND),
            MetricTerm.TRIPS_PER_DAY: grading.max_per_day,
            MetricTerm.ESCALATION_NS: _exact(f"{key}.escalation_s", grading.escalation_s, _SECOND),
        }
        yield from _row(Table.METRIC_TERM, metric, MetricTerm, values)


def _events(kind: EventKind, count: int, time_ns: int) -> NDArray[np.void]:
    events: NDArray[np.void] = np.zeros(count, EVENT)
    events["kind"] = kind
    events["time_ns"] = time_ns
    events["instrument"] = -1
    events["strategy"] = -1
    return events


def _session_start(config: DeskConfig, epoch: int, time_ns: int) -> NDArray[np.void]:
    event = _events(EventKind.SESSION_START, 1, time_ns)
    event["epoch"] = epoch
    event["value"] = SessionMode[config.desk.mode.upper()]
    event["flags"] = Flag.SETTLE if all(venue.kind == "simulated" for venue in config.venues) else 0
    return event


def _connections(config: DeskConfig, time_ns: int) -> NDArray[np.void]:
    """A simulated venue is there from the start; a real one says so itself once it is."""
    venues = [row for row, venue in enumerate(config.venues) if venue.kind == "simulated"]
    events = _events(EventKind.CONNECTION, len(venues), time_ns)
    events["instrument"] = venues
    events["value"] = ConnectionState.UP
    return events


def _deposits(config: DeskConfig, time_ns: int) -> NDArray[np.void]:
    simulated = {venue.name for venue in config.venues if venue.kind == "simulated"}
    deposits = [
        (row, _exact(f"accounts[{account.currency}].deposit", account.deposit, 10**account.exponent, MONEY_MAX))
        for row, account in enumerate(config.accounts)
        if account.deposit and account.venue in simulated
    ]
    events = _events(EventKind.TRANSFER, len(deposits), time_ns)
    events["row"] = [row for row, _ in deposits]
    events["amount"] = [amount for _, amount in deposits]
    return events


def opening_events(config: DeskConfig, epoch: int, time_ns: int, *, fresh: bool) -> NDArray[np.void]:
    """Returns the events, dtype EVENT, that open a session of the desk, all at `time_ns` (UTC).

    `epoch` numbers the desk's sessions from 1. `fresh`: the simulated accounts are new and receive their deposits; a
    session that continues a journal is not. Raises ConfigError where a figure is no whole number of the kernel's
    units, or the kernel of this process was made for fewer instruments.
    """
    for key in ("instruments", "strategies", "venues", "accounts"):
        count, room = len(getattr(config, key)), getattr(CAPACITY, key)
        if count > room:
            allowed = f"at most {room} {key} in this process's capacity {CAPACITY.name}: set QUARTERDECK_CAPACITY"
            raise ConfigError(config.file, key, count, allowed)
    if epoch < 1 or time_ns < 0:
        raise ValueError(f"epoch {epoch} must be 1 or more, time {time_ns} ns must not be before 1970")
    settings = np.array(list(_Opening(config).settings()), np.int64)
    configure = _events(EventKind.CONFIGURE, len(settings), time_ns)
    for place, word in enumerate(("table", "row", "column", "setting")):
        configure[word] = settings[:, place]
    parts = [configure, _session_start(config, epoch, time_ns), _connections(config, time_ns)]
    if fresh:
        parts.append(_deposits(config, time_ns))
    return join_events(parts)
