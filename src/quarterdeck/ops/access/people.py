"""People: who may sign in to the console, with which role, for which desks; their passwords and second factors."""

import functools
import secrets
import threading
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlalchemy import Connection, Row, select, update

from quarterdeck.errors import OpsError
from quarterdeck.ops.access.refusal import Refusal, Refused
from quarterdeck.ops.access.roles import Role
from quarterdeck.ops.access.sealing import SecondFactors, matching_step, provisioning_uri
from quarterdeck.ops.access.secret import check_name, plain
from quarterdeck.ops.access.tables import PEOPLE, SESSIONS, TOKENS, desks_of, desks_text, insert
from quarterdeck.ops.access.trail import Trail
from quarterdeck.ops.store import Store

__all__ = ["PASSWORD_MIN", "People", "Person", "nobodys_hash"]

PASSWORD_MIN: Final = 12
_PASSWORD_MAX: Final = 1024
_DISTINCT_MIN: Final = 5
_AT_ONCE: Final = 2  # an argon2 takes 64 MiB and a tenth of a second
_PATIENCE_S: Final = 5.0
_HASHER: Final = PasswordHasher()


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a person. `desks` empty: all of them."""

    name: str
    role: Role
    desks: tuple[str, ...]
    has_password: bool
    has_totp: bool
    created_ns: int


_All: TypeAlias = list[Person]  # the method `list` hides the type in there


class People:
    """The people of one ops plane. With a trail, what is done to them is recorded there."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        trail: Trail | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._trail, self._clock = store, trail, clock
        self._factors = SecondFactors(store, folder)
        self._hashing = threading.BoundedSemaphore(_AT_ONCE)

    def add(self, name: str, role: Role, desks: Collection[str] = (), *, by: str = "command line") -> Person:
        """Adds a person, or gives one another role and other desks; passwords and second factors stay."""
        check_name(name, "person")
        for desk in desks:
            check_name(desk, "desk")
        row = {
            "name": name,
            "role": Role(role).value,
            "desks": desks_text(frozenset(desks)),
            "created_ns": self._clock(),
            "removed_ns": None,
        }
        changed = {key: row[key] for key in ("role", "desks", "removed_ns")}
        with self._store.writing() as line:
            line.execute(insert(line, PEOPLE).values(row).on_conflict_do_update(index_elements=["name"], set_=changed))
        self._record("person_added", name, by, role=Role(role).value, desks=sorted(desks))
        return self.find(name)

    def set_password(self, name: str, password: str, *, by: str = "command line") -> None:
        """Sets a password and ends the person's sessions. OpsError: it is too plain, or nobody has that name."""
        self.find(name)
        self._check_password(name, password)
        with self._hashing:
            hashed = _HASHER.hash(_bytes(password))
        with self._store.writing() as line:
            line.execute(update(PEOPLE).where(PEOPLE.c.name == name).values(password=hashed))
            self._end_sessions(line, name)
        self._record("password_set", name, by)

    def set_totp(self, name: str, *, by: str = "command line") -> tuple[str, str]:
        """Gives a person a new second factor; returns (secret, address for an authenticator), both shown this once."""
        self.find(name)
        secret = self._factors.new_secret()
        sealed = self._factors.seal(secret)
        with self._store.writing() as line:
            line.execute(update(PEOPLE).where(PEOPLE.c.name == name).values(totp=sealed))
            self._end_sessions(line, name)
        self._record("totp_set", name, by)
        return secret, provisioning_uri(secret, name)

    def remove(self, name: str, *, by: str = "command line") -> None:
        """Ends a person: sessions and tokens too. The name stays in the records."""
        self.find(name)
        now_ns = self._clock()
        with self._store.writing() as line:
            gone = {"removed_ns": now_ns, "password": None, "totp": None}
            line.execute(update(PEOPLE).where(PEOPLE.c.name == name).values(gone))
            self._end_sessions(line, name)
            tokens = update(TOKENS).where(TOKENS.c.person == name, TOKENS.c.revoked_ns.is_(None))
            line.execute(tokens.values(revoked_ns=now_ns))
        self._record("person_removed", name, by)

    def find(self, name: str) -> Person:
        """OpsError: nobody has that name."""
        row = self._row(name)
        if row is None:
            raise OpsError("nobody has this name: `quarterdeck person list` shows who there is")
        return _person(row)

    def get(self, name: str) -> Person | None:
        row = self._row(name)
        return None if row is None else _person(row)

    def list(self) -> _All:
        """Returns everybody, by name."""
        with self._store.reading() as line:
            rows = line.execute(select(PEOPLE).where(PEOPLE.c.removed_ns.is_(None)).order_by(PEOPLE.c.name)).all()
        return [_person(row) for row in rows]

    def password_is(self, name: str, password: str) -> bool:
        """Whether it is that person's password; it takes as long for a name that nobody has. Refused: BUSY."""
        row = self._row(name)
        stored: str | None = None if row is None else row.password
        with self._turn():
            right = _verify(stored or nobodys_hash(), _bytes(password[:_PASSWORD_MAX])) and stored is not None
            again = right and _HASHER.check_needs_rehash(stored or "")
            hashed = _HASHER.hash(_bytes(password)) if again else None
        if hashed is not None:
            with self._store.writing() as line:
                same = update(PEOPLE).where(PEOPLE.c.name == name, PEOPLE.c.password == stored)
                line.execute(same.values(password=hashed))
        return right

    def code_fault(self, name: str, code: str, holder: str, use: str) -> Refusal | None:
        """Takes a code of the person's second factor for one use; returns why not, or None.

        A code is one holder's, once for each use: `sealing` says why.
        """
        row = self._row(name)
        sealed: str | None = None if row is None else row.totp
        if sealed is None:
            return Refusal.TOTP_NOT_SET_UP
        step = matching_step(self._factors.open(sealed), code, self._clock())
        if step is None:
            return Refusal.TOTP_WRONG
        return self._factors.claim(name, step, holder, use)

    def _row(self, name: str) -> Row[Any] | None:
        if not plain(name):
            return None
        there = select(PEOPLE).where(PEOPLE.c.name == name[:64], PEOPLE.c.removed_ns.is_(None))
        with self._store.reading() as line:
            return line.execute(there).first()

    @contextmanager
    def _turn(self) -> Generator[None]:
        if not self._hashing.acquire(timeout=_PATIENCE_S):
            raise Refused(Refusal.BUSY, retry_after_s=1)
        try:
            yield
        finally:
            self._hashing.release()

    def _end_sessions(self, line: Connection, name: str) -> None:
        ended = update(SESSIONS).where(SESSIONS.c.person == name, SESSIONS.c.ended_ns.is_(None))
        line.execute(ended.values(ended_ns=self._clock()))

    @staticmethod
    def _check_password(name: str, password: str) -> None:
        faults = (
            (len(password) < PASSWORD_MIN, f"it has fewer than {PASSWORD_MIN} characters"),
            (len(password) > _PASSWORD_MAX, f"it has more than {_PASSWORD_MAX} characters"),
            (len(set(password)) < _DISTINCT_MIN, f"it has fewer than {_DISTINCT_MIN} different characters"),
            (len(name) > 2 and name.casefold() in password.casefold(), "it has the person's name in it"),
        )
        fault = next((said for wrong, said in faults if wrong), None)
        if fault is not None:
            raise OpsError(f"this password is refused: {fault}")

    def _record(self, what: str, name: str, by: str, **more: object) -> None:
        if self._trail is not None:
            self._trail.write(what, self._clock(), {"person": name, **more, "by": by}, durable=True)


@functools.cache
def nobodys_hash() -> str:
    """A hash that no password has, so that a name which nobody has costs as much time."""
    return _HASHER.hash(secrets.token_hex())


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")  # half a character is a wrong password, no failure


def _verify(stored: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise OpsError(
            "a password in the database is no argon2 hash: set it again by `quarterdeck person password`"
        ) from error


def _person(row: Row[Any]) -> Person:
    return Person(
        name=row.name,
        role=Role(row.role),
        desks=tuple(sorted(desks_of(row.desks))),
        has_password=row.password is not None,
        has_totp=row.totp is not None,
        created_ns=row.created_ns,
    )
