"""Size by regime: how volatile the market is decides how much is held, where the stop is and how long a pause lasts.

The bands and their figures are those of `config/sizing_by_regime.json`. A band is entered upwards at its threshold, and
left downwards only once volatility is a stated share below it, so that a market at a threshold does not flap.
Until enough returns are known the most cautious band, the highest, holds.
"""

from typing import Annotated, Any, TypedDict

from quarterdeck.config import DeskConfig
from quarterdeck.config.files import REGIMES, SizingByRegime
from quarterdeck.errors import ConfigError
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import QUANTITY_MAX
from quarterdeck.market.instruments import Instrument
from quarterdeck.strategies.indicators import Volatility, volatility_over, volatility_step

__all__ = [
    "BANDS",
    "RETURNS_MIN",
    "Band",
    "Sizing",
    "observe_close",
    "prepare_sizing",
    "required_sizing",
    "sized_lots",
]

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]

BANDS = len(REGIMES)
RETURNS_MIN = 10  # fewer returns are no estimate
_MINUTE_NS = 60_000_000_000


class Band(TypedDict):
    """One regime."""

    threshold: F8  # standard deviation of log returns over the file's horizon
    multiplier_ppm: I8
    max_lots: I8
    stop: F8  # share of the price
    take: F8
    cooldown_ns: I8


class Sizing(TypedDict):
    """The regimes, calm ones first, and where the market is."""

    horizon_ns: I8
    memory_ns: I8  # how fast old returns fade
    hysteresis: F8
    band: I8
    value: F8  # volatility over the horizon; 0 until it is known
    volatility: Annotated[Volatility, Volatility]
    bands: Annotated[Records[Band], Band, BANDS]


def required_sizing(config: DeskConfig) -> SizingByRegime:
    """Returns the desk's sizing file. Raises ConfigError when it has none."""
    if config.sizing is None:
        raise ConfigError(config.file, "risk.sizing_file", "(missing)", "the file that sizes positions by volatility")
    return config.sizing


def prepare_sizing(
    sizing: Any, config: DeskConfig, instrument: Instrument, hysteresis: float, memory_minutes: float
) -> None:
    """Fills a zeroed `Sizing` record for an instrument. Raises ConfigError when the desk has no sizing file."""
    file = required_sizing(config)
    sizing["horizon_ns"] = file.volatility_horizon_minutes * _MINUTE_NS
    sizing["memory_ns"] = int(memory_minutes * _MINUTE_NS)
    sizing["hysteresis"] = hysteresis
    sizing["band"] = BANDS - 1
    for place, name in enumerate(REGIMES):
        regime = getattr(file.regime_sizing_config, name)
        band = sizing["bands"][place]
        band["threshold"] = float(regime.volatility_threshold)
        band["multiplier_ppm"] = int(regime.position_size_multiplier * 1_000_000)
        band["max_lots"] = QUANTITY_MAX
        if instrument.base == file.position_size_unit:
            band["max_lots"] = instrument.round_quantity_to_lots(regime.max_position_size, "down")
        band["stop"] = float(regime.stop_loss_bps) / 10_000
        band["take"] = float(regime.take_profit_bps) / 10_000
        band["cooldown_ns"] = int(regime.cooldown_minutes * _MINUTE_NS)


@compiled
def _band_of(sizing: Sizing, value: float) -> int:
    """The band of a volatility, coming from the present one. The lowest reaches down to nothing."""
    band = sizing["band"]
    for _ in range(BANDS):
        if band + 1 < BANDS and value >= sizing["bands"][band + 1]["threshold"]:
            band += 1
        elif band > 0 and value < sizing["bands"][band]["threshold"] * (1.0 - sizing["hysteresis"]):
            band -= 1
        else:
            break
    return band


@compiled
def observe_close(sizing: Sizing, time_ns: int, close: float) -> None:
    """Takes the close of a bar: the volatility it makes, and the band that this is in."""
    volatility_step(sizing["volatility"], sizing["memory_ns"], time_ns, close)
    if sizing["volatility"]["count"] >= RETURNS_MIN:
        sizing["value"] = volatility_over(sizing["volatility"], sizing["horizon_ns"])
        sizing["band"] = _band_of(sizing, sizing["value"])


@compiled
def sized_lots(sizing: Sizing, full_lots: int) -> int:
    """Lots of the present regime where `full_lots` >= 0, below 2**42, would be full size."""
    band = sizing["bands"][sizing["band"]]
    return min(full_lots * band["multiplier_ppm"] // 1_000_000, band["max_lots"])
