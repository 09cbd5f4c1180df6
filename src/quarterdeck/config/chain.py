"""[venues.chain]: an EVM chain that a desk makes attempts at, and the limits that every attempt is held to."""

from decimal import Decimal
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from quarterdeck.config.figures import Money, Path, PositiveShare, Seconds, Settings, Share, Text, Within, refusal

__all__ = ["Chain"]

_PRINTED = "".join(map(chr, range(33, 127)))
Address: TypeAlias = Annotated[str, Text("0", "x0123456789abcdefABCDEF", 42, "0x and 40 hexadecimal digits")]
HostPort: TypeAlias = Annotated[
    str,
    Text(_PRINTED, _PRINTED, 64, 'the numbers of this machine\'s own loopback and a port, such as "127.0.0.1:8545"'),
]
Gwei: TypeAlias = Annotated[Decimal, Within("0.000000001", "1000000", "gwei", step="0.000000001")]


class Chain(Settings):
    """Which chain, through which nodes, and what an attempt may risk there. Money is in the desk's base currency."""

    chain_id: Annotated[int, Within("1", "9223372036854775807", "number of a chain")]
    """A node that says another one is not spoken to."""
    endpoints: Annotated[tuple[HostPort, ...], Field(strict=False)] = ()
    """Further nodes of the same chain, beside the venue's `address`, in the order in which they are preferred."""
    universe: Path = "config/universe.json"
    """Tokens, pools and lenders that may be touched: a file relative to the desk's folder."""
    confirmations: Annotated[int, Within("1", "64", "blocks")] = 1
    """Blocks, its own included, after which what stands in a block counts."""
    relay: HostPort | None = None
    """Takes bundles that nobody else sees before they are in a block; left out: transactions are public."""
    public_fallback: bool = False
    """Whether what the relay does not take may be sent to everybody."""
    minimum_profit: Money = Decimal(10)
    """After premium, gas and margin; less is not sent."""
    max_gas_price_gwei: Gwei = Decimal(150)
    max_gas_cost: Money = Decimal(100)
    """Of one attempt."""
    gas_share: PositiveShare = Decimal("0.5")
    """Share of the profit before gas that gas may cost."""
    pool_share: PositiveShare = Decimal("0.3")
    """Share of a pool's reserve that one swap may take."""
    slippage: Share = Decimal("0.03")
    """How far a swap's own price may be from the pool's price before it."""
    price_impact: Share = Decimal("0.05")
    """How far one swap may move a pool's price."""
    safety_margin: Share = Decimal("0.1")
    """Share of the profit that is taken off before it is compared with `minimum_profit`."""
    max_cycle: Annotated[int, Within("2", "4", "swaps")] = 3
    stuck_s: Seconds = Decimal(60)
    """A transaction that no block has taken for so long is replaced, with higher fees."""
    safe_address: Address | None = None
    """Where `quarterdeck keys compromise` drains to."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.endpoints)) < len(self.endpoints):
            raise refusal("endpoints", list(self.endpoints), "each node once")
        if self.public_fallback and self.relay is None:
            raise refusal("public_fallback", self.public_fallback, "false, or a relay to fall back from")
        if ".." in self.universe.split("/"):
            raise refusal("universe", self.universe, "a path below the desk's folder")
        if self.safe_address is not None and not _is_address(self.safe_address):
            raise refusal("safe_address", self.safe_address, "0x and 40 hexadecimal digits, not all of them 0")
        return self


def _is_address(text: str) -> bool:
    digits = text[2:]
    return len(text) == 42 and text[1] == "x" and "x" not in digits and int(digits, 16) != 0
