"""A street with pools of all kinds, things that happen to them, and the universe that lists them."""

import contextlib
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from eth_abi import encode

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.ticks import MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrt_ratio_at
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.errors import SwapRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint, Request
from quarterdeck.venues.evm.universe import Universe, decode_universe
from tests.arbitrage.chain import ME, NOBODY, artifact
from tests.contracts.floor import UNISWAP_2, packed
from tests.contracts.floor import built as compiled
from tests.venues.evm.anvil import CHAIN_ID, Anvil
from tests.venues.evm.street import Refused, Street

ONE = 10**18
PLENTY = 10**40
FUNDS = (ME, False, ME, False)
KINDS = {"ConstantProductPool": "uniswap-v2", "ConcentratedPool": "uniswap-v3", "WeightedPool": "balancer-weighted"}
QUERY = "queryBatchSwap(uint8,(bytes32,uint256,uint256,uint256,bytes)[],address[],(address,bool,address,bool))"
SWAP = "swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)"
JOIN = "joinPool(bytes32,address,address,(address[],uint256[],bytes,bool))"
EXIT = "exitPool(bytes32,address,address,(address[],uint256[],bytes,bool))"
MINT = "mint(address,int24,int24,uint128)"


def built(name: str) -> bytes:
    """The creation code of one of the contracts beside this file."""
    return compiled(f"tests/venues/evm/contracts/{name}.vy")


@contextlib.contextmanager
def quarter_of(seed: int) -> "Iterator[Quarter]":
    with Anvil("--auto-impersonate", "--gas-limit", "1000000000", "--order", "fifo") as node:
        one = Quarter(node.url, random.Random(seed))
        try:
            yield one
        finally:
            one.wires.close()
            one.wire.close()


class Wires(Access):
    """An access that counts its batches: `trips` holds the methods of each."""

    def __init__(self, url: str) -> None:
        super().__init__([Endpoint(url, timeout_s=60)], CHAIN_ID)
        self.trips: list[list[str]] = []

    def ask_many(self, requests: Sequence[Request]) -> list[Any]:
        self.trips.append([method for method, _ in requests])
        return super().ask_many(requests)


@dataclass(frozen=True)
class Block:
    number: int
    hash: str
    parent: str


class Quarter(Street):
    """`happen` does something to a pool, by chance; each thing is a transaction in a block of its own."""

    def __init__(self, url: str, chance: random.Random) -> None:
        super().__init__(url)
        self.chance = chance
        self.wires = Wires(url)
        self.ranges: dict[str, list[tuple[int, int, int]]] = {}
        self.wire.ask("anvil_setBalance", self.hand, hex(10**30))  # it sends burns itself: positions are its own

    def block(self) -> Block:
        head = self.wire.ask("eth_getBlockByNumber", "latest", False)
        return Block(int(head["number"], 16), head["hash"], head["parentHash"])

    def remember(self) -> tuple[str, dict[str, list[tuple[int, int, int]]]]:
        """A place to which the chain can go back."""
        return self.wire.ask("evm_snapshot"), {pool: list(ranges) for pool, ranges in self.ranges.items()}

    def go_back(self, place: tuple[str, dict[str, list[tuple[int, int, int]]]]) -> None:
        assert self.wire.ask("evm_revert", place[0])
        self.ranges = place[1]

    def tell(self, target: str, signature: str, *values: Any, sender: str = ME) -> None:
        receipt = self.transact(sender, target, packed(signature, values))
        assert receipt["status"] == "0x1", f"{signature} reverted"

    def universe(self, tokens: Sequence[str], made: Sequence[Pool], **changes: Any) -> Universe:
        listed = []
        for pool in made:
            one = {"kind": KINDS.get(type(pool).__name__, "balancer-stable"), "address": pool.address}
            if pool.address in self.identities:
                one["identity"] = "0x" + self.identities[pool.address].hex()
            listed.append(one)
        document = {
            "chain_id": CHAIN_ID,
            "executor": self.executor,
            "vault": self.vault,
            "native": "ETH",
            "wrapped": tokens[0],
            "tokens": [
                {"address": token, "symbol": f"T{number}", "decimals": 18} for number, token in enumerate(tokens)
            ],
            "pools": listed,
            "lenders": [],
        }
        return decode_universe(msgspec.json.encode(document | changes), "universe.json")

    def market(self, count: int) -> tuple[list[str], list[Pool]]:
        """Four tokens that ME has plenty of, and so many pools of each kind."""
        tokens = [self.token() for _ in range(4)]
        for token in tokens:
            self.give(token, ME, PLENTY)
            self.give(token, self.hand, PLENTY)
        pools = list[Pool]()
        for _ in range(count):
            first, second, third = self.chance.sample(tokens, 3)
            sizes = {token: self.chance.randrange(10**20, 10**23) for token in (first, second, third)}
            pools.append(self.pair(first, second, sizes[first], sizes[second]))
            ranges = [self._range(60) for _ in range(3)]
            pools.append(self.ticks(first, third, 3000, 60, self.chance.randrange(-900, 900), ranges))
            self.ranges[pools[-1].address] = ranges
            weights = {first: 2 * ONE // 10, second: 3 * ONE // 10, third: 5 * ONE // 10}
            pools.append(self.weighted(sizes, weights, 3 * 10**15))
            pools.append(self.stable(sizes, 200, 4 * 10**14))
        for token in tokens:
            self.tell(token, "approve(address,uint256)", self.vault, PLENTY)
        return tokens, pools

    def happen(self, pool: Pool) -> None:
        if isinstance(pool, ConstantProductPool):
            things: list[Callable[[Any], None]] = [self._swap_pair, self._swap_pair, self._mint_pair, self._burn_pair]
            things.append(self._sync_pair)
        elif isinstance(pool, ConcentratedPool):
            things = [self._swap_ticks, self._swap_ticks, self._mint_ticks, self._burn_ticks, self._share_ticks]
        else:
            things = [self._swap_vault, self._swap_vault, self._join_vault, self._exit_vault, self._price_vault]
        self.chance.choice(things)(pool)

    @contextlib.contextmanager
    def one_block(self) -> Iterator[None]:
        """What is sent inside is mined in one block at the end. Nothing waits for a receipt there."""
        self.wire.ask("evm_setAutomine", False)
        try:
            yield
            self.wire.ask("evm_mine")
        finally:
            self.wire.ask("evm_setAutomine", True)

    def push(self, target: str, signature: str, *values: Any, gas: int = 300_000) -> None:
        """A transaction of ME that nobody waits for."""
        words = {"from": ME, "to": target, "data": "0x" + packed(signature, values).hex(), "gas": hex(gas)}
        self.wire.ask("eth_sendTransaction", words)

    def at(self, more_s: int) -> int:
        """The time of the newest block, and so much more."""
        return int(self.wire.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + more_s

    def mine_after(self, more_s: int) -> None:
        self.wire.ask("evm_mine", hex(self.at(more_s)))

    def pairs(self, count: int) -> tuple[list[str], list[Pool]]:
        """So many tokens, and a pair of each two of them, in few blocks."""
        tokens = sorted((self.token() for _ in range(count)), key=lambda token: int(token, 16))
        factory = self.deploy(artifact(UNISWAP_2), ["address"], [ME])
        both = list(itertools.combinations(tokens, 2))
        with self.one_block():
            for pair in both:
                self.push(factory, "createPair(address,address)", *pair, gas=4_000_000)
        made = [self.call(factory, "getPair", ["address", "address"], pair, ["address"])[0] for pair in both]
        with self.one_block():
            for pair, address in zip(both, made, strict=True):
                for token in pair:
                    self.push(token, "mint(address,uint256)", address, 10**21)
                self.push(address, "mint(address)", ME)
        pools = [ConstantProductPool(address, pair, (10**21,) * 2) for pair, address in zip(both, made, strict=True)]
        return tokens, list(pools)

    def stable_rated(self, balances: dict[str, int], providers: dict[str, str], duration_s: int) -> StablePool:
        """A stable pool whose tokens have rates, which it asks for anew after so many seconds."""
        tokens = sorted(balances, key=lambda token: int(token, 16))
        types = ["string", "string", "address[]", "uint256", "address[]", "uint256[]", "bool[]", "uint256", "address"]
        asked = [providers.get(token, NOBODY) for token in tokens]
        lasting, no = [duration_s] * len(tokens), [False] * len(tokens)
        values = ["s", "s", tokens, 200, asked, lasting, no, 10**15, ME]
        pool = self.call(self.factories["stable"], "create", types, values, ["address"])[0]
        held = self._join(pool, tokens, balances)
        return StablePool(pool, tuple(tokens), held, (ONE,) * len(tokens), 200_000, 10**15)

    def govern(self, target: str, signature: str, *values: Any) -> None:
        """What the Vault's governance may do, which is ME, with the Vault or a pool."""
        authorizer = self.call(self.vault, "getAuthorizer", [], [], ["address"])[0]
        action = self.call(target, "getActionId", ["bytes4"], [packed(signature, values)[:4]], ["bytes32"])[0]
        self.tell(authorizer, "grantRole(bytes32,address)", action, ME)
        self.tell(target, signature, *values)

    def paid(self, pool: Pool, source: int, target: int, amount: int) -> int | None:
        """What the contract itself pays, asked and not done; None: it reverts, or takes only a part, or pays nothing.

        A pair computes no output: what ours says must be what it lets go, and one unit more what it does not.
        """
        if isinstance(pool, ConstantProductPool):
            try:
                out = pool.amount_out(source, target, amount)
            except SwapRefused:
                return None
            with self.trying():
                self.tell(pool.tokens[source], "transfer(address,uint256)", pool.address, amount)
                words = [(0, each) if source == 0 else (each, 0) for each in (out, out + 1)]
                let = [self._asked(ME, pool.address, "swap(uint256,uint256,address,bytes)", *w, ME, b"") for w in words]
            assert let[0] is not None and let[1] is None  # noqa: PT018 (one claim: this much and no more)
            return out
        if isinstance(pool, ConcentratedPool):
            limit = MIN_SQRT_RATIO + 1 if source == 0 else MAX_SQRT_RATIO - 1
            words = (pool.address, source == 0, amount, limit)
            said = self._asked(ME, self.hand, "swap(address,bool,int256,uint160)", *words)
            if said is None:
                return None
            moved = [int.from_bytes(said[begin : begin + 32], signed=True) for begin in (0, 32)]
            return -moved[target] or None if moved[source] == amount else None
        steps = [(self.identities[pool.address], 0, 1, amount, b"")]
        said = self._asked(ME, self.vault, QUERY, 0, steps, [pool.tokens[source], pool.tokens[target]], FUNDS)
        return None if said is None else -int.from_bytes(said[96:128], signed=True) or None

    def _asked(self, sender: str, target: str, signature: str, *values: Any) -> bytes | None:
        words = {"from": sender, "to": target, "data": "0x" + packed(signature, values).hex()}
        try:
            return bytes.fromhex(self.wire.ask("eth_call", words, "latest")[2:])
        except Refused:
            return None

    # A pair.

    def _swap_pair(self, pool: ConstantProductPool) -> None:
        held = self.call(pool.address, "getReserves", [], [], ["uint112", "uint112", "uint32"])[:2]
        now = ConstantProductPool(pool.address, pool.tokens, held)
        source = self.chance.randrange(2)
        amount = held[source] // self.chance.randrange(2, 1000)
        out = now.amount_out(source, 1 - source, amount)
        self.tell(pool.tokens[source], "transfer(address,uint256)", pool.address, amount)
        words = (0, out) if source == 0 else (out, 0)
        self.tell(pool.address, "swap(uint256,uint256,address,bytes)", *words, ME, b"")

    def _mint_pair(self, pool: ConstantProductPool) -> None:
        for token in pool.tokens:
            self.tell(token, "transfer(address,uint256)", pool.address, self.chance.randrange(10**18, 10**22))
        self.tell(pool.address, "mint(address)", ME)

    def _burn_pair(self, pool: ConstantProductPool) -> None:
        share = self.held(pool.address, ME) // self.chance.randrange(4, 100)
        self.tell(pool.address, "transfer(address,uint256)", pool.address, share)
        self.tell(pool.address, "burn(address)", ME)

    def _sync_pair(self, pool: ConstantProductPool) -> None:
        self.tell(self.chance.choice(pool.tokens), "transfer(address,uint256)", pool.address, 12345)
        self.tell(pool.address, "sync()")

    # A pool with ticks.

    def _range(self, spacing: int) -> tuple[int, int, int]:
        lower, upper = sorted(self.chance.sample(range(-20, 20), 2))  # few, so that they share ends
        return lower * spacing, upper * spacing, self.chance.randrange(10**20, 10**23)

    def _swap_ticks(self, pool: ConcentratedPool) -> None:
        tick = self.call(pool.address, "slot0", [], [], ["uint160", "int24"])[1]
        falling = tick > 1500 or (tick > -1500 and self.chance.random() < 0.5)  # at its limit it takes nothing more
        limit = sqrt_ratio_at(-3000 if falling else 3000)
        words = (pool.address, falling, int(10 ** self.chance.uniform(10, 22)), limit)
        self.tell(self.hand, "swap(address,bool,int256,uint160)", *words)

    def _mint_ticks(self, pool: ConcentratedPool) -> None:
        one = self._range(pool.spacing)
        self.ranges[pool.address].append(one)
        self.tell(self.hand, MINT, pool.address, *one)

    def _burn_ticks(self, pool: ConcentratedPool) -> None:
        """The whole of a range, so that its ends may disappear; a part; or nothing, as collectors of fees do."""
        lower, upper, liquidity = self.ranges[pool.address][-1]
        share = self.chance.choice((liquidity, liquidity // 3, 0))
        self.ranges[pool.address][-1] = (lower, upper, liquidity - share)
        self.tell(pool.address, "burn(int24,int24,uint128)", lower, upper, share, sender=self.hand)
        if share == liquidity and len(self.ranges[pool.address]) > 1:
            self.ranges[pool.address].pop()

    def _share_ticks(self, pool: ConcentratedPool) -> None:
        self.tell(pool.address, "setFeeProtocol(uint8,uint8)", *self.chance.choice(((0, 0), (4, 10))))

    # A pool of the Vault.

    def _swap_vault(self, pool: Pool) -> None:
        source, target = self.chance.sample(pool.tokens, 2)
        if isinstance(pool, StablePool) and self.chance.random() < 0.3:
            target = pool.address  # a join by a swap: only one token that we trade moves
        words = (self.identities[pool.address], 0, source, target, 10**18, b"")
        self.tell(self.vault, SWAP, words, FUNDS, 0, 2**255)

    def _join_vault(self, pool: Pool) -> None:
        amounts = [self.chance.randrange(10**17, 10**20) for _ in pool.tokens]
        self._with_vault(JOIN, pool, encode(["uint256", "uint256[]", "uint256"], [1, amounts, 0]), PLENTY)

    def _exit_vault(self, pool: Pool) -> None:
        share = self.held(pool.address, ME) // self.chance.randrange(4, 100)
        kind = 1 if isinstance(pool, WeightedPool) else 2
        self._with_vault(EXIT, pool, encode(["uint256", "uint256"], [kind, share]), 0)

    def _with_vault(self, what: str, pool: Pool, words: bytes, limit: int) -> None:
        identity = self.identities[pool.address]
        listed = self.call(self.vault, "getPoolTokens", ["bytes32"], [identity], ["address[]", "uint256[]", "uint256"])
        request = (list(listed[0]), [limit] * len(listed[0]), words, False)
        self.tell(self.vault, what, identity, ME, ME, request)

    def _price_vault(self, pool: Pool) -> None:
        self.tell(pool.address, "setSwapFeePercentage(uint256)", self.chance.randrange(10**12, 10**16))
