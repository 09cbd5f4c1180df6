"""Whether a venue, or its twin, does what a desk relies on: one list of scenarios for all, and the gate before live."""
