"""A desk seen from outside, as figures: one copy of its state, read by field names, with money and names.

`figures` is pure; `see` reads the newest copy that a desk has shown. All that people and machines look at (API,
console, metrics, health, alerts) comes from here.
"""

from dataclasses import asdict
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from quarterdeck.config import DeskConfig
from quarterdeck.desk.publishing import Edition
from quarterdeck.desk.status import profit
from quarterdeck.errors import OpsError
from quarterdeck.kernel.vocabulary import (
    DeskLimit,
    EventKind,
    LedgerAccount,
    OrderStatus,
    Reason,
    SessionMode,
)
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.reading import parts, stakes
from quarterdeck.ops.reading.orders import count_of, orders
from quarterdeck.ops.reading.rails import rails
from quarterdeck.ops.reading.standing import desk_holds, part_holds
from quarterdeck.ops.reading.statement import Statement, is_set, ppm, share_of
from quarterdeck.runtime.directory import Directory

__all__ = ["figures", "see"]

_DAY_NS: Final = 86_400_000_000_000
_PPB: Final = 1_000_000_000
_SEQUENCE_BITS: Final = 40
_seen: WeakKeyDictionary[SeenDesk, tuple[object, DeskFigures]] = WeakKeyDictionary()


def see(desk: SeenDesk, *, with_orders: bool = True) -> DeskFigures | None:
    """Returns the figures of the newest copy that a desk has shown; None before it first ran.

    Without orders it costs a few milliseconds however many there are; with them, 8 us for each.
    DeskError: a file that this version cannot read. OpsError: a state without the fields that this version knows.
    """
    edition = desk.edition()
    if edition is None:
        return None
    alive = desk.alive(edition)
    of = edition.words.get("pid"), edition.words.get("started_ns"), edition.number, alive, with_orders
    known = _seen.get(desk)
    if known is not None and known[0] == of:
        return known[1]
    found = figures(edition, desk.config, desk.names, alive, with_orders=with_orders)
    _seen[desk] = of, found
    return found


def figures(
    edition: Edition,
    config: DeskConfig,
    names: Directory,
    alive: bool,
    closed: int | None = 1000,
    *,
    with_orders: bool = True,
) -> DeskFigures:
    """Returns everything of one desk at one moment; of its closed orders the newest `closed` (None: all it holds).

    Without orders their counts are there all the same.

    OpsError: the state is of another version and lacks a field.
    """
    try:
        return _figures(Statement(edition.state, edition.words, config, names), alive, closed, with_orders)
    except (ValueError, KeyError, IndexError) as error:
        way_out = "start it with this version of quarterdeck"
        raise OpsError(f"desk {config.desk.name}: what it shows cannot be read ({error}): {way_out}") from error


def _figures(of: Statement, alive: bool, closed: int | None, with_orders: bool) -> DeskFigures:
    held, peak, heat = desk_holds(of, alive), of.whole("equity_peak"), stakes.heat(of)
    fields: dict[str, Any] = {**_process(of), **_money(of), **_counts(of)}
    limit = of.limits[DeskLimit.HEAT_PPM]
    return DeskFigures(
        desk=of.config.desk.name,
        mode=SessionMode(of.whole("mode")).name.lower() if of.whole("epoch") else of.config.desk.mode,
        base_currency=of.config.desk.base_currency,
        alive=alive,
        time_ns=of.time_ns,
        epoch=of.whole("epoch"),
        paused=bool(of.whole("paused")),
        flattening=bool(of.whole("flattening")),
        trading=not held,
        holding_back=(*held, *(part_holds(of) if alive else ())),
        drawdown=share_of(max(0, peak - of.equity), peak),
        heat=share_of(heat, max(1, of.equity)),
        heat_limit=ppm(limit) if is_set(limit) else None,
        breaker=parts.breaker(of),
        positions=parts.positions(of),
        orders=orders(of, closed) if with_orders else (),
        purses=parts.purses(of),
        feeds=parts.feeds(of),
        strategies=parts.strategies(of),
        venues=parts.venues(of),
        rails=rails(of),
        **fields,
    )


def _process(of: Statement) -> dict[str, Any]:
    """What the desk's words say of its process."""
    words = of.words
    turns: list[int] = words.get("turns", [])
    latency: dict[str, dict[str, list[int]]] = words.get("latency", {}).get("venues", {})
    return {
        "shown_ns": int(words.get("shown_ns", 0)),
        "sequence": int(words.get("sequence", 0)),
        "durable_sequence": int(words.get("durable_sequence", 0)),
        "pid": words.get("pid"),
        "started_ns": words.get("started_ns"),
        "turns": tuple(turns),
        "checked": tuple(words.get("checked") or ()),
        "latency": {venue: {kind: tuple(counts) for kind, counts in kinds.items()} for venue, kinds in latency.items()},
        "recovered": bool(words.get("recovered", False)),
        "stopping": bool(words.get("stopping", False)),
        "failure": str(words.get("failure", "")),
        "differences": tuple(words.get("differences") or ()),
        "venues_waiting": tuple(words.get("venues_waiting") or ()),
        "disk_low": bool(words.get("disk_low", False)),
        "backup": words.get("backup") or {},
        "lease": words.get("lease"),
        "loop_p50_s": parts.quantile(turns, 0.5),
        "loop_p99_s": parts.quantile(turns, 0.99),
    }


def _money(of: Statement) -> dict[str, Any]:
    """Results are those of the purses' books, as the desk itself says them, each at its currency's present rate."""
    sums = asdict(profit(cast(Any, [of.state])))
    cash = 0
    for row in range(of.whole("accounts_count")):
        account = of.state["accounts"][row]
        cash += int(account["postings"][LedgerAccount.CASH]) * int(account["rate_ppb"]) // _PPB
    sums |= {
        "equity": of.equity,
        "equity_peak": of.whole("equity_peak"),
        "cash": cash,
        "exposure": stakes.gross(of),
        "buying_power": stakes.buying_power(of),
        "pnl_day": of.equity - of.whole("equity_day"),
    }
    return {name: of.money(units) for name, units in sums.items()}


def _counts(of: Statement) -> dict[str, Any]:
    kinds, reasons = of.state["kinds"].tolist(), of.state["reasons"].tolist()
    return {
        "open_orders": of.whole("open_count"),
        "unknown_orders": count_of(of, OrderStatus.UNKNOWN),
        "unacknowledged": of.whole("unacknowledged"),
        "orders_today": _orders_today(of),
        "counts": {kind.name: kinds[kind] for kind in EventKind if kind < len(kinds) and kinds[kind]},
        "reasons": {reason.name: reasons[reason] for reason in Reason if reasons[reason]},
    }


def _orders_today(of: Statement) -> int | None:
    """Orders created since the trading day began; None where the table has forgotten some of them."""
    table = of.state["orders"]
    begun = of.whole("day") * _DAY_NS + of.limits[DeskLimit.DAY_OFFSET_NS]
    epoch, last = of.whole("epoch"), of.whole("order_sequence")
    own = table["id"] >> _SEQUENCE_BITS == epoch
    whole_session = last <= len(table)
    before = epoch == 1 or bool(own.any() and (table["created_ns"][own] < begun).any())
    if not (whole_session and before):
        return None
    return int((table["created_ns"][own] >= begun).sum())
