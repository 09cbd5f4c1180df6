"""Many seeds on several processes: each compiles once, and plays seed after seed."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from quarterdeck.simulation.runner import Outcome, run

__all__ = ["Figures", "play", "reproduction", "seeds_of"]

_CHUNK: Final = 5  # seeds that a worker plays at once


@dataclass(slots=True)
class Figures:
    """What a campaign came to."""

    seeds: int = 0
    steps: int = 0
    life_cycle: int = 0
    violations: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        """One line for people."""
        share = 100 * self.life_cycle / max(1, self.steps)
        return (
            f"{self.seeds} seeds, {self.steps} events ({share:.0f} % order life cycle), {self.violations} violations, "
            f"{self.seconds:.1f} s, {self.seeds / max(self.seconds, 1e-9):.1f} seeds/s"
        )


def seeds_of(text: str) -> range:
    """Returns the seeds that "A..B" (both played) or "A" means. ValueError."""
    first, _, last = text.partition("..")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds or seeds[0] < 0:
        raise ValueError(f"no seeds are in {text!r}")
    return seeds


def reproduction(outcome: Outcome, events: int) -> str:
    """Returns the line that plays a run again."""
    return f"quarterdeck sim --seeds {outcome.seed}..{outcome.seed} --events {events} --trace"


def _play_some(seeds: Sequence[int], events: int) -> list[Outcome]:
    outcomes = [run(seed, events) for seed in seeds]
    return [outcome if outcome.violation else replace(outcome, trace=()) for outcome in outcomes]


def play(
    seeds: Sequence[int], events: int, workers: int, *, told: Callable[[Outcome], None], first_only: bool = False
) -> Figures:
    """Plays all seeds, in order; `told` gets each outcome, with a trace where something was violated.

    With `first_only` it ends at the first violation.
    """
    figures, began = Figures(), time.monotonic()
    for outcome in _outcomes(seeds, events, workers):
        figures.seeds += 1
        figures.steps += outcome.steps
        figures.life_cycle += outcome.life_cycle
        figures.violations += outcome.violation is not None
        told(outcome)
        if first_only and outcome.violation is not None:
            break
    figures.seconds = time.monotonic() - began
    return figures


def _outcomes(seeds: Sequence[int], events: int, workers: int) -> Iterator[Outcome]:
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    if workers <= 1 or len(chunks) == 1:
        for chunk in chunks:
            yield from _play_some(chunk, events)
        return
    context = multiprocessing.get_context("spawn")  # a fork would carry threads of compiled code along
    with ProcessPoolExecutor(min(workers, os.cpu_count() or 1, len(chunks)), context) as pool:
        try:
            for outcomes in pool.map(_play_some, chunks, [events] * len(chunks)):
                yield from outcomes
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
