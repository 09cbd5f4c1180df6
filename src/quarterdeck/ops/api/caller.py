"""Who calls, of which desks, and with what in hand."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import msgspec
from fastapi import Depends, Request

from quarterdeck.ops.access import Identity
from quarterdeck.ops.api.problems import Code, Problem

if TYPE_CHECKING:
    from quarterdeck.ops.process import Plane

__all__ = [
    "DESK_PARAMETER",
    "Call",
    "Caller",
    "basic_secret",
    "call_of",
    "desks_of",
    "is_loopback",
    "plane_of",
    "secret_of",
]

DESK_PARAMETER: Final = "desk"
_TOKEN_HEADERS: Final = ("x-ops-token", "x-api-key")


class Call(msgspec.Struct, frozen=True):
    """One request, let in. `identity` is None only where a route is open; `names` are the desks that it is about."""

    plane: Any  # a Plane, which is made of the rooms that make routes
    identity: Identity | None
    names: tuple[str, ...]
    port: int
    origin: str
    totp: str | None = None
    approval: str | None = None

    @property
    def who(self) -> Identity:
        """Whose request it is; only open routes have none."""
        assert self.identity is not None
        return self.identity

    def only_desk(self, route: str) -> str:
        """The desk of a route that is about one. Problem 409: several are bound to this port."""
        if len(self.names) == 1:
            return self.names[0]
        ways = ", ".join(f"/desks/{name}{route}" for name in self.names)
        detail = f"port {self.port} is bound to {len(self.names)} desks: say which: {ways or 'there is none'}"
        raise Problem(409, Code.DESK_AMBIGUOUS, detail)


def call_of(request: Request) -> Call:
    """What the door has found out."""
    return cast(Call, request.state.call)


Caller = Annotated[Call, Depends(call_of)]


def plane_of(request: Request) -> "Plane":
    return cast("Plane", request.app.state.plane)


def is_loopback(host: str) -> bool:
    """Whether a peer's address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secret_of(headers: Mapping[str, str]) -> str | None:
    """The token, wherever one of the runbooks lets it stand; None where there is none.

    Problem 400: two of the places say different things.
    """
    found = [headers[name].strip() for name in _TOKEN_HEADERS if name in headers]
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(rest.strip())
    said = {one for one in found if one}
    if len(said) > 1:
        detail = "X-OPS-TOKEN, X-API-Key and Authorization say different tokens: send one of them"
        raise Problem(400, Code.REQUEST_INVALID, detail)
    return said.pop() if said else None


def basic_secret(headers: Mapping[str, str]) -> str | None:
    """The token as a browser sends it: the password of Authorization: Basic.

    Only what changes nothing takes it, since a browser sends it on its own account as well.
    """
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[2] or None


def desks_of(bound: Sequence[str], known: Sequence[str], said: str | None) -> tuple[str, ...]:
    """The desks that a request is about: the one in its path, or those that its port is bound to."""
    if said is None:
        return tuple(bound)
    if said not in known:
        raise Problem(404, Code.DESK_UNKNOWN, f"no desk {said!r} here: one of {', '.join(known) or 'none'}")
    return (said,)
