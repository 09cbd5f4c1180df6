"""What Prometheus scrapes.

catalogue   every name, its labels, its kind, and what it means; and the names that are absent, with why
counting    what the desks' logs count: orders, fills, refusals by symbol and side, latencies; kept in the store
gauges      what the desks' figures say
page        the text that is served
exporter    a process that serves /metrics alone
"""

from typing import Final

__all__ = ["CONTENT_TYPE"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
