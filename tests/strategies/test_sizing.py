"""Regimes change the size, with hysteresis, and the most cautious holds until one is known."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.layout import allocate, record_dtype
from quarterdeck.runtime.opening import market_instruments
from quarterdeck.strategies.sizing import (
    RETURNS_MIN,
    Sizing,
    observe_close,
    prepare_sizing,
    required_sizing,
    sized_lots,
)
from tests.strategies.desks import write_desk

MINUTE = 60_000_000_000
LOW, NORMAL, HIGH = range(3)


@pytest.fixture
def sizing(tmp_path: Path) -> Any:
    config = write_desk(tmp_path, {"maker": {}})
    record = allocate(record_dtype(Sizing))[0]
    prepare_sizing(record, config, market_instruments(config)[0], 0.1, 1.0)
    return record


def settle(sizing: Any, volatility: float, start: int = 0) -> int:
    """Feeds closes whose hourly volatility is that, until it is what is estimated."""
    closes = 200
    for place in range(closes):
        price = 100.0 * (1.0 + volatility * (place % 2))
        observe_close(sizing, (start + place + 1) * 60 * MINUTE, price)
    return start + closes


def test_file_becomes_bands(sizing: Any) -> None:
    bands = sizing["bands"]
    assert [float(band["threshold"]) for band in bands] == [0.005, 0.015, 0.03]
    assert [int(band["multiplier_ppm"]) for band in bands] == [1_500_000, 1_000_000, 500_000]
    assert [int(band["max_lots"]) for band in bands] == [3000, 2000, 1000]
    assert [float(band["stop"]) for band in bands] == pytest.approx([0.01, 0.015, 0.02])
    assert [float(band["take"]) for band in bands] == pytest.approx([0.02, 0.03, 0.04])
    assert [int(band["cooldown_ns"]) // MINUTE for band in bands] == [5, 15, 30]
    assert sizing["horizon_ns"] == 60 * MINUTE


def test_most_cautious_band_holds_until_volatility_is_known(sizing: Any) -> None:
    for place in range(RETURNS_MIN):
        observe_close(sizing, (place + 1) * 60 * MINUTE, 100.0)
        assert sizing["band"] == HIGH
    observe_close(sizing, (RETURNS_MIN + 1) * 60 * MINUTE, 100.0)
    assert sizing["band"] == LOW


@pytest.mark.parametrize(
    ("volatility", "band", "lots"),
    [(0.0, LOW, 1500), (0.001, LOW, 1500), (0.012, LOW, 1500), (0.02, NORMAL, 1000), (0.05, HIGH, 500)],
)
def test_regime_changes_the_size(sizing: Any, volatility: float, band: int, lots: int) -> None:
    settle(sizing, volatility)
    assert float(sizing["value"]) == pytest.approx(volatility, rel=0.06)
    assert sizing["band"] == band
    assert sized_lots(sizing, 1000) == lots


@pytest.mark.parametrize(("band", "most"), [(LOW, 3000), (NORMAL, 2000), (HIGH, 1000)])
def test_size_never_exceeds_the_regime_s_largest(sizing: Any, band: int, most: int) -> None:
    sizing["band"] = band
    assert sized_lots(sizing, 10**9) == most


def test_band_is_left_only_well_below_its_threshold(sizing: Any) -> None:
    time = settle(sizing, 0.033)
    assert sizing["band"] == HIGH
    time = settle(sizing, 0.029, time)  # below the threshold, but not by a tenth
    assert sizing["band"] == HIGH
    time = settle(sizing, 0.025, time)
    assert sizing["band"] == NORMAL
    time = settle(sizing, 0.029, time)
    assert sizing["band"] == NORMAL
    settle(sizing, 0.0, time)
    assert sizing["band"] == LOW


def test_instrument_of_another_base_has_no_largest_size_in_the_file(tmp_path: Path) -> None:
    config = write_desk(tmp_path, {"maker": {}})
    other = market_instruments(config)[0]
    record = allocate(record_dtype(Sizing))[0]
    from dataclasses import replace

    prepare_sizing(record, config, replace(other, base="BTC"), 0.1, 1.0)
    assert int(record["bands"][0]["max_lots"]) > 10**9


def test_desk_without_the_file_is_refused_by_its_key(tmp_path: Path) -> None:
    config = write_desk(tmp_path, {"maker": {}}, edit=[('sizing_file = "config/sizing_by_regime.json"\n', "")])
    with pytest.raises(ConfigError, match=r"risk\.sizing_file"):
        required_sizing(config)
