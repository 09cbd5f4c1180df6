"""The code of the market's contracts; compiled as the executor is, once for each source and compiler."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from quarterdeck.venues.evm.executor import creation_code, executor_source

__all__ = ["blueprint_of", "code_of", "prepare"]

_OWN: Final = Path(__file__).resolve().parent / "contracts"
_AT_ONCE: Final = 2
_MARKED: Final = bytes.fromhex("fe7100")  # ERC-5202: what follows is a blueprint of version 0


def code_of(name: str) -> bytes:
    """The creation code of one of the twin's own contracts. Raises ConfigError."""
    return creation_code(_OWN / f"{name}.vy")


def blueprint_of(name: str) -> bytes:
    """The creation code of its blueprint, which a factory makes contracts from: ERC-5202. Raises ConfigError."""
    code = _MARKED + code_of(name)
    return b"\x61" + len(code).to_bytes(2) + b"\x3d\x81\x60\x0a\x3d\x39\xf3" + code


def prepare(*, executor: bool) -> None:
    """Compiles what was not compiled before, two at a time. Raises ConfigError."""
    sources = [executor_source()] if executor else []
    sources += sorted(_OWN.glob("*.vy"))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(creation_code, sources))
