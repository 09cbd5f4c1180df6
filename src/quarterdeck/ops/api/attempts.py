"""Routes about attempts on a chain: what its pools offer, and what became of what was tried. Only for desks with an evm
venue: of others there is nothing to say, which is 404.

Fills and standings of such a desk are at /api/trades and /api/stats, as those of every desk.
"""

import asyncio
import threading
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, cast
from weakref import WeakKeyDictionary

import msgspec
from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response

from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Action
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Endpoint, Entry
from quarterdeck.ops.attempts.accounting import Accounting
from quarterdeck.ops.attempts.observing import latency
from quarterdeck.ops.attempts.place import ChainDesk, chain_row
from quarterdeck.ops.attempts.trades import COLUMNS, Trade
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.venues.evm.shown import read_shown

__all__ = ["ROUTES", "AttemptList", "OpportunityList"]

_TAG: Final = "attempts"
_lock = threading.Lock()
_accounts: WeakKeyDictionary[SeenDesk, Accounting] = WeakKeyDictionary()


class OpportunityList(BaseModel):
    """What the newest block offers, by the desk that saw it; amounts are whole units of the token, as text."""

    opportunities: list[dict[str, Any]]
    desks: dict[str, dict[str, Any]]
    count: int
    updated_at: str | None


class AttemptList(BaseModel):
    """Attempts in a block, newest first, in the fields of the accounts; sums and latency of each desk."""

    attempts: list[dict[str, Any]]
    desks: dict[str, dict[str, Any]]
    count: int


async def _opportunities(call: Caller) -> Response:
    rows: list[dict[str, Any]] = []
    desks: dict[str, dict[str, Any]] = {}
    for name, seen in _chained(call):
        shown = await asyncio.to_thread(read_shown, seen.place.data)
        if shown is None:
            desks[name] = {"block": None, "alive": seen.alive(seen.edition())}
            continue
        symbols = await asyncio.to_thread(_symbols, seen)
        for one in shown.opportunities:
            path = [symbols.get(token, token) for token in one["token_path"]]
            rows.append({**one, "desk": name, "token_path": path, "block": shown.block})
        desks[name] = {
            "alive": seen.alive(seen.edition()),
            "block": shown.block,
            "time": rfc3339(shown.time_s * 1_000_000_000),
            "gas_price_wei": shown.gas_price_wei,
            "pools": shown.pools,
            "refused_pools": shown.refused,
            "screened": shown.screened,
            "unprofitable": shown.unprofitable,
            "none_left": shown.certain and not shown.opportunities,
        }
    times = [str(one["time"]) for one in desks.values() if "time" in one]
    return reply({"opportunities": rows, "desks": desks, "count": len(rows), "updated_at": min(times, default=None)})


async def _attempts(
    call: Caller,
    period: Annotated[Literal["today", "week", "month", "year", "all"], Query(description="In UTC.")] = "today",
    limit: Annotated[int, Query(ge=1, le=5_000, description="At most so many, the newest first.")] = 500,
) -> Response:
    rows: list[dict[str, Any]] = []
    desks: dict[str, dict[str, Any]] = {}
    for name, seen in _chained(call):
        trades, desks[name] = await asyncio.to_thread(_accounted, seen, period)
        rows += [{"desk": name, **_row(trade)} for trade in trades]
    rows.sort(key=lambda row: str(row["timestamp"]), reverse=True)
    return reply({"attempts": rows[:limit], "desks": desks, "count": len(rows)})


def _chained(call: Call) -> list[tuple[str, SeenDesk]]:
    """The desks of a request that trade on a chain. Problem 404: none of them does."""
    found = [(name, call.plane.desks[name]) for name in call.names]
    chained = [(name, seen) for name, seen in found if chain_row(seen.config) is not None]
    if not chained:
        raise Problem(404, Code.NOT_FOUND, f"no venue of {', '.join(call.names) or 'no desk'} is a chain")
    return chained


def _symbols(seen: SeenDesk) -> dict[str, str]:
    universe = ChainDesk(seen.config, seen.place.root).universe
    return {address: token.symbol for address, token in universe.by_address.items()}


def _accounted(seen: SeenDesk, period: str) -> tuple[list[Trade], dict[str, Any]]:
    with _lock:
        if seen not in _accounts:
            _accounts[seen] = Accounting(ChainDesk(seen.config, seen.place.root))
        accounting = _accounts[seen]
        trades = accounting.of_period(period)
        return trades, _plain({**accounting.get_pnl_summary(period), "latency_ms": latency(trades)})


def _row(trade: Trade) -> dict[str, Any]:
    fields = msgspec.structs.asdict(trade)
    return _plain({name: fields[name] for name in COLUMNS})


def _plain(value: Any) -> Any:
    """The same with every amount a Decimal and nothing else, as the encoder wants it."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in cast("dict[str, Any]", value).items()}
    return Decimal(value) if isinstance(value, Decimal) else value


def _get(path: str, endpoint: Endpoint, model: object, summary: str, *statuses: int) -> Entry:
    return Entry(
        method="GET", path=path, action=Action.VIEW, endpoint=endpoint, model=model, summary=summary, tag=_TAG,
        statuses=statuses,
    )  # fmt: skip


ROUTES: Final = (
    _get("/api/opportunities", _opportunities, OpportunityList, "What the newest block of a chain offers"),
    _get("/api/attempts", _attempts, AttemptList, "Attempts on a chain, with their costs", 422),
)
