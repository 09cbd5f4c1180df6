"""Where a session's loop meets its lease: looked at in every turn, given back in order, handed over on command."""

from dataclasses import replace
from typing import Any, Final

from quarterdeck.desk.leading import Leadership
from quarterdeck.desk.live import LiveSession
from quarterdeck.desk.session import Session
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, JournalError, LeaseLost

__all__ = ["Helm"]

_ROLE: Final = "leader"
_LONG_S: Final = 3_600.0


class Helm:
    """Steers one session, with a lease or without one."""

    def __init__(self, session: Session[Any], leadership: Leadership | None) -> None:
        self.session, self.leadership = session, leadership
        self.heir = ""  # who is handed the desk

    def opened(self) -> None:
        """The session is open: from now on nothing leaves it that the settings want elsewhere first."""
        if self.leadership is not None:
            self.session.desk.gate = self.leadership.settle

    def turn(self) -> None:
        """Before each turn of the loop. LeaseLost: the session is over."""
        if self.leadership is not None:
            self.leadership.pulse()
            self.session.guarded(self.leadership.check)

    def obey(self, command: Command) -> dict[str, object]:
        """As the session does; and what concerns the lease."""
        leadership = self.leadership
        if command.verb is Verb.HANDOVER:
            return self._hand_over(command)
        if leadership is not None:
            self.session.guarded(leadership.check)
        answer = self.session.obey(command)
        if leadership is not None and command.verb is Verb.STATUS:
            return {**answer, "role": _ROLE, "lease": leadership.status()}
        return answer

    @property
    def pause_s(self) -> float:
        """How long the loop may rest between two turns."""
        return _LONG_S if self.leadership is None else self.leadership.keeper.terms.renew_ns / 1e9

    def closed(self) -> None:
        """The session has ended in order: the lease is given back, to the heir where there is one."""
        if self.leadership is not None:
            settled, stopped = self._settled(), not self.heir
            self.leadership.end(self._sequence(), heir=self.heir, settled=settled, stopped=stopped)

    def failed(self, error: JournalError | LeaseLost) -> None:
        """The session has ended: by its lease, or by its journal, and then the lease is given back to whoever can."""
        if isinstance(error, LeaseLost):
            self.lost()
        elif self.leadership is not None:
            self.leadership.end(self._sequence())

    def lost(self) -> None:
        """The session has ended without a word: the lease lapses by itself."""
        if self.leadership is not None:
            self.leadership.end(None)

    def _hand_over(self, command: Command) -> dict[str, object]:
        if self.leadership is None:
            raise DeskError("this desk holds no lease: [standby] store says what it shares with a standby")
        heir = self.leadership.heir()
        if heir is None:
            raise DeskError(
                f"no standby of {self.session.config.desk.name} could lead now: look at `quarterdeck status` for why"
            )
        self.heir = heir
        session = self.session
        session.note_command(command)
        if isinstance(session, LiveSession):
            session.options = replace(session.options, keep_orders=True)  # they are the successor's
        session.stopping = True
        facts = {"person": command.person, "origin": command.origin, "why": command.why}
        session.logs.system("COMMAND_HANDOVER", heir=heir, **facts)
        return {"text": f"the desk goes to {heir}"}

    def _sequence(self) -> int:
        return self.session.recovered.writer.flushed_sequence

    def _settled(self) -> bool:
        """Whether no request is on its way any more: a successor need not wait for it then."""
        session = self.session
        if not isinstance(session, LiveSession):
            return True
        return not any(courier.unresolved or len(courier.post) for courier in session.couriers)
