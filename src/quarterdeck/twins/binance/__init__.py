"""A twin of Binance, spot and USD-M: a local server that speaks its protocol, with our kernel matching inside."""
