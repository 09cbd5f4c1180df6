"""One gap between a pair and a concentrated pool on a real node, with all four lenders, as a desk sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.venues.evm.executor import Executor
from quarterdeck.venues.evm.lenders import Lenders, Offer
from quarterdeck.venues.evm.proof import Proof
from quarterdeck.venues.evm.receipts import Receipt
from quarterdeck.venues.evm.transactions import Call
from quarterdeck.venues.evm.universe import LenderKind, Universe
from tests.contracts.floor import LENDERS, STRANGER
from tests.contracts.scene import scene_of
from tests.venues.evm.anvil import Anvil
from tests.venues.evm.proven import BLOCK_S, GAS, KINDS, OPTIONS, OWNER, Bench, Head

__all__ = ["ALL", "ONE", "Stage", "stage"]

ONE = 10**18
ALL: tuple[LenderKind, ...] = ("aave-v3", "balancer", "uniswap-v2", "uniswap-v3")


@dataclass
class Stage:
    """`found` by the kind of lender that would pay for it."""

    bench: Bench
    universe: Universe
    pair: ConstantProductPool
    found: dict[LenderKind, Opportunity]
    executor: Executor
    lenders: Lenders
    proof: Proof

    @property
    def head(self) -> Head:
        return self.bench.head()

    def offer(self, kind: LenderKind) -> Offer:
        """What that lender offers of what the cycle borrows, now."""
        token = self.found[kind].token
        self.lenders.refresh([token], self.head.hash)
        return next(one for one in self.lenders.offers() if one.lender.kind == kind and one.token == token)

    def call(self, kind: LenderKind, *, minimum: int | None = None, slippage: int = 0, gas: int = GAS) -> Call:
        """What the desk would send."""
        one = self.found[kind]
        data = self.executor.encode(one, self.offer(kind), one.profit if minimum is None else minimum, slippage)
        return Call(self.executor.address, data, 0, gas)

    def sent(self, call: Call) -> Receipt:
        """Mined, whatever comes of it."""
        return self.bench.transact(call, self.head.time_s + BLOCK_S)

    def front_run(self, amount: int = 2 * ONE) -> None:
        """A stranger takes a part of the gap in the pair, in a block of its own."""
        street, pair = self.bench.street, self.pair
        hop = next(hop for hop in self.found["aave-v3"].hops if hop.pool.address == pair.address)
        out = pair.amount_out(hop.source, hop.target, amount)
        street.give(pair.tokens[hop.source], pair.address, amount)
        outs = (0, out) if hop.target else (out, 0)
        street.call(pair.address, "swap", ["uint256", "uint256", "address", "bytes"], [*outs, STRANGER, b""])


@contextmanager
def stage() -> Iterator[Stage]:
    """A node and all that is on it."""
    with Anvil(*OPTIONS) as node:
        bench = Bench(node)
        street = bench.street
        scene = scene_of(street, street.token(), street.token())
        found = {KINDS[kind]: scene.found[kind] for kind in LENDERS}
        pools = [hop.pool for hop in found["aave-v3"].hops]
        universe = bench.universe(pools, [found["aave-v3"].token])
        executor = Executor.of(universe)
        pair = next(pool for pool in pools if isinstance(pool, ConstantProductPool))
        proof = Proof(bench.access, executor, OWNER, block_s=BLOCK_S)
        try:
            yield Stage(bench, universe, pair, found, executor, Lenders(bench.access, universe), proof)
        finally:
            proof.close()
            bench.close()
