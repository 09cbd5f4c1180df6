"""What a transaction offers for its gas, by EIP-1559, and what it may never offer.

The next block's base fee and what others tipped lately come from `eth_feeHistory`. The maximum is twice that base fee
plus the tip, because a base fee can grow by an eighth each block: so an offer stays good for five full blocks. Then
come the bounds, and the least one holds: the desk's highest gas price, and the budget, so that `gas` times the maximum
fee is never above what the attempt may cost. What the market asks above them is refused before anything is signed.

A replacement offers at least an eighth more of both fees: geth asks for a tenth, other clients for an eighth.
"""

from dataclasses import dataclass
from statistics import median_low
from typing import Any, Final

from quarterdeck.errors import TransactionRefused
from quarterdeck.venues.evm.access import Access

__all__ = ["FeeLimits", "FeeMarket", "Fees", "Market", "bumped"]

GWEI: Final = 10**9
_BLOCKS: Final = 10  # of the past: two minutes of the main chain
_PERCENTILE: Final = 50
_BASE_FACTOR: Final = 2
_BUMP, _BUMP_OF = 9, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLimits:
    """In wei for one unit of gas."""

    max_gas_price_wei: int = 150 * GWEI
    min_tip_wei: int = GWEI // 10
    max_tip_wei: int = 10 * GWEI


@dataclass(frozen=True, slots=True)
class Fees:
    """An offer, in wei for one unit of gas. `ceiling_wei` is the most that a replacement of it may offer."""

    max_fee_wei: int
    priority_fee_wei: int
    ceiling_wei: int

    def __post_init__(self) -> None:
        if not 0 <= self.priority_fee_wei <= self.max_fee_wei <= self.ceiling_wei:
            raise ValueError(
                f"fees must rise from tip to maximum to ceiling: {self.priority_fee_wei}, {self.max_fee_wei}, "
                f"{self.ceiling_wei} wei"
            )


@dataclass(frozen=True, slots=True)
class Market:
    """What the next block asks for: its base fee, and the tip that was usual."""

    base_fee_wei: int
    tip_wei: int

    @property
    def max_fee_wei(self) -> int:
        """Good for five full blocks."""
        return _BASE_FACTOR * self.base_fee_wei + self.tip_wei


class FeeMarket:
    """Asks what gas costs, and makes offers within the limits."""

    def __init__(self, access: Access, limits: FeeLimits) -> None:
        self._access, self.limits = access, limits

    def look(self) -> Market:
        """Asks the chain. ChainError where it does not answer."""
        said: Any = self._access.ask("eth_feeHistory", [hex(_BLOCKS), "latest", [_PERCENTILE]])
        base = int(said["baseFeePerGas"][-1], 16)  # one more than blocks: the last is of the block to come
        full = [
            int(rewards[0], 16)
            for rewards, share in zip(said.get("reward") or (), said["gasUsedRatio"], strict=False)
            if share > 0  # nobody tips in an empty block
        ]
        tip = median_low(full) if full else self.limits.min_tip_wei
        return Market(base, min(max(tip, self.limits.min_tip_wei), self.limits.max_tip_wei))

    def quote(self, gas: int, budget_wei: int, market: Market | None = None) -> Fees:
        """Returns an offer for `gas` units that cost at most `budget_wei` in all. TransactionRefused: it would not do.

        With the transaction's gas limit as `gas` the budget is a bound that nothing on the chain can break.
        """
        if gas <= 0:
            raise ValueError(f"gas must be above 0, not {gas}")
        market = market or self.look()
        ceiling = min(self.limits.max_gas_price_wei, budget_wei // gas)
        least = market.base_fee_wei + self.limits.min_tip_wei
        if ceiling < least:
            if self.limits.max_gas_price_wei < least:
                bound = f"the limit of {_gwei(self.limits.max_gas_price_wei)} (max_gas_price_gwei)"
            else:
                bound = f"{_gwei(ceiling)}, what a budget of {budget_wei} wei leaves for {gas} gas"
            raise TransactionRefused(f"gas costs {_gwei(least)} at least, above {bound}: nothing was sent")
        most = min(market.max_fee_wei, ceiling)
        return Fees(most, min(market.tip_wei, most), ceiling)

    def raised(self, fees: Fees, market: Market | None = None) -> Fees:
        """Returns what replaces an offer: an eighth more of both, or what the market asks where that is more.

        TransactionRefused when that is above the offer's ceiling.
        """
        market = market or self.look()
        least, least_tip = bumped(fees.max_fee_wei), bumped(fees.priority_fee_wei)
        needed = max(least, market.base_fee_wei + self.limits.min_tip_wei)
        if needed > fees.ceiling_wei:
            raise TransactionRefused(
                f"a replacement must offer {_gwei(needed)}, above its ceiling of {_gwei(fees.ceiling_wei)}: none left"
            )
        most = min(max(least, market.max_fee_wei), fees.ceiling_wei)
        return Fees(most, min(max(least_tip, market.tip_wei), most), fees.ceiling_wei)


def bumped(wei: int) -> int:
    """An eighth more, rounded up; of nothing, one wei."""
    return max(-(-wei * _BUMP // _BUMP_OF), wei + 1)


def _gwei(wei: int) -> str:
    whole, rest = divmod(wei, GWEI)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + " gwei"
