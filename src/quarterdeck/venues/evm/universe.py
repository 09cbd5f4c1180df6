"""What a desk may touch on a chain: tokens, pools and lenders, as a JSON file beside its `desk.toml`.

{"chain_id": 31337, "executor": "0x..", "vault": "0x..", "native": "ETH", "wrapped": "0x..",
 "tokens": [{"address": "0x..", "symbol": "WETH", "decimals": 18}],
 "pools": [{"kind": "uniswap-v2", "address": "0x..", "kept": 997}, {"kind": "uniswap-v3", "address": "0x.."},
           {"kind": "balancer-weighted", "address": "0x..", "identity": "0x..(32 bytes)"},
           {"kind": "balancer-stable", "address": "0x..", "identity": "0x..(32 bytes)"}],
 "lenders": [{"name": "aave", "kind": "aave-v3", "address": "0x.."}]}

`vault` is Balancer's, and null where nothing of Balancer is used. Addresses come out with their checksum, however they
are written; one written in both cases must carry the right one. What the file says of a pool or a token is what the
desk wants; what the chain says is looked at in `pools` and `tokens`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import msgspec
from eth_utils.address import is_checksum_address, to_checksum_address

from quarterdeck.arbitrage.constant_product import FEE_UNITS
from quarterdeck.errors import DataError

__all__ = [
    "BalancerStable",
    "BalancerWeighted",
    "Lender",
    "LenderKind",
    "ListedPool",
    "Token",
    "UniswapV2",
    "UniswapV3",
    "Universe",
    "decode_universe",
    "read_universe",
]

LenderKind: TypeAlias = Literal["uniswap-v2", "uniswap-v3", "balancer", "aave-v3"]
Symbol: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_]{0,15}$")]
Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$")]
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_IDENTITY: Final = re.compile(r"0x[0-9a-fA-F]{64}")


def _address(written: str, what: str) -> str:
    """Returns an address with its checksum. Raises ValueError for anything else, and for nobody's address."""
    if not _ADDRESS.fullmatch(written) or not int(written, 16):
        raise ValueError(f"{what}: {written!r} is no address: 0x and 40 hexadecimal digits, not all zero")
    digits = written[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(written):
        raise ValueError(f"{what}: the checksum of {written} is wrong: copy it again, or write it in lower case")
    return str(to_checksum_address(written))


class _Placed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "address", _address(self.address, "address"))


class Token(_Placed, frozen=True, kw_only=True):
    """A token that cycles may pass through."""

    symbol: Symbol
    decimals: Annotated[int, msgspec.Meta(ge=0, le=18)]


class _Pool(_Placed, frozen=True, tag_field="kind"):
    kind: ClassVar[str]


class UniswapV2(_Pool, frozen=True, tag="uniswap-v2"):
    """A pair. `kept` of 1000 parts of the input are swapped; the pair does not say it, so the file does."""

    kind = "uniswap-v2"
    kept: Annotated[int, msgspec.Meta(gt=0, le=FEE_UNITS)] = 997


class UniswapV3(_Pool, frozen=True, tag="uniswap-v3"):
    """A pool with ticks."""

    kind = "uniswap-v3"


class _Balancer(_Pool, frozen=True, kw_only=True):
    identity: str
    """The Vault's own name of the pool: 32 bytes, of which the first 20 are its address."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _IDENTITY.fullmatch(self.identity):
            raise ValueError(f"identity: {self.identity!r} is not 0x and 64 hexadecimal digits")
        msgspec.structs.force_setattr(self, "identity", self.identity.lower())
        if not self.identity.startswith(self.address.lower()):
            raise ValueError(f"identity: {self.identity} is not of pool {self.address}: it begins with the address")


class BalancerWeighted(_Balancer, frozen=True, tag="balancer-weighted"):
    """A pool whose shares of value are fixed."""

    kind = "balancer-weighted"


class BalancerStable(_Balancer, frozen=True, tag="balancer-stable"):
    """A composable stable pool; its own share among its tokens is not traded."""

    kind = "balancer-stable"


ListedPool: TypeAlias = UniswapV2 | UniswapV3 | BalancerWeighted | BalancerStable


class Lender(_Placed, frozen=True, kw_only=True):
    """Who lends for one transaction."""

    name: Name
    kind: LenderKind


class Universe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that one desk may touch."""

    chain_id: Annotated[int, msgspec.Meta(gt=0, lt=2**53)]
    executor: str
    vault: str | None = None
    tokens: tuple[Token, ...]
    native: Symbol
    wrapped: str
    pools: tuple[ListedPool, ...]
    lenders: tuple[Lender, ...]

    def __post_init__(self) -> None:
        for name in ("executor", "vault", "wrapped"):
            if (written := getattr(self, name)) is not None:
                msgspec.structs.force_setattr(self, name, _address(written, name))
        _once("tokens", (token.address for token in self.tokens))
        _once("tokens", (token.symbol for token in self.tokens))
        _once("pools", (pool.address for pool in self.pools))
        _once("lenders", (lender.name for lender in self.lenders))
        if self.wrapped not in self.by_address:
            raise ValueError(f"wrapped: {self.wrapped} is none of the tokens: list it there")
        for lender in self.lenders:
            if lender.kind == "balancer" and lender.address != self.vault:
                raise ValueError(f"lenders: {lender.name} is not the vault: the executor knows one only")
        if self.vault is None and any(isinstance(pool, _Balancer) for pool in self.pools):
            raise ValueError("vault: null, but there are pools of Balancer: say its address")

    @property
    def by_address(self) -> dict[str, Token]:
        """The tokens by their addresses."""
        return {token.address: token for token in self.tokens}

    def token(self, symbol: str) -> Token:
        """The token with a symbol. DataError where there is none."""
        for token in self.tokens:
            if token.symbol == symbol:
                return token
        raise DataError("universe", f"no token is called {symbol}: there are {', '.join(self._symbols())}")

    def _symbols(self) -> Iterator[str]:
        return (token.symbol for token in self.tokens)


def decode_universe(document: bytes, source: str) -> Universe:
    """Returns the universe that a JSON text describes. DataError names `source` and what is wrong in it."""
    try:
        return msgspec.json.decode(document, type=Universe)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DataError(source, str(error)) from error


def read_universe(path: Path) -> Universe:
    """Reads a universe. DataError names the file and what is wrong in it."""
    try:
        document = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), f"it cannot be read: {error.strerror}") from error
    return decode_universe(document, str(path))


def _once(what: str, names: Iterable[str]) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: {name} stands there twice")
        seen.add(name)
