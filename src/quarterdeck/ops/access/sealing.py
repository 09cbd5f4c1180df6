"""Second factors: their secrets are encrypted by age in the database; the key is the environment's, or a file beside.

A code opens for one holder: whoever used it first. He may use it once for each command on each desk, so that a kill and
a flatten need not wait half a minute for each other; nobody else can use it, and no command can be repeated with it.
"""

import base64
import hmac
import os
from pathlib import Path
from typing import Any, Final, cast

import pyrage
from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import delete, select

from quarterdeck.config.secrets import identities, open_sealed
from quarterdeck.errors import OpsError
from quarterdeck.ops.access.refusal import Refusal
from quarterdeck.ops.access.tables import CODES, insert
from quarterdeck.ops.store import Store

__all__ = ["KEY_FILE", "STEP_S", "SecondFactors", "matching_step", "provisioning_uri"]

KEY_FILE: Final = "access.key"
STEP_S: Final = 30
_STEP_NS: Final = STEP_S * 1_000_000_000
_DIGITS: Final = 6
_SLACK_STEPS: Final = (-1, 0, 1)  # a clock may be half a minute off
_KEPT_STEPS: Final = 10
_ISSUER: Final = "Quarterdeck"
_AGE: Final = cast(Any, pyrage)  # it ships no types


class SecondFactors:
    """Makes, seals, opens and checks the secrets of second factors."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._file = store, folder / KEY_FILE

    @staticmethod
    def new_secret() -> str:
        """Returns 160 random bits in base32."""
        return random_base32()

    def seal(self, secret: str) -> str:
        """Encrypts a secret for the database. AuditError or OpsError: there is no key, and none can be made."""
        if not identities() and not self._file.exists():
            self._make_key()
        keys = self._keys()
        sealed: bytes = _AGE.encrypt(secret.encode(), [keys[0].to_public()])
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> str:
        """AuditError: none of the keys opens it."""
        return open_sealed(base64.b64decode(sealed), self._keys(), str(self._file)).decode()

    def claim(self, person: str, step: int, holder: str, use: str) -> Refusal | None:
        """Takes a code for one use, in one transaction; TOTP_USED where somebody else has it or this use was had."""
        first = {"person": person, "step": step, "use": "", "holder": holder}
        with self._store.writing() as line:
            line.execute(insert(line, CODES).values(first).on_conflict_do_nothing())
            here = (CODES.c.person == person) & (CODES.c.step == step)
            owner = line.execute(select(CODES.c.holder).where(here, CODES.c.use == "")).scalar()
            if owner != holder:
                return Refusal.TOTP_USED
            wanted = insert(line, CODES).values({**first, "use": use}).on_conflict_do_nothing()
            taken = line.execute(wanted.returning(CODES.c.use)).first()
            line.execute(delete(CODES).where(CODES.c.person == person, CODES.c.step < step - _KEPT_STEPS))
            return Refusal.TOTP_USED if taken is None else None

    def _keys(self) -> list[Any]:
        return [*identities(), *(identities(self._file) if self._file.exists() else [])]

    def _make_key(self) -> None:
        """Writes a new key; the first process that does so wins."""
        text = str(_AGE.x25519.Identity.generate())
        unfinished = self._file.with_name(f"{KEY_FILE}.{os.getpid()}.unfinished")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{text}\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(unfinished, self._file)
            except FileExistsError:
                return
            finally:
                unfinished.unlink()
        except OSError as error:
            raise OpsError(f"{self._file}: {error.strerror}: no second factor can be kept without a key") from error


def matching_step(secret: str, code: str, now_ns: int) -> int | None:
    """Returns the step of 30 s whose code this is, now or half a minute off; None: of none. All are compared."""
    plain = "".join(code.split())
    if len(plain) != _DIGITS or not plain.isascii() or not plain.isdecimal():
        return None
    factor, now_step = TOTP(secret), now_ns // _STEP_NS
    found = None
    for step in (now_step + slack for slack in _SLACK_STEPS):
        if hmac.compare_digest(factor.generate_otp(step), plain):
            found = step
    return found


def provisioning_uri(secret: str, person: str) -> str:
    """Returns the address that an authenticator reads. It holds the secret: show it once, to that person."""
    return TOTP(secret).provisioning_uri(name=person, issuer_name=_ISSUER)
