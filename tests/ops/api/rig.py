"""A real paper desk and a real ops plane, each a process of its own, with tokens of every kind.

alpha   the shipped desk, small, thirty times as fast as the clock; one port is bound to it
beta    another desk, which has never run; another port is bound to it, and a third one to both
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from quarterdeck.config.ops import load_ops
from quarterdeck.ops.access import Role, Tokens
from quarterdeck.ops.store import Store
from tests.desk.builders import REPOSITORY, desk_folder

PATIENCE_S = 120.0
COMMAND = (sys.executable, "-c", "import quarterdeck.cli, quarterdeck.cli.ops; quarterdeck.cli.main()")
DESKS = ("alpha", "beta")
PERSON = "operator-1"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens at; all of them different."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def write_ops(folder: Path, ports: dict[str, int], more: str = "") -> None:
    """An ops.toml: a port for each of its desks, and one for all of them."""
    bound = {"alpha": '["alpha"]', "beta": '["beta"]', "both": '["alpha", "beta"]'}
    listens = "".join(f"[[listen]]\nport = {port}\ndesks = {bound[name]}\n" for name, port in ports.items())
    text = f'[ops]\ndesks = ["alpha", "beta"]\n{listens}[access]\nfailures = 1000\n{more}'
    (folder / "ops.toml").write_text(text)


def write_desks(folder: Path) -> None:
    for name in DESKS:
        desk_folder(folder / name, ('name = "xrpliquid"', f'name = "{name}"'))


@dataclass
class Running:
    """A process of ours; what it says goes to a file."""

    words: tuple[str, ...]
    folder: Path
    name: str
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.said = self.folder / f"{self.name}.said"
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *self.words], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something; fails with the process's last words when it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"{self.name} ended: {self.said.read_text()[-3000:]}"
            assert time.monotonic() < deadline, (
                f"not so after {PATIENCE_S} s; {self.name}: {self.said.read_text()[-3000:]}"
            )
            time.sleep(0.05)

    def stop(self) -> int:
        """Ends it in order; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


class Rig:
    """Both processes, and one token for each role; "expired" and "revoked" open nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_desks(folder)
        self.ports = dict(zip(("alpha", "beta", "both"), free_ports(3), strict=True))
        write_ops(folder, self.ports)
        self.tokens = make_tokens(folder)
        self.desk = self.start_desk()
        self.ops = self.start_ops()
        self.client = httpx.Client(timeout=30.0)

    def start_desk(self) -> Running:
        desk = Running(("run", str(self.folder / "alpha"), "--speed", "30"), self.folder, "alpha-desk")
        desk.until((self.folder / "alpha" / "data" / "control.sock").exists)
        return desk

    def start_ops(self) -> Running:
        return Running(("ops", str(self.folder)), self.folder, "ops")

    def wait(self) -> None:
        """Until both answer, and the desk has orders that work."""
        self.ops.until(lambda: self.answers("/readyz"))
        self.ops.until(self.has_orders)

    def answers(self, path: str) -> bool:
        try:
            return self.client.get(self.url(path)).status_code == 200
        except httpx.TransportError:
            return False

    def url(self, path: str, port: str = "alpha") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def ask(
        self, method: str, path: str, *, port: str = "alpha", role: str | None = "viewer", **words: Any
    ) -> httpx.Response:
        """One request; `role` None: without a token."""
        headers = dict(words.pop("headers", {}))
        if role is not None:
            headers.setdefault("X-OPS-TOKEN", self.tokens[role])
        return self.client.request(method, self.url(path, port), headers=headers, **words)

    def get(self, path: str, **words: Any) -> httpx.Response:
        return self.ask("GET", path, **words)

    def post(self, path: str, **words: Any) -> httpx.Response:
        words.setdefault("role", "operator")
        return self.ask("POST", path, **words)

    def until(self, condition: Callable[[], bool]) -> None:
        self.ops.until(condition)

    def trading_again(self) -> None:
        """Brings the desk back to work, and waits until orders of it do."""
        if self.desk.process.poll() is not None:
            self.desk = self.start_desk()
            self.until(lambda: self.answers("/readyz"))
        answer = self.post("/api/trading/resume", json={"why": "test"})
        assert answer.status_code == 200, answer.text
        self.until(self.has_orders)

    def has_orders(self) -> bool:
        return bool(self.get("/api/trading/orders/pending").json()["orders"])

    def log_lines(self, name: str = "system.log") -> Iterable[dict[str, Any]]:
        text = (self.folder / "alpha" / "logs" / name).read_text()
        return [json.loads(line) for line in text.splitlines()]

    def audit_lines(self) -> list[dict[str, Any]]:
        trail = self.folder / "ops" / "access.jsonl"  # begins with its first record
        return [json.loads(line) for line in trail.read_text().splitlines()] if trail.exists() else []

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    def close(self) -> None:
        self.client.close()
        self.ops.kill()
        self.desk.kill()


def make_tokens(folder: Path) -> dict[str, str]:
    """Tokens of one person, made as the command line makes them."""
    config = load_ops(folder)
    store = Store(config.data)
    try:
        tokens = Tokens(store, config.access)
        made = {str(role): tokens.new(PERSON, role)[0] for role in Role}
        made["expired"], _ = tokens.new(PERSON, Role.ADMIN, days=1e-9)
        made["revoked"], about = tokens.new(PERSON, Role.ADMIN)
        tokens.revoke(about.token_id)
        made["beta-admin"], _ = tokens.new(PERSON, Role.ADMIN, ("beta",))
        made["second"], _ = tokens.new("operator-2", Role.ADMIN)
        made["stranger"], _ = tokens.new("stranger", Role.ADMIN)
        return made
    finally:
        store.close()
