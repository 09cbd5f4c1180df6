"""Whether a leader's program and a standby's are one: what each says of itself, and the table that decides.

vocabulary   state layout   capacity   source    the standby
equal        equal          equal      equal     follows and may lead
equal        equal          equal      differs   follows; may lead once a digest of the leader's was found right
any of these three differs             any       refuses to follow, and says which
"""

from typing import Final

import msgspec

from quarterdeck import __version__
from quarterdeck.errors import DeskError
from quarterdeck.journal.schema import event_schema_hash, state_schema_hash
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.compiled import source_hash

__all__ = ["Identity", "check_same_kind", "own_identity", "read_identity"]

_SHOWN: Final = 16  # letters of a hash


class Identity(msgspec.Struct, frozen=True):
    """What a program is, as far as a state depends on it. Hashes in hexadecimal."""

    events: str
    state: str
    capacity: str
    source: str
    version: str

    @property
    def text(self) -> str:
        """As it stands in the lease."""
        return msgspec.json.encode(self).decode()


_DECIDING: Final = {"events": "event vocabulary", "state": "state layout", "capacity": "capacity"}


def own_identity() -> Identity:
    """This program's."""
    return Identity(
        event_schema_hash().hex()[:_SHOWN],
        state_schema_hash().hex()[:_SHOWN],
        CAPACITY.name,
        source_hash(),
        __version__,
    )


def read_identity(text: str) -> Identity | None:
    """Reads what stands in a lease; None where its holder said nothing. DeskError: what it says is not understood."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Identity)
    except msgspec.MsgspecError as error:
        raise DeskError(
            f"the leader says of itself what this version does not read ({error}): update this one"
        ) from error


def check_same_kind(leader: Identity | None, own: Identity) -> bool:
    """Returns whether both run the very same source; where they do not, a digest has to agree before this one leads.

    DeskError, naming what differs, when a standby's state could not be the leader's.
    """
    if leader is None:
        return False
    parts = [
        f"{words} {getattr(leader, key)} there, {getattr(own, key)} here"
        for key, words in _DECIDING.items()
        if getattr(leader, key) != getattr(own, key)
    ]
    if parts:
        raise DeskError(
            f"the leader (quarterdeck {leader.version}) and this standby ({own.version}) differ: {'; '.join(parts)}: "
            "give both the same version and configuration"
        )
    return leader.source == own.source
