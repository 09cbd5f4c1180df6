"""What every test may rely on: a small kernel, one printed seed, and recorded market data where there is some."""

import os
import random
from collections.abc import Generator
from pathlib import Path

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")  # read once, when the kernel is imported

import hypothesis
import pytest

from tests import servers

REPOSITORY = Path(__file__).resolve().parent.parent
SEED_VARIABLE = "QUARTERDECK_TEST_SEED"
CI = bool(os.environ.get("CI"))

# Worker processes inherit the environment, so all of one run share the seed.
SEED = int(os.environ.setdefault(SEED_VARIABLE, "20240501" if CI else str(random.SystemRandom().randrange(2**31))))

# CI derandomizes: a change that did not cause a failure must not be stopped by it. Elsewhere each run searches anew.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, database=None)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "dev")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not CI and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(SEED)
    if not hasattr(config, "workerinput"):  # a worker uses the servers of the run that it belongs to
        run = servers.Run()
        os.environ[servers.FOLDER_VARIABLE] = str(run.folder)
        config.add_cleanup(run.end)


def pytest_report_header() -> str:
    capacity = os.environ["QUARTERDECK_CAPACITY"]
    return f"quarterdeck: capacity {capacity}, seed {SEED} ({SEED_VARIABLE}={SEED} repeats this run)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"{SEED_VARIABLE}={SEED} repeats this run")


@pytest.fixture
def postgres_url() -> Generator[str, None, None]:
    """URL of a fresh database in a real PostgreSQL; psycopg 3 and SQLAlchemy 2.1 take it as it is."""
    with servers.fresh_database(servers.server_url(Path(os.environ[servers.FOLDER_VARIABLE]))) as url:
        yield url


@pytest.fixture(scope="session")
def seed() -> int:
    """Seed of every generator that a test makes itself."""
    return SEED


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder of recorded market data: QUARTERDECK_MARKET_DATA, else beside the repository."""
    folder = Path(os.environ.get("QUARTERDECK_MARKET_DATA") or REPOSITORY.parent / "shared" / "data" / "market")
    if not folder.is_dir():
        pytest.skip(f"no recorded market data at {folder}; QUARTERDECK_MARKET_DATA names another folder")
    return folder
