"""What a node says no with, in geth's words, and hexadecimal as it reads it."""

from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from quarterdeck.arbitrage.arithmetic import UINT256_MAX

__all__ = [
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "Refused",
    "address_of",
    "bytes_of",
    "number_of",
    "reverted",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
_SERVER: Final = -32000
_REVERTED: Final = 3
_ERROR_STRING: Final = bytes.fromhex("08c379a0")


class Refused(Exception):
    """The node's no."""

    def __init__(self, message: str, code: int = _SERVER, data: str | None = None) -> None:
        self.code, self.message, self.data = code, message, data
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Returns the `error` of the answer."""
        return {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})


def reverted(output: bytes) -> Refused:
    """What eth_call and eth_estimateGas say where the contract reverted."""
    words = "execution reverted"
    if output[:4] == _ERROR_STRING:
        try:
            words += f": {decode(['string'], output[4:])[0]}"
        except DecodingError:
            words = "execution reverted"  # these only look like a reason: the data say what they are
    return Refused(words, _REVERTED, f"0x{output.hex()}")


def number_of(value: object, name: str) -> int:
    """Reads a quantity. Raises Refused."""
    if isinstance(value, str) and value.startswith("0x") and len(value) > 2:
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
        if 0 <= number <= UINT256_MAX:
            return number
    raise Refused(f"invalid argument: {name}: {value!r} is no hex number of up to 256 bits", INVALID_PARAMS)


def bytes_of(value: object, name: str, length: int | None = None) -> bytes:
    """Reads data. Raises Refused."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            read = bytes.fromhex(value[2:])
        except ValueError:
            read = None
        if read is not None and length in {None, len(read)}:
            return read
    wanted = "data" if length is None else f"{length} bytes"
    raise Refused(f"invalid argument: {name}: {value!r} is not {wanted} in hex", INVALID_PARAMS)


def address_of(value: object, name: str) -> str:
    """Reads an address, lower case. Raises Refused."""
    return f"0x{bytes_of(value, name, 20).hex()}"
