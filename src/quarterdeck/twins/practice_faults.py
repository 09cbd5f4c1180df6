"""What can be made to go wrong at a practice exchange, by one line on its socket.

| fault      | amount        | what happens                                                              |
|------------|---------------|---------------------------------------------------------------------------|
| disconnect | -             | every connection is cut; desks may come again at once                     |
| delay      | milliseconds  | all that the exchange says is that late; 0 ends it                        |
| reject     | requests      | so many orders and amendments are refused, unread                         |
| drop-acks  | requests      | so many requests are done and never answered                              |
| garble     | messages      | before each of so many messages stands one that nobody can read           |
| outage     | 1, or 0       | nothing is read and nobody is answered, while the market goes on          |
| halt       | 1, or 0       | all but cancels are refused and nothing trades                            |
| clear      | -             | ends all of these                                                         |
"""

import socket
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from quarterdeck.errors import DeskError
from quarterdeck.venues.addresses import Address

__all__ = ["Admin", "Fault", "Faults", "ask_admin"]

_ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024


class Fault(StrEnum):
    DISCONNECT = "disconnect"
    DELAY = "delay"
    REJECT = "reject"
    DROP_ACKS = "drop-acks"
    GARBLE = "garble"
    OUTAGE = "outage"
    HALT = "halt"
    CLEAR = "clear"


class Admin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An operator's line at the exchange: a fault to set off, or none to hear how it stands.

    With an `account` its whole record comes back too. `quotes` set the outside market: (instrument, bid, ask, bid lots,
    ask lots).
    """

    fault: Fault | None = None
    amount: int = 0
    account: str | None = None
    quotes: tuple[tuple[int, int, int, int, int], ...] = ()


@dataclass(slots=True)
class Faults:
    """What goes wrong now."""

    delay_s: float = 0.0
    left: dict[Fault, int] = field(default_factory=dict[Fault, int])

    def take(self, fault: Fault) -> bool:
        """Whether it happens this time; then it happens once less."""
        count = self.left.get(fault, 0)
        if count > 0:
            self.left[fault] = count - 1
        return count > 0


def ask_admin(address: Address, admin: Admin, timeout_s: float = 30.0) -> dict[str, Any]:
    """Sends one line to the exchange and returns its answer. DeskError: it is not there, or does not answer."""
    try:
        with address.connect(timeout_s) as line:
            line.sendall(msgspec.json.encode(admin) + b"\n")
            raw = _read_line(line)
    except OSError as error:
        raise DeskError(f"no practice exchange answers at {address} ({error}): start one with `practice`") from error
    return msgspec.json.decode(raw, type=dict[str, Any])


def _read_line(line: socket.socket) -> bytes:
    parts: list[bytes] = []
    size = 0
    while not parts or not parts[-1].endswith(b"\n"):
        part = line.recv(1 << 20)
        size += len(part)
        if not part or size > _ANSWER_BYTES_MAX:
            raise ConnectionError("it hung up")
        parts.append(part)
    return b"".join(parts)
