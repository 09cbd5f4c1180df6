"""The market of the twin's chain: tokens, two factories, pairs with sensible reserves; all of it there from block 0.

Prices are of the seed, near those of the real world. The second factory keeps a smaller fee, so the two are not alike.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from quarterdeck.errors import DeskError
from quarterdeck.twins.evm.building import blueprint_of, code_of, prepare
from quarterdeck.twins.evm.machine import Machine
from quarterdeck.venues.evm.executor import deploy_data

__all__ = ["Market", "Pair", "Token", "call_data", "found_market"]

_FOUNDER: Final = "0x" + "f0" * 20
_NOBODY: Final = "0x" + "00" * 20
_RICH_WEI: Final = 10**28
_SUPPLY: Final = 10**12  # whole tokens
_GAS: Final = 30_000_000
_KEPT: Final = {"harbour": 997, "lagoon": 998}
_WRAPPED: Final = "WETH"
_TOKENS: Final = (  # symbol, name, decimals, dollars
    ("USDC", "USD Coin", 6, 1.0),
    ("DAI", "Dai Stablecoin", 18, 1.0),
    ("WBTC", "Wrapped BTC", 8, 60_000.0),
    ("LINK", "Chainlink Token", 18, 15.0),
)
_ETHER_USD: Final = 3_000.0
_PAIRS: Final = (  # and dollars on each side
    ("WETH", "USDC", 8_000_000.0),
    ("WETH", "DAI", 4_000_000.0),
    ("WETH", "WBTC", 6_000_000.0),
    ("WETH", "LINK", 2_000_000.0),
    ("WBTC", "USDC", 3_000_000.0),
    ("USDC", "DAI", 5_000_000.0),
)


def call_data(signature: str, *values: Any) -> bytes:
    """A call's bytes: selector and arguments of plain types."""
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return keccak(text=signature)[:4] + encode(types, values)


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `dollars` is what it is worth where nothing has moved."""

    symbol: str
    address: str
    decimals: int
    dollars: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair. `kept` of 1000 parts of the input are swapped."""

    address: str
    first: Token
    second: Token
    kept: int


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that is on the chain at block 0. Addresses are lower case."""

    tokens: Mapping[str, Token]
    pairs: tuple[Pair, ...]
    router: str
    crowd: str
    executor: str | None
    factories: Mapping[str, str]

    def reserves(self, machine: Machine, pair: Pair) -> tuple[int, int]:
        """What a pair holds where the machine stands."""
        with machine.trying():
            said = machine.call(_NOBODY, pair.address, call_data("getReserves()")).output
        held = decode(["uint112", "uint112", "uint32"], said)
        return int(held[0]), int(held[1])

    def universe(self, chain_id: int) -> dict[str, Any]:
        """What a desk may touch here, as a desk's universe file has it."""
        return {
            "chain_id": chain_id,
            "executor": None if self.executor is None else to_checksum_address(self.executor),
            "vault": None,
            "tokens": [
                {"address": to_checksum_address(one.address), "symbol": one.symbol, "decimals": one.decimals}
                for one in self.tokens.values()
            ],
            "native": "ETH",
            "wrapped": to_checksum_address(self.tokens[_WRAPPED].address),
            "pools": [
                {"kind": "uniswap-v2", "address": to_checksum_address(one.address), "kept": one.kept}
                for one in self.pairs
            ],
            "lenders": [
                {
                    "name": f"{one.first.symbol}-{one.second.symbol}-{one.kept}",
                    "kind": "uniswap-v2",
                    "address": to_checksum_address(one.address),
                }
                for one in self.pairs
            ],
        }


class _Founder:
    """Who builds the market. Everything succeeds, or the twin does not start."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.give(_FOUNDER, _RICH_WEI)

    def make(self, code: bytes, types: tuple[str, ...] = (), values: tuple[Any, ...] = (), by: str = _FOUNDER) -> str:
        nonce = self.machine.nonce(by)
        ran = self.machine.call(by, None, code + encode(types, values), gas=_GAS)
        if not ran.success or ran.created is None:
            raise DeskError(f"the twin's market cannot be built: a contract was not made: {ran.halt or ran.output!r}")
        self.machine.set_nonce(by, nonce + 1)
        return ran.created

    def call(self, contract: str, signature: str, *values: Any, wei: int = 0, by: str = _FOUNDER) -> bytes:
        ran = self.machine.call(by, contract, call_data(signature, *values), value=wei, gas=_GAS)
        if not ran.success:
            raise DeskError(f"the twin's market cannot be built: {signature}: {ran.halt or ran.output!r}")
        return ran.output


def found_market(machine: Machine, seed: int, owner: str | None, traders: tuple[str, ...]) -> Market:
    """Builds it: `owner` gets the executor, `traders` get tokens and let the router take them. Raises DeskError."""
    prepare(executor=owner is not None)
    chance = random.Random(f"market {seed}")
    founder = _Founder(machine)
    tokens = _found_tokens(founder)
    router, crowd = founder.make(code_of("router")), founder.make(code_of("crowd"))
    blueprint = founder.make(blueprint_of("pair"))
    factories = {
        name: founder.make(code_of("factory"), ("address", "uint256"), (blueprint, kept))
        for name, kept in _KEPT.items()
    }
    pairs: list[Pair] = []
    for name, kept in _KEPT.items():
        for first, second, dollars in _PAIRS:
            depth = dollars * chance.uniform(0.6, 1.2)
            pairs.append(_found_pair(founder, factories[name], (tokens[first], tokens[second]), depth, kept))
    for trader in traders:
        machine.give(trader, 10**24)
        for token in tokens.values():
            share = int(2e9 / token.dollars) * 10**token.decimals
            founder.call(token.address, "transfer(address,uint256)", trader, share)
            founder.call(token.address, "approve(address,uint256)", router, 2**256 - 1, by=trader)
    executor = None if owner is None else founder.make(deploy_data(None), by=owner)
    return Market(tokens, tuple(pairs), router, crowd, executor, factories)


def _found_tokens(founder: _Founder) -> dict[str, Token]:
    wrapped = founder.make(code_of("wrapped"))
    founder.call(wrapped, "deposit()", wei=_RICH_WEI // 2)
    tokens = {_WRAPPED: Token(_WRAPPED, wrapped, 18, _ETHER_USD)}
    for symbol, name, decimals, dollars in _TOKENS:
        made = founder.make(
            code_of("token"), ("string", "string", "uint8", "uint256"), (name, symbol, decimals, _SUPPLY * 10**decimals)
        )
        tokens[symbol] = Token(symbol, made, decimals, dollars)
    return tokens


def _found_pair(founder: _Founder, factory: str, sides: tuple[Token, Token], dollars: float, kept: int) -> Pair:
    """A pair with the same worth on both sides."""
    by_address = sorted(sides, key=lambda token: int(token.address, 16))
    addresses = [token.address for token in by_address]
    made = f"0x{founder.call(factory, 'createPair(address,address)', *addresses)[-20:].hex()}"
    for token in by_address:
        amount = int(dollars / token.dollars * 10**6) * 10**token.decimals // 10**6
        founder.call(token.address, "transfer(address,uint256)", made, amount)
    founder.call(made, "mint(address)", _FOUNDER)
    return Pair(made, by_address[0], by_address[1], kept)
