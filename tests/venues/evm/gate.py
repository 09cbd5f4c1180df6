"""A line that can be cut: it stands before a real node and passes bytes on, until a test says otherwise."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Gate", "until"]

PATIENCE_S = 30.0


def until(holds: Callable[[], object], what: str = "") -> None:
    """Waits for what another thread does."""
    patience = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < patience, f"it never came: {what}"
        time.sleep(0.005)


class Gate:
    """Listens at `port`, the same one whenever it is open, and passes on to `target`.

    While it is `mute`, a line is cut when the node begins to answer: what was asked has arrived.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port, self.mute = target, 0, False
        self._listener: socket.socket | None = None
        self._lines: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._threads.append(threading.Thread(target=self._accept, args=[self._listener], daemon=True))
        self._threads[-1].start()

    def shut(self) -> None:
        """Cuts every line and takes no new one."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for line in tuple(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._threads.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # shut
            while True:
                line, _ = listener.accept()
                self._threads.append(threading.Thread(target=self._pass, args=[line], daemon=True))
                self._threads[-1].start()

    def _pass(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line, socket.create_connection(("127.0.0.1", self.target)) as node:
            self._lines.add(line)
            ways = {line: node, node: line}
            while True:
                for source in select.select(list(ways), [], [])[0]:
                    said = source.recv(65_536)
                    if not said or (source is node and self.mute):
                        return
                    ways[source].sendall(said)
        self._lines.discard(line)
