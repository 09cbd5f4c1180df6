"""Errors as problem documents (RFC 9457): what was wrong or does not work, with a code and the way out."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quarterdeck.errors import ConfigError, DeskError, OpsError, QuarterdeckError
from quarterdeck.ops.access import Refused
from quarterdeck.ops.api.replies import encode

__all__ = [
    "PROBLEM_TYPE",
    "Code",
    "Problem",
    "ProblemDocument",
    "answered",
    "install_problems",
    "problem_of",
    "problem_response",
]

PROBLEM_TYPE: Final = "application/problem+json"


class Code(StrEnum):
    """What went wrong, beside the codes of `quarterdeck.ops.access.Refusal`."""

    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    COMMAND_REFUSED = "COMMAND_REFUSED"  # the desk heard it and would not
    CURRENCIES_DIFFER = "CURRENCIES_DIFFER"
    DESK_AMBIGUOUS = "DESK_AMBIGUOUS"
    DESK_NEVER_RAN = "DESK_NEVER_RAN"
    DESK_NOT_ANSWERING = "DESK_NOT_ANSWERING"
    DESK_UNKNOWN = "DESK_UNKNOWN"
    HOST_UNKNOWN = "HOST_UNKNOWN"
    IDEMPOTENCY_KEY_INVALID = "IDEMPOTENCY_KEY_INVALID"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IDEMPOTENCY_RUNNING = "IDEMPOTENCY_RUNNING"
    INTERNAL = "INTERNAL"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_FOUND = "NOT_FOUND"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    ORDER_AMBIGUOUS = "ORDER_AMBIGUOUS"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    REQUEST_INVALID = "REQUEST_INVALID"
    STREAMS_FULL = "STREAMS_FULL"
    UNAVAILABLE = "UNAVAILABLE"  # something of the ops plane itself does not work


class ProblemDocument(BaseModel):
    """RFC 9457. `code` says what it is, `detail` where and the way out; more members where they help."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    desks: dict[str, Any] | None = Field(default=None, description="What became of it, desk by desk.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="Each thing that is wrong in the request.")


class Problem(OpsError):
    """An error that the caller is told as a problem document. `more` adds members to it."""

    def __init__(self, status: int, code: str, detail: str, *, more: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.more: Mapping[str, object] = more or {}


def answered(error: QuarterdeckError) -> bool:
    """Whether a desk itself said no; False: nothing was heard of it. Only an answer gives an error its exit code."""
    return "exit_code" in vars(error)


def problem_of(error: QuarterdeckError) -> Problem:
    """The problem that an error of ours is."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem(error.status, str(error.code), str(error))
    if isinstance(error, ConfigError):
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, Code.REQUEST_INVALID, str(error))
    if isinstance(error, DeskError) and answered(error):
        wrong_words = error.exit_code == ConfigError.exit_code
        if wrong_words:
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, Code.REQUEST_INVALID, str(error))
        return Problem(HTTPStatus.CONFLICT, Code.COMMAND_REFUSED, str(error))
    if isinstance(error, DeskError):
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, Code.DESK_NOT_ANSWERING, str(error))
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, Code.UNAVAILABLE, str(error))


def problem_response(path: str, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that a problem is."""
    document: dict[str, object] = {
        "type": f"urn:quarterdeck:problem:{problem.code.lower().replace('_', '-')}",
        "title": HTTPStatus(problem.status).phrase,
        "status": int(problem.status),
        "code": str(problem.code),
        "detail": problem.detail,
        "instance": path,
        **problem.more,
    }
    return Response(encode(document), problem.status, dict(headers or {}), PROBLEM_TYPE)


def install_problems(app: FastAPI) -> None:
    """Makes every error that leaves a route a problem document."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, QuarterdeckError)
        problem = problem_of(error)
        headers = {"WWW-Authenticate": _challenge(request)} if problem.status == HTTPStatus.UNAUTHORIZED else {}
        if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after_s", None) or 60)))
        return problem_response(request.url.path, problem, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [{"at": ".".join(map(str, one["loc"])), "error": one["msg"]} for one in error.errors()]
        said = "; ".join(f"{one['at']}: {one['error']}" for one in found)
        problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, Code.REQUEST_INVALID, said, more={"errors": found})
        return problem_response(request.url.path, problem)

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _PLAIN.get(error.status_code, Code.REQUEST_INVALID)
        detail = f"{request.method} {request.url.path}: {_WAYS_OUT.get(error.status_code, str(error.detail))}"
        return problem_response(request.url.path, Problem(error.status_code, code, detail), error.headers)

    async def fault(request: Request, _: Exception) -> Response:  # the server writes the error to its log
        detail = "a fault of ours: the ops plane's log has it; a desk is still reached with the command line"
        return problem_response(request.url.path, Problem(500, Code.INTERNAL, detail))

    app.add_exception_handler(QuarterdeckError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, fault)


_PLAIN: Final[Mapping[int, Code]] = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
}
_WAYS_OUT: Final[Mapping[int, str]] = {
    404: "there is no such route: /docs lists them",
    405: "not with this method: /docs lists those that there are",
    413: "the body is larger than any command is",
}


def _challenge(request: Request) -> str:
    """How to say who one is; a browser is asked for it where the answer would be a page."""
    basic = ', Basic realm="quarterdeck", charset="UTF-8"' if request.url.path.endswith(".html") else ""
    return f'Bearer realm="quarterdeck"{basic}'
