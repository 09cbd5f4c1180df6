"""Estimators in the compiled subset, one step per observation, over a few plain numbers of a strategy's memory.

Only sums, products, quotients and square roots of floats in a fixed order: every machine, compiled or not, gets the
same bits. Prices are floats in ticks, times UTC nanoseconds.
"""

import math
from typing import Annotated, TypedDict

from quarterdeck.kernel.compiled import compiled

__all__ = [
    "Atr",
    "Average",
    "Macd",
    "Volatility",
    "atr_step",
    "ema_step",
    "log_ratio",
    "macd_step",
    "time_ema_step",
    "volatility_over",
    "volatility_step",
]

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]


class Average(TypedDict):
    """An exponential average."""

    value: F8
    count: I8  # observations so far
    time_ns: I8  # of the newest one, where the average goes by time


class Macd(TypedDict):
    """Moving average convergence/divergence."""

    fast: Annotated[Average, Average]
    slow: Annotated[Average, Average]
    signal: Annotated[Average, Average]


class Atr(TypedDict):
    """Average true range."""

    value: F8
    close: F8  # of the bar before
    count: I8


class Volatility(TypedDict):
    """Variance of log returns per nanosecond."""

    rate: F8
    close: F8
    time_ns: I8  # of that close
    since_ns: I8  # time of the first close
    count: I8  # returns so far


@compiled
def ema_step(average: Average, period: int, value: float) -> float:
    """Adds an observation and returns the average: weight 2 / (period + 1), the plain mean until that is reached."""
    average["count"] += 1
    weight = max(2.0 / (period + 1.0), 1.0 / average["count"])
    average["value"] += weight * (value - average["value"])
    return average["value"]


@compiled
def time_ema_step(average: Average, memory_ns: int, time_ns: int, value: float) -> float:
    """Adds an observation at a time: weight t / (memory + t) after a pause of t, which fades like exp(-t / memory)."""
    if average["count"] == 0:
        average["value"] = value
    else:
        pause = float(max(0, time_ns - average["time_ns"]))
        average["value"] += pause / (float(memory_ns) + pause) * (value - average["value"])
    average["count"] += 1
    average["time_ns"] = time_ns
    return average["value"]


@compiled
def macd_step(macd: Macd, fast: int, slow: int, signal: int, close: float) -> float:
    """Adds a close and returns the histogram (Appel, 1979): fast less slow average, less that line's own average."""
    line = ema_step(macd["fast"], fast, close) - ema_step(macd["slow"], slow, close)
    return line - ema_step(macd["signal"], signal, line)


@compiled
def atr_step(atr: Atr, period: int, high: float, low: float, close: float) -> float:
    """Adds a bar and returns the average true range (Wilder, 1978): a mean at first, then weight 1 / period."""
    reach = high - low
    if atr["count"] > 0:
        reach = max(reach, abs(high - atr["close"]), abs(low - atr["close"]))
    atr["count"] += 1
    atr["close"] = close
    atr["value"] += (reach - atr["value"]) / min(atr["count"], period)
    return atr["value"]


@compiled
def log_ratio(after: float, before: float) -> float:
    """log(after / before) of positive prices by the series of the inverse hyperbolic tangent.

    Libraries' logarithms differ in the last bit between machines. The error is below 1e-15 for changes up to a tenth,
    and below 1e-3 for a price that triples.
    """
    z = (after - before) / (after + before)
    square = z * z
    total = 0.0
    for term in range(15, 0, -2):
        total = total * square + 1.0 / term
    return 2.0 * z * total


@compiled
def volatility_step(volatility: Volatility, memory_ns: int, time_ns: int, close: float) -> None:
    """Adds a close: squared log returns per time, exponentially weighted (RiskMetrics, 1996; mean taken as zero).

    Closes need not be evenly spaced. Until `memory_ns` has passed it is the plain realised variance so far.
    """
    if volatility["time_ns"] == 0:
        volatility["since_ns"] = time_ns
    elif time_ns > volatility["time_ns"]:
        pause = float(time_ns - volatility["time_ns"])
        change = log_ratio(close, volatility["close"])
        weight = max(pause / (float(memory_ns) + pause), pause / float(time_ns - volatility["since_ns"]))
        volatility["rate"] += weight * (change * change / pause - volatility["rate"])
        volatility["count"] += 1
    volatility["close"] = close
    volatility["time_ns"] = time_ns


@compiled
def volatility_over(volatility: Volatility, horizon_ns: int) -> float:
    """Standard deviation of log returns over a horizon, returns taken as uncorrelated."""
    return math.sqrt(volatility["rate"] * float(horizon_ns))
