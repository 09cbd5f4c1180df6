"""A healthy desk's figures, events as the bus tells them, an ops.toml in a folder, and a clock that is told."""

import threading
from collections.abc import Mapping
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.config.ops import OpsConfig, load_ops
from quarterdeck.journal import rfc3339
from quarterdeck.ops.alerts.model import Finding, Severity
from quarterdeck.ops.alerts.rules import RULES
from quarterdeck.ops.bus import BusEvent
from quarterdeck.ops.figures import (
    BreakerFigures,
    DeskFigures,
    FeedFigures,
    PositionFigures,
    RailFigures,
    StrategyFigures,
    VenueFigures,
)

START_NS = 1_700_000_000_000_000_000  # a Tuesday
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DESK = "alpha"
FILE_CHANNEL = '[[channels]]\nname = "book"\nkind = "file"\npath = "told.jsonl"\n'
BREAKER = BreakerFigures(
    stage="NORMAL", multiplier=Decimal(1), locked=False, since_ns=None, killed_ns=None, cooldown_until_ns=None,
    trips_today=0, drawdown_limit=None, grades={},
)  # fmt: skip
VENUE = VenueFigures(
    name="sim", connected=True, error_breaker="closed", error_rate=0.0, messages_per_s=1.0, exposure=Decimal(0),
    reconciled_age_s=1.0,
)  # fmt: skip
FEED = FeedFigures(
    instrument="XRP@sim", venue="sim", bid=Decimal(1), ask=Decimal(2), mark=Decimal("1.5"), age_s=0.1,
    funding_rate=None, unreconciled=False, paused=False, exposure=Decimal(0),
)  # fmt: skip
STRATEGY = StrategyFigures(
    name="momentum", paused=False, throttled=False, enabled=True, weight=Decimal(1), realised=Decimal(0),
    unrealised=Decimal(0), fees=Decimal(0), funding=Decimal(0), realised_day=Decimal(0), exposure=Decimal(0), fills=0,
)  # fmt: skip
POSITION = PositionFigures(
    strategy="momentum", instrument="XRP@sim", venue="sim", quantity=Decimal(20), average_price=Decimal(1),
    mark_price=Decimal(1), value=Decimal(20), unrealised=Decimal(0), realised=Decimal(0), protected=True,
)  # fmt: skip
RAIL = RailFigures(
    rail="EXPOSURE_TOTAL_CAP", scope="desk", use=Decimal(10), limit=Decimal(100), share=0.1, unit="money",
    warned=False, refused=0,
)  # fmt: skip
HEALTHY = DeskFigures(
    desk=DESK, mode="paper", base_currency="USDC", alive=True, shown_ns=START_NS, time_ns=START_NS, epoch=1,
    sequence=1000, recovered=True, stopping=False, failure="", paused=False, flattening=False, trading=True,
    holding_back=(), equity=Decimal(100_000), equity_peak=Decimal(100_000), cash=Decimal(100_000), exposure=Decimal(0),
    buying_power=None, drawdown=Decimal(0), pnl_day=Decimal(0), realised=Decimal(0), unrealised=Decimal(0),
    fees=Decimal(0), funding=Decimal(0), heat=Decimal(0), heat_limit=None, open_orders=0, unknown_orders=0,
    unacknowledged=0, orders_today=None, differences=(), venues_waiting=(), disk_low=False, loop_p50_s=0.001,
    loop_p99_s=0.002, counts={}, reasons={}, breaker=BREAKER, positions=(POSITION,), orders=(), purses=(),
    feeds=(FEED,), strategies=(STRATEGY,), venues=(VENUE,), rails=(RAIL,), backup={"enabled": False}, lease=None,
)  # fmt: skip


class Clock:
    """A wall clock that goes where it is told."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def later(self, seconds: float) -> int:
        self.now_ns += int(seconds * SECOND_NS)
        return self.now_ns


def changed(**words: Any) -> DeskFigures:
    return msgspec.structs.replace(HEALTHY, **words)


def event(
    name: str, time_ns: int = START_NS, sequence: int = 7, topic: str = "risk.violation", **data: Any
) -> BusEvent:
    """A log line as the bus tells it."""
    whole = {"event": name, "logged": rfc3339(time_ns), "sequence": sequence, "desk": DESK, **data}
    return BusEvent(f"{DESK}:{sequence}:{name}:{time_ns}", topic, DESK, time_ns, sequence, whole)


def finding(rule: str, subject: str = "desk", **words: Any) -> Finding:
    said: dict[str, Any] = {"severity": RULES[rule].severity, "summary": f"{rule} of {subject}", "desk": DESK, **words}
    return Finding(rule=rule, subject=subject, **said)


def ops(folder: Path, text: str = FILE_CHANNEL) -> OpsConfig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ops.toml").write_text(text)
    return load_ops(folder)


def told(folder: Path, name: str = "told.jsonl") -> list[dict[str, Any]]:
    """What a file channel has written."""
    path = folder / name
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


class Hook:
    """A real HTTP server on loopback that keeps what is posted to it, and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[str, dict[str, Any]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.path, msgspec.json.decode(body)))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """The tests look at `got`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> "Hook":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def severities(notices: list[Mapping[str, Any]]) -> list[str]:
    return [str(one["severity"]) for one in notices]


WORST_FIRST = tuple(Severity)
