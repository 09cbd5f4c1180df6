"""Opening-range breakout on stocks: what leaves the range of the session's first minutes is followed, until the close.

For each instrument and session of the exchange's calendar (`sessions`):

| time in the session | what it does |
|---|---|
| the first `range_minutes` | only looks: high and low of the middle price are the opening range |
| until `last_entry_minutes` before the close | buys above the range, sells short below it where it may (`shorts`) |
| until `flat_minutes` before the close | only holds, or leaves |
| from then on | flat |
| between two sessions | nothing |

A breakout is a price farther out than the range by `beyond` of its width. The range must be at least `width_min_bps`
wide, so that the way to a target can pay for the spread. A stop stands at the venue, the range's width away, but no
nearer than `stop_min_bps` and no farther than `stop_max_bps`; the target is `reward` times as far. Each instrument is
entered at most `entries` times a session, a further time only once the price was back in the range; what
a fault has carried over a night is sold at the session's first prices. What is held when the desk begins anew in a
session is kept, behind a stop of `stop_min_bps`, until the close: of the range nothing is known then.

Every entry is a day trade, as it is closed on its day. While equity is below `pattern_equity`, at most
`day_trades_max` are begun within five sessions: the pattern day trading rule as it was until July 2026 (FINRA rule 4210
then: three, and 25,000 USD), kept as a limit of the desk's own.
"""

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.sessions import Session, sessions_of
from quarterdeck.strategies.steering import Course, Manner, steer
from quarterdeck.strategies.views import Bar, DeskView, Quote

__all__ = ["STRATEGY", "Breakout", "BreakoutMemory", "BreakoutParameters", "Range", "phase_of"]

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_WEEK: Final = 5  # sessions that day trades are counted over
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Points = Annotated[float, Meta(ge=0, lt=5_000)]
Minutes = Annotated[float, Meta(ge=1, le=390)]


class BreakoutParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What breakout can be told."""

    calendar: str = "XNYS"
    notional: Positive = 5_000.0
    """Of one position, in the quote currency."""
    range_minutes: Minutes = 15.0
    last_entry_minutes: Minutes = 60.0
    flat_minutes: Minutes = 10.0
    beyond: Annotated[float, Meta(ge=0, le=10)] = 0.1
    width_min_bps: Points = 10.0
    stop_min_bps: Points = 150.0
    stop_max_bps: Points = 800.0
    reward: Positive = 2.0
    entries: Annotated[int, Meta(ge=1, le=100)] = 1
    shorts: bool = False
    pattern_equity: Annotated[float, Meta(ge=0, le=1e9)] = 25_000.0
    day_trades_max: Annotated[int, Meta(ge=0, le=1_000)] = 3
    patience_seconds: Positive = 10.0
    retry_seconds: Positive = 2.0


class Range(msgspec.Struct):
    """One instrument in its session. Prices are in ticks."""

    course: Course = msgspec.field(default_factory=Course)
    session: int = -1
    high: float = 0.0
    low: float = 0.0
    entries: int = 0
    armed: bool = True  # the price was within the range since the last entry
    target: float = 0.0  # where to leave with a profit; 0: nowhere
    stop: float = 0.0  # share of the price


class BreakoutMemory(msgspec.Struct):
    """All that breakout remembers."""

    ranges: list[Range]
    day_trades: list[int] = []  # sessions of the latest ones


def phase_of(session: Session, begin_ns: int, now_ns: int, told: BreakoutParameters) -> str:
    """Returns where in its session a price stands that was made from `begin_ns` on: range, open, hold or flat."""
    left_ns = session.close_ns - now_ns
    if left_ns <= told.flat_minutes * _MINUTE_NS:
        return "flat"
    if begin_ns < session.open_ns + told.range_minutes * _MINUTE_NS:
        return "range"
    return "hold" if left_ns <= told.last_entry_minutes * _MINUTE_NS else "open"


class Breakout(PythonStrategy):
    """Watches the opening range of each of its instruments."""

    kind: ClassVar[str] = "breakout"
    parameters_type: ClassVar[type[Parameters]] = BreakoutParameters
    memory: BreakoutMemory
    parameters: BreakoutParameters

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        told, key = self.parameters, f"strategies[{place.name}].parameters"
        if told.stop_min_bps > told.stop_max_bps:
            allowed = f"at most stop_max_bps ({told.stop_max_bps})"
            raise ConfigError(place.config.file, f"{key}.stop_min_bps", told.stop_min_bps, allowed)
        if told.flat_minutes >= told.last_entry_minutes:
            allowed = f"below last_entry_minutes ({told.last_entry_minutes})"
            raise ConfigError(place.config.file, f"{key}.flat_minutes", told.flat_minutes, allowed)
        self._sessions = sessions_of(told.calendar)
        self._session: Session | None = None
        self._places = {instrument: number for number, instrument in enumerate(place.instruments)}
        self._pattern_units = int(told.pattern_equity * 10**place.config.base_exponent)
        self.memory = BreakoutMemory(ranges=[Range() for _ in place.instruments])

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        """Sees a touch."""
        if quote.instrument in self._places and quote.bid > 0 and quote.ask > 0:
            middle = (quote.bid + quote.ask) / 2
            self._see(desk, quote.instrument, quote.time_ns, quote.time_ns, (middle, middle, middle))

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        """Sees a bar: what it holds counts from its open on, and is known at its close."""
        if bar.instrument in self._places:
            self._see(desk, bar.instrument, bar.open_time_ns, bar.time_ns, (bar.high, bar.low, bar.close))

    def _see(
        self, desk: DeskView, instrument: int, begin_ns: int, now_ns: int, prices: tuple[float, float, float]
    ) -> None:
        place = self._places[instrument]
        one, high, low, close = self.memory.ranges[place], *prices
        session = self._session_at(begin_ns)
        if session is None:
            one.course.target = 0
            return  # nobody trades now; what is still held is sold at the next session's first price
        if session.number != one.session:
            one.session, one.high, one.low, one.entries, one.armed = session.number, high, low, 0, True
            one.course.target = 0
        phase = phase_of(session, begin_ns, now_ns, self.parameters)
        if phase == "range":
            one.high, one.low = max(one.high, high), min(one.low, low)
        if phase in {"flat", "range"}:
            one.course.target = 0
        else:
            self._hold(one, close)
            if phase == "open":
                self._enter(desk, place, one, session, close)
        self._steer(desk, place, one, now_ns)

    def _session_at(self, time_ns: int) -> Session | None:
        found = self._session
        if found is None or not found.open_ns <= time_ns < found.close_ns:
            self._session = found = self._sessions.at(time_ns)
        return found

    def _hold(self, one: Range, close: float) -> None:
        """Leaves at the target."""
        side = one.course.target
        if side and one.target > 0 and (close >= one.target if side > 0 else close <= one.target):
            one.course.target = 0

    def _enter(self, desk: DeskView, place: int, one: Range, session: Session, close: float) -> None:
        """Sets a target position where the price has left the range."""
        told, width = self.parameters, one.high - one.low
        idle = one.course.target == 0 and width > 0 and desk.position(self.place.instruments[place]) == 0
        one.armed = one.armed or one.low <= close <= one.high
        if not idle or not one.armed or one.entries >= told.entries or width < told.width_min_bps / 10_000 * close:
            return
        side = 1 if close > one.high + told.beyond * width else -1 if close < one.low - told.beyond * width else 0
        listing = self.place.specifications[place]
        if side == 0 or (side < 0 and not (told.shorts and listing.short_allowed)) or not self._may_day_trade(desk):
            return
        lots = int(told.notional / (float(listing.tick * listing.lot * listing.multiplier) * close))
        if lots <= 0:
            return
        one.course.target, one.entries, one.armed = side * lots, one.entries + 1, False
        one.stop = min(max(width / close, told.stop_min_bps / 10_000), told.stop_max_bps / 10_000)
        one.target = close * (1 + side * told.reward * one.stop)
        self.memory.day_trades.append(session.number)

    def _may_day_trade(self, desk: DeskView) -> bool:
        """Whether one more day trade may be begun: always with enough equity, else a few in five sessions."""
        newest = self._session.number if self._session is not None else 0
        self.memory.day_trades = [one for one in self.memory.day_trades if one > newest - _WEEK]
        return desk.equity >= self._pattern_units or len(self.memory.day_trades) < self.parameters.day_trades_max

    def _steer(self, desk: DeskView, place: int, one: Range, now_ns: int) -> None:
        told = self.parameters
        manner = Manner(
            stop=one.stop or told.stop_min_bps / 10_000,
            patience_ns=int(told.patience_seconds * _SECOND_NS),
            retry_ns=int(told.retry_seconds * _SECOND_NS),
            make=False,
        )
        steer(desk, self.place.instruments[place], self.place.specifications[place], one.course, manner, now_ns)


STRATEGY = Breakout
