"""Quarterdeck: automated trading across venues, and the operations around it."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("quarterdeck")
