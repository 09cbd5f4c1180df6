"""The venue's refusals: HTTP status, code and words. The codes are its contract; it may change the words."""

from typing import Any, Final

__all__ = ["Refusal", "forbidden", "invalid", "missing", "unprocessable"]

_INVALID: Final = 40010001
_FORBIDDEN: Final = 40310000
_MISSING: Final = 40410000
_UNPROCESSABLE: Final = 42210000


class Refusal(Exception):
    """An answer that is an error; `body` is what is sent."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {**more, "code": code, "message": message}


def invalid(message: str) -> Refusal:
    """Returns the refusal of a request that is not one."""
    return Refusal(422, _INVALID, message)


def unprocessable(message: str, **more: Any) -> Refusal:
    """Returns the refusal of a request that makes no sense now."""
    return Refusal(422, _UNPROCESSABLE, message, **more)


def forbidden(message: str, code: int = _FORBIDDEN, **more: Any) -> Refusal:
    """Returns the refusal of what the account may not do."""
    return Refusal(403, code, message, **more)


def missing(message: str) -> Refusal:
    """Returns the refusal of what is not there."""
    return Refusal(404, _MISSING, message)
