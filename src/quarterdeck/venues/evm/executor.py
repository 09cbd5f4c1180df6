"""The executor contract as this desk uses it: compiled here, told what to run, and its report read.

The source is `contracts/executor.vy` beside `src`; the variable QUARTERDECK_CONTRACTS names another folder. Vyper runs
as a program of its own, once for each source and compiler: what it made is kept in the user's cache directory, so a
desk never loads a compiler.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode as decode_abi
from eth_abi.abi import encode as encode_abi
from eth_utils.crypto import keccak

from quarterdeck.arbitrage.concentrated import ConcentratedPool
from quarterdeck.arbitrage.constant_product import ConstantProductPool
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.errors import ConfigError, DataError
from quarterdeck.venues.evm.lenders import Offer
from quarterdeck.venues.evm.reading import checksummed
from quarterdeck.venues.evm.receipts import Log
from quarterdeck.venues.evm.universe import BalancerStable, BalancerWeighted, LenderKind, Universe

__all__ = ["MILLION", "RAN", "RUN", "Executor", "Ran", "creation_code", "deploy_data", "executor_source"]

RUN: Final = (
    "run((uint8,address,address,uint256,uint256,uint256),(uint8,address,bytes32,address,address,uint256,uint256)[],"
    "uint256)"
)
RAN: Final = "0x" + keccak(text="Ran(address,address,uint256,uint256,uint256)").hex()
MILLION: Final = 1_000_000
_LOAN: Final = "(uint8,address,address,uint256,uint256,uint256)"
_STEPS: Final = "(uint8,address,bytes32,address,address,uint256,uint256)[]"
_SELECTOR: Final = keccak(text=RUN)[:4]
_KINDS: Final[Mapping[LenderKind, int]] = {"uniswap-v2": 1, "uniswap-v3": 2, "balancer": 3, "aave-v3": 4}
_NOBODY: Final = "0x" + "00" * 20
_STEPS_MAX: Final = 8
_COMPILE_S: Final = 120
_FOLDER_VARIABLE: Final = "QUARTERDECK_CONTRACTS"


@dataclass(frozen=True, slots=True)
class Ran:
    """What the executor reports of one run: amounts in whole units of `token`, `profit` after the premium."""

    token: str
    lender: str
    amount: int
    premium: int
    profit: int


class Executor:
    """The contract at an address. `identities` are the Vault's names of Balancer's pools, by the pools' addresses."""

    def __init__(self, address: str, vault: str | None, identities: Mapping[str, bytes]) -> None:
        self.address = address
        self._vault = vault
        self._identities = dict(identities)

    @classmethod
    def of(cls, universe: Universe) -> "Executor":
        """The executor of a universe, with what that knows of the Vault."""
        identities = {
            pool.address: bytes.fromhex(pool.identity.removeprefix("0x"))
            for pool in universe.pools
            if isinstance(pool, BalancerWeighted | BalancerStable)
        }
        return cls(universe.executor, universe.vault, identities)

    def encode(self, opportunity: Opportunity, offer: Offer, minimum_profit: int, slippage: int = 0) -> bytes:
        """Calldata of `run` for a cycle paid for by an offer.

        Each step must pay what was computed, less `slippage` millionths of it; the whole run must leave
        `minimum_profit` units after the premium. DataError where the offer is of another token, or a pool is unknown.
        """
        if offer.token != opportunity.token:
            raise DataError("plan", f"{offer.lender.name} lends {offer.token}, the cycle needs {opportunity.token}")
        if not 2 <= len(opportunity.hops) <= _STEPS_MAX:
            raise DataError("plan", f"{len(opportunity.hops)} steps: the executor takes 2 to {_STEPS_MAX}")
        if not 0 <= slippage < MILLION or minimum_profit < 0:
            raise DataError("plan", f"slippage {slippage} millionths, profit {minimum_profit}: below 0 or too large")
        amount = opportunity.amount
        premium = offer.loan.owed(amount) - amount
        loan = (_KINDS[offer.lender.kind], offer.lender.address, offer.token, amount, premium, offer.kept)
        steps: list[tuple[Any, ...]] = []
        for hop in opportunity.hops:
            amount = hop.pool.amount_out(hop.source, hop.target, amount)
            minimum = amount - amount * slippage // MILLION
            source, target = hop.pool.tokens[hop.source], hop.pool.tokens[hop.target]
            kind, place, identity, kept = self._place(hop.pool)
            steps.append((kind, place, identity, source, target, minimum, kept))
        return _SELECTOR + encode_abi([_LOAN, _STEPS, "uint256"], [loan, steps, minimum_profit])

    def ran(self, logs: Iterable[Log]) -> Ran | None:
        """What a receipt's logs say of a run; None: there was none."""
        for log in logs:
            if log.address.lower() == self.address.lower() and log.topics and log.topics[0] == RAN:
                token, lender = (checksummed("0x" + topic[-40:]) for topic in log.topics[1:3])
                amounts = decode_abi(["uint256", "uint256", "uint256"], bytes.fromhex(log.data.removeprefix("0x")))
                return Ran(token, lender, *amounts)
        return None

    def _place(self, pool: Pool) -> tuple[int, str, bytes, int]:
        if isinstance(pool, ConstantProductPool):
            return _KINDS["uniswap-v2"], pool.address, bytes(32), pool.kept
        if isinstance(pool, ConcentratedPool):
            return _KINDS["uniswap-v3"], pool.address, bytes(32), 0
        identity = self._identities.get(pool.address)
        if identity is None or self._vault is None:
            raise DataError("universe", f"pool {pool.address} has no identity there: the Vault would not know it")
        return _KINDS["balancer"], self._vault, identity, 0


def executor_source() -> Path:
    """Where the source of the executor is. ConfigError where there is none."""
    named = os.environ.get(_FOLDER_VARIABLE)
    folder = Path(named) if named else Path(__file__).resolve().parents[4] / "contracts"
    source = folder / "executor.vy"
    if not source.is_file():
        allowed = f"a folder that holds executor.vy; {_FOLDER_VARIABLE} names it"
        raise ConfigError("environment", _FOLDER_VARIABLE, str(folder), allowed)
    return source


def deploy_data(vault: str | None) -> bytes:
    """The data of the transaction that deploys the executor: its creation code, and the Vault that it will trust."""
    return creation_code(executor_source()) + encode_abi(["address"], [vault or _NOBODY])


@cache
def creation_code(source: Path) -> bytes:
    """What Vyper makes of a source. ConfigError with the compiler's words where it refuses it."""
    text = source.read_bytes()
    name = hashlib.sha256(text + version("vyper").encode()).hexdigest()
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    kept = Path(root) / "quarterdeck" / "contracts" / f"{name[:32]}.hex"
    if not kept.is_file():
        _keep(kept, _compile(source))
    return bytes.fromhex(kept.read_text(encoding="ascii"))


def _compile(source: Path) -> str:
    words = [sys.executable, "-m", "vyper.cli.vyper_compile", "-f", "bytecode", str(source)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_COMPILE_S, check=False)
    code = done.stdout.strip().removeprefix("0x")
    if done.returncode != 0 or not code:
        said = " ".join(done.stderr.split())[-500:]
        raise ConfigError(str(source), "source", source.name, f"what Vyper compiles; it said: {said}")
    return code


def _keep(place: Path, code: str) -> None:
    """Whole or not at all: two desks may start at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False, encoding="ascii") as file:
        file.write(code)
    Path(file.name).replace(place)
