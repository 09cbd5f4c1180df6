"""The deterministic simulator: whole desks on a simulated clock, disk and network, with faults, against an oracle."""
