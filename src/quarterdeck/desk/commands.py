"""What a person can tell a desk: a few words, each with one meaning, and the event that each becomes."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import EventKind, Flag, Reason
from quarterdeck.runtime.directory import Directory

__all__ = ["NAMED_PERSON", "command_event", "command_payload"]


_KINDS: Final = {
    Verb.PAUSE: EventKind.PAUSE,
    Verb.RESUME: EventKind.RESUME,
    Verb.KILL: EventKind.KILL,
    Verb.FLATTEN: EventKind.FLATTEN,
    Verb.LOCK: EventKind.LOCK,
    Verb.UNLOCK: EventKind.UNLOCK,
    Verb.ACKNOWLEDGE: EventKind.ACKNOWLEDGE,
    Verb.THROTTLE_RESET: EventKind.THROTTLE_RESET,
}
_UNSCOPED: Final = frozenset((Verb.LOCK, Verb.UNLOCK, Verb.ACKNOWLEDGE, Verb.STOP, Verb.STATUS))
# Whoever makes the desk safer need not say who they are; whoever lets it trade again does.
NAMED_PERSON: Final = frozenset((Verb.RESUME, Verb.UNLOCK, Verb.ACKNOWLEDGE, Verb.THROTTLE_RESET))


def command_event(command: Command, names: Directory, time_ns: int) -> NDArray[np.void]:
    """Returns the command's event, shape (1,). Raises ConfigError for a name that the desk does not have."""
    verb = command.verb
    if verb in _UNSCOPED and (command.strategy or command.instrument):
        scope = command.strategy or command.instrument
        raise ConfigError("command", "scope", scope, f"{verb} is for the whole desk: leave the scope out")
    if verb is Verb.THROTTLE_RESET and (command.strategy is None or command.instrument is not None):
        scope = command.instrument or "(missing)"
        raise ConfigError("command", "strategy", scope, f"{verb} is for one strategy: name it, and no instrument")
    if command.protective and verb is not Verb.KILL:
        raise ConfigError("command", "protective", True, "only with kill")
    if verb in NAMED_PERSON and command.person is None:
        people = ", ".join(names.people.names[1:])
        raise ConfigError("command", "person", "(missing)", f"{verb} is signed: one of {people}")
    events = new_events(1)
    event = events[0]
    event["kind"] = _KINDS[verb]
    event["time_ns"] = time_ns
    event["strategy"] = -1 if command.strategy is None else names.strategies.index(command.strategy)
    event["instrument"] = -1 if command.instrument is None else names.instruments.index(command.instrument)
    event["person"] = -1 if command.person is None else names.people.index(command.person)
    event["flags"] = Flag.PROTECTIVE if command.protective else 0
    event["reason"] = Reason.MANUAL_OVERRIDE
    return events


def command_payload(command: Command) -> bytes:
    """Who, from where and why, as the journal keeps it behind the event."""
    words = {"who": command.person, "from": command.origin, "why": command.why}
    return msgspec.json.encode({key: word for key, word in words.items() if word})
