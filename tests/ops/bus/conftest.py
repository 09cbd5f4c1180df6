"""One Redis for the module that asks."""

from collections.abc import Generator

import pytest

from tests.ops.bus.rig import Redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Redis, None, None]:
    made = Redis(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture
def redis(server: Redis) -> Redis:
    """That Redis, running and empty."""
    import redis as library

    if not server.alive:
        server.start()
    with library.Redis.from_url(server.url) as line:
        line.flushall()
    return server
