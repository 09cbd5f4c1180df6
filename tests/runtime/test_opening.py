"""A desk's settings reach the kernel whole: every column set, every figure exact, in one fixed order."""

import itertools
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.config.desk import DeskSettings
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.account import apply, new_actions, new_state
from quarterdeck.kernel.records import MONEY_MAX, NO_LIMIT, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import (
    BreakerTerm,
    ConnectionState,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    Metric,
    MetricTerm,
    OnBreach,
    SessionMode,
    StrategyLimit,
    Table,
    VenueLimit,
)
from quarterdeck.runtime.opening import market_instruments, opening_events

REPOSITORY = Path(__file__).resolve().parents[2]
TIME_NS = 1_700_000_000_000_000_000
Settings = dict[tuple[int, int, int], int]


def shipped() -> DeskConfig:
    return load_desk(REPOSITORY / "desks" / "xrpliquid")


def configure(events: NDArray[np.void]) -> Settings:
    chosen = events[events["kind"] == EventKind.CONFIGURE]
    keys = zip(chosen["table"], chosen["row"], chosen["column"], strict=True)
    return {tuple(map(int, key)): int(value) for key, value in zip(keys, chosen["setting"], strict=True)}  # pyright: ignore[reportReturnType] three of them


COLUMNS: dict[Table, type[IntEnum]] = {
    Table.INSTRUMENT_TERM: InstrumentTerm,
    Table.INSTRUMENT_LIMIT: InstrumentLimit,
    Table.STRATEGY_LIMIT: StrategyLimit,
    Table.VENUE_LIMIT: VenueLimit,
    Table.DESK_LIMIT: DeskLimit,
    Table.BREAKER_TERM: BreakerTerm,
    Table.METRIC_TERM: MetricTerm,
}


def test_every_column_of_every_table_is_set_once() -> None:
    config = shipped()
    events = opening_events(config, 1, TIME_NS, fresh=True)
    rows = {
        Table.INSTRUMENT_TERM: len(config.instruments),
        Table.INSTRUMENT_LIMIT: len(config.instruments),
        Table.STRATEGY_LIMIT: len(config.strategies),
        Table.VENUE_LIMIT: len(config.venues),
        Table.DESK_LIMIT: 1,
        Table.BREAKER_TERM: 1,
        Table.METRIC_TERM: len(Metric),
    }
    expected = {
        (table, row, column) for table, columns in COLUMNS.items() for row in range(rows[table]) for column in columns
    }
    expected |= {(Table.COUNTS, 0, column) for column in range(4)}
    expected |= {(Table.ACCOUNT_VENUE, row, column) for row in range(len(config.accounts)) for column in range(2)}
    assert {table for table, _, _ in expected} == set(Table)
    assert set(configure(events)) == expected
    assert len(configure(events)) == np.count_nonzero(events["kind"] == EventKind.CONFIGURE)


def refused(events: Any) -> int:
    """How many of the events a new kernel refuses."""
    states, actions = new_state(), new_actions()
    for index in range(len(events)):
        apply(states, events, index, actions)
    return int(states[0]["refused"])


def test_the_order_is_fixed() -> None:
    events = opening_events(shipped(), 7, TIME_NS, fresh=True)
    kinds = [EventKind(kind) for kind, _ in itertools.groupby(events["kind"].tolist())]
    assert kinds == [EventKind.CONFIGURE, EventKind.SESSION_START, EventKind.CONNECTION, EventKind.TRANSFER]
    tables = [Table(table) for table, _ in itertools.groupby(events["table"][: len(configure(events))].tolist())]
    assert tables[:3] == [Table.COUNTS, Table.ACCOUNT_VENUE, Table.VENUE_LIMIT]
    assert tables[-3:] == [Table.DESK_LIMIT, Table.BREAKER_TERM, Table.METRIC_TERM]
    counts = events["setting"][:4].tolist()
    assert counts == [2, 3, 1, 1]
    assert set(events["time_ns"].tolist()) == {TIME_NS}
    assert events.tobytes() == opening_events(shipped(), 7, TIME_NS, fresh=True).tobytes()


def test_the_session_carries_epoch_mode_and_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, value in (("paper", SessionMode.PAPER), ("backtest", SessionMode.BACKTEST)):
        monkeypatch.setenv("QUARTERDECK_MODE", mode)
        events = opening_events(shipped(), 7, TIME_NS, fresh=False)
        (start,) = events[events["kind"] == EventKind.SESSION_START]
        assert (start["epoch"], start["value"], start["flags"]) == (7, value, Flag.SETTLE)


def test_deposits_come_only_to_a_fresh_account() -> None:
    fresh = opening_events(shipped(), 1, TIME_NS, fresh=True)
    (deposit,) = fresh[fresh["kind"] == EventKind.TRANSFER]
    assert (deposit["row"], deposit["amount"]) == (0, 10_000 * 10**8)
    continued = opening_events(shipped(), 2, TIME_NS, fresh=False)
    assert not np.any(continued["kind"] == EventKind.TRANSFER)


def test_a_simulated_venue_is_connected_from_the_start() -> None:
    events = opening_events(shipped(), 1, TIME_NS, fresh=False)
    (connection,) = events[events["kind"] == EventKind.CONNECTION]
    assert (connection["instrument"], connection["value"]) == (0, ConnectionState.UP)


# what the shipped desk says | what the kernel is told
EXACT = (
    ((Table.DESK_LIMIT, 0, DeskLimit.MAX_EXPOSURE), 3000 * 10**8),
    ((Table.DESK_LIMIT, 0, DeskLimit.HEAT_PPM), 20_000),
    ((Table.DESK_LIMIT, 0, DeskLimit.MAX_DAILY_LOSS), 500 * 10**8),
    ((Table.DESK_LIMIT, 0, DeskLimit.MAX_DRAWDOWN_PPM), 150_000),
    ((Table.DESK_LIMIT, 0, DeskLimit.EQUITY_FLOOR), 8000 * 10**8),
    ((Table.DESK_LIMIT, 0, DeskLimit.ON_BREACH), OnBreach.REDUCE),
    ((Table.DESK_LIMIT, 0, DeskLimit.WARNING_PPM), 800_000),
    ((Table.DESK_LIMIT, 0, DeskLimit.DAY_OFFSET_NS), 0),
    ((Table.BREAKER_TERM, 0, BreakerTerm.DRAWDOWN_TRIP_PPM), 30_000),
    ((Table.BREAKER_TERM, 0, BreakerTerm.DRAWDOWN_RECOVERY_PPM), 10_000),
    ((Table.BREAKER_TERM, 0, BreakerTerm.COOLDOWN_NS), 24 * 3600 * 10**9),
    ((Table.BREAKER_TERM, 0, BreakerTerm.DWELL_NS), 3600 * 10**9),
    ((Table.BREAKER_TERM, 0, BreakerTerm.RECOVERY_1_PPM), 250_000),
    ((Table.BREAKER_TERM, 0, BreakerTerm.RECOVERY_4_PPM), 1_000_000),
    ((Table.METRIC_TERM, Metric.DAILY_DRAWDOWN, MetricTerm.TRIGGER_PPM), 50_000),
    ((Table.METRIC_TERM, Metric.POSITION_SIZE, MetricTerm.RESET_PPM), 100_000),
    ((Table.METRIC_TERM, Metric.VOLATILITY, MetricTerm.COOLDOWN_NS), 7200 * 10**9),
    ((Table.METRIC_TERM, Metric.VOLATILITY, MetricTerm.TRIPS_PER_DAY), 2),
    ((Table.METRIC_TERM, Metric.API_ERRORS, MetricTerm.ESCALATION_NS), 30 * 10**9),
    ((Table.VENUE_LIMIT, 0, VenueLimit.ERROR_RATE_PPM), 500_000),
    ((Table.VENUE_LIMIT, 0, VenueLimit.ERROR_COOLDOWN_NS), 60 * 10**9),
    ((Table.STRATEGY_LIMIT, 0, StrategyLimit.MAX_SHORT_EXPOSURE), 0),
    ((Table.STRATEGY_LIMIT, 1, StrategyLimit.MAX_SHORT_EXPOSURE), 370 * 10**8),
    ((Table.STRATEGY_LIMIT, 1, StrategyLimit.WEIGHT_PPM), 1_000_000),
    ((Table.INSTRUMENT_TERM, 0, InstrumentTerm.VALUE), 100),
    ((Table.INSTRUMENT_TERM, 0, InstrumentTerm.MAKER_FEE_PPB), 150_000),
    ((Table.INSTRUMENT_TERM, 0, InstrumentTerm.TAKER_FEE_PPB), 450_000),
    ((Table.INSTRUMENT_TERM, 0, InstrumentTerm.INITIAL_MARGIN_PPM), 50_000),
    ((Table.INSTRUMENT_TERM, 0, InstrumentTerm.SHORT_ALLOWED), 1),
    ((Table.INSTRUMENT_TERM, 1, InstrumentTerm.SHORT_ALLOWED), 0),
    ((Table.INSTRUMENT_TERM, 1, InstrumentTerm.MIN_LOTS), 1),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.ALLOWED), 1),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.MIN_NOTIONAL), 10 * 10**8),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.COLLAR_PPM), 30_000),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.STALE_NS), 10 * 10**9),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.DEFAULT_STOP_PPM), 20_000),
    ((Table.INSTRUMENT_LIMIT, 0, InstrumentLimit.MAX_SHORT_LOTS), 3000),
    ((Table.INSTRUMENT_LIMIT, 1, InstrumentLimit.MAX_LONG_LOTS), 300_000),
    ((Table.INSTRUMENT_LIMIT, 1, InstrumentLimit.MAX_SHORT_LOTS), 0),
    ((Table.ACCOUNT_VENUE, 0, 1), 10**9),
)


@pytest.mark.parametrize(("place", "setting"), EXACT)
def test_figures_are_exact(place: tuple[int, int, int], setting: int) -> None:
    assert configure(opening_events(shipped(), 1, TIME_NS, fresh=True))[place] == setting


def test_every_limit_of_the_shipped_desk_is_finite() -> None:
    assert max(configure(opening_events(shipped(), 1, TIME_NS, fresh=True)).values()) < MONEY_MAX


def test_the_kernel_takes_every_setting() -> None:
    events = opening_events(shipped(), 1, TIME_NS, fresh=True)
    states, actions = new_state(), new_actions()
    for index in range(len(events)):
        apply(states, events, index, actions)
    assert states[0]["refused"] == 0
    assert states[0]["instruments_count"] == 2
    assert states[0]["limits"][DeskLimit.ORDERS_PER_MINUTE] == 240
    assert states[0]["instruments"][1]["limits"][InstrumentLimit.MAX_LONG_LOTS] == 300_000


def test_the_kernel_opens_the_session_without_a_refusal() -> None:
    events = opening_events(shipped(), 1, TIME_NS, fresh=True)
    states, actions = new_state(), new_actions()
    said = [apply(states, events, index, actions) for index in range(len(events))]  # pyright: ignore[reportArgumentType] arrays of records
    state = states[0]
    assert sum(said) == 0
    assert (state["refused"], state["session"], state["simulated"]) == (0, 1, 1)
    assert state["equity"] == state["breaker"]["peak"] == 10_000 * 10**8
    assert state["venues"][0]["connected"] == ConnectionState.UP


def test_too_many_for_this_process_is_refused() -> None:
    config = shipped()
    crowded = config.model_copy(update={"instruments": config.instruments * 100})
    with pytest.raises(ConfigError, match="QUARTERDECK_CAPACITY"):
        opening_events(crowded, 1, TIME_NS, fresh=True)


@pytest.mark.parametrize(("epoch", "time_ns"), [(0, 0), (1, -1)])
def test_epoch_and_time_must_be_possible(epoch: int, time_ns: int) -> None:
    with pytest.raises(ValueError, match="must"):
        opening_events(shipped(), epoch, time_ns, fresh=True)


# Any desk that config lets through opens, in range.

MONEY = st.integers(1000 * 10**8, 10**9 * 10**8).map(lambda units: Decimal(units).scaleb(-8))
LIMIT = st.one_of(MONEY.map(str), st.just("unlimited"))
SHARE = st.integers(1, 10**6).map(lambda ppm: str(Decimal(ppm).scaleb(-6)))
FEE = st.integers(-(10**8), 10**8).map(lambda ppb: str(Decimal(ppb).scaleb(-5)))
STEP_PLACES = st.integers(0, 4)


@st.composite
def instruments(draw: st.DrawFn, symbol: str, quote: str) -> dict[str, Any]:
    lot = Decimal(1).scaleb(-draw(STEP_PLACES))
    lots = st.integers(1, 10**9).map(lambda count: str(count * lot))
    kind = draw(st.sampled_from(["spot", "perpetual", "equity", "token"]))
    limits: dict[str, Any] = {
        "max_notional": str(draw(st.integers(100, 1000))),
        "max_exposure": draw(LIMIT),
        "stale_ms": draw(st.integers(1, 86_400_000)),
        "restricted": draw(st.booleans()),
    }
    limits |= draw(st.fixed_dictionaries({}, optional={"max_quantity": lots, "max_long": lots}))
    return {
        "symbol": symbol,
        "venue": "venue",
        "kind": kind,
        "base": "XRP",
        "quote": quote,
        "tick": str(Decimal(1).scaleb(-draw(STEP_PLACES))),
        "lot": str(lot),
        "maker_fee_bps": draw(FEE),
        "taker_fee_bps": draw(FEE),
        "initial_margin": draw(SHARE),
        "min_notional": draw(st.sampled_from([0, 1, "0.5"])),
        "limits": limits,
    }


@st.composite
def desks(draw: st.DrawFn) -> DeskConfig:
    rate = str(Decimal(draw(st.integers(1, 8 * 10**9))).scaleb(-9))
    count = draw(st.integers(1, 3))
    document: dict[str, Any] = {
        "desk": {"name": "any", "base_currency": "USD", "capacity": "small"},
        "venues": [{"name": "venue", "kind": "simulated", "limits": {"max_exposure": draw(LIMIT)}}],
        "accounts": [
            {"venue": "venue", "currency": "USD", "deposit": str(draw(MONEY))},
            {"venue": "venue", "currency": "EUR", "deposit": str(draw(MONEY)), "rate": rate},
        ],
        "instruments": [
            draw(instruments(f"S{place}", draw(st.sampled_from(["USD", "EUR"])))) for place in range(count)
        ],
        "strategies": [
            {"name": "A", "kind": "a", "instruments": ["S0"], "limits": {"weight": draw(SHARE)}},
        ],
        "limits": {
            "max_exposure": draw(LIMIT),
            "heat": draw(SHARE),
            "max_daily_loss": draw(LIMIT),
            "max_daily_loss_share": draw(SHARE),
            "max_position_risk": draw(SHARE),
            "day_start": f"{draw(st.integers(0, 23)):02}:{draw(st.integers(0, 59)):02}",
        },
        "breaker": {"cooldown_hours": str(Decimal(draw(st.integers(0, 8_760_000))).scaleb(-3))},
    }
    checked = DeskSettings.model_validate(document)
    values = {key: getattr(checked, key) for key in DeskSettings.model_fields}
    return DeskConfig(**values, folder=Path("any"), file="desk.toml")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(desks())
def test_any_desk_opens_within_range_and_reads_back(config: DeskConfig) -> None:
    events = opening_events(config, 1, TIME_NS, fresh=True)
    told = configure(events)
    assert refused(events) == 0
    assert all(-NO_LIMIT < setting <= NO_LIMIT for setting in told.values())
    assert told[Table.DESK_LIMIT, 0, DeskLimit.MAX_EXPOSURE] == units(config.limits.max_exposure)
    assert told[Table.DESK_LIMIT, 0, DeskLimit.MAX_DAILY_LOSS] <= units(config.limits.max_daily_loss)
    assert Decimal(told[Table.DESK_LIMIT, 0, DeskLimit.HEAT_PPM]).scaleb(-6) == config.limits.heat
    for row, instrument in enumerate(market_instruments(config)):
        limits = config.instruments[row].limits
        lots = told[Table.INSTRUMENT_LIMIT, row, InstrumentLimit.MAX_LOTS]
        assert 0 <= lots <= QUANTITY_MAX
        if limits.max_quantity is not None:
            assert instrument.lots_to_quantity(lots) == limits.max_quantity
        assert told[Table.INSTRUMENT_LIMIT, row, InstrumentLimit.MAX_EXPOSURE] <= units(limits.max_exposure)
        fee = told[Table.INSTRUMENT_TERM, row, InstrumentTerm.MAKER_FEE_PPB]
        assert Decimal(fee).scaleb(-5) == config.instruments[row].maker_fee_bps
    deposits = events[events["kind"] == EventKind.TRANSFER]
    assert [int(amount) for amount in deposits["amount"]] == [units(account.deposit) for account in config.accounts]


def units(money: Decimal) -> int:
    return NO_LIMIT if money.is_infinite() else int(money.scaleb(8))
