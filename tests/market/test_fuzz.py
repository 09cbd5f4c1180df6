"""quarterdeck.market.rows, quarterdeck.market.files and quarterdeck.market.columns under arbitrary data.

Whatever a file holds, it loads into events that the kernel can take, or is refused with a DataError of one line.
"""

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.errors import DataError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import MarketData, load
from tests.market.builders import MINUTE_MS, START_MS, bars, write

PRICES = st.one_of(
    st.floats(),
    st.none(),
    st.integers(1, 200_000).map(lambda ticks: ticks / 100),
    st.sampled_from([0.0, -1.0, 1e300, 1e-300, 1e13]),
)
WAITS = st.sampled_from([MINUTE_MS] * 6 + [0, 2 * MINUTE_MS, -MINUTE_MS, 10**12])
LAYOUTS = {
    "bars": ["open", "high", "low", "close", "volume"],
    "quotes": ["bid_price", "ask_price", "bid_qty", "ask_qty"],
    "trades": ["price", "qty"],
    "depth": ["price", "qty"],
    "funding": ["funding_rate"],
}


def check(data: MarketData) -> None:
    events = data.events
    assert len(events) > 0
    assert np.all(np.diff(events["time_ns"]) >= 0)
    for kind, prices, quantities in (
        (EventKind.BAR, ("open", "high", "low", "close"), ("volume",)),
        (EventKind.QUOTE, ("bid", "ask"), ("bid_quantity", "ask_quantity")),
        (EventKind.TRADE, ("price",), ("quantity",)),
        (EventKind.LEVEL, ("price",), ("quantity",)),
    ):
        some = events["kind"] == int(kind)
        for name in prices:
            assert np.all((events[name][some] > 0) & (events[name][some] < PRICE_MAX))
        for name in quantities:
            assert np.all((events[name][some] >= 0) & (events[name][some] < QUANTITY_MAX))
    bar = events["kind"] == int(EventKind.BAR)
    for name in ("open", "close"):
        assert np.all(events["low"][bar] <= events[name][bar])
        assert np.all(events[name][bar] <= events["high"][bar])
    quote = events["kind"] == int(EventKind.QUOTE)
    assert np.all(events["bid"][quote] <= events["ask"][quote])
    assert data.quality.rows_refused <= sum(source.rows for source in data.sources)
    assert all("\n" not in line for line in data.quality.lines())


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_any_table_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    count = data.draw(st.integers(1, 12))
    column = st.lists(PRICES, min_size=count, max_size=count)
    table: dict[str, list[object]] = {name: list(data.draw(column)) for name in LAYOUTS[layout]}
    waits = data.draw(st.lists(WAITS, min_size=count, max_size=count))
    table["ts"] = list(np.cumsum([START_MS, *waits[1:]]).tolist())
    if layout == "depth":
        small = st.lists(st.integers(0, 9), min_size=count, max_size=count)
        table["update_id"] = sorted(data.draw(small))
        table["side"] = data.draw(st.lists(st.sampled_from(["b", "a", "?"]), min_size=count, max_size=count))
        table["is_snapshot"] = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
        table["first_update_id"] = list(data.draw(small))
    path = write(tmp_path / f"x.{data.draw(st.sampled_from(['csv', 'parquet', 'jsonl']))}", table)
    arguments = data.draw(st.sampled_from([{}, {"tick": "0.01", "lot": "0.001", "off_grid": "round"}]))
    try:
        check(load(path, **arguments))  # type: ignore[arg-type]
    except DataError as error:
        refused = str(error)
    else:
        refused = str(path)
    assert refused.startswith(str(path))
    assert "\n" not in refused


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl", "x.csv.zst"])
def test_a_damaged_file_loads_or_is_refused(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    if name.endswith(".zst"):
        pl.DataFrame(bars(200)).write_csv(path, compression="zstd")
    else:
        write(path, bars(200))
    whole, chance = path.read_bytes(), random.Random(seed)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        refused = str(path)
        try:
            check(load(path))
        except DataError as error:
            refused = str(error)
        assert refused.startswith(str(path))
