"""What is kept of the tape, though the tape is written over between two takings."""

import numpy as np

from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.research.recording import Recording


def test_fills_and_orders_outlive_the_tape() -> None:
    recording = Recording()
    tape = new_events(4)
    for turn in range(3):
        tape["kind"] = [EventKind.BAR, EventKind.ORDER_REQUEST, EventKind.FILL, EventKind.FILL]
        tape["strategy"] = [0, turn, turn, 0]
        tape["price"] = [1, 2, 100 + turn, 200 + turn]
        tape["quantity"] = 5
        tape["flags"] = [0, 0, Flag.SELL, 0]
        recording.take(tape)
    tape["kind"] = EventKind.NONE
    tape["price"] = -1
    fills = recording.fills()
    assert fills.price.tolist() == [100, 200, 101, 201, 102, 202]
    assert fills.side.tolist() == [-1, 1] * 3
    assert fills.strategy.tolist() == [0, 0, 1, 0, 2, 0]
    assert recording.orders() == {0: 1, 1: 1, 2: 1}
    assert recording.records == 12


def test_a_recording_without_anything_is_empty() -> None:
    recording = Recording()
    recording.take(new_events(0))
    assert len(recording.fills()) == 0
    assert recording.orders() == {}
    assert recording.fills().price.dtype == np.int64
    assert not recording.seal_due
