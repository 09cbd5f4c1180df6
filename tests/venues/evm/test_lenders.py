"""Lenders' terms as the chain has them, who is left out and comes back, and who pays for a cycle.

What is tested: `quarterdeck.venues.evm.lenders`.
"""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from quarterdeck.arbitrage.arithmetic import ceil_div
from quarterdeck.arbitrage.sizing import Loan, profit
from quarterdeck.errors import DataError
from quarterdeck.venues.evm.lenders import Lenders, Offer
from quarterdeck.venues.evm.universe import LenderKind
from tests.contracts.floor import VAULT
from tests.venues.evm.proven import KINDS, only
from tests.venues.evm.stage import ALL, Stage, stage


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def on(built: Stage) -> Iterator[Stage]:
    """Each test has the lenders as they were made, and a desk that has just begun."""
    with built.bench.street.trying():
        built.lenders = Lenders(built.bench.access, built.universe)
        yield built


def offers(on: Stage) -> dict[str, Offer]:
    token = on.found["balancer"].token
    on.lenders.refresh([token], on.head.hash)
    return {offer.lender.kind: offer for offer in on.lenders.offers()}


def test_terms_are_the_chains(on: Stage) -> None:
    plenty = 10**30
    assert {kind: offer.loan for kind, offer in offers(on).items()} == {
        "aave-v3": Loan(5, 10_000, True, plenty),
        "balancer": Loan(10**14, 10**18, False, plenty),
        "uniswap-v2": Loan(3, 997, False, plenty - 1),
        "uniswap-v3": Loan(500, 10**6, False, on.bench.street.held(on.found["balancer"].token, lender_of(on))),
    }
    assert offers(on)["uniswap-v2"].kept == 997
    assert [offer.lender.kind for offer in on.lenders.offers()] == list(ALL), "in the order of the universe"


def lender_of(on: Stage, kind: LenderKind = "uniswap-v3") -> str:
    return next(lender.address for lender in on.universe.lenders if lender.kind == kind)


def test_what_is_owed_is_what_each_lender_takes(on: Stage) -> None:
    for amount in (1, 999, 10_000, 123_456_789_012_345_678):
        owed = {kind: offer.loan.owed(amount) - amount for kind, offer in offers(on).items()}
        assert owed == {
            "aave-v3": (5 * amount + 5_000) // 10_000,
            "balancer": ceil_div(amount, 10_000),
            "uniswap-v2": ceil_div(amount * 1000, 997) - amount,
            "uniswap-v3": ceil_div(amount * 500, 10**6),
        }


def test_terms_change_on_the_chain(on: Stage) -> None:
    street, token = on.bench.street, on.found["balancer"].token
    street.call(street.aave.configurator, "updateFlashloanPremiumTotal", ["uint128"], [0])
    street.give(token, street.vault, 77)
    found = offers(on)
    assert found["aave-v3"].loan.premium_units == 0
    assert found["balancer"].loan.available == 10**30 + 77


@pytest.mark.parametrize("name", ["setReservePause", "setReserveFlashLoaning"])
def test_a_token_that_aave_does_not_lend_now_is_not_offered_and_no_failure(on: Stage, name: str) -> None:
    street, token = on.bench.street, on.found["balancer"].token
    street.call(street.aave.configurator, name, ["address", "bool"], [token, name == "setReservePause"])
    assert set(offers(on)) == {"balancer", "uniswap-v2", "uniswap-v3"}
    assert on.lenders.status()["aave-v3"]["status"] == "healthy"


def test_three_failures_take_a_lender_out_and_good_readings_bring_it_back(on: Stage) -> None:
    street, token = on.bench.street, on.found["balancer"].token
    code = street.wire.ask("eth_getCode", street.vault, "latest")
    street.wire.ask("anvil_setCode", street.vault, "0x")
    street.wire.ask("evm_mine")
    for failures in (1, 2, 3):
        assert "balancer" not in offers(on), "without an answer there is no offer, however healthy it was"
        assert on.lenders.status()["balancer"]["consecutive_failures"] == failures
    shown = on.lenders.status()["balancer"]
    assert shown["status"] == "unhealthy"
    assert "no answer" in shown["last_error"]
    street.wire.ask("anvil_setCode", street.vault, code)
    street.wire.ask("evm_mine")
    seen = ["balancer" in offers(on) for _ in range(3)]
    assert seen == [False, False, True], "it comes back after as many good readings in a row"
    assert on.lenders.choose(token, 10**18, []) is not None


def test_attempts_that_fail_through_a_lender_count_too(on: Stage) -> None:
    assert "aave-v3" in offers(on)
    for _ in range(3):
        on.lenders.note("aave-v3", False, "WrongPremium")
    assert "aave-v3" not in {offer.lender.kind for offer in on.lenders.offers()}


def test_a_person_takes_lenders_out_and_back(on: Stage) -> None:
    for kind in ALL:
        only(on.lenders, kind)
        assert {offer.lender.kind for offer in on.lenders.offers()} <= {kind}
        assert set(offers(on)) == {kind}
    on.lenders.online("balancer")
    assert set(offers(on)) == {"balancer", "uniswap-v3"}
    with pytest.raises(DataError, match="none is called dydx"):
        on.lenders.offline("dydx")


def test_the_cheapest_that_has_enough_and_may_lends(on: Stage) -> None:
    token, found = on.found["balancer"].token, offers(on)
    pools = [hop.pool for hop in on.found["balancer"].hops]

    def chosen(amount: int) -> str | None:
        offer = on.lenders.choose(token, amount, pools)
        return None if offer is None else offer.lender.kind

    assert chosen(10**18) == "balancer"
    on.lenders.offline("balancer")
    assert chosen(10**18) == "aave-v3", "as dear as the concentrated pool, and in front of it"
    on.lenders.offline("aave-v3")
    assert chosen(10**18) == "uniswap-v3"
    assert chosen(found["uniswap-v3"].loan.available + 1) == "uniswap-v2"
    assert chosen(10**31) is None
    assert on.lenders.choose(pools[0].address, 1, pools) is None


def test_a_lender_that_is_locked_by_the_route_is_not_taken(on: Stage) -> None:
    street, one = on.bench.street, on.found["balancer"]
    first, second = one.route[0], one.route[1]
    weighted = street.weighted({first: 10**21, second: 10**21}, {first: 5 * 10**17, second: 5 * 10**17}, 10**15)
    found = offers(on)
    assert found["balancer"].allows([hop.pool for hop in one.hops])
    assert not found["balancer"].allows([*(hop.pool for hop in one.hops), weighted])
    assert found["aave-v3"].allows([weighted])
    lending = replace(on.universe.lenders[2], address=one.hops[0].pool.address)
    assert not Offer(lending, one.token, Loan(), 997).allows([hop.pool for hop in one.hops])


def test_the_bound_for_discovery_is_never_above_an_offer(on: Stage) -> None:
    token, found = on.found["balancer"].token, offers(on)
    bound = on.lenders.loans()[token]
    assert bound.available == max(offer.loan.available for offer in found.values())
    for offer in found.values():
        for amount in (1, 7, 10**4, 5 * 10**17 + 1):
            assert bound.owed(amount) <= offer.loan.owed(amount)
    only(on.lenders, "uniswap-v2")
    on.lenders.offline("uniswap-v2-0")
    assert not on.lenders.loans()


def test_a_cycle_is_sized_anew_for_who_pays_for_it(on: Stage) -> None:
    """The bound finds it; the terms of the one lender that is left decide what goes in."""
    offers(on)
    for kind in (KINDS[VAULT], "aave-v3", "uniswap-v2"):
        only(on.lenders, kind)
        offers(on)
        fitted = on.lenders.fit(on.found["balancer"], lambda _token, _swaps: 0)
        assert fitted is not None
        found, offer = fitted
        assert found.profit == profit(found.hops, found.amount, offer.loan)
        assert abs(found.profit - on.found[kind].profit) <= 3, "another room to search in: the maximum is that flat"
        assert offer.lender.kind == kind
        cost = found.profit
        assert on.lenders.fit(found, lambda _token, _swaps, cost=cost: cost) is None, "the cost takes all of it"


def test_a_lender_that_is_something_else_is_ill(on: Stage) -> None:
    lenders = [replace(lender, address=on.found["balancer"].token) for lender in on.universe.lenders[:1]]
    others = Lenders(on.bench.access, replace(on.universe, lenders=tuple(lenders)))
    others.refresh([on.found["balancer"].token], on.head.hash)
    assert not list(others.offers())
    assert "is that what the universe says it is" in str(others.status()["aave-v3"]["last_error"])
