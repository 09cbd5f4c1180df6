"""The fault switches of twins, as a conformance run sets them: which kind of venue is told how."""

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from quarterdeck.conformance.places import on_loopback
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin
from quarterdeck.venues.addresses import Address

__all__ = ["FaultSwitch", "HttpSwitch", "PracticeSwitch", "open_switch"]

_TIMEOUT_S: Final = 30.0


class FaultSwitch(Protocol):
    """Makes something go wrong at a twin."""

    def set(self, fault: str, amount: int = 1) -> None:
        """Sets one fault off, or "clear" to end all. DeskError: the twin does not answer, or knows no such fault."""
        ...


class PracticeSwitch:
    """The practice exchange's: a line on its own socket."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def set(self, fault: str, amount: int = 1) -> None:
        ask_admin(self._address, Admin(fault=Fault(fault), amount=amount))


class HttpSwitch:
    """A twin of a real venue's: POST /twin."""

    def __init__(self, address: str) -> None:
        if not on_loopback(address):
            raise ConfigError("command", "--twin", address, "HOST:PORT on this machine's own loopback")
        self._url = f"http://{address}/twin"

    def set(self, fault: str, amount: int = 1) -> None:
        body = msgspec.json.encode({"fault": fault, "amount": amount})
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise DeskError(f"the twin's fault switch took no {fault!r}: HTTP {error.code}") from error
        except OSError as error:
            raise DeskError(f"no fault switch answers at {self._url}: {error}") from error


def _practice(address: str, folder: Path) -> FaultSwitch:
    return PracticeSwitch(Address.read(address, folder))


def _http(address: str, folder: Path) -> FaultSwitch:
    del folder  # a port is no path
    return HttpSwitch(address)


_SWITCHES: Final[Mapping[str, Callable[[str, Path], FaultSwitch]]] = {"practice": _practice}


def open_switch(kind: str, address: str, folder: Path) -> FaultSwitch:
    """Returns the switch of the twin at `address`; a socket's path is relative to `folder`. ConfigError: none."""
    return _SWITCHES.get(kind, _http)(address, folder)
