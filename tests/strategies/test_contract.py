"""What a strategy can be told, and what it sees and says in plain Python."""

from pathlib import Path
from typing import Any, cast

import pytest

from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import EventKind, Flag, OrderType, Side, TimeInForce
from quarterdeck.market import Events, blank_events
from quarterdeck.runtime.host import strategy_source
from quarterdeck.strategies.asking import ask_replace, ask_stop
from quarterdeck.strategies.contract import CompiledStrategy, PythonStrategy
from quarterdeck.strategies.library import STRATEGIES
from quarterdeck.strategies.views import (
    Bar,
    DeskView,
    Fill,
    Funding,
    Mark,
    OrderUpdate,
    Quote,
    Trade,
    view_of,
    views_of,
)
from tests.strategies.desks import REPOSITORY, Trial, write_desk


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("momentum", "notional", -1.0),
        ("momentum", "bar_seconds", 0),
        ("momentum", "bar_seconds", "60"),
        ("momentum", "urgency", 1.0),
        ("momentum", "no_such_thing", 1),
        ("momentum", "trend_fast", 200),
        ("maker", "edge_bps", -1),
        ("maker", "average_seconds", 0),
        ("maker", "colour", "blue"),
        ("funding_arbitrage", "edge_bps", 4.9),
        ("funding_arbitrage", "rates", 0),
    ],
)
def test_wrong_parameter_is_refused_by_its_key(tmp_path: Path, kind: str, key: str, value: Any) -> None:
    instruments = ["XRP", "XRP/USDC"] if kind == "funding_arbitrage" else ["XRP"]
    config = write_desk(tmp_path, {kind: {"instruments": instruments, key: value}})
    with pytest.raises(ConfigError, match=rf"strategies\[{kind}\]\.parameters\.{key}") as caught:
        Trial(config)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kind", ["momentum", "maker"])
def test_one_instrument_is_traded(tmp_path: Path, kind: str) -> None:
    config = write_desk(tmp_path, {kind: {"instruments": ["XRP", "XRP/USDC"]}})
    with pytest.raises(ConfigError, match=r"\.instruments"):
        Trial(config)


def test_momentum_needs_the_trading_file(tmp_path: Path) -> None:
    edit = [
        ('trading_file = "config/trading_parameters.json"\n', ""),
        ("significant_figures = 5", "significant_figures = 5\nmaker_fee_bps = 1\ntaker_fee_bps = 1"),
    ]
    with pytest.raises(ConfigError, match=r"risk\.trading_file"):
        Trial(write_desk(tmp_path, {"momentum": {}}, edit=edit))


@pytest.mark.parametrize("kind", sorted(STRATEGIES))
def test_library_gives_what_it_names(tmp_path: Path, kind: str) -> None:
    source = strategy_source(kind, write_desk(tmp_path, {"maker": {}}))
    assert isinstance(source, CompiledStrategy) or issubclass(source, PythonStrategy)
    assert source.kind == kind


def test_shipped_desk_s_strategies_are_ready() -> None:
    trial = Trial(load_desk(REPOSITORY / "desks" / "xrpliquid"))
    assert [host.place.name for host in trial.hosts] == ["BUY", "SCALP", "FUNDING_ARBITRAGE"]


def event(kind: EventKind, **fields: int) -> Any:
    record = blank_events(1, kind)[0]
    for name, value in fields.items():
        record[name] = value
    return record


@pytest.mark.parametrize(
    ("record", "view"),
    [
        (event(EventKind.QUOTE, time_ns=1, bid=2, ask=3, bid_quantity=4, ask_quantity=5), Quote(1, 0, 2, 3, 4, 5)),
        (event(EventKind.TRADE, time_ns=1, price=2, quantity=3, flags=Flag.SELL), Trade(1, 0, 2, 3, -1)),
        (
            event(EventKind.BAR, time_ns=9, venue_time_ns=1, open=2, high=4, low=1, close=3, volume=7),
            Bar(9, 0, 1, 2, 4, 1, 3, 7),
        ),
        (event(EventKind.MARK, time_ns=1, mark=2), Mark(1, 0, 2)),
        (event(EventKind.FUNDING, time_ns=1, rate=-2), Funding(1, 0, -2)),
        (
            event(EventKind.FILL, time_ns=1, order_id=7, price=2, quantity=3, fee=-4, flags=Flag.MAKER),
            Fill(1, 0, 7, 2, 3, 1, -4, True),
        ),
        (event(EventKind.ORDER_CANCELED, time_ns=1, order_id=7), OrderUpdate(1, 7, EventKind.ORDER_CANCELED)),
        (event(EventKind.CLOCK, time_ns=1), None),
        (event(EventKind.CONFIGURE, time_ns=1), None),
    ],
)
def test_event_as_a_strategy_sees_it(record: Any, view: Any) -> None:
    assert view_of(record) == view
    batch: Events = blank_events(2, EventKind.QUOTE)
    batch[0], batch[1] = record, record
    assert list(views_of(batch)) == [view, view]


def test_python_and_compiled_ask_for_the_same(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {}}))
    desk = DeskView(trial.engine.states, 0)
    desk.stop(0, Side.SELL, 11_000, 5)
    desk.replace(77, 12_000, 9)
    asks = blank_events(4, EventKind.NONE)
    count = ask_stop(cast(Any, asks), 0, 0, -1, 11_000, 5, int(desk.asks[0]["reason"]))
    count = ask_replace(cast(Any, asks), count, 77, 12_000, 9, 0)
    assert count == desk.count == 2
    names = [name for name in EVENT.names or () if name not in {"strategy", "time_ns", "venue_time_ns"}]
    for place in range(2):
        assert {name: int(asks[place][name]) for name in names} == {name: int(desk.asks[place][name]) for name in names}
    assert desk.asks[0]["order_type"] == OrderType.STOP
    assert desk.asks[0]["time_in_force"] == TimeInForce.GTC


def test_desk_view_shows_the_state(tmp_path: Path) -> None:
    trial = Trial(write_desk(tmp_path, {"maker": {"volatility_multiple": 0.0}}))
    for _ in range(15):
        trial.quote(12_000, 12_001)
    desk = DeskView(trial.engine.states, 0)
    assert (desk.bid(0), desk.ask(0), desk.mark_half_ticks(0)) == (12_000, 12_001, 24_001)
    assert desk.equity == 10_000 * 10**8
    assert desk.multiplier_ppm == 1_000_000
    assert desk.time_ns == trial.time_ns
    assert {order.side for order in desk.open_orders(0)} == {1, -1}
    assert not list(desk.open_orders(1))
    assert {order.order_id for order in desk.open_orders()} == {int(order["id"]) for order in trial.orders()}
