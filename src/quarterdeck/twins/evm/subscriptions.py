"""Who listens by websocket: eth_subscribe to newHeads and logs. A reorg tells the orphaned logs first, as removed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from quarterdeck.twins.evm.blocks import Block
from quarterdeck.twins.evm.filters import LogFilter
from quarterdeck.twins.evm.refusals import INVALID_PARAMS, Refused

__all__ = ["Listener", "Subscriptions"]

_PER_LISTENER_MAX: Final = 1_000


@dataclass(slots=True)
class Listener:
    """One connection. `wants`: what it subscribed to, None for heads."""

    send: Callable[[bytes], None]
    wants: dict[str, LogFilter | None] = field(default_factory=dict[str, LogFilter | None])


class Subscriptions:
    """Everybody who listens."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._count = 0

    def join(self, listener: Listener) -> None:
        """Begins to tell a connection."""
        self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        """Tells it nothing any more."""
        self._listeners.remove(listener)

    def subscribe(self, listener: Listener, words: list[Any]) -> str:
        """Answers eth_subscribe. Raises Refused."""
        kind = words[0] if words else None
        if kind not in {"newHeads", "logs"}:
            raise Refused(f'no "{kind}" subscription in eth namespace', INVALID_PARAMS)
        if len(listener.wants) >= _PER_LISTENER_MAX:
            raise Refused("too many subscriptions")
        asked = cast(dict[str, Any], words[1]) if len(words) > 1 and isinstance(words[1], dict) else {}
        wanted = LogFilter.read(asked) if kind == "logs" else None
        self._count += 1
        name = f"0x{self._count:032x}"
        listener.wants[name] = wanted
        return name

    def unsubscribe(self, listener: Listener, words: list[Any]) -> bool:
        """Answers eth_unsubscribe. Raises Refused."""
        if not words or words[0] not in listener.wants:
            raise Refused("subscription not found")
        del listener.wants[str(words[0])]
        return True

    def tell(self, orphaned: Iterable[Block], new: Iterable[Block]) -> None:
        """Tells what left the chain and what came to it."""
        gone, come = list(orphaned), list(new)
        for listener in self._listeners:
            for name, wanted in listener.wants.items():
                if wanted is None:
                    words = [block.header() for block in come]
                else:
                    words = [log for block in reversed(gone) for log in wanted.of(block, removed=True)]
                    words += [log for block in come for log in wanted.of(block)]
                for one in words:
                    params = {"subscription": name, "result": one}
                    listener.send(
                        msgspec.json.encode({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})
                    )
