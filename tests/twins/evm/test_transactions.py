"""Signed bytes are read as eth-account wrote them, and what they cost before they run is what the EVM says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from quarterdeck.twins.evm.machine import Machine
from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.transactions import decoded, intrinsic_gas
from tests.twins.evm.serving import ANN

addresses = some.binary(min_size=20, max_size=20)
lists = some.lists(some.tuples(addresses, some.lists(some.binary(min_size=32, max_size=32), max_size=3)), max_size=3)


def signed(words: dict[str, Any]) -> bytes:
    return bytes(ANN.sign_transaction(words).raw_transaction)


@settings(max_examples=60, deadline=None)
@given(
    kind=some.sampled_from((0, 1, 2)), nonce=some.integers(0, 2**63), gas=some.integers(0, 2**62),
    fees=some.tuples(some.integers(0, 2**90), some.integers(0, 2**90)), to=some.none() | addresses,
    value=some.integers(0, 2**255), data=some.binary(max_size=300), chain=some.integers(1, 2**40), access=lists,
)  # fmt: skip
def test_what_was_signed_is_read(
    kind: int,
    nonce: int,
    gas: int,
    fees: tuple[int, int],
    to: bytes | None,
    value: int,
    data: bytes,
    chain: int,
    access: Any,
) -> None:
    words: dict[str, Any] = {
        "nonce": nonce,
        "gas": gas,
        "to": to or b"",
        "value": value,
        "data": data,
        "chainId": chain,
    }
    if kind == 2:
        words |= {"type": 2, "maxFeePerGas": max(fees), "maxPriorityFeePerGas": min(fees)}
    else:
        words |= {"gasPrice": fees[0]} | ({"type": 1} if kind else {})
    if kind:
        listed = [
            {"address": "0x" + one.hex(), "storageKeys": ["0x" + slot.hex() for slot in slots]} for one, slots in access
        ]
        words["accessList"] = listed
    made = ANN.sign_transaction(words)
    read = decoded(bytes(made.raw_transaction))
    assert read.hash == "0x" + made.hash.hex()
    assert (read.sender, read.kind, read.nonce, read.gas) == (ANN.address.lower(), kind, nonce, gas)
    assert (read.to, read.value, read.data, read.chain_id) == (f"0x{to.hex()}" if to else None, value, data, chain)
    assert (read.max_fee_wei, read.priority_fee_wei) == ((max(fees), min(fees)) if kind == 2 else (fees[0], fees[0]))
    assert read.access == (tuple((f"0x{one.hex()}", tuple(slots)) for one, slots in access) if kind else ())


@settings(max_examples=200, deadline=None)
@given(raw=some.binary(max_size=200))
def test_what_nobody_signed_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        decoded(raw)


@settings(max_examples=200, deadline=None)
@given(place=some.integers(0, 400), change=some.integers(1, 255))
def test_a_changed_byte_is_refused_or_of_somebody_else(place: int, change: int) -> None:
    raw = bytearray(signed({"nonce": 1, "gas": 21_000, "to": b"7" * 20, "value": 5, "gasPrice": 9, "chainId": 1}))
    raw[place % len(raw)] ^= change
    try:
        read = decoded(bytes(raw))
    except Refused:
        return
    assert read.sender != ANN.address.lower()


def test_the_other_half_of_a_signature_is_refused() -> None:
    """EIP-2: each signature has a twin that recovers the same sender; only one of them is taken."""
    words = {"nonce": 1, "gas": 21_000, "to": b"7" * 20, "value": 5, "gasPrice": 9, "chainId": 1}
    made = ANN.sign_transaction(words)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    other = bytes(made.raw_transaction).replace(made.s.to_bytes(32), (order - made.s).to_bytes(32))
    other = other.replace(bytes([made.v]), bytes([75 - made.v]), 1)
    with pytest.raises(Refused):
        decoded(other)


@pytest.mark.parametrize("data", [b"", b"\0" * 40, bytes(range(200)), b"\0\1" * 77])
def test_intrinsic_gas_is_the_machines(data: bytes) -> None:
    sender, receiver = "0x" + "aa" * 20, "0x" + "bb" * 20
    machine = Machine(1)
    machine.give(sender, 10**18)
    gas = intrinsic_gas(data, create=False)
    assert machine.call(sender, receiver, data, gas=gas).success
    assert machine.call(sender, receiver, data, gas=gas).gas_used == gas
    assert machine.call(sender, receiver, data, gas=gas - 1).halt == "intrinsic gas too low"
