"""Market data: instruments, files of prices, their quality, and an order-flow model that makes a market of its own."""

from quarterdeck.market.events import Events, blank_events, join_events, merge_events, take_events
from quarterdeck.market.grids import Rounding, round_figures, significant_step
from quarterdeck.market.instruments import Instrument, share_exponents
from quarterdeck.market.loading import MarketData, Source, load, load_capture
from quarterdeck.market.orderflow import OrderFlow, OrderFlowTerms, xrp_perpetual
from quarterdeck.market.quality import FileQuality, Finding, Quality
from quarterdeck.market.splits import Split

__all__ = [
    "Events",
    "FileQuality",
    "Finding",
    "Instrument",
    "MarketData",
    "OrderFlow",
    "OrderFlowTerms",
    "Quality",
    "Rounding",
    "Source",
    "Split",
    "blank_events",
    "join_events",
    "load",
    "load_capture",
    "merge_events",
    "round_figures",
    "share_exponents",
    "significant_step",
    "take_events",
    "xrp_perpetual",
]
