import hashlib
import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import EventKind, Flag
from quarterdeck.market import Events, OrderFlow, OrderFlowTerms, flowstep, take_events, xrp_perpetual

SECONDS_10 = 10_000_000_000


@pytest.fixture(scope="module")
def stream() -> Events:
    return OrderFlow(seed=20240501).take(400_000)


def of_kind(events: Events, kind: EventKind) -> Events:
    return take_events(events, events["kind"] == int(kind))


def test_the_compiled_numbers_are_the_vocabulary() -> None:
    for kind in ("QUOTE", "TRADE", "LEVEL", "MARK", "FUNDING"):
        assert getattr(flowstep, f"_{kind}") == EventKind[kind]
    for flag in ("SELL", "LAST", "SETTLE"):
        assert getattr(flowstep, f"_{flag}") == Flag[flag]


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 5000), min_size=1, max_size=6), st.sampled_from([1, 5]))
def test_equal_seeds_give_the_equal_stream_in_any_chunks(seed: int, sizes: list[int], levels: int) -> None:
    terms = OrderFlowTerms(levels=levels)
    whole = OrderFlow(terms, seed=seed).take(sum(sizes))
    parts = OrderFlow(terms, seed=seed)
    assert b"".join(parts.take(size).tobytes() for size in sizes) == whole.tobytes()
    assert OrderFlow(terms, seed=seed + 1).take(100).tobytes() != whole[:100].tobytes()


def test_the_uncompiled_model_makes_the_same_stream() -> None:
    program = (
        "import hashlib; from quarterdeck.market import OrderFlow, OrderFlowTerms; "
        "print(hashlib.sha256(OrderFlow(OrderFlowTerms(levels=4), seed=9).take(4000).tobytes()).hexdigest())"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    events = OrderFlow(OrderFlowTerms(levels=4), seed=9).take(4000)
    assert done.stdout.strip() == hashlib.sha256(events.tobytes()).hexdigest()


def test_chunks_go_on_for_ever() -> None:
    chunks = list(itertools.islice(OrderFlow(seed=5).chunks(100), 30))
    assert [len(chunk) for chunk in chunks] == [100] * 30
    assert b"".join(chunk.tobytes() for chunk in chunks) == OrderFlow(seed=5).take(3000).tobytes()


def test_time_never_goes_backwards_and_prices_never_cross(stream: Events) -> None:
    quotes = of_kind(stream, EventKind.QUOTE)
    assert np.all(np.diff(stream["time_ns"]) >= 0)
    assert np.all(quotes["bid"] > 0)
    assert np.all(quotes["ask"] > quotes["bid"])
    assert np.all(quotes["bid_quantity"] > 0)
    assert np.all(quotes["ask_quantity"] > 0)
    assert np.all(np.diff(quotes["update_id"]) == 1)


def test_the_spread_is_mostly_one_tick_and_never_above_its_bound(stream: Events) -> None:
    quotes = of_kind(stream, EventKind.QUOTE)
    spread = quotes["ask"] - quotes["bid"]
    assert np.mean(spread == 1) > 0.6
    assert np.mean(spread <= 3) > 0.98
    assert spread.max() <= OrderFlowTerms().spread_max


def test_a_trade_takes_from_the_best_queue_before_it(stream: Events) -> None:
    kinds = stream["kind"]
    priced = take_events(stream, (kinds == int(EventKind.QUOTE)) | (kinds == int(EventKind.TRADE)))
    places = np.flatnonzero(priced["kind"] == int(EventKind.TRADE))
    trades, before = take_events(priced, places), take_events(priced, places - 1)
    sold = (trades["flags"] & int(Flag.SELL)) > 0
    assert np.all(trades["price"] == np.where(sold, before["bid"], before["ask"]))
    assert np.all(trades["quantity"] <= np.where(sold, before["bid_quantity"], before["ask_quantity"]))
    assert np.all(trades["quantity"] > 0)
    assert np.all(np.diff(trades["trade_id"]) == 1)


def returns(stream: Events) -> np.ndarray:
    quotes = of_kind(stream, EventKind.QUOTE)
    ends = np.flatnonzero(np.diff(quotes["time_ns"] // SECONDS_10))
    return np.diff(np.log((quotes["bid"][ends] + quotes["ask"][ends]) / 2))


def correlation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def test_volatility_clusters_and_tails_are_heavy(stream: Events) -> None:
    moves = returns(stream)
    assert all(correlation(np.abs(moves), lag) > 0.05 for lag in (1, 2, 3, 4))
    assert np.mean(moves**4) / np.mean(moves**2) ** 2 > 3.5
    assert abs(correlation(moves, 1)) < 0.25
    annual = np.std(moves) * np.sqrt(365 * 24 * 360)
    assert 0.3 < annual < 1.5


def test_trades_cluster_and_their_imbalance_moves_the_price(stream: Events) -> None:
    trades = of_kind(stream, EventKind.TRADE)
    waits = np.diff(trades["time_ns"])
    assert np.std(waits) / np.mean(waits) > 1.2
    signs = np.where((trades["flags"] & int(Flag.SELL)) > 0, -1, 1)
    assert correlation(signs, 1) > 0.05
    quotes = of_kind(stream, EventKind.QUOTE)
    first = stream["time_ns"][0] // SECONDS_10
    ends = np.flatnonzero(np.diff(quotes["time_ns"] // SECONDS_10))
    flow = np.bincount(trades["time_ns"] // SECONDS_10 - first, weights=signs * trades["quantity"])
    windows = quotes["time_ns"][ends][1:] // SECONDS_10 - first
    known = windows < len(flow)
    assert np.corrcoef(flow[windows[known]], returns(stream)[known])[0, 1] > 0.3


def test_marks_come_every_second_and_funding_on_the_hour(stream: Events) -> None:
    marks, fundings = of_kind(stream, EventKind.MARK), of_kind(stream, EventKind.FUNDING)
    assert np.median(np.diff(marks["time_ns"])) == 1_000_000_000
    hours = (stream["time_ns"][-1] - stream["time_ns"][0]) // 3_600_000_000_000
    assert abs(len(fundings) - hours) <= 1
    assert np.all(fundings["flags"] == int(Flag.SETTLE))
    assert np.all(fundings["time_ns"] % 3_600_000_000_000 < SECONDS_10)
    assert np.all(np.abs(fundings["rate"]) < 100_000)


@pytest.mark.parametrize("seed", [1, 2])
def test_levels_make_the_book_that_trades_meet(seed: int) -> None:
    terms = OrderFlowTerms(levels=10)
    book: dict[int, dict[int, int]] = {0: {}, int(Flag.SELL): {}}
    for event in OrderFlow(terms, seed=seed).take(20_000):
        side = int(event["flags"]) & int(Flag.SELL)
        if event["kind"] == EventKind.LEVEL:
            book[side].pop(int(event["price"]), None)
            if event["quantity"]:
                book[side][int(event["price"])] = int(event["quantity"])
            if event["flags"] & int(Flag.LAST):
                assert max(book[0]) < min(book[1])
                assert len(book[0]) == len(book[1]) == terms.levels
        elif event["kind"] == EventKind.TRADE:
            best = max(book[0]) if side else min(book[1])
            assert event["price"] == best
            assert event["quantity"] <= book[0 if side else 1][best]


def test_the_price_stays_within_its_bounds() -> None:
    terms = OrderFlowTerms(price_ticks=1_010, floor=1_000, ceiling=1_020, reversion=0.0, levels=3)
    levels = of_kind(OrderFlow(terms, seed=3).take(50_000), EventKind.LEVEL)
    assert levels["price"].min() >= 1_000
    assert levels["price"].max() <= 1_020 + terms.levels


def test_every_price_is_allowed_by_the_instrument_it_is_made_for(stream: Events) -> None:
    instrument = xrp_perpetual()
    quotes = of_kind(stream, EventKind.QUOTE)
    for ticks in np.unique(quotes["bid"]):
        assert instrument.price_to_ticks(instrument.ticks_to_price(int(ticks))) == ticks


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quote_rate", 0.0),
        ("levels", 65),
        ("floor", 12_000),
        ("ceiling", 12_000),
        ("excitation", 2.0),
        ("spread_max", 1),
        ("narrowing", 1.5),
    ],
)
def test_impossible_terms_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(OrderFlowTerms(), **{name: value})
    assert caught.value.key == name


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed"):
        OrderFlow(seed=-1)
