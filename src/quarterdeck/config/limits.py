"""What holds the desk back: limits, the breaker. Every default is finite and cautious."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from quarterdeck.config.figures import (
    BasisPoints,
    Hours,
    Limit,
    Milliseconds,
    Minutes,
    Money,
    PositiveMilliseconds,
    PositiveSeconds,
    PositiveShare,
    QuantityLimit,
    Seconds,
    Settings,
    Share,
    StopDistance,
    Within,
    refusal,
)

__all__ = [
    "ApiErrors",
    "Breaker",
    "BreakerMetrics",
    "DailyDrawdown",
    "DeskLimits",
    "Grading",
    "InstrumentLimits",
    "PositionSize",
    "StrategyLimits",
    "VenueLimits",
    "Volatility",
]

LargeShare: TypeAlias = Annotated[Decimal, Within("0.000001", "100", "share", step="0.000001")]


class DeskLimits(Settings):
    """[limits]: over the whole desk, in the desk's base currency."""

    max_exposure: Limit = Decimal(10000)
    """Gross: the value of all positions, long and short, and of the orders working to enlarge them."""
    heat: Share = Decimal("0.06")
    """Portfolio heat: the loss if every stop is hit, over equity."""
    max_daily_loss: Limit = Decimal(500)
    """Equity lost since the trading day began, after which entries stop until the next day."""
    max_daily_loss_share: Share | None = None
    """The same as a share of the desk's capital; the lower of the two holds."""
    max_drawdown: PositiveShare = Decimal("0.15")
    """Share of the equity's peak lost, after which entries stop."""
    equity_floor: Money = Decimal(0)
    """Equity below which entries stop."""
    orders_per_minute: Annotated[int, Within("0", "1000000", "orders per minute")] = 60
    on_breach: Literal["reject", "reduce"] = "reject"
    """What a size limit does with an order that is too large: refuse it, or cut it to what fits."""
    warning: PositiveShare = Decimal("0.8")
    """Share of a limit at which it warns."""
    day_start: str = "00:00"
    """When the trading day begins, "HH:MM" UTC."""
    max_unacknowledged: Annotated[int, Within("1", "1000000", "warnings")] = 50
    """Warnings that may stand without a person's acknowledgement before entries stop."""
    default_stop_bps: StopDistance = Decimal(200)
    """The loss distance that heat assumes where no stop stands."""
    max_position_risk: PositiveShare | None = None
    """Share of the capital that one position may lose at its default stop: caps each instrument's exposure."""

    @property
    def day_offset_minutes(self) -> int:
        """Minutes from 00:00 UTC to the trading day's begin."""
        hours, _, minutes = self.day_start.partition(":")
        return int(hours) * 60 + int(minutes)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", self.day_start):
            raise refusal("day_start", self.day_start, 'a time of day "HH:MM" UTC, from "00:00" to "23:59"')
        return self


class InstrumentLimits(Settings):
    """[instruments.limits]: of one instrument. Money in the base currency, quantities in the instrument's base."""

    restricted: bool = False
    """On the restricted list: nothing but reducing orders."""
    locked: bool = False
    """No entries for now."""
    min_notional: Money | None = None
    """The desk's own minimum of an order's value; by default the venue's."""
    max_notional: Limit = Decimal(1000)
    max_quantity: QuantityLimit | None = None
    """Of one order; by default what `max_notional` buys at a price of one tick."""
    collar_bps: BasisPoints = Decimal(500)
    """How far an order's price may be from the market."""
    collar_period_bps: BasisPoints = Decimal(1000)
    """How far it may be from the price at the period's begin."""
    collar_period_s: PositiveSeconds = Decimal(300)
    stale_ms: PositiveMilliseconds = Decimal(5000)
    """Age of the newest price above which entries stop."""
    max_exposure: Limit = Decimal(5000)
    max_long: QuantityLimit | None = None
    """Position limit; by default what `max_exposure` buys at a price of one tick."""
    max_short: QuantityLimit | None = None
    """Position limit; 0 where the instrument cannot be sold short."""
    duplicate_window_ms: Milliseconds = Decimal(500)
    """Two equal orders within it: the second is refused."""
    default_stop_bps: StopDistance | None = None
    """By default the desk's."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_notional is not None and self.min_notional > self.max_notional:
            raise refusal("min_notional", self.min_notional, f"at most max_notional ({self.max_notional})")
        if self.max_notional > self.max_exposure:
            raise refusal("max_notional", self.max_notional, f"at most max_exposure ({self.max_exposure})")
        return self


class StrategyLimits(Settings):
    """[strategies.limits]: of one strategy, in the desk's base currency."""

    max_exposure: Limit = Decimal(5000)
    """Gross; the strategy's quota."""
    max_long_exposure: Limit | None = None
    """By default `max_exposure`."""
    max_short_exposure: Limit | None = None
    """By default `max_exposure`."""
    weight: Share = Decimal(1)
    """Share of full size that the strategy may use."""
    max_executions: Annotated[int, Within("1", "1000000", "entries")] = 60
    """Entries within the window, after which a person must enable the strategy again."""
    executions_window_s: PositiveSeconds = Decimal(60)
    max_daily_loss: Limit = Decimal(250)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for key in ("max_long_exposure", "max_short_exposure"):
            side: Decimal | None = getattr(self, key)
            if side is not None and side > self.max_exposure:
                raise refusal(key, side, f"at most max_exposure ({self.max_exposure})")
        return self


class VenueLimits(Settings):
    """[venues.limits]: of one venue."""

    max_exposure: Limit = Decimal(10000)
    """Gross, in the desk's base currency."""
    messages_per_second: Annotated[int, Within("1", "1000000", "messages per second")] = 20
    """Submits, replaces and cancels together."""
    cancel_reserve: Annotated[int, Within("0", "1000000", "messages per second")] = 5
    """The part of them that only cancels and reducing orders may use."""
    error_rate: PositiveShare = Decimal("0.5")
    """Share of a minute's answers that are errors, at which the venue's breaker opens."""
    error_samples_min: Annotated[int, Within("1", "1000000", "answers")] = 10
    """Answers in that minute below which the breaker does not judge."""
    error_cooldown_s: PositiveSeconds = Decimal(60)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.cancel_reserve >= self.messages_per_second:
            allowed = f"less than messages_per_second ({self.messages_per_second})"
            raise refusal("cancel_reserve", self.cancel_reserve, allowed)
        return self


class Grading(Settings):
    """[breaker.metrics.NAME]: how one graded metric climbs and falls."""

    trigger: LargeShare
    reset: LargeShare
    cooldown_s: Seconds
    max_per_day: Annotated[int, Within("1", "1000", "trips per day")]
    escalation_s: Seconds

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.reset >= self.trigger:
            raise refusal("reset", self.reset, f"below trigger ({self.trigger})")
        return self


class DailyDrawdown(Grading):
    """Share of the day's opening equity lost."""

    trigger: LargeShare = Decimal("0.05")
    reset: LargeShare = Decimal("0.02")
    cooldown_s: Seconds = Decimal(3600)
    max_per_day: Annotated[int, Within("1", "1000", "trips per day")] = 3
    escalation_s: Seconds = Decimal(300)


class PositionSize(Grading):
    """The largest position's value over equity."""

    trigger: LargeShare = Decimal("0.15")
    reset: LargeShare = Decimal("0.10")
    cooldown_s: Seconds = Decimal(1800)
    max_per_day: Annotated[int, Within("1", "1000", "trips per day")] = 5
    escalation_s: Seconds = Decimal(60)


class Volatility(Grading):
    """The volatility that the desk measures, in the unit of its sizing file."""

    trigger: LargeShare = Decimal("0.30")
    reset: LargeShare = Decimal("0.20")
    cooldown_s: Seconds = Decimal(7200)
    max_per_day: Annotated[int, Within("1", "1000", "trips per day")] = 2
    escalation_s: Seconds = Decimal(600)


class ApiErrors(Grading):
    """Share of the venues' answers that are errors."""

    trigger: LargeShare = Decimal("0.10")
    reset: LargeShare = Decimal("0.05")
    cooldown_s: Seconds = Decimal(900)
    max_per_day: Annotated[int, Within("1", "1000", "trips per day")] = 10
    escalation_s: Seconds = Decimal(30)


class BreakerMetrics(Settings):
    """[breaker.metrics]: the graded metrics."""

    daily_drawdown: DailyDrawdown = DailyDrawdown()
    position_size: PositionSize = PositionSize()
    volatility: Volatility = Volatility()
    api_errors: ApiErrors = ApiErrors()


class Breaker(Settings):
    """[breaker]: the desk's kill switch and its way back."""

    drawdown_trip: PositiveShare = Decimal("0.03")
    """Share of the peak lost at which the desk is killed."""
    drawdown_recovery: Share = Decimal("0.01")
    """Share lost, measured from the peak since the kill, at or below which recovery may begin."""
    cooldown_hours: Hours = Decimal(24)
    dwell_minutes: Minutes = Decimal(60)
    """Time in each stage of recovery."""
    stages: Annotated[tuple[PositiveShare, ...], Field(strict=False)] = (
        Decimal("0.25"),
        Decimal("0.5"),
        Decimal("0.75"),
        Decimal(1),
    )
    """Size multipliers of the four stages of recovery."""
    reduced: PositiveShare = Decimal("0.5")
    """Size multiplier while a graded metric is critical."""
    trips_per_day: Annotated[int, Within("1", "1000", "trips per day")] = 3
    """Kills in one day, after which only a person resumes."""
    metrics: BreakerMetrics = BreakerMetrics()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.drawdown_recovery >= self.drawdown_trip:
            raise refusal("drawdown_recovery", self.drawdown_recovery, f"below drawdown_trip ({self.drawdown_trip})")
        rising = all(low < high for low, high in zip(self.stages, self.stages[1:], strict=False))
        if len(self.stages) != 4 or not rising:
            shown = [str(stage) for stage in self.stages]
            raise refusal("stages", shown, "four shares up to 1, each above the one before")
        return self
