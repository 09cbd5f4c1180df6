"""What is tested: `quarterdeck.ops.metrics.scrape`, `quarterdeck.ops.metrics.counting`: what a real desk's page says.

And `quarterdeck.ops.metrics.catalogue`, `quarterdeck.ops.metrics.gauges`, `quarterdeck.ops.metrics.page`,
`quarterdeck.ops.metrics.tally`, `quarterdeck.ops.metrics.tables`.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import OpsError
from quarterdeck.kernel.vocabulary import EventKind, Reason
from quarterdeck.ops.metrics import tally as tallies
from quarterdeck.ops.metrics.catalogue import ABSENT, CATALOGUE, LATENCY_BUCKETS_S
from quarterdeck.ops.metrics.counting import LogCounts
from quarterdeck.ops.metrics.page import Page
from quarterdeck.ops.metrics.scrape import Metrics
from quarterdeck.ops.metrics.tables import COUNTS
from quarterdeck.ops.metrics.tally import Tally
from quarterdeck.ops.store import Store
from tests.ops.figures.rig import Shown, open_desk

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A desk with fills, cancels and refusals behind it."""
    running = open_desk(tmp_path_factory.mktemp("metrics") / "desk", ('max_exposure = "370"', 'max_exposure = "60"'))
    running.pump(lambda state: state["kinds"][EventKind.FILL] and state["kinds"][EventKind.ORDER_CANCELED])
    running.pump(lambda state: state["open_count"] and state["reasons"][Reason.EXPOSURE_STRATEGY_CAP])
    yield running
    running.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "ops", f"sqlite:///{tmp_path / 'ops.sqlite'}")
    yield opened
    opened.close()


def samples(page: bytes) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted({"desk": "xrpliquid", **labels}.items()))]


def total(found: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(figure for (one, own), figure in found.items() if one == name and wanted <= set(own))


def scrape(shown: Shown, store: Store) -> Samples:
    shown.publish()
    metrics = Metrics({"xrpliquid": shown.desk}, store, fresh_s=0)
    try:
        return samples(metrics.collect())
    finally:
        metrics.close()


RUNBOOKS = """
    hat_manifesto_portfolio_value hat_manifesto_daily_pnl hat_manifesto_total_pnl hat_manifesto_active_positions
    hat_manifesto_position_value hat_manifesto_drawdown hat_manifesto_margin_ratio hat_manifesto_strategy_pnl
    hat_manifesto_funding_rate hat_manifesto_win_rate hat_manifesto_sharpe_ratio hat_manifesto_trades_total
    hat_manifesto_risk_events_total hat_manifesto_execution_latency_seconds hat_manifesto_slippage_bps
    orders_submitted_total orders_filled_total orders_rejected_total risk_blocks_total order_submit_latency_seconds
    risk_check_latency_seconds broker_api_latency_seconds portfolio_value_usd buying_power_usd position_count
    position_value_usd portfolio_heat broker_connection_status risk_service_status market_data_lag_seconds
    daily_pnl_usd pnl_realized_total pnl_unrealized_total equity_usd cash_usd exposure_usd breaker_state
    venue_error_rate_pct submit_to_ack_ms fill_latency_ms reconcile_lag_seconds trading_enabled strategy_sharpe
    governance_rule_tripped_total
"""


def test_every_name_of_the_runbooks_is_there_or_said_to_be_absent() -> None:
    assert [name for name in RUNBOOKS.split() if name not in CATALOGUE and name not in ABSENT] == []
    assert not set(CATALOGUE) & set(ABSENT)


def test_gauges_are_the_figures(shown: Shown, store: Store) -> None:
    found, figures = scrape(shown, store), shown.figures()
    assert value(found, "equity_usd") == float(figures.equity) == value(found, "hat_manifesto_portfolio_value")
    assert value(found, "daily_pnl_usd") == float(figures.pnl_day)
    assert value(found, "portfolio_heat") == float(figures.heat)
    assert value(found, "position_value_usd", symbol="XRP") == float(figures.exposure)
    assert value(found, "position_count") == 1
    assert value(found, "broker_connection_status", venue="hyperliquid") == 1
    assert value(found, "risk_service_status") == value(found, "trading_enabled") == value(found, "quarterdeck_up") == 1
    assert value(found, "breaker_state") == 0
    assert value(found, "quarterdeck_breaker_stage", stage="NORMAL") == 1
    assert total(found, "quarterdeck_breaker_stage") == 1
    rail = next(one for one in figures.rails if one.rail == "EXPOSURE_TOTAL_CAP")
    labels = {"rail": rail.rail, "scope": rail.scope}
    assert value(found, "quarterdeck_rail_limit", **labels, unit="money") == float(rail.limit)
    assert value(found, "quarterdeck_rail_use_ratio", **labels) == rail.share
    assert value(found, "quarterdeck_loop_turn_seconds_bucket", le="+Inf") == 100
    assert value(found, "quarterdeck_loop_turn_seconds_bucket", le=repr(2**20 / 1e9)) == 90
    purse = next(one for one in figures.rails if one.rail == "BUYING_POWER")
    assert value(found, "hat_manifesto_margin_ratio") == pytest.approx(purse.share)


def test_answers_of_venues_are_measured_by_the_desk(shown: Shown, store: Store) -> None:
    answers = [0] * 41
    answers[27] = 3  # of up to 134 ms
    shown.publish(latency={"venues": {"hyperliquid": {"submit": answers}}})
    metrics = Metrics({"xrpliquid": shown.desk}, store, fresh_s=0)
    found = samples(metrics.collect())
    metrics.close()
    labels = {"endpoint": "hyperliquid", "method": "submit"}
    assert value(found, "broker_api_latency_seconds_bucket", le=repr(2**27 / 1e9), **labels) == 3
    assert value(found, "broker_api_latency_seconds_bucket", le=repr(2**26 / 1e9), **labels) == 0


def test_what_the_rails_take_is_measured_by_live_desks(shown: Shown, store: Store) -> None:
    assert total(scrape(shown, store), "risk_check_latency_seconds_bucket") == 0  # a paper desk does not say it
    checked = [0] * 41
    checked[12], checked[16] = 7, 1  # of up to 4 us, and 65 us
    shown.publish(checked=checked)
    metrics = Metrics({"xrpliquid": shown.desk}, store, fresh_s=0)
    found = samples(metrics.collect())
    metrics.close()
    for bucket, many in ((11, 0), (12, 7), (15, 7), (16, 8)):
        assert value(found, "risk_check_latency_seconds_bucket", le=repr(2**bucket / 1e9)) == many
    assert value(found, "risk_check_latency_seconds_bucket", le="+Inf") == 8


def test_counters_are_the_journals(shown: Shown, store: Store) -> None:
    found, state = scrape(shown, store), shown.state
    fills = int(state["kinds"][EventKind.FILL])
    assert value(found, "quarterdeck_events_total", kind="FILL") == fills > 0
    assert total(found, "hat_manifesto_trades_total") == fills == total(found, "quarterdeck_fills_total")
    assert total(found, "orders_filled_total", symbol="XRP", side="BUY") == fills
    assert total(found, "orders_canceled_total") == int(state["kinds"][EventKind.ORDER_CANCELED]) > 0
    asked = int(state["kinds"][EventKind.ORDER_REQUEST])
    assert total(found, "quarterdeck_signals_total") == asked
    blocked = total(found, "risk_blocks_total")
    assert total(found, "orders_submitted_total") + blocked == asked
    assert total(found, "risk_blocks_total", reason="EXPOSURE_STRATEGY_CAP", severity="warning") > 0
    refusals = value(found, "quarterdeck_refusals_total", reason="EXPOSURE_STRATEGY_CAP")
    assert refusals >= total(found, "risk_blocks_total", reason="EXPOSURE_STRATEGY_CAP") > 0
    accepted = int(state["kinds"][EventKind.ORDER_ACCEPTED])
    assert total(found, "order_submit_latency_seconds_count") == total(found, "submit_to_ack_ms_count") == accepted
    seconds = total(found, "order_submit_latency_seconds_sum")
    assert value(found, "submit_to_ack_ms_sum") == pytest.approx(1000 * seconds)
    assert seconds / accepted >= 0.1  # the simulated venue's two latencies of 50 ms
    assert value(found, "submit_to_ack_ms_bucket", le="100.0") < accepted
    slipped = value(found, "hat_manifesto_slippage_bps_bucket", le="+Inf")  # buckets below zero: no sum, no count
    assert slipped == fills
    assert value(found, "quarterdeck_metrics_store_up") == 1
    assert value(found, "quarterdeck_log_lines_unreadable_total") == 0


def test_counters_are_the_same_after_a_restart_and_in_another_process(shown: Shown, store: Store) -> None:
    first = scrape(shown, store)
    again = scrape(shown, store)  # a new Metrics with the same store, as after a restart
    counted = {name for name, metric in CATALOGUE.items() if metric.kind == "counter"}
    for key, figure in first.items():
        if key[0] in counted and "process" not in key[0]:
            assert again[key] == figure, key
    shown.publish()
    one, other = (Metrics({"xrpliquid": shown.desk}, store, fresh_s=0) for _ in range(2))
    try:
        for _ in range(3):
            before = int(shown.state["kinds"][EventKind.ORDER_REQUEST])
            shown.pump(lambda state, before=before: state["kinds"][EventKind.ORDER_REQUEST] > before)
            shown.publish()
            pages = [samples(metrics.collect()) for metrics in (one, other)]
            asked = int(shown.state["kinds"][EventKind.ORDER_REQUEST])
            assert [total(page, "quarterdeck_signals_total") for page in pages] == [asked, asked]
    finally:
        one.close()
        other.close()


def test_a_log_that_was_rolled_while_nobody_looked_is_read_to_its_end(tmp_path: Path, store: Store) -> None:
    log = tmp_path / "trading.log"
    line = b'{"event":"SIGNAL_GENERATED","strategy":"BUY"}\n'
    log.write_bytes(line * 3 + b'{"event":"SIGNAL_GEN')
    counts = LogCounts(store, "desk", tmp_path)
    assert counts.catch_up().counters == {"quarterdeck_signals_total": {"BUY": 3}}
    counts.close()
    with log.open("ab") as file:
        file.write(b'ERATED","strategy":"BUY"}\n' + line)
    log.rename(tmp_path / "trading.20261121T003000Z.log")
    log.write_bytes(line * 2 + b"no line of JSON\n" + b'{"event":"ORDER_FILLED"}\n')
    resumed = LogCounts(store, "desk", tmp_path)
    tally = resumed.catch_up()
    assert tally.counters["quarterdeck_signals_total"] == {"BUY": 7}
    assert resumed.unreadable == 1
    assert tally.counters["quarterdeck_log_lines_unreadable_total"] == {"": 1}
    assert resumed.catch_up().counters["quarterdeck_signals_total"] == {"BUY": 7}
    resumed.close()


def test_what_another_process_counted_is_taken_over(tmp_path: Path, store: Store) -> None:
    line = b'{"event":"SIGNAL_GENERATED","strategy":"BUY"}\n'
    log = tmp_path / "trading.log"
    log.write_bytes(line)
    one, other = LogCounts(store, "desk", tmp_path), LogCounts(store, "desk", tmp_path)
    assert one.catch_up().counters == other.catch_up().counters
    for number in range(2, 6):
        with log.open("ab") as file:
            file.write(line)
        for counts in (one, other) if number % 2 else (other, one):
            assert counts.catch_up().counters["quarterdeck_signals_total"] == {"BUY": number}
    with store.reading() as reading:
        generation: Any = reading.execute(select(COUNTS.c.generation)).scalar()
    assert generation == 5
    one.close()
    other.close()


def test_a_page_serves_everybody_for_a_moment_and_no_longer(shown: Shown, store: Store) -> None:
    shown.publish()
    metrics = Metrics({"xrpliquid": shown.desk}, store, fresh_s=3600)
    first = metrics.collect()
    with ThreadPoolExecutor(4) as threads:
        assert [page is first for page in threads.map(lambda _: metrics.collect(), range(8))] == [True] * 8
    before = int(shown.state["kinds"][EventKind.ORDER_REQUEST])
    shown.pump(lambda state: state["kinds"][EventKind.ORDER_REQUEST] > before)
    shown.publish()
    assert metrics.collect() is first
    metrics.close()
    assert total(scrape(shown, store), "quarterdeck_signals_total") > total(samples(first), "quarterdeck_signals_total")


def test_what_is_stored_now_and_then_is_counted_all_the_same(tmp_path: Path, store: Store) -> None:
    """Two processes, neither of which stores before its time, and a third that begins from what was stored."""
    line = b'{"event":"SIGNAL_GENERATED","strategy":"BUY"}\n'
    log, now = tmp_path / "trading.log", [0.0]
    log.write_bytes(line)
    one, other = (LogCounts(store, "desk", tmp_path, 5.0, lambda: now[0]) for _ in range(2))

    def stored() -> int:
        with store.reading() as reading:
            return int(cast(Any, reading.execute(select(COUNTS.c.generation)).scalar()))

    for number in range(2, 30):
        now[0] += 1.0
        with log.open("ab") as file:
            file.write(line)
        for counts in (one, other):
            assert counts.catch_up().counters["quarterdeck_signals_total"] == {"BUY": number}
    assert 5 <= stored() <= 7
    third = LogCounts(store, "desk", tmp_path, 5.0, lambda: now[0])
    assert third.catch_up().counters["quarterdeck_signals_total"] == {"BUY": 29}
    for counts in (one, other, third):
        counts.close()


def test_a_store_that_fails_takes_only_its_own_samples_along(shown: Shown, tmp_path: Path) -> None:
    broken = Store(tmp_path, f"sqlite:///{tmp_path / 'ops.sqlite'}")
    with broken.writing() as line:
        COUNTS.drop(line)
    shown.publish()
    metrics = Metrics({"xrpliquid": shown.desk}, broken, fresh_s=0)
    found = samples(metrics.collect())
    metrics.close()
    broken.close()
    assert value(found, "quarterdeck_metrics_store_up") == 0
    assert value(found, "quarterdeck_up") == 1


def test_alerts_that_were_not_sent_and_a_store_that_cannot_say(shown: Shown, store: Store) -> None:
    shown.publish()
    told = {"xrpliquid": 3}
    metrics = Metrics({"xrpliquid": shown.desk}, store, lambda: told)
    assert value(samples(metrics.collect()), "quarterdeck_alerts_suppressed_total") == 3
    metrics.close()

    def failing() -> dict[str, int]:
        raise OpsError("the store does not answer")

    metrics = Metrics({"xrpliquid": shown.desk}, store, failing)
    found = samples(metrics.collect())
    metrics.close()
    assert value(found, "quarterdeck_up") == 1
    assert total(found, "quarterdeck_alerts_suppressed_total") == 0


def test_what_a_desk_shows_may_be_unreadable(shown: Shown, store: Store) -> None:
    path = shown.place.data / "shown"
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_bytes(b"nonsense")
    metrics = Metrics({"xrpliquid": shown.desk}, store, fresh_s=0)
    found = samples(metrics.collect())
    metrics.close()
    kept.replace(path)
    assert value(found, "quarterdeck_metrics_unreadable") == 1
    assert value(found, "quarterdeck_up") == 0
    assert total(found, "hat_manifesto_trades_total") > 0  # its logs are read all the same


def test_a_document_of_nonsense_is_refused_with_the_way_out(tmp_path: Path, store: Store) -> None:
    with store.writing() as line:
        line.execute(COUNTS.insert().values(desk="desk", generation=1, document=b"nonsense"))
    with pytest.raises(OpsError, match="delete that row"):
        LogCounts(store, "desk", tmp_path).catch_up()


def order(event: str, at_ms: int, **fields: object) -> dict[str, object]:
    return {
        "event": event, "order_id": "1-1", "instrument": "XRP", "strategy": "BUY", "side": "BUY", "fee": "0",
        "time": f"2026-11-21T00:00:{at_ms / 1000:09.6f}Z", "price": "100", "quantity": "2", "liquidity": "taker",
        **fields,
    }  # fmt: skip


def test_an_orders_life_is_measured() -> None:
    tally = Tally()
    tally.take(order("ORDER_SUBMITTED", 0, mid="99"))
    tally.take(order("ORDER_ACCEPTED", 40))
    tally.take(order("ORDER_ACCEPTED", 50))
    tally.take(order("ORDER_FILLED", 100, quantity="1"))
    tally.take(order("ORDER_FILLED", 300, quantity="1"))
    tally.take(order("ORDER_FILLED", 400, quantity="1"))  # of an order that has ended: a trade all the same
    assert tally.counters["hat_manifesto_trades_total"] == {"BUY\x1fBUY\x1ffalse": 3}
    assert tally.counters["orders_filled_total"] == {"XRP\x1fBUY": 1}
    assert tally.histograms["submit_to_ack_ms"][""].sum == pytest.approx(0.04)
    assert tally.histograms["fill_latency_ms"][""].sum == pytest.approx(0.1)
    assert tally.histograms["hat_manifesto_execution_latency_seconds"][""].sum == pytest.approx(0.3)
    assert tally.histograms["hat_manifesto_slippage_bps"][""].sum == pytest.approx(2 * 10_000 / 99)
    counts = tally.histograms["submit_to_ack_ms"][""].counts
    assert counts[LATENCY_BUCKETS_S.index(0.05)] == sum(counts) == 1
    assert tally.orders == {}
    assert msgspec.json.decode(msgspec.json.encode(tally), type=Tally) == tally


def test_fills_that_reduce_win_or_lose() -> None:
    tally = Tally()
    for side, price, quantity in (("BUY", 100, 2), ("SELL", 110, 1), ("SELL", 90, 2), ("BUY", 95, 1)):
        tally.take(order("ORDER_FILLED", 0, side=side, price=str(price), quantity=str(quantity), fee="0.1"))
    # 1 of 2 sold at 110 won; the other at 90 lost, and 1 more was sold short there; bought back at 95 it lost
    assert tally.counters["quarterdeck_closed_fills_total"] == {"BUY\x1fwon": 1, "BUY\x1flost": 2}
    assert tally.holdings["BUY\x1fXRP"].quantity == Decimal(0)


def test_sharpe_needs_thirty_hours_that_follow_each_other() -> None:
    tally, results = Tally(), [0.0]
    for hour in range(40):
        results.append(results[-1] + (3.0 if hour % 2 else -1.0))
    for hour, result in enumerate(results):
        assert tally.sample("", hour, result, 1000.0)
        assert not tally.sample("", hour, result + 1, 1000.0)
    returns = [(after - before) / 1000 for before, after in pairwise(results)]
    mean = sum(returns) / len(returns)
    deviation = (sum((one - mean) ** 2 for one in returns) / (len(returns) - 1)) ** 0.5
    sharpe = tally.returns[""].sharpe
    assert sharpe == pytest.approx(mean / deviation * (24 * 365) ** 0.5)
    tally.sample("", 100, 0.0, 1000.0)  # hours that nobody saw make no return
    assert tally.returns[""].count == 40
    few = Tally()
    few.sample("", 0, 0.0, 1.0)
    few.sample("", 1, 1.0, 1.0)
    assert few.returns[""].sharpe is None


def test_what_the_rails_and_people_say_are_risk_events(shown: Shown, store: Store) -> None:
    shown.session.obey(Command(verb=Verb.LOCK, person="operator-1"))
    shown.session.obey(Command(verb=Verb.UNLOCK, person="operator-1"))
    found = scrape(shown, store)
    assert value(found, "hat_manifesto_risk_events_total", severity="critical", type="command_lock") >= 1
    assert tallies.severity_of("DAILY_LOSS") == "critical"
    assert tallies.severity_of("NOTIONAL_TOO_SMALL") == "info"


def test_a_page_refuses_what_the_catalogue_does_not_know() -> None:
    page = Page()
    with pytest.raises(KeyError):
        page.add("nonsense", "desk", 1)
    with pytest.raises(ValueError, match="labels"):
        page.add("equity_usd", "desk", 1, "more")
    page.add("equity_usd", "desk", None)
    text = page.text().decode()
    assert not re.search(r"^equity_usd", text, re.MULTILINE)
    assert re.search(r"^# TYPE orders_submitted_total counter$", text, re.MULTILINE)
