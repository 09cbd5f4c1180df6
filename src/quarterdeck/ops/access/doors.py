"""Sessions of the console, and what a token or a session that somebody offers stands for in the database."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, Table, bindparam, select, update

from quarterdeck.ops.access.refusal import Refusal
from quarterdeck.ops.access.roles import Role
from quarterdeck.ops.access.secret import SESSION, digest_of, is_session, new_secret
from quarterdeck.ops.access.tables import FAILURES, PEOPLE, SESSIONS, TOKENS, desks_of
from quarterdeck.ops.store import Store

__all__ = ["SESSION_HOURS", "SESSION_IDLE_MINUTES", "Door", "Doors"]

SESSION_HOURS: Final = 12
SESSION_IDLE_MINUTES: Final = 60
_HOUR_NS: Final = 3_600_000_000_000
_MINUTE_NS: Final = 60_000_000_000


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind an offered id. `rights` is (role, desks), never more than its person has; None: none left."""

    token_id: str
    digest: str
    person: str
    rights: tuple[Role, frozenset[str]] | None
    expires_ns: int
    used_ns: int
    ended: Refusal | None
    locked_until_ns: int


class Doors:
    """Finds tokens and sessions by their ids, opens and ends sessions."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock

    def find(self, token_id: str, place: str) -> Door | None:
        """Returns what has this id, by one question, and until when it is locked at `place`; None: nothing has."""
        asked = _SESSION if is_session(token_id) else _TOKEN
        with self._store.reading() as line:
            row = line.execute(asked, {"token_id": token_id, "place": place}).first()
        if row is None:
            return None
        return _session_door(row, self._clock()) if is_session(token_id) else _token_door(row, self._clock())

    def open_session(self, person: str, origin: str) -> tuple[str, str]:
        """Begins a session; returns (its secret, its id)."""
        secret, token_id = new_secret(SESSION)
        now_ns = self._clock()
        row: dict[str, object] = {
            "token_id": token_id,
            "digest": digest_of(secret),
            "person": person,
            "origin": origin,
            "created_ns": now_ns,
            "expires_ns": now_ns + SESSION_HOURS * _HOUR_NS,
            "used_ns": now_ns,
        }
        with self._store.writing() as line:
            old = SESSIONS.c.expires_ns < now_ns - SESSION_HOURS * _HOUR_NS
            line.execute(SESSIONS.delete().where(old))
            line.execute(SESSIONS.insert().values(row))
        return secret, token_id

    def end_session(self, token_id: str) -> None:
        with self._store.writing() as line:
            still = update(SESSIONS).where(SESSIONS.c.token_id == token_id, SESSIONS.c.ended_ns.is_(None))
            line.execute(still.values(ended_ns=self._clock()))

    def used(self, door: Door) -> None:
        """Notes, at most once a minute, that it was used: a session that nobody uses ends."""
        now_ns = self._clock()
        if now_ns - door.used_ns < _MINUTE_NS:
            return
        table = SESSIONS if is_session(door.token_id) else TOKENS
        with self._store.writing() as line:
            line.execute(update(table).where(table.c.token_id == door.token_id).values(used_ns=now_ns))


_PERSON: Final = (
    PEOPLE.c.role.label("person_role"),
    PEOPLE.c.desks.label("person_desks"),
    PEOPLE.c.removed_ns.label("person_removed_ns"),
    FAILURES.c.locked_until_ns,
)


def _question(table: Table) -> Select[Any]:
    whole = table.outerjoin(PEOPLE, PEOPLE.c.name == table.c.person)
    whole = whole.outerjoin(FAILURES, FAILURES.c.place == bindparam("place"))
    return select(table, *_PERSON).select_from(whole).where(table.c.token_id == bindparam("token_id"))


_TOKEN: Final = _question(TOKENS)
_SESSION: Final = _question(SESSIONS)


def _session_door(row: Row[Any], now_ns: int) -> Door:
    idle_ns = row.used_ns + SESSION_IDLE_MINUTES * _MINUTE_NS
    over = row.ended_ns is not None or min(row.expires_ns, idle_ns) <= now_ns
    gone = row.person_role is None or row.person_removed_ns is not None
    return Door(
        token_id=row.token_id,
        digest=row.digest,
        person=row.person,
        rights=None if gone else (Role(row.person_role), desks_of(row.person_desks)),
        expires_ns=row.expires_ns,
        used_ns=row.used_ns,
        ended=Refusal.SESSION_EXPIRED if over else None,
        locked_until_ns=row.locked_until_ns or 0,
    )


def _token_door(row: Row[Any], now_ns: int) -> Door:
    ended = Refusal.TOKEN_EXPIRED if row.expires_ns <= now_ns else None
    rights: tuple[Role, frozenset[str]] | None = Role(row.role), desks_of(row.desks)
    if row.person_role is not None and row.person_removed_ns is None:
        rights = _narrower(*rights, Role(row.person_role), desks_of(row.person_desks))
    return Door(
        token_id=row.token_id,
        digest=row.digest,
        person=row.person,
        rights=rights,
        expires_ns=row.expires_ns,
        used_ns=row.used_ns or 0,
        ended=ended if row.revoked_ns is None else Refusal.TOKEN_REVOKED,
        locked_until_ns=row.locked_until_ns or 0,
    )


def _narrower(
    role: Role, desks: frozenset[str], person_role: Role, person_desks: frozenset[str]
) -> tuple[Role, frozenset[str]] | None:
    """A token of a person gives never more than that person has; no desks means all, so none in common is None."""
    lower = min(role, person_role, key=lambda one: one.rank)
    if not desks or not person_desks:
        return lower, desks or person_desks
    shared = desks & person_desks
    return (lower, shared) if shared else None
