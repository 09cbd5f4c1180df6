# pragma version ~=0.4.3
# A pool and lender with the face of Uniswap V3: it asks for as much, and as often, as it is told.

interface Token:
    def transfer(target: address, amount: uint256) -> bool: nonpayable

interface Caller:
    def uniswapV3SwapCallback(first: int256, second: int256, data: Bytes[32]): nonpayable
    def uniswapV3FlashCallback(first: uint256, second: uint256, data: Bytes[32]): nonpayable

token0: public(address)
token1: public(address)
times: uint256
more: int256  # asked on top of the input, or of the premium
other: int256  # asked of the other token
pays: uint256
says: uint256
target: address
data: Bytes[4096]
fired: public(uint256)
succeeded: public(uint256)


@deploy
def __init__(first: address, second: address):
    self.token0 = first
    self.token1 = second
    self.times = 1


@external
def behave(times: uint256, more: int256, other: int256, pays: uint256, says: uint256):
    self.times = times
    self.more = more
    self.other = other
    self.pays = pays
    self.says = says


@external
def hook(target: address, data: Bytes[4096]):
    self.target = target
    self.data = data


@external
def swap(target: address, falling: bool, amount: int256, limit: uint160, data: Bytes[32]) -> (int256, int256):
    self._hook()
    extcall Token(self.token1 if falling else self.token0).transfer(target, self.pays)
    asked: int256 = amount + self.more
    paid: int256 = self.other if self.other > 0 else -convert(self.says, int256)
    for _: uint256 in range(self.times, bound=4):
        if falling:
            extcall Caller(msg.sender).uniswapV3SwapCallback(asked, paid, data)
        else:
            extcall Caller(msg.sender).uniswapV3SwapCallback(paid, asked, data)
    said: int256 = -convert(self.says, int256)
    if falling:
        return asked, said
    return said, asked


@external
def flash(target: address, first: uint256, second: uint256, data: Bytes[32]):
    if first > 0:
        extcall Token(self.token0).transfer(target, first)
    if second > 0:
        extcall Token(self.token1).transfer(target, second)
    self._hook()  # with the loan there, so that only the kind of the callback is wrong
    premium: uint256 = convert(self.more, uint256)
    for _: uint256 in range(self.times, bound=4):
        if first > 0:
            extcall Caller(msg.sender).uniswapV3FlashCallback(premium, convert(self.other, uint256), data)
        else:
            extcall Caller(msg.sender).uniswapV3FlashCallback(convert(self.other, uint256), premium, data)


@internal
def _hook():
    if self.target != empty(address):
        self.fired += 1
        if raw_call(self.target, self.data, revert_on_failure=False):
            self.succeeded += 1
