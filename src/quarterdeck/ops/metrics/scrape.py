"""One scrape: figures of every desk, what their logs have counted, and what the machine says.

    metrics = Metrics(desks, store)
    page = metrics.collect()      # bytes, for CONTENT_TYPE; in a thread: it reads files

A page serves everybody who asks within a moment: several scrapers cost what one costs. Counters are right across
scrapes, restarts and processes: they come from the journaled state, or from the logs by way of the store. What cannot
be read leaves its own samples out, says so in a gauge, and nothing else.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import psutil

from quarterdeck.backup.schedule import last_backup_ns
from quarterdeck.errors import OpsError, QuarterdeckError
from quarterdeck.ops.desks import SeenDesk
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.health.desk import standby_lag
from quarterdeck.ops.health.machine import read_clock
from quarterdeck.ops.health.stores import captured
from quarterdeck.ops.metrics.catalogue import CATALOGUE, LATENCY_BUCKETS_S
from quarterdeck.ops.metrics.counting import LogCounts
from quarterdeck.ops.metrics.gauges import add_figures, result_of
from quarterdeck.ops.metrics.page import Page
from quarterdeck.ops.metrics.tally import SLIPPAGE_BUCKETS_BPS, Tally, labels_of
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store

__all__ = ["Metrics"]

_HOUR_NS: Final = 3_600_000_000_000
_FRESH_S: Final = 0.5  # for so long one page serves everybody
_SAVE_S: Final = 5.0  # the store is asked and written so often; in between the logs are counted in memory
_SLOW_S: Final = 60.0  # what is dear to look at is looked at again after so long
_MILLISECONDS: Final = ("submit_to_ack_ms", "fill_latency_ms")
_Suppressed = Callable[[], Mapping[str, int]]


class Metrics:
    """The metrics of some desks. `suppressed` tells how many alerts of each were not sent. `close` it when done.

    `fresh_s`: how old a page may be that is given once more; 0: each is made anew, and the store asked for each.
    """

    def __init__(
        self,
        desks: Mapping[str, SeenDesk],
        store: Store,
        suppressed: _Suppressed | None = None,
        fresh_s: float = _FRESH_S,
    ) -> None:
        # Readers of its own: scrapes run in threads.
        self._desks = {name: SeenDesk(desk.config, desk.place.root) for name, desk in desks.items()}
        self._save_s = _SAVE_S if fresh_s else 0.0
        self._counts = {name: LogCounts(store, name, one.place.logs, self._save_s) for name, one in self._desks.items()}
        self._suppressed = suppressed
        self._fresh_s = fresh_s
        self._one_at_a_time = threading.Lock()
        self._slow: dict[str, tuple[float, dict[str, float | None]]] = {}
        self._told: tuple[float, Mapping[str, int] | None] | None = None
        self._page: tuple[float, bytes] | None = None  # when it was done, and what it says

    def collect(self) -> bytes:
        """Returns the page. It may be called from any thread; whoever asks while one is made is given that one."""
        with self._one_at_a_time:
            if self._page is not None and time.monotonic() - self._page[0] < self._fresh_s:
                return self._page[1]
            page = Page()
            for name, desk in self._desks.items():
                self._add(page, name, desk)
            self._add_machine(page)
            text = page.text()
            self._page = time.monotonic(), text
            return text

    def close(self) -> None:
        for counts in self._counts.values():
            counts.close()
        for desk in self._desks.values():
            desk.close()

    def _add(self, page: Page, name: str, desk: SeenDesk) -> None:
        found: DeskFigures | None = None
        aside: dict[str, float | None] = {}
        unreadable = False
        try:
            found = see(desk, with_orders=False)
            aside = self._looked_at_slowly(name, desk)
        except (QuarterdeckError, OSError):
            unreadable = True  # told by the gauge, and by the desk's health
        page.add("quarterdeck_metrics_unreadable", name, unreadable)
        if found is None:
            page.add("quarterdeck_up", name, 0)
        else:
            add_figures(page, found, time.time_ns())
            _add_process(page, found)
            page.add("quarterdeck_standby_lag_records", name, standby_lag(found))
        self._add_counts(page, name, found)
        for metric, value in aside.items():
            metric_name, _, label = metric.partition(":")
            page.add(metric_name, name, value, *([label] if label else []))

    def _add_counts(self, page: Page, name: str, found: DeskFigures | None) -> None:
        counts = self._counts[name]
        try:
            tally = counts.catch_up(lambda one: False if found is None else _sampled(one, found))
        except OpsError:
            tally, stored = counts.tally, 0
        else:
            stored = 1
        page.add("quarterdeck_metrics_store_up", name, stored)
        page.add("quarterdeck_log_lines_unreadable_total", name, counts.unreadable + _own_unreadable(tally))
        _add_tally(page, name, tally)
        if found is not None:
            page.add("hat_manifesto_win_rate", name, _win_rate(tally, found))

    def _looked_at_slowly(self, name: str, desk: SeenDesk) -> dict[str, float | None]:
        """Ages of files, and the disk."""
        known = self._slow.get(name)
        if known is not None and time.monotonic() - known[0] < _SLOW_S:
            return known[1]
        root, config, now_ns = desk.place.root, desk.config, time.time_ns()
        last_ns = last_backup_ns(config, root)
        room = shutil.disk_usage(root)
        said: dict[str, float | None] = {
            "quarterdeck_backup_age_seconds": (now_ns - last_ns) / 1e9 if last_ns else None,
            "quarterdeck_backup_configured": float(config.backup.answered),
            "quarterdeck_disk_free_ratio": room.free / room.total,
        }
        for what in ("ticks", "funding"):
            age_s = captured(root, what).details["age_s"]
            said[f"quarterdeck_capture_age_seconds:{what}"] = age_s if isinstance(age_s, float) else None
        self._slow[name] = time.monotonic(), said
        return said

    def _add_machine(self, page: Page) -> None:
        """What is one for all desks here carries each one's name: a rule then finds it beside the desk's own."""
        clock, suppressed = read_clock(), self._not_sent()
        for name in self._desks:
            if clock is not None:
                page.add("quarterdeck_clock_offset_seconds", name, clock.offset_ms / 1e3)
                page.add("quarterdeck_clock_steered", name, clock.steered)
            if suppressed is not None:
                page.add("quarterdeck_alerts_suppressed_total", name, suppressed.get(name, 0))

    def _not_sent(self) -> Mapping[str, int] | None:
        """How many alerts of each desk were not sent; None where the store fails, as another gauge says."""
        if self._told is None or time.monotonic() - self._told[0] >= self._save_s:
            said: Mapping[str, int] | None = None
            with contextlib.suppress(OpsError):
                said = None if self._suppressed is None else self._suppressed()
            self._told = time.monotonic(), said
        return self._told[1]


def _add_process(page: Page, found: DeskFigures) -> None:
    if not found.alive or found.pid is None:
        return
    try:
        process = psutil.Process(found.pid)
        with process.oneshot():
            held, times = process.memory_info().rss, process.cpu_times()
    except psutil.Error:
        return  # it ended meanwhile, or is another user's
    page.add("quarterdeck_process_memory_bytes", found.desk, held)
    page.add("quarterdeck_process_cpu_seconds_total", found.desk, times.user + times.system)


def _sampled(tally: Tally, found: DeskFigures) -> bool:
    """Adds the hour's results; returns whether any was new."""
    hour, equity = found.time_ns // _HOUR_NS, float(found.equity)
    results = {one.name: one.realised + one.unrealised - one.fees + one.funding for one in found.strategies}
    results[""] = result_of(found)
    new = [tally.sample(name, hour, float(result), equity) for name, result in results.items()]
    return any(new)


def _own_unreadable(tally: Tally) -> int:
    return sum(tally.counters.get("quarterdeck_log_lines_unreadable_total", {}).values())


def _add_tally(page: Page, name: str, tally: Tally) -> None:
    for metric, rows in tally.counters.items():
        if metric in CATALOGUE and CATALOGUE[metric].labels:
            for key, count in rows.items():
                page.add(metric, name, count, *labels_of(key))
    for metric, rows in tally.histograms.items():
        scale = 1000.0 if metric in _MILLISECONDS else 1.0
        buckets = SLIPPAGE_BUCKETS_BPS if metric.endswith("_bps") else LATENCY_BUCKETS_S
        bounds = [round(bound * scale, 6) for bound in buckets]
        for key, one in rows.items():
            labels = labels_of(key) if CATALOGUE[metric].labels else []
            page.histogram(metric, name, bounds, one.counts, one.sum * scale, *labels)
    for one, returns in tally.returns.items():
        if one:
            page.add("strategy_sharpe", name, returns.sharpe, one)
        else:
            page.add("hat_manifesto_sharpe_ratio", name, returns.sharpe)


def _win_rate(tally: Tally, found: DeskFigures) -> float | None:
    """None until something was closed; and where the logs do not have every fill that the journal has."""
    told: dict[str, int] = {}
    for key, count in tally.counters.get("hat_manifesto_trades_total", {}).items():
        strategy = labels_of(key)[0]
        told[strategy] = told.get(strategy, 0) + count
    if any(one.fills != told.get(one.name, 0) for one in found.strategies):
        return None
    closed = {"won": 0, "lost": 0}
    for key, count in tally.counters.get("quarterdeck_closed_fills_total", {}).items():
        closed[labels_of(key)[1]] += count
    total = sum(closed.values())
    return closed["won"] / total if total else None
