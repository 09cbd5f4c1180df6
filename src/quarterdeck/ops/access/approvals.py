"""Four eyes: what one person asks for and another approves, once, within some minutes."""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select, update

from quarterdeck.config.ops import AccessSettings
from quarterdeck.errors import OpsError
from quarterdeck.ops.access.identity import Identity
from quarterdeck.ops.access.refusal import Refusal, Refused
from quarterdeck.ops.access.roles import ACTIONS, Action
from quarterdeck.ops.access.secret import plain, shown
from quarterdeck.ops.access.tables import APPROVALS, desks_of, desks_text
from quarterdeck.ops.store import Store

__all__ = ["Approval", "Approvals"]

_MINUTE_NS: Final = 60_000_000_000
_WORDS_MAX: Final = 2000


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a second person. `words` says exactly what is asked for; no desks: the whole plane."""

    approval_id: str
    action: Action
    desks: tuple[str, ...]
    words: str
    person: str
    created_ns: int
    expires_ns: int
    approver: str | None
    approved_ns: int | None
    used_ns: int | None

    def state(self, now_ns: int) -> str:
        """used, expired, approved or pending."""
        if self.used_ns is not None:
            return "used"
        if self.expires_ns <= now_ns:
            return "expired"
        return "pending" if self.approver is None else "approved"


class Approvals:
    """The approvals of one ops plane. The gate records what it permits; here only who, what and when is kept."""

    def __init__(
        self,
        store: Store,
        settings: AccessSettings | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._clock = store, clock
        self._lasting_ns = int((settings or AccessSettings()).approval_minutes * _MINUTE_NS)

    def request(self, identity: Identity, action: Action, desk: str | Sequence[str] | None, words: str) -> str:
        """Asks for a second person; returns the approval's id. OpsError: words that are empty or over 2,000 letters."""
        if not words.strip() or len(words) > _WORDS_MAX:
            raise OpsError(f"say in 1 to {_WORDS_MAX} letters what is to be approved")
        now_ns = self._clock()
        row: dict[str, object] = {
            "approval_id": f"apv_{secrets.token_hex(8)}",
            "action": Action(action).value,
            "desks": desks_text(_desks(desk)),
            "words": shown(words, _WORDS_MAX),
            "person": identity.person,
            "created_ns": now_ns,
            "expires_ns": now_ns + self._lasting_ns,
        }
        with self._store.writing() as line:
            line.execute(APPROVALS.insert().values(row))
        return str(row["approval_id"])

    def approve(self, identity: Identity, approval_id: str) -> Approval:
        """Approves as a second person with the role that it needs. Refused: not this person, not any more."""
        found = self.find(approval_id)
        needed = max(ACTIONS[found.action].role, ACTIONS[Action.APPROVE].role, key=lambda role: role.rank)
        if identity.person == found.person:
            raise Refused(Refusal.APPROVAL_OWN)
        if not identity.role.covers(needed):
            raise Refused(Refusal.ROLE_TOO_LOW, f"{found.action.value} is approved by {needed.value}")
        if identity.desks and not (found.desks and identity.desks.issuperset(found.desks)):
            raise Refused(Refusal.DESK_NOT_YOURS)
        now_ns = self._clock()
        open_still = (
            APPROVALS.c.approval_id == approval_id,
            APPROVALS.c.approver.is_(None),
            APPROVALS.c.expires_ns > now_ns,
        )
        with self._store.writing() as line:
            said = {"approver": identity.person, "approved_ns": now_ns}
            changed = line.execute(update(APPROVALS).where(*open_still).values(said)).rowcount
        if changed != 1:
            now = self.find(approval_id)
            raise Refused(Refusal.APPROVAL_EXPIRED if now.state(now_ns) == "expired" else Refusal.APPROVAL_USED)
        return self.find(approval_id)

    def check(
        self,
        approval_id: str,
        identity: Identity,
        action: Action,
        desk: str | Sequence[str] | None,
        words: str | None = None,
    ) -> Approval:
        """Returns an approval that is good for this, and leaves it so. Refused: it is not."""
        found = self.find(approval_id)
        same = found.action == action and frozenset(found.desks) == _desks(desk) and found.person == identity.person
        if not same or (words is not None and shown(words, _WORDS_MAX) != found.words):
            raise Refused(Refusal.APPROVAL_OTHER)
        fault = {
            "pending": Refusal.APPROVAL_PENDING,
            "expired": Refusal.APPROVAL_EXPIRED,
            "used": Refusal.APPROVAL_USED,
        }.get(found.state(self._clock()))
        if fault is not None:
            raise Refused(fault)
        return found

    def use(self, approval_id: str) -> Approval:
        """Uses an approved one up: whoever comes second is refused."""
        now_ns = self._clock()
        good = (
            APPROVALS.c.approval_id == approval_id,
            APPROVALS.c.approver.is_not(None),
            APPROVALS.c.used_ns.is_(None),
            APPROVALS.c.expires_ns > now_ns,
        )
        with self._store.writing() as line:
            changed = line.execute(update(APPROVALS).where(*good).values(used_ns=now_ns)).rowcount
        found = self.find(approval_id)
        if changed == 1:
            return found
        raise Refused(
            {
                "pending": Refusal.APPROVAL_PENDING,
                "expired": Refusal.APPROVAL_EXPIRED,
            }.get(found.state(now_ns), Refusal.APPROVAL_USED)
        )

    def find(self, approval_id: str) -> Approval:
        """Refused: there is none with this id."""
        if not plain(approval_id):
            raise Refused(Refusal.APPROVAL_UNKNOWN)
        with self._store.reading() as line:
            row = line.execute(select(APPROVALS).where(APPROVALS.c.approval_id == approval_id[:32])).first()
        if row is None:
            raise Refused(Refusal.APPROVAL_UNKNOWN)
        return _approval(row)

    def waiting(self) -> list[Approval]:
        """Returns those that a second person may still approve, the oldest first."""
        asked = select(APPROVALS).where(APPROVALS.c.approver.is_(None), APPROVALS.c.expires_ns > self._clock())
        with self._store.reading() as line:
            return [_approval(row) for row in line.execute(asked.order_by(APPROVALS.c.created_ns)).all()]


def _desks(desk: str | Sequence[str] | None) -> frozenset[str]:
    return frozenset() if not desk else frozenset((desk,) if isinstance(desk, str) else desk)


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        approval_id=row.approval_id,
        action=Action(row.action),
        desks=tuple(sorted(desks_of(row.desks))),
        words=row.words,
        person=row.person,
        created_ns=row.created_ns,
        expires_ns=row.expires_ns,
        approver=row.approver,
        approved_ns=row.approved_ns,
        used_ns=row.used_ns,
    )
