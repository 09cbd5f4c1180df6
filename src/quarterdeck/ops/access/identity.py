"""Who somebody is, once a token or a session has shown it."""

from dataclasses import dataclass

from quarterdeck.ops.access.roles import Role

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a service. `desks` empty: all of them. `token_id` names the token or session and opens nothing."""

    person: str
    role: Role
    desks: frozenset[str]
    token_id: str
    origin: str
    expires_ns: int = 0

    def may_see(self, desk: str) -> bool:
        return not self.desks or desk in self.desks
