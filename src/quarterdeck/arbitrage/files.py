"""A market written down: pools at one moment and who lends what, as a JSON file. Amounts are texts, for their size.

{"block": 19000000,
 "loans": {"0xA0..": {"premium_units": "5", "units": "10000", "nearest": true, "available": "2500000000000"}},
 "pools": [{"kind": "constant-product", "address": "0xB4..", "tokens": ["0xA0..", "0xC0.."],
            "reserves": ["31337000000", "9000000000000000000"], "kept": 997}]}
"""

from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from quarterdeck.arbitrage.arithmetic import checked
from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import FEE_UNITS, ConstantProductPool
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Loan
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool, scaling
from quarterdeck.errors import DataError, SwapRefused

__all__ = ["MarketFile", "read_market"]

Whole: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,78}$")]
Signed: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,78}$")]
Pair: TypeAlias = Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=2)]
Several: TypeAlias = Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=8)]
Decimals: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=18)]


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    address: str


class _ConstantProduct(_Written, frozen=True, tag="constant-product"):
    tokens: Pair
    reserves: tuple[Whole, Whole]
    kept: Annotated[int, msgspec.Meta(gt=0, le=FEE_UNITS)] = 997

    def pool(self) -> Pool:
        first, second = (checked(int(reserve), 112) for reserve in self.reserves)
        return ConstantProductPool(self.address, self.tokens, (first, second), self.kept)


class _Concentrated(_Written, frozen=True, tag="concentrated"):
    tokens: Pair
    fee: Annotated[int, msgspec.Meta(ge=0, lt=1_000_000)]
    spacing: Annotated[int, msgspec.Meta(gt=0, lt=16384)]
    sqrt_price: Whole
    tick: int
    liquidity: Whole
    ticks: tuple[tuple[int, Signed], ...]

    def pool(self) -> Pool:
        ticks = tuple(sorted((tick, int(net)) for tick, net in self.ticks))
        return ConcentratedPool(
            self.address, self.tokens, self.fee, self.spacing, checked(int(self.sqrt_price), 160), self.tick,
            checked(int(self.liquidity), 128), ticks,
        )  # fmt: skip


class _Balanced(_Written, frozen=True):
    tokens: Several
    balances: tuple[Whole, ...]
    decimals: tuple[Decimals, ...]
    fee: Whole

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.balances) == len(self.decimals):
            raise ValueError("tokens, balances and decimals differ in number")

    @property
    def amounts(self) -> tuple[int, ...]:
        return tuple(checked(int(balance), 112) for balance in self.balances)

    @property
    def scales(self) -> tuple[int, ...]:
        return tuple(map(scaling, self.decimals))


class _Weighted(_Balanced, frozen=True, tag="weighted", kw_only=True):
    weights: tuple[Whole, ...]

    def pool(self) -> Pool:
        weights = tuple(map(int, self.weights))
        if len(weights) != len(self.tokens) or sum(weights) != 10**18 or min(weights) < 10**16:
            raise ValueError("weights: one for each token, with 18 decimals, of 0.01 at least, one in all")
        return WeightedPool(self.address, self.tokens, self.amounts, weights, self.scales, int(self.fee))


class _Stable(_Balanced, frozen=True, tag="stable", kw_only=True):
    amplification: Annotated[int, msgspec.Meta(gt=0, le=5_000_000)]

    def pool(self) -> Pool:
        return StablePool(self.address, self.tokens, self.amounts, self.scales, self.amplification, int(self.fee))


class _Loan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    premium_units: Whole
    units: Whole = "10000"
    nearest: bool = False
    available: Whole = str(2**255)

    def loan(self) -> Loan:
        if not int(self.units):
            raise ValueError("units: above 0")
        return Loan(int(self.premium_units), int(self.units), self.nearest, int(self.available))


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    block: int
    pools: tuple[_ConstantProduct | _Concentrated | _Weighted | _Stable, ...]
    loans: dict[str, _Loan]


class MarketFile(msgspec.Struct, frozen=True):
    """What such a file holds."""

    block: int
    pools: tuple[Pool, ...]
    loans: dict[str, Loan]


def read_market(path: Path) -> MarketFile:
    """Reads a market. DataError names the file and what is wrong in it."""
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
        pools = tuple(written.pool() for written in document.pools)
        loans = {token: written.loan() for token, written in document.loans.items()}
    except FileNotFoundError as error:
        raise DataError(str(path), "there is no such file") from error
    except (msgspec.MsgspecError, ValueError, SwapRefused) as error:
        raise DataError(str(path), str(error)) from error
    return MarketFile(document.block, pools, loans)
