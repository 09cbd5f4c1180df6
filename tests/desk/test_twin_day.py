"""The twin-day proof in small: see `tests.desk.twin_day` for what is compared. `make proof-desks` does ten hours.

What is tested: `quarterdeck.desk.twinned`, `quarterdeck.desk.pace` and `quarterdeck.desk.live`, with real sockets.
"""

from pathlib import Path

import pytest

from tests.desk.twin_day import Day


@pytest.mark.slow
def test_a_desk_and_its_twin_agree_after_some_minutes_of_a_fast_market(tmp_path: Path) -> None:
    day = Day("xrpliquid", tmp_path, speed=60, seed=11)
    day.trade(hours=5, fills=3)
    day.check()
