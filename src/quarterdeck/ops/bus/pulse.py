"""What a desk shows, once a second, as events: whether it runs, its figures, and prices that have moved."""

from collections.abc import Iterator, Mapping
from typing import Any

from quarterdeck.ops.bus.events import BusEvent
from quarterdeck.ops.figures import DeskFigures

__all__ = ["Pulse"]


class Pulse:
    """Turns one desk's figures into events; only what has changed since the last ones."""

    def __init__(self, desk: str) -> None:
        self._desk = desk
        self._state = ""
        self._shown_ns = 0
        self._prices: dict[str, tuple[object, object, object]] = {}

    def events(self, found: DeskFigures | None, now_ns: int) -> Iterator[BusEvent]:
        """Yields health.state where that changed; metrics.update and market.tick of a new copy. None: it never ran."""
        yield from self._state_is(_state(found), list(found.holding_back) if found else [], now_ns)
        if found is None or not found.alive or found.shown_ns == self._shown_ns:
            return
        self._shown_ns = found.shown_ns
        yield self._event("metrics.update", found.time_ns, found.sequence, _metrics(found))
        for feed in found.feeds:
            prices = (feed.bid, feed.ask, feed.mark)
            if feed.mark is not None and self._prices.get(feed.instrument) != prices:
                self._prices[feed.instrument] = prices
                tick = {
                    "instrument": feed.instrument,
                    "venue": feed.venue,
                    "bid": None if feed.bid is None else str(feed.bid),
                    "ask": None if feed.ask is None else str(feed.ask),
                    "mark": str(feed.mark),
                    "age_s": feed.age_s,
                }
                yield self._event("market.tick", found.time_ns, found.sequence, tick, feed.instrument)

    def unreadable(self, why: str, now_ns: int) -> Iterator[BusEvent]:
        """Yields health.state where what the desk shows cannot be read since now."""
        yield from self._state_is("unreadable", [why], now_ns)

    def _state_is(self, state: str, why: list[str], now_ns: int) -> Iterator[BusEvent]:
        if state != self._state:
            before, self._state = self._state, state
            yield self._event("health.state", now_ns, 0, {"state": state, "before": before, "why": why})

    def _event(self, topic: str, time_ns: int, sequence: int, data: Mapping[str, Any], detail: str = "") -> BusEvent:
        name = ":".join(filter(None, (self._desk, str(time_ns), topic, detail)))
        return BusEvent(name, topic, self._desk, time_ns, sequence, data)


def _state(found: DeskFigures | None) -> str:
    if found is None:
        return "never ran"
    if not found.alive:
        return "down"
    return "trading" if found.trading else "held back"


def _metrics(found: DeskFigures) -> dict[str, Any]:
    """The names that policies use; money as numbers, since rules compare them."""
    return {
        "equity": float(found.equity),
        "cash": float(found.cash),
        "exposure": float(found.exposure),
        "pnl_day": float(found.pnl_day),
        "pnl_realized": float(found.realised),
        "pnl_unrealized": float(found.unrealised),
        "drawdown": float(found.drawdown),
        "heat": float(found.heat),
        "open_orders": found.open_orders,
        "unknown_orders": found.unknown_orders,
        "trading": found.trading,
        "breaker": found.breaker.stage,
    }
