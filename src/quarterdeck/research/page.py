"""The page of a backtest: one HTML file that needs nothing else, light and dark, wide and narrow."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.market import Finding
from quarterdeck.market.times import format_span, format_time
from quarterdeck.research.charts import Axis, Chart, Dots, time_ticks, value_ticks
from quarterdeck.research.curve import drawdown_share, thin_out
from quarterdeck.research.result import BacktestResult, money_text

__all__ = ["render_page"]

_POINTS: Final = 2000
_DOTS: Final = 800
_NS: Final = 1e9
_MINUS: Final = "\u2212"


def render_page(result: BacktestResult) -> str:
    """Returns the HTML of a result."""
    template = Template(files("quarterdeck.research").joinpath("page.html").read_text(encoding="utf-8"))
    span = f"{_moment(result.begin_ns)} to {_moment(result.end_ns)}"
    return template.substitute(
        title=escape(f"{result.desk} on {result.instrument.symbol}: backtest"),
        desk=escape(result.desk),
        symbol=escape(result.instrument.symbol),
        span=escape(f"{span} UTC, {format_span(result.end_ns - result.begin_ns)} of {result.data.kind}"),
        notes=_notes([*result.instrument.changes, *result.notes]),
        tiles=_tiles(result),
        charts=_charts(result),
        strategies=_strategies(result),
        rejections=_rejections(result),
        quality=_quality(result),
        provenance=_provenance(result),
    )


def _moment(time_ns: int) -> str:
    return format_time(time_ns)[:16].replace("T", " ")


def _signed(text: str) -> str:
    """A figure with a true minus sign, or with a plus."""
    return _MINUS + text[1:] if text.startswith("-") else f"+{text}"


def _money(money: Decimal, *, signed: bool = False) -> str:
    """Money for people: to the hundredth, or two significant digits where it is less than that."""
    text = f"{money:,.2f}" if abs(money) >= Decimal("0.005") or not money else f"{money:.2g}"
    return _signed(text) if signed and money else text.replace("-", _MINUS)


def _tone(value: Decimal | float | None) -> str:
    return "" if not value else "good" if value > 0 else "bad"


def _notes(notes: Sequence[str]) -> str:
    rows = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{rows}</ul>' if rows else ""


def _tiles(result: BacktestResult) -> str:
    gain, sharpe, currency = result.return_pct, result.sharpe, result.currency
    asked = f"{result.orders:,} orders and {result.replacements:,} amendments"
    money = f"{_money(result.pnl, signed=True)} {currency}"
    samples = f"sampled every {format_span(result.curve.step_ns)}"
    ratio = "n/a" if sharpe.value is None else _signed(f"{sharpe.value:.2f}")
    tiles = [
        ("Return", "n/a" if gain is None else f"{_signed(f'{gain:.2f}')}%", money, _tone(gain)),
        ("Final equity", _money(result.equity_final), f"from {_money(result.equity_start)} {currency}", ""),
        ("Largest drawdown", f"{100 * result.max_drawdown:.2f}%", samples, ""),
        ("Sharpe ratio", ratio, sharpe.grid, _tone(sharpe.value)),
        ("Fills", f"{result.fills:,}", f"of {asked}", ""),
        ("Refused", f"{result.rejected:,}", "orders and amendments, by the rails or the venue", ""),
        ("Fees", _money(result.fees), currency, ""),
        ("Speed", _speed(result), f"{result.events:,} events in {result.seconds:.2f} s", ""),
    ]  # fmt: skip
    return "".join(
        f'<div class="tile"><h3>{escape(name)}</h3><p class="figure {tone}">{escape(value)}</p>'
        f"<p>{escape(more)}</p></div>"
        for name, value, more, tone in tiles
    )


def _speed(result: BacktestResult) -> str:
    rate = result.events / max(result.seconds, 1e-9)
    return f"{rate / 1e6:.1f} M/s" if rate >= 1e6 else f"{rate / 1e3:.0f} k/s" if rate >= 1e3 else f"{rate:.0f}/s"


def _charts(result: BacktestResult) -> str:
    curve = result.curve
    unit = 10.0**result.exponent
    time = time_ticks(result.begin_ns / _NS, max(result.end_ns, result.begin_ns + 1) / _NS)
    start = round(float(result.equity_start) * unit)
    lost = drawdown_share(curve.equity, start)
    equity = _points(curve.time_ns, curve.equity, 1 / unit)
    depth = _points(curve.time_ns, np.rint(-lost * 1e9).astype(np.int64), 1e-7)
    money = value_ticks(*_range(equity))
    depths = value_ticks(_range(depth)[0], 0.0, ticks=3, pad_high=False)
    line = Chart(equity, "accent", time, money, base=money.low, label="Equity over time")
    fall = Chart(depth, "loss", time, depths, base=0.0, label="Drawdown over time")
    charts = [
        ("Equity", result.currency, "", line),
        ("Drawdown", "% of the peak", "", fall),
        _price_chart(result, time),
    ]
    return "".join(
        f'<section class="card"><header><h2>{escape(name)}</h2><span>{escape(unit)}</span>{legend}</header>'
        f"{chart.html()}</section>"
        for name, unit, legend, chart in charts
        if chart.points
    )


def _range(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    values = [value for _, value in points]
    return min(values, default=0.0), max(values, default=1.0)


def _price_chart(result: BacktestResult, time: Axis) -> tuple[str, str, str, Chart]:
    tick = float(result.instrument.tick)
    known = result.curve.mark_half_ticks > 0
    line = _points(result.curve.time_ns[known], result.curve.mark_half_ticks[known], tick / 2)
    fills = result.tape
    shown = np.unique(np.linspace(0, len(fills) - 1, min(_DOTS, len(fills))).astype(np.intp))
    dots: list[Dots] = []
    for side, style, name in ((1, "buy", "bought"), (-1, "sell", "sold")):
        chosen = shown[fills.side[shown] == side]
        points = _points(fills.time_ns[chosen], fills.price[chosen], tick, thin=False)
        dots.append(Dots(points, style, name))
    axis = value_ticks(*_range([*line, *(point for one in dots for point in one.points)]))
    share = "" if len(shown) == len(fills) else f" (every {len(fills) // len(shown)}th of {len(fills):,} shown)"
    legend = "".join(f'<span class="key {one.style}">{one.name}</span>' for one in dots) + f"<span>{share}</span>"
    chart = Chart(line, "ink", time, axis, dots=dots, label="Price over time, with fills")
    return f"{result.instrument.symbol}", f"{result.instrument.quote}, with fills", legend, chart


def _points(
    time_ns: NDArray[np.int64], values: NDArray[np.int64], scale: float, *, thin: bool = True
) -> list[tuple[float, float]]:
    kept = thin_out(values, _POINTS) if thin else np.arange(len(values))
    return [(int(time_ns[place]) / _NS, int(values[place]) * scale) for place in kept]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns are words and the rest figures; cells are HTML already."""
    classes = ["" if place < left else ' class="n"' for place in range(len(head))]
    top = "".join(f"<th{one}>{name}</th>" for one, name in zip(classes, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{one}>{cell}</td>" for one, cell in zip(classes, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _strategies(result: BacktestResult) -> str:
    if not result.strategies:
        return '<p class="none">The desk has no strategies.</p>'
    rows = [
        (
            f"<b>{escape(one.name)}</b> <small>{escape(one.kind)}</small>",
            f'<span class="{_tone(one.pnl)}">{_money(one.pnl, signed=True)}</span>',
            _money(one.realised), _money(one.unrealised), _money(one.fees), _money(one.funding),
            f"{one.orders:,}", f"{one.fills:,}",
        )
        for one in result.strategies
    ]  # fmt: skip
    return _table(("Strategy", "PnL", "realised", "open", "fees", "funding", "orders", "fills"), rows)


def _rejections(result: BacktestResult) -> str:
    if not result.rejections:
        return '<p class="none">Nothing was refused.</p>'
    most = max(result.rejections.values())
    rows = (
        f"<li><span>{escape(name.replace('_', ' ').capitalize())}</span><b>{count:,}</b>"
        f'<i style="width:{max(100 * count / most, 0.5):.1f}%"></i></li>'
        for name, count in result.rejections.items()
    )
    return f'<ul class="bars">{"".join(rows)}</ul>'


def _quality(result: BacktestResult) -> str:
    parts: list[str] = []
    for file in result.data.quality.files:
        name = escape(file.file.rsplit("/", 1)[-1])
        parts.append(
            f"<h3>{name}</h3><p>{escape(file.kind)}: {file.rows:,} rows, {file.events:,} events, "
            f"{file.rows_refused:,} rows refused</p>"
        )
        if file.findings:
            rows = [
                (
                    _finding(one),
                    "refused" if one.refused else "reported",
                    f"{one.count:,}",
                    "" if one.first_row is None else f"{one.first_row:,}",
                )
                for one in file.findings
            ]
            parts.append(_table(("Finding", "", "rows", "first row"), rows, left=2))
        else:
            parts.append('<p class="none">No gap, duplicate, disorder or impossible price was found.</p>')
    return "".join(parts)


def _finding(finding: Finding) -> str:
    tone = "bad" if finding.refused else ""
    return f'<b class="{tone}">{escape(finding.name.replace("_", " "))}</b><small>{escape(finding.detail)}</small>'


def _provenance(result: BacktestResult) -> str:
    rows = [
        ("State digest", result.digest),
        ("Program", result.source_hash),
        ("Records", f"{result.records:,} applied to the kernel"),
        ("Breaker", f"{result.breaker} at the end, not normal in {100 * result.breaker_share:.1f}% of the samples"),
        ("Funding", f"{money_text(result.funding)} {result.currency}"),
        *((one.path.rsplit("/", 1)[-1], f"sha256 {one.sha256}") for one in result.data.sources),
    ]
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
