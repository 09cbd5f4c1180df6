"""Asking the ops plane's own memory from a route: off the event loop, with its refusals as problems."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from quarterdeck.errors import OpsError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.access import Refused
from quarterdeck.ops.api.problems import Code, Problem

__all__ = ["found", "moment", "possible"]

T = TypeVar("T")


def moment(time_ns: int | None) -> str | None:
    """A time that may not have come."""
    return None if time_ns is None else rfc3339(time_ns)


async def found(look: Callable[[], T]) -> T:
    """Looks for something. Problem 404: there is none; OpsError: the store does not work."""
    return await _asked(look, 404, Code.NOT_FOUND)


async def possible(act: Callable[[], T], status: int) -> T:
    """Does something. Problem of that status: it cannot be done so; OpsError: the store does not work."""
    return await _asked(act, status, Code.NOT_POSSIBLE if status == 409 else Code.REQUEST_INVALID)


async def _asked(act: Callable[[], T], status: int, code: Code) -> T:
    try:
        return await asyncio.to_thread(act)
    except Refused:
        raise
    except OpsError as error:
        if isinstance(error.__cause__, SQLAlchemyError):
            raise
        raise Problem(status, code, str(error)) from error
