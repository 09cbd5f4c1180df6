"""Compiles the kernel ahead of need: before a lease is taken, before tests run in parallel, while an image is built."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.account import apply, new_actions, new_events, new_state
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.engine import SimulatedEngine

__all__ = ["compile_kernel"]


def _forget(_tape: NDArray[np.void]) -> None:
    """A sink that keeps nothing."""


def compile_kernel() -> str:
    """Puts all compiled code of this version and capacity on disk; returns the hash that it is kept by."""
    events = new_events(2)
    events["kind"] = EventKind.CLOCK
    events["instrument"] = -1
    events["strategy"] = -1
    cast(Any, apply)(new_state(), events, 0, new_actions())
    for sink in (None, _forget):
        engine = SimulatedEngine(new_market(), sink)
        engine.feed(events)  # as plain Python strategies are fed
        engine.bind(())
        engine.feed(events)  # as compiled ones are
    return source_hash()
