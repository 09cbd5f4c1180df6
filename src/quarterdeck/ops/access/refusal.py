"""What a refusal says: an HTTP status, a code for programs, and a sentence that shows nothing of what was offered."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from quarterdeck.errors import OpsError

__all__ = ["Refusal", "Refused"]


class Refusal(StrEnum):
    """Why somebody may not."""

    TOKEN_MISSING = "TOKEN_MISSING"
    TOKEN_WRONG = "TOKEN_WRONG"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    TOKEN_REVOKED = "TOKEN_REVOKED"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    SIGN_IN_WRONG = "SIGN_IN_WRONG"
    LOCKED_OUT = "LOCKED_OUT"
    BUSY = "BUSY"
    ROLE_TOO_LOW = "ROLE_TOO_LOW"
    DESK_NOT_YOURS = "DESK_NOT_YOURS"
    TOTP_MISSING = "TOTP_MISSING"
    TOTP_WRONG = "TOTP_WRONG"
    TOTP_USED = "TOTP_USED"
    TOTP_NOT_SET_UP = "TOTP_NOT_SET_UP"
    APPROVAL_NEEDED = "APPROVAL_NEEDED"
    APPROVAL_UNKNOWN = "APPROVAL_UNKNOWN"
    APPROVAL_OWN = "APPROVAL_OWN"
    APPROVAL_PENDING = "APPROVAL_PENDING"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    APPROVAL_USED = "APPROVAL_USED"
    APPROVAL_OTHER = "APPROVAL_OTHER"


_KNOWN: Final = {  # who somebody is could not be established, or too many tried; every other refusal is a 403
    Refusal.TOKEN_MISSING: (401, "no token: give one by X-OPS-TOKEN, X-API-Key or Authorization: Bearer"),
    Refusal.TOKEN_WRONG: (401, "this token is not known: `quarterdeck token list` shows those there are"),
    Refusal.TOKEN_EXPIRED: (401, "this token has expired: `quarterdeck token rotate` gives another"),
    Refusal.TOKEN_REVOKED: (401, "this token was revoked: ask an admin for another"),
    Refusal.SESSION_EXPIRED: (401, "this session has ended: sign in again"),
    Refusal.SIGN_IN_WRONG: (401, "name, password or code is wrong"),
    Refusal.LOCKED_OUT: (429, "too many wrong tries: wait, or use the command line on the desk's own machine"),
    Refusal.BUSY: (429, "too many sign in at once: try again in a moment"),
    Refusal.ROLE_TOO_LOW: (403, "your role does not allow this"),
    Refusal.DESK_NOT_YOURS: (403, "this desk is not one of yours"),
    Refusal.TOTP_MISSING: (403, "in production this needs the code of your second factor: X-TOTP"),
    Refusal.TOTP_WRONG: (403, "the code of the second factor is wrong"),
    Refusal.TOTP_USED: (403, "this code was used already: wait for the next one"),
    Refusal.TOTP_NOT_SET_UP: (403, "this needs a second factor and none is set up: `quarterdeck person totp NAME`"),
    Refusal.APPROVAL_NEEDED: (403, "this needs the approval of a second person: ask for one first"),
    Refusal.APPROVAL_UNKNOWN: (403, "there is no such approval"),
    Refusal.APPROVAL_OWN: (403, "nobody approves what they asked for themselves"),
    Refusal.APPROVAL_PENDING: (403, "nobody has approved this yet"),
    Refusal.APPROVAL_EXPIRED: (403, "this approval has expired: ask for another"),
    Refusal.APPROVAL_USED: (403, "this approval was used already: ask for another"),
    Refusal.APPROVAL_OTHER: (403, "this approval is for something else"),
}
_SAID: Final = MappingProxyType(_KNOWN)


class Refused(OpsError):
    """Somebody may not. `status` is for HTTP (401, 403, 429), `code` the reason, `retry_after_s` how long to wait."""

    def __init__(self, code: Refusal, detail: str = "", retry_after_s: int = 0) -> None:
        self.code, self.retry_after_s = code, retry_after_s
        self.status, said = _SAID[code]
        super().__init__(f"{said} ({detail})" if detail else said)
