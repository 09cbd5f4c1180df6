"""`audit log`: what people told the desk, as the journal has it: who, from where, why, and what it was for.

A command is an event with these words behind it. What a person said that is no event of the kernel (to stop, to hand
the desk over) is a note: `command_note` makes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.journal import OS_DISK, Block, Disk, JournalReader, note, payload_of, rfc3339
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.runtime.directory import Directory, directory

__all__ = ["OperatorCommand", "command_note", "operator_commands", "operator_lines"]

_COMMANDS: Final = (
    EventKind.PAUSE,
    EventKind.RESUME,
    EventKind.KILL,
    EventKind.FLATTEN,
    EventKind.LOCK,
    EventKind.UNLOCK,
    EventKind.THROTTLE_RESET,
    EventKind.ACKNOWLEDGE,
)
_UNNAMED: Final = "unnamed"


class _Words(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """What rides behind a command."""

    who: str = ""
    origin: str = ""
    why: str = ""
    verb: str = ""
    scope: str = ""
    protective: bool = False
    settings: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """One command. `time` is the desk's, RFC 3339; `scope` a strategy, an instrument, both, or "desk"."""

    sequence: int
    time: str
    person: str
    origin: str
    why: str
    verb: str
    scope: str
    protective: bool
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def as_dict(self) -> dict[str, object]:
        """Returns what `audit log --json` prints."""
        return {
            "sequence": self.sequence,
            "time": self.time,
            "person": self.person,
            "origin": self.origin,
            "why": self.why,
            "verb": self.verb,
            "scope": self.scope,
            "protective": self.protective,
            **({"settings": self.settings} if self.settings else {}),
        }


def operator_commands(
    path: Path, config: DeskConfig | None = None, *, verify: bool = True, disk: Disk = OS_DISK
) -> Iterator[OperatorCommand]:
    """Yields every command in the journal at `path`, in order. `config` gives the names of what numbers mean.

    JournalCorrupt names a record that is not what was sealed, unless `verify` is False. JournalError: no journal.
    """
    names = None if config is None else directory(config)
    for block in JournalReader(path, disk=disk).blocks(verify=verify):
        for index in _candidates(block):
            found = _command(block, index, names)
            if found is not None:
                yield found


def command_note(verb: str, who: str, origin: str, why: str, time_ns: int) -> NDArray[np.void]:
    """Returns the records of a note that keeps a command which is no event of the kernel."""
    words = {"verb": verb, "who": who, "from": origin, "why": why}
    return note(msgspec.json.encode({key: word for key, word in words.items() if word}).decode(), time_ns)


def _candidates(block: Block) -> list[int]:
    """Returns the indices of the records that a person's words may be in: commands, and whatever a payload follows."""
    kinds = block.records["kind"]
    slots = block.positions[kinds[block.positions] == EventKind.CONTINUATION]
    heads = slots[~np.isin(slots - 1, slots)] - 1
    return np.union1d(np.flatnonzero(np.isin(kinds, _COMMANDS)), heads[heads >= 0]).tolist()


def _command(block: Block, index: int, names: Directory | None) -> OperatorCommand | None:
    record = cast("dict[str, Any]", block.records[index])
    kind = EventKind(int(record["kind"]))
    words = _words(payload_of(block.records, index), plain=kind in _COMMANDS)
    if words is None or (kind is EventKind.NOTE and not words.verb):
        return None
    told = words.scope if words.verb else _scope(int(record["strategy"]), int(record["instrument"]), names)
    return OperatorCommand(
        sequence=block.first_sequence + index,
        time=rfc3339(int(record["time_ns"])),
        person=words.who or (_UNNAMED if kind not in _COMMANDS else _person(int(record["person"]), names)),
        origin=words.origin,
        why=words.why,
        verb=words.verb or kind.name.lower().replace("_", "-"),
        scope=told or "desk",
        protective=words.protective or (kind is EventKind.KILL and bool(int(record["flags"]) & Flag.PROTECTIVE)),
        settings=words.settings,
    )


def operator_lines(commands: Iterator[OperatorCommand]) -> Iterator[str]:
    """Yields the commands for people, a line each."""
    for one in commands:
        more = ["--protective"] if one.protective else []
        more += [f"{name}={value}" for name, value in one.settings.items()]
        verb = " ".join((one.verb, *more))
        origin = f" from {one.origin}" if one.origin else ""
        why = f": {one.why}" if one.why else ""
        yield f"{one.sequence:>12}  {one.time}  {one.person}{origin}  {verb} {one.scope}{why}"


def _words(payload: bytes, *, plain: bool) -> _Words | None:
    """Reads a command's payload; None when it is no person's words. With `plain` any text is the reason."""
    try:
        words = msgspec.json.decode(payload, type=_Words) if payload else _Words()
    except msgspec.DecodeError:
        return _Words(why=payload.decode(errors="replace")) if plain else None
    return words if plain or words.who or words.origin or words.verb else None


def _person(number: int, names: Directory | None) -> str:
    if number < 0:
        return _UNNAMED
    return f"person #{number}" if names is None else names.people.label(number)


def _scope(strategy: int, instrument: int, names: Directory | None) -> str:
    parts: list[str] = []
    for word, number in (("strategy", strategy), ("instrument", instrument)):
        if number >= 0:
            known = None if names is None else (names.strategies if word == "strategy" else names.instruments)
            parts.append(f"{word} {number if known is None else known.label(number)}")
    return ", ".join(parts) or "desk"
