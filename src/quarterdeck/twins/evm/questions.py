"""What can be asked of the node by JSON-RPC, with geth's answers."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from eth_utils.crypto import keccak

from quarterdeck.twins.evm.blocks import Block
from quarterdeck.twins.evm.chain import Chain
from quarterdeck.twins.evm.faults import ChainFaults
from quarterdeck.twins.evm.filters import LogFilter
from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX, CALL_GAS_MAX, Ran
from quarterdeck.twins.evm.refusals import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Refused,
    address_of,
    bytes_of,
    number_of,
    reverted,
)
from quarterdeck.twins.evm.transactions import decoded, intrinsic_gas

__all__ = ["Questions"]

_NOBODY: Final = "0x" + "00" * 20
_LOGS_MAX: Final = 10_000
_FEE_BLOCKS: Final = 20
_FEE_BLOCKS_MAX: Final = 1_024
_FEE_PERCENTILE: Final = 60  # as geth's oracle
_TIP_WEI: Final = 10**9  # said where nobody has paid one
_SAFE_BLOCKS, _FINAL_BLOCKS = 32, 64
_LIMIT_EXCEEDED: Final = -32005
_STIPEND: Final = 2_300
_PLAIN_GAS: Final = 21_000  # a payment to somebody without code

_Words = Sequence[Any]


class Questions:
    """The node's methods over one chain. `lies` are the faults that change what it says."""

    def __init__(self, chain: Chain, lies: ChainFaults) -> None:
        self._chain, self._lies = chain, lies
        self._methods: dict[str, Callable[[_Words], Any]] = {
            "eth_accounts": lambda _: [],
            "eth_blockNumber": lambda _: hex(self.newest.number),
            "eth_call": self._call,
            "eth_chainId": lambda _: hex(self._chain_id),
            "eth_estimateGas": self._estimate,
            "eth_feeHistory": self._fee_history,
            "eth_gasPrice": lambda _: hex(self._tip() + self.newest.base_fee_wei),
            "eth_getBalance": lambda words: hex(self._at(words, 1).balance(_address(words, 0))),
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getCode": lambda words: f"0x{self._at(words, 1).code(_address(words, 0)).hex()}",
            "eth_getLogs": self._logs,
            "eth_getStorageAt": self._storage,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": self._nonce,
            "eth_getTransactionReceipt": self._receipt,
            "eth_maxPriorityFeePerGas": lambda _: hex(self._tip()),
            "eth_sendRawTransaction": self._send,
            "eth_syncing": lambda _: False,
            "net_listening": lambda _: True,
            "net_version": lambda _: str(self._chain_id),
            "web3_clientVersion": lambda _: "Quarterdeck/twin/evm",
            "web3_sha3": lambda words: f"0x{keccak(bytes_of(_word(words, 0), 'data')).hex()}",
        }

    @property
    def methods(self) -> list[str]:
        """What can be asked."""
        return list(self._methods)

    def answer(self, method: str, words: _Words) -> Any:
        """Returns the `result`. Raises Refused."""
        known = self._methods.get(method)
        if known is None:
            raise Refused(f"the method {method} does not exist/is not available", METHOD_NOT_FOUND)
        return known(words)

    # What is newest, and what a block tag means.

    @property
    def newest(self) -> Block:
        """The head, as far as this node says."""
        at = self._lies.stale_at
        return self._chain.head if at is None else self._chain.blocks[min(at, self._chain.head.number)]

    @property
    def _chain_id(self) -> int:
        return self._lies.chain_id or self._chain.chain_id

    def _find(self, tag: object) -> Block | None:
        """The block of a tag, a number, or an object as of EIP-1898. Raises Refused."""
        newest = self.newest
        if isinstance(tag, Mapping):
            named = cast(Mapping[str, object], tag)
            if "blockHash" in named:
                found = self._chain.by_hash(str(named["blockHash"]).lower())
                if found is not None and named.get("requireCanonical") and not self._chain.is_canonical(found):
                    raise Refused("hash is not currently canonical")
                return found
            tag = named.get("blockNumber")
        below = {None: 0, "latest": 0, "pending": 0, "safe": _SAFE_BLOCKS, "finalized": _FINAL_BLOCKS}
        if tag is None or (isinstance(tag, str) and tag in below):
            return self._chain.blocks[max(0, newest.number - below[tag])]
        number = 0 if tag == "earliest" else number_of(tag, "block")
        return self._chain.blocks[number] if number <= newest.number else None

    def _block(self, words: _Words, place: int) -> Block:
        """The block that a question is about. Raises Refused."""
        block = self._find(words[place] if len(words) > place else None)
        if block is None:
            raise Refused("header not found")
        if not self._chain.is_canonical(block):
            raise Refused(f"historical state {block.hash} is not available")
        return block

    def _at(self, words: _Words, place: int) -> Any:
        """The machine, where a question wants it. Raises Refused."""
        self._chain.stand(self._block(words, place).number)
        return self._chain.machine

    # State.

    def _storage(self, words: _Words) -> str:
        slot = _word(words, 1)
        number = number_of(slot, "slot")
        return f"0x{self._at(words, 2).storage(_address(words, 0), number):064x}"

    def _nonce(self, words: _Words) -> str:
        address = _address(words, 0)
        nonce = self._at(words, 1).nonce(address)
        pending = len(words) > 1 and words[1] == "pending"
        return hex(self._chain.pool.next_nonce(address, nonce) if pending else nonce)

    def _asked(self, words: _Words) -> tuple[str, str | None, bytes, int, int]:
        asked = _mapping(words, 0)
        sender = address_of(asked["from"], "from") if asked.get("from") else _NOBODY
        to = address_of(asked["to"], "to") if asked.get("to") else None
        data = bytes_of(asked.get("input") or asked.get("data") or "0x", "data")
        value = number_of(asked["value"], "value") if asked.get("value") else 0
        gas = number_of(asked["gas"], "gas") if asked.get("gas") else CALL_GAS_MAX
        return sender, to, data, value, min(gas, CALL_GAS_MAX)

    def _call(self, words: _Words) -> str:
        sender, to, data, value, gas = self._asked(words)
        codes = _codes(words[2]) if len(words) > 2 and words[2] else {}
        machine = self._at(words, 1)
        with machine.trying(), machine.codes(codes):
            ran = machine.call(sender, to, data, value=value, gas=gas)
        return f"0x{_output(ran).hex()}"

    def _estimate(self, words: _Words) -> str:
        """The least gas limit that lets it through, to a sixty-fourth, as geth searches it."""
        sender, to, data, value, gas = self._asked(words)
        machine = self._at(words, 1)

        def run(limit: int) -> Ran:
            with machine.trying():
                return cast(Ran, machine.call(sender, to, data, value=value, gas=limit))

        most = min(gas, BLOCK_GAS_MAX)
        if to is not None and not data and not machine.code(to) and run(_PLAIN_GAS).success:
            return hex(_PLAIN_GAS)
        ran = run(most)
        if not ran.success:
            if ran.halt == "out of gas" or ran.halt.startswith("intrinsic"):
                raise Refused(f"gas required exceeds allowance ({most})")
            _output(ran)
        low = max(ran.gas_used, intrinsic_gas(data, to is None)) - 1
        guess = (ran.gas_used + _STIPEND) * 64 // 63
        high = guess if guess < most and run(guess).success else most
        while low + 1 < high and (high - low) * 64 > high:
            middle = (low + high) // 2
            if run(middle).success:
                high = middle
            else:
                low = middle
        return hex(high)

    # Blocks and transactions.

    def _block_by_number(self, words: _Words) -> dict[str, Any] | None:
        found = self._find(_word(words, 0))
        return None if found is None else found.shape(_whole(words))

    def _block_by_hash(self, words: _Words) -> dict[str, Any] | None:
        found = self._find({"blockHash": _digest(words, 0)})
        return None if found is None else found.shape(_whole(words))

    def _block_receipts(self, words: _Words) -> list[dict[str, Any]] | None:
        found = self._find(_word(words, 0))
        return None if found is None else [found.receipt(place) for place in range(len(found.receipts))]

    def _mined(self, digest: str) -> tuple[Block, int] | None:
        """Where it is, as far as this node says."""
        found = self._chain.mined(digest)
        return None if found is None or found[0].number > self.newest.number else found

    def _transaction(self, words: _Words) -> dict[str, Any] | None:
        digest = _digest(words, 0)
        if (found := self._mined(digest)) is not None:
            return found[0].transaction(found[1])
        waiting = self._chain.pool.find(digest)
        return None if waiting is None else waiting.shape(None)

    def _receipt(self, words: _Words) -> dict[str, Any] | None:
        found = self._mined(_digest(words, 0))
        return None if found is None else found[0].receipt(found[1])

    def _send(self, words: _Words) -> str:
        sent = decoded(bytes_of(_word(words, 0), "transaction"))
        if self._lies.to_lose > 0:
            self._lies.to_lose -= 1
        else:
            self._chain.admit(sent)
        return sent.hash

    def _logs(self, words: _Words) -> list[dict[str, Any]]:
        asked = _mapping(words, 0)
        wanted = LogFilter.read(asked)
        found: list[dict[str, Any]] = []
        for block in self._range(asked):
            found += wanted.of(block)
            if len(found) > _LOGS_MAX:
                raise Refused(f"query returned more than {_LOGS_MAX} results", _LIMIT_EXCEEDED)
        return found

    def _range(self, asked: Mapping[str, Any]) -> Iterator[Block]:
        if asked.get("blockHash"):
            if asked.get("fromBlock") or asked.get("toBlock"):
                raise Refused("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other")
            block = self._find({"blockHash": asked["blockHash"]})
            if block is None:
                raise Refused("unknown block")
            yield block
            return
        first, last = self._find(asked.get("fromBlock")), self._find(asked.get("toBlock"))
        begin = self.newest.number + 1 if first is None else first.number
        end = self.newest.number if last is None else last.number
        if first is not None and begin > end:
            raise Refused("invalid block range params", INVALID_PARAMS)
        yield from self._chain.blocks[begin : end + 1]

    # Fees.

    def _tip(self) -> int:
        """What most blocks took lately: the percentile of all tips in the last blocks."""
        last = self._chain.blocks[max(0, self.newest.number - _FEE_BLOCKS + 1) : self.newest.number + 1]
        tips = [one.transaction.tip(block.base_fee_wei) for block in last for one in block.receipts]
        if len(tips) < 2:
            return _TIP_WEI
        return int(statistics.quantiles(sorted(tips), n=100, method="inclusive")[_FEE_PERCENTILE - 1])

    def _fee_history(self, words: _Words) -> dict[str, Any]:
        said = _word(words, 0)
        count = said if isinstance(said, int) else number_of(said, "blockCount")
        newest = self._block(words, 1)
        percentiles = _percentiles(words[2] if len(words) > 2 and words[2] else [])
        count = max(0, min(count, newest.number + 1, _FEE_BLOCKS_MAX))
        blocks = self._chain.blocks[newest.number + 1 - count : newest.number + 1]
        after = (
            self._chain.blocks[newest.number + 1].base_fee_wei
            if newest.number < self._chain.head.number
            else self._chain.base_fee_wei
        )
        shown: dict[str, Any] = {
            "oldestBlock": hex(newest.number + 1 - count),
            "baseFeePerGas": [hex(block.base_fee_wei) for block in blocks] + [hex(after)],
            "gasUsedRatio": [block.gas_used / BLOCK_GAS_MAX for block in blocks],
        }
        if percentiles:
            shown["reward"] = [[hex(one) for one in _rewards(block, percentiles)] for block in blocks]
        return shown


def _rewards(block: Block, percentiles: Sequence[float]) -> list[int]:
    """The tips at these percentiles of the block's gas."""
    paid = sorted((one.transaction.tip(block.base_fee_wei), one.gas_used) for one in block.receipts)
    found: list[int] = []
    for percentile in percentiles:
        due, spent, tip = percentile / 100 * block.gas_used, 0, 0
        for tip, gas in paid:  # noqa: B007 - the last one seen is the answer
            spent += gas
            if spent >= due:
                break
        found.append(tip)
    return found


def _percentiles(said: object) -> list[float]:
    if isinstance(said, list) and all(isinstance(one, int | float) for one in cast(list[object], said)):
        read = [float(one) for one in cast(list[float], said)]
        if read == sorted(read) and all(0 <= one <= 100 for one in read):
            return read
    raise Refused(f"invalid reward percentile: {said!r}")


def _output(ran: Ran) -> bytes:
    if ran.success:
        return ran.output
    raise Refused(ran.halt) if ran.halt else reverted(ran.output)


def _word(words: _Words, place: int) -> Any:
    if len(words) <= place or words[place] is None:
        raise Refused(f"missing value for required argument {place}", INVALID_PARAMS)
    return words[place]


def _mapping(words: _Words, place: int) -> Mapping[str, Any]:
    asked = _word(words, place)
    if not isinstance(asked, dict):
        raise Refused(f"invalid argument {place}: an object is wanted", INVALID_PARAMS)
    return cast(Mapping[str, Any], asked)


def _address(words: _Words, place: int) -> str:
    return address_of(_word(words, place), f"argument {place}")


def _digest(words: _Words, place: int) -> str:
    return f"0x{bytes_of(_word(words, place), f'argument {place}', 32).hex()}"


def _whole(words: _Words) -> bool:
    return len(words) > 1 and words[1] is True


def _codes(override: object) -> dict[str, bytes]:
    """Reads geth's state override, of which only other code is served. Raises Refused."""
    if not isinstance(override, dict):
        raise Refused("invalid argument 2: an object is wanted", INVALID_PARAMS)
    codes: dict[str, bytes] = {}
    for address, said in cast(dict[str, object], override).items():
        changes = cast(dict[str, object], said) if isinstance(said, dict) else {}
        if set(changes) != {"code"}:
            raise Refused("state override: only `code` is served", INVALID_PARAMS)
        codes[address_of(address, "override")] = bytes_of(changes["code"], "code")
    return codes
