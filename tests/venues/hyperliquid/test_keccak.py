"""What is tested: `quarterdeck.venues.hyperliquid.keccak`, against the libraries'."""

import pytest
from eth_utils.crypto import keccak as witness
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.hyperliquid.keccak import keccak


@given(st.binary(max_size=700))
def test_it_is_the_libraries(data: bytes) -> None:
    assert keccak(data) == witness(data)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 134, 135, 136, 137, 271, 272, 273])
def test_around_the_end_of_a_block(length: int) -> None:
    for byte in (0x00, 0x01, 0x80, 0xFF):
        assert keccak(bytes([byte]) * length) == witness(bytes([byte]) * length)


def test_known_hashes() -> None:
    """Of nothing, as Ethereum knows it, and of the word that its documentation hashes."""
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak(b"hello").hex() == "1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"
