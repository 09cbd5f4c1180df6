"""The practice venue: our own exchange twin, spoken to over a real wire."""
