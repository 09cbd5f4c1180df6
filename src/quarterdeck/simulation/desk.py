"""The desk that the simulator runs: one venue, a perpetual and a spot pair, two strategies that do anything at all."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from quarterdeck.config import DeskConfig
from quarterdeck.twins.exchange_records import Listing

__all__ = ["CASH", "FOLDER", "INSTRUMENTS", "LIMITS", "LISTINGS", "NAME", "PRICES", "Limits", "simulated_desk"]

NAME: Final = "simulated"
FOLDER: Final = Path("/simulated")
PRICES: Final[tuple[int, ...]] = (10_000, 2_000)  # ticks at which the two instruments begin
CASH: Final = (200_000_000_00, 200_000_000_00)  # cents of the two purses at the exchange


class Limits:
    """What the rails of the simulated desk allow, as the oracle knows it: lots of position and of one order."""

    long_lots: Final = (60, 50)
    short_lots: Final = (60, 0)
    order_lots: Final = (25, 25)


LIMITS: Final = Limits()
# One tick of one lot is worth one cent of its purse.
LISTINGS: Final = (
    Listing(value=1, purse=0, margined=True, maker_fee_ppb=-100_000, taker_fee_ppb=450_000),
    Listing(value=1, purse=1, margined=False, maker_fee_ppb=200_000, taker_fee_ppb=700_000),
)
INSTRUMENTS: Final = len(LISTINGS)


def _instrument(symbol: str, kind: str, quote: str, maker: str, taker: str, row: int) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "venue": "practice",
        "kind": kind,
        "base": "COIN",
        "quote": quote,
        "tick": "0.01",
        "lot": "1",
        "maker_fee_bps": maker,
        "taker_fee_bps": taker,
        "limits": {
            "max_notional": "100000",
            "max_quantity": str(LIMITS.order_lots[row]),
            "max_exposure": "1000000",
            "max_long": str(LIMITS.long_lots[row]),
            "max_short": str(LIMITS.short_lots[row]),
            "collar_bps": "2000",
            "collar_period_bps": "5000",
            "stale_ms": "60000",
            "duplicate_window_ms": "0",
        },
    }


def _strategy(name: str) -> dict[str, Any]:
    limits = {
        "max_exposure": "1000000",
        "max_executions": 1_000_000,
        "executions_window_s": "60",
        "max_daily_loss": "10000000",
    }
    return {"name": name, "kind": "chaos", "instruments": ["PERP", "SPOT"], "limits": limits}


@cache
def simulated_desk() -> DeskConfig:
    """Returns the desk's settings; what holds its entries back are commands alone, as the oracle sees them."""
    quiet = {"trigger": "100", "reset": "99", "cooldown_s": "1", "max_per_day": 1000, "escalation_s": "1"}
    document: dict[str, Any] = {
        "desk": {"name": NAME, "mode": "live", "base_currency": "USD", "capacity": "small"},
        "venues": [
            {
                "name": "practice",
                "kind": "practice",
                "address": "nowhere:1",
                "limits": {
                    "max_exposure": "1000000",
                    "messages_per_second": 1_000,
                    "cancel_reserve": 100,
                    "error_rate": "1",
                    "error_samples_min": 1_000_000,
                },
            }
        ],
        "accounts": [
            {"venue": "practice", "currency": "USD", "exponent": 2},
            {"venue": "practice", "currency": "EUR", "exponent": 2, "rate": "1"},
        ],
        "instruments": [
            _instrument("PERP", "perpetual", "USD", "-1", "4.5", 0),
            _instrument("SPOT", "spot", "EUR", "2", "7", 1),
        ],
        "strategies": [_strategy("ONE"), _strategy("TWO")],
        "limits": {
            "max_exposure": "10000000",
            "heat": "1",
            "max_daily_loss": "10000000",
            "max_drawdown": "1",
            "orders_per_minute": 1_000_000,
            "on_breach": "reduce",
            "max_unacknowledged": 1_000_000,
        },
        "breaker": {
            "drawdown_trip": "1",
            "dwell_minutes": "0",
            "stages": ["0.97", "0.98", "0.99", "1"],
            "metrics": {
                "daily_drawdown": quiet,
                "position_size": quiet,
                "volatility": quiet,
                "api_errors": quiet,
            },
        },
        "journal": {"fsync": "os", "segment_records": 1024, "block_records": 64, "seal_s": 10, "snapshot_minutes": 1},
        "reconciliation": {"every_s": 10, "request_ms": 1000, "retry_ms": 250, "overlap_ms": 2000},
        "operators": {"people": ["operator-1"]},
    }
    return DeskConfig(**document, folder=FOLDER, file="desk.toml")
