"""Who lends to a desk for one transaction, and how well each of them does, as the desk itself shows it.

The desk looks at its lenders at each head and writes what it found beside its journal. A file that nobody renews says
how things stood when it was written, and `shown_age_s` how long ago that was. Taking a lender in or out is the running
desk's doing: three failures in a row take one out, a run of good probes brings it back.
"""

import sys
import time
from functools import lru_cache
from typing import Any, Final

from quarterdeck.errors import DeskError
from quarterdeck.ops.attempts.place import ChainDesk, desk_here
from quarterdeck.venues.evm.shown import FILE_NAME, ChainShown, read_shown

__all__ = ["Failover", "get_failover"]

_SINCE: Final = "{name} shows no lender: it has not followed a chain yet; start it with `quarterdeck run {name}`"


class Failover:
    """The lenders and nodes of one desk."""

    def __init__(self, desk: ChainDesk) -> None:
        self._desk = desk

    def get_provider_status(self) -> dict[str, dict[str, Any]]:
        """Of each lender: status, success_rate, consecutive_failures, last_error, and what it offers.

        Empty, with a sentence on standard error, where the desk has never followed a chain.
        """
        return self._shown("lenders")

    def get_endpoint_status(self) -> dict[str, dict[str, Any]]:
        """The same of the chain's nodes, with how many blocks each is behind."""
        return self._shown("endpoints")

    def shown(self) -> ChainShown | None:
        """All that the desk shows of its chain; None: nothing yet."""
        return read_shown(self._desk.place.data)

    def mark_provider_online(self, name: str) -> None:
        """Refused, in words: a lender comes back by its own good probes. DeskError."""
        desk = self._desk.config.desk.name
        raise DeskError(f"{name} comes back when {desk}'s own probes of it succeed: nobody outside can say so")

    def _shown(self, what: str) -> dict[str, dict[str, Any]]:
        shown = self.shown()
        if shown is None:
            sys.stderr.write(_SINCE.format(name=self._desk.config.desk.name) + "\n")
            return {}
        written_ns = (self._desk.place.data / FILE_NAME).stat().st_mtime_ns
        age_s = round((time.time_ns() - written_ns) / 1e9, 1)
        rows: dict[str, dict[str, Any]] = getattr(shown, what)
        return {name: {**row, "shown_age_s": age_s} for name, row in rows.items()}


@lru_cache(maxsize=8)
def _opened(desk: ChainDesk) -> Failover:
    return Failover(desk)


def get_failover() -> Failover:
    """The lenders of the desk that is meant: QUARTERDECK_DESK's, or the current directory's."""
    return _opened(desk_here())
