"""The private key, what it signs, and the nonces it signs with. The key leaves this module in no form.

It comes from the environment: HYPERLIQUID_PRIVATE_KEY, or a file named by HYPERLIQUID_PRIVATE_KEY_FILE. A signature is
the one that the official SDK's `sign_l1_action` makes, bit for bit. The SDK puts the text around an action (EIP-712)
together anew each time and hashes in small steps, which takes half a millisecond, three times that where the caches
are cold; an order would wait for it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.errors import ConfigError
from quarterdeck.venues.hyperliquid.keccak import keccak

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "Nonces", "Signer", "action_hash"]

KEY_VARIABLE: Final = "HYPERLIQUID_PRIVATE_KEY"
KEY_FILE_VARIABLE: Final = "HYPERLIQUID_PRIVATE_KEY_FILE"
_KEY_DIGITS: Final = 64
_NS_PER_MS: Final = 1_000_000

# What the SDK's `l1_payload` says, by the rules of EIP-712.
_PREFIX: Final = b"\x19\x01"
_DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_DOMAIN_NAME, _DOMAIN_VERSION, _CHAIN = b"Exchange", b"1", 1337
_AGENT_TYPE: Final = b"Agent(string source,bytes32 connectionId)"
_WORD: Final = 32
_V_LEAST: Final = 27
_ADDRESS_BYTES: Final = 20
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # SEC 2, secp256k1


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
        if not 0 < int(digits, 16) < _CURVE_ORDER:
            raise ConfigError("environment", KEY_VARIABLE, "(not shown)", "a key of the curve secp256k1")
        from coincurve import PrivateKey  # noqa: PLC0415 - who signs pays its import

        private: Any = PrivateKey(bytes.fromhex(digits))
        domain, agent = _domain(), _agent(mainnet=mainnet)

        def sign(action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> dict[str, Any]:
            told = keccak(agent + action_hash(action, nonce, expires_ms))
            raw = private.sign_recoverable(keccak(_PREFIX + domain + told), hasher=None)
            r, s = (int.from_bytes(raw[place : place + _WORD], "big") for place in (0, _WORD))
            return {"r": hex(r), "s": hex(s), "v": raw[2 * _WORD] + _V_LEAST}

        self.__sign = sign
        public: bytes = private.public_key.format(compressed=False)
        self.address = f"0x{keccak(public[1:])[-_ADDRESS_BYTES:].hex()}"

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


def action_hash(action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> bytes:
    """Returns the hash of an action of no vault, as the SDK's `action_hash` has it. The order of its names counts."""
    expires = b"" if expires_ms is None else b"\x00" + expires_ms.to_bytes(8, "big")
    return keccak(msgspec.msgpack.encode(action) + nonce.to_bytes(8, "big") + b"\x00" + expires)


def _domain() -> bytes:
    """The hash of who is signed for (EIP-712, "Definition of domainSeparator")."""
    texts = (_DOMAIN_TYPE, _DOMAIN_NAME, _DOMAIN_VERSION)
    return keccak(b"".join(map(keccak, texts)) + _CHAIN.to_bytes(_WORD, "big") + bytes(_WORD))


def _agent(*, mainnet: bool) -> bytes:
    """What stands before an action's hash."""
    return keccak(_AGENT_TYPE) + keccak(b"a" if mainnet else b"b")


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
