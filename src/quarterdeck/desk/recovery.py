"""How a desk starts: what the journal holds becomes its state again, and what cannot have survived is said aloud.

The newest valid snapshot, or the journal's beginning; then every record after it through the kernel, the digest checked
at each seal. Where another version of the program wrote them, the snapshot is taken over field by field, the digests
cannot be compared, and the state that this version goes on with is kept as a snapshot in `data/upgrades`.

A simulated venue lives in the desk's process: its book of resting orders died with it, so the desk's open orders are
reported as gone, by events like any other. Positions and cash stay.
"""

from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.desk.keeping import journal_options
from quarterdeck.desk.place import DeskPlace
from quarterdeck.errors import DeskError, ReplayError
from quarterdeck.journal import (
    OS_DISK,
    Disk,
    JournalReader,
    JournalWriter,
    Seal,
    Snapshot,
    digest_word,
    newest_valid,
    write_snapshot,
)
from quarterdeck.journal.chain import HASH_BYTES
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import STATE_SCHEMA, State
from quarterdeck.kernel.vocabulary import EventKind, InstrumentTerm, OrderStatus, Table
from quarterdeck.runtime.opening import opening_events
from quarterdeck.runtime.replay import Replayer

__all__ = ["Recovered", "Warm", "begin_replay", "check_same_desk", "held_positions", "lost_orders", "recover"]

_NEVER_HEARD: Final = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
_UNCHANGING: Final = (
    InstrumentTerm.KIND,
    InstrumentTerm.VENUE,
    InstrumentTerm.ACCOUNT,
    InstrumentTerm.VALUE,
    InstrumentTerm.PRICE_EXPONENT,
    InstrumentTerm.QUANTITY_EXPONENT,
    InstrumentTerm.TICK_MANTISSA,
    InstrumentTerm.LOT_MANTISSA,
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A desk's journal, open for writing, and the state that it holds; None where it holds nothing yet.

    `epoch` is the new session's. `said` tells people what was found.
    """

    writer: JournalWriter
    states: Records[State] | None
    epoch: int
    said: tuple[str, ...] = field(default=())

    @property
    def fresh(self) -> bool:
        """Whether the simulated accounts have not received their deposits yet."""
        return self.states is None or not self.states[0]["kinds"][EventKind.TRANSFER]

    @property
    def time_ns(self) -> int:
        """The desk's time where the journal ends."""
        return 0 if self.states is None else int(self.states[0]["time_ns"])


@dataclass(frozen=True, slots=True)
class Warm:
    """A state that has seen every record of the desk's journal before `sequence`: a standby's."""

    states: Records[State]
    sequence: int


def recover(
    config: DeskConfig, place: DeskPlace, *, disk: Disk = OS_DISK, warm: Warm | None = None, epoch: int = 0
) -> Recovered:
    """Takes the journal's lock, rebuilds the state and raises the epoch.

    `warm` is where to begin in place of a snapshot. `epoch` is a lease's: the session's number, where one is held.
    JournalLocked: the desk runs already. JournalCorrupt, ReplayError: the journal is not what was written, or does not
    replay to its digests; nothing is traded on such a state. DeskError: desk.toml has become another desk, or the
    lease's epoch is not above every one that was.
    """
    writer = JournalWriter(place.journal, config.desk.name, journal_options(config.journal), disk=disk)
    try:
        said: list[str] = []
        if writer.torn is not None:
            torn = writer.torn
            said.append(
                f"the journal's end was torn at record {torn.sequence} ({torn.cause}); cut, kept as {torn.kept}"
            )
        states = None
        if writer.next_sequence > 0:
            if warm is not None and warm.sequence > writer.next_sequence:
                said.append(f"not used: a standby's state at record {warm.sequence}: the journal ends before it")
                warm = None
            replayer = _rebuild(place, disk, warm, said)
            states = replayer.states
            check_same_desk(config, states)
            if replayer.crossed:
                _keep_upgrade(writer, replayer, place, disk)
        last = max(place.last_epoch(disk), 0 if states is None else int(states[0]["epoch"]))
        if epoch and epoch <= last:
            raise DeskError(
                f"{place.data}: session {last} was begun here, the lease says {epoch}: write {last} into the file "
                "epoch there, and start again"
            )
        epoch = epoch or last + 1
        place.keep_epoch(epoch, disk)
    except BaseException:
        writer.close()
        raise
    return Recovered(writer, states, epoch, tuple(said))


def _rebuild(place: DeskPlace, disk: Disk, warm: Warm | None, said: list[str]) -> Replayer:
    replayer = begin_replay(place, disk, said) if warm is None else _warm_replayer(place, disk, warm)
    begin = replayer.sequence
    replayer.advance()
    said.append(
        f"recovered: {replayer.events} records replayed, from record {begin} to {replayer.sequence}, "
        f"{replayer.seals_checked} digests checked; the state is {replayer.digest.hex()[:16]}"
    )
    if replayer.crossed:
        said.append(
            f"the journal is of another version or capacity up to here: {replayer.seals_foreign} digests of it cannot "
            f"be compared; the state that this version goes on with is kept in {place.upgrades.name}"
        )
    return replayer


def begin_replay(place: DeskPlace, disk: Disk, said: list[str]) -> Replayer:
    """Begins at the newest snapshot that fits the journal, or at the journal's first record."""
    found = [newest_valid(folder, disk=disk) for folder in (place.snapshots, place.upgrades)]
    said.extend(f"not used: {problem}" for _, skipped in found for problem in skipped)
    shots = [snapshot for snapshot, _ in found if snapshot is not None]
    for snapshot in sorted(shots, key=lambda shot: shot.sequence, reverse=True):
        try:
            replayer = Replayer(JournalReader(place.journal, disk=disk, since=snapshot.sequence), snapshot)
        except ReplayError as error:
            said.append(f"not used: {error}")
            continue
        if not snapshot.same_state:
            said.append(
                f"snapshot {snapshot.name}, of state schema {snapshot.state_schema} and capacity {snapshot.capacity}, "
                f"was taken over into schema {STATE_SCHEMA} and capacity {CAPACITY.name}"
            )
        return replayer
    return Replayer(JournalReader(place.journal, disk=disk))


def _warm_replayer(place: DeskPlace, disk: Disk, warm: Warm) -> Replayer:
    """Begins at a standby's state, as at a snapshot: its own checks of seals and digests have brought it there."""
    reader = JournalReader(place.journal, disk=disk, since=warm.sequence)
    before = reader.record(warm.sequence - 1)
    chain = bytes(HASH_BYTES)
    if before["kind"][0] == EventKind.SEAL:
        chain = Seal.parse(before.tobytes(), warm.sequence - 1).chain
    body = cast(Any, warm.states).tobytes()
    return Replayer(reader, Snapshot(reader.desk, warm.sequence, int(warm.states[0]["time_ns"]), chain, body))


def _keep_upgrade(writer: JournalWriter, replayer: Replayer, place: DeskPlace, disk: Disk) -> None:
    """Keeps the state that this version begins with: a later replay from the first record may come to another one."""
    sequence = writer.seal(digest_word(replayer.digest))
    writer.sync()
    body = cast(Any, replayer.states).tobytes()
    shot = Snapshot(writer.desk, sequence, int(replayer.states[0]["time_ns"]), writer.chain, body)
    write_snapshot(place.upgrades, shot, disk=disk)


def check_same_desk(config: DeskConfig, states: Records[State]) -> None:
    """Raises DeskError when an instrument's place has become another one: its position would be misread."""
    state = states[0]
    opening = opening_events(config, 1, 1, fresh=False)
    terms = opening[(opening["kind"] == EventKind.CONFIGURE) & (opening["table"] == Table.INSTRUMENT_TERM)]
    rows, columns, values = (cast("list[int]", terms[word].tolist()) for word in ("row", "column", "setting"))
    for row, column, value in zip(rows, columns, values, strict=True):
        if row >= state["instruments_count"] or column not in _UNCHANGING:
            continue
        known = int(state["instruments"][row]["terms"][column])
        if known not in {0, value}:
            symbol, word = config.instruments[row].symbol, InstrumentTerm(column).name.lower()
            raise DeskError(
                f"{config.file}: instrument {row + 1} ({symbol}) has {word} {value}, the journal has {known}: "
                "positions would be misread; add instruments at the end, or move the desk's data/ aside"
            )


def lost_orders(states: Records[State], time_ns: int) -> NDArray[np.void]:
    """Returns the reports that end every open order: its venue is gone.

    One that the venue had accepted is cancelled. One that it had not answered may never have arrived: it is not found,
    and not found again.
    """
    state = states[0]
    found: list[tuple[EventKind, int, int, int]] = []
    for place in range(int(state["open_count"])):
        order = cast(Any, state["orders"])[int(state["open_orders"][place])]
        unheard = int(order["status"]) in _NEVER_HEARD
        kinds = (EventKind.ORDER_NOT_FOUND,) * 2 if unheard else (EventKind.ORDER_CANCELED,)
        found += [(kind, int(order["id"]), int(order["instrument"]), int(order["strategy"])) for kind in kinds]
    events = new_events(len(found))
    for index, (kind, order_id, instrument, strategy) in enumerate(found):
        events[index]["kind"] = kind
        events[index]["order_id"] = order_id
        events[index]["instrument"] = instrument
        events[index]["strategy"] = strategy
        events[index]["time_ns"] = time_ns
    return events


def held_positions(states: Records[State], time_ns: int) -> NDArray[np.void]:
    """Returns what a new simulated venue must know of the positions held: for the venue alone, the kernel has them."""
    state = states[0]
    nets = [cast(Any, state["instruments"])[index]["net"] for index in range(int(state["instruments_count"]))]
    held = [(index, int(net["quantity"])) for index, net in enumerate(nets) if net["quantity"]]
    events = new_events(len(held))
    for place, (index, quantity) in enumerate(held):
        events[place]["kind"] = EventKind.POSITION_ADOPTED
        events[place]["instrument"] = index
        events[place]["quantity"] = quantity
        events[place]["price"] = 1
        events[place]["time_ns"] = time_ns
    return events
