"""JSON-RPC 2.0: single calls and batches, what is answered and what is refused as malformed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from quarterdeck.twins.evm.refusals import INVALID_REQUEST, PARSE_ERROR, Refused

__all__ = ["SENDING", "Answered", "answer_body"]

SENDING: Final = frozenset({"eth_sendRawTransaction", "eth_sendBundle"})
_BATCH_MAX: Final = 1_000  # as geth


@dataclass(frozen=True, slots=True)
class Answered:
    """`body`: None where nothing is answered. `sent`: whether something was sent to the chain."""

    body: bytes | None
    sent: bool = False


def answer_body(body: bytes, ask: Callable[[str, list[Any]], Any]) -> Answered:
    """Answers a request or a batch; `ask` answers one method or raises Refused."""
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return Answered(msgspec.json.encode(_refusal(None, Refused("parse error", PARSE_ERROR))))
    if not isinstance(asked, list):
        answer, sent = _one(asked, ask)
        return Answered(None if answer is None else msgspec.json.encode(answer), sent)
    batch = cast(list[Any], asked)
    if not batch or len(batch) > _BATCH_MAX:
        words = "batch too large" if batch else "empty batch"
        return Answered(msgspec.json.encode(_refusal(None, Refused(words, INVALID_REQUEST))))
    done = [_one(one, ask) for one in batch]
    answers = [answer for answer, _ in done if answer is not None]
    return Answered(msgspec.json.encode(answers) if answers else None, any(sent for _, sent in done))


def _one(asked: object, ask: Callable[[str, list[Any]], Any]) -> tuple[dict[str, Any] | None, bool]:
    if not isinstance(asked, Mapping):
        return _refusal(None, Refused("invalid request", INVALID_REQUEST)), False
    request = cast(Mapping[str, Any], asked)
    number, method, words = request.get("id"), request.get("method"), cast(object, request.get("params") or [])
    if not isinstance(method, str) or not isinstance(words, list):
        return _refusal(number, Refused("invalid request", INVALID_REQUEST)), False
    try:
        answer = {"jsonrpc": "2.0", "id": number, "result": ask(method, cast(list[Any], words))}
    except Refused as refusal:
        return (_refusal(number, refusal) if "id" in request else None), False
    return (answer if "id" in request else None), method in SENDING


def _refusal(number: object, refusal: Refused) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": refusal.body()}
