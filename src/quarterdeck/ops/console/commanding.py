"""From a filled-in dialogue to the desk's own acknowledgement."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.ops.console.state import ALL_DESKS, Asked

__all__ = ["WORDS", "Word", "answer_words", "command_of", "typed_rightly"]


class Word(msgspec.Struct, frozen=True):
    """A word that a person can say to desks. `action` is what the gate calls it."""

    name: str
    verb: Verb
    action: str
    title: str
    meaning: str
    sign: str
    tone: str
    scoped: bool = False
    protective: bool = False


_ALL: Final = (
    Word("pause", Verb.PAUSE, "pause", "Pause",
         "Stops entries. Orders that work go on, and orders that reduce a position still pass.",
         "pause", "caution", scoped=True),
    Word("kill", Verb.KILL, "kill", "Kill",
         "Blocks entries and cancels every order but protective stops. Positions stay.",
         "kill", "danger", scoped=True, protective=True),
    Word("flatten", Verb.FLATTEN, "flatten", "Flatten",
         "Stops entries, cancels everything and closes the positions at the market.",
         "flatten", "danger", scoped=True),
    Word("resume", Verb.RESUME, "resume", "Resume",
         "Allows entries again. A killed desk goes into recovery, with small sizes first.",
         "play", "caution", scoped=True),
    Word("cancel", Verb.CANCEL, "cancel", "Cancel orders",
         "Cancels every open order but protective stops. Entries go on.",
         "close", "caution", scoped=True, protective=True),
    Word("acknowledge", Verb.ACKNOWLEDGE, "acknowledge", "Acknowledge warnings",
         "Says that every warning of the desk so far has been seen.", "good", "caution"),
    Word("lock", Verb.LOCK, "lock", "Lock",
         "Emergency: no order passes, not even one that reduces a position, until somebody unlocks.",
         "lock", "danger"),
    Word("unlock", Verb.UNLOCK, "unlock", "Unlock", "Opens an emergency lock.", "lock", "caution"),
    Word("stop", Verb.STOP, "shutdown", "Shut down",
         "Winds the desk down in order: its orders as its policy says, its reports written.", "leave", "danger"),
)  # fmt: skip
WORDS: Final[Mapping[str, Word]] = {word.name: word for word in _ALL}
_PLAIN: Final = frozenset(("ok", "text", "command_sequence"))


def typed_rightly(asked: Asked, typed: str) -> bool:
    """Whether what was typed confirms it: the desk's name, or that all of them are meant."""
    wanted = asked.names[0] if len(asked.names) == 1 else ALL_DESKS
    return typed.strip() == wanted


def command_of(word: Word, values: Mapping[str, Any]) -> Command:
    """The command that a filled-in dialogue means; who and from where is the commander's to say."""
    return Command(
        verb=word.verb,
        strategy=(values.get("strategy") or None) if word.scoped else None,
        instrument=(values.get("instrument") or None) if word.scoped else None,
        protective=word.protective and values.get("protective") == "yes",
        why=str(values.get("why") or ""),
    )


def answer_words(name: str, answer: Mapping[str, object]) -> str:
    """What a desk said, as one line: its words, then its figures."""
    facts = [f"{key.replace('_', ' ')} {_plain(value)}" for key, value in answer.items() if key not in _PLAIN]
    said = str(answer.get("text") or "done")
    return f"{name}: {said}" + (f" – {', '.join(facts)}" if facts else "")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
