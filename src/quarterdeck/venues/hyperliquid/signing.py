"""The private key, what it signs, and the nonces it signs with. The key leaves this module in no form.

It comes from the environment: HYPERLIQUID_PRIVATE_KEY, or a file named by HYPERLIQUID_PRIVATE_KEY_FILE. Signing is the
official SDK's own (`sign_l1_action`), ten times faster where coincurve is installed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from quarterdeck.errors import ConfigError

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "Nonces", "Signer"]

KEY_VARIABLE: Final = "HYPERLIQUID_PRIVATE_KEY"
KEY_FILE_VARIABLE: Final = "HYPERLIQUID_PRIVATE_KEY_FILE"
_KEY_DIGITS: Final = 64
_NS_PER_MS: Final = 1_000_000


class Nonces:
    """Milliseconds that only rise: no two actions of one key share one, whatever the clock does. Any thread may ask.

    The venue keeps the 100 highest nonces of a key and takes one that is above the least of them, not used, and within
    two days before and one day after its clock. So one key serves one process.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._latest = 0

    def take(self) -> int:
        """Returns the next nonce."""
        with self._lock:
            self._latest = max(self._latest + 1, self._wall() // _NS_PER_MS)
            return self._latest


class Signer:
    """Signs actions of one key. Printing it shows its address alone."""

    __slots__ = ("__sign", "address")

    def __init__(self, key: str, *, mainnet: bool) -> None:
        """`key`: 64 hexadecimal digits, with or without 0x. Raises ConfigError, which does not repeat it."""
        digits = key.strip().removeprefix("0x")
        if len(digits) != _KEY_DIGITS or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ConfigError("environment", KEY_VARIABLE, "(not shown)", f"{_KEY_DIGITS} hexadecimal digits")
        account, signing = _libraries()
        try:
            wallet: Any = account.from_key("0x" + digits)
        except ValueError:
            # The cause names the key's value: it is left out.
            raise ConfigError("environment", KEY_VARIABLE, "(not shown)", "a key of the curve secp256k1") from None

        def sign(action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> dict[str, Any]:
            return signing.sign_l1_action(wallet, action, None, nonce, expires_ms, mainnet)

        self.__sign = sign
        self.address = cast(str, wallet.address).lower()

    def sign(self, action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> dict[str, Any]:
        """Returns the signature of an action: r, s and v. `expires_ms` None: it does not expire."""
        return self.__sign(action, nonce, expires_ms)

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is not copied or stored: it holds a key")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, mainnet: bool) -> "Signer":
        """Reads the key. Raises ConfigError when there is none, or it is readable by others than its owner."""
        key, file = environment.get(KEY_VARIABLE, ""), environment.get(KEY_FILE_VARIABLE, "")
        if bool(key) == bool(file):
            raise ConfigError(
                "environment", KEY_VARIABLE, "(not shown)", f"set either it or {KEY_FILE_VARIABLE}, an agent's key"
            )
        return cls(key or _read_key(Path(file)), mainnet=mainnet)


def _libraries() -> tuple[Any, Any]:
    """The library of keys, with the fast curve, and the SDK's signing. They take 0.3 s to import: who signs pays it."""
    from eth_account import Account  # noqa: PLC0415 - see above
    from eth_keys.backends.coincurve import CoinCurveECCBackend  # noqa: PLC0415 - see above
    from hyperliquid.utils import signing  # noqa: PLC0415 - see above

    account = Account()
    account.set_key_backend(CoinCurveECCBackend())
    return account, signing


def _read_key(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError("environment", KEY_FILE_VARIABLE, str(path), "a file of mode 600: others can read it")
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            "environment", KEY_FILE_VARIABLE, str(path), f"a readable file that holds a key: {reason}"
        ) from None
