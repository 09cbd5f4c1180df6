"""Which logs somebody wants: eth_getLogs and the subscription to logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from quarterdeck.twins.evm.blocks import Block
from quarterdeck.twins.evm.machine import Log
from quarterdeck.twins.evm.refusals import INVALID_PARAMS, Refused, address_of, bytes_of

__all__ = ["LogFilter"]

_TOPICS_MAX = 4


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Addresses (none: all), and for each place of a topic what may stand there (None: anything)."""

    addresses: frozenset[str]
    topics: tuple[frozenset[str] | None, ...]

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Self:
        """Reads `address` and `topics`. Raises Refused."""
        addresses = frozenset(address_of(one, "address") for one in _listed(asked.get("address")))
        said = _listed(asked.get("topics"))
        if len(said) > _TOPICS_MAX:
            raise Refused(f"topics: a list of up to {_TOPICS_MAX} is wanted", INVALID_PARAMS)
        topics = [frozenset(f"0x{bytes_of(one, 'topic', 32).hex()}" for one in _listed(place)) for place in said]
        return cls(addresses, tuple(place or None for place in topics))

    def wants(self, log: Log) -> bool:
        """Whether a log is one of them."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(wanted is None or said in wanted for wanted, said in zip(self.topics, log.topics, strict=False))

    def of(self, block: Block, *, removed: bool = False) -> list[dict[str, Any]]:
        """The logs of a block that are wanted, as geth shows them."""
        return [
            shown
            for place, receipt in enumerate(block.receipts)
            for log, shown in zip(receipt.logs, block.logs(place, removed), strict=True)
            if self.wants(log)
        ]


def _listed(said: object) -> list[Any]:
    if said is None:
        return []
    return cast(list[Any], said) if isinstance(said, list) else [said]
