"""A chain in the process, with the real contracts of Uniswap and Balancer: pyrevm runs them, npm brings them."""

import contextlib
import fcntl
import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM
from vyper import compile_code

HERE = Path(__file__).resolve().parent / "contracts"
MODULES = HERE / "node_modules"
BALANCER = "@balancer-labs/v2-deployments/dist/tasks"
ME = "0x" + "11" * 20
NOBODY = "0x" + "00" * 20
RICH = 10**60


def install() -> None:
    """Brings the contracts where they are missing; one process does, the others wait."""
    wanted = (HERE / "package-lock.json").read_text()
    said = MODULES / ".installed"
    with (HERE / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if said.exists() and said.read_text() == wanted:
            return
        npm = shutil.which("npm")
        assert npm is not None, "the contracts of the tests come by npm: install Node.js"
        words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--loglevel=error")
        subprocess.run([npm, *words], cwd=HERE, check=True, capture_output=True)
        said.write_text(wanted)


@cache
def artifact(path: str) -> bytes:
    """The creation code of a contract in a package."""
    install()
    return bytes.fromhex(json.loads((MODULES / path).read_text())["bytecode"].removeprefix("0x"))


@cache
def compiled(name: str) -> bytes:
    """The creation code of one of our own contracts."""
    source = (HERE / f"{name}.vy").read_text()
    return bytes.fromhex(compile_code(source, output_formats=["bytecode"])["bytecode"].removeprefix("0x"))


class Chain:
    """One chain. `call` speaks ABI: types of what goes in, values, types of what comes out."""

    def __init__(self) -> None:
        self.evm = EVM(gas_limit=2**63)
        self.evm.set_balance(ME, 10**30)

    def deploy(self, code: bytes, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        return str(self.evm.deploy(ME, code + encode(types, values)))

    def call(
        self, contract: str, name: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str] = ()
    ) -> Any:
        data = keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)
        said = self.evm.message_call(ME, contract, calldata=data)
        return decode(returns, said) if returns else None

    def token(self, decimals: int = 18) -> str:
        return self.deploy(compiled("token"), ["uint8"], [decimals])

    def give(self, token: str, owner: str, amount: int = RICH) -> None:
        self.call(token, "mint", ["address", "uint256"], [owner, amount])

    @contextlib.contextmanager
    def trying(self) -> Any:
        """What happens inside did not happen."""
        before = self.evm.snapshot()
        try:
            yield
        finally:
            self.evm.revert(before)
