# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title How the twin's traders reach a pair: pays it and swaps, in one transaction.
@license Apache-2.0
"""

interface Token:
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable

interface Pair:
    def token0() -> address: view
    def token1() -> address: view
    def kept() -> uint256: view
    def getReserves() -> (uint112, uint112, uint32): view
    def swap(amount0_out: uint256, amount1_out: uint256, to: address, data: Bytes[1]): nonpayable

UNITS: constant(uint256) = 1000


@external
def swap(pair: address, source: address, amount: uint256, least: uint256) -> uint256:
    """
    @notice Swaps exactly `amount` of `source`; what comes goes to the caller.
    """
    first: uint112 = 0
    second: uint112 = 0
    since: uint32 = 0
    first, second, since = staticcall Pair(pair).getReserves()
    rising: bool = staticcall Pair(pair).token0() == source
    assert rising or staticcall Pair(pair).token1() == source, "Router: no such token in this pair"
    held: uint256 = convert(first if rising else second, uint256)
    left: uint256 = convert(second if rising else first, uint256)
    effective: uint256 = amount * staticcall Pair(pair).kept()
    bought: uint256 = effective * left // (held * UNITS + effective)
    assert bought >= least, "Router: INSUFFICIENT_OUTPUT_AMOUNT"
    assert extcall Token(source).transferFrom(msg.sender, pair, amount), "Router: TRANSFER_FAILED"
    extcall Pair(pair).swap(0 if rising else bought, bought if rising else 0, msg.sender, b"")
    return bought
