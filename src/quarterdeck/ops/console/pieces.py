"""What pages are built from: tiles, badges, meters, tables that are cards where the screen is narrow, small curves."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from quarterdeck.ops.console.markup import EMPTY, Child, Markup, tag
from quarterdeck.ops.console.wording import UNKNOWN, share_text, signed

__all__ = [
    "Column",
    "badge",
    "callout",
    "change",
    "empty",
    "icon",
    "meter",
    "panel",
    "search",
    "side_badge",
    "sparkline",
    "table",
    "tile",
    "when_known",
]

_PATHS: Final = {
    "up": "M8 3l5 8H3z",
    "down": "M8 13L3 5h10z",
    "good": "M3 8.5l3.2 3.2L13 5",
    "bad": "M4 4l8 8M12 4l-8 8",
    "warn": "M8 2.5l6.2 11H1.8zM8 6.5v3.2M8 11.6v.2",
    "info": "M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM8 7.4v3.6M8 5v.2",
    "quiet": "M4 8h8",
    "pause": "M5.5 3.5v9M10.5 3.5v9",
    "kill": "M5.2 1.8h5.6l3.4 3.4v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8",
    "flatten": "M8 2v7M4.8 6.2L8 9.4l3.2-3.2M2.5 13h11",
    "play": "M5 3l8 5-8 5z",
    "lock": "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 015 0v2.5",
    "bell": "M3.5 11.5h9l-1.2-2V6.8a3.3 3.3 0 00-6.6 0v2.7zM6.8 13.6h2.4",
    "grid": "M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z",
    "theme": "M8 2.2a5.8 5.8 0 100 11.6A5.8 5.8 0 008 2.2zM8 2.2v11.6M8 5.5l4-1.6M8 9l5.6-2.2M8 12.5l4.8-2",
    "leave": "M6.5 2.5h-4v11h4M6.5 8h7M10.8 5.2L13.5 8l-2.7 2.8",
    "more": "M3.5 8h.1M8 8h.1M12.5 8h.1",
    "search": "M7 2.8a4.2 4.2 0 100 8.4 4.2 4.2 0 000-8.4zM10.2 10.2l3.3 3.3",
    "file": "M4 1.8h5.2L12 4.6v9.6H4zM9 2v3h3",
    "close": "M4 4l8 8M12 4l-8 8",
}
_FILLED: Final = frozenset(("up", "down", "play"))


class Column(msgspec.Struct, frozen=True):
    """One column. `figure` is set to the right, with figures of one width; `head` columns name their row."""

    name: str
    figure: bool = False
    head: bool = False
    wide: bool = False


def icon(name: str) -> Markup:
    """A small drawing that says nothing to a screen reader: words stand beside it."""
    filled = name in _FILLED
    return tag(
        "svg",
        tag("path", d=_PATHS[name]),
        class_="icon filled" if filled else "icon",
        viewBox="0 0 16 16",
        aria_hidden="true",
        focusable="false",
    )


def badge(words: str, tone: str, sign: str | None = None) -> Markup:
    """A word with a tone (good, warn, bad, info, quiet) and its sign: colour alone says nothing."""
    return tag("span", icon(sign or tone), words, class_=f"badge {tone}")


def side_badge(side: str) -> Markup:
    """BUY or SELL: a word, an arrow and a colour."""
    return badge(side.lower(), "buy" if side == "BUY" else "sell", "up" if side == "BUY" else "down")


def change(value: Decimal | None, places: int = 2) -> Markup:
    """An amount that went up or down: sign, arrow and colour."""
    if value is None:
        return tag("span", UNKNOWN, class_="figure")
    tone = "up" if value > 0 else "down" if value < 0 else "flat"
    arrow = EMPTY if tone == "flat" else icon(tone)
    return tag("span", arrow, signed(value, places), class_=f"figure change {tone}")


def when_known(text: str) -> Markup:
    """A figure, or that it is not known."""
    if text != UNKNOWN:
        return tag("span", text, class_="figure")
    return tag("span", tag("span", UNKNOWN, aria_hidden="true"), tag("span", "not known", class_="unseen"))


def tile(label: str, value: Child, below: Child = None, tone: str = "") -> Markup:
    """One figure with its name."""
    return tag(
        "div",
        tag("dt", label),
        tag("dd", tag("div", value, class_="value"), tag("div", below, class_="below") if below else None),
        class_=f"tile {tone}".strip(),
    )


def meter(label: str, share: float, words: str, *, warned: bool = False) -> Markup:
    """How much of a limit is used. `share` is of one; what is over one fills the bar. From 80 % on it warns."""
    tone = "bad" if share >= 1 else "warn" if warned or share >= 0.8 else ""
    return tag(
        "div",
        tag("span", style=f"width:{min(max(share, 0.0), 1.0) * 100:.1f}%"),
        class_=f"meter {tone}".strip(),
        role="meter",
        aria_label=label,
        aria_valuemin="0",
        aria_valuemax="100",
        aria_valuenow=f"{min(max(share, 0.0), 1.0) * 100:.0f}",
        aria_valuetext=f"{words}, {share_text(share, 0)} used",
    )


def panel(heading: str, *inside: Child, aside: Child = None, name: str | None = None) -> Markup:
    """A part of a page with its heading."""
    return tag(
        "section",
        tag("div", tag("h2", heading), aside, class_="panel-head"),
        *inside,
        class_="panel",
        aria_label=heading,
        data_key=name or heading,
    )


def empty(words: str) -> Markup:
    """What stands where there is nothing to show."""
    return tag("p", words, class_="empty")


def callout(tone: str, heading: str, lines: Iterable[str] = ()) -> Markup:
    """Something to know before reading on."""
    items = [tag("li", line) for line in lines]
    return tag(
        "div",
        icon(tone),
        tag("div", tag("strong", heading), tag("ul", items) if items else None),
        class_=f"callout {tone}",
    )


def search(field: str, value: str, label: str) -> Markup:
    """A field that narrows what is below it, while one types."""
    return tag(
        "label",
        icon("search"),
        tag("span", label, class_="unseen"),
        tag("input", type="search", value=value, data_field=field, placeholder=label, autocomplete="off"),
        class_="search",
    )


def table(
    caption: str, columns: Sequence[Column], rows: Sequence[tuple[str, Sequence[Child]]], found: int | None = None
) -> Markup:
    """A table; each row has a key that stays the same. `found`: how many there are, where not all are shown."""
    if not rows:
        return EMPTY
    head = [
        tag("th", column.name, scope="col", role="columnheader", class_="number" if column.figure else None)
        for column in columns
    ]
    body = [
        tag(
            "tr",
            [_cell(column, cell) for column, cell in zip(columns, cells, strict=True)],
            role="row",
            data_key=key,
        )
        for key, cells in rows
    ]
    whole = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", head, role="row"), role="rowgroup"),
        tag("tbody", body, role="rowgroup"),
        role="table",
    )
    more = None
    if found is not None and found > len(rows):
        more = tag("p", f"{len(rows):,} of {found:,} are shown: search to narrow them", class_="more")
    return tag("div", tag("div", whole, class_="table", tabindex="0", role="region", aria_label=caption), more)


def _cell(column: Column, cell: Child) -> Markup:
    classes = " ".join(
        word for word, so in (("number", column.figure), ("head", column.head), ("wide", column.wide)) if so
    )
    # The column's name rides along for narrow screens, where the row is a card.
    words = tag("span", cell if cell not in ("", None) else UNKNOWN, class_="cell")
    if column.head:
        return tag("th", words, scope="row", role="rowheader", class_=classes or None, data_label=column.name)
    return tag("td", words, role="cell", class_=classes or None, data_label=column.name)


def sparkline(values: Sequence[float], label: str) -> Markup:
    """A small curve of the last values: at most so many points as it has pixels."""
    if len(values) < 2:
        return tag("span", class_="spark")
    width, height, low, high = 120, 28, min(values), max(values)
    step = max(1, len(values) // width)
    shown = list(values)[::-1][::step][::-1]
    span = high - low or 1.0
    points = " ".join(
        f"{index * width / (len(shown) - 1):.1f},{height - 2 - (value - low) / span * (height - 4):.1f}"
        for index, value in enumerate(shown)
    )
    return tag(
        "svg",
        tag("polyline", points=points),
        class_="spark",
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
