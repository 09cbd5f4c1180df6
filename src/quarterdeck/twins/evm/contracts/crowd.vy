# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title Everybody else on the chain: spends about so much gas, so that blocks are used and fees move.
@license Apache-2.0
@dev Gas goes into memory that is only laid out: it costs the chain much and the machine that runs it little.
"""

interface Itself:
    def page(place: uint256) -> uint256: view

PAGES_MAX: constant(uint256) = 1_000
WORDS: constant(uint256) = 4_000
PAGE_GAS: constant(uint256) = 70_000  # a little more than a page costs


@external
@view
def page(place: uint256) -> uint256:
    words: uint256[WORDS] = empty(uint256[WORDS])
    return words[place % WORDS]


@external
def compute(spend: uint256):
    begun: uint256 = msg.gas
    for place: uint256 in range(PAGES_MAX):
        if begun - msg.gas + PAGE_GAS > spend or msg.gas < 2 * PAGE_GAS:
            break
        seen: uint256 = staticcall Itself(self).page(place)
        assert seen == 0, "memory begins empty"
