"""The loop between kernel and simulated venue, and what compiles it."""

from typing import Any

import numpy as np

from quarterdeck.kernel.account import new_actions, new_events, new_state
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.exchange import TAPE_MARGIN, new_asks, new_reports, new_tape, run, step_context, step_one
from quarterdeck.runtime.warmup import compile_kernel


def _clocks(count: int) -> Any:
    events = new_events(count)
    events["kind"] = EventKind.CLOCK
    events["instrument"] = events["strategy"] = -1
    events["time_ns"] = np.arange(count)
    return events


def test_what_is_applied_is_laid_on_the_tape_in_order() -> None:
    events, tape = _clocks(5), new_tape()
    nobody: Any = np.zeros(0, np.int64)
    done = run(new_state(), new_market(), events, 1, 4, new_reports(), new_actions(), new_asks(), tape, nobody, nobody)
    assert done == (4, 3, -1)
    assert tape[:3].tobytes() == events[1:4].tobytes()


def test_a_nearly_full_tape_stops_the_run_before_anything_is_lost() -> None:
    events, tape = _clocks(5), new_tape(TAPE_MARGIN + 2)
    nobody: Any = np.zeros(0, np.int64)
    done = run(new_state(), new_market(), events, 0, 5, new_reports(), new_actions(), new_asks(), tape, nobody, nobody)
    assert done == (3, 3, -1)


def test_a_step_from_python_says_reports_and_tape_in_one_number() -> None:
    states, events = new_state(), _clocks(3)
    arrays = (states, new_market(), new_reports(), new_actions(), new_tape(), events)
    context = step_context(*arrays)
    assert step_one(context, 1, 7) == 8
    assert states[0]["time_ns"] == 1
    assert arrays[4][7].tobytes() == events[1].tobytes()


def test_compiling_ahead_answers_with_the_hash_that_code_is_kept_by() -> None:
    assert compile_kernel() == source_hash()
