# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title Makes pairs, one for two tokens, all with the same fee.
@license Apache-2.0
"""

event PairCreated:
    token0: indexed(address)
    token1: indexed(address)
    pair: address
    number: uint256

BLUEPRINT: immutable(address)
KEPT: immutable(uint256)

getPair: public(HashMap[address, HashMap[address, address]])
allPairs: public(DynArray[address, 256])


@deploy
def __init__(blueprint: address, kept: uint256):
    BLUEPRINT = blueprint
    KEPT = kept


@external
@view
def kept() -> uint256:
    return KEPT


@external
@view
def allPairsLength() -> uint256:
    return len(self.allPairs)


@external
def createPair(first: address, second: address) -> address:
    assert first != second, "UniswapV2: IDENTICAL_ADDRESSES"
    token0: address = first
    token1: address = second
    if convert(first, uint160) > convert(second, uint160):
        token0 = second
        token1 = first
    assert token0 != empty(address), "UniswapV2: ZERO_ADDRESS"
    assert self.getPair[token0][token1] == empty(address), "UniswapV2: PAIR_EXISTS"
    pair: address = create_from_blueprint(BLUEPRINT, token0, token1, KEPT)
    self.getPair[token0][token1] = pair
    self.getPair[token1][token0] = pair
    self.allPairs.append(pair)
    log PairCreated(token0=token0, token1=token1, pair=pair, number=len(self.allPairs))
    return pair
