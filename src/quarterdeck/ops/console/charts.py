"""What the charts show, as options of ECharts: equity, drawdown, price with fills, latency."""

import math
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from quarterdeck.ops.console.looks import DARK, LIGHT, Palette
from quarterdeck.ops.console.memory import DeskMemory, Fill, Moment
from quarterdeck.ops.console.wording import duration_text

__all__ = ["CHARTS", "Options", "chart_options", "chart_words"]

Options: TypeAlias = dict[str, Any]
CHARTS: Final = (
    ("equity", "Equity"),
    ("drawdown", "Drawdown"),
    ("price", "Price and fills"),
    ("latency", "Loop latency"),
)
_POINTS: Final = 900
_FILLS: Final = 300
_MS: Final = 1e6


def chart_words(name: str, memory: DeskMemory, instrument: str) -> str:
    """What a chart shows, for whoever cannot see it."""
    moments = memory.moments
    if not moments:
        return "no figures yet"
    last = moments[-1]
    fills = sum(one.instrument == instrument for one in memory.fills)
    words = {
        "equity": f"equity {last.equity:,.2f}, lowest {min(one.equity for one in moments):,.2f}, "
        f"highest {max(one.equity for one in moments):,.2f}",
        "drawdown": f"drawdown {last.drawdown:.3%}, deepest {max(one.drawdown for one in moments):.3%}",
        "price": f"{instrument} at {last.marks.get(instrument, 0.0):g}, {fills} fills",
        "latency": f"this session: p50 {duration_text(last.loop_p50_s)}, p99 {duration_text(last.loop_p99_s)}",
    }
    return words[name]


def chart_options(name: str, memory: DeskMemory, instrument: str, *, dark: bool) -> Options:
    """The options of one chart. Times are the desk's own, UTC."""
    palette = DARK if dark else LIGHT
    moments = _thinned(memory.moments)
    if name == "equity":
        line = _line("Equity", [(m.time_ns, m.equity) for m in moments], palette["accent"], area=True)
        return _chart(palette, [line], ends=_ends([m.equity for m in moments]))
    if name == "drawdown":
        points = [(m.time_ns, round(-100 * m.drawdown, 4)) for m in moments]
        return _chart(palette, [_line("Drawdown, %", points, palette["bad"], area=True)], ends=(None, 0.0), unit=" %")
    if name == "latency":
        lines = [
            _line("p50, µs", [(m.time_ns, _micro(m.loop_p50_s)) for m in moments], palette["accent"]),
            _line("p99, µs", [(m.time_ns, _micro(m.loop_p99_s)) for m in moments], palette["warn"]),
        ]
        return _chart(palette, lines, legend=True, logarithmic=True)
    line = _line(instrument, [(m.time_ns, m.marks.get(instrument)) for m in moments], palette["muted"])
    begin = memory.moments[0].time_ns if memory.moments else 0
    fills = [one for one in memory.fills if one.instrument == instrument and one.time_ns >= begin][-_FILLS:]
    shown = [m.marks[instrument] for m in moments if instrument in m.marks] + [float(one.price) for one in fills]
    return _chart(palette, [line, *_marks(fills, palette)], ends=_ends(shown), legend=True)


def _ends(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The ends of an axis that shows how something moved: a little beyond it, rounded to figures one can read."""
    if not values:
        return None, None
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 2e-5)
    step = 10.0 ** math.floor(math.log10(room)) if room else 1.0
    return math.floor((low - room) / step) * step, math.ceil((high + room) / step) * step


def _thinned(moments: Sequence[Moment]) -> list[Moment]:
    """At most so many points, the newest always among them."""
    step = len(moments) // _POINTS + 1
    return list(moments)[::-1][::step][::-1]


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e6, 3)


def _line(name: str, points: Sequence[tuple[int, float | None]], colour: str, *, area: bool = False) -> Options:
    series: Options = {
        "name": name,
        "type": "line",
        "showSymbol": False,
        "data": [[round(time_ns / _MS), value] for time_ns, value in points],
        "lineStyle": {"width": 1.6, "color": colour},
        "itemStyle": {"color": colour},
        "emphasis": {"disabled": True},
    }
    if area:
        series["areaStyle"] = {"color": colour, "opacity": 0.10, "origin": "auto"}
    return series


def _marks(fills: Sequence[Fill], palette: Palette) -> list[Options]:
    """Buys and sells: different shapes, not only different colours."""
    kinds = (("BUY", "Buys", palette["good"], 0), ("SELL", "Sells", palette["bad"], 180))
    return [
        {
            "name": words,
            "type": "scatter",
            "symbol": "triangle",
            "symbolRotate": turned,
            "symbolSize": 9,
            "itemStyle": {"color": colour, "borderColor": palette["surface"], "borderWidth": 1},
            "data": [[round(one.time_ns / _MS), float(one.price)] for one in fills if one.side == side],
        }
        for side, words, colour, turned in kinds
    ]


def _chart(
    palette: Palette,
    series: list[Options],
    *,
    ends: tuple[float | None, float | None] = (None, None),
    legend: bool = False,
    logarithmic: bool = False,
    unit: str = "",
) -> Options:
    ink = {"color": palette["muted"], "fontSize": 11}
    value: Options = {
        "type": "log" if logarithmic else "value",
        "position": "right",
        "min": ends[0],
        "max": ends[1],
        "axisLabel": {**ink, "formatter": f"{{value}}{unit}", "showMinLabel": False, "showMaxLabel": False}
        if ends[0] is not None
        else {**ink, "formatter": f"{{value}}{unit}"},
        "axisLine": {"show": False},
        "splitLine": {"lineStyle": {"color": palette["line"]}},
        "splitNumber": 4,
    }
    return {
        "backgroundColor": "transparent",
        "animation": False,
        "useUTC": True,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 8, "right": 8, "top": 28 if legend else 12, "bottom": 8, "containLabel": True},
        "legend": {
            "show": legend,
            "right": 8,
            "top": 0,
            "itemWidth": 12,
            "itemHeight": 8,
            "textStyle": ink,
            "symbolRotate": "inherit",
        },
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": palette["surface"],
            "borderColor": palette["line-strong"],
            "textStyle": {"color": palette["text"], "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": palette["line-strong"]}},
        },
        "xAxis": {
            "type": "time",
            "axisLabel": {**ink, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": palette["line-strong"]}},
            "splitNumber": 5,
        },
        "yAxis": value,
        "series": series,
    }
