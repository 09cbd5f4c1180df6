"""All desks at once: each a row of the same figures, so that the eye can run down them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from quarterdeck.ops.console.frame import desk_state
from quarterdeck.ops.console.markup import Child, Markup, tag
from quarterdeck.ops.console.memory import DeskMemory
from quarterdeck.ops.console.pieces import (
    Column,
    badge,
    change,
    empty,
    meter,
    panel,
    side_badge,
    sparkline,
    table,
    tile,
    when_known,
)
from quarterdeck.ops.console.wording import (
    age_text,
    clock_text,
    count_text,
    duration_text,
    exact,
    money,
    plain_words,
    share_text,
)
from quarterdeck.ops.figures import DeskFigures, FeedFigures

__all__ = ["breaker_badge", "feed_age_s", "heat_share", "is_old", "overview", "stale"]

_SPARK: Final = 600
_LATEST: Final = 8
_FILLS: Final = (
    Column("Time", head=True),
    Column("Desk"),
    Column("Side"),
    Column("What", figure=True),
    Column("Price", figure=True),
)
_EVENTS: Final = (Column("Time", head=True), Column("Desk"), Column("Log"), Column("What", wide=True))
_OLD_S: Final = Decimal(60)


def feed_age_s(seen: DeskFigures) -> float | None:
    """The age of the oldest feed; None where none has spoken yet."""
    ages = [feed.age_s for feed in seen.feeds if feed.age_s is not None]
    return max(ages) if ages else None


def is_old(seen: DeskFigures, feed: FeedFigures) -> bool:
    """Whether a feed is older than its own rail lets orders be judged by; without one, than a minute."""
    scope = f"instrument:{feed.instrument}"
    limits = [rail.limit for rail in seen.rails if rail.rail == "STALE_DATA" and rail.scope == scope]
    return feed.age_s is None or feed.age_s > float(min(limits, default=_OLD_S))


def stale(seen: DeskFigures) -> bool:
    """Whether any feed is old, or nobody is there to hear them."""
    return not seen.alive or any(is_old(seen, feed) for feed in seen.feeds)


def heat_share(seen: DeskFigures) -> float:
    return float(seen.heat / seen.heat_limit) if seen.heat_limit else 0.0


def breaker_badge(seen: DeskFigures) -> Markup:
    """The breaker's stage, and how much of full size it leaves."""
    stage = seen.breaker.stage
    tone = "good" if stage == "NORMAL" else "warn" if seen.breaker.multiplier else "bad"
    words = plain_words(stage) if not seen.breaker.locked else "Locked"
    return badge(words, "bad" if seen.breaker.locked else tone)


def overview(memories: Mapping[str, DeskMemory], names: Sequence[str], alarms_open: int) -> Markup:
    """The page: sums first, then a row for each desk."""
    shown = [memories[name] for name in names]
    figures = [memory.figures for memory in shown if memory.figures is not None]
    return tag(
        "div",
        tag("div", tag("h1", "Overview", id="page", tabindex="-1"), _time(figures), class_="page-head"),
        tag("dl", _sums(shown, figures, alarms_open), class_="tiles sums"),
        tag("section", tag("h2", "Desks", class_="unseen"), [_row(memory) for memory in shown], class_="desks"),
        tag("div", _latest_fills(shown), _latest_events(shown), class_="pair-of-panels"),
        class_="page",
    )


def _latest_fills(shown: Sequence[DeskMemory]) -> Markup:
    found = [(memory.desk.name, one) for memory in shown for one in list(memory.fills)[-_LATEST:]]
    found.sort(key=lambda pair: -pair[1].time_ns)
    rows = [
        (
            f"{name}/{one.instrument}/{one.trade_id}",
            [
                clock_text(one.time_ns),
                name,
                side_badge(one.side),
                tag("span", exact(one.quantity), " ", one.instrument),
                exact(one.price),
            ],
        )
        for name, one in found[:_LATEST]
    ]
    return panel("Latest fills", table("Latest fills", _FILLS, rows) or empty("No fill yet"))


def _latest_events(shown: Sequence[DeskMemory]) -> Markup:
    found = [(memory.desk.name, one) for memory in shown for one in memory.newest("system", "error")[:_LATEST]]
    found.sort(key=lambda pair: pair[1].time, reverse=True)
    rows = [
        (
            f"{name}/{one.number}",
            [
                one.time[11:19],
                name,
                badge(one.log, "bad") if one.level == "error" else badge(one.log, "quiet"),
                tag("span", tag("strong", one.event), " ", tag("span", one.words, class_="aside"), class_="one-line"),
            ],
        )
        for name, one in found[:_LATEST]
    ]
    return panel("Latest events", table("Latest events", _EVENTS, rows) or empty("Nothing has happened yet"))


def _time(figures: Sequence[DeskFigures]) -> Markup:
    newest = max((seen.shown_ns for seen in figures), default=0)
    return tag("p", "shown at ", tag("span", clock_text(newest), class_="figure"), " UTC", class_="shown-at")


def _sums(shown: Sequence[DeskMemory], figures: Sequence[DeskFigures], alarms_open: int) -> list[Markup]:
    equity: defaultdict[str, Decimal] = defaultdict(Decimal)
    today: defaultdict[str, Decimal] = defaultdict(Decimal)
    for seen in figures:
        equity[seen.base_currency] += seen.equity
        today[seen.base_currency] += seen.pnl_day
    states = [desk_state(memory)[0] for memory in shown]
    trading = sum(word == "trading" for word in states)
    return [
        tile("Desks trading", f"{trading} of {len(shown)}", tone="" if trading == len(shown) else "warn"),
        *(tile(f"Equity, {currency}", money(amount)) for currency, amount in equity.items()),
        *(tile(f"PnL today, {currency}", change(amount)) for currency, amount in today.items()),
        tile("Open orders", count_text(sum(seen.open_orders for seen in figures))),
        tile("Alerts open", count_text(alarms_open), tone="warn" if alarms_open else ""),
    ]


def _row(memory: DeskMemory) -> Markup:
    name, seen = memory.desk.name, memory.figures
    word, tone = desk_state(memory)
    head = tag(
        "div",
        tag("h3", tag("a", name, href=f"/desk/{name}")),
        tag("p", badge(word, tone), badge(seen.mode, "info") if seen is not None else None, class_="badges"),
        class_="desk-name",
    )
    if seen is None:
        why = memory.problem or "It has not run yet: nothing is known of it."
        return tag("article", head, tag("p", why, class_="empty"), class_="desk", data_key=name)
    held = tag("ul", [tag("li", words) for words in seen.holding_back], class_="held") if seen.holding_back else None
    return tag(
        "article",
        head,
        tag("dl", _figures(memory, seen)),
        held,
        class_=f"desk {tone}",
        data_key=name,
        aria_label=f"{name}: {word}",
    )


def _figures(memory: DeskMemory, seen: DeskFigures) -> list[Markup]:
    curve = [moment.equity for moment in list(memory.moments)[-_SPARK:]]
    age = feed_age_s(seen)
    limit = seen.breaker.drawdown_limit
    fall = float(seen.drawdown / limit) if limit else 0.0
    return [
        _pair(f"Equity, {seen.base_currency}", tag("span", money(seen.equity), class_="figure strong"),
              sparkline(curve, "equity, the last minutes"), wide=True),
        _pair("PnL today", change(seen.pnl_day)),
        _pair("Drawdown", tag("span", share_text(seen.drawdown), class_="figure"),
              meter("drawdown against its limit", fall, share_text(seen.drawdown)) if limit else None,
              f"of {share_text(limit, 1)}" if limit else None),
        _pair("Heat", tag("span", share_text(seen.heat), class_="figure"),
              meter("heat against its limit", heat_share(seen), share_text(seen.heat)) if seen.heat_limit else None,
              f"of {share_text(seen.heat_limit, 1)}" if seen.heat_limit else None),
        _pair("Breaker", breaker_badge(seen)),
        _pair("Feed age", badge(age_text(age), "warn") if stale(seen) else when_known(age_text(age))),
        _pair("Loop p50 / p99", tag("span", duration_text(seen.loop_p50_s), " / ", duration_text(seen.loop_p99_s),
                                    class_="figure")),
    ]  # fmt: skip


def _pair(label: str, value: Child, below: Child = None, aside: Child = None, *, wide: bool = False) -> Markup:
    words = tag("span", aside, class_="aside") if aside else None
    return tag(
        "div", tag("dt", label), tag("dd", tag("div", value, words, class_="value"), below),
        class_="pair wide" if wide else "pair",
    )  # fmt: skip
