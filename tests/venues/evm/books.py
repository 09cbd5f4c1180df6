"""What the tests of a chain's books share: three purses as coarse as a desk's, two cycles, and orders for them."""

from quarterdeck.kernel.vocabulary import OrderStatus
from quarterdeck.venues.evm.attempts import Attempt
from quarterdeck.venues.evm.executor import Ran
from quarterdeck.venues.evm.terms import ChainTerms, Cycle, Purse

USDC, WETH = "0x" + "11" * 20, "0x" + "22" * 20
LENDER = "0x" + "33" * 20
DOLLARS = Purse(0, "USDC", 6, 6, USDC)
COIN = Purse(1, "ETH", 8, 18, "")
WRAPPED = Purse(2, "WETH", 8, 18, WETH)
TERMS = ChainTerms(
    {USDC: Cycle(0, "USDC-CYCLE", DOLLARS), WETH: Cycle(1, "WETH-CYCLE", WRAPPED)},
    {purse.account: purse for purse in (DOLLARS, COIN, WRAPPED)},
    COIN,
)


def order(number: int, instrument: int = 1, status: OrderStatus = OrderStatus.ACCEPTED, proposed: str = "") -> Attempt:
    return Attempt(
        order_id=number, strategy=3, instrument=instrument, quantity=50, plan=7, status=status, filled=0,
        detected_ns=10, placed_ns=20, updated_ns=20, proposed=proposed,
    )  # fmt: skip


def ran(profit: int, premium: int = 0, token: str = WETH) -> Ran:
    return Ran(token, LENDER, 10**18, premium, profit)
