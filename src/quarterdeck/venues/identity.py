"""Client order ids: the same for the same order, wherever and how often they are made, so that it is found again.

An id carries which desk placed the order, for which strategy, and the kernel's order id (epoch and sequence). Twelve,
sixteen or more bytes of it fit every venue: as 32 hexadecimal digits.
"""

import hashlib
from typing import Final

__all__ = ["client_id", "desk_tag", "order_of"]

_DIGITS: Final = 32
_TAG_BYTES: Final = 6
_STRATEGY_BYTES: Final = 2


def desk_tag(desk: str) -> str:
    """Returns the 12 hexadecimal digits that every id of a desk begins with."""
    return hashlib.sha256(f"quarterdeck desk {desk}".encode()).digest()[:_TAG_BYTES].hex()


def client_id(tag: str, strategy: int, order_id: int) -> str:
    """Returns an order's client id: 32 hexadecimal digits. `order_id` is at least 0 and below 2**63."""
    return f"{tag}{strategy:0{2 * _STRATEGY_BYTES}x}{order_id:016x}"


def order_of(tag: str, text: str) -> tuple[int, int]:
    """Returns (order id, strategy) of a client id of this desk; (0, -1) for anybody else's."""
    digits = text.lower().removeprefix("0x")
    if len(digits) != _DIGITS or not digits.startswith(tag):
        return 0, -1
    try:
        strategy, order_id = int(digits[12:16], 16), int(digits[16:], 16)
    except ValueError:
        return 0, -1
    return order_id, strategy
