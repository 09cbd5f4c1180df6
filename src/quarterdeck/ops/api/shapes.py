"""What answers look like: models for the OpenAPI document. The answers themselves are made by `views`.

Money is a number in the desk's base currency. A figure that is not known is null, never zero. Times are RFC 3339.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ActionRow",
    "ActionWords",
    "AggregateExposure",
    "AggregateMetrics",
    "AggregatePortfolio",
    "AlertList",
    "AlertRow",
    "ApprovalList",
    "ApprovalRow",
    "ApprovalWords",
    "Balances",
    "Cleared",
    "CommandWords",
    "Commanded",
    "ConnectionTest",
    "DeskList",
    "DeskRow",
    "DeskStats",
    "DeskStatus",
    "DeskSummary",
    "Done",
    "EnabledWords",
    "ExposureTotals",
    "FlagWords",
    "HealthAnswer",
    "HealthComponent",
    "IncidentAnswer",
    "IncidentList",
    "IncidentNote",
    "IncidentRow",
    "IncidentWords",
    "Me",
    "NewToken",
    "NoteWords",
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
    "ResolutionWords",
    "RiskLimits",
    "RiskWords",
    "ShutdownWords",
    "SignalList",
    "SignalRow",
    "SilenceList",
    "SilenceRow",
    "SilenceWords",
    "State",
    "StatsAnswer",
    "StrategyRow",
    "StrategyStatus",
    "SymbolExposure",
    "ThrottleLimits",
    "ThrottleWords",
    "TimelineRow",
    "TokenList",
    "TokenRow",
    "TokenWords",
    "TradeList",
    "TradeRow",
    "TradingDesk",
    "TradingStatus",
    "VenueTest",
    "WholeState",
    "Words",
]

Number = Annotated[float, Field(description="exact: read it as a decimal number")]
_PLAIN: Final = "^[^\\x00]*$"  # databases take no NUL
_NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
Text = Annotated[str, Field(max_length=1_000, pattern=_PLAIN)]
Name = Annotated[str, Field(max_length=100, pattern=_PLAIN)]


class Words(BaseModel):
    """A request's body: nothing in it may be misspelt."""

    model_config = ConfigDict(extra="forbid")


class CommandWords(Words):
    """What may be said with a command. No body is a command for the whole desk."""

    why: Text = Field(default="", description="Goes into the journal.")
    strategy: Name | None = Field(default=None, description="Only this strategy.")
    instrument: Name | None = Field(default=None, description="Only this instrument.")
    protective: bool = Field(default=False, description="Cancel protective orders too (kill, cancel).")


class FlagWords(Words):
    """What may be said with a command for the whole desk."""

    why: Text = Field(default="", description="Goes into the journal.")


class EnabledWords(Words):
    """/kill as the runbook says it: false stops trading, true lets it go on. No body stops it."""

    enabled: bool = False
    why: Text = ""


class ShutdownWords(Words):
    keep_orders: bool | None = Field(default=None, description="null: as the desk's policy says.")
    why: Text = ""


class RiskWords(Words):
    """Limits to change; those left out stay. Money in the desk's base currency, shares of one."""

    max_daily_loss: Decimal | None = Field(default=None, description="Its amount counts: -500 and 500 are the same.")
    portfolio_heat_limit: Decimal | None = Field(default=None, ge=0, le=1)
    max_drawdown: Decimal | None = Field(default=None, ge=0, le=1)
    max_position_size: Decimal | None = Field(default=None, ge=0, description="Exposure of each instrument, in money.")
    equity_floor: Decimal | None = Field(default=None, ge=0)
    max_exposure: Decimal | None = Field(default=None, ge=0)
    why: Text = ""


class ThrottleWords(Words):
    max_orders_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    enabled: bool | None = Field(default=None, description="false: the limit is off.")
    why: Text = ""


class NoteWords(Words):
    note: Text = ""


class SilenceWords(Words):
    """What is held back: names, or patterns as of a shell. It ends after so many hours, or comes again (`every`)."""

    rule: Name = "*"
    desk: Name = "*"
    subject: Name = "*"
    reason: Annotated[str, Field(min_length=1, max_length=1_000, pattern=_PLAIN)]
    hours: float | None = Field(default=None, gt=0, le=24 * 366)
    every: Name = Field(default="", description="as weekly sunday 02:00-04:00, in UTC")


class TokenWords(Words):
    person: str = Field(pattern=_NAME)
    role: Literal["viewer", "operator", "risk", "admin"]
    desks: list[Annotated[str, Field(max_length=64)]] = Field(default=[], max_length=64, description="None: all.")
    days: float | None = Field(default=None, gt=0, le=3_650)


class ApprovalWords(Words):
    """The command that a second person is to approve."""

    action: Literal["unlock", "configure", "resume"]
    desks: list[Name] = Field(min_length=1, max_length=64)
    strategy: Name | None = None
    instrument: Name | None = None
    settings: dict[str, str | float | int | bool] = Field(default={}, max_length=32, description="Of configure.")


class IncidentWords(Words):
    """An incident by hand, or about an alert, whose words and desk it then has."""

    title: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""
    severity: Literal["P0", "P1", "P2", "P3", "P4"]
    desk: Name = ""
    alert: int | None = Field(default=None, ge=1, le=2**31 - 1)


class IncidentNote(Words):
    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=_PLAIN)]
    kind: Literal["note", "impact", "cause", "mitigation", "resolution", "lesson", "prevention"] = "note"


class ResolutionWords(Words):
    text: Annotated[str, Field(max_length=4_000, pattern=_PLAIN)] = ""


class ActionWords(Words):
    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=_PLAIN)]
    owner: Annotated[str, Field(min_length=1, max_length=64, pattern=_NAME)]
    due: Annotated[str, Field(max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""


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
