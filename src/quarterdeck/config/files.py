"""The desk's JSON files: sizing by regime, risk parameters, trading parameters.

Each states its own units. What of them holds the kernel back is listed in `combination`.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from quarterdeck.config.figures import (
    Fee,
    Identifier,
    Minutes,
    Money,
    PositiveShare,
    Quantity,
    Settings,
    Share,
    StopDistance,
    Within,
    refusal,
)

__all__ = [
    "REGIMES",
    "Atr",
    "Fees",
    "FeesByKind",
    "Hysteresis",
    "Macd",
    "Regime",
    "RegimeSizing",
    "RiskParameters",
    "SizingByRegime",
    "SizingRisk",
    "TradingParameters",
]

Periods: TypeAlias = Annotated[int, Within("1", "10000", "bars")]
Multiplier: TypeAlias = Annotated[Decimal, Within("0", "10", "times full size", step="0.000001")]
Confidence: TypeAlias = Annotated[Decimal, Within("0.5", "0.9999", "confidence level")]

REGIMES: Final = ("low_volatility", "normal_volatility", "high_volatility")


class Regime(Settings):
    """How positions are sized in one band of volatility."""

    volatility_threshold: Annotated[Decimal, Within("0", "10", "in the file's volatility_unit")]
    """The band reaches from here to the next regime's threshold; the lowest regime also covers what is below it."""
    position_size_multiplier: Multiplier
    max_position_size: Quantity
    """In the file's position_size_unit."""
    stop_loss_bps: StopDistance
    take_profit_bps: StopDistance
    cooldown_minutes: Minutes


class RegimeSizing(Settings):
    """The three regimes."""

    high_volatility: Regime
    normal_volatility: Regime
    low_volatility: Regime

    @model_validator(mode="after")
    def _possible(self) -> Self:
        thresholds = [self.low_volatility, self.normal_volatility, self.high_volatility]
        for low, high, name in zip(thresholds, thresholds[1:], REGIMES[1:], strict=False):
            if low.volatility_threshold >= high.volatility_threshold:
                allowed = f"above the next lower regime's ({low.volatility_threshold})"
                raise refusal(f"{name}.volatility_threshold", high.volatility_threshold, allowed)
        return self


class SizingRisk(Settings):
    """`risk_parameters` of the sizing file."""

    max_daily_drawdown: PositiveShare
    """Share of the day's opening equity: the trigger of the breaker's daily_drawdown metric."""
    max_position_risk: PositiveShare
    """Share of the capital that one position may lose at its default stop."""
    correlation_limit: Share
    var_confidence_level: Confidence
    es_confidence_level: Confidence


class Hysteresis(Settings):
    """`hysteresis_settings` of the sizing file: the breaker."""

    kill_switch_cooldown_hours: Annotated[Decimal, Within("0", "8760", "hours", step="0.001")]
    reduction_threshold: PositiveShare
    """Share of the peak lost at which the desk is killed."""
    recovery_threshold: Share
    staged_recovery: bool
    """false: one stage only, full size at once; refused, since a desk always recovers in stages."""
    recovery_stages: Annotated[tuple[PositiveShare, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.recovery_threshold >= self.reduction_threshold:
            allowed = f"below reduction_threshold ({self.reduction_threshold})"
            raise refusal("recovery_threshold", self.recovery_threshold, allowed)
        if not self.staged_recovery:
            raise refusal("staged_recovery", False, "true: a desk recovers in stages")
        rising = all(low < high for low, high in zip(self.recovery_stages, self.recovery_stages[1:], strict=False))
        if len(self.recovery_stages) != 4 or not rising:
            shown = [str(stage) for stage in self.recovery_stages]
            raise refusal("recovery_stages", shown, "four shares up to 1, each above the one before")
        return self


class SizingByRegime(Settings):
    """config/sizing_by_regime.json."""

    volatility_unit: Literal["standard_deviation_of_log_returns"]
    volatility_horizon_minutes: Annotated[int, Within("1", "525600", "minutes")]
    """What one return spans: thresholds are the deviation of returns over so long, not annualised."""
    position_size_unit: Identifier
    """The base currency of the instruments that max_position_size is of."""
    regime_sizing_config: RegimeSizing
    risk_parameters: SizingRisk
    hysteresis_settings: Hysteresis

    def regime(self, volatility: float) -> tuple[str, Regime]:
        """The regime of a volatility, in the file's unit and horizon.

        Raises ValueError for a volatility that is negative or not a number.
        """
        if not volatility >= 0:
            raise ValueError(f"a volatility of {volatility} has no regime: it must be 0 or more")
        regimes = self.regime_sizing_config
        if volatility >= float(regimes.high_volatility.volatility_threshold):
            return "high_volatility", regimes.high_volatility
        if volatility >= float(regimes.normal_volatility.volatility_threshold):
            return "normal_volatility", regimes.normal_volatility
        return "low_volatility", regimes.low_volatility


class RiskParameters(Settings):
    """config/risk_parameters.json. Shares are of the desk's capital."""

    position_size_unit: Identifier
    max_position_size: Quantity
    """Of any position in an instrument of that base currency, long or short."""
    max_daily_loss: PositiveShare
    max_drawdown: PositiveShare
    stop_loss: PositiveShare
    """Of the entry price: the stop distance that heat assumes."""
    take_profit: PositiveShare
    correlation_limit: Share


class Macd(Settings):
    """Periods of the moving average convergence/divergence."""

    fast: Periods
    slow: Periods
    signal: Periods

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.fast >= self.slow:
            raise refusal("fast", self.fast, f"below slow ({self.slow})")
        return self


class Atr(Settings):
    """The average true range and what is made of it."""

    period: Periods
    stop_multiple: Annotated[Decimal, Within("0.1", "100", "times the average true range")]
    take_profit_multiple: Annotated[Decimal, Within("0.1", "100", "times the average true range")]


class Fees(Settings):
    """Fees of one kind of instrument, in basis points of notional; negative is a rebate."""

    maker_bps: Fee
    taker_bps: Fee


class FeesByKind(Settings):
    """Fees of the kinds of instruments that the desk trades."""

    spot: Fees | None = None
    perpetual: Fees | None = None
    equity: Fees | None = None
    token: Fees | None = None


class TradingParameters(Settings):
    """config/trading_parameters.json."""

    min_notional: Money
    """The desk's minimum value of an order, in its base currency."""
    risk_per_trade: PositiveShare
    """Share of equity that one trade may lose at its stop."""
    confidence_threshold: Share
    funding_rate_threshold: Annotated[Decimal, Within("0", "1", "share of notional per funding interval")]
    max_consecutive_losses: Annotated[int, Within("1", "1000", "losses")]
    post_trade_cooldown_minutes: Minutes
    atr: Atr
    macd: Macd
    fees: FeesByKind
