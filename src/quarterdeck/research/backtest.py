"""The backtest: a desk's kernel and strategies on recorded data, against the simulated venue.

What a strategy asks at one event meets the market at the next one at the earliest; on bars it is filled at the next
bar's open. The same desk, data and program give the same digest.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.journal import JournalWriter
from quarterdeck.kernel.capacity import CAPACITY, CAPACITY_VARIABLE
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.market import new_market
from quarterdeck.kernel.market_records import BOOK_LEVELS, MarketCount
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.vocabulary import BreakerStage, EventKind, InstrumentTerm, Reason
from quarterdeck.market import MarketData
from quarterdeck.research.curve import Curve, drawdown_share, sample_grid, sharpe_ratio
from quarterdeck.research.fitting import FittedDesk
from quarterdeck.research.recording import Recording
from quarterdeck.research.result import BacktestResult, InstrumentSummary, StrategySummary
from quarterdeck.runtime.engine import SimulatedEngine
from quarterdeck.runtime.host import StrategySource, host_strategies
from quarterdeck.runtime.opening import market_instruments, opening_events

__all__ = ["Progress", "run_backtest"]

Progress = Callable[[int, int], None]  # (events done, events in all), after each batch

_BATCH: Final = 65_536
_MS: Final = 1_000_000
_PPB: Final = 1_000_000_000
_RAILS: Final = tuple(one for one in Reason if Reason.NONE < one < Reason.OVERFLOW)


def run_backtest(
    fitted: FittedDesk,
    *,
    sources: Sequence[StrategySource] | None = None,
    journal: JournalWriter | None = None,
    progress: Progress | None = None,
    load_seconds: float = 0.0,
) -> BacktestResult:
    """Runs the desk over its data. With a journal, everything applied to the kernel is in it, sealed with digests.

    `sources` are strategies in place of the kinds that the desk's strategies name, one for each.

    Raises StrategyError when a strategy breaks its contract, JournalFull when the disk is full, ConfigError when this
    process's kernel is too small for the desk.
    """
    config, events = fitted.config, fitted.data.events
    recording = Recording(journal)
    engine = SimulatedEngine(_venue(fitted), recording.take)
    engine.feed(opening_events(config, 1, int(events["time_ns"][0]), fresh=True))
    engine.bind(host_strategies(config, engine.states, sources))
    state: Any = engine.states[0]
    start = int(state["equity"])
    step, times, counts = sample_grid(cast("NDArray[np.int64]", events["time_ns"]))
    samples = np.zeros((4, len(times)), np.int64)
    instrument = state["instruments"][fitted.instrument]
    began, done = time.perf_counter(), 0
    for place, count in enumerate(counts.tolist()):
        for stop in _batches(done, count):
            engine.feed(events[done:stop])
            done = stop
            if recording.seal_due:
                recording.seal(engine.digest)
            if progress is not None:
                progress(done, len(events))
        stage = state["breaker"]["stage"]
        samples[:, place] = state["equity"], instrument["net"]["quantity"], instrument["mark_half_ticks"], stage
    recording.seal(engine.digest)
    curve = Curve(step, times, *samples)
    return _result(fitted, engine, recording, curve, start, time.perf_counter() - began, load_seconds)


def _venue(fitted: FittedDesk) -> Any:
    """The simulated venue of the data's instrument, with that venue's latencies."""
    name = fitted.config.instruments[fitted.instrument].venue
    venue = next(one for one in fitted.config.venues if one.name == name)
    return new_market(
        order_latency_ns=int(venue.order_latency_ms * _MS), response_latency_ns=int(venue.response_latency_ms * _MS)
    )


def _batches(begin: int, end: int) -> Iterator[int]:
    """Where each batch from `begin` to `end` stops."""
    yield from range(begin + _BATCH, end, _BATCH)
    if end > begin:
        yield end


def _result(
    fitted: FittedDesk,
    engine: SimulatedEngine,
    recording: Recording,
    curve: Curve,
    start: int,
    seconds: float,
    load_seconds: float,
) -> BacktestResult:
    config, data = fitted.config, fitted.data
    state: Any = engine.states[0]
    rejections = _rejections(state)
    nets = [(place, state["instruments"][place]["net"]) for place in range(len(config.instruments))]
    fills, asked = recording.fills(), recording.orders()
    return BacktestResult(
        desk=config.desk.name,
        currency=config.desk.base_currency,
        exponent=config.base_exponent,
        digest=engine.digest.hex(),
        source_hash=source_hash(),
        events=len(data.events),
        records=recording.records,
        orders=int(state["kinds"][EventKind.ORDER_REQUEST]),
        replacements=int(state["kinds"][EventKind.REPLACE_REQUEST]),
        fills=len(fills),
        rejected=sum(rejections.values()),
        rejections=rejections,
        refused_events=int(state["refused"]),
        liquidated=int(state["reasons"][Reason.LIQUIDATED]),
        fees=sum((_money(config, state, place, int(net["fees"])) for place, net in nets), Decimal(0)),
        funding=sum((_money(config, state, place, int(net["funding"])) for place, net in nets), Decimal(0)),
        equity_start=Decimal(start).scaleb(-config.base_exponent),
        equity_final=Decimal(int(state["equity"])).scaleb(-config.base_exponent),
        max_drawdown=float(np.max(drawdown_share(curve.equity, start))),
        breaker=BreakerStage(int(state["breaker"]["stage"])).name.lower(),
        breaker_share=float(np.count_nonzero(curve.stage) / len(curve.stage)),
        sharpe=sharpe_ratio(curve, start),
        seconds=seconds,
        load_seconds=load_seconds,
        begin_ns=int(data.events["time_ns"][0]),
        end_ns=int(data.events["time_ns"][-1]),
        instrument=_instrument(fitted),
        strategies=tuple(_strategy(config, state, row, asked.get(row, 0)) for row in range(len(config.strategies))),
        notes=tuple(_notes(engine, data)),
        data=data,
        curve=curve,
        tape=fills,
    )


def _rejections(state: Any) -> dict[str, int]:
    """Orders refused, by reason: by a rail, or by the venue."""
    counts = cast(list[int], state["reasons"].tolist())
    found = {reason.name: counts[reason] for reason in _RAILS if counts[reason]}
    refused = int(state["kinds"][EventKind.ORDER_REJECTED])
    if refused:
        found[Reason.VENUE_REJECTED.name] = refused
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _money(config: DeskConfig, state: Any, instrument: int, units: int) -> Decimal:
    """Money units of an instrument's currency in the base currency, rounded down to one of its units."""
    account = state["accounts"][state["instruments"][instrument]["terms"][InstrumentTerm.ACCOUNT]]
    return Decimal(units * int(account["rate_ppb"]) // _PPB).scaleb(-config.base_exponent)


def _instrument(fitted: FittedDesk) -> InstrumentSummary:
    one = fitted.config.instruments[fitted.instrument]
    return InstrumentSummary(one.symbol, one.kind, one.quote, one.tick, one.lot, fitted.changes)


def _strategy(config: DeskConfig, state: Any, row: int, orders: int) -> StrategySummary:
    """One strategy's part, over all instruments, from its own positions."""
    totals: dict[str, Decimal] = dict.fromkeys(("realised", "unrealised", "fees", "funding"), Decimal(0))
    positions: dict[str, Decimal] = {}
    fills = 0
    for place, instrument in enumerate(market_instruments(config)):
        own = state["positions"][row * INSTRUMENTS + place]
        lots = int(own["quantity"])
        terms, mark = state["instruments"][place]["terms"], int(state["instruments"][place]["mark_half_ticks"])
        worth = lots * mark * int(terms[InstrumentTerm.VALUE]) // 2 - int(own["cost"]) if lots else 0
        figures = {key: int(own[key]) for key in ("realised", "fees", "funding")} | {"unrealised": worth}
        for key, units in figures.items():
            totals[key] += _money(config, state, place, units)
        fills += int(own["fills"])
        if lots:
            positions[instrument.symbol] = instrument.lots_to_quantity(lots)
    settings = config.strategies[row]
    return StrategySummary(settings.name, settings.kind, orders, fills, **totals, positions=positions)


def _notes(engine: SimulatedEngine, data: MarketData) -> Iterator[str]:
    """What a reader must know of how the data was traded."""
    market: Any = engine.market[0]
    dropped = int(market["counts"][MarketCount.LEVELS_DROPPED])
    if dropped:
        yield (
            f"{dropped:,} book levels lay below the best {BOOK_LEVELS} a side, which is what capacity {CAPACITY.name} "
            f"holds: {CAPACITY_VARIABLE}=standard or large holds more"
        )
    full = int(market["counts"][MarketCount.INBOX_FULL])
    if full:
        yield f"{full:,} requests found the simulated venue's inbox full and were lost"
    suspected = data.quality.count("suspected_split")
    if suspected:
        yield f"{suspected} suspected split(s): see the data quality; give each as --split TIME=NEW:OLD"
    refused = int(engine.states[0]["refused"])
    if refused:
        yield f"{refused:,} events were refused by the kernel: see the journal"
