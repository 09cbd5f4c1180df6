"""The succession proof in small: see `tests.desk.succession` for what happens, `tests.desk.killed` for what is compared.

What is tested: `quarterdeck.desk.standby`, `quarterdeck.desk.seat` and `quarterdeck.desk.helm`, as live processes.
"""

from pathlib import Path

import pytest

from tests.desk.succession import HOW, prove

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("store", ["file", "postgresql"])
def test_nothing_is_lost_or_doubled_when_the_standby_goes_on(
    request: pytest.FixtureRequest, tmp_path: Path, seed: int, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue("postgres_url") if store == "postgresql" else None
    monkeypatch.setenv("DATABASE_URL", url or "")
    found = prove(tmp_path, 3, seed, url)
    assert all(how in found for how in HOW)
    assert found["orders sent"] > 0
