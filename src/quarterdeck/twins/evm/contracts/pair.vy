# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title A pair in the manner of Uniswap V2: x * y = k, flash swaps, its events and getters by their names.
@license Apache-2.0
@dev
    The first nine slots of storage lie as they lie there (both reserves and their time share slot 8), since people read
    them straight from storage. What goes in loses its fee before the product is checked: `kept` of 1000 parts stay.
"""

interface Token:
    def balanceOf(holder: address) -> uint256: view
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable

interface Callee:
    def uniswapV2Call(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1024]): nonpayable

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Mint:
    sender: indexed(address)
    amount0: uint256
    amount1: uint256

event Burn:
    sender: indexed(address)
    amount0: uint256
    amount1: uint256
    to: indexed(address)

event Swap:
    sender: indexed(address)
    amount0In: uint256
    amount1In: uint256
    amount0Out: uint256
    amount1Out: uint256
    to: indexed(address)

event Sync:
    reserve0: uint112
    reserve1: uint112

UNITS: constant(uint256) = 1000
LOCKED: constant(uint256) = 1000  # shares that nobody owns, so that one share never becomes dear
RESERVE_BITS: constant(uint256) = 112
RESERVE_MAX: constant(uint256) = 2**112 - 1
KEPT: immutable(uint256)

totalSupply: public(uint256)  # slot 0
balanceOf: public(HashMap[address, uint256])  # slot 1
unused: uint256[3]  # slots 2, 3, 4: allowances and permits there
factory: public(address)  # slot 5
token0: public(address)  # slot 6
token1: public(address)  # slot 7
packed: uint256  # slot 8: reserve0, reserve1, time of the last block that changed them


@deploy
def __init__(token0: address, token1: address, kept: uint256):
    assert kept > 0 and kept <= UNITS, "kept is not in 1..1000"
    self.factory = msg.sender
    self.token0 = token0
    self.token1 = token1
    KEPT = kept


@external
@view
def kept() -> uint256:
    return KEPT


@external
@view
def getReserves() -> (uint112, uint112, uint32):
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = self._reserves()
    return convert(reserve0, uint112), convert(reserve1, uint112), convert(self.packed >> 224, uint32)


@external
@nonreentrant
def swap(amount0_out: uint256, amount1_out: uint256, to: address, data: Bytes[1024]):
    assert amount0_out > 0 or amount1_out > 0, "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT"
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = self._reserves()
    assert amount0_out < reserve0 and amount1_out < reserve1, "UniswapV2: INSUFFICIENT_LIQUIDITY"
    assert to != self.token0 and to != self.token1, "UniswapV2: INVALID_TO"
    if amount0_out > 0:
        self._pay(self.token0, to, amount0_out)
    if amount1_out > 0:
        self._pay(self.token1, to, amount1_out)
    if len(data) > 0:
        extcall Callee(to).uniswapV2Call(msg.sender, amount0_out, amount1_out, data)
    balance0: uint256 = staticcall Token(self.token0).balanceOf(self)
    balance1: uint256 = staticcall Token(self.token1).balanceOf(self)
    amount0_in: uint256 = 0
    amount1_in: uint256 = 0
    if balance0 > reserve0 - amount0_out:
        amount0_in = balance0 - (reserve0 - amount0_out)
    if balance1 > reserve1 - amount1_out:
        amount1_in = balance1 - (reserve1 - amount1_out)
    assert amount0_in > 0 or amount1_in > 0, "UniswapV2: INSUFFICIENT_INPUT_AMOUNT"
    adjusted0: uint256 = balance0 * UNITS - amount0_in * (UNITS - KEPT)
    adjusted1: uint256 = balance1 * UNITS - amount1_in * (UNITS - KEPT)
    assert adjusted0 * adjusted1 >= reserve0 * reserve1 * UNITS**2, "UniswapV2: K"
    self._update(balance0, balance1)
    log Swap(
        sender=msg.sender, amount0In=amount0_in, amount1In=amount1_in, amount0Out=amount0_out, amount1Out=amount1_out,
        to=to,
    )


@external
@nonreentrant
def mint(to: address) -> uint256:
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = self._reserves()
    balance0: uint256 = staticcall Token(self.token0).balanceOf(self)
    balance1: uint256 = staticcall Token(self.token1).balanceOf(self)
    amount0: uint256 = balance0 - reserve0
    amount1: uint256 = balance1 - reserve1
    shares: uint256 = 0
    if self.totalSupply == 0:
        shares = isqrt(amount0 * amount1) - LOCKED
        self._make(empty(address), LOCKED)
    else:
        shares = min(amount0 * self.totalSupply // reserve0, amount1 * self.totalSupply // reserve1)
    assert shares > 0, "UniswapV2: INSUFFICIENT_LIQUIDITY_MINTED"
    self._make(to, shares)
    self._update(balance0, balance1)
    log Mint(sender=msg.sender, amount0=amount0, amount1=amount1)
    return shares


@external
@nonreentrant
def burn(to: address) -> (uint256, uint256):
    balance0: uint256 = staticcall Token(self.token0).balanceOf(self)
    balance1: uint256 = staticcall Token(self.token1).balanceOf(self)
    shares: uint256 = self.balanceOf[self]
    amount0: uint256 = shares * balance0 // self.totalSupply
    amount1: uint256 = shares * balance1 // self.totalSupply
    assert amount0 > 0 and amount1 > 0, "UniswapV2: INSUFFICIENT_LIQUIDITY_BURNED"
    self.balanceOf[self] = 0
    self.totalSupply -= shares
    log Transfer(sender=self, receiver=empty(address), value=shares)
    self._pay(self.token0, to, amount0)
    self._pay(self.token1, to, amount1)
    self._update(balance0 - amount0, balance1 - amount1)
    log Burn(sender=msg.sender, amount0=amount0, amount1=amount1, to=to)
    return amount0, amount1


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Moves shares.
    """
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=msg.sender, receiver=receiver, value=amount)
    return True


@external
@nonreentrant
def sync():
    self._update(staticcall Token(self.token0).balanceOf(self), staticcall Token(self.token1).balanceOf(self))


@internal
@view
def _reserves() -> (uint256, uint256):
    packed: uint256 = self.packed
    return packed & RESERVE_MAX, (packed >> RESERVE_BITS) & RESERVE_MAX


@internal
def _update(balance0: uint256, balance1: uint256):
    assert balance0 <= RESERVE_MAX and balance1 <= RESERVE_MAX, "UniswapV2: OVERFLOW"
    self.packed = balance0 | (balance1 << RESERVE_BITS) | ((block.timestamp % 2**32) << 224)
    log Sync(reserve0=convert(balance0, uint112), reserve1=convert(balance1, uint112))


@internal
def _make(receiver: address, shares: uint256):
    self.totalSupply += shares
    self.balanceOf[receiver] += shares
    log Transfer(sender=empty(address), receiver=receiver, value=shares)


@internal
def _pay(token: address, receiver: address, amount: uint256):
    assert extcall Token(token).transfer(receiver, amount, default_return_value=True), "UniswapV2: TRANSFER_FAILED"
