"""The kill proof in small: see `tests.desk.killed` for what is compared. `make proof-kill` does a hundred.

What is tested: `quarterdeck.desk.live`, `quarterdeck.desk.loop` and `quarterdeck.twins.practice`, as processes.
"""

from pathlib import Path

import pytest

from tests.desk.killed import prove


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path, seed: int) -> None:
    found = prove(tmp_path / "desk", 3, seed)
    assert sum(found["kills"].values()) == 3
    assert found["orders sent"] > 0
