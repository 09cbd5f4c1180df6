"""How the ledger's tables came to be: `quarterdeck.ledger.migrations.env` runs `versions/` when a ledger is opened."""
