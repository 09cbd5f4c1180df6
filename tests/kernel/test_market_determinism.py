"""The same life gives the same bytes: again, compiled or not, and with every index checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.venue_program import live

REPOSITORY = Path(__file__).resolve().parents[2]


def program(seed: int, steps: int, **environment: str) -> str:
    """What the program printed in a process of its own."""
    command = [sys.executable, "-m", "tests.kernel.venue_program", str(seed), str(steps)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_life_gives_the_same_bytes(seed: int) -> None:
    assert live(seed, 600)[1] == live(seed, 600)[1]


def test_compiled_and_uncompiled_give_the_same_bytes(seed: int) -> None:
    assert program(seed, 1200, NUMBA_DISABLE_JIT="1") == program(seed, 1200, NUMBA_DISABLE_JIT="0")


@pytest.mark.slow
def test_no_index_leaves_its_array(seed: int) -> None:
    checked = program(seed, 8000, NUMBA_BOUNDSCHECK="1", NUMBA_DISABLE_JIT="0")
    assert checked == program(seed, 8000, NUMBA_DISABLE_JIT="0", NUMBA_BOUNDSCHECK="")
