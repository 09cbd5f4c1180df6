"""The heart of the quant-arbitrage desk, on a real node with the real contracts, over random markets.

    discovery -> lender -> calldata -> proof -> transaction

Of each market (2 to 8 tokens, 4 to 40 pools of the four kinds): the pools and the lenders' terms are read from the
chain; no cycle that brute force finds profitable is missed; and of some of what was found the predicted profit, the
proven one and the one on the chain are equal to the last unit, the gas of proof and chain to the last one. What was
taken is gone: the same transaction again is not proven, and reverts when it is sent all the same.

    python -m tests.venues.evm.proven --markets 200
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from eth_utils import to_checksum_address

from quarterdeck.arbitrage.discovery import Discovery, Opportunity
from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Hop, Loan, profit
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.venues.evm.access import Access, Endpoint
from quarterdeck.venues.evm.executor import Executor
from quarterdeck.venues.evm.lenders import Lenders, Offer
from quarterdeck.venues.evm.pools import load_pools
from quarterdeck.venues.evm.proof import Failed, Proof, Proven
from quarterdeck.venues.evm.receipts import Receipt, read_receipt
from quarterdeck.venues.evm.reverts import why
from quarterdeck.venues.evm.transactions import Call
from quarterdeck.venues.evm.universe import (
    BalancerStable,
    BalancerWeighted,
    Lender,
    ListedPool,
    Token,
    UniswapV2,
    UniswapV3,
    Universe,
)
from tests.arbitrage.chain import ME
from tests.arbitrage.test_discovery import cycles, name
from tests.contracts.floor import AAVE, CONCENTRATED, PAIR, VAULT
from tests.contracts.markets import market
from tests.venues.evm.anvil import CHAIN_ID, Anvil
from tests.venues.evm.street import Street

OPTIONS = ("--auto-impersonate", "--gas-limit", "1000000000")
OWNER = str(to_checksum_address(ME))
GAS = 6_000_000
GRID = [int(10 ** (step / 2)) for step in range(20, 52)]
BLOCK_S = 12
FALLS_MAX = 4
SMALL = 9  # pools
LENT = 2  # tokens of each market that all lenders have
KINDS = {PAIR: "uniswap-v2", CONCENTRATED: "uniswap-v3", VAULT: "balancer", AAVE: "aave-v3"}


@dataclass(frozen=True)
class Head:
    """The newest block."""

    number: int
    hash: str
    time_s: int


@dataclass
class Tally:
    """What was seen, over all markets."""

    markets: int = 0
    with_gap: int = 0
    tokens: Counter[int] = field(default_factory=Counter)
    pools: Counter[int] = field(default_factory=Counter)
    found: int = 0
    brute: int = 0
    run: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lenders = ", ".join(f"{count} from {kind}" for kind, count in sorted(self.run.items()))
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        why_not = ", ".join(f"{count} {reason}" for reason, count in sorted(self.repeats.items()))
        return (
            f"{self.markets} markets of {min(self.tokens)} to {max(self.tokens)} tokens and {min(self.pools)} to "
            f"{max(self.pools)} pools, {self.with_gap} with a gap; {self.found} cycles found, {self.brute} of them by "
            "brute force, none missed\n"
            f"{sum(self.run.values())} run, predicted = proven = on the chain, to the last unit and gas: {lenders}\n"
            f"swaps in {kinds}\nrepeated, each refused: {why_not}"
        )


class Bench:
    """A street and all that a desk has of it."""

    def __init__(self, node: Anvil) -> None:
        self.node, self.street = node, Street(node.url, by_hand=True)
        self.access = Access([Endpoint(node.url)], CHAIN_ID)

    def close(self) -> None:
        self.street.wire.close()
        self.access.close()

    def head(self) -> Head:
        block = self.node.head()
        return Head(int(block["number"], 16), str(block["hash"]), int(block["timestamp"], 16))

    def universe(self, pools: Sequence[Pool], lent: Sequence[str]) -> Universe:
        """What the desk would be told of these pools; all lenders have the tokens in `lent`."""
        street, listed = self.street, list[ListedPool]()
        for pool in pools:
            if isinstance(pool, WeightedPool | StablePool):
                made = BalancerWeighted if isinstance(pool, WeightedPool) else BalancerStable
                listed.append(made(address=pool.address, identity="0x" + street.identities[pool.address].hex()))
            elif hasattr(pool, "ticks"):
                listed.append(UniswapV3(address=pool.address))
            else:
                listed.append(UniswapV2(address=pool.address))
        tokens = sorted({token for pool in pools for token in pool.tokens})
        lenders = [
            Lender(name=f"{KINDS[kind]}-{lent.index(token)}" if kind < VAULT else KINDS[kind], kind=KINDS[kind],
                   address=street.lenders[kind, token])
            for kind in (AAVE, VAULT, PAIR, CONCENTRATED)
            for token in (lent if kind < VAULT else lent[:1])
        ]  # fmt: skip
        return Universe(
            chain_id=CHAIN_ID, executor=street.executor, vault=street.vault, native="ETH", wrapped=tokens[0],
            tokens=tuple(Token(address=one, symbol=f"T{n}", decimals=18) for n, one in enumerate(tokens)),
            pools=tuple(listed), lenders=tuple(lenders),
        )  # fmt: skip

    def receipt(self, name: str) -> Receipt:
        """Of a mined transaction; its time is of no interest."""
        return read_receipt(self.node.rpc("eth_getTransactionReceipt", name), 0)

    def transact(self, call: Call, at_s: int) -> Receipt:
        """Mines it at that time, with just its gas."""
        self.node.rpc("evm_setNextBlockTimestamp", at_s)
        receipt = self.street.transact(OWNER, call.to, call.data, gas=hex(call.gas_limit))
        return read_receipt(receipt, at_s * 10**9)


@dataclass
class Trial:
    """One market, as a desk sees it at one head."""

    bench: Bench
    pools: list[Pool]
    lenders: Lenders
    executor: Executor
    proof: Proof
    head: Head

    @property
    def length(self) -> int:
        """Swaps of the longest cycles; brute force has no time for four in a large market."""
        return 4 if len(self.pools) <= SMALL else 3

    def found(self) -> list[Opportunity]:
        """With the lenders that are there."""
        return list(Discovery(self.lenders.loans(), self.length).find(Market(self.pools)).opportunities)

    def fitted(self) -> tuple[Opportunity, Offer] | None:
        """The best cycle that the lenders that are there can fund."""
        cycles_ = (self.lenders.fit(one, lambda _token, _swaps: 0) for one in self.found())
        return max((one for one in cycles_ if one), key=lambda one: one[0].profit, default=None)

    def run(self, found: Opportunity, offer: Offer) -> str:
        """Predicted, proven, done: all the same. And once more: refused. Answers why; the chain is as before."""
        bench, street = self.bench, self.bench.street
        data = self.executor.encode(found, offer, found.profit)
        first = self.prove(Call(street.executor, data, 0, GAS))
        call = Call(street.executor, data, 0, first.gas_needed * 9 // 8)
        proven = self.prove(call)
        assert proven.ran.profit == found.profit > 0
        assert proven.ran.premium == found.owed - found.amount
        with street.trying():
            before = street.held(found.token, OWNER)
            receipt = bench.transact(call, self.head.time_s + BLOCK_S)
            assert receipt.success
            assert street.held(found.token, OWNER) - before == found.profit
            assert self.executor.ran(receipt.logs) == proven.ran
            assert receipt.gas_used == proven.gas == first.gas
            head = bench.head()
            again = self.proof.simulate(call, head)
            assert isinstance(again, Failed), "the gap was taken: it is not there a second time"
            receipt = bench.transact(call, head.time_s + BLOCK_S)
            assert not receipt.success
            said = why(bench.access, receipt)
            assert said == again.reason, "the chain says what the proof said"
        return said.name

    def prove(self, call: Call) -> Proven:
        said = self.proof.simulate(call, self.head)
        assert isinstance(said, Proven), said
        return said


def trial(bench: Bench, chance: random.Random) -> Trial:
    """A new random market on the street."""
    street = bench.street
    made = market(street, chance, 8, 36)
    tokens = sorted({token for pool in made for token in pool.tokens})
    lent = chance.sample(tokens, LENT)
    for token in lent:
        street.lend(token)
    universe, head = bench.universe(made, lent), bench.head()
    loaded = load_pools(bench.access, universe, universe.pools, head.hash)
    pools = [kept.pool for kept in loaded.kept.values()]
    assert {pool.address: pool for pool in pools} == {pool.address: pool for pool in made}, loaded.refused
    lenders = Lenders(bench.access, universe)
    lenders.refresh(lent, head.hash)
    executor = Executor.of(universe)
    return Trial(bench, pools, lenders, executor, Proof(bench.access, executor, OWNER, block_s=BLOCK_S), head)


def one_market(bench: Bench, chance: random.Random, tally: Tally) -> None:
    """Builds a market, and holds everything against it. AssertionError says what is wrong."""
    with bench.street.trying():
        known = dict(bench.street.lenders)
        this = trial(bench, chance)
        tally.markets += 1
        tally.pools[len(this.pools)] += 1
        tally.tokens[len({token for pool in this.pools for token in pool.tokens})] += 1
        found = {name(one.hops): one for one in this.found()}
        offers: dict[str, list[Offer]] = {}
        for token in this.lenders.loans():
            offers[token] = [offer for offer in this.lenders.offers() if offer.token == token]
        brute = {(cycle, token): most for cycle, token, most in brute_force(this.pools, this.length, offers)}
        missed = {cycle for cycle, _ in brute} - set(found)
        assert not missed, f"{len(missed)} profitable cycles were missed: {missed}"
        tally.found += len(found)
        tally.brute += len({cycle for cycle, _ in brute})
        tally.with_gap += bool(found)
        for (cycle, token), most in brute.items():
            funded = this.lenders.fit(found[cycle], lambda _token, _swaps: 0)
            assert funded is not None
            if funded[0].token == token:
                assert most <= funded[0].profit + max(3, most // 10**9), "another input earns more"
        for kind in KINDS.values():
            only(this.lenders, kind)
            fitted = this.fitted()
            if fitted is not None:
                tally.repeats[this.run(*fitted) or "without a word"] += 1
                tally.run[kind] += 1
                tally.kinds.update(type(hop.pool).__name__ for hop in fitted[0].hops)
        this.proof.close()
        bench.street.lenders = known  # their tokens are gone with this market


def only(lenders: Lenders, kind: str) -> None:
    """Takes all lenders out but those of a kind, by a person's word."""
    for name_, shown in lenders.status().items():
        (lenders.online if shown["kind"] == kind else lenders.offline)(name_)


def most_of(hops: Sequence[Hop], loan: Loan) -> int:
    """The largest profit at one of the inputs that are tried, in rising order until it has fallen four times in a row.

    A cycle's profit is concave but for its rounding: what falls so long does not rise again.
    """
    most, before, falls = 0, 0, 0
    for amount in GRID:
        gained = profit(hops, amount, loan)
        falls = 0 if gained is not None and gained > before else falls + 1
        if falls == FALLS_MAX:
            break
        if gained is not None:
            most, before = max(most, gained), gained
    return most


def brute_force(
    pools: list[Pool], length: int, offers: dict[str, list[Offer]]
) -> Iterator[tuple[frozenset[tuple[str, int]], str, int]]:
    """Cycles of up to so many swaps that earn something of a token, by an allowed lender, at an input that is tried."""
    for hops in cycles(pools, length):
        token = hops[0].pool.tokens[hops[0].source]
        loans = [offer.loan for offer in offers.get(token, []) if offer.allows([hop.pool for hop in hops])]
        if loans:
            loan = min(loans, key=lambda one: one.cost)
            most = most_of(hops, loan)
            if most > 0:
                yield name(hops), token, most


def main() -> None:
    parser = argparse.ArgumentParser(description="Random markets on a real node, predicted against proven and done.")
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    chance, tally, begun = random.Random(words.seed), Tally(), time.monotonic()
    with Anvil(*OPTIONS) as node:
        bench = Bench(node)
        for number in range(words.markets):
            one_market(bench, chance, tally)
            sys.stderr.write(f"\r{number + 1} of {words.markets}, {time.monotonic() - begun:.0f} s")
    sys.stdout.write(f"\nseed {words.seed}: {tally}\n{time.monotonic() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
