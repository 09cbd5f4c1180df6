"""The key that pays: what it signs, and nothing else of it. The key leaves this module in no form.

It comes from the desk's credentials: QUARTERDECK_EVM_KEY, or a file named by QUARTERDECK_EVM_KEY_FILE. Printing a
wallet shows its address; it cannot be copied, pickled or stored; no error repeats what it read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from eth_account import Account
from eth_account.messages import encode_defunct

from quarterdeck.config.secrets import secret_text
from quarterdeck.errors import ConfigError

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "Signed", "Wallet"]

KEY_VARIABLE: Final = "QUARTERDECK_EVM_KEY"
KEY_FILE_VARIABLE: Final = "QUARTERDECK_EVM_KEY_FILE"
_KEY_DIGITS: Final = 64
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # SEC 2, secp256k1
_ACCOUNT: Final = cast(Any, Account)  # its methods are wrapped in a way that leaves no types


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: its bytes as they are sent, and its hash (0x)."""

    raw: bytes
    hash: str


class Wallet:
    """One account. Any thread may sign."""

    __slots__ = ("__sign", "__sign_text", "address")

    def __init__(self, key: str) -> None:
        """`key`: 64 hexadecimal digits, with or without 0x. Raises ConfigError, which does not repeat it."""
        digits = key.strip().removeprefix("0x")
        if len(digits) != _KEY_DIGITS or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ConfigError("credentials", KEY_VARIABLE, "(not shown)", f"{_KEY_DIGITS} hexadecimal digits")
        if not 0 < int(digits, 16) < _CURVE_ORDER:
            raise ConfigError("credentials", KEY_VARIABLE, "(not shown)", "a key of the curve secp256k1")
        account: Any = _ACCOUNT.from_key(bytes.fromhex(digits))

        def sign(transaction: Mapping[str, Any]) -> Signed:
            signed = account.sign_transaction(dict(transaction))
            return Signed(bytes(signed.raw_transaction), f"0x{bytes(signed.hash).hex()}")

        def sign_text(text: str) -> str:
            return f"0x{bytes(account.sign_message(encode_defunct(text=text)).signature).hex()}"

        self.__sign, self.__sign_text = sign, sign_text
        self.address = str(account.address)
        """With the checksum of EIP-55."""

    def sign(self, transaction: Mapping[str, Any]) -> Signed:
        """Signs a transaction, named as JSON-RPC names its fields (EIP-1559: `type` 2, `chainId`, `nonce`, ...)."""
        return self.__sign(transaction)

    def sign_text(self, text: str) -> str:
        """The signature (0x, 65 bytes) of a text as EIP-191 has it, version 0x45."""
        return self.__sign_text(text)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> Any:
        raise TypeError("a wallet is not copied or stored: it holds a key")

    @classmethod
    def from_credentials(cls, credentials: Mapping[str, str]) -> "Wallet":
        """Reads the key. ConfigError when there is none or two; AuditError when others can read its file."""
        key, file = credentials.get(KEY_VARIABLE, ""), credentials.get(KEY_FILE_VARIABLE, "")
        if bool(key) == bool(file):
            raise ConfigError("credentials", KEY_VARIABLE, "(not shown)", f"set either it or {KEY_FILE_VARIABLE}")
        return cls(key or secret_text(Path(file)).decode("ascii", errors="replace"))
