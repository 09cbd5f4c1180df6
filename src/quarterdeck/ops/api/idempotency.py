"""Idempotency-Key: the same key with the same request is done once, and answered alike as often as it is asked.

What is kept is what was done: an answer of 2xx. A request that was refused has done nothing and is tried anew.
"""

import hashlib
import re
import time
from typing import Final

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.tables import ANSWERS
from quarterdeck.ops.store import Store

__all__ = ["HEADER", "KEPT_S", "Answers", "Kept", "fingerprint"]

HEADER: Final = "Idempotency-Key"
KEPT_S: Final = 24 * 3600
_POSSIBLE: Final = re.compile(r"[\x21-\x7e]{1,255}")


class Kept(msgspec.Struct, frozen=True):
    """An answer as it was given."""

    status: int
    media_type: str
    body: bytes


def fingerprint(method: str, address: str, body: bytes) -> str:
    """Says that two requests are the same one. `address` is path and query, behind the port that they came in on."""
    return hashlib.sha256(b"\0".join((method.encode(), address.encode(), body))).hexdigest()


class Answers:
    """The store's table of answers. Times are this machine's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, caller: str, key: str, print_of: str) -> Kept | None:
        """Notes that a request begins; returns the answer that it was given before.

        Problem 400: no key can be so; 422: the key was used for another request; 409: it is under way, or was when
        the ops plane ended.
        """
        if not _POSSIBLE.fullmatch(key):
            detail = f"{HEADER}: 1 to 255 printable ASCII characters without blanks"
            raise Problem(400, Code.IDEMPOTENCY_KEY_INVALID, detail)
        now = time.time_ns()
        mine = (ANSWERS.c.caller == caller) & (ANSWERS.c.key == key)
        row = {"caller": caller, "key": key, "fingerprint": print_of, "made_ns": now}
        with self._store.writing() as line:
            line.execute(delete(ANSWERS).where(ANSWERS.c.made_ns < now - KEPT_S * 1_000_000_000))
            found = line.execute(select(ANSWERS).where(mine)).mappings().first()
            if found is None:
                try:
                    with line.begin_nested():
                        line.execute(insert(ANSWERS).values(row))
                except IntegrityError:  # another request with it came in between
                    found = line.execute(select(ANSWERS).where(mine)).mappings().one()
        if found is None:
            return None
        if found["fingerprint"] != print_of:
            detail = f"{HEADER} {key!r} was used for another request: take a new key for a new command"
            raise Problem(422, Code.IDEMPOTENCY_KEY_REUSED, detail)
        if found["status"] is None:
            detail = f"the request with {HEADER} {key!r} is under way, or never ended: look at the desk, take a new key"
            raise Problem(409, Code.IDEMPOTENCY_RUNNING, detail)
        return Kept(found["status"], found["media_type"], found["body"])

    def end(self, caller: str, key: str, kept: Kept) -> None:
        """Keeps what was answered."""
        with self._store.writing() as line:
            line.execute(
                update(ANSWERS)
                .where((ANSWERS.c.caller == caller) & (ANSWERS.c.key == key))
                .values(status=kept.status, media_type=kept.media_type, body=kept.body)
            )

    def forget(self, caller: str, key: str) -> None:
        """Nothing was done: the key is free again."""
        with self._store.writing() as line:
            line.execute(delete(ANSWERS).where((ANSWERS.c.caller == caller) & (ANSWERS.c.key == key)))
