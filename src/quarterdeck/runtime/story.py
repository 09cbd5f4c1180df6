"""An order's whole story, told from the journal alone: the market, who asked, what the rails and the venue said.

The journal is replayed by the compiled loop, which stops wherever a record names the order or the kernel speaks of it;
there the state before and after is looked at, and a chapter is written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from quarterdeck.config import DeskConfig
from quarterdeck.errors import DeskError
from quarterdeck.journal import Block, JournalReader, decode
from quarterdeck.kernel.account import apply, apply_event
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import INSTRUMENTS, ORDERS, Event, State
from quarterdeck.kernel.vocabulary import Decision, EventKind, OrderStatus
from quarterdeck.runtime.chapters import Chapter, Holding, Moment, Narrator
from quarterdeck.runtime.replay import Replayer, desk_replayer
from quarterdeck.runtime.wording import Wording, order_name, parse_order

__all__ = ["Story", "why", "why_rejected"]

_CREATING: Final = frozenset({EventKind.ORDER_REQUEST, EventKind.ORDER_ADOPTED})
_NAMING: Final = frozenset(
    {EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST, *range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_ADOPTED)}
)
_OWN_RECORDS: Final = frozenset({EventKind.SEAL, EventKind.CONTINUATION, EventKind.NOTE})


@compiled
def _names_order(record: Event, order_id: int) -> bool:
    """Whether a record names the order itself: its reports, and requests to cancel or replace it."""
    kind = record["kind"]
    reported = EventKind.ORDER_ACCEPTED <= kind < EventKind.ORDER_ADOPTED
    amended = kind == EventKind.CANCEL_REQUEST or kind == EventKind.REPLACE_REQUEST
    return (reported or amended) and record["order_id"] == order_id


@compiled
def _speaks_of(actions: Records[Event], said: int, order_id: int) -> bool:
    for place in range(said):
        kind = actions[place]["kind"]
        about_orders = kind <= EventKind.DECISION or kind == EventKind.ANOMALY
        if about_orders and actions[place]["order_id"] == order_id:
            return True
    return False


@compiled
def _apply_to_order(
    states: Records[State], records: Records[Event], begin: int, end: int, actions: Records[Event], order_id: int
) -> tuple[int, int]:
    """Applies records until one concerns the order. Returns (its index, or `end`; how many actions it brought).

    A record that names the order is not applied yet, which the count -1 says: the state before it is of interest.
    """
    state = states[0]
    for index in range(begin, end):
        record = records[index]
        kind = record["kind"]
        if EventKind.SEAL <= kind <= EventKind.NOTE:
            continue
        if _names_order(record, order_id):
            return index, -1
        said = apply_event(state, record, actions)
        if said > 0 and _speaks_of(actions, said, order_id):
            return index, said
        if kind == EventKind.ORDER_ADOPTED and state["orders"][order_id % ORDERS]["id"] == order_id:
            return index, said
    return end, 0


@compiled
def _apply_to_rejection(
    states: Records[State], records: Records[Event], begin: int, end: int, actions: Records[Event], tag: int
) -> tuple[int, int]:
    """Applies records until a request with that tag is rejected. Returns as `_apply_to_order`."""
    state = states[0]
    for index in range(begin, end):
        record = records[index]
        kind = record["kind"]
        if EventKind.SEAL <= kind <= EventKind.NOTE:
            continue
        said = apply_event(state, record, actions)
        if kind != EventKind.ORDER_REQUEST or record["tag"] != tag:
            continue
        for place in range(said):
            if actions[place]["kind"] == EventKind.DECISION and actions[place]["decision"] == Decision.REJECTED:
                return index, said
    return end, 0


@dataclass(frozen=True, slots=True)
class Story:
    """All chapters of one order or record, in order, and how it ended. `order_id` is None where no order came of it."""

    subject: str
    order_id: int | None
    chapters: tuple[Chapter, ...]
    ending: str
    facts: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        """Returns what `quarterdeck why --json` prints."""
        chapters = [chapter.as_dict() for chapter in self.chapters]
        return {"subject": self.subject, "order_id": self.order_id, "chapters": chapters, "ending": self.ending} | dict(
            self.facts
        )

    def lines(self) -> list[str]:
        """Returns the same for people."""
        return [self.subject, *(chapter.line() for chapter in self.chapters), f"end: {self.ending}"]


class _OrderWatch:
    """Follows one order through a replay and keeps its chapters."""

    def __init__(self, replayer: Replayer, order_id: int, config: DeskConfig | None) -> None:
        self.order_id = order_id
        self.chapters: list[Chapter] = []
        self.order: Any = None  # as it was last seen
        self.realised = 0
        self._replayer = replayer
        self._states: Any = replayer.states
        self.narrator = Narrator(replayer.states, Wording(replayer.states, config))

    def move(self, block: Block, begin: int, end: int) -> int:
        """Applies a stretch of a block, stopping at what concerns the order."""
        index = begin
        while index < end:
            at, said = cast(Any, _apply_to_order)(
                self._states, block.records, index, end, self._replayer.actions, self.order_id
            )
            if at < end:
                self._tell(block, at, said)
            index = at + 1
        return _consumed(block, begin, end)

    def _tell(self, block: Block, index: int, said: int) -> None:
        before = self._holding()
        named = said < 0
        if named:
            said = apply(self._states, cast(Any, block.records), index, cast(Any, self._replayer.actions))
        created = self.order is None and block.records[index]["kind"] in _CREATING
        moment = _moment(self._replayer, block, index, said, named or created)
        order = self._states[0]["orders"][self.order_id % ORDERS]
        if order["id"] == self.order_id:
            self.order = order.copy()
        after = self._holding()
        if moment.own and moment.kind == EventKind.FILL:
            self.realised += after.realised - before.realised
        self.chapters.extend(self._chapters(moment, before, after))

    def _chapters(self, moment: Moment, before: Holding, after: Holding) -> Iterator[Chapter]:
        narrator, kind = self.narrator, moment.kind
        if kind == EventKind.ORDER_REQUEST:
            yield narrator.market(moment, int(moment.record["instrument"]))
        if EventKind.ORDER_REQUEST <= kind <= EventKind.REPLACE_REQUEST and moment.own:
            yield narrator.asked(moment)
        elif kind == EventKind.FILL and moment.own:
            yield narrator.filled(moment, before, after)
        elif moment.own:
            yield narrator.reported(moment, int(self.order["instrument"]))
        for action in moment.actions:
            if action["kind"] == EventKind.DECISION:
                yield narrator.decided(moment, action)
            else:
                yield from narrator.spoken(moment, action, self.order_id)

    def _holding(self) -> Holding:
        if self.order is None:
            return Holding(0, 0)
        place = int(self.order["strategy"]) * INSTRUMENTS + int(self.order["instrument"])
        own = self._states[0]["positions"][place]
        return Holding(int(own["quantity"]), int(own["realised"]))

    def story(self) -> Story:
        order, narrator = self.order, self.narrator
        status, instrument = OrderStatus(int(order["status"])), int(order["instrument"])
        filled, quantity, fee = (int(order[name]) for name in ("filled", "quantity", "fee"))
        say = narrator.wording
        ending = f"{status.name}, {say.quantity(instrument, filled)} of {say.quantity(instrument, quantity)} filled"
        average = Decimal(int(order["filled_cost"])) / filled if filled else None
        if average is not None:
            ending += (
                f" at {say.price(instrument, round(average, 2))} on average, fees {say.money(instrument, fee)}, "
                f"realised {say.money(instrument, self.realised)}"
            )
        owner = say.strategy(int(order["strategy"]))
        subject = f"order {order_name(self.order_id)} of {owner}: {narrator.order(order)}"
        facts = {
            "status": status.name,
            "quantity": quantity,
            "filled": filled,
            "average_ticks": None if average is None else float(average),
            "fees": fee,
            "realised": self.realised,
            "related_orders": list(
                dict.fromkeys(c.facts["related_order"] for c in self.chapters if "related_order" in c.facts)
            ),
        }
        return Story(subject, self.order_id, tuple(self.chapters), ending, facts)


def why(path: Path, word: str, config: DeskConfig | None = None) -> Story:
    """Tells the story that `word` names, from the journal at `path`.

    An order as EPOCH-SEQUENCE, by its id or a client order id that ends with EPOCH-SEQUENCE; or @SEQUENCE of any
    record: the order that it is about, or the record itself, a rejected request for one. `config` gives the names.
    DeskError when there is no such order or record; ReplayError and JournalCorrupt as `replay`.
    """
    if word.startswith("@"):
        if not word[1:].isdecimal():
            raise DeskError(f"{word!r} names no record: say @SEQUENCE, a number as `quarterdeck journal cat` shows it")
        return _why_record(path, int(word[1:]), config)
    return _why_order(path, parse_order(word), config)


def why_rejected(path: Path, tag: int, config: DeskConfig | None = None) -> list[Story]:
    """Tells of every request with that tag which the rails refused, in order. DeskError when there is none."""
    replayer = desk_replayer(path)
    narrator = Narrator(replayer.states, Wording(replayer.states, config))
    stories: list[Story] = []

    def move(block: Block, begin: int, end: int) -> int:
        index = begin
        while index < end:
            at, said = cast(Any, _apply_to_rejection)(replayer.states, block.records, index, end, replayer.actions, tag)
            if at < end:
                stories.append(_rejection(narrator, _moment(replayer, block, at, said, own=True)))
            index = at + 1
        return _consumed(block, begin, end)

    replayer.advance(mover=move)
    if not stories:
        raise DeskError(f"{path}: no request with tag {tag} was rejected; `quarterdeck journal cat` shows the requests")
    return stories


def _why_order(path: Path, order_id: int, config: DeskConfig | None) -> Story:
    replayer = desk_replayer(path)
    watch = _OrderWatch(replayer, order_id, config)
    replayer.advance(mover=watch.move)
    if watch.order is None:
        last = order_name(replayer.epoch << 40 | int(replayer.states[0]["order_sequence"]))
        raise DeskError(f"{path}: there is no order {order_name(order_id)}; the last one of this journal is {last}")
    return watch.story()


def _why_record(path: Path, sequence: int, config: DeskConfig | None) -> Story:
    reader = JournalReader(path)
    record: Any = reader.record(sequence)
    kind = int(record["kind"][0])
    replayer = desk_replayer(path)
    if kind in _NAMING and record["order_id"][0]:
        return _why_order(path, int(record["order_id"][0]), config)
    if kind in _OWN_RECORDS:
        return _plain(replayer, sequence, ())
    replayer.advance(sequence)
    block = next(reader.blocks(sequence))
    index = sequence - block.first_sequence
    said = apply(replayer.states, cast(Any, block.records), index, cast(Any, replayer.actions))
    moment = _moment(replayer, block, index, said, own=True)
    submitted = [int(action["order_id"]) for action in moment.actions if action["kind"] == EventKind.SUBMIT]
    if kind == EventKind.ORDER_REQUEST:
        if submitted:
            return _why_order(path, submitted[0], config)
        return _rejection(Narrator(replayer.states, Wording(replayer.states, config)), moment)
    return _plain(replayer, sequence, moment.actions)


def _rejection(narrator: Narrator, moment: Moment) -> Story:
    record = moment.record
    strategy, instrument = int(record["strategy"]), int(record["instrument"])
    chapters = [narrator.market(moment, instrument)] if instrument >= 0 else []
    chapters.append(narrator.asked(moment))
    ending, facts = "no order came of it", dict[str, object]()
    for action in moment.actions:
        if action["kind"] == EventKind.DECISION:
            decided = narrator.decided(moment, action)
            chapters += [narrator.standing(moment, strategy, instrument), decided]
            ending, facts = f"REJECTED {decided.text}", dict(decided.facts)
        else:
            chapters.extend(narrator.spoken(moment, action, 0))
    return Story(f"request @{moment.sequence}", None, tuple(chapters), ending, facts)


def _plain(replayer: Replayer, sequence: int, actions: Any) -> Story:
    """A record that no order comes of: what it says, and what the kernel said of it."""
    reader = replayer.reader
    said = decode(reader.record(sequence), 0, sequence)
    payload = reader.payload(sequence).decode(errors="replace")
    time_ns = int(reader.record(sequence)["time_ns"][0])
    words = " ".join(f"{name}={value}" for name, value in said.items() if name not in {"sequence", "time", "kind"})
    chapters = [Chapter(sequence, time_ns, "recorded", f"{words} {payload}".strip(), said)]
    for place in range(len(actions)):
        told = decode(actions, place, sequence)
        words = " ".join(f"{name}={value}" for name, value in told.items() if name not in {"sequence", "time", "kind"})
        chapters.append(Chapter(sequence, time_ns, str(told["kind"]).lower(), words, told))
    ending = f"the kernel said {len(actions)} things of it" if len(actions) else "the kernel said nothing of it"
    return Story(f"record @{sequence}: {said['kind']}", None, tuple(chapters), ending, {"desk": reader.desk})


def _moment(replayer: Replayer, block: Block, index: int, said: int, own: bool) -> Moment:
    sequence = block.first_sequence + index
    payload = replayer.reader.payload(sequence).decode(errors="replace")
    return Moment(sequence, block.records[index].copy(), payload, replayer.actions[:said].copy(), own)


def _consumed(block: Block, begin: int, end: int) -> int:
    """How many of records[begin:end] the kernel consumes."""
    return end - begin - int(np.count_nonzero((block.positions >= begin) & (block.positions < end)))
