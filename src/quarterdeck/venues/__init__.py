"""Venues: what a desk says to them and hears from them, and how each one is spoken to."""
