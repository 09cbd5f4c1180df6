"""Hyperliquid: perpetuals and spot. The codec does no I/O; `venue` puts sockets and threads around it."""
