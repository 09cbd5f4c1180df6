"""Access to a chain through several endpoints: what one cannot answer the next one is asked.

Asked is the first endpoint, in the order given, that is healthy; if none is, the first that is degraded. Each one has a
thread that asks it for its newest block again and again: so a dead, stale or lying endpoint is found although it is not
used, and one that was taken out returns once it has answered truthfully several times in a row.

    what is asked               when the line breaks
    a question                  the next endpoint is asked; AllDown when there is none left
    eth_sendRawTransaction      the SAME bytes go to the next endpoint: their hash names the transaction, so it cannot
                                happen twice. If nobody took it after it may have left: RpcFailed, its fate is unknown
    anything else               RpcFailed, and it is not repeated; where no connection came about the next one is asked

A refusal (RpcRefused) is the chain's word and ends it, but for one: a node that already has a transaction has it. A
refusal after the line to another endpoint broke says nothing, because that one may have taken the transaction.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, cast

import msgspec
from eth_utils.crypto import keccak
from web3 import Web3
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from quarterdeck.errors import AllDown, ChainError, RpcFailed, RpcRefused
from quarterdeck.venues.evm.endpoints import Block, Endpoint, Request
from quarterdeck.venues.evm.health import Status

__all__ = ["Access", "AtBlock"]

AtBlock: TypeAlias = str | int | Mapping[str, Any]  # "latest", a number, or {"blockHash": "0x.."}

_SEND: Final = "eth_sendRawTransaction"
_QUESTIONS: Final = frozenset(
    (
        "debug_traceBlockByNumber", "debug_traceCall", "debug_traceTransaction", "eth_accounts", "eth_blobBaseFee",
        "eth_blockNumber", "eth_call", "eth_chainId", "eth_createAccessList", "eth_estimateGas", "eth_feeHistory",
        "eth_gasPrice", "eth_getBalance", "eth_getBlockByHash", "eth_getBlockByNumber", "eth_getBlockReceipts",
        "eth_getBlockTransactionCountByHash", "eth_getBlockTransactionCountByNumber", "eth_getCode", "eth_getLogs",
        "eth_getProof", "eth_getStorageAt", "eth_getTransactionByBlockHashAndIndex",
        "eth_getTransactionByBlockNumberAndIndex", "eth_getTransactionByHash", "eth_getTransactionCount",
        "eth_getTransactionReceipt", "eth_maxPriorityFeePerGas", "eth_syncing", "net_version", "web3_clientVersion",
    )
)  # fmt: skip
_HAS_IT: Final = ("already known", "already imported", "known transaction", "already exists", "alreadyknown")
_JOIN_S: Final = 10.0


class Access:
    """One chain. `lag_max`: blocks that an endpoint may be behind the best one; `say` hears of who comes and goes.

    Asked before `start` it asks, too, but nobody looks after the endpoints. Any thread may ask.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        chain_id: int,
        *,
        probe_s: float = 2.0,
        lag_max: int = 3,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if not endpoints or len({each.name for each in endpoints}) < len(endpoints):
            raise ValueError("a chain needs an endpoint, and each of them once")
        self.endpoints, self.chain_id = tuple(endpoints), chain_id
        for each in self.endpoints:
            each.chain_id = chain_id
        self._probe_s, self._lag_max, self._say = probe_s, lag_max, say
        self._closing = threading.Event()
        self._turn = threading.Lock()
        self._shown: tuple[tuple[Status, ...], Endpoint | None] | None = None
        self._probers = [
            threading.Thread(target=self._look_after, args=[each], name=f"chain {each.name}", daemon=True)
            for each in self.endpoints
        ]
        self.w3 = Web3(_Failover(self))

    def start(self) -> Self:
        """Looks at every endpoint once, then again and again. Returns although none answers: `current` says it."""
        looks = [threading.Thread(target=self._look_at, args=[each], daemon=True) for each in self.endpoints]
        for look in looks:
            look.start()
        for look in looks:
            look.join()
        for prober in self._probers:
            prober.start()
        return self

    def close(self) -> None:
        """Ends all threads and connections."""
        self._closing.set()
        for prober in self._probers:
            if prober.is_alive():
                prober.join(_JOIN_S)
        for each in self.endpoints:
            each.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Asking.

    def ask(self, method: str, params: Sequence[Any]) -> Any:
        """One question, or one transaction. RpcRefused, AllDown; RpcFailed: what was sent may have been taken."""
        if method == _SEND:
            return self._send(str(params[0]))
        return self._through(lambda endpoint: endpoint.ask(method, params), method in _QUESTIONS)

    def ask_many(self, requests: Sequence[Request]) -> list[Any]:
        """All of one endpoint. An RpcRefused stands where it refused one; AllDown, RpcFailed as `ask`."""
        again = all(method in _QUESTIONS for method, _ in requests)
        return self._through(lambda endpoint: endpoint.ask_many(requests), again)

    def call_many(self, calls: Sequence[tuple[str, bytes]], block: AtBlock = "latest") -> list[bytes | RpcRefused]:
        """What contracts answer, all in one go at one block: address and data of each call."""
        at = hex(block) if isinstance(block, int) else block
        said = self.ask_many([("eth_call", [{"to": to, "data": "0x" + data.hex()}, at]) for to, data in calls])
        return [one if isinstance(one, RpcRefused) else bytes.fromhex(str(one)[2:]) for one in said]

    def newest(self) -> tuple[Endpoint, Block]:
        """The newest block of the endpoint that is asked now, and who that is. AllDown."""
        return self._through(lambda endpoint: (endpoint, endpoint.newest()), True)

    # Who is asked.

    @property
    def current(self) -> Endpoint | None:
        """Who is asked now; None: nobody may be."""
        return next(iter(self._candidates()), None)

    def fork_urls(self) -> list[str]:
        """URLs of those that may be asked, best first, for who has to ask by himself. They may carry secrets."""
        return [each.url for each in self._candidates()]

    def accuse(self, endpoint: Endpoint, reason: str) -> None:
        """Takes an endpoint out that was caught in a lie; it returns as any other."""
        endpoint.accuse(reason)
        self._tell()

    def online(self, name: str) -> None:
        """A person brings an endpoint back."""
        self._named(name).health.online()
        self._tell()

    def offline(self, name: str) -> None:
        """A person takes an endpoint out."""
        self._named(name).health.offline()
        self._tell()

    def status(self) -> dict[str, dict[str, Any]]:
        """Each endpoint's health by its name, with its height, how far it is behind, and whether it is asked now."""
        best = max((each.height for each in self.endpoints if each.health.usable), default=-1)
        now = self.current
        return {
            each.name: {
                **each.health.shown(),
                "height": each.height if each.height >= 0 else None,
                "lag_blocks": max(0, best - each.height) if each.height >= 0 and best >= 0 else None,
                "current": each is now,
            }
            for each in self.endpoints
        }

    def _candidates(self) -> list[Endpoint]:
        states = [(each.health.status, each) for each in self.endpoints]
        order = (Status.HEALTHY, Status.DEGRADED)
        return [each for wanted in order for state, each in states if state is wanted]

    def _named(self, name: str) -> Endpoint:
        for each in self.endpoints:
            if each.name == name:
                return each
        raise ChainError(f"no endpoint is called {name}: there are {', '.join(each.name for each in self.endpoints)}")

    # How.

    def _through(self, ask: Callable[[Endpoint], Any], again: bool) -> Any:
        reasons = dict[str, str]()
        for endpoint in self._candidates():
            try:
                return ask(endpoint)
            except RpcFailed as failed:
                self._tell()
                if failed.left and not again:
                    raise
                reasons[endpoint.name] = str(failed)
        raise self._nobody(reasons)

    def _send(self, raw: str) -> str:
        unsure: RpcFailed | None = None
        reasons = dict[str, str]()
        for endpoint in self._candidates():
            try:
                return str(endpoint.ask(_SEND, [raw]))
            except RpcRefused as refused:
                if any(word in refused.message.lower() for word in _HAS_IT):
                    return "0x" + keccak(bytes.fromhex(raw.removeprefix("0x"))).hex()
                if unsure is None:
                    raise
                said = f"{unsure}; {endpoint.name}: {refused}: whether the transaction is out is not known"
                raise RpcFailed(said) from refused
            except RpcFailed as failed:
                self._tell()
                reasons[endpoint.name] = str(failed)
                unsure = failed if failed.left else unsure
        if unsure is not None:
            raise RpcFailed(f"{'; '.join(reasons.values())}: whether the transaction is out is not known")
        raise self._nobody(reasons)

    def _nobody(self, reasons: Mapping[str, str]) -> AllDown:
        words = [
            reasons.get(each.name, f"{each.name}: {each.health.status}: {each.health.last_error or 'taken out'}")
            for each in self.endpoints
        ]
        return AllDown(f"no endpoint of chain {self.chain_id} answers ({'; '.join(words)}): each is tried on")

    def _look_after(self, endpoint: Endpoint) -> None:
        while not self._closing.wait(self._probe_s):
            self._look_at(endpoint)

    def _look_at(self, endpoint: Endpoint) -> None:
        with contextlib.suppress(RpcFailed):  # its health knows, and `_tell` says it
            endpoint.newest(probe=True, ahead=lambda: self._best_but(endpoint))
        self._tell()

    def _best_but(self, endpoint: Endpoint) -> tuple[int, int, str]:
        """How far an endpoint may be behind the highest other one, its height and its name."""
        others = [(each.height, each.name) for each in self.endpoints if each is not endpoint and each.health.usable]
        height, name = max(others, default=(-1, ""))
        return self._lag_max, height, name

    def _tell(self) -> None:
        """Says what has changed since it was said last; with nothing held, so that who hears it may ask us."""
        if self._say is None:
            return
        with self._turn:
            before = self._shown or (tuple(Status.HEALTHY for _ in self.endpoints), self.endpoints[0])
            now = self._shown = (tuple(each.health.status for each in self.endpoints), self.current)
        for endpoint, was, state in zip(self.endpoints, before[0], now[0], strict=True):
            if was is not state:
                why = {Status.HEALTHY: "", Status.OFFLINE: ": a person took it out"}
                error = f": {endpoint.health.last_error or 'it is slow'}"
                self._say(f"chain endpoint {endpoint.name} is {state}{why.get(state, error)}")
        if now[1] is not before[1]:
            self._say("no chain endpoint is left" if now[1] is None else f"chain endpoint {now[1].name} is asked now")


class _Failover(JSONBaseProvider):
    """web3's view of an access: contract calls through whoever answers."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        try:
            return _response(self._access.ask(method, _plain(params)))
        except RpcRefused as refused:
            return _response(refused)

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse] | RPCResponse:
        return [_response(one) for one in self._access.ask_many([(name, _plain(params)) for name, params in requests])]

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002 - the signature is web3's
        return self._access.current is not None


def _plain(params: Any) -> list[Any]:
    """As JSON has it: web3 puts its own kinds of bytes and dictionaries in."""
    words = msgspec.json.decode(Web3.to_json({"params": list(params or [])}))
    return cast(list[Any], words["params"])


def _response(answer: Any) -> RPCResponse:
    if isinstance(answer, RpcRefused):
        error = {"code": answer.code, "message": answer.message, "data": answer.data}
        return cast(RPCResponse, {"jsonrpc": "2.0", "id": 0, "error": error})
    return {"jsonrpc": "2.0", "id": 0, "result": answer}
