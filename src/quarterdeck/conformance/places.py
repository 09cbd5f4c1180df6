"""Where an address leads: to this machine's own loopback, or somewhere that money can be lost at."""

import ipaddress
from typing import Final

__all__ = ["is_local", "on_loopback"]

_WITHOUT: Final = frozenset({"simulated"})
_BY_PATH: Final = frozenset({"practice"})  # kinds whose address may be a socket's path


def is_local(kind: str, address: str | None) -> bool:
    """Whether nothing that a venue of that kind is sent leaves this machine. None: the venue has no address."""
    if address is None:
        return kind in _WITHOUT
    if kind in _BY_PATH and (":" not in address or "/" in address):
        return True
    return on_loopback(address)


def on_loopback(address: str) -> bool:
    """Whether it is HOST:PORT, the host a number that no packet leaves this machine for. A name may lead anywhere."""
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65_536:
        return False
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        number = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return False
    return number.is_loopback and bracketed == (number.version == 6)
