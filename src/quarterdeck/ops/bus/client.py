"""Publishing from another process, as a runbook does it:

    from quarterdeck.ops.bus.client import BUS
    asyncio.run(BUS.publish("metrics.update", {"pnl_unrealized": -150}))

Through the Redis of REDIS_URL where that is set, else through the socket of the ops plane: of the folder that
QUARTERDECK_OPS names, or of the ops.toml here, above, or in ./desks.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus.doorway import SOCKET_NAME
from quarterdeck.ops.bus.events import new_event
from quarterdeck.ops.bus.stream import REDIS_VARIABLE, EventStream, RedisError
from quarterdeck.venues.addresses import reachable

__all__ = ["BUS", "OPS_VARIABLE", "BusClient", "bus_socket"]

OPS_VARIABLE: Final = "QUARTERDECK_OPS"
_PLACES: Final = (".", "..", "desks", "../..")
_TIMEOUT_S: Final = 5.0
_LENGTH_MAX: Final = 100_000


class BusClient:
    """Publishes for a process that has no bus of its own."""

    async def publish(self, topic: str, data: Mapping[str, Any], desk: str = "") -> str:
        """Returns the event's id once it is taken. OpsError: nobody takes it, no topic, data that cannot travel."""
        event = new_event(topic, data, desk, None, None, 0)
        url = os.environ.get(REDIS_VARIABLE)
        if not url:
            return await _by_socket(bus_socket(), {"topic": topic, "data": data, "desk": desk})
        stream = EventStream(url, _LENGTH_MAX, _TIMEOUT_S)
        try:
            await stream.add(event, "client")
        except (RedisError, OSError) as error:
            raise OpsError(f"{stream.name} does not answer: {topic} was not published") from error
        finally:
            await stream.close()
        return event.id


BUS: Final = BusClient()


def bus_socket() -> Path:
    """Returns the socket of the ops plane that is meant. OpsError: none is running."""
    named = os.environ.get(OPS_VARIABLE)
    tried = [Path(named)] if named else [Path(place) for place in _PLACES if (Path(place) / "ops.toml").is_file()]
    for folder in tried:
        for path in (folder / "ops" / SOCKET_NAME, folder / SOCKET_NAME):
            if path.exists():
                return path
    where = ", ".join(map(str, tried)) or "here, above or in ./desks"
    raise OpsError(f"no ops plane runs ({where}): start it with `quarterdeck ops`, or name a Redis by {REDIS_VARIABLE}")


async def _by_socket(path: Path, said: Mapping[str, Any]) -> str:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            with reachable(path) as name:
                reader, writer = await asyncio.open_unix_connection(name)
            try:
                writer.write(msgspec.json.encode(said) + b"\n")
                await writer.drain()
                answer = msgspec.json.decode(await reader.readline(), type=dict[str, Any])
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, msgspec.MsgspecError) as error:
        raise OpsError(f"{path}: the ops plane does not answer: start it with `quarterdeck ops`") from error
    if not answer.get("ok"):
        raise OpsError(str(answer.get("error", "the ops plane refused without a word")))
    return str(answer["id"])
