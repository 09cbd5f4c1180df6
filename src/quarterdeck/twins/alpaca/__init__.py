"""A twin of Alpaca's US equities: a local server that speaks its protocol, with our kernel matching inside."""
