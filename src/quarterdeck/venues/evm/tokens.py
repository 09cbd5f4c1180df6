"""Tokens that do not do what they are told: those that take a fee of a transfer, and those whose balances move alone.

No swap can be computed with such a token, so its pools are refused by name. Three things are looked at:

- **A transfer.** A call in which some code of ours stands where the pool and the executor are (a state override of
  `eth_call`; nothing is sent): the pool pays the executor, the executor pays it back, and balances are taken between.
  So a fee that only pools pay, or only buyers, is seen; so is a share-based token that rounds.
- **What a pair holds.** A pair of Uniswap V2 remembers its reserves. It holds less only where a balance went down by
  itself; more than a thousandth more is a balance that went up by itself, or a gift that anybody may take out.
- **Where the balance stands.** A plain token keeps it in storage; a rebasing one computes it. Where the node can tell
  which words a call of `balanceOf` reads (`eth_createAccessList`), one of them must contain the balance.

A rebasing token that still counts one to one, or on a node without access lists, is seen only once it has moved: at
the next load.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.errors import RpcRefused
from quarterdeck.venues.evm.pools import Kept
from quarterdeck.venues.evm.reading import Call, Node, Request, read, refused_by_contract
from quarterdeck.venues.evm.universe import Token, UniswapV2, UniswapV3, Universe

__all__ = ["refused_pools"]

_NO_SUCH_METHOD: Final = -32601
_GIFT_PARTS: Final = 1000
_PLAIN_FROM: Final = 2**16  # a smaller balance is found in any word by luck
_PROBE: Final = (
    # It makes the calls that it is told, one after the other, and returns (success, first word of the answer) of each.
    # Told are, for each: a word with the target, a word with the length, the bytes. Stack on the right, its top last.
    "6000 6000"  # out, in
    "5b 36 81 10 6010 57"  # 04: while in < CALLDATASIZE
    "50 6000 f3"  # return memory[0:out]
    "00"  # (never reached: what follows stands at 10)
    "5b 80 6020 01 35"  # 10: out, in, length
    "80 82 6040 01 614000 37"  # memory[4000:] = the bytes
    "6020 83 6020 01 82 614000 6000 86 35 5a f1"  # call; the first word of the answer goes to memory[out + 20]
    "83 52"  # memory[out] = success
    "01 6040 01 90 6040 01 90"  # in += length + 40, out += 40
    "6004 56"
).replace(" ", "")


@dataclass(frozen=True, slots=True)
class _Trial:
    """A transfer of a token from who holds some to a place, and back."""

    token: Token
    holder: str
    place: str
    amount: int

    def request(self, block_hash: str) -> Request:
        told = _told(self._calls()).hex()
        code = {self.holder: {"code": "0x" + _PROBE}, self.place: {"code": "0x" + _PROBE}}
        return "eth_call", [{"to": self.holder, "data": "0x" + told}, {"blockHash": block_hash}, code]

    def problem(self, answer: Any) -> str | None:
        """What is wrong with the token, or None."""
        name = f"its token {self.token.symbol}"
        if isinstance(answer, RpcRefused):
            if refused_by_contract(answer):
                return f"{name} could not be tried: {answer}"
            raise answer
        words = bytes.fromhex(str(answer).removeprefix("0x"))
        values = [int.from_bytes(words[start : start + 32]) for start in range(0, len(words), 32)]
        done, said = values[::2], values[1::2]
        if len(done) != len(self._calls()):
            return f"{name} could not be tried: the node does not put code in place for a call"
        if not all(done):
            return f"{name} does not let itself be sent between {self.holder} and {self.place}"
        left, came = said[0] - said[3], said[4] - said[1]
        gone, back = said[4] - said[7], said[6] - said[3]
        if (left, came, gone, back) == (self.amount,) * 4:
            return None
        return (
            f"{name} takes a fee of transfers, or rounds them: of {self.amount} sent {left} left and {came} arrived, "
            f"on the way back {gone} and {back}"
        )

    def _calls(self) -> list[tuple[str, bytes]]:
        token = self.token.address
        look = [(token, _held(token, owner).data) for owner in (self.holder, self.place)]
        there = (token, Call(token, "transfer(address,uint256)", (self.place, self.amount)).data)
        back = (token, Call(token, "transfer(address,uint256)", (self.holder, self.amount)).data)
        return [*look, there, *look, (self.place, _told([back])), *look]


def refused_pools(node: Node, universe: Universe, kept: Mapping[str, Kept], block_hash: str) -> dict[str, str]:
    """Tries the tokens of all pools at a block. Returns the addresses of pools that cannot be used, with the reason.

    Three round trips. ChainError: the node does not have that block, or nobody answered.
    """
    tokens = [token for token in universe.tokens if any(token.address in each.pool.tokens for each in kept.values())]
    holders = {(token, _holder(each, universe)) for each in kept.values() for token in each.pool.tokens}
    pairs = sorted(holders)
    calls = [Call(token.address, "decimals()", returns=("uint8",)) for token in tokens]
    _, told = read(node, block_hash, [*calls, *(_held(token, owner) for token, owner in pairs)])
    held = {pair: int(each[0]) if each else 0 for pair, each in zip(pairs, told[len(calls) :], strict=True)}
    wrong = dict[str, str]()
    for token, values in zip(tokens, told, strict=False):
        if values is None or values[0] != token.decimals:
            said = "does not say its decimals" if values is None else f"has {values[0]} decimals"
            wrong[token.address] = f"its token {token.symbol} {said}, the universe says {token.decimals}"
    for token, problem in _tried(node, universe, tokens, held, block_hash):
        wrong.setdefault(token, problem)
    refused = dict[str, str]()
    for address, each in kept.items():
        bad = [wrong[token] for token in each.pool.tokens if token in wrong]
        problem = bad[0] if bad else _gap(each, held, universe)
        if problem is not None:
            refused[address] = f"{each.listed.kind} pool {address}: {problem}"
    return refused


def _tried(
    node: Node, universe: Universe, tokens: Sequence[Token], held: Mapping[tuple[str, str], int], block_hash: str
) -> Iterable[tuple[str, str]]:
    trials, richest = list[_Trial](), dict[str, tuple[str, int]]()
    for token in tokens:
        owners = {owner: amount for (each, owner), amount in held.items() if each == token.address}
        rich = max(owners, key=lambda owner: owners[owner])
        if not owners[rich]:
            yield token.address, f"its token {token.symbol} could not be tried: none of the pools holds any"
            continue
        richest[token.address] = rich, owners[rich]
        for owner, amount in owners.items():
            source, place = (owner, universe.executor) if amount else (rich, owner)
            trials.append(_Trial(token, source, place, owners[source] // 1000 + 1))
    looks: list[Request] = [
        ("eth_createAccessList", [_question(token, owner), {"blockHash": block_hash}])
        for token, (owner, _) in richest.items()
    ]
    if not trials:
        return
    answers = node.ask_many([*(trial.request(block_hash) for trial in trials), *looks])
    for trial, answer in zip(trials, answers, strict=False):
        if (problem := trial.problem(answer)) is not None:
            yield trial.token.address, problem
    lists = dict(zip(richest, answers[len(trials) :], strict=True))
    symbols = {token.address: token.symbol for token in tokens}
    for token in _computed(node, lists, {token: amount for token, (_, amount) in richest.items()}, block_hash):
        problem = "rebases: what it says of a balance stands nowhere in its storage"
        yield token, f"its token {symbols[token]} {problem}"


def _computed(
    node: Node, lists: Mapping[str, Any], balances: Mapping[str, int], block_hash: str
) -> Iterable[str]:  # fmt: skip
    """The tokens whose balance is in none of the words that `balanceOf` reads."""
    words = dict[str, list[Request]]()
    for token, answer in lists.items():
        if isinstance(answer, RpcRefused):
            if answer.code == _NO_SUCH_METHOD:
                continue
            raise answer
        if balances[token] >= _PLAIN_FROM:
            words[token] = [
                ("eth_getStorageAt", [each["address"], key, {"blockHash": block_hash}])
                for each in answer["accessList"]
                for key in each["storageKeys"]
            ]
    asked = [request for each in words.values() for request in each]
    answers = iter(node.ask_many(asked) if asked else ())
    for token, requests in words.items():
        found = False
        for _ in requests:
            word = next(answers)
            if isinstance(word, RpcRefused):
                raise word
            found = found or f"{balances[token]:x}" in f"{int(word, 16):064x}"
        if not found:
            yield token


def _gap(kept: Kept, held: Mapping[tuple[str, str], int], universe: Universe) -> str | None:
    """What is wrong between what a pool counts and what it holds."""
    pool = kept.pool
    if isinstance(kept.listed, UniswapV3):
        return None  # it counts no balances
    counted = pool.reserves if isinstance(pool, ConstantProductPool) else getattr(pool, "balances", ())
    symbols = {token.address: token.symbol for token in universe.tokens}
    for token, amount in zip(pool.tokens, counted, strict=True):
        there = held[token, _holder(kept, universe)]
        if there < amount:
            return f"its token {symbols[token]} rebases: {amount} are counted and {there} are there"
        if isinstance(kept.listed, UniswapV2) and there - amount > amount // _GIFT_PARTS:
            return f"its token {symbols[token]} rebases, or somebody gave some: {amount} are counted, {there} are there"
    return None


def _holder(kept: Kept, universe: Universe) -> str:
    if isinstance(kept.listed, UniswapV2 | UniswapV3):
        return kept.listed.address
    return universe.vault or kept.listed.address


def _held(token: str, owner: str) -> Call:
    return Call(token, "balanceOf(address)", (owner,))


def _question(token: str, owner: str) -> dict[str, str]:
    return {"to": token, "data": "0x" + _held(token, owner).data.hex()}


def _told(calls: Sequence[tuple[str, bytes]]) -> bytes:
    return b"".join(
        int(target, 16).to_bytes(32) + len(data).to_bytes(32) + data for target, data in calls
    )  # fmt: skip
