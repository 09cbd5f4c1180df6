"""Tokens: made, shown once, rotated with an overlap, revoked, and warned of before they expire."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Row, select, update

from quarterdeck.config.ops import AccessSettings
from quarterdeck.errors import ConfigError, OpsError
from quarterdeck.ops.access.roles import Role
from quarterdeck.ops.access.secret import TOKEN, check_name, digest_of, id_of, new_secret, plain, weakness
from quarterdeck.ops.access.tables import TOKENS, desks_of, desks_text
from quarterdeck.ops.access.trail import Trail
from quarterdeck.ops.store import Store

__all__ = [
    "OPS_TOKEN_FILE",
    "OPS_TOKEN_FILE_VARIABLE",
    "OPS_TOKEN_VARIABLE",
    "Token",
    "Tokens",
    "configured_token",
    "write_token_file",
]

OPS_TOKEN_FILE: Final = ".ops_token"
OPS_TOKEN_VARIABLE: Final = "OPS_API_TOKEN"
OPS_TOKEN_FILE_VARIABLE: Final = "OPS_API_TOKEN_FILE"
_DAY_NS: Final = 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000
_DAYS_MAX: Final = 3650
_FILE_BYTES_MAX: Final = 4096
_SERVICE: Final = "ops-api"  # whom a token belongs to that was not made by us


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a token. Times are UTC nanoseconds; `desks` empty: all of them."""

    token_id: str
    person: str
    role: Role
    desks: tuple[str, ...]
    created_ns: int
    expires_ns: int
    used_ns: int | None
    revoked_ns: int | None
    replaced_by: str | None

    def state(self, now_ns: int) -> str:
        """active, replaced (still taken, for the overlap), expired or revoked."""
        if self.revoked_ns is not None:
            return "revoked"
        if self.expires_ns <= now_ns:
            return "expired"
        return "replaced" if self.replaced_by is not None else "active"


_All: TypeAlias = list[Token]  # the method `list` hides the type in there


class Tokens:
    """The tokens of one ops plane. With a trail, what is done to them is recorded there."""

    def __init__(
        self,
        store: Store,
        settings: AccessSettings | None = None,
        trail: Trail | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._trail, self._clock = store, trail, clock
        self._settings = settings or AccessSettings()

    def new(
        self,
        person: str,
        role: Role,
        desks: Collection[str] = (),
        days: float | None = None,
        *,
        by: str = "command line",
    ) -> tuple[str, Token]:
        """Makes a token; returns (the secret, which is shown this once, and what may be known of it).

        OpsError: a name that cannot be one, or days that are not 0 to 3650 (None: what the settings say).
        """
        secret, _ = new_secret(TOKEN)
        return secret, self._add(secret, person, Role(role), frozenset(desks), days, by)

    def rotate(self, token_id: str, days: float | None = None, *, by: str = "command line") -> tuple[str, Token]:
        """Makes the successor of a token, for the same person, role and desks; the old one is taken for the overlap.

        OpsError: there is no such token, or it is revoked, expired or replaced already.
        """
        now_ns = self._clock()
        old = self.find(token_id)
        if old.state(now_ns) != "active":
            raise OpsError(f"token {token_id} is {old.state(now_ns)}: only an active one is rotated; make a new one")
        secret, new = self.new(old.person, old.role, old.desks, days, by=by)
        until_ns = min(old.expires_ns, now_ns + self._settings.overlap_hours * _HOUR_NS)
        replaced = {"replaced_by": new.token_id, "expires_ns": until_ns}
        with self._store.writing() as line:
            line.execute(
                update(TOKENS).where(TOKENS.c.token_id == token_id, TOKENS.c.replaced_by.is_(None)).values(replaced)
            )
        self._record("token_rotated", old, by)
        return secret, new

    def revoke(self, token_id: str, *, by: str = "command line") -> Token:
        """Ends a token at once. OpsError: there is no such token."""
        found = self.find(token_id)
        if found.revoked_ns is None:
            with self._store.writing() as line:
                ended = update(TOKENS).where(TOKENS.c.token_id == token_id, TOKENS.c.revoked_ns.is_(None))
                line.execute(ended.values(revoked_ns=self._clock()))
            self._record("token_revoked", found, by)
        return self.find(token_id)

    def find(self, token_id: str) -> Token:
        """OpsError: there is no such token."""
        row = None
        if plain(token_id):
            with self._store.reading() as line:
                row = line.execute(select(TOKENS).where(TOKENS.c.token_id == token_id)).first()
        if row is None:
            raise OpsError("there is no token with this id: `quarterdeck token list` shows those there are")
        return _token(row)

    def list(self) -> _All:
        """Returns all tokens, the newest last."""
        with self._store.reading() as line:
            rows = line.execute(select(TOKENS).order_by(TOKENS.c.created_ns, TOKENS.c.token_id)).all()
        return [_token(row) for row in rows]

    def expiring(self, days: float | None = None) -> _All:
        """Returns the tokens in force that expire within so many days (None: what the settings say), soonest first.

        One that was rotated is left out: it has a successor.
        """
        now_ns = self._clock()
        within = self._settings.warn_days if days is None else days
        until_ns = now_ns + int(within * _DAY_NS)
        soon = [one for one in self.list() if one.state(now_ns) == "active" and one.expires_ns <= until_ns]
        return sorted(soon, key=lambda one: one.expires_ns)

    def adopt(self, secret: str, role: Role = Role.RISK, *, by: str = "configuration") -> Token:
        """Takes up a token that the configuration gives: one of ours must be in force; another must be strong.

        OpsError: a default, or one that is too weak, unknown, expired or revoked.
        """
        token_id, now_ns = id_of(secret), self._clock()
        with self._store.reading() as line:
            row = line.execute(select(TOKENS).where(TOKENS.c.token_id == token_id)).first()
        if row is not None:
            known = _token(row)
            if known.state(now_ns) in {"revoked", "expired"}:
                raise OpsError(f"the configured token {token_id} is {known.state(now_ns)}: write a new one there")
            return known
        if token_id.startswith(TOKEN):
            raise OpsError(f"the configured token {token_id} is none of this plane: `quarterdeck token new` makes one")
        fault = weakness(secret)
        if fault is not None:
            raise OpsError(f"the configured token is refused: {fault}; `quarterdeck token new --file .ops_token`")
        return self._add(secret, _SERVICE, role, frozenset(), None, by)

    def _add(self, secret: str, person: str, role: Role, desks: frozenset[str], days: float | None, by: str) -> Token:
        lasting = self._settings.token_days if days is None else days
        if not 0 < lasting <= _DAYS_MAX:
            raise OpsError(f"a token lasts more than 0 and at most {_DAYS_MAX} days")
        check_name(person, "person")
        for desk in desks:
            check_name(desk, "desk")
        now_ns = self._clock()
        row: dict[str, object] = {
            "token_id": id_of(secret),
            "digest": digest_of(secret),
            "person": person,
            "role": role.value,
            "desks": desks_text(desks),
            "created_ns": now_ns,
            "expires_ns": now_ns + int(lasting * _DAY_NS),
        }
        with self._store.writing() as line:
            line.execute(TOKENS.insert().values(row))
        made = self.find(id_of(secret))
        self._record("token_made", made, by)
        return made

    def _record(self, what: str, token: Token, by: str) -> None:
        if self._trail is not None:
            fields: dict[str, object] = {
                "token": token.token_id,
                "person": token.person,
                "role": token.role.value,
                "desks": list(token.desks),
                "by": by,
            }
            self._trail.write(what, self._clock(), fields, durable=True)


def configured_token(folder: Path, environment: Mapping[str, str] | None = None) -> str | None:
    """Returns the token of OPS_API_TOKEN, of the file that OPS_API_TOKEN_FILE names, or of .ops_token; None: none is.

    OpsError: it is empty, a default, or in a file that cannot be read or that others may read.
    """
    given = os.environ if environment is None else environment
    if OPS_TOKEN_VARIABLE in given:
        return _strong(given[OPS_TOKEN_VARIABLE], OPS_TOKEN_VARIABLE)
    named = given.get(OPS_TOKEN_FILE_VARIABLE)
    if named is not None:
        return _strong(_file_text(Path(named), OPS_TOKEN_FILE_VARIABLE), OPS_TOKEN_FILE_VARIABLE)
    path = folder / OPS_TOKEN_FILE
    return _strong(_file_text(path, str(path)), str(path)) if path.exists() else None


def write_token_file(path: Path, secret: str) -> None:
    """Writes a token where only its owner reads it, whole or not at all. OpsError: it cannot be written."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise OpsError(f"{path}: {error.strerror}: the token was not written") from error


def _strong(secret: str, place: str) -> str:
    fault = weakness(secret)
    if fault is not None:
        allowed = f"a token of `quarterdeck token new --file {OPS_TOKEN_FILE}`, or 32 random characters: {fault}"
        raise ConfigError(place, "token", "(not shown)", allowed)
    return secret.strip()


def _file_text(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise OpsError(f"{place}: others may read {path}: chmod 600 it, and rotate its token")
            return file.read(_FILE_BYTES_MAX).decode(errors="replace")
    except OSError as error:
        raise OpsError(f"{place}: {path}: {error.strerror}") from error


def _token(row: Row[Any]) -> Token:
    return Token(
        token_id=row.token_id,
        person=row.person,
        role=Role(row.role),
        desks=tuple(sorted(desks_of(row.desks))),
        created_ns=row.created_ns,
        expires_ns=row.expires_ns,
        used_ns=row.used_ns,
        revoked_ns=row.revoked_ns,
        replaced_by=row.replaced_by,
    )
