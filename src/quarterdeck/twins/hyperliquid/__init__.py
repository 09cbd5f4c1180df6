"""A twin of Hyperliquid: a local server that speaks its protocol, with our kernel matching inside."""
