"""The page that Prometheus scrapes: families by name, each sample with its desk, written by prometheus-client."""

from collections.abc import Sequence
from typing import Any, Final, cast

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from quarterdeck.ops.metrics.catalogue import CATALOGUE, Kind

__all__ = ["Page"]

_FAMILIES: Final[dict[Kind, Any]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Page:
    """Collects one scrape. Names and labels are those of the catalogue; another one is a KeyError or ValueError."""

    def __init__(self) -> None:
        self._families: dict[str, Any] = {}
        for name, metric in CATALOGUE.items():
            if metric.kind != "gauge":  # before anything was counted its name is there, and no sample
                self._family(name, metric.labels)

    def add(self, name: str, desk: str, value: Any, *labels: str) -> None:
        """Adds one gauge or counter. None is not known, and not served."""
        if value is not None:
            self._family(name, labels).add_metric([desk, *labels], float(value))

    def histogram(
        self, name: str, desk: str, bounds: Sequence[float], counts: Sequence[int], total: float | None, *labels: str
    ) -> None:
        """Adds one histogram: `counts` has one entry for each bound and one for all above; `total` is their sum."""
        buckets: list[tuple[str, float]] = []
        so_far = 0
        for bound, count in zip((*bounds, float("inf")), counts, strict=True):
            so_far += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), so_far))
        self._family(name, labels).add_metric([desk, *labels], buckets, sum_value=total)

    def collect(self) -> list[Metric]:
        """What prometheus-client asks a registry for."""
        return list(self._families.values())

    def text(self) -> bytes:
        """Returns the page."""
        return generate_latest(cast(Any, self))

    def _family(self, name: str, labels: tuple[str, ...]) -> Any:
        known = self._families.get(name)
        if known is None:
            metric = CATALOGUE[name]
            known = _FAMILIES[metric.kind](name, metric.help, labels=["desk", *metric.labels])
            self._families[name] = known
        if len(labels) != len(CATALOGUE[name].labels):
            raise ValueError(f"{name} has the labels {CATALOGUE[name].labels}, not {labels}")
        return known
