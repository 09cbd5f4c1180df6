"""A state that another version, or another capacity, wrote becomes one of this version: nothing is guessed, or lost.

Fields are copied by name. One that is new begins with zeros. What is kept by place is put where this version looks for
it: positions by strategy and instrument, orders and trades by the low bits of their numbers. A field that is not there
any more, that became narrower, or that holds more than there is room for, is refused by name, unless MIGRATIONS says
what becomes of it.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import JournalError
from quarterdeck.journal.schema import check_not_newer, described
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.records import INSTRUMENTS, ORDERS, STATE, STATE_SCHEMA, STRATEGIES, TRADES

__all__ = ["MIGRATIONS", "Migration", "first_layout", "migrate"]

_Records: TypeAlias = "NDArray[np.void]"
Migration = Callable[[_Records, _Records], Collection[str]]

# For each state schema of old, what a copy by name cannot do on the way to the present one. A function is given the
# old state and the new one (both of shape (1,)), after the copy, and returns the names of the old fields that it dealt
# with, dotted as `instruments.net.cost`. It is revised whenever STATE_SCHEMA is raised; without one a copy is enough.
MIGRATIONS: Final[dict[int, Migration]] = {}

_FIRST_LAYOUTS: Final = "first_layouts.json"


def migrate(name: str, body: bytes, layout: bytes, state_schema: int) -> bytes:
    """Returns the bytes of STATE for a state of `layout` (`schema.state_layout`), written under `state_schema`.

    JournalError, naming the fields, when something of it would be lost; `name` is the snapshot's.
    """
    check_not_newer(name, state_schema)
    if not layout:
        raise JournalError(f"{name}: a state of a layout that this version does not know; replay the journal instead")
    dtype = described(msgspec.json.decode(layout))
    if dtype.itemsize != len(body):
        raise JournalError(f"{name}: the state has {len(body)} bytes, its layout {dtype.itemsize}; remove the snapshot")
    old, new = np.frombuffer(body, dtype), np.zeros(1, STATE)
    problems = _copy(old, new, "", (*_PLACED, *_INDICES))
    for place in _PLACED.values():
        problems.update(place(old, new))
    migration = MIGRATIONS.get(state_schema)
    for handled in () if migration is None else migration(old, new):
        problems.pop(handled, None)
    if problems:
        raise JournalError(
            f"{name}: the state of schema {state_schema} does not fit schema {STATE_SCHEMA} with capacity"
            f" {CAPACITY.name}: {'; '.join(f'{path} {problem}' for path, problem in problems.items())}; start with what"
            " wrote it"
        )
    new["schema"] = STATE_SCHEMA
    return new.tobytes()


def first_layout(schema: bytes) -> bytes:
    """Returns the layout of a state of the first version, whose snapshots do not carry it; b"" for any other."""
    return _first_layouts().get(schema.hex(), b"")


@cache
def _first_layouts() -> Mapping[str, bytes]:
    text = files("quarterdeck.journal").joinpath(_FIRST_LAYOUTS).read_bytes()
    known = cast("list[dict[str, Any]]", msgspec.json.decode(text))
    return {row["schema"]: msgspec.json.encode(row["layout"]) for row in known}


def _copy(old: _Records, new: _Records, prefix: str, aside: Collection[str] = ()) -> dict[str, str]:
    """Copies what both have, by name; returns what is in the way, by the field's dotted name."""
    problems: dict[str, str] = {}
    for name in old.dtype.names or ():
        path = prefix + name
        if path in aside:
            continue
        if name not in (new.dtype.names or ()):
            problems[path] = "is not kept any more"
            continue
        problems.update(_copy_field(old[name], new[name], path))
    return problems


def _copy_field(old: _Records, new: _Records, path: str) -> dict[str, str]:
    """`old` and `new` are one field of both, with its count as last axis when it is a row of them."""
    if (old.dtype.names is None) != (new.dtype.names is None) or old.ndim != new.ndim:
        return {path: "became something else"}
    if old.dtype.names is None and not np.can_cast(old.dtype, new.dtype, "safe"):
        return {path: f"became narrower: {old.dtype.str} to {new.dtype.str}"}
    kept = min(old.shape[-1], new.shape[-1])
    if any(old[..., kept:].tobytes()):
        return {path: f"holds more than the {kept} that there is room for"}
    if old.dtype.names is not None:
        return _copy(old[..., :kept], new[..., :kept], f"{path}.")
    new[..., :kept] = old[..., :kept]
    return {}


def _place_positions(old: _Records, new: _Records) -> dict[str, str]:
    """Position `strategy * INSTRUMENTS + instrument`."""
    strategies, instruments = old["strategies"].shape[-1], old["instruments"].shape[-1]
    moved = np.zeros((1, strategies * instruments), new["positions"].dtype)
    problems = _copy_field(old["positions"], moved, "positions")
    table = moved.reshape(strategies, instruments)
    rows, columns = min(strategies, STRATEGIES), min(instruments, INSTRUMENTS)
    if any(table[rows:].tobytes()) or any(table[:, columns:].tobytes()):
        problems["positions"] = (
            f"holds more than the {rows} strategies and {columns} instruments that there is room for"
        )
    new["positions"][0].reshape(STRATEGIES, INSTRUMENTS)[:rows, :columns] = table[:rows, :columns]
    return problems


def _place_orders(old: _Records, new: _Records) -> dict[str, str]:
    """Order `id` stands in slot `id % ORDERS`; `open_orders` are slots, in an order that each knows its place in."""
    slots = old["orders"].shape[-1]
    if slots > ORDERS:
        return {"orders": f"of {slots} slots does not go into {ORDERS}"}
    moved = np.zeros((1, slots), new["orders"].dtype)
    problems = _copy_field(old["orders"], moved, "orders")
    ids = old["orders"]["id"][0]
    new["orders"][0][ids[ids > 0] % ORDERS] = moved[0][ids > 0]
    count = int(old["open_count"][0])
    new["open_orders"][0][:count] = ids[old["open_orders"][0][:count]] % ORDERS
    return problems


def _place_trades(old: _Records, new: _Records) -> dict[str, str]:
    """The trade that was the n-th to come stands in slot `n % TRADES`, and in a hash table."""
    slots = old["trades"].shape[-1]
    if slots == TRADES:
        new["trade_index"] = old["trade_index"]
        return _copy_field(old["trades"], new["trades"], "trades")
    if slots > TRADES:
        return {"trades": f"of {slots} slots do not go into {TRADES}"}
    moved = np.zeros((1, slots), new["trades"].dtype)
    problems = _copy_field(old["trades"], moved, "trades")
    cursor = int(old["trade_cursor"][0])
    numbers = np.arange(max(0, cursor - slots), cursor)
    new["trades"][0][numbers % TRADES] = moved[0][numbers % slots]
    _index_trades(new[0], numbers % TRADES)
    return problems


def _index_trades(state: Any, slots: NDArray[np.intp]) -> None:
    from quarterdeck.kernel.trades import trade_place  # noqa: PLC0415 - the journal needs the kernel's code only here

    for slot in slots.tolist():
        trade = state["trades"][slot]
        place = trade_place(state, int(trade["trade_id"]), int(trade["instrument"]), int(trade["side"]))
        state["trade_index"][place] = slot + 1


# What is kept by place and not only by name, and what goes with it.
_PLACED: Final[dict[str, Callable[[_Records, _Records], dict[str, str]]]] = {
    "positions": _place_positions,
    "orders": _place_orders,
    "trades": _place_trades,
}
_INDICES: Final = ("open_orders", "trade_index")
