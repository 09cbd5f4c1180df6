"""The simulated venue as a compile unit: what `market_apply` does, called by symbol."""

from typing import Any, Final

from quarterdeck.kernel.compiled import JIT_ENABLED, compiled
from quarterdeck.kernel.market import market_apply
from quarterdeck.kernel.market_records import MARKET, MARKET_REPORTS
from quarterdeck.kernel.units import events_at, record_address, records_at, unit

__all__ = ["VENUE_UNIT", "venue_apply"]

VENUE_UNIT: Final = "simulated venue"


def _venue_entry(markets: int, event: int, reports: int) -> int:
    return market_apply(records_at(markets, 1, MARKET), events_at(event, 1), 0, events_at(reports, MARKET_REPORTS))


_call_venue: Any = unit(VENUE_UNIT, 3, _venue_entry) if JIT_ENABLED else None


def _venue_by_symbol(markets: Any, events: Any, index: int, reports: Any) -> int:
    return _call_venue(markets.ctypes.data, record_address(events[index]), reports.ctypes.data)


# Takes what `market_apply` takes; `reports` must have MARKET_REPORTS records.
venue_apply: Final = compiled(_venue_by_symbol) if JIT_ENABLED else market_apply
