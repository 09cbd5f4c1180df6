# pragma version ~=0.4.3
# The hand that mints into a Uniswap V3 pool and swaps with it: such a pool asks its caller to pay in a callback.

interface Token:
    def transfer(target: address, amount: uint256) -> bool: nonpayable

interface Pool:
    def token0() -> address: view
    def token1() -> address: view
    def mint(owner: address, lower: int24, upper: int24, amount: uint128, data: Bytes[32]) -> (uint256, uint256): nonpayable
    def swap(target: address, falling: bool, amount: int256, limit: uint160, data: Bytes[32]) -> (int256, int256): nonpayable


@external
def mint(pool: address, lower: int24, upper: int24, amount: uint128):
    extcall Pool(pool).mint(self, lower, upper, amount, b"")


@external
def uniswapV3MintCallback(first: uint256, second: uint256, data: Bytes[32]):
    self._pay(msg.sender, first, second)


@external
def swap(pool: address, falling: bool, amount: int256, limit: uint160) -> (int256, int256):
    first: int256 = 0
    second: int256 = 0
    first, second = extcall Pool(pool).swap(self, falling, amount, limit, b"")
    return first, second


@external
def uniswapV3SwapCallback(first: int256, second: int256, data: Bytes[32]):
    self._pay(msg.sender, convert(max(first, 0), uint256), convert(max(second, 0), uint256))


@internal
def _pay(pool: address, first: uint256, second: uint256):
    if first > 0:
        extcall Token(staticcall Pool(pool).token0()).transfer(pool, first)
    if second > 0:
        extcall Token(staticcall Pool(pool).token1()).transfer(pool, second)
