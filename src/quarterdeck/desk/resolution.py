"""What follows from a venue's word on an order: one decision table, where the order stands here x what the venue says.

The table is written out in full. Beside it stand two rules that depend on figures: an order that the venue has filled
further than we know is not closed before its fills are here; and what came unasked may be old, so that a working order
which is closed here is asked for before it is believed.
"""

from enum import Enum
from typing import Final

from quarterdeck.kernel.vocabulary import OrderStatus

__all__ = ["LOCAL", "RESOLUTIONS", "SAID", "Local", "Resolution", "Said", "resolve"]


class Local(Enum):
    """Where an order stands here."""

    ABSENT = "absent"  # an id of ours that the table of orders does not hold
    SENT = "sent"  # no word from the venue yet
    WORKING = "working"
    UNKNOWN = "unknown"
    CLOSED = "closed"


class Said(Enum):
    """What the venue says of it."""

    NOT_FOUND = "not found"
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Resolution(Enum):
    """What is done."""

    AGREE = "agree"  # nothing: both say the same, or the end is known
    ACCEPT = "accept"  # it arrived and works
    MISS = "miss"  # the venue does not know it: a second such answer ends it
    FILLS = "fills"  # it arrived and is filled: the fills are asked for, and they alone close it
    CANCEL = "cancel"  # it ended, by a cancel
    REJECT = "reject"
    EXPIRE = "expire"
    STRAY = "stray"  # it works there and is closed here: it is cancelled there
    ADOPT = "adopt"  # ours, but the journal lost it: it counts again, under its own id


LOCAL: Final = {
    OrderStatus.SUBMITTED: Local.SENT,
    OrderStatus.ACCEPTED: Local.WORKING,
    OrderStatus.PARTIALLY_FILLED: Local.WORKING,
    OrderStatus.UNKNOWN: Local.UNKNOWN,
    OrderStatus.FILLED: Local.CLOSED,
    OrderStatus.CANCELED: Local.CLOSED,
    OrderStatus.REJECTED: Local.CLOSED,
    OrderStatus.EXPIRED: Local.CLOSED,
}
SAID: Final = {
    OrderStatus.ACCEPTED: Said.WORKING,
    OrderStatus.PARTIALLY_FILLED: Said.WORKING,
    OrderStatus.FILLED: Said.FILLED,
    OrderStatus.CANCELED: Said.CANCELED,
    OrderStatus.REJECTED: Said.REJECTED,
    OrderStatus.EXPIRED: Said.EXPIRED,
}

_agree, _accept, _miss, _fills = Resolution.AGREE, Resolution.ACCEPT, Resolution.MISS, Resolution.FILLS
_cancel, _reject, _expire = Resolution.CANCEL, Resolution.REJECT, Resolution.EXPIRE
_stray, _adopt = Resolution.STRAY, Resolution.ADOPT

# fmt: off
_COLUMNS: Final =   (Local.ABSENT, Local.SENT, Local.WORKING, Local.UNKNOWN, Local.CLOSED)
_ROWS: Final = {
    Said.NOT_FOUND: (_agree,       _miss,      _miss,         _miss,         _agree),
    Said.WORKING:   (_adopt,       _accept,    _agree,        _accept,       _stray),
    # An absent order that ended was forgotten here, or never known: its fills are found by the account's own list.
    Said.FILLED:    (_agree,       _fills,     _fills,        _fills,        _agree),
    Said.CANCELED:  (_agree,       _cancel,    _cancel,       _cancel,       _agree),
    Said.REJECTED:  (_agree,       _reject,    _reject,       _reject,       _agree),
    Said.EXPIRED:   (_agree,       _expire,    _expire,       _expire,       _agree),
}
# fmt: on

RESOLUTIONS: Final = {
    (local, said): cell for said, row in _ROWS.items() for local, cell in zip(_COLUMNS, row, strict=True)
}


def resolve(local: OrderStatus | None, said: OrderStatus | None) -> Resolution:
    """Returns what follows. `local` None: the order is not in the table; `said` None: the venue does not know it."""
    here = Local.ABSENT if local is None else LOCAL[local]
    there = Said.NOT_FOUND if said is None else SAID[said]
    return RESOLUTIONS[here, there]
