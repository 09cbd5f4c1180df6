"""A real redis-server on a port and in a folder of its own, and waiting for what must come."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from quarterdeck.ops.bus import BusEvent, Subscription

PROGRAM = "redis-server"
PATIENCE_S = 20.0


class Redis:
    """One Redis that keeps what it is told through a restart."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which(PROGRAM)
        assert found is not None, f"no {PROGRAM}: make test installs it"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [found, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "no", "--save", "", "--loglevel", "warning"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Returns once it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                    line.sendall(b"PING\r\n")
                    if line.recv(64).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            assert self._process.poll() is None, "it did not start"
            assert time.monotonic() < until
            time.sleep(0.01)

    @property
    def alive(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """Kills it, as a machine that dies would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


async def until(condition: Callable[[], object]) -> None:
    """Waits until it holds, at most 20 s."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.005)


async def take(heard: Subscription, count: int) -> list[BusEvent]:
    """The next events of a subscription."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(heard) for _ in range(count)]
