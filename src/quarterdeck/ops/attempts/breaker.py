"""The breaker of a running desk for scripts: how it stands, and what stops it or lets it go on.

Nothing here is a copy of it: what is asked is read from what the desk shows and from its journal, what is done goes to
the desk over its control socket and is journaled there. Losses and failures are those of the last hour and day, by the
desk's clock; the gas of failed attempts is a loss as well.

| call | the desk is told | |
|---|---|---|
| `emergency_stop(reason)` | LOCK | every order stops until a person unlocks |
| `pause_trading(reason)` | PAUSE | no entries |
| `resume_trading()` | RESUME | signed, by QUARTERDECK_PERSON; refused in an emergency |
| `reset_circuit_breaker()` | RESUME | the same, where the breaker is open: it begins its recovery |
"""

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from quarterdeck.desk.wire import Answer, Command, Verb, ask
from quarterdeck.errors import DeskError
from quarterdeck.journal import rfc3339
from quarterdeck.ops.attempts.accounting import Accounting, get_accounting
from quarterdeck.ops.attempts.money import Usd
from quarterdeck.ops.attempts.place import ChainDesk, desk_here
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.seeing import see

__all__ = ["PERSON_VARIABLE", "CircuitBreaker", "get_circuit_breaker"]

PERSON_VARIABLE: Final = "QUARTERDECK_PERSON"
TRADE_LOSS_MAX: Final = Usd(500)
HOUR_LOSS_MAX: Final = Usd(2000)
HOUR_FAILURES_MAX: Final = 10
HOUR_TRADES_MAX: Final = 300
_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_HOUR_NS: Final = 3600 * _SECOND_NS
_DAY_NS: Final = 24 * _HOUR_NS


class CircuitBreaker:
    """The breaker of one desk. DeskError where a command meets no running desk, or one that refuses it."""

    def __init__(self, desk: ChainDesk, accounting: Accounting) -> None:
        self._desk, self._accounting = desk, accounting

    def get_status(self) -> dict[str, Any]:
        """How it stands. Without a running desk: how it stood last, which is said; None for what nobody knows."""
        figures = self._figures()
        windows = self._windows()
        breaker = None if figures is None else figures.breaker
        return {
            "running": figures is not None and figures.alive,
            "emergency_shutdown": None if breaker is None else breaker.locked,
            "trading_paused": None if figures is None else figures.paused,
            "circuit_open": None if breaker is None else not breaker.multiplier,
            "circuit_open_reason": self._why_open(figures),
            "circuit_open_time": None if breaker is None or not breaker.killed_ns else rfc3339(breaker.killed_ns),
            "half_open": None if breaker is None else 0 < breaker.multiplier < 1,
            "stage": None if breaker is None else breaker.stage,
            "holding_back": [] if figures is None else list(figures.holding_back),
            "metrics": self._accounting.get_pnl_summary("today"),
            **windows,
        }

    def check_safety_limits(self, opportunity: Mapping[str, Any] | None = None) -> tuple[bool, str]:
        """Whether an attempt would be let through now, and the code of the first thing that says no.

        Of an opportunity these are looked at where they are said: profit_usd, position_usd, gas_cost_usd,
        gas_price_gwei; slippage, price_impact and pool_share as shares of one. The desk itself looks at them again
        with what the newest block says.
        """
        figures = self._figures()
        if figures is None or not figures.alive:
            return False, "DESK_NOT_RUNNING"
        if figures.breaker.locked:
            return False, "EMERGENCY_SHUTDOWN"
        if figures.paused:
            return False, "TRADING_PAUSED"
        if not figures.breaker.multiplier:
            return False, "CIRCUIT_OPEN"
        refused = self._too_much(opportunity or {})
        if refused is None:
            refused = self._tripped(self._windows())
        return (True, "OK") if refused is None else (False, refused)

    def emergency_stop(self, reason: str) -> Answer:
        """Locks the desk. Returns its acknowledgement."""
        return self._tell(Verb.LOCK, reason)

    def pause_trading(self, reason: str) -> Answer:
        """Stops entries. Returns the desk's acknowledgement."""
        return self._tell(Verb.PAUSE, reason)

    def resume_trading(self, reason: str = "resumed by a script", person: str | None = None) -> Answer:
        """Lets entries go on, signed. DeskError in an emergency: a person unlocks first."""
        self._refuse_in_emergency("resume")
        return self._tell(Verb.RESUME, reason, person or os.environ.get(PERSON_VARIABLE))

    def reset_circuit_breaker(self, reason: str = "reset by a script", person: str | None = None) -> Answer:
        """Lets an open breaker begin its recovery, signed. DeskError in an emergency, or where it is not open."""
        self._refuse_in_emergency("reset the breaker")
        figures = self._figures()
        if figures is not None and figures.alive and figures.breaker.multiplier:
            raise DeskError(f"the breaker of desk {self._name} is not open ({figures.breaker.stage}): nothing to reset")
        return self._tell(Verb.RESUME, reason, person or os.environ.get(PERSON_VARIABLE))

    def record_trade(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Records nothing: the desk journals every attempt itself, and the breaker counts what stands there."""
        text = f"desk {self._name} records its own attempts in its journal: nothing is to be told from outside"
        return {"recorded": False, "text": text}

    @property
    def _name(self) -> str:
        return self._desk.config.desk.name

    def _figures(self) -> DeskFigures | None:
        figures = see(self._desk.seen, with_orders=False)
        if figures is None:
            sys.stderr.write(f"desk {self._name} has never run: start it with `quarterdeck run {self._name}`\n")
        elif not figures.alive:
            since = rfc3339(figures.shown_ns)
            sys.stderr.write(f"desk {self._name} is not running: this is how it stood at {since}\n")
        return figures

    def _why_open(self, figures: DeskFigures | None) -> str | None:
        if figures is None or figures.breaker.multiplier:
            return None
        return "; ".join(figures.holding_back) or figures.breaker.stage

    def _windows(self) -> dict[str, Any]:
        """Money and counts of the last minute, hour and day."""
        trades = self._accounting.trades
        now_ns = self._accounting.now_ns()
        spent = self._accounting.book.spent

        def lost(window_ns: int) -> Usd:
            earned = sum((one.net_profit_usd for one in trades if one.time_ns > now_ns - window_ns), Usd(0))
            other = sum((one.usd for one in spent if one.time_ns > now_ns - window_ns), Usd(0))
            return Usd(max(Decimal(0), other - earned)).cents()

        hour = [one for one in trades if one.time_ns > now_ns - _HOUR_NS]
        losses = [-one.net_profit_usd for one in hour]
        return {
            "hourly_loss": lost(_HOUR_NS),
            "daily_loss": lost(_DAY_NS),
            "largest_loss": Usd(max(losses, default=Decimal(0))).cents(),
            "recent_failures": sum(not one.success for one in hour),
            "trades_last_minute": sum(one.time_ns > now_ns - _MINUTE_NS for one in hour),
            "trades_last_hour": len(hour),
        }

    def _too_much(self, said: Mapping[str, Any]) -> str | None:
        """The code of the first limit of an opportunity that is passed; the limits are the desk's own."""
        chain = self._desk.chain
        least = said.get("profit_usd")
        if least is not None and Decimal(str(least)) < chain.minimum_profit:
            return "PROFIT_TOO_LOW"
        limits = (
            ("position_usd", self._desk.config.limits.max_exposure, "POSITION_TOO_LARGE"),
            ("slippage", chain.slippage, "SLIPPAGE_TOO_HIGH"),
            ("price_impact", chain.price_impact, "MARKET_IMPACT_TOO_HIGH"),
            ("gas_price_gwei", chain.max_gas_price_gwei, "GAS_PRICE_TOO_HIGH"),
            ("gas_cost_usd", chain.max_gas_cost, "GAS_COST_TOO_HIGH"),
            ("pool_share", chain.pool_share, "POOL_SHARE_TOO_HIGH"),
        )
        for key, limit, code in limits:
            value = said.get(key)
            if value is not None and Decimal(str(value)) > limit:
                return code
        return None

    def _tripped(self, windows: Mapping[str, Any]) -> str | None:
        """The code of the first loss, number of failures or rate that is too much."""
        limits = self._desk.config.limits
        trips = (
            ("largest_loss", TRADE_LOSS_MAX, "TRADE_LOSS_LIMIT"),
            ("hourly_loss", HOUR_LOSS_MAX, "HOURLY_LOSS_LIMIT"),
            ("daily_loss", limits.max_daily_loss, "DAILY_LOSS_LIMIT"),
            ("recent_failures", HOUR_FAILURES_MAX, "TOO_MANY_FAILURES"),
            ("trades_last_minute", limits.orders_per_minute, "RATE_LIMIT_MINUTE"),
            ("trades_last_hour", HOUR_TRADES_MAX, "RATE_LIMIT_HOUR"),
        )
        return next((code for key, most, code in trips if windows[key] >= most), None)

    def _refuse_in_emergency(self, what: str) -> None:
        figures = self._figures()
        if figures is not None and figures.alive and figures.breaker.locked:
            way = f"a person unlocks it with `quarterdeck unlock {self._name} --person NAME`"
            raise DeskError(f"desk {self._name} is locked, so it does not {what}: {way}")

    def _tell(self, verb: Verb, reason: str, person: str | None = None) -> Answer:
        origin = f"{getpass.getuser()}@{socket.gethostname()} by script"
        command = Command(verb=verb, why=reason, person=person, origin=origin)
        return ask(self._desk.place.socket, self._name, command)


@lru_cache(maxsize=8)
def _opened(desk: ChainDesk, accounting: Accounting) -> CircuitBreaker:
    return CircuitBreaker(desk, accounting)


def get_circuit_breaker() -> CircuitBreaker:
    """The breaker of the desk that is meant: QUARTERDECK_DESK's, or the current directory's."""
    return _opened(desk_here(), get_accounting())
