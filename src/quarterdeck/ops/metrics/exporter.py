"""A process that serves /metrics alone: `python monitoring/prometheus_exporter.py --port 8000`.

It looks after the desks that it is given, or those of ops.toml, or the desk whose folder it was started in. What it
counts lies in the same store as the ops plane's, so both may run.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, cast

from quarterdeck.config.loading import DESK_FILE
from quarterdeck.config.ops import OPS_FILE, load_ops
from quarterdeck.errors import QuarterdeckError
from quarterdeck.ops.desks import Desks
from quarterdeck.ops.metrics import CONTENT_TYPE
from quarterdeck.ops.metrics.scrape import Metrics
from quarterdeck.ops.store import Store

__all__ = ["MetricsServer", "main"]

_PATH: Final = "/metrics"
_OPS_FOLDER: Final = "ops"


class _Handler(BaseHTTPRequestHandler):
    """One request. Everything but GET /metrics is not there."""

    server_version = "quarterdeck"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != _PATH:
            self.send_error(HTTPStatus.NOT_FOUND, f"only {_PATH} is here")
            return
        page = cast(MetricsServer, self.server).metrics.collect()
        try:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        except ConnectionError:  # its patience was over; Prometheus counts that itself
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """A scrape every few seconds is no news."""


class MetricsServer(ThreadingHTTPServer):
    """Serves the pages of `metrics`. Port 0: any free one, which `server_port` then says. OSError: it is taken."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], metrics: Metrics) -> None:
        self.metrics = metrics
        super().__init__(address, _Handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until it is told to end; returns the exit code."""
    parser = argparse.ArgumentParser(description="Serves the desks' metrics for Prometheus, and nothing else.")
    parser.add_argument("desks", nargs="*", help="desks by name or folder; else those of ops.toml, or the one here")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at; by default only this machine")
    parser.add_argument("--ops", type=Path, help="the folder with ops.toml")
    given = parser.parse_args(arguments)
    try:
        places, data = _places(given.desks, given.ops)
        desks = Desks.load(places)
        store = Store(data)
        server = MetricsServer((given.host, given.port), Metrics(desks, store))
    except QuarterdeckError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{given.host}:{given.port}: {error.strerror}: give another --port\n")
        return 1
    signal.signal(signal.SIGTERM, _interrupt)
    names = ", ".join(desks)
    sys.stdout.write(f"metrics of {names} at http://{given.host}:{server.server_port}{_PATH}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
        server.metrics.close()
        store.close()
        desks.close()
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _places(desks: Sequence[str], ops: Path | None) -> tuple[list[str | Path], Path]:
    """Returns the desks, and where the ops plane that looks after them keeps its own files."""
    here = Path()
    if ops is not None or (not desks and not (here / DESK_FILE).exists()):
        config = load_ops(ops)
        return list(desks or config.desk_places), config.data
    if desks:
        found = [Path(desk) for desk in desks if (Path(desk) / DESK_FILE).is_file()]
        folder = found[0] if found else Path("desks") / desks[0]
        return list(desks), _data_of(folder)
    return [here], _data_of(here)


def _data_of(desk: Path) -> Path:
    """The ops plane's folder where one is beside the desk; else one of the desk's own."""
    above = desk.resolve().parent
    return (above if (above / OPS_FILE).is_file() else desk) / _OPS_FOLDER


if __name__ == "__main__":
    sys.exit(main())
