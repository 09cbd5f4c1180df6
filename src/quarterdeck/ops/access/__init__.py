"""Who may: tokens and sessions, roles, second factors, four eyes, lock-outs, and a chained record of all of it.

    gate = Gate(store, config.access, config.ops.production, config.data / "access.jsonl")
    identity = gate.identify(secret, origin)                      # a token's, or a session's of `gate.sign_in`
    gate.permit(identity, Action.KILL, desk="xrpliquid", totp="123456")

Both raise Refused, which has the HTTP status and a code. What opens something is stored as SHA-256 (256 random bits)
or by argon2 (what a person can remember); a TOTP secret, which must be read again, is encrypted by age.
"""

from quarterdeck.ops.access.approvals import Approval, Approvals
from quarterdeck.ops.access.gate import Gate
from quarterdeck.ops.access.identity import Identity
from quarterdeck.ops.access.people import People, Person
from quarterdeck.ops.access.refusal import Refusal, Refused
from quarterdeck.ops.access.roles import ACTIONS, Action, ActionRule, Role
from quarterdeck.ops.access.tokens import Token, Tokens
from quarterdeck.ops.access.trail import Trail

__all__ = [
    "ACTIONS",
    "Action",
    "ActionRule",
    "Approval",
    "Approvals",
    "Gate",
    "Identity",
    "People",
    "Person",
    "Refusal",
    "Refused",
    "Role",
    "Token",
    "Tokens",
    "Trail",
]
