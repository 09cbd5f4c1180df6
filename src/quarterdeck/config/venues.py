"""What a [[venues]] table may say, by the kind of venue: one rule for each.

| kind        | address                                       | account, depth, dead_man_s, allow_master_key |
|-------------|-----------------------------------------------|----------------------------------------------|
| simulated   | none                                          | none                                         |
| practice    | a socket's path, or HOST:PORT                 | none                                         |
| hyperliquid | HOST:PORT of a twin, on this machine's own    | account is required                          |
|             | loopback and nowhere else                     |                                              |
| binance     | as hyperliquid                                | depth                                        |
| binance-usdm| as hyperliquid                                | depth, dead_man_s                            |
| alpaca      | as hyperliquid                                | none: the key says whose account it is       |
| evm         | as hyperliquid: the first of its nodes        | none; its table `chain` is required, with    |
|             |                                               | nodes and relay on loopback as well          |
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final

from quarterdeck.config.figures import refusal
from quarterdeck.config.sections import Venue, VenueKind

__all__ = ["check_venue"]

_DIGITS: Final = 42  # of an account, 0x with them
_DEAD_MAN_LEAST_S: Final = 15  # the venue wants 5 s, and the desk speaks three times in the time
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {  # which kinds have what not every venue has
    "account": ("hyperliquid",),
    "depth": ("hyperliquid", "binance", "binance-usdm"),
    "dead_man_s": ("hyperliquid", "binance-usdm"),
    "allow_master_key": ("hyperliquid",),
    "chain": ("evm",),
}

Refuse = Callable[[int, Venue], None]


def check_venue(index: int, venue: Venue) -> None:
    """Refuses the venue at that place of [[venues]] where it says what its kind does not, or cannot be used here."""
    _RULES[venue.kind](index, venue)
    for key, kinds in _KEYS.items():
        if key in venue.model_fields_set and venue.kind not in kinds:
            allowed = f"left out: a {venue.kind} venue has none, only {' or '.join(kinds)} does"
            raise refusal(("venues", index, key), getattr(venue, key), allowed)


def _simulated(index: int, venue: Venue) -> None:
    _check_address(index, venue, wanted=False)


def _practice(index: int, venue: Venue) -> None:
    _check_address(index, venue, wanted=True)


def _check_address(index: int, venue: Venue, *, wanted: bool) -> None:
    if wanted == (venue.address is None):
        allowed = 'where a practice venue listens, such as "practice.sock" or "127.0.0.1:9001"; no other has one'
        raise refusal(("venues", index, "address"), venue.address or "(missing)", allowed)


def _hyperliquid(index: int, venue: Venue) -> None:
    _check_twin(index, venue, "hyperliquid")
    account = venue.account or ""
    if len(account) != _DIGITS or account[1] != "x" or "x" in account[2:]:
        allowed = "the address of the account that is traded: 0x and 40 hexadecimal digits"
        raise refusal(("venues", index, "account"), venue.account or "(missing)", allowed)
    _check_dead_man(index, venue)


def _binance(index: int, venue: Venue) -> None:
    _check_twin(index, venue, "binance")
    _check_dead_man(index, venue)


def _alpaca(index: int, venue: Venue) -> None:
    _check_twin(index, venue, "alpaca")


def _evm(index: int, venue: Venue) -> None:
    _check_twin(index, venue, "evm")
    chain = venue.chain
    if chain is None:
        allowed = "a table [venues.chain] with at least chain_id: which chain it is, and what an attempt may risk there"
        raise refusal(("venues", index, "chain"), "(missing)", allowed)
    places: list[tuple[tuple[int | str, ...], str]] = [
        (("endpoints", place), node) for place, node in enumerate(chain.endpoints)
    ]
    places += [(("relay",), chain.relay)] if chain.relay is not None else []
    for key, node in places:
        if not _on_loopback(node):
            allowed = (
                "this version attempts on a twin only: the numbers of this machine's own loopback and a port, "
                'such as "127.0.0.1:8545"'
            )
            raise refusal(("venues", index, "chain", *key), node, allowed)
        if node == venue.address and key[0] == "endpoints":
            raise refusal(("venues", index, "chain", *key), node, "a node other than the venue's own address")


def _check_twin(index: int, venue: Venue, twin: str) -> None:
    """An adapter that has passed no conformance run sees no market but a twin's."""
    if not _on_loopback(venue.address or ""):
        allowed = (
            "this version trades on a twin only: the numbers of this machine's own loopback and the twin's port, "
            f'such as "127.0.0.1:8901" (quarterdeck twin {twin} --port 8901)'
        )
        raise refusal(("venues", index, "address"), venue.address or "(missing)", allowed)


def _check_dead_man(index: int, venue: Venue) -> None:
    if 0 < venue.dead_man_s < _DEAD_MAN_LEAST_S:
        allowed = f"0 (not used), or {_DEAD_MAN_LEAST_S} seconds or more"
        raise refusal(("venues", index, "dead_man_s"), venue.dead_man_s, allowed)


def _on_loopback(address: str) -> bool:
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


_RULES: Final[Mapping[VenueKind, Refuse]] = {
    "simulated": _simulated,
    "practice": _practice,
    "hyperliquid": _hyperliquid,
    "binance": _binance,
    "binance-usdm": _binance,
    "alpaca": _alpaca,
    "evm": _evm,
}
