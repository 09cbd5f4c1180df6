"""A message of the venue that makes no sense."""

from quarterdeck.errors import QuarterdeckError

__all__ = ["BadMessage"]


class BadMessage(QuarterdeckError):
    """`kind` says which sort of nonsense in a few fixed words, `problem` what exactly. It is put aside."""

    def __init__(self, kind: str, problem: str) -> None:
        self.kind, self.problem = kind, problem
        super().__init__(f"{kind}: {problem}")
