"""Research: backtests and what is made of them."""

from quarterdeck.research.backtest import run_backtest
from quarterdeck.research.command import BACKTESTS, BacktestOptions, backtest_command
from quarterdeck.research.curve import Curve, Sharpe
from quarterdeck.research.fitting import DataRequest, FittedDesk, choose_strategies, fit_desk
from quarterdeck.research.page import render_page
from quarterdeck.research.result import BacktestResult, InstrumentSummary, StrategySummary

__all__ = [
    "BACKTESTS",
    "BacktestOptions",
    "BacktestResult",
    "Curve",
    "DataRequest",
    "FittedDesk",
    "InstrumentSummary",
    "Sharpe",
    "StrategySummary",
    "backtest_command",
    "choose_strategies",
    "fit_desk",
    "render_page",
    "run_backtest",
]
