"""What is sent was proven on the newest state with its own gas and price; everything else is refused, and says why.

What is tested: `quarterdeck.venues.evm.clearance`.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from quarterdeck.arbitrage.market import Market
from quarterdeck.arbitrage.sizing import Hop
from quarterdeck.venues.evm.clearance import Clearance, Cleared, Cycle
from quarterdeck.venues.evm.fees import GWEI, FeeLimits, FeeMarket
from quarterdeck.venues.evm.limits import AttemptLimits, Refusal
from quarterdeck.venues.evm.pools import load_pools
from tests.venues.evm.proven import Head
from tests.venues.evm.stage import ONE, Stage, stage

LOOSE = AttemptLimits(pool_share=Decimal(1), slippage=Decimal("0.5"), price_impact=Decimal(1))


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def on(built: Stage) -> Iterator[Stage]:
    """Each test has the gap as it was made, and gas as cheap."""
    with built.bench.street.trying():
        yield built
    built.bench.street.wire.ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))


class Desk:
    """A desk's view: its pools and terms, read when `look` is called, and the newest head of its node."""

    def __init__(self, on: Stage, limits: AttemptLimits = LOOSE, *, gwei_max: int = 150, price: float | None = 2000.0):
        self.on, self.price, self.cost = on, price, 0
        market = FeeMarket(on.bench.access, FeeLimits(max_gas_price_wei=gwei_max * GWEI))
        self.clearance = Clearance(
            on.executor, on.proof, market, limits, wrapped=on.universe.wrapped, worth=self.worth, newest=self.newest
        )
        self.look()

    def worth(self, _token: str, amount: float) -> float | None:
        return None if self.price is None else self.price * amount / ONE

    def newest(self) -> Head:
        return self.on.head

    def look(self) -> None:
        on, head = self.on, self.on.head
        loaded = load_pools(on.bench.access, on.universe, on.universe.pools, head.hash)
        self.market = Market([kept.pool for kept in loaded.kept.values()])
        on.lenders.refresh([on.found["balancer"].token], head.hash)

    def renew(self) -> Cycle | None:
        market, one = self.market, self.on.found["balancer"]
        hops = tuple(Hop(market.pools[market.places[hop.pool.address]], hop.source, hop.target) for hop in one.hops)
        return self.on.lenders.fit(replace(one, hops=hops), lambda _token, _swaps: self.cost)

    def clear(self) -> Cleared | Refusal:
        return self.clearance.clear(self.renew)

    def refused(self) -> Refusal:
        said = self.clear()
        assert isinstance(said, Refusal), said
        return said


def test_what_is_cleared_succeeds_with_just_its_gas(on: Stage) -> None:
    said = Desk(on).clear()
    assert isinstance(said, Cleared)
    proven = said.proven
    assert proven.ran.profit == said.found.profit > ONE
    assert said.offer.lender.kind == "balancer"
    assert proven.gas_needed <= said.call.gas_limit <= proven.gas_needed * 5 // 4
    assert said.fees.max_fee_wei <= 150 * GWEI
    receipt = on.sent(said.call)
    assert receipt.success
    assert on.executor.ran(receipt.logs) == proven.ran
    assert receipt.gas_used == proven.gas


def test_a_gap_that_somebody_takes_meanwhile_is_not_gone_after(on: Stage) -> None:
    """While it is proven a block comes that moves the pool: it begins again; what is sent is the rest of the gap."""
    desk, moved = Desk(on), False

    def renew() -> Cycle | None:
        nonlocal moved
        cycle = desk.renew()
        if not moved:
            moved = True
            on.front_run()
            desk.look()
        return cycle

    before = on.found["balancer"].profit
    said = desk.clearance.clear(renew)
    assert isinstance(said, Cleared)
    assert said.proven.block == on.head.number
    assert 0 < said.found.profit < before
    assert on.sent(said.call).success


def test_pools_that_are_not_the_newest_prove_nothing(on: Stage) -> None:
    desk = Desk(on)
    on.front_run(10**17)
    said = desk.refused()
    assert said.code == "MOVED", "it would still earn, but not what was computed"
    desk.look()
    assert isinstance(desk.clear(), Cleared)
    assert on.sent(on.call("balancer", minimum=0, slippage=500_000)).success
    said = desk.refused()
    assert said.code == "PROOF"
    assert "would have earned -" in said.text
    desk.look()
    assert desk.refused().code == "GONE"


def test_a_chain_that_is_faster_than_we_are(on: Stage) -> None:
    desk = Desk(on)

    def renew() -> Cycle | None:
        on.bench.street.wire.ask("evm_mine")
        return desk.renew()

    said = desk.clearance.clear(renew)
    assert isinstance(said, Refusal)
    assert said.code == "OUTRUN"


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("POOL_SHARE", {"pool_share": Decimal("0.01")}),
        ("SLIPPAGE", {"slippage": Decimal("0.001")}),
        ("PRICE_IMPACT", {"price_impact": Decimal("0.001")}),
        ("MINIMUM_PROFIT", {"minimum_profit": Decimal(10**6)}),
        ("GAS_PRICE", {"max_gas_cost": Decimal("0.00001")}),
    ],
)
def test_each_limit_refuses(on: Stage, code: str, limits: dict[str, Decimal]) -> None:
    assert Desk(on, replace(LOOSE, **limits)).refused().code == code


def test_gas_and_prices_that_will_not_do(on: Stage) -> None:
    assert Desk(on, price=None).refused().code == "NO_PRICE"
    on.bench.street.wire.ask("anvil_setNextBlockBaseFeePerGas", hex(200 * GWEI))
    on.bench.street.wire.ask("evm_mine")
    said = Desk(on).refused()
    assert said.code == "GAS_PRICE"
    assert "150 gwei" in said.text


def test_an_account_that_cannot_pay_is_found_out_before_sending(on: Stage) -> None:
    owner = "0x" + "11" * 20
    on.bench.street.wire.ask("anvil_setBalance", owner, hex(10**12))
    on.bench.street.wire.ask("evm_mine")
    said = Desk(on).refused()
    assert said.code == "PROOF"
    assert "cannot pay for all of its gas" in said.text
