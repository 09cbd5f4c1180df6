"""The executor on a chain with real factories, the real Vault and four real lenders, and pools that we both know."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_abi.grammar import parse
from eth_utils import keccak
from vyper import compile_code

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Loan
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.ticks import sqrt_ratio_at
from quarterdeck.arbitrage.weighted import WeightedPool, scaling
from tests.arbitrage.chain import BALANCER, ME, NOBODY, RICH, Chain, artifact, compiled
from tests.contracts import aave

ROOT = Path(__file__).resolve().parent.parent.parent
STRANGER, SUCCESSOR = "0x" + "22" * 20, "0x" + "33" * 20
PAIR, CONCENTRATED, VAULT, AAVE = 1, 2, 3, 4
LENDERS = (PAIR, CONCENTRATED, VAULT, AAVE)
UNISWAP_2 = "@uniswap/v2-core/build/UniswapV2Factory.json"
UNISWAP_3 = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
LOAN = "(uint8,address,address,uint256,uint256,uint256)"
STEPS = "(uint8,address,bytes32,address,address,uint256,uint256)[]"
RUN = f"run({LOAN},{STEPS},uint256)"
ERRORS = {
    keccak(text=f"{name}({','.join(types)})")[:4]: (name, types)
    for name, types in (
        ("Error", ("string",)),
        ("ProfitTooSmall", ("int256", "uint256")),
        ("StepPaidTooLittle", ("uint256", "uint256", "uint256")),
        ("WrongAmountAsked", ("int256", "uint256")),
        ("WrongPremium", ("uint256", "uint256")),
        ("WrongTransfer", ("address", "uint256", "uint256")),
    )
}
LOANS = {
    PAIR: Loan(3, 997),
    CONCENTRATED: Loan(500, 1_000_000),
    VAULT: Loan(10**14, 10**18),
    AAVE: Loan(5, nearest=True),
}
Words = tuple[tuple[Any, ...], list[tuple[Any, ...]], int]


class Reverted(Exception):
    """A call that changed nothing. `name` and `values` are its decoded reason; both empty where it gave none."""

    def __init__(self, output: bytes) -> None:
        self.name, types = ERRORS.get(output[:4], ("", ()))
        self.values = decode(types, output[4:]) if types else ()
        super().__init__(f"{self.name}{self.values}")


@cache
def built(path: str) -> bytes:
    """The creation code of a contract at a path of the repository."""
    source = (ROOT / path).read_text()
    return bytes.fromhex(compile_code(source, output_formats=["bytecode"])["bytecode"].removeprefix("0x"))


def hostile(name: str) -> bytes:
    return built(f"tests/contracts/hostile/{name}.vy")


def packed(signature: str, values: Sequence[Any]) -> bytes:
    """A call's bytes: selector and arguments."""
    inside = signature[signature.index("(") :]
    if inside == "()":
        return keccak(text=signature)[:4]
    skipped = 32 if parse(inside).is_dynamic else 0  # a tuple with a dynamic part stands behind a word: its place
    return keccak(text=signature)[:4] + encode([inside], [tuple(values)])[skipped:]


class Floor(Chain):
    """ME owns everything. Pools made here are answered as our own objects at their state on the chain."""

    def __init__(self) -> None:
        super().__init__()
        self.hand = self.deploy(compiled("hand"))
        self._deploy_balancer()
        self.aave = aave.deploy(self)
        self.executor = self.deploy(built("contracts/executor.vy"), ["address"], [self.vault])
        self.ballast = self.token()
        self.identities: dict[str, bytes] = {}
        self.lenders: dict[tuple[int, str], str] = {}

    def send(self, sender: str, contract: str, signature: str, values: Sequence[Any] = ()) -> bytes:
        """One transaction. Reverted where it reverts."""
        try:
            return bytes(self.evm.message_call(sender, contract, calldata=packed(signature, values)))
        except RuntimeError as error:
            found = re.search(r"^Revert .*output: 0x([0-9a-f]*)", str(error))
            if not found:  # not a contract's word: out of gas, say, or a sender that has code
                raise
            raise Reverted(bytes.fromhex(found[1])) from error
        finally:
            self.evm.reset_transient_storage()

    def held(self, token: str, holder: str) -> int:
        return int(self.call(token, "balanceOf", ["address"], [holder], ["uint256"])[0])

    def allowed(self, token: str, spender: str) -> int:
        return int(self.call(token, "allowance", ["address", "address"], [self.executor, spender], ["uint256"])[0])

    def run(self, words: Words, sender: str = ME) -> int:
        """What the executor says it earned."""
        return int.from_bytes(self.send(sender, self.executor, RUN, words))

    # Lenders.

    def lend(self, token: str) -> None:
        """Every lender has plenty of a token, from the first time on."""
        if (PAIR, token) in self.lenders:
            return
        deep = self.pair(token, self.ballast, 10**30, 10**30)
        wide = self.ticks(token, self.ballast, 500, 10, 0, ((-1000, 1000, 10**28),))
        self.lenders |= {(PAIR, token): deep.address, (CONCENTRATED, token): wide.address}
        self.give(token, self.vault, 10**30)
        aave.lend(self, self.aave, token)
        self.lenders |= {(VAULT, token): self.vault, (AAVE, token): self.aave.pool}

    def words(self, kind: int, one: Opportunity, minimum: int | None = None, slack: int = 0) -> Words:
        """What `run` is told: the steps' minimum is what we computed, less `slack` units."""
        premium = LOANS[kind].owed(one.amount) - one.amount
        loan = (kind, self.lenders[kind, one.token], one.token, one.amount, premium, 997 if kind == PAIR else 0)
        steps, amount = [], one.amount
        for hop in one.hops:
            amount = hop.pool.amount_out(hop.source, hop.target, amount)
            source, target = hop.pool.tokens[hop.source], hop.pool.tokens[hop.target]
            steps.append((*self._place(hop.pool), source, target, max(0, amount - slack), 997))
        return loan, steps, one.profit if minimum is None else minimum

    def _place(self, pool: Pool) -> tuple[int, str, bytes]:
        if isinstance(pool, ConstantProductPool):
            return PAIR, pool.address, b"\0" * 32
        if isinstance(pool, ConcentratedPool):
            return CONCENTRATED, pool.address, b"\0" * 32
        return VAULT, self.vault, self.identities[pool.address]

    # Pools.

    def pair(self, first: str, second: str, amount: int, other: int) -> ConstantProductPool:
        """So much of the first token, and of the second."""
        factory = self.deploy(artifact(UNISWAP_2), ["address"], [ME])  # its own: a factory makes a pair of tokens once
        pair = self.call(factory, "createPair", ["address", "address"], [first, second], ["address"])[0]
        self.give(first, pair, amount)
        self.give(second, pair, other)
        self.call(pair, "mint", ["address"], [ME])
        if int(first, 16) > int(second, 16):
            first, second, amount, other = second, first, other, amount
        return ConstantProductPool(pair, (first, second), (amount, other))

    def ticks(
        self, first: str, second: str, fee: int, spacing: int, tick: int, ranges: Sequence[tuple[int, int, int]]
    ) -> ConcentratedPool:
        """`tick` is that of the tokens in the order of their addresses; a range is (lower, upper, liquidity)."""
        first, second = sorted((first, second), key=lambda token: int(token, 16))
        words = ["address", "address", "uint24"], [first, second, fee], ["address"]
        pool = self.call(self.deploy(artifact(UNISWAP_3)), "createPool", *words)[0]
        price, nets, liquidity = sqrt_ratio_at(tick) + 12345, dict[int, int](), 0
        self.call(pool, "initialize", ["uint160"], [price])
        for token in (first, second):
            self.give(token, self.hand, RICH)
        for lower, upper, part in ranges:
            self.call(self.hand, "mint", ["address", "int24", "int24", "uint128"], [pool, lower, upper, part])
            nets[lower], nets[upper] = nets.get(lower, 0) + part, nets.get(upper, 0) - part
            liquidity += part if lower <= tick < upper else 0
        return ConcentratedPool(
            pool, (first, second), fee, spacing, price, tick, liquidity, tuple(sorted(nets.items()))
        )  # fmt: skip

    def weighted(self, balances: dict[str, int], weights: dict[str, int], fee: int) -> WeightedPool:
        tokens = sorted(balances, key=lambda token: int(token, 16))
        parts = [weights[token] for token in tokens]
        types = ["string", "string", "address[]", "uint256[]", "address[]", "uint256", "address"]
        values = ["w", "w", tokens, parts, [NOBODY] * len(tokens), fee, ME]
        pool = self.call(self.factories["weighted"], "create", types, values, ["address"])[0]
        held = self._join(pool, tokens, balances)
        return WeightedPool(pool, tuple(tokens), held, tuple(parts), (scaling(18),) * len(tokens), fee)

    def stable(self, balances: dict[str, int], amplification: int, fee: int) -> StablePool:
        tokens, count = sorted(balances, key=lambda token: int(token, 16)), len(balances)
        types = ["string", "string", "address[]", "uint256", "address[]", "uint256[]", "bool[]", "uint256", "address"]
        values = ["s", "s", tokens, amplification, [NOBODY] * count, [0] * count, [False] * count, fee, ME]
        pool = self.call(self.factories["stable"], "create", types, values, ["address"])[0]
        held = self._join(pool, tokens, balances)
        return StablePool(pool, tuple(tokens), held, (scaling(18),) * count, amplification * 1000, fee)

    def _join(self, pool: str, tokens: list[str], balances: dict[str, int]) -> tuple[int, ...]:
        identity = self.call(pool, "getPoolId", [], [], ["bytes32"])[0]
        self.identities[pool] = identity
        types = ["address[]", "uint256[]", "uint256"]
        listed = self.call(self.vault, "getPoolTokens", ["bytes32"], [identity], types)[0]
        for token in tokens:
            self.give(token, ME, balances[token])
            self.call(token, "approve", ["address", "uint256"], [self.vault, balances[token]])
        amounts = [0 if token == pool else balances[token] for token in listed]
        most = [2**112 - 1 if token == pool else amount for token, amount in zip(listed, amounts, strict=True)]
        request = (list(listed), most, encode(["uint256", "uint256[]"], [0, amounts]), False)
        words = ["bytes32", "address", "address", "(address[],uint256[],bytes,bool)"]
        self.call(self.vault, "joinPool", words, [identity, ME, ME, request])
        now = self.call(self.vault, "getPoolTokens", ["bytes32"], [identity], types)
        return tuple(now[1][list(now[0]).index(token)] for token in tokens)

    def _deploy_balancer(self) -> None:
        tasks = {
            "weighted": "20230206-weighted-pool-v3/artifact/WeightedPoolFactory.json",
            "stable": "20230206-composable-stable-pool-v3/artifact/ComposableStablePoolFactory.json",
        }
        authorizer = self.deploy(artifact(f"{BALANCER}/20210418-authorizer/artifact/Authorizer.json"), ["address"],
                                 [ME])  # fmt: skip
        self.vault = self.deploy(
            artifact(f"{BALANCER}/20210418-vault/artifact/Vault.json"),
            ["address", "address", "uint256", "uint256"], [authorizer, self.token(), 0, 0],
        )  # fmt: skip
        provider = "20220725-protocol-fee-percentages-provider/artifact/ProtocolFeePercentagesProvider.json"
        fees = self.deploy(
            artifact(f"{BALANCER}/{provider}"), ["address", "uint256", "uint256"], [self.vault, 10**18, 10**18]
        )
        words = ["address", "address", "string", "string"]
        self.factories = {
            kind: self.deploy(artifact(f"{BALANCER}/{path}"), words, [self.vault, fees, "one", "one"])
            for kind, path in tasks.items()
        }
        # The Vault lends for nothing until its governance says otherwise; here it has, so that premiums are seen.
        collector = self.call(self.vault, "getProtocolFeesCollector", [], [], ["address"])[0]
        name = "setFlashLoanFeePercentage"
        selector = keccak(text=f"{name}(uint256)")[:4]
        action = self.call(collector, "getActionId", ["bytes4"], [selector], ["bytes32"])[0]
        self.call(authorizer, "grantRole", ["bytes32", "address"], [action, ME])
        self.call(collector, name, ["uint256"], [10**14])
