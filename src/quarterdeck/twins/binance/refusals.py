"""What the venue says when it does not do what was asked: code, words and HTTP status."""

from typing import Any

__all__ = ["Refused", "filter_failure", "malformed", "missing"]


class Refused(Exception):
    """The venue's answer to one request. `data` is what cancelReplace tells beside it."""

    def __init__(self, code: int, words: str, status: int = 400, data: Any = None) -> None:
        super().__init__(words)
        self.code, self.words, self.status, self.data = code, words, status, data

    def body(self) -> dict[str, Any]:
        """Returns it as the venue writes it."""
        said: dict[str, Any] = {"code": self.code, "msg": self.words}
        if self.data is not None:
            said["data"] = self.data
        return said


def missing(name: str) -> Refused:
    """Returns the refusal of a request without a parameter."""
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def malformed(name: str) -> Refused:
    """Returns the refusal of a parameter that has no such value."""
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def filter_failure(name: str) -> Refused:
    """Returns the refusal by a filter of the spot market."""
    return Refused(-1013, f"Filter failure: {name}")
