"""Alpaca: US equities. The codec does no I/O; `venue` puts sockets and threads around it.

Orders and questions go through alpaca-py's own REST client; both streams are read by a codec of our own (`client` and
`socket` say why).
"""

from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.venue import AlpacaOptions, AlpacaVenue

__all__ = ["AlpacaOptions", "AlpacaVenue", "Keys"]
