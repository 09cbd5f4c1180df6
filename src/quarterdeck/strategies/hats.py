"""Hats: four roles vote on where the price goes, and each counts for as much as its own past votes were worth.

| hat | its vote, from -1 (down) to 1 (up) |
|---|---|
| exchange architect | against whoever pays funding: -rate / `funding_full_ppb` once that is a tenth or more |
| quant strategist | distance of a fast from a slow average of closes, in true ranges / `trend_full` |
| microstructure analyst | mean of the book's imbalance and of the flow of trades, each faded by bars |
| ML researcher | the last return, followed where returns of neighbouring bars agree and faded where they differ |

At the end of each bar (`bar_seconds`) every hat votes; a vote nearer to 0 than `quiet` abstains. `horizon_bars` later
the vote is measured: it was a hit when the price had moved its way, and it gained vote x return. A hat's weight is its
hit rate, drawn towards one half by `prior_votes` votes; it is 0 while its votes have lost. Hats with fewer than
`votes_min` measured votes, so all of them at the start, weigh one half.

    total = sum(weight * vote) / sum(weight)     over all hats: whoever abstains holds the rest back
    enters at |total| >= `enter`, leaves when total no longer has its sign or |total| < `leave`

The risk officer sees the result and can only reduce or veto it (`officer_share`): a wide spread, the band of volatility
of the desk's sizing file, losses in a row. The other hats of the manifesto are parts of the platform, not voters.
"""

import math
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.market.instruments import Instrument
from quarterdeck.strategies.contract import Parameters, Place, PythonStrategy
from quarterdeck.strategies.sizing import required_sizing
from quarterdeck.strategies.steering import Course, Manner, steer
from quarterdeck.strategies.views import Bar, DeskView, Fill, Funding, Quote, Trade

__all__ = ["HATS", "STRATEGY", "Ballot", "Hats", "HatsMemory", "HatsParameters", "Score", "officer_share", "weigh"]

HATS: Final = ("exchange_architect", "quant_strategist", "microstructure_analyst", "ml_researcher")

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_NEVER: Final = -(2**62)
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bars = Annotated[int, Meta(ge=1, le=10_000)]


class HatsParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What hats can be told."""

    notional: Positive = 250.0
    """Full size of a position in the quote currency, before the risk officer."""
    bar_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 15
    horizon_bars: Bars = 8
    """A vote is measured so many bars later."""
    fast_bars: Bars = 8
    slow_bars: Bars = 24
    range_bars: Bars = 14
    window_bars: Bars = 40
    """Over which neighbouring returns are compared."""
    trend_full: Positive = 2.0
    """Averages so many true ranges apart are a whole vote."""
    funding_full_ppb: Positive = 100_000.0
    """A funding rate of an interval, in parts per billion, that is a whole vote."""
    quiet: Share = 0.1
    votes_min: Annotated[int, Meta(ge=1, le=100_000)] = 30
    prior_votes: Positive = 20.0
    memory_votes: Positive = 500.0
    """Older votes count less: each new one takes one part in so many from what was measured before."""
    enter: Share = 0.3
    leave: Share = 0.1
    spread_max_bps: Positive = 8.0
    losses_max: Annotated[int, Meta(ge=1, le=1_000)] = 3
    pause_minutes: Positive = 30.0
    """After so many losses in a row."""
    stop_bps: Annotated[float, Meta(gt=0, lt=5_000)] = 100.0
    patience_seconds: Positive = 20.0
    retry_seconds: Positive = 2.0


class Score(msgspec.Struct):
    """What one hat's measured votes were worth; all three fade."""

    votes: float = 0.0
    hits: float = 0.0
    gain_bps: float = 0.0


class Ballot(msgspec.Struct):
    """Votes that wait to be measured."""

    bar: int
    price: float
    votes: list[float]


class HatsMemory(msgspec.Struct):
    """All that hats remember. Prices are in ticks."""

    scores: list[Score]
    ballots: list[Ballot] = []
    course: Course = msgspec.field(default_factory=Course)
    total: float = 0.0
    bars: int = 0
    begin_ns: int = _NEVER  # of the bar in the making
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    ended: float = 0.0  # close of the last bar
    fast: float = 0.0
    slow: float = 0.0
    range: float = 0.0
    returns: list[float] = []  # the latest last
    variance: float = 0.0  # of a bar's return
    imbalance: float = 0.0
    bought: float = 0.0  # faded lots, signed and plain
    traded: float = 0.0
    shown: int = 0  # quotes in this bar
    funding_ppb: float = 0.0
    spread_bps: float = 0.0
    cash: float = 0.0  # of the trade under way, in ticks x lots, fees in it
    losses: int = 0
    resume_ns: int = _NEVER


def weigh(score: Score, votes_min: int, prior_votes: float) -> float:
    """Returns a hat's weight, 0 to 1: one half before it is known, 0 while its votes have lost, else its hit rate."""
    if score.votes < votes_min:
        return 0.5
    if score.gain_bps <= 0:
        return 0.0
    return (score.hits + prior_votes) / (score.votes + 2 * prior_votes)


def officer_share(spread_bps: float, spread_max_bps: float, volatility: float, high: float, *, paused: bool) -> float:
    """Returns the share of a position that the risk officer lets through: never below 0 or above 1.

    | a wide spread, a pause after losses, or twice the threshold of high volatility | nothing |
    | high volatility | one half |
    | else | all of it |
    """
    if paused or spread_bps > spread_max_bps or volatility >= 2 * high:
        return 0.0
    return 0.5 if volatility >= high else 1.0


class Hats(PythonStrategy):
    """Votes, weighs, and steers one instrument."""

    kind: ClassVar[str] = "hats"
    parameters_type: ClassVar[type[Parameters]] = HatsParameters
    memory: HatsMemory
    parameters: HatsParameters

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        key = f"strategies[{place.name}]"
        if len(place.instruments) != 1:
            raise ConfigError(place.config.file, f"{key}.instruments", len(place.instruments), "one instrument")
        told = self.parameters
        if told.fast_bars >= told.slow_bars:
            allowed = f"below slow_bars ({told.slow_bars})"
            raise ConfigError(place.config.file, f"{key}.parameters.fast_bars", told.fast_bars, allowed)
        sizing = required_sizing(place.config)
        self._high = float(sizing.regime_sizing_config.high_volatility.volatility_threshold)
        self._horizon_bars = sizing.volatility_horizon_minutes * 60 / told.bar_seconds
        self.instrument, self._listing = place.instruments[0], place.specifications[0]
        self._width_ns = told.bar_seconds * _SECOND_NS
        self._manner = Manner(
            stop=told.stop_bps / 10_000,
            patience_ns=int(told.patience_seconds * _SECOND_NS),
            retry_ns=int(told.retry_seconds * _SECOND_NS),
        )
        self.memory = HatsMemory(scores=[Score() for _ in HATS])

    # What it sees.

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        """Sees the touch."""
        if quote.instrument != self.instrument or quote.bid <= 0 or quote.ask <= 0:
            return
        memory = self.memory
        middle = (quote.bid + quote.ask) / 2
        self._end_bar(desk, quote.time_ns)
        memory.spread_bps = (quote.ask - quote.bid) / middle * 10_000
        both = quote.bid_quantity + quote.ask_quantity
        if both > 0:
            memory.shown += 1
            found = (quote.bid_quantity - quote.ask_quantity) / both
            memory.imbalance += (found - memory.imbalance) / min(memory.shown + 1, 64)
        self._add(quote.time_ns, middle, middle, middle)
        steer(desk, self.instrument, self._listing, memory.course, self._manner, quote.time_ns)

    def on_trade(self, desk: DeskView, trade: Trade) -> None:
        """Sees the flow."""
        if trade.instrument == self.instrument:
            self._end_bar(desk, trade.time_ns)
            self.memory.bought += trade.side * trade.quantity
            self.memory.traded += trade.quantity

    def on_bar(self, desk: DeskView, bar: Bar) -> None:
        """Sees a bar of somebody else's making: a price, and no book."""
        if bar.instrument == self.instrument:
            self._end_bar(desk, bar.open_time_ns)
            self._add(bar.open_time_ns, bar.high, bar.low, bar.close)
            self._end_bar(desk, bar.time_ns)
            steer(desk, self.instrument, self._listing, self.memory.course, self._manner, bar.time_ns)

    def on_funding(self, desk: DeskView, funding: Funding) -> None:  # noqa: ARG002 - the contract's shape
        """Sees who pays."""
        if funding.instrument == self.instrument:
            self.memory.funding_ppb = float(funding.rate_ppb)

    def on_fill(self, desk: DeskView, fill: Fill) -> None:
        """Counts what the trade under way has made; once it is over, whether it lost."""
        if fill.instrument != self.instrument:
            return
        memory = self.memory
        memory.cash -= fill.side * fill.quantity * fill.price + fill.fee / self._listing.value
        if desk.position(self.instrument) != 0:
            return
        memory.losses = memory.losses + 1 if memory.cash < 0 else 0
        memory.cash = 0.0
        if memory.losses >= self.parameters.losses_max:
            memory.losses = 0
            memory.resume_ns = fill.time_ns + int(self.parameters.pause_minutes * _MINUTE_NS)

    # Bars.

    def _add(self, time_ns: int, high: float, low: float, close: float) -> None:
        memory = self.memory
        if memory.begin_ns == _NEVER:
            memory.begin_ns = time_ns // self._width_ns * self._width_ns
            memory.high, memory.low = high, low
        memory.high, memory.low, memory.close = max(memory.high, high), min(memory.low, low), close

    def _end_bar(self, desk: DeskView, time_ns: int) -> None:
        """Where the bar is over by this time: measures what was voted, votes anew, and sets the target."""
        memory = self.memory
        if memory.begin_ns == _NEVER or time_ns < memory.begin_ns + self._width_ns:
            return
        memory.begin_ns = _NEVER
        self._estimate()
        self._measure()
        votes = self.votes()
        memory.ballots.append(Ballot(memory.bars, memory.ended, votes))
        memory.total = self._combined(votes)
        self._choose(desk, time_ns)
        memory.shown = 0
        memory.bought /= 2
        memory.traded /= 2

    def _estimate(self) -> None:
        """Takes the bar that ended into every estimate."""
        memory, told = self.memory, self.parameters
        before, close = memory.ended or memory.close, memory.close
        reach = max(memory.high, before) - min(memory.low, before)
        memory.bars += 1
        memory.ended = close
        if memory.bars == 1:
            memory.fast = memory.slow = close
            return
        memory.range += (reach - memory.range) / min(memory.bars, told.range_bars)
        memory.fast += (close - memory.fast) * 2 / (told.fast_bars + 1)
        memory.slow += (close - memory.slow) * 2 / (told.slow_bars + 1)
        change = close / before - 1
        memory.variance += (change * change - memory.variance) / min(memory.bars, told.window_bars)
        memory.returns = [*memory.returns, change][-told.window_bars :]

    # Votes.

    def votes(self) -> list[float]:
        """Returns every hat's vote, in the order of `HATS`; 0 where it abstains."""
        told, memory = self.parameters, self.memory
        if memory.bars < told.slow_bars:
            return [0.0] * len(HATS)
        funding = -memory.funding_ppb / told.funding_full_ppb
        trend = (memory.fast - memory.slow) / (memory.range * told.trend_full) if memory.range > 0 else 0.0
        flow = memory.bought / memory.traded if memory.traded > 0 else 0.0
        micro = (memory.imbalance + flow) / 2
        heard = (funding, trend, micro, self._regime())
        return [0.0 if abs(vote) < told.quiet else max(-1.0, min(1.0, vote)) for vote in heard]

    def _regime(self) -> float:
        """Follows or fades the last return by how neighbouring returns have gone together."""
        returns, memory = self.memory.returns, self.memory
        if len(returns) < self.parameters.window_bars or memory.variance <= 0:
            return 0.0
        together = sum(a * b for a, b in pairwise(returns))
        alone = sum(a * a for a in returns)
        return together / alone * returns[-1] / math.sqrt(memory.variance) * 2

    def _measure(self) -> None:
        """Looks at the votes of `horizon_bars` ago: what the price did is known now."""
        memory, told = self.memory, self.parameters
        while memory.ballots and memory.bars - memory.ballots[0].bar >= told.horizon_bars:
            ballot = memory.ballots.pop(0)
            moved = (memory.ended / ballot.price - 1) * 10_000
            for score, vote in zip(memory.scores, ballot.votes, strict=True):
                if vote == 0:
                    continue
                keep = 1 - 1 / told.memory_votes
                score.votes = score.votes * keep + 1
                score.hits = score.hits * keep + (1.0 if vote * moved > 0 else 0.5 if moved == 0 else 0.0)
                score.gain_bps = score.gain_bps * keep + vote * moved

    def weights(self) -> list[float]:
        """Returns every hat's weight, in the order of `HATS`."""
        told = self.parameters
        return [weigh(score, told.votes_min, told.prior_votes) for score in self.memory.scores]

    def _combined(self, votes: list[float]) -> float:
        weights = self.weights()
        whole = sum(weights)
        return sum(weight * vote for weight, vote in zip(weights, votes, strict=True)) / whole if whole > 0 else 0.0

    # What follows.

    def officer(self, time_ns: int) -> float:
        """Returns the share that the risk officer lets through now."""
        memory, told = self.memory, self.parameters
        volatility = math.sqrt(memory.variance * self._horizon_bars)
        paused = time_ns < memory.resume_ns
        return officer_share(memory.spread_bps, told.spread_max_bps, volatility, self._high, paused=paused)

    def _choose(self, desk: DeskView, time_ns: int) -> None:
        memory, told = self.memory, self.parameters
        course, total = memory.course, memory.total
        if course.target:
            if course.waits_for(total) and self.officer(time_ns) > 0:
                return
            along = total if course.target > 0 else -total
            if along < told.leave or self.officer(time_ns) == 0:
                course.target = 0
            return
        if abs(total) < told.enter or desk.position(self.instrument) != 0 or memory.ended <= 0:
            return
        full = told.notional / _notional_of_lot(self._listing, memory.ended)
        lots = int(full * self.officer(time_ns))
        course.target = lots if total > 0 else -lots


def _notional_of_lot(listing: Instrument, ticks: float) -> float:
    return float(listing.tick * listing.lot * listing.multiplier) * ticks


STRATEGY = Hats
