"""A real exporter and a real Prometheus that scrapes it, each on a port of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
MONITORING = REPOSITORY / "monitoring"
PATIENCE_S = 120.0


def program(name: str) -> str:
    """The program's path; a test that needs one that is missing fails with this word."""
    found = shutil.which(name)
    assert found is not None, f"no {name}: run make servers, or install Debian's prometheus and prometheus-alertmanager"
    return found


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@contextmanager
def running(words: list[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, text=True, **how)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def exporter(*arguments: str, folder: Path = REPOSITORY) -> Iterator[str]:
    """Runs the entry script of the runbook; yields the address of its page."""
    words = [sys.executable, str(MONITORING / "prometheus_exporter.py"), "--port", "0", *arguments]
    paths = os.pathsep.join(filter(None, (str(REPOSITORY / "src"), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    with running(words, cwd=folder, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert " at http" in said, "the exporter did not begin"
        yield said.split()[-1]


class Prometheus:
    """Asks a running Prometheus."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str) -> Any:
        address = f"{self.address}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            raw = answer.read()
        return json.loads(raw)["data"] if raw.startswith(b"{") else raw

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.get("/api/v1/query", query=expression)["result"]

    def ready(self) -> bool:
        try:
            return b"Ready" in self.get("/-/ready")
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """Scrapes the target every two seconds, by the repository's own configuration and rules."""
    host = urllib.parse.urlsplit(target).netloc
    text = (MONITORING / "prometheus.yml").read_text()
    for before, after in (
        ("127.0.0.1:8002", host),
        (': ["127.0.0.1:9093"]', ": []"),
        ("interval: 5s", "interval: 2s"),
        ("- rules/", f"- {MONITORING}/rules/"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "prometheus.yml").write_text(text)
    port = free_port()
    words = [
        program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with running(words) as process:
        asked = Prometheus(port)
        until(lambda: asked.ready() or process.poll() is not None)
        assert process.poll() is None, "Prometheus ended"
        yield asked


def until(condition: Callable[[], object], each: Callable[[], object] = lambda: time.sleep(0.05)) -> None:
    """Waits until it is so; `each` is done between two looks."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be so"
        each()
