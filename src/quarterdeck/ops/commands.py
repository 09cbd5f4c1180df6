"""The one way in which anything of the ops plane tells desks something: permitted first, then told to all at once.

    outcomes = await commander.send(identity, Action.KILL, ("xrpliquid",), Command(verb=Verb.KILL, why="..."))

Each outcome is the desk's own acknowledgement, or the error in its place. Commands have threads of their own, so that
nothing else that the ops plane waits for stands in front of a kill.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from quarterdeck.desk.wire import Answer, Command, Verb, ask
from quarterdeck.errors import DeskError
from quarterdeck.ops.access import Action, Gate, Identity
from quarterdeck.ops.desks import SeenDesk

__all__ = ["SIGNED", "Commander", "Outcome", "approval_words"]

Outcome: TypeAlias = Answer | DeskError
SIGNED: Final = frozenset((Verb.RESUME, Verb.UNLOCK, Verb.ACKNOWLEDGE, Verb.THROTTLE_RESET, Verb.CONFIGURE, Verb.ADOPT))
_THREADS_MOST: Final = 64
_UNSAID: Final = ("person", "origin", "why")  # what a second person's approval does not depend on


def approval_words(command: Command) -> str:
    """What a second person approves: the command itself, in one line, as it must then be given."""
    plain = {name: _as_said(value) for name, value in command.settings.items()}
    said = {
        field: value
        for field, value in msgspec.structs.asdict(msgspec.structs.replace(command, settings=plain)).items()
        if field not in _UNSAID and value not in (None, "", False, {})
    }
    return msgspec.json.encode(said, order="sorted").decode()


def _as_said(value: object) -> object:
    """A number in one way of writing it: who asks for -500 and who then says "-500.0" mean the same."""
    if isinstance(value, bool):
        return value
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return value
    return f"{number.normalize():f}" if number.is_finite() else value


class Commander:
    """Sends commands in the name of who gives them. Whoever only makes a desk safer is let through by every desk: where
    its [operators] do not have that name, the command goes unsigned, and the name stands in its origin."""

    def __init__(self, desks: Mapping[str, SeenDesk], gate: Gate, *, by: str = "api") -> None:
        self._desks, self._gate, self._by = desks, gate, by
        self._threads = ThreadPoolExecutor(min(_THREADS_MOST, 4 + 2 * len(desks)), thread_name_prefix="command")

    async def send(
        self,
        identity: Identity,
        action: Action,
        names: Sequence[str],
        command: Command,
        *,
        totp: str | None = None,
        approval: str | None = None,
        timeout_s: float = 10.0,
    ) -> dict[str, Outcome]:
        """Returns what each desk answered. Refused: this one may not, and nothing was sent to any of them."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._permit, identity, action, names, command, totp, approval)
        told = [
            loop.run_in_executor(self._threads, self._tell, self._desks[name], identity, command, timeout_s)
            for name in names
        ]
        return dict(zip(names, await asyncio.gather(*told), strict=True))

    def close(self) -> None:
        """Waits for the commands that are under way."""
        self._threads.shutdown()

    def _permit(
        self,
        identity: Identity,
        action: Action,
        names: Sequence[str],
        command: Command,
        totp: str | None,
        approval: str | None,
    ) -> None:
        self._gate.permit(identity, action, tuple(names), totp, approval, approval_words(command))

    def _tell(self, desk: SeenDesk, identity: Identity, command: Command, timeout_s: float) -> Outcome:
        person, origin = identity.person, f"{identity.person} by {self._by} from {identity.origin}"
        known = person in desk.config.operators.people
        signed = person if known or command.verb in SIGNED else None
        words = msgspec.structs.replace(command, person=signed, origin=origin)
        try:
            return ask(desk.place.socket, desk.name, words, timeout_s)
        except DeskError as error:
            return error
