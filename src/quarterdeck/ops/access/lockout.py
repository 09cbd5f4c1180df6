"""Wrong tries: counted by place, and locked out when there are too many; each further time for twice as long.

A place is who is tried from where. The counts are in the database, so that the API and the console share them and a
restart forgives nothing. While a place is locked, nothing is written.
"""

import ipaddress
import itertools
import math
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, case, delete, func, select, update

from quarterdeck.config.ops import AccessSettings
from quarterdeck.ops.access.secret import shown
from quarterdeck.ops.access.tables import FAILURES, insert
from quarterdeck.ops.store import Store

__all__ = ["Lockout", "origin_place", "wait_s"]

_SECOND_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _SECOND_NS
_DOUBLINGS_MAX: Final = 16
_PRUNE_EVERY: Final = 64
_PLACES_MAX: Final = 20_000


def origin_place(origin: str) -> str:
    """Where somebody comes from, as tries are counted: an IPv6 address by its /64, which one machine has whole."""
    try:
        address = ipaddress.ip_address(origin.strip("[]"))
    except ValueError:
        return shown(origin, 64)
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)).network_address)


def wait_s(until_ns: int, now_ns: int) -> int:
    """Whole seconds until then, at least one."""
    return max(1, math.ceil((until_ns - now_ns) / _SECOND_NS))


class Lockout:
    """Counts failures within `failures_window_s`; at `failures` of them a place is locked for `lockout_s`."""

    def __init__(self, store: Store, settings: AccessSettings) -> None:
        self._store, self._limit = store, settings.failures
        self._window_ns = int(settings.failures_window_s * _SECOND_NS)
        self._lock_ns = int(settings.lockout_s * _SECOND_NS)
        self._calls = itertools.count(1)

    def locked_until(self, places: Sequence[str], now_ns: int) -> int:
        """Returns until when any of the places is locked; 0: none is."""
        until = FAILURES.c.locked_until_ns
        with self._store.reading() as line:
            found = line.execute(select(func.max(until)).where(FAILURES.c.place.in_(places), until > now_ns)).scalar()
        return int(found or 0)

    def count(self, places: Sequence[str], now_ns: int) -> None:
        """Counts one failure at each place, and locks those that have had too many."""
        old = FAILURES.c.started_ns <= now_ns - self._window_ns
        with self._store.writing() as line:
            for place in places:
                row = {"place": place, "started_ns": now_ns, "count": 1, "locked_until_ns": 0, "strikes": 0}
                changed = {
                    "count": case((old, 1), else_=FAILURES.c.count + 1),
                    "started_ns": case((old, now_ns), else_=FAILURES.c.started_ns),
                    "strikes": case((FAILURES.c.started_ns <= now_ns - _DAY_NS, 0), else_=FAILURES.c.strikes),
                }
                line.execute(
                    insert(line, FAILURES).values(row).on_conflict_do_update(index_elements=["place"], set_=changed)
                )
                found = line.execute(select(FAILURES.c.count, FAILURES.c.strikes).where(FAILURES.c.place == place))
                count, strikes = found.one()
                if count >= self._limit:
                    locked_ns = min(self._lock_ns << min(strikes, _DOUBLINGS_MAX), max(_DAY_NS, self._lock_ns))
                    locked = {"count": 0, "locked_until_ns": now_ns + locked_ns, "strikes": strikes + 1}
                    line.execute(update(FAILURES).where(FAILURES.c.place == place).values(locked))
            if next(self._calls) % _PRUNE_EVERY == 0:
                _prune(line, now_ns)

    def forgive(self, places: Sequence[str]) -> None:
        """Forgets the failures at some places, after a success."""
        with self._store.reading() as line:
            known = line.execute(select(FAILURES.c.place).where(FAILURES.c.place.in_(places))).first()
        if known is not None:
            with self._store.writing() as line:
                line.execute(delete(FAILURES).where(FAILURES.c.place.in_(places)))


def _prune(line: Connection, now_ns: int) -> None:
    """Forgets places where nothing happened for a day; and of too many, those that are not locked."""
    past = now_ns - _DAY_NS
    line.execute(delete(FAILURES).where(FAILURES.c.started_ns < past, FAILURES.c.locked_until_ns < past))
    if (line.execute(select(func.count()).select_from(FAILURES)).scalar() or 0) > _PLACES_MAX:
        line.execute(delete(FAILURES).where(FAILURES.c.locked_until_ns < now_ns))
