"""The words between a person and a running desk: one command, one answer, each a JSON line over a Unix socket.

It imports no kernel, so that a command line can say `kill` at once.
"""

import socket
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import msgspec

from quarterdeck.errors import DeskError
from quarterdeck.venues.addresses import reachable

__all__ = ["LINE_MAX", "Answer", "Command", "Setting", "Verb", "ask"]

Answer = dict[str, object]
Setting: TypeAlias = str | float | int | bool
LINE_MAX: Final = 64 * 1024


class Verb(StrEnum):
    """The words. STATUS and STOP are for the process; all others become journaled events.

    PAUSE stops entries, CANCEL takes orders back, KILL does both, FLATTEN also closes positions, LOCK stops all orders.
    """

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    CANCEL_ORDER = "cancel-order"
    KILL = "kill"
    FLATTEN = "flatten"
    LOCK = "lock"
    UNLOCK = "unlock"
    ACKNOWLEDGE = "acknowledge"
    THROTTLE_RESET = "throttle-reset"
    ADOPT = "adopt"
    CONFIGURE = "configure"
    STOP = "stop"
    HANDOVER = "handover"


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line on the control socket.

    `protective`: a kill or a cancel takes protective orders back too. `settings` is configure's, by their names, with
    money in the base currency; "default" takes one back. `keep_orders` is stop's: True leaves every order at its venue,
    False takes every one back, None all but the protective ones of what is held.
    """

    verb: Verb
    strategy: str | None = None
    instrument: str | None = None
    order_id: str = ""
    protective: bool = False
    settings: dict[str, Setting] = {}
    keep_orders: bool | None = None
    person: str | None = None
    origin: str = ""
    why: str = ""


def ask(path: Path, desk: str, command: Command, timeout_s: float = 10.0) -> Answer:
    """Sends one command to a running desk and returns its answer.

    Raises DeskError when the desk does not run, does not answer in time, or refuses: with its words and exit code.
    """
    if not path.exists():
        raise DeskError(f"desk {desk} is not running: start it with `quarterdeck run {desk}`")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            with reachable(path) as name:
                line.connect(name)
            line.sendall(msgspec.json.encode(command) + b"\n")
            answer = _read_line(line)
        except (ConnectionError, FileNotFoundError) as error:
            raise DeskError(f"desk {desk} is not running (it left {path.name} behind): start it again") from error
        except TimeoutError as error:
            raise DeskError(
                f"desk {desk} did not answer within {timeout_s:g} s: look at its logs/system.log"
            ) from error
    if not answer.get("ok"):
        refused = DeskError(str(answer.get("error", "the desk refused without a word")))
        refused.exit_code = cast(int, answer.get("exit_code", 1))
        raise refused
    return answer


def _read_line(line: socket.socket) -> dict[str, Any]:
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = line.recv(LINE_MAX)
        if not part:
            raise ConnectionError("the desk hung up")
        parts.append(part)
    return msgspec.json.decode(b"".join(parts), type=dict[str, Any])
