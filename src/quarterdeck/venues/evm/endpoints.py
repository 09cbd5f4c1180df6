"""One endpoint of a chain: a node that is asked by JSON-RPC, what it told, and how well it does.

    RpcRefused     it answered: no. That is the chain's word, asking elsewhere would be answered the same
    RpcFailed      it did not answer in time, broke off, answered nonsense, or has had enough of us for now

Whatever comes over a new connection is held back until the node behind it has said its chain's id: another process may
listen at the address of the one that died.

A head is remembered as told. Told again a number that it was already past, with the same block there, the endpoint has
forgotten blocks without a reorganisation: it is stale, or several nodes of which one is, and it is taken out.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from quarterdeck.errors import RpcFailed, RpcRefused
from quarterdeck.venues.evm.health import Health

__all__ = ["Block", "Endpoint", "Request"]

Request: TypeAlias = tuple[str, Sequence[Any]]
Block: TypeAlias = Mapping[str, Any]

_BATCH_MAX: Final = 500  # geth takes 1,000 at once
_CONNECTIONS_MAX: Final = 8
_TOLD_MAX: Final = 128  # heads remembered
_BUSY: Final = (-32005, 429)  # "limit exceeded": of this endpoint, not of the chain
_ERROR_CHARACTERS: Final = 300


class Endpoint:
    """One node. `url` may carry a secret, so only its host and port (`name`) are ever said.

    `ws_url` is where it streams; left out, the same address. Any thread may ask.
    """

    def __init__(
        self, url: str, ws_url: str | None = None, *, timeout_s: float = 5.0, health: Health | None = None
    ) -> None:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname:
            raise ValueError("an endpoint's URL begins with http:// or https:// and names a host")
        self.url, self.ws_url = url, ws_url or "ws" + url.removeprefix("http")
        self.name = f"{split.hostname}:{split.port or (443 if split.scheme == 'https' else 80)}"
        self.health = health or Health()
        self.chain_id: int | None = None
        self.height = -1
        self._timeout_s = timeout_s
        self._wire = _Wire(url, timeout_s)
        self._proven = 0  # connections up to which the chain's id has been asked for
        self._told = dict[int, str]()
        self._highest, self._highest_at = -1, 0.0
        self._turn = threading.Lock()

    def close(self) -> None:
        """Gives the kept connections back."""
        self._wire.close()

    def ask(self, method: str, params: Sequence[Any]) -> Any:
        """One question. RpcRefused, RpcFailed."""
        (answer,) = self._exchange([(method, params)])
        if isinstance(answer, RpcRefused):
            raise answer
        return answer

    def ask_many(self, requests: Sequence[Request]) -> list[Any]:
        """As many answers, in their order; an RpcRefused stands where one was refused. RpcFailed: all of it failed."""
        answers = list[Any]()
        for first in range(0, len(requests), _BATCH_MAX):
            answers += self._exchange(requests[first : first + _BATCH_MAX])
        return answers

    def newest(self, *, probe: bool = False, ahead: Callable[[], tuple[int, int, str]] | None = None) -> Block:
        """Its newest block. RpcFailed too where it lies: it is taken out, with the reason.

        `ahead` says how far it may be behind what height, and whose that is. With `probe` a truthful answer counts
        towards its return.
        """
        lag, best, whose = ahead() if ahead else (0, -1, "")  # told before it is asked: by then it can only be higher
        asked_at = time.monotonic()
        chain, block = self._exchange(
            [("eth_chainId", []), ("eth_getBlockByNumber", ["latest", False])], probe=probe, counts=False
        )
        for answer in (chain, block):
            if isinstance(answer, RpcRefused):
                raise self._noted(str(answer))
        try:
            number, name, parent = int(block["number"], 16), str(block["hash"]), str(block["parentHash"])
            self._check_chain(int(chain, 16))
        except (KeyError, TypeError, ValueError):
            raise self._noted("it answers no block and no chain id") from None
        self._check_order(number, name, parent, asked_at)
        if number < best - lag:
            raise self._lies(f"stale: block {number} is its newest, {whose} was at {best} before")
        self.height = number
        self.health.note(True, 1e3 * (time.monotonic() - asked_at), probe=probe)
        return cast(Block, block)

    def streamed(self, number: int) -> None:
        """Its stream has told this block."""
        self.height = max(self.height, number)

    def accuse(self, reason: str) -> None:
        """Takes it out: whoever follows the chain found a lie."""
        self._lies(reason)

    # How it is asked.

    def _exchange(self, requests: Sequence[Request], *, probe: bool = False, counts: bool = True) -> list[Any]:
        """Asks in one go. Of what failed the health is told, of answers only if it `counts`."""
        if not requests:
            return []
        begun = time.monotonic()
        answers = self._posted(requests)
        if (connections := self._wire.connections) != self._proven:
            (chain,) = self._posted([("eth_chainId", [])])
            try:
                self._check_chain(int(chain, 16))
            except (TypeError, ValueError):
                raise self._noted("it does not say its chain's id") from None
            self._proven = connections
        if counts:
            self.health.note(True, 1e3 * (time.monotonic() - begun), probe=probe)
        return answers

    def _posted(self, requests: Sequence[Request]) -> list[Any]:
        try:
            said = self._wire.make_batch_request([(RPCEndpoint(method), params) for method, params in requests])
        except requests_failures as error:
            raise self._noted(self._words(error), left=not _unconnected(error)) from None
        answers = [_answer(one) for one in said]
        for answer in answers:
            if isinstance(answer, RpcRefused) and answer.code in _BUSY:
                raise self._noted(f"it takes no more questions for now: {answer.message}")
        return answers

    def _words(self, error: Exception) -> str:
        """What happened, without what an exception says of URLs."""
        if isinstance(error, requests.Timeout):
            return f"no answer in {self._timeout_s:g} s"
        if isinstance(error, requests.HTTPError):
            return f"HTTP {error.response.status_code}"
        if _unconnected(error):
            return "no connection"
        if isinstance(error, requests.ConnectionError):
            return "the connection broke"
        return "its answer is not JSON-RPC" if isinstance(error, ValueError) else type(error).__name__

    def _noted(self, problem: str, *, left: bool = True) -> RpcFailed:
        self.health.note(False, error=problem)
        return RpcFailed(f"{self.name}: {problem}", left=left)

    # What is true of it.

    def _check_chain(self, chain_id: int) -> None:
        if self.chain_id is None:
            self.chain_id = chain_id
        if chain_id != self.chain_id:
            raise self._lies(f"it is of chain {chain_id}, not of {self.chain_id}")

    def _check_order(self, number: int, name: str, parent: str, asked_at: float) -> None:
        with self._turn:
            overtaken = asked_at < self._highest_at  # somebody asked later and was answered sooner
            forgot = number < self._highest and self._told.get(number) == name and not overtaken
            highest = self._highest
            if not overtaken or number > highest:
                kept = [each for each in self._told.items() if each[0] < number - 1][-_TOLD_MAX:]
                self._told = dict([*kept, (number - 1, parent), (number, name)])
                self._highest, self._highest_at = number, time.monotonic()
        if forgot:
            raise self._lies(f"its newest block went back from {highest} to {number} without a reorganisation")

    def _lies(self, reason: str) -> RpcFailed:
        self.health.condemn(reason)
        return RpcFailed(f"{self.name}: {reason}")


requests_failures: Final = (requests.RequestException, ValueError)


class _Counting(HTTPAdapter):
    """Counts connections: urllib3 opens a broken one again without a word."""

    made = 0

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **words: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **words)
        adapter = self

        class Connection(HTTPConnection):
            def connect(self) -> None:
                adapter.made += 1
                super().connect()

        class SecureConnection(HTTPSConnection):
            def connect(self) -> None:
                adapter.made += 1
                super().connect()

        class Pool(HTTPConnectionPool):
            ConnectionCls = cast(Any, Connection)

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = cast(Any, SecureConnection)

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}


class _Wire(HTTPProvider):
    """web3's transport with one session of our own, no second tries, and answers that are matched by their ids."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment stands between us and a node
        self._session.max_redirects = 0
        self._adapter = _Counting(pool_connections=1, pool_maxsize=_CONNECTIONS_MAX, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        kept = {"timeout": timeout_s}
        super().__init__(url, request_kwargs=kept, session=self._session, exception_retry_configuration=None)

    @property
    def connections(self) -> int:
        """Made so far."""
        return self._adapter.made

    def close(self) -> None:
        self._session.close()

    def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """A single question goes alone, so that a node without batches can be asked, too. ValueError: nonsense."""
        asked = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": list(params)}
            for index, (method, params) in enumerate(batch_requests)
        ]
        body = msgspec.json.encode(asked[0] if len(asked) == 1 else asked)
        content = self._request_session_manager.make_post_request(
            cast(Any, self.endpoint_uri), body, **cast(dict[str, Any], self.get_request_kwargs())
        )
        said: Any = msgspec.json.decode(content)  # its DecodeError is a ValueError
        answers = cast(list[Any], said if isinstance(said, list) else [said])
        if not all(isinstance(one, dict) and ("result" in one or "error" in one) for one in answers):
            raise ValueError("no JSON-RPC")
        if isinstance(said, dict) and "error" in said:
            return [cast(RPCResponse, said)] * len(asked)  # all of it refused in one word
        if [one.get("id") for one in answers] == [*range(len(asked))]:
            return answers
        by_id = {one["id"]: one for one in answers if isinstance(one.get("id"), int)}
        if len(answers) != len(asked) or by_id.keys() != set(range(len(asked))):
            raise ValueError("answers that are not to what was asked")
        return [by_id[index] for index in range(len(asked))]


def _answer(said: RPCResponse) -> Any:
    error: Any = said.get("error")
    if error is None:
        return said.get("result")
    if not isinstance(error, dict):
        return RpcRefused(0, str(error)[:_ERROR_CHARACTERS])
    words = cast(dict[str, Any], error)
    code = words.get("code")
    message = str(words.get("message", "no reason given"))[:_ERROR_CHARACTERS]
    return RpcRefused(code if isinstance(code, int) else 0, message, words.get("data"))


def _unconnected(error: Exception) -> bool:
    """Whether no connection came about, so that nothing was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
