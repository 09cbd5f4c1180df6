"""The real Aave V3 pool: its libraries linked, its parts registered, tokens listed and lent."""

import json
from dataclasses import dataclass
from functools import cache

from tests.arbitrage.chain import ME, MODULES, NOBODY, Chain, install

PROTOCOL = "@aave/core-v3/artifacts/contracts/protocol"
LIBRARIES = (
    "SupplyLogic", "BorrowLogic", "LiquidationLogic", "EModeLogic", "BridgeLogic", "PoolLogic", "ConfiguratorLogic",
    "FlashLoanLogic",
)  # fmt: skip
RAY = 10**27


@dataclass(frozen=True)
class Aave:
    """Where the parts are."""

    pool: str
    configurator: str
    implementations: tuple[str, str, str]  # of supply, stable debt and variable debt tokens
    rates: str


@cache
def _parts(path: str) -> tuple[str, dict[str, list[int]]]:
    """Creation code in hex with holes, and where each library's address goes, in characters."""
    install()
    name = path.rsplit("/", 1)[-1]
    said = json.loads((MODULES / PROTOCOL / f"{path}.sol" / f"{name}.json").read_text())
    holes = {
        library: [2 * place["start"] for place in places]
        for names in said["linkReferences"].values()
        for library, places in names.items()
    }
    return said["bytecode"].removeprefix("0x"), holes


def _code(path: str, libraries: dict[str, str]) -> bytes:
    code, holes = _parts(path)
    for library, places in holes.items():
        for place in places:
            code = code[:place] + libraries[library].removeprefix("0x").lower() + code[place + 40 :]
    return bytes.fromhex(code)


def deploy(chain: Chain) -> Aave:
    """A pool whose flash loans cost 5 of 10,000. ME is every administrator."""
    libraries: dict[str, str] = {}
    for name in LIBRARIES:  # BorrowLogic stands before FlashLoanLogic, which needs it
        libraries[name] = chain.deploy(_code(f"libraries/logic/{name}", libraries))
    provider = chain.deploy(_code("configuration/PoolAddressesProvider", {}), ["string", "address"], ["one", ME])
    chain.call(provider, "setACLAdmin", ["address"], [ME])
    manager = chain.deploy(_code("configuration/ACLManager", {}), ["address"], [provider])
    chain.call(provider, "setACLManager", ["address"], [manager])
    for role in ("addPoolAdmin", "addAssetListingAdmin", "addRiskAdmin"):
        chain.call(manager, role, ["address"], [ME])
    pool = chain.deploy(_code("pool/Pool", libraries), ["address"], [provider])
    chain.call(provider, "setPoolImpl", ["address"], [pool])
    pool = chain.call(provider, "getPool", [], [], ["address"])[0]
    configurator = chain.deploy(_code("pool/PoolConfigurator", libraries))
    chain.call(provider, "setPoolConfiguratorImpl", ["address"], [configurator])
    configurator = chain.call(provider, "getPoolConfigurator", [], [], ["address"])[0]
    chain.call(configurator, "updateFlashloanPremiumTotal", ["uint128"], [5])
    names = ("AToken", "StableDebtToken", "VariableDebtToken")
    supply, stable, variable = (
        chain.deploy(_code(f"tokenization/{name}", {}), ["address"], [pool]) for name in names
    )  # fmt: skip
    numbers = [
        8 * RAY // 10,
        0,
        4 * RAY // 100,
        60 * RAY // 100,
        RAY // 200,
        60 * RAY // 100,
        RAY // 100,
        8 * RAY // 100,
    ]
    rates = chain.deploy(
        _code("pool/DefaultReserveInterestRateStrategy", {}),
        ["address", *["uint256"] * 9], [provider, *numbers, RAY // 5],
    )  # fmt: skip
    return Aave(pool, configurator, (supply, stable, variable), rates)


def lend(chain: Chain, aave: Aave, token: str) -> None:
    """Lists a token and supplies plenty of it."""
    row = (*aave.implementations, 18, aave.rates, token, ME, NOBODY, "a", "a", "v", "v", "s", "s", b"")
    types = f"({','.join([*['address'] * 3, 'uint8', *['address'] * 4, *['string'] * 6, 'bytes'])})[]"
    chain.call(aave.configurator, "initReserves", [types], [[row]])
    chain.call(aave.configurator, "setReserveFlashLoaning", ["address", "bool"], [token, True])
    amount = 10**30
    chain.give(token, ME, amount)
    chain.call(token, "approve", ["address", "uint256"], [aave.pool, amount])
    chain.call(aave.pool, "supply", ["address", "uint256", "address", "uint16"], [token, amount, ME, 0])
