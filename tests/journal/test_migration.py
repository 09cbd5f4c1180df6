"""What is tested: `quarterdeck.journal.migration`, `quarterdeck.journal.schema`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from quarterdeck.errors import JournalError
from quarterdeck.journal import read_snapshot
from quarterdeck.journal.migration import MIGRATIONS, migrate
from quarterdeck.journal.schema import describe, described, event_schema_hash, layout_hash, state_layout
from quarterdeck.kernel.records import EVENT, INSTRUMENTS, STATE, STATE_SCHEMA, STRATEGIES
from tests.journal.grown import life

ROOT = Path(__file__).resolve().parents[2]

# What each number of STATE_SCHEMA stands for: the vocabulary and the state's layout in the small capacity. A test that
# fails here says: raise STATE_SCHEMA, write a MIGRATIONS entry if copying by name is not enough, and add a line.
KNOWN = {
    2: ("319fa4256a391b7f", "3450aaad1a2f8ed7"),
    3: ("319fa4256a391b7f", "e9a3a4b5cb65cee3"),  # moved, slack
    4: ("4ce00b42ec1e4d58", "e9a3a4b5cb65cee3"),  # cycles; charges that are known by an id
}


@pytest.mark.parametrize("dtype", [EVENT, STATE])
def test_a_described_layout_is_the_layout(dtype: "np.dtype[np.void]") -> None:
    text = msgspec.json.encode(describe(dtype))
    again = described(msgspec.json.decode(text))
    assert again == dtype
    assert layout_hash(again) == layout_hash(dtype)


def test_the_number_of_the_state_schema_is_raised_with_what_it_stands_for() -> None:
    assert KNOWN[STATE_SCHEMA] == (event_schema_hash().hex()[:16], layout_hash(STATE).hex()[:16])


@pytest.fixture(scope="module")
def body() -> bytes:
    return np.asarray(life(40).states).tobytes()


Change = Callable[[dict[str, Any]], object]


def rebuilt(body: bytes, change: Change) -> tuple[bytes, bytes]:
    """The state as a version with another layout would have written it: (its bytes, its layout)."""
    layout = msgspec.json.decode(state_layout())
    change(layout)
    pack(layout)
    dtype = described(layout)
    old, source = np.zeros(1, dtype), np.frombuffer(body, STATE)
    copy(source, old)
    return old.tobytes(), msgspec.json.encode(layout)


def pack(layout: dict[str, Any]) -> int:
    """Lays the fields out one behind the other, as records are."""
    place = 0
    for field in layout["fields"]:
        _, kind, _, count = field
        field[2] = place
        place += (np.dtype(kind).itemsize if isinstance(kind, str) else pack(kind)) * max(1, count)
    layout["size"] = place
    return place


def copy(source: Any, target: Any) -> None:
    """A plain reading of the same: what both have, as far as both have room."""
    for name in set(source.dtype.names) & set(target.dtype.names):
        count = min(source[name].shape[-1], target[name].shape[-1])
        if source[name].dtype.names:
            copy(source[name][..., :count], target[name][..., :count])
        else:
            target[name][..., :count] = source[name][..., :count]


def field(layout: dict[str, Any], path: str) -> list[Any]:
    """The description of one field, `venues.limits`."""
    first, _, rest = path.partition(".")
    found = next(row for row in layout["fields"] if row[0] == first)
    return field(found[1], rest) if rest else found


def without(layout: dict[str, Any], path: str) -> None:
    *parents, name = path.split(".")
    holder = field(layout, ".".join(parents))[1] if parents else layout
    holder["fields"] = [row for row in holder["fields"] if row[0] != name]


def added(layout: dict[str, Any], parent: str, name: str) -> None:
    holder = field(layout, parent)[1] if parent else layout
    holder["fields"].insert(1, [name, "<i8", 0, 0])


def test_a_state_of_this_layout_stays_as_it_is(body: bytes) -> None:
    assert migrate("s", body, state_layout(), STATE_SCHEMA) == body


@pytest.mark.parametrize(
    "path", ["trade_horizon_ns", "venues.reconciled_ns", "breaker.grades.value_ppm", "orders.spare"]
)
def test_a_field_that_is_new_begins_with_zeros(body: bytes, path: str) -> None:
    new = np.frombuffer(migrate("s", *rebuilt(body, lambda layout: without(layout, path)), 1), STATE)
    expected: Any = np.frombuffer(bytearray(body), STATE)
    part = expected
    *parents, name = path.split(".")
    for parent in parents:
        part = part[parent]
    part[name] = 0
    assert new.tobytes() == expected.tobytes()


def test_fields_are_found_by_name_wherever_they_stand_and_may_become_wider(body: bytes) -> None:
    def change(layout: dict[str, Any]) -> None:
        layout["fields"].reverse()
        field(layout, "positions")[1]["fields"].reverse()
        field(layout, "epoch")[1] = "<i4"

    assert migrate("s", *rebuilt(body, change), 1) == body


CHANGES: dict[str, tuple[Change, str]] = {
    "vanished": (lambda layout: added(layout, "", "omen"), "omen is not kept any more"),
    "vanished inside": (
        lambda layout: added(layout, "instruments.net", "omen"),
        "instruments.net.omen is not kept any",
    ),
    "vanished from orders": (lambda layout: added(layout, "orders", "omen"), "orders.omen is not kept any more"),
    "vanished from positions": (lambda layout: added(layout, "positions", "omen"), "positions.omen is not kept any"),
    "vanished from trades": (lambda layout: added(layout, "trades", "omen"), "trades.omen is not kept any more"),
    "narrower": (
        lambda layout: field(layout, "orders.person").__setitem__(1, "<i8"),
        "orders.person became narrower: <i8 to <i2",
    ),
    "from a fraction": (lambda layout: field(layout, "equity").__setitem__(1, "<f8"), "equity became narrower: <f8 to"),
    "another thing": (lambda layout: field(layout, "order_rate").__setitem__(1, "<i8"), "order_rate became something"),
    "one of many": (lambda layout: field(layout, "equity").__setitem__(3, 2), "equity became something else"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_would_be_lost_is_refused_by_name(body: bytes, name: str) -> None:
    change, problem = CHANGES[name]
    layout = msgspec.json.decode(state_layout())
    change(layout)
    pack(layout)
    old = np.zeros(1, described(layout))
    with pytest.raises(JournalError, match=f"the state of schema 1 does not fit schema {STATE_SCHEMA}") as caught:
        migrate("000000000007.qds", old.tobytes(), msgspec.json.encode(layout), 1)
    assert problem in str(caught.value)
    assert str(caught.value).startswith("000000000007.qds: ")


@pytest.mark.parametrize("path", ["reasons", "breaker.grades", "venues", "accounts", "instruments.limits"])
def test_a_row_that_became_shorter_is_taken_while_nothing_is_lost(body: bytes, path: str) -> None:
    def longer(layout: dict[str, Any]) -> None:
        field(layout, path)[3] += 2

    raw, layout = rebuilt(body, longer)
    assert migrate("s", raw, layout, 1) == body
    old: Any = np.frombuffer(bytearray(raw), described(msgspec.json.decode(layout)))
    part: Any = old
    for name in path.split("."):
        part = part[name]
    part.reshape(-1, part.shape[-1])[-1, -1] = 7 if part.dtype.names is None else tuple(np.ones(1, part.dtype)[0])
    with pytest.raises(JournalError, match=rf"{path} holds more than the {part.shape[-1] - 2} that there is room for"):
        migrate("s", old.tobytes(), layout, 1)


def test_orders_and_trades_of_a_larger_table_are_refused(body: bytes) -> None:
    def larger(layout: dict[str, Any]) -> None:
        for name in ("orders", "open_orders", "trades", "trade_index"):
            field(layout, name)[3] *= 2

    with pytest.raises(
        JournalError, match=r"orders of 128 slots does not go into 64; trades of 512 slots do not go into"
    ):
        migrate("s", *rebuilt(body, larger), 1)


def test_positions_keep_their_strategy_and_instrument(body: bytes) -> None:
    def larger(layout: dict[str, Any]) -> None:
        field(layout, "strategies")[3] += 1
        field(layout, "instruments")[3] += 3
        field(layout, "positions")[3] = (STRATEGIES + 1) * (INSTRUMENTS + 3)

    raw, layout = rebuilt(body, larger)
    old: Any = np.frombuffer(bytearray(raw), described(msgspec.json.decode(layout)))
    expected: Any = np.frombuffer(bytearray(body), STATE)
    old["positions"] = np.zeros(1, old["positions"].dtype)
    table = old["positions"][0].reshape(STRATEGIES + 1, INSTRUMENTS + 3)
    expected["positions"]["cost"][0] = np.arange(STRATEGIES * INSTRUMENTS) + 1
    table[:STRATEGIES, :INSTRUMENTS] = expected["positions"][0].reshape(STRATEGIES, INSTRUMENTS)
    new = np.frombuffer(migrate("s", old.tobytes(), layout, 1), STATE)
    assert new.tobytes() == expected.tobytes()
    table[STRATEGIES, 0]["cost"] = 1
    with pytest.raises(JournalError, match="positions holds more than the 4 strategies and 4 instruments"):
        migrate("s", old.tobytes(), layout, 1)


def test_a_table_entry_says_what_becomes_of_a_field(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(old: Any, new: Any) -> list[str]:
        new["unacknowledged"] = old["omen"] + 5
        return ["omen"]

    raw, layout = rebuilt(body, lambda layout: added(layout, "", "omen"))
    monkeypatch.setitem(MIGRATIONS, 1, entry)
    new = np.frombuffer(migrate("s", raw, layout, 1), STATE)
    assert new["unacknowledged"][0] == 5
    with pytest.raises(JournalError, match="omen is not kept any more"):
        migrate("s", raw, layout, 0)


def test_a_newer_state_is_refused(body: bytes) -> None:
    with pytest.raises(JournalError, match="s: written by a newer version of quarterdeck") as caught:
        migrate("s", body, state_layout(), STATE_SCHEMA + 1)
    assert caught.value.exit_code == 1


def test_a_state_that_is_not_as_long_as_its_layout_is_refused(body: bytes) -> None:
    with pytest.raises(JournalError, match=f"the state has {len(body) - 1} bytes, its layout {len(body)}; remove"):
        migrate("s", body[:-1], state_layout(), 1)


def in_capacity(capacity: str, *arguments: object) -> dict[str, Any]:
    environment = {**os.environ, "QUARTERDECK_CAPACITY": capacity, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "tests.journal.grown", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("orders", [40, 700])
def test_a_desk_may_grow(tmp_path: Path, orders: int) -> None:
    small = in_capacity("small", tmp_path / "small", orders)
    found = in_capacity("standard", tmp_path / "standard", orders, small["path"])
    assert not found["same_state"]
    assert found["same"] == (orders == 40), "without anything forgotten, growing is as if it had always been so large"
    assert len(found["open"]) == len(set(found["open"])) >= 14
    assert found["orders"] == min(orders, 64)
    assert found["trades"] == (13 if orders == 40 else 256)
    assert found["taken_twice"] == 0


def test_a_desk_does_not_shrink(tmp_path: Path) -> None:
    large = in_capacity("standard", tmp_path, 40)
    with pytest.raises(JournalError, match="orders of 1024 slots does not go into 64; trades of 4096 slots"):
        read_snapshot(Path(large["path"])).present()
