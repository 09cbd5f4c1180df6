"""The one gate of the ops plane: who somebody is, and whether he may. It permits nothing that it cannot record."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from quarterdeck.config.ops import AccessSettings
from quarterdeck.ops.access.approvals import Approval, Approvals
from quarterdeck.ops.access.doors import Doors
from quarterdeck.ops.access.identity import Identity
from quarterdeck.ops.access.lockout import Lockout, origin_place, wait_s
from quarterdeck.ops.access.people import People
from quarterdeck.ops.access.recording import Recorder
from quarterdeck.ops.access.refusal import Refusal, Refused
from quarterdeck.ops.access.roles import ACTIONS, Action
from quarterdeck.ops.access.secret import OFFERED_MAX, digest_of, id_of, same_digest, shown
from quarterdeck.ops.access.tokens import Token, Tokens, configured_token
from quarterdeck.ops.access.trail import Trail
from quarterdeck.ops.store import Store

__all__ = ["Gate"]

_NO_DIGEST = "0" * 64


class Gate:
    """Every method may be called from any thread; all raise Refused (an OpsError with `status` and `code`).

    Wrong tokens are counted by origin and by token. A token whose own tries were wrong is locked out for that origin,
    even the right one. Many different wrong tokens lock an origin for wrong ones only: 256 random bits are not guessed,
    and a program with an old token must not take the kill switch from a person at the same address. Passwords and
    codes can be guessed: they are locked by person and by origin, the right ones too.
    """

    def __init__(
        self,
        store: Store,
        settings: AccessSettings,
        production: bool,
        audit_file: Path,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings, self.production, self._clock = settings, production, clock
        self.trail = Trail(audit_file, store)
        self._recorder = Recorder(self.trail, clock)
        self._lockout, self._doors = Lockout(store, settings), Doors(store, clock)
        self.people = People(store, audit_file.parent, self.trail, clock)
        self.tokens = Tokens(store, settings, self.trail, clock)
        self.approvals = Approvals(store, settings, clock)

    def adopt_configured(self, folder: Path) -> Token | None:
        """Takes up the token of OPS_API_TOKEN, OPS_API_TOKEN_FILE or .ops_token in `folder`, once, at the start.

        ConfigError or OpsError: it is empty, a default, too weak, unknown, expired or revoked.
        """
        secret = configured_token(folder)
        return None if secret is None else self.tokens.adopt(secret)

    def identify(self, secret: str | None, origin: str) -> Identity:
        """Returns who offers this token or session, from that address. Refused: 401, or 429 after too many tries."""
        if not secret:
            self._refuse(Refused(Refusal.TOKEN_MISSING), origin)
        known = len(secret) <= OFFERED_MAX and secret.isascii()
        token_id = id_of(secret) if known else ""
        place, now_ns = origin_place(origin), self._clock()
        own = f"token {token_id} {place}"
        door = self._doors.find(token_id, own) if known else None
        if door is not None and door.locked_until_ns > now_ns:
            self._refuse(Refused(Refusal.LOCKED_OUT, retry_after_s=wait_s(door.locked_until_ns, now_ns)), origin)
        right = same_digest(digest_of(secret) if known else _NO_DIGEST, _NO_DIGEST if door is None else door.digest)
        if door is None or not right:
            self._wrong_token((f"origin {place}",) if door is None else (f"origin {place}", own), now_ns, origin)
        if door.ended is not None or door.rights is None:
            self._refuse(Refused(door.ended or Refusal.TOKEN_REVOKED), origin, token=door.token_id)
        self._doors.used(door)
        return Identity(door.person, *door.rights, door.token_id, shown(origin), door.expires_ns)

    def sign_in(self, person: str, password: str, totp: str | None, origin: str) -> str:
        """Returns the secret of a new session. Refused: SIGN_IN_WRONG does not say what was wrong.

        TOTP_MISSING: name and password are right, and the person has a second factor.
        """
        found = self.people.get(person)
        places = (f"sign-in {origin_place(origin)}", f"person {_bucket(person) if found is None else person}")
        now_ns = self._clock()
        self._check_lock(places, now_ns, origin)
        if not self._password_is(person, password, origin) or found is None:
            self._wrong_sign_in(places, now_ns, origin)
        if found.has_totp and not totp:
            self._refuse(Refused(Refusal.TOTP_MISSING), origin, name=found.name)
        secret, token_id = self._doors.open_session(found.name, shown(origin))
        if found.has_totp:
            fault = self.people.code_fault(found.name, totp or "", token_id, "sign_in")
            if fault is not None:
                self._doors.end_session(token_id)
                if fault is Refusal.TOTP_WRONG:
                    self._wrong_sign_in(places, now_ns, origin)
                self._refuse(Refused(fault), origin, name=found.name)
        self._lockout.forgive(places)
        self._recorder.permitted("signed_in", None, name=found.name, token=token_id, origin=origin)
        return secret

    def sign_out(self, secret: str, origin: str) -> None:
        """Ends a session. Refused: it is none, or has ended."""
        identity = self.identify(secret, origin)
        self._doors.end_session(identity.token_id)
        self._recorder.permitted("signed_out", identity)

    def permit(
        self,
        identity: Identity,
        action: Action,
        desk: str | Sequence[str] | None = None,
        totp: str | None = None,
        approval: str | None = None,
        words: str | None = None,
    ) -> None:
        """Returns when he may, and that is recorded. `desk`: one, several at once, or None: the whole plane.

        `words`, where given, are those that the approval must have been asked for with. Refused: 403, or 429.
        """
        desks = _desks(desk)
        what = {"action": action.value, "desk": ",".join(desks)}
        try:
            self._check_rights(identity, action, desks)
            if action.value in self._settings.four_eyes:
                if approval is None:
                    raise Refused(Refusal.APPROVAL_NEEDED)
                self.approvals.check(approval, identity, action, desks, words)
            if self.production and ACTIONS[action].dangerous:
                self._check_code(identity, totp, f"{action.value} {digest_of(what['desk'])[:16]}")
            if action.value in self._settings.four_eyes and approval is not None:
                what["approver"] = self.approvals.use(approval).approver or ""
        except Refused as error:
            self._recorder.refused(error, identity.origin, identity, **what)
            raise
        if action is not Action.VIEW:
            self._recorder.permitted("permitted", identity, **what)

    def ask_approval(self, identity: Identity, action: Action, desk: str | Sequence[str] | None, words: str) -> str:
        """Asks for a second person, as somebody who may do it with one; returns the approval's id."""
        desks = _desks(desk)
        what = {"action": action.value, "desk": ",".join(desks)}
        try:
            self._check_rights(identity, action, desks)
        except Refused as error:
            self._recorder.refused(error, identity.origin, identity, **what)
            raise
        approval_id = self.approvals.request(identity, action, desks, words)
        self._recorder.permitted("approval_asked", identity, **what, approval=approval_id)
        return approval_id

    def approve(self, identity: Identity, approval_id: str, totp: str | None = None) -> Approval:
        """Approves as a second person. Refused: it is his own request, his role or desk is another, it is too late."""
        try:
            found = self.approvals.find(approval_id)
        except Refused as error:
            self._recorder.refused(error, identity.origin, identity, action=Action.APPROVE.value)
            raise
        self.permit(identity, Action.APPROVE, found.desks or None, totp)
        try:
            approved = self.approvals.approve(identity, approval_id)
        except Refused as error:
            self._recorder.refused(
                error, identity.origin, identity, action=Action.APPROVE.value, desk=",".join(found.desks)
            )
            raise
        what = {"action": approved.action.value, "desk": ",".join(approved.desks), "approval": approved.approval_id}
        self._recorder.permitted("approved", identity, **what, asked_by=approved.person)
        return approved

    def close(self) -> None:
        """Writes what was counted and forces the trail to the medium."""
        self._recorder.flush()
        self.trail.close()

    def _check_rights(self, identity: Identity, action: Action, desks: tuple[str, ...]) -> None:
        rule = ACTIONS[action]
        if not identity.role.covers(rule.role):
            raise Refused(
                Refusal.ROLE_TOO_LOW, f"{action.value} needs {rule.role.value}, yours is {identity.role.value}"
            )
        if not identity.desks or (action is Action.VIEW and not desks):
            return
        if rule.scope == "plane" or not desks or not identity.desks.issuperset(desks):
            raise Refused(Refusal.DESK_NOT_YOURS)

    def _check_code(self, identity: Identity, totp: str | None, use: str) -> None:
        if not totp:
            raise Refused(Refusal.TOTP_MISSING)
        place, now_ns = f"code {identity.person}", self._clock()
        until_ns = self._lockout.locked_until((place,), now_ns)
        if until_ns:
            raise Refused(Refusal.LOCKED_OUT, retry_after_s=wait_s(until_ns, now_ns))
        fault = self.people.code_fault(identity.person, totp, identity.token_id, use)
        if fault is Refusal.TOTP_WRONG:
            self._lockout.count((place,), now_ns)
        if fault is not None:
            raise Refused(fault)
        self._lockout.forgive((place,))

    def _password_is(self, person: str, password: str, origin: str) -> bool:
        try:
            return self.people.password_is(person, password)
        except Refused as error:
            self._recorder.refused(error, origin)
            raise

    def _check_lock(self, places: tuple[str, ...], now_ns: int, origin: str) -> None:
        until_ns = self._lockout.locked_until(places, now_ns)
        if until_ns:
            self._refuse(Refused(Refusal.LOCKED_OUT, retry_after_s=wait_s(until_ns, now_ns)), origin)

    def _wrong_token(self, places: tuple[str, ...], now_ns: int, origin: str) -> NoReturn:
        self._check_lock(places, now_ns, origin)
        self._lockout.count(places, now_ns)
        self._refuse(Refused(Refusal.TOKEN_WRONG), origin)

    def _wrong_sign_in(self, places: tuple[str, ...], now_ns: int, origin: str) -> NoReturn:
        self._lockout.count(places, now_ns)
        self._refuse(Refused(Refusal.SIGN_IN_WRONG), origin)

    def _refuse(self, error: Refused, origin: str, **what: str) -> NoReturn:
        self._recorder.refused(error, origin, None, **what)
        raise error


def _desks(desk: str | Sequence[str] | None) -> tuple[str, ...]:
    """The desks that something is for, sorted; none: the whole plane."""
    if desk is None:
        return ()
    return (desk,) if isinstance(desk, str) else tuple(sorted(set(desk)))


def _bucket(name: str) -> str:
    """One of 256 places for names that nobody has: they lock as real ones do, and no word typed there is kept."""
    return f"? {digest_of(name[:OFFERED_MAX])[:2]}"
