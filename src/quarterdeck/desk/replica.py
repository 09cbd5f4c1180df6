"""A second state that follows the journal behind the trading path: what it hears becomes logs and words for people.

It applies the same records in the same order, so at every record it stands where the desk stood, and the desk's own
path need not say anything. A replica that has another digest than its desk would be a broken kernel: it is looked at.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.account import apply, digest, new_actions, new_state
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.kernel.vocabulary import EventKind

__all__ = ["Follower", "Replica"]

Follower = Callable[[Any, int], None]
_SPOKEN: Final = frozenset(
    (
        *range(EventKind.ORDER_REQUEST, EventKind.REPLACE_REQUEST + 1),
        *range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_ADOPTED + 1),
        *range(EventKind.CONNECTION, EventKind.RECONCILED + 1),
        *range(EventKind.PAUSE, EventKind.THROTTLE_RESET + 1),
        EventKind.ACKNOWLEDGE,
        EventKind.FUNDING,
        EventKind.SESSION_START,
        EventKind.SESSION_END,
    )
)


class Replica:
    """Follows a desk. `hear` is called with each journaled record of interest and each action, and its sequence."""

    def __init__(self, hear: Follower) -> None:
        self.states: Records[State] = new_state()
        self._actions = new_actions()
        self._hear = hear

    def begin(self, states: Records[State]) -> None:
        """Takes over the state that a desk starts from."""
        cast(Any, self.states)[0] = cast(Any, states)[0]

    @property
    def digest(self) -> bytes:
        return digest(self.states)

    def follow(self, records: NDArray[np.void], sequence: int) -> None:
        """Applies records, the first of which stands at `sequence` of the journal."""
        states, actions, hear = self.states, self._actions, self._hear
        events = cast(Any, records)
        for index, kind in enumerate(events["kind"].tolist()):
            said = apply(states, events, index, cast(Any, actions))
            if kind in _SPOKEN:
                hear(events[index], sequence + index)
            for place in range(said):
                hear(actions[place], sequence + index)
