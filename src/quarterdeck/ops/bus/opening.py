"""Which bus there is: through the Redis that REDIS_URL names, else in this process; with a socket for the others."""

import os
from pathlib import Path

from quarterdeck.ops.bus.doorway import SOCKET_NAME
from quarterdeck.ops.bus.local import InProcessBus
from quarterdeck.ops.bus.remote import RedisBus
from quarterdeck.ops.bus.stream import REDIS_VARIABLE

__all__ = ["open_bus"]


def open_bus(folder: Path, group: str = "ops") -> InProcessBus | RedisBus:
    """Returns the bus of one process; `await bus.start()` opens it, with `folder/bus.sock`, and `close` ends both.

    `group` names the process among those that share a Redis. OpsError: REDIS_URL is no URL of one.
    """
    url, socket = os.environ.get(REDIS_VARIABLE), folder / SOCKET_NAME
    return RedisBus(url, group, socket=socket) if url else InProcessBus(socket)
