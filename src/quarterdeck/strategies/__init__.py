"""Strategies: the contract that each keeps, and those that come with Quarterdeck."""
