"""What is remembered of an attempt: the exact words behind the events that the kernel sees.

The kernel counts scaled 64-bit units. Whatever is exact (whole units of a token, wei) or long (hashes, routes,
reasons) stands in one of these records, which ride as JSON in NOTE records of the journal, ahead of the events that
they explain. An attempt is told by its `order_id`, what discovery proposed by its `plan` (the `tag` of the order that
took it up).

    Proposed   discovery found it, at this block
    Unsent     it was asked for, and the proof or a limit refused it: nothing was sent
    Sent       a transaction of it left (again, with other fees, when it was replaced)
    Included   it stands in a block: it earned, or it reverted and cost its gas
    Dropped    a transaction of it was replaced, or never mined
    Orphaned   the block that it stood in is no longer part of the chain

Amounts are decimal strings of whole units, because JSON's readers lose what is above 53 bits.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from quarterdeck.errors import DataError

__all__ = [
    "Amount",
    "Dropped",
    "Included",
    "Leg",
    "Orphaned",
    "Proposed",
    "Record",
    "Sent",
    "Unsent",
    "decode",
    "encode",
]

Amount: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(0|-?[1-9][0-9]*)$")]
"""Whole units of a token or wei, exactly: `str` of a Python int."""


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One swap of a route: `amount_in` of the token `source` into `amount_out` of `target`."""

    pool: str
    kind: str
    source: str
    target: str
    amount_in: Amount
    amount_out: Amount


class _Record(msgspec.Struct, frozen=True, tag_field="what", tag=True, kw_only=True):
    """Named in its JSON by `what`. Addresses and hashes are 0x strings, times UTC nanoseconds."""


class Proposed(_Record, frozen=True):
    """What discovery found at `block`: `amount` of `token` borrowed from `lender` comes back as `returned`.

    `cost` is what discovery took off for gas and margin, in units of `token`; `gas` is the gas that it expects.
    """

    plan: int
    block: int
    at_ns: int
    token: str
    lender: str
    lender_kind: str
    amount: Amount
    premium: Amount
    returned: Amount
    gas: int
    cost: Amount
    legs: tuple[Leg, ...]


class Sent(_Record, frozen=True):
    """A signed transaction left, to a relay (`private`) or to the public; `block` was the newest one then."""

    order_id: int
    plan: int
    hash: str
    nonce: int
    gas_limit: int
    max_fee_wei: Amount
    priority_fee_wei: Amount
    private: bool
    block: int
    at_ns: int


class Included(_Record, frozen=True):
    """It stands in a block. `gross` is what the swaps earned before the premium, `net` is `gross` less `premium`.

    Gas is apart: `gas_wei` is `gas_used` times `gas_price_wei`, in the chain's native coin. Of a reverted transaction
    `success` is False, `gross`, `premium` and `net` are 0 and `reason` says why; of a good one `reason` is empty.
    The times say when it was found, sent, included (the block's own time is `at_ns`) and deep enough to count.
    """

    order_id: int
    plan: int
    hash: str
    block: int
    block_hash: str
    success: bool
    gas_used: int
    gas_price_wei: Amount
    gas_wei: Amount
    token: str
    amount: Amount
    premium: Amount
    gross: Amount
    net: Amount
    reason: str
    at_ns: int
    detected_ns: int
    sent_ns: int
    confirmed_ns: int


class Orphaned(_Record, frozen=True):
    """The block that it stood in is no longer part of the chain: what was booked for it is taken back."""

    order_id: int
    hash: str
    block: int
    block_hash: str
    at_ns: int


class Dropped(_Record, frozen=True):
    """This transaction can no longer be mined: another one took its nonce."""

    order_id: int
    hash: str
    reason: str
    at_ns: int


class Unsent(_Record, frozen=True):
    """Refused by the proof or by a limit: nothing was sent, nothing was paid."""

    order_id: int
    plan: int
    reason: str
    at_ns: int


Record: TypeAlias = Proposed | Sent | Included | Orphaned | Dropped | Unsent

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Record)
_OURS: Final = tuple(
    f'{{"what":"{kind.__name__}"'.encode() for kind in (Proposed, Sent, Included, Orphaned, Dropped, Unsent)
)


def encode(record: Record) -> str:
    """The record as one line of JSON that begins with its name."""
    return _ENCODER.encode(record).decode()


def decode(text: str | bytes) -> Record | None:
    """The record that `text` is; None for any other note. DataError where it begins as one and is none."""
    raw = text.encode() if isinstance(text, str) else text
    if not raw.startswith(_OURS):
        return None
    try:
        return _DECODER.decode(raw)
    except msgspec.MsgspecError as error:
        shown = raw[:60].decode(errors="replace")
        raise DataError("journal", f"the note {shown!r} is no record of an attempt ({error})") from None
