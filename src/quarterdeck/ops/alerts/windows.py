"""What the rules remember of a desk's events and figures: everything bounded, and timed by the desk's own clock."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from quarterdeck.ops.alerts.model import Event
from quarterdeck.ops.figures import DeskFigures

__all__ = ["HOUR_NS", "MINUTE_NS", "Counter", "DeskMemory", "Samples", "decimal_of"]

_SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * _SECOND_NS
HOUR_NS: Final = 3600 * _SECOND_NS
_LATENCY_NS: Final = 5 * MINUTE_NS
_KEPT: Final = 4096  # of anything that a desk's events may bring without end


class Counter:
    """How often something was within a window, exact to a sixtieth of it."""

    _SLICES: Final = 60

    def __init__(self, window_ns: int) -> None:
        self._slice_ns = window_ns // self._SLICES
        self._slices: deque[tuple[int, int]] = deque(maxlen=self._SLICES + 1)

    def add(self, time_ns: int, count: int = 1) -> None:
        slot = time_ns // self._slice_ns
        if self._slices and self._slices[-1][0] >= slot:
            self._slices[-1] = (self._slices[-1][0], self._slices[-1][1] + count)
        else:
            self._slices.append((slot, count))

    def total(self, now_ns: int) -> int:
        oldest = now_ns // self._slice_ns - self._SLICES
        return sum(count for slot, count in self._slices if slot > oldest)


class Samples:
    """The newest values within a window, at most some thousands; for shares and percentiles."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._values: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    def add(self, time_ns: int, value: float) -> None:
        self._values.append((time_ns, value))

    def within(self, now_ns: int) -> list[float]:
        while self._values and self._values[0][0] <= now_ns - self._window_ns:
            self._values.popleft()
        return [value for _, value in self._values]

    def percentile(self, share: float, now_ns: int, least: int) -> float | None:
        """The value below which that share lies; None with fewer than `least` values."""
        values = sorted(self.within(now_ns))
        return None if len(values) < least else values[min(len(values) - 1, int(share * len(values)))]


class DeskMemory:
    """Of one desk: feed it every event by `hear` and every look by `see`, then ask. `now_ns` is the desk's time."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.stopping = False
        self.accept_ms = Samples(_LATENCY_NS)  # submitted -> accepted
        self.makers = Samples(HOUR_NS)  # 1: a maker's fill, 0: a taker's
        self.ended = Samples(_LATENCY_NS)  # 1: an order that the venue rejected, 0: one that it accepted
        self.failed = Counter(HOUR_NS)
        self.blocked = Counter(MINUTE_NS)
        self.failed_in_a_row = 0
        self._submitted: OrderedDict[str, int] = OrderedDict()
        self._asked: deque[tuple[int, int]] = deque(maxlen=600)  # desk time, orders asked for since the journal began
        self._results: deque[tuple[int, Decimal]] = deque(maxlen=720)  # desk time, result since the journal began
        self._realised: Decimal | None = None
        self.fell = Decimal(0)  # by how much the realised result fell between the last two looks
        self.hourly: Decimal | None = None
        self.signals_per_minute: float | None = None

    def hear(self, event: Event) -> None:
        """Takes an event in, in the order of the desk's logs."""
        data: Mapping[str, Any] = event.data
        if event.sequence:  # other lines have this machine's time, which may be ahead of a desk's own
            self.now_ns = max(self.now_ns, event.time_ns)
        order, time_ns = str(data.get("order_id", "")), event.time_ns
        match data.get("event"):
            case "ORDER_SUBMITTED":
                self._submitted[order] = time_ns
                if len(self._submitted) > _KEPT:
                    self._submitted.popitem(last=False)
            case "ORDER_ACCEPTED":
                self._answered(order, time_ns)
                self.ended.add(time_ns, 0)
                self.failed_in_a_row = 0
            case "ORDER_REJECTED":
                self._answered(order, time_ns)
                self.ended.add(time_ns, 1)
                self.failed.add(time_ns)
                self.failed_in_a_row += 1
            case "ORDER_FILLED":
                self.makers.add(time_ns, float(data.get("liquidity") == "maker"))
            case "RISK_BLOCK":
                self.blocked.add(time_ns)
            case "COMMAND_STOP" | "SESSION_CLOSED":
                self.stopping = True
            case "SESSION_OPENED":
                self.stopping = False
            case _:
                pass

    def see(self, figures: DeskFigures) -> None:
        """Takes a look at its figures in: an hour's result, and how often strategies asked for an order."""
        time_ns = figures.time_ns
        if figures.sequence and self._asked and time_ns < self._asked[-1][0]:
            self._asked.clear()  # another journal: a desk that was restored begins anew
            self._results.clear()
            self._realised = None
        self.now_ns = max(self.now_ns, time_ns) if self._asked else time_ns
        asked = figures.counts.get("ORDER_REQUEST", 0)
        if not self._asked or time_ns - self._asked[-1][0] >= _SECOND_NS:
            self._asked.append((time_ns, asked))
        minute = [one for one in self._asked if time_ns - one[0] <= MINUTE_NS]
        if time_ns - self._asked[0][0] >= MINUTE_NS and minute:
            self.signals_per_minute = float(asked - minute[0][1])
        self.fell = max(Decimal(0), (self._realised or figures.realised) - figures.realised)
        self._realised = figures.realised
        result = figures.realised + figures.unrealised + figures.funding - figures.fees
        if not self._results or time_ns - self._results[-1][0] >= HOUR_NS // 700:
            self._results.append((time_ns, result))
        hour = [one for one in self._results if time_ns - one[0] <= HOUR_NS]
        self.hourly = result - hour[0][1] if hour else None

    def _answered(self, order: str, time_ns: int) -> None:
        begun_ns = self._submitted.pop(order, None)
        if begun_ns is not None:
            self.accept_ms.add(time_ns, (time_ns - begun_ns) / 1e6)


def decimal_of(value: object) -> Decimal | None:
    """A figure of a log line; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value).replace(",", ""))
    except ArithmeticError:
        return None
