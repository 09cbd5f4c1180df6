"""What people may do: roles from the weakest to the strongest, actions, and the table that says who may do which."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["ACTIONS", "Action", "ActionRule", "Role"]


class Role(StrEnum):
    """Each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK = "risk"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs that one."""
        return self.rank >= needed.rank


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


class Action(StrEnum):
    """Everything that somebody may be permitted or refused."""

    VIEW = "view"
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    CANCEL = "cancel"
    FLATTEN = "flatten"
    LOCK = "lock"
    UNLOCK = "unlock"
    ACKNOWLEDGE = "acknowledge"
    CONFIGURE = "configure"
    SHUTDOWN = "shutdown"
    CLEAR_CACHE = "clear_cache"
    TEST_CONNECTION = "test_connection"
    SILENCE = "silence"
    INCIDENT = "incident"
    APPROVE = "approve"
    TOKENS = "tokens"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Who may: the weakest role; dangerous: needs a second factor in production; scope: one desk's, or the plane's."""

    role: Role
    dangerous: bool
    scope: Literal["desk", "plane"]


ACTIONS: Final = MappingProxyType(
    {
        Action.VIEW: ActionRule(Role.VIEWER, dangerous=False, scope="desk"),
        Action.PAUSE: ActionRule(Role.OPERATOR, dangerous=False, scope="desk"),
        Action.RESUME: ActionRule(Role.OPERATOR, dangerous=True, scope="desk"),
        Action.KILL: ActionRule(Role.OPERATOR, dangerous=True, scope="desk"),
        Action.CANCEL: ActionRule(Role.OPERATOR, dangerous=True, scope="desk"),
        Action.FLATTEN: ActionRule(Role.OPERATOR, dangerous=True, scope="desk"),
        Action.LOCK: ActionRule(Role.OPERATOR, dangerous=True, scope="desk"),
        Action.UNLOCK: ActionRule(Role.RISK, dangerous=True, scope="desk"),
        Action.ACKNOWLEDGE: ActionRule(Role.OPERATOR, dangerous=False, scope="desk"),
        Action.CONFIGURE: ActionRule(Role.RISK, dangerous=True, scope="desk"),
        Action.SHUTDOWN: ActionRule(Role.ADMIN, dangerous=True, scope="desk"),
        Action.CLEAR_CACHE: ActionRule(Role.OPERATOR, dangerous=False, scope="plane"),
        Action.TEST_CONNECTION: ActionRule(Role.OPERATOR, dangerous=False, scope="desk"),
        Action.SILENCE: ActionRule(Role.OPERATOR, dangerous=False, scope="desk"),
        Action.INCIDENT: ActionRule(Role.OPERATOR, dangerous=False, scope="plane"),
        Action.APPROVE: ActionRule(Role.RISK, dangerous=True, scope="desk"),
        Action.TOKENS: ActionRule(Role.ADMIN, dangerous=True, scope="plane"),
        Action.PEOPLE: ActionRule(Role.ADMIN, dangerous=True, scope="plane"),
    }
)
