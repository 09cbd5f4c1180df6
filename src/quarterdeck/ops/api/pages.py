"""Pages: how the desks stand in money, and what routes there are. Each is one file with nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final, cast

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.api.caller import Caller
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import OPEN, Entry
from quarterdeck.ops.api.views import gain
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.seeing import see

__all__ = ["ROUTES", "STYLE_HASH", "dashboard", "listing"]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --good: #0a7d33; --bad: #b3261e; --dim: #666; --bar: #3b6fd4; }
@media (prefers-color-scheme: dark) { :root { --good: #5fd08a; --bad: #ff8a80; --dim: #aaa; --bar: #8ab0ff; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1.2rem; max-width: 75rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.n, th.n { text-align: right; } .good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
.wide { overflow-x: auto; } dl { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .5rem 0; }
dt { color: var(--dim); font-size: .85rem; } dd { margin: 0; font-size: 1.1rem; }
code { font: 13px/1.4 ui-monospace, monospace; } progress { accent-color: var(--bar); width: 8rem; }
.words { white-space: normal; }
"""
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
STYLE_HASH: Final = f"'sha256-{_DIGEST}'"  # the only style that a page of ours may have
_REFRESH_S: Final = 10


def _page(title: str, body: Iterable[str], refresh_s: int | None = None) -> str:
    again = "" if refresh_s is None else f'<meta http-equiv="refresh" content="{refresh_s}">'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{again}'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def _money(value: Decimal | None, *, signed: bool = False) -> str:
    if value is None:
        return '<span class="dim">not known</span>'
    text = f"{value:+,.2f}" if signed else f"{value:,.2f}"
    if not signed or not value:
        return text
    return f'<span class="{"good" if value > 0 else "bad"}">{text}</span>'


def _plain(value: Decimal | None) -> str:
    return '<span class="dim">not known</span>' if value is None else f"{value.normalize():f}"


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """A table whose first `texts` columns are words and the others numbers."""
    if not rows:
        return f'<p class="dim">{escape(caption)}: none.</p>'
    kinds = ["" if place < texts else ' class="n"' for place in range(len(heads))]
    head = "".join(f'<th scope="col"{kind}>{escape(word)}</th>' for kind, word in zip(kinds, heads, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    top = f'<caption class="dim">{escape(caption)}</caption>'
    return f'<div class="wide"><table>{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _facts(desk: DeskFigures) -> str:
    share = f"{100 * desk.drawdown:.2f} %"
    facts = (
        (f"Equity, {desk.base_currency}", _money(desk.equity)),
        ("Today", _money(desk.pnl_day, signed=True)),
        ("Since the first session", _money(gain(desk), signed=True)),
        ("Realised", _money(desk.realised, signed=True)),
        ("Unrealised", _money(desk.unrealised, signed=True)),
        ("Fees paid", _money(desk.fees)),
        ("Funding", _money(desk.funding, signed=True)),
        ("Drawdown", share),
        ("Breaker", escape(desk.breaker.stage)),
    )
    return "<dl>" + "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"


def _standing(desk: DeskFigures) -> str:
    if desk.trading:
        return '<p class="good">It trades.</p>'
    said = " ".join(escape(one) for one in desk.holding_back) or "It does not trade."
    return f'<p class="bad words">{said}</p>'


def _desk(desk: DeskFigures) -> str:
    positions = [
        [
            escape(one.instrument), escape(one.strategy), _plain(one.quantity), _plain(one.average_price),
            _plain(one.mark_price), _money(one.value), _money(one.unrealised, signed=True),
            _money(one.realised, signed=True),
        ]
        for one in desk.positions
    ]  # fmt: skip
    strategies = [
        [
            escape(one.name), _money(one.realised_day, signed=True), _money(one.realised, signed=True),
            _money(one.unrealised, signed=True), _money(one.fees), _money(one.funding, signed=True), str(one.fills),
        ]
        for one in desk.strategies
    ]  # fmt: skip
    rails = [
        [
            escape(one.rail), escape(one.scope),
            f'<progress max="1" value="{min(1.0, max(0.0, one.share)):.3f}"></progress> {100 * one.share:.0f} %',
        ]
        for one in sorted(desk.rails, key=lambda one: -one.share)[:8]
    ]  # fmt: skip
    name = escape(desk.desk)
    return (
        f"<section><h2>{name} <span class=dim>({escape(desk.mode)}, {rfc3339(desk.shown_ns)[:19]}Z)</span></h2>"
        + _standing(desk)
        + _facts(desk)
        + _table(
            f"Positions of {desk.desk}",
            ("instrument", "strategy", "quantity", "average", "mark", "value", "unrealised", "realised"),
            positions,
            2,
        )
        + _table(
            f"Strategies of {desk.desk}",
            ("strategy", "today", "realised", "unrealised", "fees", "funding", "fills"),
            strategies,
            1,
        )
        + _table(f"Limits of {desk.desk}, the most used", ("limit", "of", "used"), rails, 2)
        + "</section>"
    )


def dashboard(desks: Sequence[DeskFigures], never_ran: Sequence[str]) -> str:
    """The page of /pnl_dashboard.html. It loads itself anew every ten seconds."""
    absent = [f'<p class="dim">{escape(name)} has never run.</p>' for name in never_ran]
    return _page("PnL", ["<h1>Profit and loss</h1>", *map(_desk, desks), *absent], _REFRESH_S)


def listing(document: Mapping[str, Any]) -> str:
    """The page of /docs: every route of an OpenAPI document."""
    paths = cast("dict[str, dict[str, dict[str, Any]]]", document["paths"])
    rows: list[list[str]] = []
    for path, operations in paths.items():
        if path.startswith("/desks/{desk}/"):
            continue
        for method, one in operations.items():
            given = ", ".join(f"{each['name']} ({each['in']})" for each in one.get("parameters", ()))
            twin = "yes" if f"/desks/{{desk}}{path}" in paths else "no"
            statuses = ", ".join(one["responses"])
            rows.append(
                [
                    f"<code>{method.upper()} {escape(path)}</code>",
                    f'<span class="words">{escape(one.get("summary", ""))}</span>',
                    escape(one.get("x-role", "anybody on this machine")),
                    twin,
                    f"<code>{escape(given)}</code>",
                    f"<code>{escape(statuses)}</code>",
                ]
            )
    words = (
        "<h1>Routes</h1><p>A token goes into <code>X-OPS-TOKEN</code>, <code>X-API-Key</code> or <code>Authorization: "
        "Bearer</code>. A route means the desks that its port is bound to; with <code>/desks/NAME</code> before it, "
        "that desk. Errors are problem documents (RFC 9457) with a <code>code</code>. The whole of it, for programs: "
        '<a href="/openapi.json">/openapi.json</a>.</p>'
    )
    heads = ("route", "what it does", "role", "also /desks/NAME", "parameters", "statuses")
    return _page("Routes of the ops plane", [words, _table("Routes", heads, rows, 6)])


async def _pnl(call: Caller) -> Response:
    found = {name: see(call.plane.desks[name]) for name in call.names}
    ran = [one for one in found.values() if one is not None]
    return HTMLResponse(dashboard(ran, [name for name, one in found.items() if one is None]))


async def _docs(request: Request) -> Response:
    return HTMLResponse(listing(_document(request)))


async def _openapi(request: Request) -> Response:
    return reply(_document(request))


async def _console(request: Request, call: Caller) -> Response:
    """The console is another process at a port of its own; whoever comes here by this machine's name is shown it."""
    name = request.url.hostname or "localhost"
    host = f"[{name}]" if ":" in name else name
    return RedirectResponse(f"{request.url.scheme}://{host}:{call.plane.config.ops.console_port}/")


def _document(request: Request) -> dict[str, Any]:
    return cast("FastAPI", request.app).openapi()


ROUTES: Final = (
    Entry(
        method="GET", path="/pnl_dashboard.html", action=Action.VIEW, endpoint=_pnl, media_type="text/html",
        tag="pages", summary="Profit and loss, as a page",
    ),
    *(
        Entry(
            method="GET", path=path, action=OPEN, endpoint=_console, media_type="", tag="pages", status=307,
            summary="To the console", by_desk=False,
        )
        for path in ("/", "/console")
    ),
    Entry(
        method="GET", path="/docs", action=OPEN, endpoint=_docs, media_type="text/html", tag="pages",
        summary="The routes, as a page", by_desk=False,
    ),
    Entry(
        method="GET", path="/openapi.json", action=OPEN, endpoint=_openapi, model=dict[str, Any], tag="pages",
        summary="The routes, for programs", by_desk=False,
    ),
)  # fmt: skip
