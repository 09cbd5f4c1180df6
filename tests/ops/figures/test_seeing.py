"""What is tested: `quarterdeck.ops.seeing`, `quarterdeck.ops.figures`: a desk's figures are those of its own state.

And the parts that they are read with: `quarterdeck.ops.reading.statement`, `quarterdeck.ops.reading.stakes`,
`quarterdeck.ops.reading.rails`, `quarterdeck.ops.reading.orders`, `quarterdeck.ops.reading.parts`,
`quarterdeck.ops.reading.standing`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.desk.narrative import money_text
from quarterdeck.desk.publishing import Edition, Reader
from quarterdeck.desk.status import profit
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import OpsError
from quarterdeck.kernel import exposure, windows
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.vocabulary import DeskLimit, OrderStatus, Reason
from quarterdeck.ops.figures import DeskFigures, RailFigures
from quarterdeck.ops.reading import parts, stakes
from quarterdeck.ops.reading.rails import rails
from quarterdeck.ops.reading.statement import Statement
from quarterdeck.ops.seeing import figures, see
from quarterdeck.runtime.wording import order_name
from tests.ops.figures.rig import Shown, open_desk


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A desk that holds a position and has orders open."""
    running = open_desk(tmp_path_factory.mktemp("figures") / "desk")
    running.pump(lambda state: state["open_count"] and state["instruments"][0]["unrealised"] != 0)
    yield running
    running.close()


def statement(of: Shown) -> Statement:
    return Statement(of.session.desk.states, of.session.vitals(), of.config, of.desk.names)


def rail(found: DeskFigures, name: Reason, scope: str = "desk") -> RailFigures:
    return next(one for one in found.rails if (one.rail, one.scope) == (name.name, scope))


def test_money_is_what_the_desk_says_of_itself(shown: Shown) -> None:
    found, said = shown.figures(), shown.session.status()
    exponent = shown.config.base_exponent
    units = 10**exponent
    assert money_text(int(found.equity * units), exponent) == said["equity"]
    pnl: Any = said["pnl"]
    result = profit(shown.session.desk.states)
    for name in ("realised", "unrealised", "fees", "funding", "gas", "premium"):
        assert int(getattr(found, name) * units) == getattr(result, name)
        assert money_text(int(getattr(found, name) * units), exponent, 4) == pnl[name]
    assert found.unrealised != 0
    assert found.equity == found.cash + found.unrealised  # margined and fully paid alike; nothing spot is held
    assert found.pnl_day == found.equity - Decimal(int(shown.state["equity_day"])) / units
    assert found.equity_peak >= found.equity
    assert sum(one.unrealised for one in found.positions) == found.unrealised
    assert sum(one.realised for one in found.strategies) == found.realised


def test_words_and_counts_are_what_the_desk_says_of_itself(shown: Shown) -> None:
    found, said = shown.figures(), shown.session.status()
    assert (found.desk, found.mode, found.epoch) == (said["desk"], said["mode"], said["epoch"])
    assert found.open_orders == said["open_orders"] == sum(one.open for one in found.orders) > 0
    assert found.counts["FILL"] == said["fills"] == sum(one.fills for one in found.strategies)
    assert (found.paused, found.breaker.locked) == (said["paused"], said["locked"])
    assert (found.breaker.stage, float(found.breaker.multiplier)) == (said["breaker"], said["multiplier"])
    assert found.unacknowledged == said["unacknowledged"]
    assert found.sequence == said["sequence"]
    assert found.recovered is said["recovered"]
    assert found.trading is True
    assert sum(found.reasons.values()) == int(shown.state["reasons"].sum())
    assert found.orders_today == int((shown.state["orders"]["id"] > 0).sum())


def test_positions_are_those_of_status(shown: Shown) -> None:
    found = shown.figures()
    said: Any = shown.session.status()["positions"]
    assert [one.strategy for one in found.positions] == [one["strategy"] for one in said] == ["BUY"]
    held = found.positions[0]
    assert f"{held.quantity:f}" == said[0]["quantity"] == "20"
    assert f"{float(held.average_price):.8g}" == said[0]["average_price"]
    assert held.mark_price is not None
    assert held.value == held.mark_price * held.quantity
    assert held.unrealised == pytest.approx(held.value - held.average_price * held.quantity, abs=Decimal("1e-7"))
    assert held.protected is False


def test_orders_are_those_of_the_table_open_ones_first(shown: Shown) -> None:
    found, table = shown.figures(), shown.state["orders"]
    assert len(found.orders) == int((table["id"] > 0).sum())
    assert [one.open for one in found.orders] == sorted((one.open for one in found.orders), reverse=True)
    slot = int(shown.state["open_orders"][0])
    order = table[slot]
    said = next(one for one in found.orders if one.order_id == order_name(int(order["id"])))
    instrument = shown.config.instruments[int(order["instrument"])]
    assert said.price == instrument.tick * int(order["price"])
    assert (said.quantity, said.filled) == (instrument.lot * int(order["quantity"]), 0)
    assert said.status == OrderStatus(int(order["status"])).name
    assert (said.side, said.order_type, said.time_in_force) == ("BUY", "LIMIT", "GTC")
    assert said.post_only is True
    assert said.strategy == "SCALP"
    assert said.average_fill_price is None
    assert said.client_id.endswith(f"{int(order['id']):016x}")
    filled = next(one for one in found.orders if one.status == "FILLED")
    assert filled.average_fill_price == found.positions[0].average_price
    assert filled.fee > 0


def test_stakes_are_the_kernels_own(shown: Shown) -> None:
    of, state = statement(shown), shown.state
    assert stakes.desk_exposure(of) == exposure.desk_exposure(state) > 0
    assert stakes.heat(of) == exposure.heat(state) > 0
    assert stakes.venue_exposure(of, 0) == exposure.venue_exposure(state, 0)
    for strategy in range(3):
        for side in (-1, 0, 1):
            assert stakes.strategy_exposure(of, strategy, side) == exposure.strategy_exposure(state, strategy, side)
    assert stakes.initial_margin(of, 0) == exposure.initial_margin(state, 0)
    copied = shown.session.desk.states.copy()  # the kernel's own look at a window moves it
    now = int(state["time_ns"]) + 1_500_000_000
    for window, own in (
        (copied[0]["order_rate"], state["order_rate"]),
        (copied[0]["venues"][0]["messages"], state["venues"][0]["messages"]),
    ):
        assert stakes.window_count(own, now) == windows.window_total(window, now)
    assert stakes.window_count(state["order_rate"], now) > 0
    assert stakes.window_count(state["order_rate"], now + 3_600_000_000_000) == 0


def test_rails_say_use_and_limit(shown: Shown) -> None:
    found, state = shown.figures(), shown.state
    units = 10**shown.config.base_exponent
    total = rail(found, Reason.EXPOSURE_TOTAL_CAP)
    assert total.use == Decimal(exposure.desk_exposure(state)) / units
    assert total.limit == shown.config.limits.max_exposure
    assert total.share == pytest.approx(float(total.use / total.limit))
    heat = rail(found, Reason.PORTFOLIO_HEAT)
    assert (heat.limit, heat.unit) == (shown.config.limits.heat, "share")
    assert float(heat.use) == pytest.approx(exposure.heat(state) / int(state["equity"]), abs=2e-6)
    assert float(found.heat) == pytest.approx(float(heat.use), abs=2e-6)
    position = rail(found, Reason.POSITION_LIMIT, "instrument:XRP")
    assert position.use >= 20
    assert rail(found, Reason.ORDER_RATE_EXCEEDED).limit == shown.config.limits.orders_per_minute
    entries = rail(found, Reason.REPEATED_EXECUTION, "strategy:BUY")
    assert (entries.limit, entries.unit) == (20, "entries")
    assert rail(found, Reason.BUYING_POWER, "account:hyperliquid/USDC").limit == found.equity
    assert {one.rail for one in found.rails} >= {"DAILY_LOSS", "EQUITY_DRAWDOWN", "BREAKER_OPEN", "STALE_DATA"}


def test_a_limit_that_is_unlimited_is_no_rail(shown: Shown) -> None:
    copied: Any = shown.session.desk.states.copy()
    copied[0]["limits"][DeskLimit.MAX_EXPOSURE] = 2**62
    of = Statement(copied, shown.session.vitals(), shown.config, shown.desk.names)
    assert "EXPOSURE_TOTAL_CAP" not in {one.rail for one in rails(of)}


def test_the_rest_of_the_parts(shown: Shown) -> None:
    found = shown.figures()
    feed = next(one for one in found.feeds if one.instrument == "XRP")
    assert feed.bid is not None
    assert feed.ask is not None
    assert feed.bid < feed.ask
    assert feed.mark == shown.config.instruments[0].tick * int(shown.state["instruments"][0]["mark_half_ticks"]) / 2
    assert feed.age_s is not None
    assert 0 <= feed.age_s < 60
    assert feed.exposure == found.exposure == abs(found.positions[0].value)
    venue = found.venues[0]
    assert (venue.name, venue.connected, venue.error_breaker, venue.error_rate) == ("hyperliquid", True, "closed", None)
    purse = found.purses[0]
    assert (purse.name, purse.cash, purse.venue_cash) == ("hyperliquid/USDC", found.cash, None)
    assert found.breaker.grades == dict.fromkeys(
        ("daily_drawdown", "position_size", "volatility", "api_errors"), "normal"
    )
    assert found.breaker.drawdown_limit == shown.config.breaker.drawdown_trip
    assert found.buying_power is not None
    assert found.buying_power > found.equity  # the perpetual is traded on margin
    assert found.loop_p50_s == 2**20 / 1e9
    assert found.loop_p99_s == 2**25 / 1e9
    assert parts.quantile([], 0.5) is None
    assert msgspec.json.decode(msgspec.json.encode(found))["desk"] == "xrpliquid"


def test_what_holds_entries_back_is_said(shown: Shown) -> None:
    stopped = shown.figures(alive=False)
    assert (stopped.trading, stopped.alive) == (False, False)
    assert "is not running" in stopped.holding_back[0]
    waiting = shown.figures(recovered=False, venues_waiting=["hyperliquid"])
    assert waiting.trading is False
    assert "hyperliquid has not answered all yet" in waiting.holding_back[0]
    failed = shown.figures(failure="the disk is full", stopping=True)
    assert failed.holding_back == ("trading has stopped: the disk is full", "the desk winds down")
    shown.session.obey(Command(verb=Verb.PAUSE, instrument="XRP", person="operator-1"))
    part = shown.figures()
    assert part.trading is True
    assert part.holding_back == ("entries are paused for XRP: `quarterdeck resume` lets them go on",)
    shown.session.obey(Command(verb=Verb.RESUME, instrument="XRP", person="operator-1"))
    shown.session.obey(Command(verb=Verb.LOCK, person="operator-1"))
    locked = shown.figures()
    assert locked.trading is False
    assert locked.holding_back == ("the desk is locked: `quarterdeck unlock` opens it",)
    shown.session.obey(Command(verb=Verb.UNLOCK, person="operator-1"))
    assert shown.figures().trading is True


def test_money_in_another_currency_is_at_its_present_rate(shown: Shown) -> None:
    states: Any = shown.session.desk.states.copy()
    states[0]["accounts"][0]["rate_ppb"] = 1_500_000_000
    found = figures(Edition(1, shown.session.vitals(), states), shown.config, shown.desk.names, True)
    units, result = 10**shown.config.base_exponent, profit(states)
    for name in ("realised", "unrealised", "fees", "funding", "gas", "premium"):
        assert int(getattr(found, name) * units) == getattr(result, name)
    assert found.cash == found.purses[0].cash * Decimal("1.5")
    assert found.exposure == found.feeds[0].exposure == found.positions[0].value
    assert found.positions[0].mark_price is not None
    assert found.positions[0].value == Decimal("1.5") * found.positions[0].mark_price * found.positions[0].quantity


def test_what_a_real_venue_has_said(shown: Shown) -> None:
    states: Any = shown.session.desk.states.copy()
    vitals = shown.session.vitals()
    now = max(int(states[0]["time_ns"]), int(str(vitals["clock_ns"])))
    venue, account = states[0]["venues"][0], states[0]["accounts"][0]
    venue["reconciled_ns"] = now - 3_000_000_000
    venue["error_open"] = 1
    for window, count in (("results", 20), ("errors", 5)):
        venue[window]["bucket"] = now // int(venue[window]["bucket_ns"])
        venue[window]["counts"][int(venue[window]["bucket"]) % 64] = count
        venue[window]["total"] = count
    account["venue_cash"], account["venue_cash_ns"] = 12_345_000_000, now
    states[0]["instruments"][0]["unreconciled"] = 1
    words = {**vitals, "differences": [{"instrument": "XRP", "lots": 3}], "latency": {"venues": {"v": {"ask": [1]}}}}
    found = figures(Edition(1, words, states), shown.config, shown.desk.names, True)
    assert found.venues[0].reconciled_age_s == pytest.approx(3)
    assert (found.venues[0].error_rate, found.venues[0].error_breaker) == (0.25, "open")
    assert found.purses[0].venue_cash == Decimal("123.45")
    assert rail(found, Reason.VENUE_BREAKER_OPEN, "venue:hyperliquid").use == Decimal("0.25")
    assert found.differences == ({"instrument": "XRP", "lots": 3},)
    assert found.latency == {"v": {"ask": (1,)}}
    assert any("XRP differs from its venue" in sentence for sentence in found.holding_back)
    assert any("breaker is open" in sentence for sentence in found.holding_back)


OTHER_CAPACITY = """
import sys
from pathlib import Path
from quarterdeck.desk.publishing import Publisher
from quarterdeck.kernel.layout import allocate
from quarterdeck.kernel.records import INSTRUMENTS, STATE

states = allocate(STATE)
state = states[0]
state["epoch"], state["instruments_count"], state["strategies_count"], state["accounts_count"] = 1, 2, 3, 1
state["accounts"]["rate_ppb"] = 10**9
state["instruments"]["terms"][:, 3] = 100
state["positions"]["quantity"][1 * INSTRUMENTS + 1] = 7
Publisher(Path(sys.argv[1]), STATE.itemsize).publish(states, {"ended": False})
print(INSTRUMENTS)
"""


def test_a_desk_of_another_capacity_is_read(shown: Shown, tmp_path: Path) -> None:
    path = tmp_path / "shown"
    said = subprocess.run(
        [sys.executable, "-c", OTHER_CAPACITY, str(path)], capture_output=True, text=True, check=True,
        env={**os.environ, "QUARTERDECK_CAPACITY": "standard", "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout  # fmt: skip
    assert int(said) > INSTRUMENTS
    with Reader(path) as reader:
        edition = reader.read()
    assert edition is not None
    found = figures(edition, shown.config, shown.desk.names, True)
    assert [(one.strategy, one.instrument) for one in found.positions] == [("SCALP", "XRP/USDC")]


def test_orders_may_be_left_out(shown: Shown) -> None:
    shown.publish()
    found = see(shown.desk, with_orders=False)
    assert found is not None
    assert found.orders == ()
    assert found.open_orders == int(shown.state["open_count"])


def test_see_reads_the_newest_copy_once(shown: Shown, tmp_path: Path) -> None:
    shown.publish()
    first = see(shown.desk)
    assert first is not None
    assert first.alive is True
    assert see(shown.desk) is first
    shown.publish()
    assert see(shown.desk) is not first
    fresh = open_desk(tmp_path / "fresh")
    assert see(fresh.desk) is None
    fresh.close()


def test_a_state_of_another_version_is_refused_by_name(shown: Shown) -> None:
    import numpy as np

    strange = Edition(1, shown.session.vitals(), np.zeros(1, [("schema", "<i8"), ("instruments", "<i8", (4,))]))
    with pytest.raises(OpsError, match="desk xrpliquid: what it shows cannot be read"):
        figures(strange, shown.config, shown.desk.names, True)
