"""A slice of `proven`, the random markets on a real node: `python -m tests.venues.evm.proven` runs two hundred.

What is tested: `quarterdeck.venues.evm.executor`, `lenders`, `proof`, `pools` and `quarterdeck.arbitrage` together.
"""

import random

import pytest

from tests.venues.evm.anvil import Anvil
from tests.venues.evm.proven import KINDS, OPTIONS, Bench, Tally, one_market

MARKETS = 5  # in each part; make proof-markets runs 200


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
def test_predicted_is_proven_is_done(part: int, seed: int) -> None:
    chance, tally = random.Random(seed + part), Tally()
    with Anvil(*OPTIONS) as node:
        bench = Bench(node)
        for _ in range(MARKETS):
            one_market(bench, chance, tally)
        bench.close()
    assert tally.with_gap > MARKETS // 2, "markets without a gap show little"
    assert set(tally.run) == set(KINDS.values()), "every lender paid for some"
    assert len(tally.kinds) == 4, "every kind of pool was swapped in"
