"""Twins: exchanges of our own making, with which desks are tried before real money is."""
