"""Routes of who may: one's own standing, tokens, and approvals by a second person."""

import asyncio
import time
from typing import Annotated, Final

from fastapi import Path
from starlette.responses import Response

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import ACTIONS, Action, Approval, Role, Token
from quarterdeck.ops.api import bodies, shapes
from quarterdeck.ops.api.asking import found, moment, possible
from quarterdeck.ops.api.caller import Call, Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import SecretReply, reply
from quarterdeck.ops.api.routing import Entry
from quarterdeck.ops.commands import approval_words

__all__ = ["ROUTES"]

_TAG: Final = "access"
_Id = Annotated[str, Path(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")]


async def _me(call: Caller) -> Response:
    who = call.who
    return reply(
        {
            "person": who.person,
            "role": str(who.role),
            "desks": sorted(who.desks) or list(call.plane.desks),
            "token_id": who.token_id,
            "expires_at": moment(who.expires_ns or None),
            "may": [str(action) for action, rule in ACTIONS.items() if who.role.covers(rule.role)],
        }
    )


def _token(one: Token) -> dict[str, object]:
    return {
        "token_id": one.token_id,
        "person": one.person,
        "role": str(one.role),
        "desks": list(one.desks),
        "state": one.state(time.time_ns()),
        "created_at": rfc3339(one.created_ns),
        "expires_at": rfc3339(one.expires_ns),
        "used_at": moment(one.used_ns),
        "revoked_at": moment(one.revoked_ns),
        "replaced_by": one.replaced_by,
    }


def _permit_tokens(call: Call) -> None:
    call.plane.gate.permit(call.who, Action.TOKENS, totp=call.totp, approval=call.approval)


async def _tokens(call: Caller) -> Response:
    """Whoever is for some desks alone sees the tokens of these alone."""
    _permit_tokens(call)
    listed = await asyncio.to_thread(call.plane.tokens.list)
    return reply({"tokens": [_token(one) for one in listed if _within(call, one.desks)]})


def _within(call: Call, desks: tuple[str, ...]) -> bool:
    """Whether a token opens nothing that the caller's own does not."""
    mine = call.who.desks
    return not mine or (bool(desks) and set(desks) <= mine)


async def _new_token(call: Caller, words: bodies.TokenWords) -> Response:
    unknown = [name for name in words.desks if name not in call.plane.desks]
    if unknown:
        known = ", ".join(call.plane.desks)
        raise Problem(422, Code.REQUEST_INVALID, f"desks: no desk {unknown[0]!r} here: one of {known}")
    if not _within(call, tuple(words.desks)):
        raise Problem(422, Code.REQUEST_INVALID, f"desks: at most your own: {', '.join(sorted(call.who.desks))}")
    _permit_tokens(call)
    secret, made = await possible(
        lambda: call.plane.tokens.new(words.person, Role(words.role), words.desks, words.days, by=call.who.person), 422
    )
    return SecretReply({**_token(made), "token": secret}, "token", 201)


async def _mine(call: Call, token_id: str) -> Token:
    one = await found(lambda: call.plane.tokens.find(token_id))
    if not _within(call, one.desks):
        raise Problem(404, Code.NOT_FOUND, f"there is no token {token_id} of your desks")
    return one


async def _rotate_token(call: Caller, token_id: _Id) -> Response:
    _permit_tokens(call)
    await _mine(call, token_id)
    secret, made = await possible(lambda: call.plane.tokens.rotate(token_id, by=call.who.person), 409)
    return SecretReply({**_token(made), "token": secret}, "token", 201)


async def _revoke_token(call: Caller, token_id: _Id) -> Response:
    _permit_tokens(call)
    await _mine(call, token_id)
    ended = await asyncio.to_thread(lambda: call.plane.tokens.revoke(token_id, by=call.who.person))
    return reply(_token(ended))


def _approval(one: Approval) -> dict[str, object]:
    return {
        "approval_id": one.approval_id,
        "action": str(one.action),
        "desks": list(one.desks),
        "words": one.words,
        "person": one.person,
        "state": one.state(time.time_ns()),
        "created_at": rfc3339(one.created_ns),
        "expires_at": rfc3339(one.expires_ns),
        "approver": one.approver,
        "approved_at": moment(one.approved_ns),
    }


async def _approvals(call: Caller) -> Response:
    waiting = await asyncio.to_thread(call.plane.gate.approvals.waiting)
    return reply({"approvals": [_approval(one) for one in waiting if all(map(call.who.may_see, one.desks))]})


_VERBS: Final = {
    Action.UNLOCK: Verb.UNLOCK,
    Action.RESUME: Verb.RESUME,
    Action.CONFIGURE: Verb.CONFIGURE,
}


async def _ask_approval(call: Caller, words: bodies.ApprovalWords) -> Response:
    """Asks for a second person: what is approved is exactly the command that is then given."""
    unknown = [name for name in words.desks if name not in call.plane.desks]
    if unknown:
        raise Problem(422, Code.REQUEST_INVALID, f"desks: no desk {unknown[0]!r}: one of {', '.join(call.plane.desks)}")
    action = Action(words.action)
    command = Command(
        verb=_VERBS[action], strategy=words.strategy, instrument=words.instrument, settings=words.settings
    )
    gate = call.plane.gate
    asked = await possible(
        lambda: gate.ask_approval(call.who, action, tuple(words.desks), approval_words(command)), 422
    )
    return reply(_approval(await asyncio.to_thread(gate.approvals.find, asked)), 201)


async def _approve(call: Caller, approval_id: _Id) -> Response:
    approved = await asyncio.to_thread(call.plane.gate.approve, call.who, approval_id, call.totp)
    return reply(_approval(approved))


ROUTES: Final = (
    Entry(
        method="GET", path="/api/me", action=Action.VIEW, endpoint=_me, model=shapes.Me, tag=_TAG,
        summary="Whose token it is, and what it may", by_desk=False,
    ),
    Entry(
        method="GET", path="/api/tokens", action=Action.TOKENS, endpoint=_tokens, model=shapes.TokenList, tag=_TAG,
        summary="All tokens, without what opens", by_desk=False,
    ),
    Entry(
        method="POST", path="/api/tokens", action=Action.TOKENS, endpoint=_new_token, model=shapes.NewToken, tag=_TAG,
        summary="Make a token; it is shown this once", by_desk=False, status=201,
    ),
    Entry(
        method="POST", path="/api/tokens/{token_id}/rotate", action=Action.TOKENS, endpoint=_rotate_token,
        model=shapes.NewToken, tag=_TAG, summary="Make a token's successor; both are taken for a while", by_desk=False,
        status=201,
    ),
    Entry(
        method="DELETE", path="/api/tokens/{token_id}", action=Action.TOKENS, endpoint=_revoke_token,
        model=shapes.TokenRow, tag=_TAG, summary="End a token at once", by_desk=False,
    ),
    Entry(
        method="GET", path="/api/approvals", action=Action.VIEW, endpoint=_approvals, model=shapes.ApprovalList,
        tag=_TAG, summary="What waits for a second person", by_desk=False,
    ),
    Entry(
        method="POST", path="/api/approvals", action=Action.VIEW, endpoint=_ask_approval, model=shapes.ApprovalRow,
        tag=_TAG, summary="Ask for a second person", by_desk=False, status=201,
    ),
    Entry(
        method="POST", path="/api/approvals/{approval_id}/approve", action=Action.APPROVE, endpoint=_approve,
        model=shapes.ApprovalRow, tag=_TAG, summary="Approve as a second person", by_desk=False,
    ),
)  # fmt: skip
