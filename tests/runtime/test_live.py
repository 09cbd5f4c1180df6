"""The compiled half of a live desk: what it lays into the journal's buffer, and what it refuses to take.

What is tested: `quarterdeck.runtime.live`.
"""

import numpy as np
import pytest

from quarterdeck.journal.checks import failing_records
from quarterdeck.kernel.account import new_events, new_state
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.stamping import BASE, CURSOR_WORDS, NEXT, ROOM
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.live import LiveLoop
from quarterdeck.strategies.asking import ASKS


def loop() -> tuple[LiveLoop, np.ndarray, np.ndarray]:
    buffer, cursor = np.zeros(8, EVENT), np.zeros(CURSOR_WORDS, np.int64)
    cursor[NEXT], cursor[BASE], cursor[ROOM] = 100, 98, 6
    return LiveLoop(new_state(), buffer, cursor), buffer, cursor


@pytest.mark.parametrize(
    "kind", [EventKind.NONE, EventKind.SEAL, EventKind.CONTINUATION, EventKind.NOTE, EventKind.SUBMIT, 8, 255]
)
def test_what_is_not_an_input_is_neither_laid_nor_applied(kind: int) -> None:
    live, buffer, cursor = loop()
    event = new_events(1)
    event["kind"] = kind
    assert live.take(live.context, event, 0) == -kind
    assert cursor.tolist() == [100, 98, 6]
    assert not buffer.tobytes().strip(b"\0")


def test_events_and_asks_lie_one_behind_the_other_stamped_for_their_places() -> None:
    live, buffer, cursor = loop()
    events, asks = new_events(2), np.zeros(ASKS, EVENT)
    events["kind"], events["time_ns"] = EventKind.CLOCK, (5, 7)
    asks["kind"][:2] = EventKind.CANCEL_REQUEST
    context = live.asker(asks, 0)
    assert [live.take(live.context, events, index) for index in range(2)] == [EventKind.CLOCK] * 2
    live.take_asks(context, 2)
    assert cursor.tolist() == [104, 98, 2]
    assert not len(failing_records(buffer[2:6], 100))
    assert buffer["time_ns"][2:6].tolist() == [5, 7, 7, 7]
    assert buffer["strategy"][4:6].tolist() == [0, 0]
