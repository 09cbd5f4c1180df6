"""From where a session begins: its own journal, a lease on it, or a leader that it has followed.

seat = Seat(config, place, say, follow=...)
session = PaperSession(config, place, SessionOptions(recover=seat.recover))   # compiles: before any lease is taken
if seat.take(): run_session(session, leadership=seat.leadership)
"""

import time
from collections.abc import Callable
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.desk.leading import Leadership, begin_to_lead
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, Warm, recover
from quarterdeck.desk.standby import Standby, run_standby
from quarterdeck.errors import JournalLocked
from quarterdeck.journal import Disk

__all__ = ["Seat"]

_AGAIN_S: Final = 0.02


class Seat:
    """One session's, and its Lease as soon as it is taken.

    `follow`: it is a standby first. `leased` False: the session is nobody else's business.
    """

    def __init__(
        self,
        config: DeskConfig,
        place: DeskPlace,
        say: Callable[[str], None],
        *,
        follow: bool = False,
        leased: bool = True,
    ) -> None:
        self.leadership: Leadership | None = None
        self._config, self._place, self._say = config, place, say
        self._standby = Standby(config, place, say=say) if follow else None
        self._leased = leased and config.standby.store != "none"
        self._warm: Warm | None = None

    @property
    def epoch(self) -> int:
        """The lease's; 0 without one."""
        return 0 if self.leadership is None else self.leadership.epoch

    def held(self) -> bool:
        """Whether a request may be sent now: without a lease always."""
        return self.leadership is None or self.leadership.held()

    def take(self, seconds: float | None = None) -> bool:
        """Returns True when the session may begin; False when a standby was told to end, or has followed for `seconds`.

        DeskError, StoreUnreachable: another process leads, or there is no lease to be had. JournalError, ReplayError.
        """
        if self._standby is not None:
            taken = run_standby(self._standby, seconds=seconds)
            if taken is None:
                return False
            self.leadership, self._warm = taken
        elif self._leased:
            self.leadership = begin_to_lead(self._config, self._place, self._say)
        return True

    def recover(self, config: DeskConfig, place: DeskPlace, disk: Disk) -> Recovered:
        """What a session's options ask for."""
        leadership = self.leadership
        if leadership is None:
            return recover(config, place, disk=disk)
        told = False
        while True:
            try:
                return leadership.recover(config, place, disk, self._warm)
            except JournalLocked as error:
                if leadership.keeper.lost:
                    leadership.check()
                if not told:
                    self._say(f"waiting for the process that led before to end ({error})")
                    told = True
                time.sleep(_AGAIN_S)
