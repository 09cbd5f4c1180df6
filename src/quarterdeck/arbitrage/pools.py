"""What every kind of pool answers, whatever its formula."""

from typing import Protocol

__all__ = ["Pool"]


class Pool(Protocol):
    """One pool at one block. Immutable: a block that touches it makes another one.

    `address` and `tokens` are the chain's, in the contract's order. A swap's input and output are places in `tokens`.
    """

    @property
    def address(self) -> str: ...

    @property
    def tokens(self) -> tuple[str, ...]: ...

    def amount_out(self, source: int, target: int, amount: int) -> int:
        """Whole units that the contract pays for `amount`, to the last one. SwapRefused where it would revert."""
        ...

    def quote(self, source: int, target: int, amount: float) -> tuple[float, float]:
        """About what `amount` buys, and what one more unit buys after it, both after the fee; the latter 0.0 at an end.

        Floats, for the search of an amount. The second never rises with `amount`: at 0 it bounds what any input gets.
        """
        ...

    def most_in(self, source: int) -> int:
        """The largest input that the pool takes of a token; it may be more than anybody has."""
        ...
