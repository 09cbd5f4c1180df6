"""Sends the notices that stand in the store: each channel for itself, in order, with a way out where one fails.

A notice that a channel did not take goes to that channel's fallback at once; without one it is tried again a few times.
Either way the failure is an alert of its own, told through the others. What was sent is written down after it was sent:
a process that dies between the two tells that one notice again, and no other.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select, update

from quarterdeck.config.ops import ChannelSettings
from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.channels import SEND_TIMEOUT_S, Channel, ChannelError
from quarterdeck.ops.alerts.model import Finding, Notice, Severity
from quarterdeck.ops.alerts.tables import DELIVERIES, NOTICES
from quarterdeck.ops.store import Store

__all__ = ["RETRIES_S", "Dispatcher"]

RETRIES_S: Final = (2, 10, 60, 300)
"""How long after a failure a channel without a fallback is tried again; after the last it is given up."""
_BATCH: Final = 50
_BROKEN_NS: Final = 15_000_000_000  # for how long a channel that failed is not asked, where another takes over
_SECOND_NS: Final = 1_000_000_000


class Dispatcher:
    """Call `wake` when notices were written; `run` ends by cancellation. `report` takes what failed as findings."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        settings: Sequence[ChannelSettings],
        report: Callable[[Finding], None],
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._channels, self._report, self._wall = store, channels, report, wall
        self._fallbacks = {one.name: one.fallback for one in settings}
        self._failed_ns: dict[str, int] = {}
        self._bells = {name: asyncio.Event() for name in channels}

    def wake(self) -> None:
        """Lets every channel look for what it has to send."""
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> None:
        """Sends until it is cancelled; a notice that is on its way is not waited for, and is sent after a restart."""
        try:
            async with asyncio.TaskGroup() as group:
                for name in self._channels:
                    group.create_task(self._keep_sending(name))
        finally:
            await self.close()

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def send_due(self, name: str) -> int:
        """Sends what a channel has to send now; returns how many notices were tried."""
        due = await asyncio.to_thread(self._due, name)
        for delivery, attempts, notice in due:
            error = await self._try(name, notice)
            await asyncio.to_thread(self._note, name, delivery, attempts + 1, notice, error)
            self._remember(name, error)
        return len(due)

    async def _keep_sending(self, name: str) -> None:
        while True:
            self._bells[name].clear()
            try:
                while await self.send_due(name):
                    pass
            except OpsError as error:  # the store: what stands in it is sent when it can be read again
                self._report(_finding(name, f"channel {name}: {error}", clears=False))
            with contextlib.suppress(TimeoutError):  # what is to be tried again rings no bell
                async with asyncio.timeout(1.0):
                    await self._bells[name].wait()

    async def _try(self, name: str, notice: Notice) -> str:
        """Sends one; returns what went wrong, or nothing."""
        fallback = self._fallbacks.get(name)
        if fallback is not None and self._wall() - self._failed_ns.get(name, -_BROKEN_NS) < _BROKEN_NS:
            return f"channel {name}: it failed a moment ago"
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._channels[name].send(notice)
        except TimeoutError:
            return f"channel {name}: no answer within {SEND_TIMEOUT_S:g} s"
        except ChannelError as error:
            return str(error)
        return ""

    def _due(self, name: str) -> list[tuple[int, int, Notice]]:
        joined = DELIVERIES.join(NOTICES, NOTICES.c.id == DELIVERIES.c.notice)
        query = (
            select(DELIVERIES.c.id, DELIVERIES.c.attempts, NOTICES.c.id.label("notice"), NOTICES.c.body)
            .select_from(joined)
            .where(DELIVERIES.c.status == "PENDING", DELIVERIES.c.channel == name, DELIVERIES.c.due_ns <= self._wall())
            .order_by(DELIVERIES.c.id)
            .limit(_BATCH)
        )
        with self._store.reading() as line:
            rows = line.execute(query).all()
        return [
            (row.id, row.attempts, msgspec.structs.replace(msgspec.json.decode(row.body, type=Notice), id=row.notice))
            for row in rows
        ]

    def _note(self, name: str, delivery: int, attempts: int, notice: Notice, error: str) -> None:
        """Writes down what became of a delivery, and who takes over."""
        now = self._wall()
        fallback = self._fallbacks.get(name)
        values: dict[str, Any] = {"attempts": attempts, "error": error[:500]}
        if not error:
            values |= {"status": "SENT", "sent_ns": now}
        elif fallback is None and attempts <= len(RETRIES_S):
            values |= {"due_ns": now + RETRIES_S[attempts - 1] * _SECOND_NS}
        else:
            values |= {"status": "FAILED"}
        with self._store.writing() as line:
            line.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery).values(values))
            if error and fallback is not None:
                same = (DELIVERIES.c.notice == notice.id, DELIVERIES.c.channel == fallback)
                if line.execute(select(DELIVERIES.c.id).where(*same)).first() is None:
                    words = {"notice": notice.id, "channel": fallback, "status": "PENDING", "due_ns": now}
                    line.execute(insert(DELIVERIES).values(words))

    def _remember(self, name: str, error: str) -> None:
        """Tells that a channel began to fail, or works again, and rings for the one that takes over."""
        now, fallback = self._wall(), self._fallbacks.get(name)
        if error and now - self._failed_ns.get(name, -_BROKEN_NS) >= _BROKEN_NS:
            self._failed_ns[name] = now
            taken = f"; {fallback} takes over" if fallback is not None else ""
            self._report(_finding(name, error + taken, clears=False))
        elif not error and self._failed_ns.pop(name, None) is not None:
            self._report(_finding(name, f"channel {name} works again", clears=True))
        if error and fallback is not None and fallback in self._bells:
            self._bells[fallback].set()


def _finding(name: str, said: str, *, clears: bool) -> Finding:
    return Finding(rule="channel-failed", desk="", subject=name, severity=Severity.P2, summary=said, clears=clears)
