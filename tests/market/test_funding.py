"""quarterdeck.market.funding on small files."""

from pathlib import Path

import pytest

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentKind
from quarterdeck.market import load
from tests.market.builders import MINUTE_MS, START_MS, bars, names, write


def test_funding_joins_its_bars_in_order_of_time(tmp_path: Path) -> None:
    prices = write(tmp_path / "v_XRPUSDT_1m.csv", bars(5))
    table = {"ts": [START_MS + 2 * MINUTE_MS, START_MS + 3 * MINUTE_MS + 17], "funding_rate": [0.0001, -0.0000125]}
    rates = write(tmp_path / "v_XRPUSDT_funding.csv", table)
    data = load(prices, funding=rates)
    bar, rate = EventKind.BAR, EventKind.FUNDING
    assert names(data.events, "kind") == [bar, bar, rate, bar, rate, bar, bar]
    assert [names(data.events, "rate")[place] for place in (2, 4)] == [100_000, -12_500]
    assert [names(data.events, "flags")[place] for place in (2, 4)] == [Flag.SETTLE] * 2
    assert data.instrument.kind is InstrumentKind.PERPETUAL
    assert data.events.tobytes() == load(tmp_path).events.tobytes()


def test_funding_alone_is_refused_by_name(tmp_path: Path) -> None:
    rates = write(tmp_path / "v_XRPUSDT_funding.csv", {"ts": [START_MS], "funding_rate": [0.0001]})
    with pytest.raises(DataError, match=r"v_XRPUSDT_funding.csv: holds funding rates only.*load it with its bars"):
        load(rates)


def test_rates_that_cannot_be_settled_are_refused_and_counted(tmp_path: Path) -> None:
    prices = write(tmp_path / "v_XRPUSDT_1m.csv", bars(5))
    times = [START_MS - 1, START_MS + 2 * MINUTE_MS, START_MS + 3 * MINUTE_MS, START_MS + 100 * MINUTE_MS]
    rates = write(tmp_path / "v_XRPUSDT_funding.csv", {"ts": times, "funding_rate": [0.1, "x", 5.0, 0.1]})
    data = load(prices, funding=rates)
    assert set(names(data.events, "kind")) == {EventKind.BAR}
    assert [data.quality.count(name) for name in ("outside_prices", "no_number", "rate_too_large")] == [2, 1, 1]
