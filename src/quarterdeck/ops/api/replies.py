"""Answers as JSON: money is written as the exact number that it is, and nothing is put through a float."""

from typing import Final

import msgspec
from starlette.responses import Response

__all__ = ["JSON_TYPE", "SecretReply", "encode", "reply"]

JSON_TYPE: Final = "application/json"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def encode(value: object) -> bytes:
    """Returns JSON; a Decimal becomes a number with all its digits."""
    return _ENCODER.encode(value)


def reply(value: object, status: int = 200) -> Response:
    return Response(encode(value), status, media_type=JSON_TYPE)


class SecretReply(Response):
    """An answer with a secret in it, which is shown once: what is kept for a repeated Idempotency-Key has none."""

    def __init__(self, value: dict[str, object], secret: str, status: int = 200) -> None:
        super().__init__(encode(value), status, media_type=JSON_TYPE)
        self.kept = encode({**value, secret: None})
