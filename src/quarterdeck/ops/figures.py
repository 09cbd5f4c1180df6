"""What a desk shows, as names, money and shares: the one source of the API, the console, metrics, health and alerts.

Money is `Decimal` in the desk's base currency unless a field says otherwise; shares are of one (0.05 is 5 %). Times are
UTC nanoseconds. A figure that is not known is None, never zero.
"""

from decimal import Decimal

import msgspec

__all__ = [
    "BreakerFigures",
    "DeskFigures",
    "FeedFigures",
    "OrderFigures",
    "PositionFigures",
    "PurseFigures",
    "RailFigures",
    "StrategyFigures",
    "VenueFigures",
]


class PositionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A position that is not flat, of one strategy in one instrument. `quantity` is signed."""

    strategy: str
    instrument: str
    venue: str
    quantity: Decimal
    average_price: Decimal
    mark_price: Decimal | None
    value: Decimal  # at the mark, signed as the quantity
    unrealised: Decimal
    realised: Decimal
    protected: bool  # whether protective stops stand for all of it


class OrderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the desk still holds. `status` is an OrderStatus's name."""

    order_id: str
    client_id: str
    strategy: str
    instrument: str
    venue: str
    side: str  # BUY, SELL
    order_type: str
    time_in_force: str
    price: Decimal | None
    trigger_price: Decimal | None
    quantity: Decimal
    filled: Decimal
    average_fill_price: Decimal | None
    fee: Decimal  # in the purse's currency
    status: str
    open: bool
    post_only: bool
    reduce_only: bool
    protective: bool
    reason: str
    created_ns: int
    updated_ns: int


class PurseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One currency at one venue. `cash` is in that currency."""

    name: str  # VENUE/CURRENCY
    currency: str
    cash: Decimal
    venue_cash: Decimal | None  # what the venue last said


class FeedFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's market. Prices are None before the first one."""

    instrument: str
    venue: str
    bid: Decimal | None
    ask: Decimal | None
    mark: Decimal | None
    age_s: float | None  # since the newest price, by the desk's clock
    funding_rate: Decimal | None
    unreconciled: bool
    paused: bool
    exposure: Decimal  # |net position| at the mark


class StrategyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's standing."""

    name: str
    paused: bool
    throttled: bool
    enabled: bool
    weight: Decimal  # share of full size that it may use
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    realised_day: Decimal
    exposure: Decimal
    fills: int


class VenueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's standing."""

    name: str
    connected: bool
    error_breaker: str  # closed, open, half-open
    error_rate: float | None  # of the window; None: no answers in it
    messages_per_s: float
    exposure: Decimal
    reconciled_age_s: float | None  # since every fill was known, by the venue's clock against the desk's


class RailFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One limit that is set, and how much of it is used. `use` and `limit` are in `unit`; `share` is use / limit."""

    rail: str  # a Reason's name
    scope: str  # desk, or instrument:X, strategy:X, venue:X
    use: Decimal
    limit: Decimal
    share: float
    unit: str  # money, share, lots, orders/min, messages/s
    warned: bool
    refused: int  # how often this reason was given, desk-wide


class BreakerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The account-wide kill switch."""

    stage: str  # a BreakerStage's name
    multiplier: Decimal
    locked: bool
    since_ns: int | None
    killed_ns: int | None
    cooldown_until_ns: int | None
    trips_today: int
    drawdown_limit: Decimal | None
    grades: dict[str, str]  # metric -> level


class DeskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one desk at one moment."""

    desk: str
    mode: str  # paper, live
    base_currency: str
    alive: bool
    shown_ns: int  # when the copy was made, this machine's clock
    time_ns: int  # the desk's own time
    epoch: int
    sequence: int
    recovered: bool
    stopping: bool
    failure: str
    paused: bool
    flattening: bool
    trading: bool  # alive, recovered, and nothing holds entries back as a whole
    holding_back: tuple[str, ...]  # a sentence for each thing that holds entries back
    equity: Decimal
    equity_peak: Decimal
    cash: Decimal  # of all purses, at their rates
    exposure: Decimal  # gross
    buying_power: Decimal | None
    drawdown: Decimal  # share below the peak
    pnl_day: Decimal  # equity less equity at the day's begin
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    heat: Decimal  # share of equity
    heat_limit: Decimal | None
    open_orders: int
    unknown_orders: int
    unacknowledged: int  # warnings that nobody has acknowledged
    orders_today: int | None
    differences: tuple[dict[str, object], ...]
    venues_waiting: tuple[str, ...]
    disk_low: bool
    loop_p50_s: float | None
    loop_p99_s: float | None
    counts: dict[str, int]  # events applied, by EventKind's name, since the journal's begin
    reasons: dict[str, int]  # how often each Reason was given
    breaker: BreakerFigures
    positions: tuple[PositionFigures, ...]
    orders: tuple[OrderFigures, ...]  # open ones first, newest first
    purses: tuple[PurseFigures, ...]
    feeds: tuple[FeedFigures, ...]
    strategies: tuple[StrategyFigures, ...]
    venues: tuple[VenueFigures, ...]
    rails: tuple[RailFigures, ...]
    backup: dict[str, object]
    lease: dict[str, object] | None
    durable_sequence: int = 0  # records below it are on the medium
    gas: Decimal = Decimal(0)  # paid for transactions on a chain
    premium: Decimal = Decimal(0)  # paid for what was borrowed
    pid: int | None = None  # of the process that showed this
    started_ns: int | None = None  # when that began to show itself, this machine's clock
    turns: tuple[int, ...] = ()  # of its loop since then, by length: entry n counts those of at most 2**n ns
    checked: tuple[int, ...] = ()  # requests by how long the kernel took for each, as `turns`; live desks say it
    latency: dict[str, dict[str, tuple[int, ...]]] = {}  # venue -> submit, cancel, amend, ask -> answers, as `turns`
