"""Whole desks, simulated. What is tested: `quarterdeck.simulation.runner`, `.world`, `.faults`, `.process`,
`quarterdeck.simulation.standing_by`, `quarterdeck.simulation.eyes`, `quarterdeck.simulation.venue`,
`quarterdeck.simulation.faults`, `quarterdeck.simulation.process`, `quarterdeck.simulation.world`,
`quarterdeck.simulation.desk`, `quarterdeck.simulation.campaign` and `quarterdeck.cli.simulation`.

The small capacity is chosen before the kernel is imported, so each of these runs in a process of its own.
"""

import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest

from quarterdeck.simulation.campaign import Figures, reproduction, seeds_of
from quarterdeck.simulation.runner import Outcome

EVENTS = 1_000
RANDOM = random.SystemRandom().randrange(10**6, 10**9)


def sim(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from quarterdeck.cli import main; main()", "sim", *words]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)


def played(first: int, last: int, hash_seed: str = "0") -> dict[str, Any]:
    words = ("--seeds", f"{first}..{last}", "--events", str(EVENTS), "--workers", "1", "--json")
    done = sim(*words, hash_seed=hash_seed)
    assert done.stdout.startswith("{"), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if found["violations"] else 0)
    return found


def check(found: dict[str, Any], seeds: int) -> None:
    assert not found["found"], json.dumps(found["found"], indent=1)
    assert found["seeds"] == seeds
    assert found["steps"] >= EVENTS * seeds
    assert found["life_cycle"] >= 0.3 * found["steps"], "too little of it is about orders"


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 51, 101, 151, 201, 251])
def test_nothing_is_lost(first: int) -> None:
    check(played(first, first + 49), 50)


@pytest.mark.slow
@pytest.mark.parametrize("first", [RANDOM, RANDOM + 50], ids=["random", "random, second half"])
def test_nothing_is_lost_in_seeds_that_nobody_has_seen(first: int) -> None:
    sys.stdout.write(f"again: quarterdeck sim --seeds {first}..{first + 49} --events {EVENTS}\n")
    check(played(first, first + 49), 50)


def test_the_same_seeds_are_the_same_runs_bit_for_bit() -> None:
    one, two, other = played(7, 10, "1"), played(7, 10, "2"), played(11, 14)
    assert one["digest"] == two["digest"] != other["digest"]


def test_a_range_of_seeds_is_read_and_nonsense_is_refused() -> None:
    assert list(seeds_of("3..5")) == [3, 4, 5]
    assert list(seeds_of("7")) == [7]
    for text in ("5..3", "a..b", "", "-4..-2"):
        with pytest.raises(ValueError, match=r"."):
            seeds_of(text)
    done = sim("--seeds", "x")
    assert done.returncode == 2
    assert "A..B" in done.stderr


def test_a_failing_seed_says_how_it_is_played_again() -> None:
    outcome = Outcome(4711, 1_000, 400, "", "something", ())
    assert reproduction(outcome, 1_000) == "quarterdeck sim --seeds 4711..4711 --events 1000 --trace"
    assert outcome.life_cycle_share == 0.4
    line = Figures(seeds=2, steps=2_000, life_cycle=800, violations=1, seconds=4.0).line()
    assert "2 seeds, 2000 events (40 % order life cycle), 1 violations, 4.0 s, 0.5 seeds/s" in line
