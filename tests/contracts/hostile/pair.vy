# pragma version ~=0.4.3
# A pair and lender with the face of Uniswap V2: it calls back as often as it is told, asked or not.

interface Token:
    def transfer(target: address, amount: uint256) -> bool: nonpayable

interface Caller:
    def uniswapV2Call(sender: address, first: uint256, second: uint256, data: Bytes[32]): nonpayable

token0: public(address)
token1: public(address)
times: uint256
short: uint256  # paid less than asked for
sender: address  # said to have asked; empty: who did


@deploy
def __init__(first: address, second: address):
    self.token0 = first
    self.token1 = second


@external
def behave(times: uint256, short: uint256, sender: address):
    self.times = times
    self.short = short
    self.sender = sender


@external
@view
def getReserves() -> (uint112, uint112, uint32):
    return 10**24, 10**24, 0


@external
def swap(first: uint256, second: uint256, target: address, data: Bytes[32]):
    if first > 0:
        extcall Token(self.token0).transfer(target, first - self.short)
    if second > 0:
        extcall Token(self.token1).transfer(target, second - self.short)
    for _: uint256 in range(self.times, bound=4):
        sender: address = self.sender if self.sender != empty(address) else msg.sender
        extcall Caller(target).uniswapV2Call(sender, first, second, data)
