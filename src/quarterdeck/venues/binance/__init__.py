"""Binance: spot, and USD-M perpetual futures. The codec does no I/O; `venue` puts sockets and threads around it."""

from quarterdeck.venues.binance.keys import ApiKey
from quarterdeck.venues.binance.venue import BinanceOptions, BinanceVenue

__all__ = ["ApiKey", "BinanceOptions", "BinanceVenue"]
