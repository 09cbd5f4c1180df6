"""What the ledger sees of a replay: every event that moved money or a position, with the figures before and after it.

The compiled loop applies records as any replay does. Around the few kinds that can post it looks at the purse and the
positions, and writes down what changed: nothing is computed a second time, the kernel is the truth. It also remembers
which record an order came from and what the market was then, and what positions were worth when a day began.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.journal import Block
from quarterdeck.kernel.account import apply_event
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, allocate, record_dtype
from quarterdeck.kernel.orders import find_order
from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, ORDERS, STRATEGIES, Event, Position, State
from quarterdeck.kernel.vocabulary import EventKind, InstrumentTerm, LedgerAccount
from quarterdeck.runtime.replay import Replayer

__all__ = [
    "CHANGE",
    "DAY",
    "MEMORY",
    "MOVE",
    "NET",
    "NONE",
    "Change",
    "Day",
    "Memory",
    "Move",
    "Seen",
    "Watch",
    "watch",
]

NET: Final = -1  # in place of a strategy: the account's own position
NONE: Final = -1  # no such index, sequence or price
_DAY_NS: Final = 86_400_000_000_000
_FIGURES: Final = 5  # of a position: quantity, cost, realised, fees, funding
_PLACES: Final = len(LedgerAccount)

I8 = Annotated[int, "i8"]


class Change(TypedDict):
    """One event that moved something. `postings` are what each account of the purse gained; -1 is "none".

    The order's figures are as they stood after the event; `arrival_half_ticks` is twice the price in the middle of bid
    and ask (or twice the mark, without both) when the order came to be.
    """

    sequence: I8
    time_ns: I8
    venue_time_ns: I8
    kind: I8
    flags: I8
    account: I8
    instrument: I8
    strategy: I8
    person: I8
    reason: I8
    order_id: I8
    trade_id: I8
    signal: I8
    arrival_half_ticks: I8
    status: I8
    price: I8
    quantity: I8
    fee: I8
    value: I8
    tick_mantissa: I8
    price_exponent: I8
    lot_mantissa: I8
    quantity_exponent: I8
    realised: I8
    unrealised: I8
    postings: Annotated[list[int], "i8", _PLACES]


class Move(TypedDict):
    """What one event did to the position of a strategy, or (`strategy` NET) of the account, in one instrument."""

    sequence: I8
    instrument: I8
    strategy: I8
    quantity: I8
    cost: I8
    realised: I8
    fees: I8
    funding: I8


class Day(TypedDict):
    """A purse when the first record of a UTC day came: before it, so that days join without a gap."""

    sequence: I8
    day: I8
    account: I8
    unrealised: I8


class _Origin(TypedDict):
    order_id: I8
    sequence: I8
    arrival_half_ticks: I8


class Memory(TypedDict):
    """What is carried from record to record beside the kernel's state. `begun_ns` is the time of the first record."""

    begun_ns: I8
    day_end_ns: I8
    rescaled: Annotated[list[int], "i8", INSTRUMENTS]  # sequence of the last change of what a tick is
    origins: Annotated[Records[_Origin], _Origin, ORDERS]  # by the order's slot


class _Before(TypedDict):
    fills: I8
    postings: Annotated[list[int], "i8", _PLACES]
    unrealised: Annotated[list[int], "i8", ACCOUNTS]
    positions: Annotated[list[int], "i8", (STRATEGIES + 1) * _FIGURES]


CHANGE: Final = record_dtype(Change)
MOVE: Final = record_dtype(Move)
DAY: Final = record_dtype(Day)
MEMORY: Final = record_dtype(Memory)
_BEFORE: Final = record_dtype(_Before)

_SHARING: Final = (EventKind.FUNDING, EventKind.FUNDING_PAYMENT, EventKind.SPLIT)  # every strategy may get a part
_MOVING: Final = (EventKind.FILL, EventKind.POSITION_ADOPTED, EventKind.TRANSFER, EventKind.CHARGE, *_SHARING)


def _moving() -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(_MOVING)] = True
    return table


_MOVES: Final = _moving()


@compiled
def _keep_position(before: _Before, place: int, position: Position) -> None:
    start = place * _FIGURES
    before["positions"][start] = position["quantity"]
    before["positions"][start + 1] = position["cost"]
    before["positions"][start + 2] = position["realised"]
    before["positions"][start + 3] = position["fees"]
    before["positions"][start + 4] = position["funding"]


@compiled
def _keep(state: State, before: _Before, account: int, index: int) -> None:
    """Notes how a purse, and every position in one instrument, stand."""
    if account >= 0:
        for place in range(_PLACES):
            before["postings"][place] = state["accounts"][account]["postings"][place]
    if index >= 0:
        before["fills"] = state["instruments"][index]["net"]["fills"]
        for strategy in range(STRATEGIES):
            _keep_position(before, strategy, state["positions"][strategy * INSTRUMENTS + index])
        _keep_position(before, STRATEGIES, state["instruments"][index]["net"])


@compiled
def _write_move(
    moves: Records[Move], count: int, before: _Before, place: int, position: Position, sequence: int, index: int
) -> int:
    """Writes how a position differs from what was noted at `place`; returns the new count of moves."""
    start = place * _FIGURES
    quantity = position["quantity"] - before["positions"][start]
    cost = position["cost"] - before["positions"][start + 1]
    realised = position["realised"] - before["positions"][start + 2]
    fees = position["fees"] - before["positions"][start + 3]
    funding = position["funding"] - before["positions"][start + 4]
    if quantity == 0 and cost == 0 and realised == 0 and fees == 0 and funding == 0:
        return count
    move = moves[count]
    move["sequence"] = sequence
    move["instrument"] = index
    move["strategy"] = place if place < STRATEGIES else -1
    move["quantity"] = quantity
    move["cost"] = cost
    move["realised"] = realised
    move["fees"] = fees
    move["funding"] = funding
    return count + 1


@compiled
def _write_order(state: State, change: Change, memory: Memory, event: Event, index: int) -> None:
    """Who a fill belongs to, and what its order came from."""
    slot = find_order(state, event["order_id"])
    change["strategy"] = event["strategy"]
    if slot < 0:
        return
    order = state["orders"][slot]
    change["strategy"] = order["strategy"]
    change["person"] = order["person"]
    change["reason"] = order["reason"]
    change["status"] = order["status"]
    origin = memory["origins"][slot]
    if origin["order_id"] != event["order_id"]:
        return
    change["signal"] = origin["sequence"]
    if order["instrument"] == index and origin["sequence"] > memory["rescaled"][index]:
        change["arrival_half_ticks"] = origin["arrival_half_ticks"]


@compiled
def _write_fill(state: State, change: Change, before: _Before, event: Event, index: int) -> None:
    """A fill's own figures, and what its owner's position has made of it."""
    change["order_id"] = event["order_id"]
    change["trade_id"] = event["trade_id"]
    change["price"] = event["price"]
    change["quantity"] = event["quantity"]
    change["fee"] = event["fee"]
    instrument = state["instruments"][index]
    strategy = int(change["strategy"])
    place = strategy if strategy >= 0 else STRATEGIES
    value = change["value"] * instrument["mark_half_ticks"]
    if strategy >= 0:
        own = state["positions"][strategy * INSTRUMENTS + index]
        change["realised"] = own["realised"] - before["positions"][place * _FIGURES + 2]
        change["unrealised"] = own["quantity"] * value // 2 - own["cost"]
    else:
        net = instrument["net"]
        change["realised"] = net["realised"] - before["positions"][place * _FIGURES + 2]
        change["unrealised"] = net["quantity"] * value // 2 - net["cost"]


@compiled
def _write_charge(state: State, change: Change, event: Event) -> None:
    """Whose a charge is, and what of the venue's it was for."""
    change["strategy"] = event["strategy"]
    change["trade_id"] = event["trade_id"]
    if event["tag"] > 0:
        change["order_id"] = event["tag"]
    if 0 <= event["instrument"] < state["instruments_count"]:
        change["instrument"] = event["instrument"]


@compiled
def _write_change(
    state: State, change: Change, memory: Memory, before: _Before, event: Event, sequence: int, account: int, index: int
) -> None:
    change["sequence"] = sequence
    change["time_ns"] = event["time_ns"]
    change["venue_time_ns"] = event["venue_time_ns"]
    change["kind"] = event["kind"]
    change["flags"] = event["flags"]
    change["account"] = account
    change["instrument"] = index
    change["strategy"] = -1
    change["person"] = -1
    change["reason"] = -1
    change["status"] = -1
    change["signal"] = -1
    change["order_id"] = -1
    change["trade_id"] = -1
    change["arrival_half_ticks"] = -1
    for place in range(_PLACES):
        change["postings"][place] = state["accounts"][account]["postings"][place] - before["postings"][place]
    if index < 0:
        if event["kind"] == EventKind.CHARGE and event["trade_id"] != 0:
            _write_charge(state, change, event)
        return
    terms = state["instruments"][index]["terms"]
    change["value"] = terms[InstrumentTerm.VALUE]
    change["tick_mantissa"] = terms[InstrumentTerm.TICK_MANTISSA]
    change["price_exponent"] = terms[InstrumentTerm.PRICE_EXPONENT]
    change["lot_mantissa"] = terms[InstrumentTerm.LOT_MANTISSA]
    change["quantity_exponent"] = terms[InstrumentTerm.QUANTITY_EXPONENT]
    if event["kind"] == EventKind.FILL:
        _write_order(state, change, memory, event, index)
        _write_fill(state, change, before, event, index)
    elif event["kind"] == EventKind.POSITION_ADOPTED:
        change["strategy"] = event["strategy"]


@compiled
def _posted(state: State, before: _Before, account: int) -> bool:
    different = 0
    for place in range(_PLACES):
        different |= state["accounts"][account]["postings"][place] ^ before["postings"][place]
    return different != 0


@compiled
def _watched(
    state: State,
    event: Event,
    sequence: int,
    actions: Records[Event],
    memory: Memory,
    before: _Before,
    changes: Records[Change],
    moves: Records[Move],
    counts: Any,
) -> int:
    """Applies one event that may move something and writes what it moved; returns how much the kernel said."""
    index, account = -1, -1
    kind = event["kind"]
    if kind == EventKind.TRANSFER or kind == EventKind.CHARGE:
        account = event["row"] if 0 <= event["row"] < ACCOUNTS else -1
    elif 0 <= event["instrument"] < INSTRUMENTS:
        index = int(event["instrument"])
        account = state["instruments"][index]["terms"][InstrumentTerm.ACCOUNT]
    _keep(state, before, account, index)
    said = apply_event(state, event, actions)
    if account < 0:
        return said
    written = counts[1]
    if index >= 0:
        for strategy in range(STRATEGIES):
            own = state["positions"][strategy * INSTRUMENTS + index]
            written = _write_move(moves, written, before, strategy, own, sequence, index)
        written = _write_move(moves, written, before, STRATEGIES, state["instruments"][index]["net"], sequence, index)
    # A fill of a cycle moves nothing, and is one all the same.
    filled = index >= 0 and state["instruments"][index]["net"]["fills"] != before["fills"]
    if filled or written > counts[1] or _posted(state, before, account):
        _write_change(state, changes[counts[0]], memory, before, event, sequence, account, index)
        counts[0] += 1
        counts[1] = written
    return said


@compiled
def _note_orders(state: State, actions: Records[Event], said: int, memory: Memory, sequence: int) -> None:
    """Remembers the record that each new order came from, and the market that it saw."""
    for place in range(said):
        action = actions[place]
        if action["kind"] != EventKind.SUBMIT:
            continue
        instrument = state["instruments"][action["instrument"]]
        half_ticks = instrument["mark_half_ticks"]
        if instrument["bid"] > 0 and instrument["ask"] > 0:
            half_ticks = instrument["bid"] + instrument["ask"]
        origin = memory["origins"][action["order_id"] % ORDERS]
        origin["order_id"] = action["order_id"]
        origin["sequence"] = sequence
        origin["arrival_half_ticks"] = half_ticks if half_ticks > 0 else -1


@compiled
def _keep_worth(state: State, before: _Before) -> None:
    for account in range(ACCOUNTS):
        before["unrealised"][account] = state["accounts"][account]["unrealised"]


@compiled
def _begin_day(state: State, memory: Memory, before: _Before, sequence: int, days: Records[Day], counts: Any) -> None:
    """Writes what each purse's positions were worth before the first record of a day."""
    number = state["time_ns"] // _DAY_NS
    memory["day_end_ns"] = (number + 1) * _DAY_NS
    for account in range(state["accounts_count"]):
        day = days[counts[2]]
        day["sequence"] = sequence
        day["day"] = number
        day["account"] = account
        day["unrealised"] = before["unrealised"][account]
        counts[2] += 1


@compiled
def watch(
    states: Records[State],
    records: Records[Event],
    begin: int,
    end: int,
    first_sequence: int,
    actions: Records[Event],
    memories: Records[Memory],
    befores: Records[_Before],
    changes: Records[Change],
    moves: Records[Move],
    days: Records[Day],
    counts: Any,
) -> int:
    """Applies records[begin:end] and returns how many the kernel consumed.

    What moved goes into `changes`, `moves` and `days`, and how many those are into `counts`, shape (3,).
    """
    state, memory, before = states[0], memories[0], befores[0]
    applied = 0
    for index in range(begin, end):
        record = records[index]
        kind = record["kind"]
        if EventKind.SEAL <= kind <= EventKind.NOTE:
            continue
        applied += 1
        sequence = first_sequence + index
        new_day = record["time_ns"] >= memory["day_end_ns"]
        if new_day:
            _keep_worth(state, before)
        if _MOVES[kind]:
            said = _watched(state, record, sequence, actions, memory, before, changes, moves, counts)
        else:
            said = apply_event(state, record, actions)
        if said > 0:
            _note_orders(state, actions, said, memory, sequence)
        rescales = kind == EventKind.SPLIT or kind == EventKind.TICK_SIZE_CHANGE
        if rescales and 0 <= record["instrument"] < INSTRUMENTS:
            memory["rescaled"][record["instrument"]] = sequence
        # A time that the kernel refused begins no day.
        if new_day and state["time_ns"] >= memory["day_end_ns"]:
            if memory["begun_ns"] == 0:
                memory["begun_ns"] = state["time_ns"]
            _begin_day(state, memory, before, sequence, days, counts)
    return applied


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stretch of records moved: arrays of dtype CHANGE, MOVE and DAY, each in the journal's order."""

    changes: NDArray[np.void]
    moves: NDArray[np.void]
    days: NDArray[np.void]


class Watch:
    """Follows a replay. `memory`, shape (1,), is carried on: it goes with the replayer's state."""

    def __init__(self, replayer: Replayer, memory: NDArray[np.void] | None = None) -> None:
        self.memory: NDArray[np.void] = allocate(MEMORY) if memory is None else memory
        self._replayer = replayer
        self._before = allocate(_BEFORE)

    def move(self, block: Block, begin: int, end: int) -> tuple[int, Seen]:
        """Applies records[begin:end] of a block; returns how many the kernel consumed, and what they moved."""
        records: Any = block.records
        kinds = records["kind"][begin:end]
        moving, sharing = int(_MOVES[kinds].sum()), int(np.isin(kinds, _SHARING).sum())
        times = records["time_ns"][begin:end] // _DAY_NS
        passed = int(np.count_nonzero(times[1:] != times[:-1])) + 1
        changes = np.zeros(moving, CHANGE)
        moves = np.zeros(2 * (moving - sharing) + (STRATEGIES + 1) * sharing, MOVE)
        days = np.zeros(passed * ACCOUNTS, DAY)
        counts = np.zeros(3, np.int64)
        applied = cast(Any, watch)(
            *(self._replayer.states, records, begin, end, block.first_sequence, self._replayer.actions),
            *(self.memory, self._before, changes, moves, days, counts),
        )
        written = counts.tolist()
        return int(applied), Seen(changes[: written[0]], moves[: written[1]], days[: written[2]])
