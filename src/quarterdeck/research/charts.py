"""Charts for a page: inline SVG for the lines, HTML for the words, so that words keep their size at any width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

__all__ = ["Axis", "Chart", "Dots", "format_figure", "time_ticks", "value_ticks"]

_SIZE: Final = 1000.0  # the drawing's own units, in both directions; it is stretched to its place
_TICKS_MAX: Final = 7
_SECONDS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 12 * 3600,
    *(86_400 * days for days in (1, 2, 5, 7, 14)),
)  # fmt: skip
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values and the ticks on it: (value, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Where the value stands between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Dots:
    """Marks at (time in s, value), of a CSS class, with a name for the legend."""

    points: Sequence[tuple[float, float]]
    style: str
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One line over time. `points` are (time in s, value); `filled` closes the area to `base`."""

    points: Sequence[tuple[float, float]]
    style: str
    time: Axis
    values: Axis
    base: float | None = None
    dots: Sequence[Dots] = ()
    label: str = ""

    def html(self) -> str:
        """Returns the figure's HTML."""
        rows = [
            f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="{escape(self.label)}">',
            *(f'<path class="grid" d="M0 {self._y(value):.1f}H1000"/>' for value, _ in self.values.ticks),
        ]
        line = "L".join(f"{self._x(at):.1f} {self._y(value):.1f}" for at, value in self.points)
        if self.points and self.base is not None:
            first, last, floor = self._x(self.points[0][0]), self._x(self.points[-1][0]), self._y(self.base)
            rows.append(
                f'<path class="area {self.style}" d="M{first:.1f} {floor:.1f}L{line}L{last:.1f} {floor:.1f}Z"/>'
            )
        rows.append(f'<path class="line {self.style}" d="M{line}"/>')
        for dots in self.dots:
            marks = "".join(f"M{self._x(at):.1f} {self._y(value):.1f}h0" for at, value in dots.points)
            rows.append(f'<path class="dots {dots.style}" d="{marks}"/>')
        rows.append("</svg>")
        rows += [
            f'<span class="y" style="top:{100 - 100 * self.values.share(value):.2f}%">{escape(label)}</span>'
            for value, label in self.values.ticks
        ]
        times = "".join(self._time_label(at, label) for at, label in self.time.ticks)
        return f'<div class="chart"><div class="plot">{"".join(rows)}</div><div class="x">{times}</div></div>'

    def _time_label(self, at: float, label: str) -> str:
        share = self.time.share(at)
        side = "first" if share < 0.03 else "last" if share > 0.97 else "mid"
        return f'<span class="{side}" style="left:{100 * share:.2f}%">{escape(label)}</span>'

    def _x(self, at: float) -> float:
        return _SIZE * self.time.share(at)

    def _y(self, value: float) -> float:
        return _SIZE * (1 - self.values.share(value))


def format_figure(value: float, step: float) -> str:
    """Returns a value with as many decimals as tell ticks of that step apart."""
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 2
    return f"{value:,.{min(places, 10)}f}"


def value_ticks(low: float, high: float, *, ticks: int = 4, pad_low: bool = True, pad_high: bool = True) -> Axis:
    """Returns an axis a little wider than the values, with about so many ticks at 1, 2 or 5 times a power of ten."""
    if high <= low:
        room = abs(low) * 0.01 or 1.0
        low, high = low - room if pad_low else low, high + room if pad_high or not pad_low else high
    room = 0.06 * (high - low)
    raw = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= raw * 0.999)
    low, high = low - room if pad_low else low, high + room if pad_high else high
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    marks = ((one * step, format_figure(one * step, step)) for one in range(first, last + 1))
    return Axis(low, high, tuple((at, label.replace("-", "\u2212")) for at, label in marks))


def time_ticks(begin: float, end: float) -> Axis:
    """Returns the axis of a span of UTC seconds, with ticks at whole units of the clock or the calendar."""
    span = max(end - begin, 0.001)
    step = next((one for one in _SECONDS if span / one <= _TICKS_MAX), None)
    if step is None:
        return Axis(begin, begin + span, tuple(_month_ticks(begin, begin + span)))
    clock = "%H:%M" if step >= 60 else "%H:%M:%S"
    first = math.ceil(begin / step)
    moments = [one * step for one in range(first, math.floor((begin + span) / step) + 1)]
    # Midnight is said as its date, so that a span of days can be read.
    labels = (_at(at).strftime("%d %b" if at % 86_400 == 0 and span > 3600 else clock) for at in moments)
    return Axis(begin, begin + span, tuple(zip(map(float, moments), labels, strict=True)))


def _at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _month_ticks(begin: float, end: float) -> list[tuple[float, str]]:
    first, last = _at(begin), _at(end)
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((one for one in _MONTHS if months / one <= _TICKS_MAX), _MONTHS[-1])
    found: list[tuple[float, str]] = []
    start = (first.year * 12 + first.month - 1) // step * step
    for count in range(start, last.year * 12 + last.month, step):
        moment = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        if begin <= moment.timestamp() <= end:
            found.append((moment.timestamp(), moment.strftime("%Y" if step >= 12 else "%b %Y")))
    return found
