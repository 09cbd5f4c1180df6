"""What answers look like: models for the OpenAPI document. The answers themselves are made by `views`.

Money is a number in the desk's base currency. A figure that is not known is null, never zero. Times are RFC 3339.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

__all__ = [
    "ActionRow",
    "AggregateExposure",
    "AggregateMetrics",
    "AggregatePortfolio",
    "AlertList",
    "AlertRow",
    "ApprovalList",
    "ApprovalRow",
    "Balances",
    "Cleared",
    "Commanded",
    "ConnectionTest",
    "DeskList",
    "DeskRow",
    "DeskStats",
    "DeskStatus",
    "DeskSummary",
    "Done",
    "ExposureTotals",
    "HealthAnswer",
    "HealthComponent",
    "IncidentAnswer",
    "IncidentList",
    "IncidentRow",
    "Me",
    "NewToken",
    "OrderAnswer",
    "OrderList",
    "OrderRow",
    "OrderStepRow",
    "PhaseRow",
    "Pnl",
    "PositionList",
    "PositionRow",
    "ReadyAnswer",
    "ReadyDesk",
    "RiskLimits",
    "SignalList",
    "SignalRow",
    "SilenceList",
    "SilenceRow",
    "State",
    "StatsAnswer",
    "StrategyRow",
    "StrategyStatus",
    "SymbolExposure",
    "ThrottleLimits",
    "TimelineRow",
    "TokenList",
    "TokenRow",
    "TradeList",
    "TradeRow",
    "TradingDesk",
    "TradingStatus",
    "VenueTest",
    "WholeState",
]

Number = Annotated[float, Field(description="exact: read it as a decimal number")]


class IncidentRow(BaseModel):
    id: int
    title: str
    severity: str
    desk: str
    alert: int | None
    state: str
    detected_at: str
    opened_at: str
    opened_by: str
    acknowledged_at: str | None
    acknowledged_by: str
    resolved_at: str | None
    resolved_by: str


class IncidentList(BaseModel):
    incidents: list[IncidentRow]
    count: int


class PhaseRow(BaseModel):
    name: str
    target_s: Number | None
    elapsed_s: Number
    verdict: str


class TimelineRow(BaseModel):
    time: str
    source: str
    what: str
    text: str
    person: str
    sequence: int | None


class ActionRow(BaseModel):
    id: int
    text: str
    owner: str
    due: str
    done_at: str | None
    done_by: str


class IncidentAnswer(IncidentRow):
    clock: list[PhaseRow]
    actions: list[ActionRow]
    timeline: list[TimelineRow]


class Done(BaseModel):
    status: str


class AlertRow(BaseModel):
    id: int
    rule: str
    desk: str
    subject: str
    severity: str
    state: str
    summary: str
    facts: dict[str, Any]
    sequence: int
    count: int
    fired_at: str
    last_at: str
    told_at: str | None
    held: str
    level: int
    acknowledged_at: str | None
    acknowledged_by: str
    note: str
    resolved_at: str | None
    resolved_by: str


class AlertList(BaseModel):
    alerts: list[AlertRow]
    count: int
    suppressed: dict[str, int]


class SilenceRow(BaseModel):
    id: int
    rule: str
    desk: str
    subject: str
    every: str
    begins_at: str
    ends_at: str | None
    active: bool
    person: str
    reason: str


class SilenceList(BaseModel):
    silences: list[SilenceRow]


class Me(BaseModel):
    person: str
    role: str
    desks: list[str]
    token_id: str
    expires_at: str | None
    may: list[str]


class TokenRow(BaseModel):
    token_id: str
    person: str
    role: str
    desks: list[str]
    state: str
    created_at: str
    expires_at: str
    used_at: str | None
    revoked_at: str | None
    replaced_by: str | None


class NewToken(TokenRow):
    token: str | None = Field(description="shown this once; a repeated Idempotency-Key is told null")


class TokenList(BaseModel):
    tokens: list[TokenRow]


class ApprovalRow(BaseModel):
    approval_id: str
    action: str
    desks: list[str]
    words: str
    person: str
    state: str
    created_at: str
    expires_at: str
    approver: str | None
    approved_at: str | None


class ApprovalList(BaseModel):
    approvals: list[ApprovalRow]


class Commanded(BaseModel):
    """What each desk acknowledged: it is in its journal, at that sequence, and applied."""

    status: str
    action: str
    person: str
    at: str
    desks: dict[str, dict[str, Any]]


class PositionRow(BaseModel):
    desk: str
    symbol: str
    strategy: str
    venue: str
    side: str = Field(description="long or short")
    quantity: Number
    average_price: Number
    mark_price: Number | None
    market_value: Number
    unrealized_pnl: Number
    realized_pnl: Number
    protected: bool = Field(description="whether protective stops stand for all of it")


class PositionList(BaseModel):
    positions: list[PositionRow]
    total_value_usd: Number = Field(description="the sum of market_value")
    gross_value_usd: Number
    equity_usd: Number
    buying_power_usd: Number | None
    currency: str
    updated_at: str


class TradingDesk(BaseModel):
    auto_trading: bool
    holding_back: list[str]
    mode: str
    paused: bool
    breaker: str
    locked: bool
    alive: bool
    updated_at: str


class TradingStatus(BaseModel):
    auto_trading: bool
    last_signal_check: str | None
    total_trades_today: int | None
    active_strategies: list[str]
    open_orders: int
    unknown_orders: int
    desks: dict[str, TradingDesk]


class OrderStepRow(BaseModel):
    timestamp: str
    from_state: str
    to_state: str
    reason: str


class OrderRow(BaseModel):
    desk: str
    order_id: str
    client_order_id: str
    strategy: str
    symbol: str
    venue: str
    side: str
    type: str
    time_in_force: str
    price: Number | None
    trigger_price: Number | None
    quantity: Number
    filled_quantity: Number
    average_fill_price: Number | None
    fee: Number
    status: str
    open: bool
    post_only: bool
    reduce_only: bool
    protective: bool
    reason: str
    created_at: str
    updated_at: str


class OrderAnswer(OrderRow):
    history: list[OrderStepRow]


class OrderList(BaseModel):
    orders: list[OrderRow]
    count: int
    updated_at: str


class RiskLimits(BaseModel):
    """A limit that is not set is null."""

    desk: str
    max_daily_loss: Number | None
    portfolio_heat_limit: Number | None
    max_drawdown: Number | None
    max_position_size: Number | None = Field(description="the smallest of the instruments' limits")
    equity_floor: Number | None
    max_exposure: Number | None
    instruments: dict[str, Number]
    currency: str
    overrides: dict[str, Any] = Field(description="what was changed at run time, as it survives a restart")


class ThrottleLimits(BaseModel):
    desk: str
    max_orders_per_minute: int | None
    enabled: bool
    used: int | None = Field(description="orders of the last minute")


class HealthComponent(BaseModel):
    status: str
    message: str
    last_check: str
    response_time_ms: Number | None
    details: dict[str, Any]


class HealthAnswer(BaseModel):
    status: str = Field(description="healthy, degraded or unhealthy")
    timestamp: str
    components: dict[str, HealthComponent]


class ReadyDesk(BaseModel):
    ready: bool
    why: str


class ReadyAnswer(BaseModel):
    status: str = Field(description="ready or not ready")
    timestamp: str
    desks: dict[str, ReadyDesk]


class VenueTest(BaseModel):
    level: str = Field(description="ok, WARN or FAIL")
    what: str
    why: str
    way: str


class Cleared(BaseModel):
    status: str
    cleared: dict[str, int] = Field(description="fills and orders that were forgotten, desk by desk")


class ConnectionTest(BaseModel):
    connected: bool
    desks: dict[str, list[VenueTest]]


class DeskRow(BaseModel):
    name: str
    mode: str
    description: str
    alive: bool
    bound: bool = Field(description="whether a route without /desks/NAME means it, on this port")


class DeskList(BaseModel):
    desks: list[DeskRow]


class State(BaseModel):
    recovered: bool
    alive: bool
    sequence: int
    epoch: int
    breaker: str
    updated_at: str


class Balances(BaseModel):
    equity: Number
    cash: Number
    exposure: Number


class Pnl(BaseModel):
    realized: Number
    unrealized: Number
    fees: Number
    funding: Number
    today: Number


class DeskSummary(BaseModel):
    state: State
    trading_enabled: bool
    holding_back: list[str]
    balances: Balances
    pnl: Pnl
    positions: list[PositionRow]
    currency: str


class WholeState(BaseModel):
    recovered: bool
    alive: bool


class DeskStatus(BaseModel):
    """All desks together, and each alone."""

    state: WholeState
    trading_enabled: bool
    balances: Balances
    pnl: Pnl
    positions: list[PositionRow]
    desks: dict[str, DeskSummary]


class AggregateMetrics(BaseModel):
    venues: dict[str, dict[str, Any]]
    ts: str


class AggregatePortfolio(BaseModel):
    total_equity_usd: Number
    cash_usd: Number
    gain_usd: Number
    return_pct: Number | None
    baseline_equity_usd: Number
    venues: list[dict[str, Any]]
    count: int
    last_refresh_epoch: Number


class SymbolExposure(BaseModel):
    qty_base: Number
    last_price_usd: Number | None
    exposure_usd: Number


class ExposureTotals(BaseModel):
    exposure_usd: Number
    count: int
    venues: int


class AggregateExposure(BaseModel):
    totals: ExposureTotals
    by_symbol: dict[str, SymbolExposure]


class StrategyRow(BaseModel):
    desk: str
    name: str
    rank: int
    score: Number = Field(description="its result in money, costs taken off: what the rows are ranked by")
    sharpe: Number | None
    drawdown: Number | None
    realized: Number
    unrealized: Number
    fees: Number
    funding: Number
    trades: int
    samples: int | None
    is_current: bool = Field(description="whether it may enter positions")


class StrategyStatus(BaseModel):
    registry: dict[str, dict[str, Any]]
    leaderboard: list[StrategyRow]
    ts: str


class SignalRow(BaseModel):
    desk: str
    strategy: str
    time: str
    instrument: str
    side: str
    price: Number | None
    quantity: Number
    reason: str


class SignalList(BaseModel):
    signals: list[SignalRow]
    ts: str


class TradeRow(BaseModel):
    desk: str
    time: str
    sequence: int
    trade_id: int
    order_id: str
    strategy: str
    instrument: str
    side: str
    price: Number | None
    quantity: Number
    fee: Number
    liquidity: str


class TradeList(BaseModel):
    trades: list[TradeRow]
    count: int
    updated_at: str


class DeskStats(BaseModel):
    equity: Number
    equity_peak: Number
    drawdown: Number
    pnl_day: Number
    realized: Number
    unrealized: Number
    fees: Number
    funding: Number
    currency: str
    trades_today: int | None
    events: dict[str, int]
    reasons: dict[str, int]


class StatsAnswer(BaseModel):
    desks: dict[str, DeskStats]
    updated_at: str
