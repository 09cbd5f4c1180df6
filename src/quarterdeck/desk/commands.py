"""What a person can tell a desk: a few words, each with one meaning, and the events that each becomes."""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import INSTRUMENTS, State
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderFlag, OrderType, Reason
from quarterdeck.runtime.directory import Directory
from quarterdeck.runtime.wording import parse_order

__all__ = [
    "NAMED_PERSON",
    "cancel_requests",
    "cancellable",
    "check_command",
    "command_event",
    "command_events",
    "command_payload",
    "command_words",
]

Orders = NDArray[np.void]  # copies of the kernel's orders

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
_WHOLE_DESK: Final = frozenset(
    (Verb.LOCK, Verb.UNLOCK, Verb.ACKNOWLEDGE, Verb.STOP, Verb.STATUS, Verb.CONFIGURE, Verb.CANCEL_ORDER)
)
# Whoever makes the desk safer need not say who they are; whoever lets it trade again, or otherwise, does.
NAMED_PERSON: Final = frozenset((Verb.RESUME, Verb.UNLOCK, Verb.ACKNOWLEDGE, Verb.THROTTLE_RESET, Verb.CONFIGURE))
# A word that only some verbs know: the others refuse it, so that no command does less than its sender thought.
_ONLY_WITH: Final[dict[str, tuple[Callable[[Command], object], tuple[Verb, ...]]]] = {
    "protective": (lambda command: command.protective, (Verb.KILL, Verb.CANCEL, Verb.CANCEL_ORDER)),
    "settings": (lambda command: command.settings, (Verb.CONFIGURE,)),
    "order_id": (lambda command: command.order_id, (Verb.CANCEL_ORDER,)),
    "keep_orders": (lambda command: command.keep_orders is not None, (Verb.STOP,)),
}
# All words of a command, and those of the overrides that still hold, ride behind one record.
_CHARACTERS_MOST: Final = {"why": 500, "origin": 250, "order_id": 100}


def check_command(command: Command, names: Directory) -> None:
    """Raises ConfigError for a word that does not go with the verb, or a name that the desk does not have."""
    verb = command.verb
    for key, most in _CHARACTERS_MOST.items():
        said: str = getattr(command, key)
        if len(said) > most:
            raise ConfigError("command", key, f"{said[:40]}...", f"at most {most} characters, these are {len(said)}")
    if verb in _WHOLE_DESK and (command.strategy or command.instrument):
        scope = command.strategy or command.instrument
        raise ConfigError("command", "scope", scope, f"{verb} is for the whole desk: leave the scope out")
    if verb is Verb.THROTTLE_RESET and (command.strategy is None or command.instrument is not None):
        scope = command.instrument or "(missing)"
        raise ConfigError("command", "strategy", scope, f"{verb} is for one strategy: name it, and no instrument")
    for key, (given, verbs) in _ONLY_WITH.items():
        if given(command) and verb not in verbs:
            raise ConfigError("command", key, getattr(command, key), f"only with {' or '.join(verbs)}")
    if verb in NAMED_PERSON and command.person is None:
        people = ", ".join(names.people.names[1:])
        raise ConfigError("command", "person", "(missing)", f"{verb} is signed: one of {people}")
    if command.person is not None:
        names.people.index(command.person)


def command_event(command: Command, names: Directory, time_ns: int) -> NDArray[np.void]:
    """Returns the command's event, shape (1,). Raises ConfigError for a name that the desk does not have."""
    check_command(command, names)
    events = new_events(1)
    event = events[0]
    event["kind"] = EventKind.CANCEL_ALL_REQUEST if command.verb is Verb.CANCEL else _KINDS[command.verb]
    event["time_ns"] = time_ns
    event["strategy"] = -1 if command.strategy is None else names.strategies.index(command.strategy)
    event["instrument"] = -1 if command.instrument is None else names.instruments.index(command.instrument)
    event["person"] = -1 if command.person is None else names.people.index(command.person)
    event["flags"] = Flag.PROTECTIVE if command.protective and command.verb is Verb.KILL else 0
    event["reason"] = Reason.MANUAL_OVERRIDE
    return events


def command_events(command: Command, names: Directory, states: Records[State], time_ns: int) -> NDArray[np.void]:
    """Returns the command's events, shape (n,), the first of which carries its words; none where nothing is to be done.

    Raises ConfigError for a name that the desk does not have, DeskError for an order that cannot be cancelled so.
    """
    person = -1 if command.person is None else names.people.index(command.person)
    if command.verb is Verb.CANCEL_ORDER:
        check_command(command, names)
        orders = _named_order(command, states)
        return cancel_requests(orders, time_ns, Reason.MANUAL_OVERRIDE, person)
    event = command_event(command, names, time_ns)
    if command.verb is not Verb.CANCEL or command.protective:
        return event
    scope = int(event["strategy"][0]), int(event["instrument"][0])
    orders = cancellable(states, *scope)
    if len(orders) == len(cancellable(states, *scope, protective=True)):
        return event
    return cancel_requests(orders, time_ns, Reason.MANUAL_OVERRIDE, person)


def cancellable(
    states: Records[State], strategy: int = -1, instrument: int = -1, *, protective: bool = False, held: bool = False
) -> Orders:
    """Returns the open orders of a scope that a cancel would take back, oldest place first; -1 means all.

    As the kernel has it: none that is being cancelled, none that closes a position, and protective ones only when asked
    to. `held`: of those, it spares the ones whose position is open.
    """
    state: Any = states[0]
    orders = state["orders"][state["open_orders"][: int(state["open_count"])]]
    guard = int(OrderFlag.PROTECTIVE | OrderFlag.REDUCING)
    own = state["positions"][orders["strategy"].astype(np.int64) * INSTRUMENTS + orders["instrument"]]
    pending = orders["flags"] & OrderFlag.CANCEL_PENDING != 0
    closing = (own["flattening"] != 0) & (orders["flags"] & OrderFlag.REDUCING != 0)
    closing &= (orders["order_type"] == OrderType.MARKET) & (orders["reason"] == Reason.EMERGENCY_EXIT)
    spared = (orders["flags"] & guard == guard) & (not protective)
    if held:
        spared &= own["quantity"] != 0
    wanted = ~pending & ~closing & ~spared
    if strategy >= 0:
        wanted &= orders["strategy"] == strategy
    if instrument >= 0:
        wanted &= orders["instrument"] == instrument
    return orders[wanted]


def cancel_requests(orders: Orders, time_ns: int, reason: Reason, person: int) -> NDArray[np.void]:
    """Returns a request to cancel each of the orders, shape (n,)."""
    events = new_events(len(orders))
    events["kind"] = EventKind.CANCEL_REQUEST
    events["time_ns"] = time_ns
    events["reason"] = reason
    events["person"] = person
    events["order_id"] = orders["id"]
    for word in ("strategy", "instrument"):
        events[word] = orders[word]
    return events


def command_words(command: Command) -> dict[str, object]:
    """Who, from where and why; and what the event itself does not say."""
    words: dict[str, object] = {"who": command.person, "from": command.origin, "why": command.why}
    if command.verb in (Verb.CANCEL, Verb.CANCEL_ORDER, Verb.CONFIGURE):
        named = {"strategy": command.strategy, "instrument": command.instrument, "order": command.order_id}
        scope = ", ".join(f"{word} {name}" for word, name in named.items() if name)
        words |= {"verb": command.verb.value, "scope": scope, "settings": command.settings}
        words["protective"] = command.protective
    return {key: word for key, word in words.items() if word}


def command_payload(command: Command) -> bytes:
    """The words, as the journal keeps them behind the event."""
    return msgspec.json.encode(command_words(command))


def _named_order(command: Command, states: Records[State]) -> Orders:
    """The one order, shape (1,); none where its cancel is on its way. DeskError: it does not work, or is protective."""
    if not command.order_id:
        raise ConfigError("command", "order_id", "(missing)", "the order's id, as the logs name it")
    wanted, state = parse_order(command.order_id), cast(Any, states[0])
    orders = state["orders"][state["open_orders"][: int(state["open_count"])]]
    found = orders[orders["id"] == wanted]
    if not len(found):
        raise DeskError(f"order {command.order_id} does not work here: it has ended, or is another desk's")
    if found["flags"][0] & OrderFlag.PROTECTIVE and not command.protective:
        raise DeskError(f"order {command.order_id} is protective: say so (--protective) to cancel it all the same")
    return found[found["flags"] & OrderFlag.CANCEL_PENDING == 0]
