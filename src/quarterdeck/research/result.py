"""What a backtest found. Money is exact: Decimals of the base currency, written as texts; only ratios are floats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quarterdeck.market import MarketData
from quarterdeck.market.times import format_time
from quarterdeck.research.curve import Curve, Sharpe
from quarterdeck.research.recording import Fills

__all__ = ["BacktestResult", "InstrumentSummary", "StrategySummary", "money_text"]


def money_text(money: Decimal) -> str:
    """Returns money as a plain decimal number, at least to the hundredth: 9982.50, 0.00012345."""
    text = f"{money:f}"
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


@dataclass(frozen=True, slots=True)
class StrategySummary:
    """One strategy's part. `pnl` is realised + unrealised - fees + funding; `positions` is its lots per symbol."""

    name: str
    kind: str
    orders: int
    fills: int
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    positions: Mapping[str, Decimal]

    @property
    def pnl(self) -> Decimal:
        return self.realised + self.unrealised - self.fees + self.funding

    def as_dict(self) -> dict[str, object]:
        money = {key: money_text(getattr(self, key)) for key in ("pnl", "realised", "unrealised", "fees", "funding")}
        positions = {symbol: f"{quantity.normalize():f}" for symbol, quantity in self.positions.items()}
        return {
            "name": self.name, "kind": self.kind, "orders": self.orders, "fills": self.fills, **money,
            "positions": positions,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class InstrumentSummary:
    """The instrument that the data is of, as the desk traded it. `changes` is what differs from the desk's settings."""

    symbol: str
    kind: str
    quote: str
    tick: Decimal
    lot: Decimal
    changes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "symbol": self.symbol, "kind": self.kind, "quote": self.quote, "tick": f"{self.tick:f}",
            "lot": f"{self.lot:f}", "changes": list(self.changes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """One backtest. `digest` is the SHA-256 of the kernel's final state: replaying the journal gives the same.

    `events` are market events, `orders` and `replacements` what the strategies asked for, `rejected` how many of these
    a rail or the venue refused, by reason in `rejections`. `max_drawdown` is a share of the peak, over the samples of
    the curve; `breaker` is the stage at the end, `breaker_share` the share of samples with another stage than normal.
    `seconds` is the time that feeding took, `load_seconds` what the data took before.
    """

    desk: str
    currency: str
    exponent: int
    digest: str
    source_hash: str
    events: int
    records: int
    orders: int
    replacements: int
    fills: int
    rejected: int
    rejections: Mapping[str, int]
    refused_events: int
    liquidated: int
    fees: Decimal
    funding: Decimal
    equity_start: Decimal
    equity_final: Decimal
    max_drawdown: float
    breaker: str
    breaker_share: float
    sharpe: Sharpe
    seconds: float
    load_seconds: float
    begin_ns: int
    end_ns: int
    instrument: InstrumentSummary
    strategies: tuple[StrategySummary, ...]
    notes: tuple[str, ...]
    data: MarketData = field(repr=False)
    curve: Curve = field(repr=False)
    tape: Fills = field(repr=False)

    @property
    def pnl(self) -> Decimal:
        """What was gained, in the base currency."""
        return self.equity_final - self.equity_start

    @property
    def return_pct(self) -> float | None:
        """The gain as a percentage of the opening equity; None when that was not positive."""
        return float(100 * self.pnl / self.equity_start) if self.equity_start > 0 else None

    def as_dict(self, journal: str | None = None) -> dict[str, object]:
        """Returns the result for JSON: plain types, money as texts. `journal` is where the journal stands."""
        return {
            "desk": self.desk,
            "digest": self.digest,
            "events": self.events,
            "orders": self.orders,
            "replacements": self.replacements,
            "fills": self.fills,
            "rejected": self.rejected,
            "fees": money_text(self.fees),
            "funding": money_text(self.funding),
            "currency": self.currency,
            "equity_start": money_text(self.equity_start),
            "equity_final": money_text(self.equity_final),
            "pnl": money_text(self.pnl),
            "return_pct": None if self.return_pct is None else round(self.return_pct, 6),
            "max_drawdown_pct": round(100 * self.max_drawdown, 6),
            "sharpe": None if self.sharpe.value is None else round(self.sharpe.value, 6),
            "sharpe_grid": self.sharpe.grid,
            "samples": {"count": len(self.curve.time_ns), "step_s": self.curve.step_ns / 1e9},
            "begin": format_time(self.begin_ns),
            "end": format_time(self.end_ns),
            "seconds": round(self.seconds, 6),
            "load_seconds": round(self.load_seconds, 6),
            "rejections": dict(self.rejections),
            "refused_events": self.refused_events,
            "liquidated": self.liquidated,
            "breaker": {"final": self.breaker, "share_not_normal": round(self.breaker_share, 6)},
            "instrument": self.instrument.as_dict(),
            "strategies": [one.as_dict() for one in self.strategies],
            "notes": list(self.notes),
            "quality": self.data.quality.as_dict(),
            "sources": [
                {"path": one.path, "sha256": one.sha256, "rows": one.rows, "kind": one.kind}
                for one in self.data.sources
            ],
            "source_hash": self.source_hash,
            "records": self.records,
            "journal": journal,
        }
