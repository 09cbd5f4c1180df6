"""The Redis stream behind a bus: one entry for each event, a consumer group for each process, and room that is bounded.

An entry goes when every group has acknowledged it. Where the stream is full of entries that somebody has not read,
publishers wait; after their patience the oldest tenth goes all the same, and each group is told how many it lost.
"""

import asyncio
import time
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec
from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from quarterdeck.errors import OpsError
from quarterdeck.ops.bus.events import BusEvent

__all__ = ["REDIS_VARIABLE", "STREAM", "EventStream", "RedisError", "plain_url"]

REDIS_VARIABLE: Final = "REDIS_URL"
STREAM: Final = "quarterdeck:bus"
_LOST: Final = STREAM + ":lost:"
_TIMEOUT_S: Final = 5.0
_BLOCK_MS: Final = 1000
_COUNT: Final = 256
_LOOK_EVERY: Final = 64  # entries between two looks at the stream's length
_POLL_S: Final = 0.02
_CUT_SHARE: Final = 0.1


def plain_url(url: str) -> str:
    """Where a Redis is, without its password. OpsError: it is no URL of a Redis."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        raise OpsError(f"{REDIS_VARIABLE} is no URL: write redis://HOST:PORT/0") from None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise OpsError(f"{REDIS_VARIABLE} is no URL of a Redis: write redis://HOST:PORT/0")
    return f"{parts.scheme}://{parts.path}" if parts.scheme == "unix" else f"{parts.scheme}://{parts.hostname}:{port}"


class EventStream:
    """One connection pool to one stream. Every method raises RedisError where Redis cannot be reached."""

    def __init__(self, url: str, length_max: int, patience_s: float) -> None:
        self.name = plain_url(url)
        options: dict[str, Any] = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
        options["retry"] = cast(Any, Retry)(NoBackoff(), 0)  # who publishes decides about that, and says it
        self._redis = cast(Any, redis_asyncio).Redis.from_url(url, **options)  # its types are unfinished
        self._length_max, self._patience_s = length_max, patience_s
        self._until_look = 0
        self.waits = 0  # how often a publisher waited for readers

    async def add(self, event: BusEvent, sender: str) -> None:
        """Appends an event; waits while the stream is full of what somebody has not read, at most the patience."""
        if self._until_look <= 0:
            await self._make_room()
        self._until_look -= 1
        await self._redis.xadd(STREAM, {b"event": msgspec.json.encode(event), b"from": sender.encode()})

    async def join(self, group: str) -> None:
        """Makes the group where there is none: it begins with what is published from now on."""
        await self._create(group, "$")

    async def read(self, group: str, consumer: str, waiting: bool) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Returns entries that nobody in the group has read, or (waiting) those this consumer has not acknowledged.

        For new ones it waits up to a second. An entry that was cut off meanwhile has no fields.
        """
        try:
            found = await self._redis.xreadgroup(
                group, consumer, {STREAM: "0" if waiting else ">"}, count=_COUNT, block=None if waiting else _BLOCK_MS
            )
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._create(group, "0")  # Redis was emptied: what is in it now is newer than all we have read
            return []
        return [(key, fields or {}) for _, entries in found for key, fields in entries]

    async def acknowledge(self, group: str, keys: list[bytes]) -> None:
        if keys:
            await self._redis.xack(STREAM, group, *keys)

    async def take_lost(self, group: str) -> int:
        """Returns how many entries were cut off before the group had read them, since it was last asked."""
        return int(await self._redis.getdel(_LOST + group) or 0)

    async def length(self) -> int:
        return int(await self._redis.xlen(STREAM))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _create(self, group: str, begin: str) -> None:
        try:
            await self._redis.xgroup_create(STREAM, group, id=begin, mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _make_room(self) -> None:
        """Leaves when there is room again: because readers read, or because their time is over."""
        until = time.monotonic() + self._patience_s
        while (free := self._length_max - await self.length()) <= 0:
            await self._trim_read()
            if (free := self._length_max - await self.length()) > 0:
                break
            if time.monotonic() >= until:
                await self._cut()
                continue
            self.waits += 1
            await asyncio.sleep(_POLL_S)
        self._until_look = min(_LOOK_EVERY, free)

    async def _trim_read(self) -> None:
        """Removes what every group has read and acknowledged."""
        oldest: list[bytes] = []
        for group in await self._redis.xinfo_groups(STREAM):
            summary = await self._redis.xpending(STREAM, group["name"])
            oldest.append(summary["min"] if summary["pending"] else _after(group["last-delivered-id"]))
        if oldest:
            await self._redis.xtrim(STREAM, minid=min(oldest, key=_order), approximate=False)
        else:
            await self._redis.xtrim(STREAM, maxlen=0, approximate=False)

    async def _cut(self) -> None:
        """Removes the oldest tenth, and counts for each group what it had not read or not acknowledged of it."""
        entries = await self._redis.xrange(STREAM, count=max(1, int(self._length_max * _CUT_SHARE)))
        keys = [key for key, _ in entries]
        if not keys:
            return
        for group in await self._redis.xinfo_groups(STREAM):
            delivered = _order(group["last-delivered-id"])
            unread = sum(_order(key) > delivered for key in keys)
            held = await self._redis.xpending_range(STREAM, group["name"], min="-", max=keys[-1], count=len(keys))
            if unread + len(held):
                await self._redis.incrby(_LOST + group["name"].decode(), unread + len(held))
        await self._redis.xtrim(STREAM, minid=_after(keys[-1]), approximate=False)


def _order(key: bytes) -> tuple[int, int]:
    milliseconds, _, number = key.partition(b"-")
    return int(milliseconds), int(number or 0)


def _after(key: bytes) -> bytes:
    milliseconds, number = _order(key)
    return b"%d-%d" % (milliseconds, number + 1)
