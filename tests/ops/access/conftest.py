"""Gates that are closed when a test ends."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from quarterdeck.ops.access import people
from tests.ops.access.rig import Rig


@pytest.fixture
def full_cost() -> None:
    """Asked for by who tests what a password costs."""


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2 at the least cost: what is tested is who gets in, not how long it takes."""
    if "full_cost" not in request.fixturenames:
        monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        people.nobodys_hash.cache_clear()


@pytest.fixture
def make(tmp_path: Path) -> Generator[Callable[..., Rig], None, None]:
    """Makes gates: each call one, in a folder of its own."""
    made: list[Rig] = []

    def call(**settings: Any) -> Rig:
        folder = tmp_path / f"ops{len(made)}"
        made.append(Rig(folder, **settings))
        return made[-1]

    yield call
    for rig in made:
        rig.close()
