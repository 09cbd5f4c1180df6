"""Columns of numbers, and how they become whole steps of a grid.

A column of decimals or integers is exact. A float is taken for a decimal of 12 significant digits: it is on the grid
when it is within 2**-40 of itself of a grid point, and never further than 0.05 steps. So an error of floating-point
arithmetic is forgiven and a digit is not.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quarterdeck.market.grids import decimal_parts

__all__ = ["Numbers", "decimals_used", "read_numbers", "steps_of"]

_TOLERANCE: Final = 2.0**-40
_STEPS_OFF_MAX: Final = 0.05
_INT64_SAFE: Final = float(2**62)
_SAMPLE: Final = 4096


@dataclass(frozen=True, slots=True)
class Numbers:
    """One column. `values` are floats, NaN where there is no number; exact columns also have mantissa / 10**scale."""

    values: NDArray[np.float64]
    mantissa: NDArray[np.int64] | None = None
    scale: int = 0

    def __len__(self) -> int:
        return len(self.values)


def read_numbers(series: pl.Series) -> Numbers:
    """Returns the column as numbers; text that is no number is NaN."""
    dtype = series.dtype
    if isinstance(dtype, pl.Decimal):
        physical = series.to_physical().cast(pl.Int64, strict=False)
        if physical.null_count() == series.null_count():
            return _exact(physical, dtype.scale)
    elif dtype.is_integer():
        whole = series.cast(pl.Int64, strict=False)
        if whole.null_count() == series.null_count():
            return _exact(whole, 0)
    floats = series.cast(pl.String).cast(pl.Float64, strict=False) if _is_text(dtype) else series.cast(pl.Float64)
    return Numbers(floats.to_numpy().astype(np.float64, copy=False))


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _exact(physical: pl.Series, scale: int) -> Numbers:
    mantissa = physical.fill_null(0).to_numpy().astype(np.int64)
    values = mantissa / 10.0**scale
    if physical.null_count():
        values[physical.is_null().to_numpy()] = np.nan
    return Numbers(values, mantissa, scale)


def decimals_used(numbers: Numbers, usable: NDArray[np.bool_], limit: int) -> int | None:
    """Returns the least decimals (0 to `limit`) at which every usable number is exact; None when there are none."""
    if numbers.mantissa is not None:
        return _decimals_exact(numbers.mantissa[usable], numbers.scale, limit)
    values = numbers.values[usable & (np.abs(numbers.values) < _INT64_SAFE)]
    # The sample finds nearly all of the digits cheaply; the whole column has the last word.
    decimals: int | None = 0
    for part in (values[:: max(1, len(values) // _SAMPLE)], values):
        while decimals is not None and not _fits(part, decimals):
            decimals = decimals + 1 if decimals < limit else None
    return decimals


def _decimals_exact(mantissa: NDArray[np.int64], scale: int, limit: int) -> int | None:
    decimals = scale
    while decimals > 0 and not np.any(mantissa % 10):
        mantissa = mantissa // 10
        decimals -= 1
    return decimals if decimals <= limit else None


def _fits(values: NDArray[np.float64], decimals: int) -> bool:
    scaled = values * 10.0**decimals
    return not np.any(_off(scaled, np.rint(scaled)))


def _off(scaled: NDArray[np.float64], nearest: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(scaled - nearest) > np.minimum(np.abs(scaled) * _TOLERANCE, _STEPS_OFF_MAX)


def steps_of(numbers: Numbers, step: Decimal, *, floor: bool = False) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Returns (steps, off): whole steps of `step`, and where the number lies between two (nearest, or below: `floor`).

    Shapes (rows,). Where there is no number, or one past 2**62 steps, the steps are 0 and `off` is False; the caller
    has refused such rows by their values.
    """
    mantissa, exponent = decimal_parts(step)
    if numbers.mantissa is not None:
        shift = -exponent - numbers.scale
        largest = float(np.max(np.abs(numbers.mantissa), initial=0))
        if largest * 10.0 ** max(shift, 0) < _INT64_SAFE:
            return _steps_exact(numbers.mantissa, mantissa, shift, floor)
    values = np.where(np.abs(numbers.values) < _INT64_SAFE, numbers.values, 0.0)
    scaled = values * 10.0**-exponent / mantissa if exponent < 0 else values / float(step)
    scaled = np.where(np.abs(scaled) < _INT64_SAFE, scaled, 0.0)
    nearest = np.rint(scaled)
    off = _off(scaled, nearest)
    return np.where(off & floor, np.floor(scaled), nearest).astype(np.int64), off


def _steps_exact(
    numbers: NDArray[np.int64], mantissa: int, shift: int, floor: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    upper = numbers * np.int64(10 ** max(shift, 0))
    lower = mantissa * 10 ** max(-shift, 0)
    steps, rest = np.divmod(upper, np.int64(lower))
    off = rest != 0
    if not floor:
        steps += 2 * rest > lower
    return steps, off
