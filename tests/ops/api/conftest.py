"""One desk and one ops plane for all tests here of a worker process; they end with the last of these."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.ops.api.rig import Rig


@pytest.fixture(scope="package")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rig]:
    folder: Path = tmp_path_factory.mktemp("ops")
    rig = Rig(folder)
    try:
        rig.wait()
        yield rig
    finally:
        rig.close()


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """The shared ones, with a desk that trades: a test may have killed it before."""
    if not shared_rig.get("/api/trading/status").json()["auto_trading"] or not shared_rig.has_orders():
        shared_rig.trading_again()
    return shared_rig
