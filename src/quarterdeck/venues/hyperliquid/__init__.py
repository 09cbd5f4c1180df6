"""Hyperliquid: perpetuals and spot. The codec does no I/O; `venue` puts sockets and threads around it."""

from quarterdeck.venues.hyperliquid.signing import Signer
from quarterdeck.venues.hyperliquid.venue import HyperliquidOptions, HyperliquidVenue

__all__ = ["HyperliquidOptions", "HyperliquidVenue", "Signer"]
