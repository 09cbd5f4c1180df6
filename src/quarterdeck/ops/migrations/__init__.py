"""How the ops plane's tables came to be: `quarterdeck.ops.migrations.env` runs `versions/` when a store is opened."""
