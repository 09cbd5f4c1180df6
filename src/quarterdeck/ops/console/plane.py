"""What all pages of one console process share: desks, gate, commander, books, and what they have seen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from quarterdeck.audit.operators import OperatorCommand
from quarterdeck.config.ops import OpsConfig
from quarterdeck.ops.access import Gate
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.commands import Commander
from quarterdeck.ops.console.alarms import Alarms
from quarterdeck.ops.console.door import Words
from quarterdeck.ops.console.markup import Markup
from quarterdeck.ops.console.memory import Console
from quarterdeck.ops.console.records import AccessLine, access_lines, commands_of
from quarterdeck.ops.console.signing_in import head_links
from quarterdeck.ops.desks import Desks, SeenDesk
from quarterdeck.ops.health.checking import Health
from quarterdeck.ops.health.components import HealthReport
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store

__all__ = ["ConsolePlane"]

_ALARMS_EVERY_S: Final = 1.0
_HEALTH_EVERY_S: Final = 3.0
_RECORDS_EVERY_S: Final = 2.0
_RECORDS_REST: Final = 20.0  # how many times longer than it took one waits before a journal is read again
_WANTED_S: Final = 15.0

_Commands = tuple[list[OperatorCommand], str]


class ConsolePlane:
    """Made once; `run` keeps it up to date until it is cancelled, `close` gives everything back."""

    def __init__(self, config: OpsConfig) -> None:
        self.config = config
        self.desks = Desks.load(config.desk_places)
        self.store = Store(config.data)
        self.audit_file: Path = config.data / "access.jsonl"
        self.gate = Gate(self.store, config.access, config.ops.production, self.audit_file)
        self.commander = Commander(self.desks, self.gate, by="console")
        self.console = Console(self.desks, see)
        incidents = Incidents(self.store, self.desks, config.data / "incidents")
        self.alarms = Alarms(AlertBook(self.store), incidents, self.gate.approvals)
        self.health = Health(self.desks, config.thresholds, store=self.store, folder=config.data)
        self.health_reports: dict[str, HealthReport] = {}
        self.words = Words()
        self.head: Markup = head_links()
        self._wanted: dict[str, float] = {}
        self._records: dict[str, tuple[float, _Commands]] = {}
        self._access: list[AccessLine] = []

    async def run(self) -> None:
        """Everything that is read in the background."""
        await asyncio.gather(
            self.console.run(),
            _every(_ALARMS_EVERY_S, self._look_at_alarms),
            _every(_HEALTH_EVERY_S, self._look_at_health),
            _every(_RECORDS_EVERY_S, self._look_at_records),
        )

    def close(self) -> None:
        self.commander.close()
        self.health.close()
        self.console.close()
        self.desks.close()
        self.gate.close()
        self.store.close()

    def commands_of(self, desk: SeenDesk) -> _Commands:
        """The operators' log of a desk, as it was read last; asking for it has it read again."""
        self._wanted[f"records {desk.name}"] = time.monotonic()
        found = self._records.get(desk.name)
        return ([], "The journal is being read") if found is None else found[1]

    def access(self) -> list[AccessLine]:
        """The newest lines of the access log, as they were read last."""
        return self._access

    def health_of(self, desk: SeenDesk) -> HealthReport | None:
        """How a desk's components stood last; None until they were looked at. Asking has them looked at again."""
        self._wanted[f"health {desk.name}"] = time.monotonic()
        return self.health_reports.get(desk.name)

    async def _look_at_alarms(self) -> None:
        await asyncio.to_thread(self.alarms.turn)

    async def _look_at_health(self) -> None:
        for name in self.desks:
            if self._is_wanted(f"health {name}"):
                self.health_reports[name] = await self.health.check([name])

    async def _look_at_records(self) -> None:
        if any(self._is_wanted(f"records {name}") for name in self.desks):
            self._access = await asyncio.to_thread(access_lines, self.audit_file)
        for name, desk in self.desks.items():
            if self._is_wanted(f"records {name}") and time.monotonic() >= self._records.get(name, (0.0, None))[0]:
                begun = time.monotonic()
                found = await asyncio.to_thread(commands_of, desk)
                now = time.monotonic()
                self._records[name] = now + _RECORDS_REST * (now - begun), found

    def _is_wanted(self, what: str) -> bool:
        """Whether a page has asked for it just now."""
        return time.monotonic() - self._wanted.get(what, -_WANTED_S) < _WANTED_S


async def _every(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        await look()
        await asyncio.sleep(seconds)
