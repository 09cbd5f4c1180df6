"""The equity curve: samples on a grid of time, and the figures that are taken from them.

A sample stands at each multiple of the step (of UTC) from the first event on, with the equity after the last event up
to that time; the last sample stands at the last event. The step is the least of a list that gives at most `SAMPLES_MAX`
of them, and at most two for each event.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.market.times import format_span

__all__ = ["SAMPLES_MAX", "Curve", "Sharpe", "drawdown_share", "sample_grid", "sharpe_ratio", "thin_out"]

SAMPLES_MAX: Final = 10_000
RETURNS_MIN: Final = 30
_MS: Final = 1_000_000
_SECOND: Final = 1000 * _MS
_HOUR: Final = 3600 * _SECOND
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365.25 * _DAY
_STEPS: Final = (
    *(count * _MS for count in (1, 10, 100)),
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)),
    *(count * _HOUR for count in (1, 2, 4, 12)),
    *(count * _DAY for count in (1, 7, 28)),
)
_RETURN_STEPS: Final = (_DAY, 4 * _HOUR, _HOUR)  # the coarsest that gives enough returns is taken


@dataclass(frozen=True, slots=True)
class Curve:
    """Samples, each of shape (n,). Money in desk money units, `mark_half_ticks` twice the ticks (0: none yet).

    `stage` is the breaker's.
    """

    step_ns: int
    time_ns: NDArray[np.int64]
    equity: NDArray[np.int64]
    lots: NDArray[np.int64]
    mark_half_ticks: NDArray[np.int64]
    stage: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sharpe:
    """A Sharpe ratio, or None and why; `grid` says from which returns."""

    value: float | None
    grid: str


def sample_grid(time_ns: NDArray[np.int64]) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Returns (step, sample times, for each the number of events up to it). `time_ns` ascends and is not empty."""
    first, last = int(time_ns[0]), int(time_ns[-1])
    most = min(SAMPLES_MAX, 2 * len(time_ns))
    step = next((one for one in _STEPS if (last - first) // one < most - 1), _STEPS[-1])
    times = np.arange((first // step + 1) * step, last, step, dtype=np.int64)
    times = np.append(times, last)
    return step, times, np.searchsorted(time_ns, times, side="right").astype(np.int64)


def drawdown_share(equity: NDArray[np.int64], start: int) -> NDArray[np.float64]:
    """Returns the share of the highest equity so far (`start` included) that is lost, per sample."""
    peak = np.maximum.accumulate(np.maximum(equity, start))
    return np.divide(peak - equity, peak, out=np.zeros(len(equity)), where=peak > 0)


def sharpe_ratio(curve: Curve, start: int) -> Sharpe:
    """Returns the annualised Sharpe ratio (Sharpe 1994) of the equity's simple returns, over a riskless rate of 0.

    Returns are of calendar time, nights and weekends too: mean / standard deviation (n - 1) * sqrt(year / step). None
    with fewer than 30 returns of at least one hour, an equity that is not positive, or no variance.
    """
    for step in _RETURN_STEPS if curve.step_ns <= _DAY else (curve.step_ns,):
        if step % curve.step_ns:
            continue
        equity = np.append(start, curve.equity[:-1][curve.time_ns[:-1] % step == 0]).astype(np.float64)
        if len(equity) - 1 < RETURNS_MIN:
            continue
        grid = f"{len(equity) - 1} returns of {format_span(step)}, calendar time"
        if np.any(equity <= 0):
            return Sharpe(None, f"none: equity was not positive ({grid})")
        returns = equity[1:] / equity[:-1] - 1
        deviation = float(np.std(returns, ddof=1))
        if deviation == 0:
            return Sharpe(None, f"none: the returns have no variance ({grid})")
        return Sharpe(float(np.mean(returns)) / deviation * math.sqrt(_YEAR / step), grid)
    return Sharpe(None, f"none: fewer than {RETURNS_MIN} returns of at least 1 h")


def thin_out(values: NDArray[np.int64], points: int) -> NDArray[np.intp]:
    """Returns at most `points` positions that draw the same line: the lowest and highest of each of points/2 parts."""
    if len(values) <= points:
        return np.arange(len(values))
    kept: list[int] = [0, len(values) - 1]
    for part in np.array_split(np.arange(len(values)), points // 2 - 1):
        kept += [int(part[np.argmin(values[part])]), int(part[np.argmax(values[part])])]
    return np.unique(np.array(kept, np.intp))
