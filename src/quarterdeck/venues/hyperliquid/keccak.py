"""Keccak-256 as Ethereum has it: "The Keccak reference", version 3.0, with the padding from before it became SHA-3.

The libraries' takes a tenth of a millisecond where the caches are cold, and gives Python's lock away at each step: an
order would wait for both.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.venues.levels import brief

__all__ = ["keccak"]

_RATE: Final = 136  # bytes of a block
_LANES: Final = 25
_ROUNDS: Final = 24
_BITS: Final = np.uint64(64)


def _constants() -> list[int]:
    """What each round adds: bits of a shift register over x^8 + x^6 + x^5 + x^4 + 1 ("The Keccak reference", 1.2)."""
    found: list[int] = []
    register = 1
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return found


def _walk() -> tuple[list[int], list[int]]:
    """The lanes in the order in which they take each other's place, and by how many bits each turns."""
    lanes, turns = list[int](), list[int]()
    x, y = 1, 0
    for step in range(_LANES - 1):
        x, y = y, (2 * x + 3 * y) % 5
        lanes.append(x + 5 * y)
        turns.append((step + 1) * (step + 2) // 2 % 64)
    return lanes, turns


_CONSTANTS: Final = np.array(_constants(), np.uint64)
_PLACES: Final = np.array(_walk()[0], np.int64)
_TURNS: Final = np.array(_walk()[1], np.uint64)
_ONE: Final = np.uint64(1)


@brief
def _turned(lane: Any, bits: Any) -> Any:
    return lane << bits | lane >> (_BITS - bits)


@brief
def _absorb(words: NDArray[np.uint64], state: NDArray[np.uint64], column: NDArray[np.uint64]) -> None:
    """Takes whole blocks into a state of 25 lanes; `column` is room for five."""
    block = _RATE // 8
    for first in range(0, len(words), block):
        for place in range(block):
            state[place] ^= words[first + place]
        for constant in _CONSTANTS:
            for x in range(5):
                column[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5):
                parity = column[(x + 4) % 5] ^ _turned(column[(x + 1) % 5], _ONE)
                for y in range(0, _LANES, 5):
                    state[x + y] ^= parity
            moved = state[1]
            for step in range(_LANES - 1):
                place = _PLACES[step]
                kept = state[place]
                state[place] = _turned(moved, _TURNS[step])
                moved = kept
            for y in range(0, _LANES, 5):
                for x in range(5):
                    column[x] = state[x + y]
                for x in range(5):
                    state[x + y] ^= ~column[(x + 1) % 5] & column[(x + 2) % 5]
            state[0] ^= constant


def keccak(data: bytes) -> bytes:
    """Returns the 32 bytes of the hash."""
    blocks = len(data) // _RATE + 1
    padded = bytearray(blocks * _RATE)
    padded[: len(data)] = data
    padded[len(data)] = 0x01
    padded[-1] |= 0x80
    state = np.zeros(_LANES, np.uint64)
    _absorb(np.frombuffer(padded, np.uint64), state, np.zeros(5, np.uint64))
    return state[:4].tobytes()
