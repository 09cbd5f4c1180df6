"""The life cycle of an order, as one decision table: status x report -> status, effect.

Rows and columns are written out in full; a cell that cannot happen says so (ANOMALY) and changes nothing. Two rules
stand beside the table, because they depend on what was filled: an order that comes back from UNKNOWN as ACCEPTED with
fills is PARTIALLY_FILLED, and one that is REJECTED with fills was in truth CANCELED.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.vocabulary import Effect, OrderStatus, Report

__all__ = ["EFFECT", "LIFE_CYCLE", "NEXT_STATUS", "is_open", "next_status"]

_N, _S, _A, _P, _U = (
    OrderStatus.NONE,
    OrderStatus.SUBMITTED,
    OrderStatus.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.UNKNOWN,
)
_F, _C, _R, _E = OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED
_STATUSES: Final = (_S, _A, _P, _U, _F, _C, _R, _E)

_none, _go, _fill, _done = Effect.NOTHING, Effect.ADVANCE, Effect.FILL, Effect.FILL_AND_CLOSE
_close, _late, _amend, _clear, _odd = (
    Effect.CLOSE,
    Effect.LATE_FILL,
    Effect.AMEND,
    Effect.CLEAR_PENDING,
    Effect.ANOMALY,
)

# fmt: off
# One row per report; the columns are the status the order is in. Why is said beside the row.
_TABLE: Final = {
    # report                  SUBMITTED     ACCEPTED      PARTIALLY_F.  UNKNOWN       FILLED        CANCELED      REJECTED      EXPIRED
    # A late acknowledgement is old news, but one after a reject means the venue holds what it refused.
    Report.ACCEPTED:         ((_A, _go),    (_A, _none),  (_P, _none),  (_A, _go),    (_F, _none),  (_C, _none),  (_R, _odd),   (_E, _none)),
    # A fill is a fact whatever we believed; a closed order stays closed unless the fill completes it.
    Report.PARTIAL_FILL:     ((_P, _fill),  (_P, _fill),  (_P, _fill),  (_P, _fill),  (_F, _late),  (_C, _late),  (_R, _late),  (_E, _late)),
    Report.FULL_FILL:        ((_F, _done),  (_F, _done),  (_F, _done),  (_F, _done),  (_F, _late),  (_F, _late),  (_F, _late),  (_F, _late)),
    Report.CANCELED:         ((_C, _close), (_C, _close), (_C, _close), (_C, _close), (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
    # Some venues accept first and reject later.
    Report.REJECTED:         ((_R, _close), (_R, _close), (_C, _close), (_R, _close), (_F, _odd),   (_C, _none),  (_R, _none),  (_E, _none)),
    Report.EXPIRED:          ((_E, _close), (_E, _close), (_E, _close), (_E, _close), (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
    # Silence is not an answer: the order keeps counting until the venue has spoken.
    Report.UNKNOWN:          ((_U, _go),    (_U, _go),    (_U, _go),    (_U, _none),  (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
    # Asked too early, or gone from the open orders: only a second "not found", asked for an UNKNOWN order, ends it.
    Report.NOT_FOUND:        ((_U, _go),    (_U, _go),    (_U, _go),    (_R, _close), (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
    Report.REPLACED:         ((_A, _amend), (_A, _amend), (_P, _amend), (_A, _amend), (_F, _none),  (_C, _odd),   (_R, _odd),   (_E, _odd)),
    Report.CANCEL_REJECTED:  ((_S, _clear), (_A, _clear), (_P, _clear), (_U, _clear), (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
    Report.REPLACE_REJECTED: ((_S, _clear), (_A, _clear), (_P, _clear), (_U, _clear), (_F, _none),  (_C, _none),  (_R, _none),  (_E, _none)),
}
# fmt: on

LIFE_CYCLE: Final = {
    (status, report): cell for report, row in _TABLE.items() for status, cell in zip(_STATUSES, row, strict=True)
}


def _column(place: int, otherwise: int) -> NDArray[np.int64]:
    cells = np.full((len(OrderStatus), len(Report)), otherwise, np.int64)
    for (status, report), cell in LIFE_CYCLE.items():
        cells[status, report] = cell[place]
    return cells


NEXT_STATUS: Final = _column(0, OrderStatus.NONE)
EFFECT: Final = _column(1, Effect.ANOMALY)


@compiled
def is_open(status: int) -> bool:
    """Whether an order in this status still counts: it works, or nobody knows that it does not."""
    return OrderStatus.SUBMITTED <= status <= OrderStatus.UNKNOWN


@compiled
def next_status(status: int, report: int, filled: int) -> int:
    """The status after a report, with the two rules that depend on fills."""
    following = NEXT_STATUS[status, report]
    if filled > 0 and following != status:
        if following == OrderStatus.ACCEPTED:
            return OrderStatus.PARTIALLY_FILLED.value
        if following == OrderStatus.REJECTED:
            return OrderStatus.CANCELED.value
    return following
