"""A desk's head, and what it holds: positions, orders, fills, each with its search."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from quarterdeck.ops.console.frame import desk_state
from quarterdeck.ops.console.markup import Child, Markup, tag
from quarterdeck.ops.console.memory import DeskMemory, Fill
from quarterdeck.ops.console.overview import breaker_badge, feed_age_s, heat_share, stale
from quarterdeck.ops.console.pieces import (
    Column,
    badge,
    callout,
    change,
    empty,
    meter,
    panel,
    search,
    side_badge,
    table,
    tile,
)
from quarterdeck.ops.console.state import TABS, View
from quarterdeck.ops.console.wording import (
    age_text,
    clock_text,
    count_text,
    duration_text,
    exact,
    money,
    plain_words,
    share_text,
    signed,
)
from quarterdeck.ops.figures import DeskFigures, OrderFigures, PositionFigures

__all__ = ["desk_head", "matching", "trading_tab"]

_SHOWN: Final = 100
_POSITIONS: Final = (
    Column("Instrument", head=True),
    Column("Strategy"),
    Column("Quantity", figure=True),
    Column("Average price", figure=True),
    Column("Mark", figure=True),
    Column("Value", figure=True),
    Column("Unrealised", figure=True),
    Column("Realised", figure=True),
    Column("Protected"),
)
_ORDERS: Final = (
    Column("Order", head=True),
    Column("Instrument"),
    Column("Strategy"),
    Column("Side"),
    Column("Type"),
    Column("Quantity", figure=True),
    Column("Filled", figure=True),
    Column("Price", figure=True),
    Column("Status"),
    Column("Why"),
    Column("Updated", figure=True),
)
_FILLS: Final = (
    Column("Time", head=True),
    Column("Instrument"),
    Column("Strategy"),
    Column("Side"),
    Column("Quantity", figure=True),
    Column("Price", figure=True),
    Column("Fee", figure=True),
    Column("Liquidity"),
    Column("Order"),
)
_STATUS_TONES: Final = {
    "FILLED": "good",
    "ACCEPTED": "info",
    "PARTIALLY_FILLED": "info",
    "SUBMITTED": "quiet",
    "UNKNOWN": "warn",
    "REJECTED": "bad",
    "CANCELED": "quiet",
    "EXPIRED": "quiet",
}


def matching(words: str, *texts: str) -> bool:
    """Whether every word that was typed is in one of the texts, whatever the case."""
    wanted = words.casefold().split()
    if not wanted:
        return True
    joined = " ".join(texts).casefold()
    return all(word in joined for word in wanted)


def desk_head(memory: DeskMemory, view: View) -> Markup:
    """Name, standing, the chief figures, what holds entries back, and the tabs."""
    seen, (word, tone) = memory.figures, desk_state(memory)
    title = tag(
        "div",
        tag("h1", memory.desk.name, id="page", tabindex="-1"),
        tag("p", badge(word, tone), badge(seen.mode, "info") if seen else None, class_="badges"),
        tag("p", memory.desk.config.desk.description, class_="about"),
        class_="page-head",
    )
    if seen is None:
        why = memory.problem or "This desk has not run yet. `quarterdeck run` or `quarterdeck up` starts it."
        return tag("div", title, callout("info", why), class_="page")
    held = callout("warn", "Entries are held back", seen.holding_back) if seen.holding_back else None
    failed = callout("bad", "The desk has failed", [seen.failure]) if seen.failure else None
    return tag("div", title, failed, held, tag("dl", _tiles(seen), class_="tiles"), _tabs(view), class_="page")


def _tiles(seen: DeskFigures) -> list[Markup]:
    limit, age = seen.breaker.drawdown_limit, feed_age_s(seen)
    fall = float(seen.drawdown / limit) if limit else 0.0
    return [
        tile(f"Equity, {seen.base_currency}", money(seen.equity), f"peak {money(seen.equity_peak)}"),
        tile("PnL today", change(seen.pnl_day),
             f"unrealised {signed(seen.unrealised)}"),
        tile("Drawdown", share_text(seen.drawdown),
             [meter("drawdown against its limit", fall, share_text(seen.drawdown)), f"limit {share_text(limit, 1)}"]
             if limit else None),
        tile("Heat", share_text(seen.heat),
             [meter("heat against its limit", heat_share(seen), share_text(seen.heat)),
              f"limit {share_text(seen.heat_limit, 1)}"] if seen.heat_limit else None),
        tile("Breaker", breaker_badge(seen), f"size × {seen.breaker.multiplier:.2f}"),
        tile("Feed age", badge(age_text(age), "warn") if stale(seen) else age_text(age), "the oldest feed"),
        tile("Loop p99", duration_text(seen.loop_p99_s), f"p50 {duration_text(seen.loop_p50_s)}"),
        tile("Open orders", count_text(seen.open_orders),
             f"{seen.unknown_orders} unknown" if seen.unknown_orders else f"{count_text(seen.orders_today)} today"),
    ]  # fmt: skip


def _tabs(view: View) -> Markup:
    buttons = [
        tag(
            "button", words, type="button", role="tab", id=f"tab-{name}", aria_selected=str(view.tab == name).lower(),
            aria_controls="tab-panel", tabindex="0" if view.tab == name else "-1", data_act="tab", data_name=name,
            data_key=name,
        )
        for name, words in TABS
    ]  # fmt: skip
    return tag("div", buttons, role="tablist", aria_label="About this desk", class_="tabs")


def trading_tab(memory: DeskMemory, seen: DeskFigures, view: View) -> Markup:
    """Positions, orders and fills; one search for all three."""
    words = view.text("search")
    field = search("search", words, "Search positions, orders, fills")
    return tag(
        "div",
        tag("div", field, class_="toolbar"),
        _positions(seen, words),
        _orders(seen, words),
        _fills(memory, words),
    )


def _positions(seen: DeskFigures, words: str) -> Markup:
    found = [one for one in seen.positions if matching(words, one.instrument, one.strategy, one.venue)]
    rows = [(f"{one.strategy}/{one.instrument}", _position(one)) for one in found[:_SHOWN]]
    shown = table("Positions", _POSITIONS, rows, len(found)) or empty(_none("No positions: the desk is flat", words))
    return panel("Positions", shown, aside=_total(found), name="positions")


def _total(found: Sequence[PositionFigures]) -> Child:
    if not found:
        return None
    value = sum((abs(one.value) for one in found), Decimal(0))
    return tag("p", "gross ", tag("span", money(value), class_="figure"), class_="aside")


def _position(one: PositionFigures) -> list[Child]:
    side = "long" if one.quantity > 0 else "short"
    return [
        tag("strong", one.instrument),
        one.strategy,
        tag("span", tag("span", f"{side} ", class_="aside"), exact(one.quantity)),
        exact(_rounded(one.average_price)),
        exact(one.mark_price),
        money(one.value),
        change(one.unrealised),
        change(one.realised),
        badge("stops stand", "good") if one.protected else badge("no stops", "quiet"),
    ]


def _rounded(price: Decimal) -> Decimal:
    """An average has no end of digits: eight that say something."""
    return Decimal(f"{price:.8g}")


def _orders(seen: DeskFigures, words: str) -> Markup:
    found = [
        one
        for one in seen.orders
        if matching(words, one.order_id, one.client_id, one.instrument, one.strategy, one.status, one.side, one.reason)
    ]
    rows = [(one.order_id, _order(one, seen.time_ns)) for one in found[:_SHOWN]]
    shown = table("Orders", _ORDERS, rows, len(found)) or empty(_none("No orders", words))
    aside = tag("p", f"{seen.open_orders:,} open", class_="aside")
    return panel("Orders", shown, aside=aside, name="orders")


def _order(one: OrderFigures, now_ns: int) -> list[Child]:
    extras = [word for word, so in (("post-only", one.post_only), ("reduce-only", one.reduce_only)) if so]
    kind = " ".join([plain_words(one.order_type), *extras])
    price = one.price if one.price is not None else one.trigger_price
    tone = _STATUS_TONES.get(one.status, "quiet")
    return [
        tag("span", one.order_id, class_="code"),
        one.instrument,
        one.strategy,
        side_badge(one.side),
        kind,
        exact(one.quantity),
        exact(one.filled),
        exact(price) if price is not None else "market",
        badge(plain_words(one.status), tone),
        plain_words(one.reason),
        f"{age_text((now_ns - one.updated_ns) / 1e9)} ago",
    ]


def _fills(memory: DeskMemory, words: str) -> Markup:
    found = [
        one
        for one in reversed(memory.fills)
        if matching(words, one.order_id, one.instrument, one.strategy, one.side, one.liquidity)
    ]
    rows = [(f"{one.instrument}/{one.trade_id}", _fill(one)) for one in found[:_SHOWN]]
    shown = table("Fills", _FILLS, rows, len(found)) or empty(_none("No fills in what the log still holds", words))
    return panel("Fills", shown, aside=tag("p", _fill_sums(found), class_="aside"), name="fills")


def _fill_sums(found: Iterable[Fill]) -> str:
    fills = list(found)
    makers = sum(one.liquidity == "maker" for one in fills)
    return f"{len(fills):,} fills, {makers / len(fills):.0%} as maker" if fills else ""


def _fill(one: Fill) -> list[Child]:
    return [
        clock_text(one.time_ns),
        one.instrument,
        one.strategy,
        side_badge(one.side),
        exact(one.quantity),
        exact(one.price),
        exact(one.fee),
        one.liquidity,
        tag("span", one.order_id, class_="code"),
    ]


def _none(words: str, typed: str) -> str:
    return f"Nothing here matches “{typed}”" if typed.strip() else words
