"""The newest blocks of a chain, each told once and in order, and what a reorganisation took back.

    heads = Heads(access, on_head, on_reorg)
    heads.start()
    ...
    heads.close()

A websocket of the endpoint that is asked now tells new heads. Where there is none, it breaks, or it is silent while the
chain goes on, the endpoint is asked again and again, and a websocket is tried from time to time.

A streamed head is believed when it follows the last one told. Anything else is asked for, walking back by parents until
a block that is known: blocks in between are a gap that is filled, known blocks that are not on the way are orphaned.
An endpoint whose chain has none of the blocks remembered is taken out; if another one, or the same after its return,
says so again, it is true: all that was known is orphaned, and all begins anew.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import msgspec
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from quarterdeck.errors import ChainError, RpcFailed, RpcRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.line import Backoff

__all__ = ["Head", "Heads"]

_OPEN_S: Final = 3.0
_TICK_S: Final = 0.25  # how long it takes at most to see that another endpoint is asked now
_STEP_MAX: Final = 64  # headers asked for at once
_LOOSE_MAX: Final = 5  # looks in a row at which an endpoint's blocks may not fit together
_JOIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Head:
    """A block's header, as far as we need it."""

    number: int
    hash: str
    parent: str
    time_s: int
    base_fee_wei: int

    @classmethod
    def read(cls, block: Any) -> Self:
        """From a block or a header as JSON-RPC tells it. RpcFailed: it is neither."""
        try:
            return cls(
                int(block["number"], 16),
                str(block["hash"]),
                str(block["parentHash"]),
                int(block["timestamp"], 16),
                int(block.get("baseFeePerGas") or "0x0", 16),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RpcFailed("a block was told that is none") from None


class Heads:
    """Follows a chain from a thread of its own, in which the two callbacks run; they must not raise.

    `on_head` is told each block of the chain once, oldest first, beginning with the newest one at the start.
    `on_reorg(orphaned, new)` comes first when blocks are gone, both oldest first; `on_head` is then told each of `new`.
    A reorganisation of up to `depth_max` blocks is found exactly; of a deeper one `new` is empty. After a gap of more
    than `gap_max` blocks only the newest is told.
    """

    def __init__(
        self,
        access: Access,
        on_head: Callable[[Head], None],
        on_reorg: Callable[[tuple[Head, ...], tuple[Head, ...]], None],
        *,
        depth_max: int = 64,
        gap_max: int = 256,
        poll_s: float = 1.0,
        quiet_s: float = 5.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if depth_max < 1 or gap_max < 1:
            raise ValueError(f"depths of {depth_max} and gaps of {gap_max} blocks: both must be 1 or more")
        self._access, self._on_head, self._on_reorg = access, on_head, on_reorg
        self._depth_max, self._gap_max = depth_max, gap_max
        self._poll_s, self._quiet_s = poll_s, quiet_s
        self._say: Callable[[str], None] = say or _unheard
        self._chain: list[Head] = []  # one after the other; the block before the first one is not known
        self._closing = threading.Event()
        self._line: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="chain heads", daemon=True)
        self._doubted, self._loose = False, 0
        self._counts = {"heads": 0, "reorgs": 0, "orphaned": 0, "streams": 0, "streamed": 0}
        self._trouble = ""

    def start(self) -> Self:
        """Begins to follow. The newest block is told as soon as an endpoint answers."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Nothing is told any more when this returns. Not to be called from a callback."""
        self._closing.set()
        if (line := self._line) is not None:
            line.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    @property
    def newest(self) -> Head | None:
        """The newest block known; it is known before it is told."""
        return self._chain[-1] if self._chain else None

    def status(self) -> dict[str, Any]:
        """Where heads come from, the newest one, what was counted, and what went wrong last."""
        newest = self.newest
        return {
            "source": "websocket" if self._line is not None else "polling",
            "number": newest.number if newest else None,
            "hash": newest.hash if newest else None,
            "time_s": newest.time_s if newest else None,
            **self._counts,
            "last_error": self._trouble or None,
        }

    # Where heads come from.

    def _run(self) -> None:
        backoff = Backoff(first_s=self._poll_s, most_s=max(30.0, self._poll_s), settled_s=self._quiet_s)
        tried: Endpoint | None = None
        again_at = 0.0
        while not self._closing.is_set():
            endpoint, begun = self._access.current, time.monotonic()
            if endpoint is not None and (endpoint is not tried or begun >= again_at):
                tried = endpoint
                heard = self._counts["streamed"]
                reason = self._stream(endpoint)
                self._line = None
                useful_s = time.monotonic() - begun if self._counts["streamed"] > heard else 0.0
                again_at = time.monotonic() + backoff.wait_s(useful_s)
                if not self._closing.is_set():
                    self._trouble = f"{endpoint.name}: {reason}"
                    self._say(f"chain heads are asked for, not streamed: {self._trouble}")
            self._look()
            self._closing.wait(self._poll_s)

    def _stream(self, endpoint: Endpoint) -> str:
        """Takes heads from an endpoint's websocket until it ends. Returns why it ended."""
        try:
            with connect(
                str(endpoint.ws_url), proxy=None, compression=None, open_timeout=_OPEN_S, close_timeout=1.0
            ) as line:
                self._subscribe(endpoint, line)
                self._line = line
                self._counts["streams"] += 1
                self._say(f"chain heads are streamed by {endpoint.name}")
                self._look()  # what came before
                return self._listen(endpoint, line)
        except RpcFailed as error:
            return str(error)
        except (OSError, WebSocketException) as error:  # a TimeoutError is an OSError
            return f"its websocket does not serve: {getattr(error, 'strerror', None) or type(error).__name__}"

    def _subscribe(self, endpoint: Endpoint, line: Connection) -> None:
        wanted = {1: ("eth_chainId", list[str]()), 2: ("eth_subscribe", ["newHeads"])}
        for number, (method, params) in wanted.items():
            asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            line.send(msgspec.json.encode(asked).decode())
        until = time.monotonic() + _OPEN_S
        while wanted:
            said = _decoded(line.recv(timeout=max(0.0, until - time.monotonic())))
            number = next((each for each in wanted if each == said.get("id")), None)
            if number is None:
                continue
            method, _ = wanted.pop(number)
            if "result" not in said:
                raise RpcFailed(f"its websocket refuses {method}")
            if method == "eth_chainId" and str(said["result"]).lower() != hex(self._access.chain_id):
                reason = f"its websocket is of chain {said['result']}, not of {self._access.chain_id:#x}"
                self._access.accuse(endpoint, reason)
                raise RpcFailed(reason)

    def _listen(self, endpoint: Endpoint, line: Connection) -> str:
        heard_at, owed = time.monotonic(), -1  # `owed`: a block that it has not told
        while not self._closing.is_set():
            if self._access.current is not endpoint:
                return "another endpoint is asked now"
            try:
                said = _decoded(line.recv(timeout=min(_TICK_S, self._quiet_s)))
            except TimeoutError:
                if time.monotonic() - heard_at < self._quiet_s:
                    continue
                if owed >= 0:
                    return f"its websocket is silent, and has not told block {owed}"
                before = self.newest
                self._look()
                if self.newest is not before and self.newest is not None:
                    owed = self.newest.number
                heard_at = time.monotonic()
                continue
            except ConnectionClosed as closed:
                return f"its websocket was closed: {closed.rcvd.reason if closed.rcvd else 'the line broke'}"
            if said.get("method") != "eth_subscription":
                continue
            params = said.get("params")
            head = Head.read(cast(dict[str, Any], params).get("result") if isinstance(params, dict) else None)
            heard_at, owed = time.monotonic(), -1
            self._counts["streamed"] += 1
            endpoint.streamed(head.number)
            self._hear(head)
        return "closed"

    # What they mean.

    def _hear(self, head: Head) -> None:
        newest = self.newest
        if newest is not None and head.parent == newest.hash and head.number == newest.number + 1:
            self._take([], [head])
        elif newest is None or head.hash != newest.hash:
            self._look()  # a stream may be late, so what does not follow is asked for

    def _look(self) -> None:
        """Asks for the newest block, and for what is missing before it. What fails is tried again at the next look."""
        try:
            endpoint, block = self._access.newest()
            try:
                self._reach(endpoint, Head.read(block))
                self._loose = 0
            except _Moved as moved:
                self._loose += 1
                if self._loose >= _LOOSE_MAX:
                    self._loose = 0
                    self._access.accuse(endpoint, str(moved))
                raise
        except ChainError as error:
            self._trouble = str(error)

    def _reach(self, endpoint: Endpoint, head: Head) -> None:
        """Goes from what is known to a head."""
        if not self._chain:
            self._begin(endpoint, head)
            return
        first, last = self._chain[0].number, self._chain[-1].number
        if self._known(head.number) == head.hash:
            return  # this endpoint is a little behind
        if head.number - last > self._gap_max:
            self._leap(endpoint, head)
            return
        branch = [head]  # newest first
        step = max(1, head.number - last - 1)
        while not self._follows(branch[-1]):
            if branch[-1].number <= first:
                self._doubt(endpoint, head)
                return
            for each in self._below(endpoint, branch[-1], step):
                branch.append(each)
                if self._follows(each):
                    break
            step = min(2 * step, _STEP_MAX)
        self._doubted = False
        self._take([each for each in self._chain if each.number >= branch[-1].number], branch[::-1])

    def _begin(self, endpoint: Endpoint, head: Head) -> None:
        """Remembers what lies below the first head, so that a reorganisation is seen from the beginning."""
        below = [head]
        while len(below) <= self._depth_max and below[-1].number > 0:
            below += self._below(endpoint, below[-1], self._depth_max + 1 - len(below))
        self._chain = below[:0:-1]
        self._take([], [head])

    def _leap(self, endpoint: Endpoint, head: Head) -> None:
        """Over a gap too long to fill, if what is known is still below it."""
        there = _headers(endpoint, [each.number for each in self._chain])
        gone = [mine for mine, theirs in zip(self._chain, there, strict=True) if mine.hash != theirs.hash]
        if len(gone) == len(self._chain):
            self._doubt(endpoint, head)
            return
        self._doubted = False
        self._say(
            f"chain heads: blocks {self._chain[-1].number + 1} to {head.number - 1} are left out, too many to tell"
        )
        self._lose(gone)
        self._chain = []
        self._begin(endpoint, head)

    def _doubt(self, endpoint: Endpoint, head: Head) -> None:
        """An endpoint's chain has nothing of ours: it is wrong, or, said a second time, we are."""
        if not self._doubted:
            self._doubted = True
            self._access.accuse(
                endpoint, f"its block {head.number} is of a chain that has none of the last {len(self._chain)} blocks"
            )
            return
        self._doubted = False
        self._lose(self._chain)
        self._chain = []
        self._begin(endpoint, head)

    def _lose(self, gone: Sequence[Head]) -> None:
        if gone:
            self._count_reorg(gone)
            self._on_reorg(tuple(gone), ())

    def _take(self, gone: Sequence[Head], new: Sequence[Head]) -> None:
        kept = self._chain[: len(self._chain) - len(gone)]
        self._chain = [*kept, *new][-self._depth_max - 1 :]
        if gone:
            self._count_reorg(gone)
            self._on_reorg(tuple(gone), tuple(new))
        for head in new:
            if self._closing.is_set():
                return
            self._counts["heads"] += 1
            self._on_head(head)

    def _count_reorg(self, gone: Sequence[Head]) -> None:
        self._counts["reorgs"] += 1
        self._counts["orphaned"] += len(gone)
        self._say(f"chain reorganised: {len(gone)} blocks from {gone[0].number} on are gone")

    def _known(self, number: int) -> str | None:
        index = number - self._chain[0].number
        return self._chain[index].hash if 0 <= index < len(self._chain) else None

    def _follows(self, head: Head) -> bool:
        """Whether its parent is known."""
        return self._known(head.number - 1) == head.parent

    def _below(self, endpoint: Endpoint, head: Head, count: int) -> list[Head]:
        """Up to `count` blocks below one, newest first. _Moved: they do not lead to it."""
        lowest = max(0, head.number - min(count, _STEP_MAX))
        found = _headers(endpoint, range(head.number - 1, lowest - 1, -1))
        above = head
        for each in found:
            if each.hash != above.parent:
                raise _Moved(f"its block {each.number} is not the parent of its block {above.number}")
            above = each
        return found


class _Moved(ChainError):
    """The chain changed between two questions, or an endpoint's blocks do not fit together."""


def _headers(endpoint: Endpoint, numbers: Sequence[int]) -> list[Head]:
    """Of these blocks. RpcRefused, RpcFailed; _Moved: it has not all of them."""
    said = endpoint.ask_many([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    found = list[Head]()
    for number, block in zip(numbers, said, strict=True):
        if isinstance(block, RpcRefused):
            raise block
        if block is None:
            raise _Moved(f"it does not have its own block {number}")
        found.append(Head.read(block))
    return found


def _unheard(_: str) -> None:
    """Where nobody wants to hear what happens."""


def _decoded(said: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(said, type=dict[str, Any])
    except msgspec.DecodeError:
        raise RpcFailed("its websocket speaks no JSON-RPC") from None
