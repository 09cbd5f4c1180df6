"""The whole floor as a demo: every desk live on twins of its venues, the ops plane and the console beside them.

Everything lies in one folder: a folder for each desk, ops.toml, and a token for the API in `.ops_token`. Somebody who
may do everything is made for the console, with a password that is said once.
"""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.config import DESK_FILE, DeskConfig
from quarterdeck.config.ops import OPS_FILE, OpsConfig, load_ops
from quarterdeck.errors import QuarterdeckError
from quarterdeck.ops.access import Gate, Role
from quarterdeck.ops.access.tokens import write_token_file
from quarterdeck.ops.desks import Desks
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.seeing import see
from quarterdeck.ops.store import Store
from quarterdeck.ops.upkeep import Child, Upkeep

__all__ = ["show_floor"]

_API_PORT: Final = 8002
_EVERY_S: Final = 5.0
_LOOK_S: Final = 0.2
_TOKEN_FILE: Final = ".ops_token"
_Say = Callable[[str], None]


def show_floor(
    desks: Sequence[DeskConfig],
    command: Sequence[str],
    folder: Path,
    say: _Say,
    *,
    speed: float,
    seconds: float | None,
) -> int:
    """Runs until Ctrl-C, or until `seconds` after every desk trades; returns the exit code.

    It ends before that when one of its processes is given up while others still start.

    `command` is how quarterdeck is called, tethered. To be called in the main thread.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, console_port = _free_port(_API_PORT), _free_port(_API_PORT + 1)
    names = [config.desk.name for config in desks]
    (folder / OPS_FILE).write_text(_settings(names, port, console_port))
    _introduce(load_ops(folder), desks[0].operators.people[0], console_port, port, say)

    def ready() -> bool:
        return all((folder / name / DESK_FILE).is_file() for name in names)

    place = str(folder)
    children = [
        _child(name, (*command, "demo", str(config.folder), "--dir", str(folder / name), "--speed", f"{speed:g}"))
        for name, config in zip(names, desks, strict=True)
    ]
    children.append(_child("ops", (*command, "ops", place), 1, ready))
    children.append(_child("console", (*command, "console", place), 2, ready))
    upkeep, ended = Upkeep(children, folder / "logs", say), threading.Event()
    floor = _Floor(folder, names, children, ready, (port, console_port), say)
    with ThreadPoolExecutor(1, "watcher") as pool:
        watching = pool.submit(floor.watch, seconds, ended)
        watching.add_done_callback(lambda _: upkeep.stop())  # the time is over, or there is nothing to watch
        try:
            code = upkeep.run()
        finally:
            ended.set()
    floor.last_words()
    watching.result()  # what kept it from watching, if something did
    return code


def _child(name: str, argv: Sequence[str], rank: int = 0, after: Callable[[], bool] = lambda: True) -> Child:
    """A demo leaves nothing behind, however it ends: `command` listens to its standard input.

    A desk that died is not started again: the twins that it traded on are gone with it.
    """
    return Child(name, argv, rank, after=after, tethered=True, again=rank > 0)


def _settings(names: Sequence[str], port: int, console_port: int) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"[ops]\ndesks = [{listed}]\nconsole_port = {console_port}\n\n[[listen]]\nport = {port}\n"


def _introduce(config: OpsConfig, person: str, console_port: int, port: int, say: _Say) -> None:
    """Makes somebody who may do everything, and a token for programs."""
    store = Store(config.data)
    try:
        gate = Gate(store, config.access, config.ops.production, config.data / "access.jsonl")
        password = secrets.token_urlsafe(12)
        gate.people.add(person, Role.ADMIN, by="demo")
        gate.people.set_password(person, password, by="demo")
        secret, _ = gate.tokens.new(person, Role.ADMIN, by="demo")
        gate.close()
    finally:
        store.close()
    write_token_file(config.folder / _TOKEN_FILE, secret)
    say(f"console: http://localhost:{console_port} (as {person}, with the password {password})")
    say(f"API: http://localhost:{port}/docs (the token is in {config.folder / _TOKEN_FILE})")


def _free_port(wanted: int) -> int:
    """The port that was asked for; any other where somebody has that one."""
    for port in (wanted, 0):
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                line.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(line.getsockname()[1])
    raise QuarterdeckError("this machine has no free port: close something that listens")


def _listens(port: int) -> bool:
    with socket.socket() as line:
        line.settimeout(1.0)
        return line.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class _Floor:
    """What is watched: the desks by name, all processes, and the two ports that are to answer."""

    folder: Path
    names: Sequence[str]
    children: Sequence[Child]
    ready: Callable[[], bool]
    ports: Sequence[int]
    say: _Say

    def watch(self, seconds: float | None, ended: threading.Event) -> None:
        """Says every few seconds how the desks stand; returns when the demo's time is over, or when it `ended`."""
        while not self.ready():
            if self._lost() or ended.wait(_LOOK_S):
                return
        with contextlib.closing(self._desks()) as desks:
            ends = told = None
            while not ended.wait(_LOOK_S):
                seen = {name: see(desk) for name, desk in desks.items()}
                now = time.monotonic()
                trading = all(one is not None and one.recovered for one in seen.values())
                if ends is None and trading and all(map(_listens, self.ports)):
                    ends = float("inf") if seconds is None else now + seconds
                    self.say("every desk trades, and API and console answer")
                if told is None or now - told >= _EVERY_S:
                    told = now
                    self._tell(seen)
                if self._lost() if ends is None else now >= ends:
                    return

    def last_words(self) -> None:
        """How the desks were left, and where everything is."""
        if self.ready():
            with contextlib.closing(self._desks()) as desks:
                self._tell({name: see(desk) for name, desk in desks.items()})
        self.say(f"everything of this demo lies in {self.folder}: logs, journals, the ops plane's own files")
        if self.ready():
            first = self.folder / self.names[0]
            self.say(f"look back: quarterdeck replay {first}; quarterdeck journal verify {first}")

    def _desks(self) -> Desks:
        return Desks.load([self.folder / name for name in self.names])

    def _lost(self) -> bool:
        """Whether one of the processes is not kept any more. Before all of them run there is no floor then."""
        lost = [f"{child.name} ({child.over})" for child in self.children if child.over]
        if lost:
            self.say(f"the demo ends, without {', '.join(lost)}")
        return bool(lost)

    def _tell(self, seen: Mapping[str, DeskFigures | None]) -> None:
        for name, one in seen.items():
            self.say(f"{name:14} {'starts' if one is None else _sentence(one)}")


def _sentence(one: DeskFigures) -> str:
    counts = one.counts
    orders, fills = counts.get("ORDER_ACCEPTED", 0), sum(strategy.fills for strategy in one.strategies)
    held = ", ".join(f"{position.quantity:+f} {position.instrument}" for position in one.positions) or "flat"
    stage = "" if one.breaker.stage == "NORMAL" else f", breaker {one.breaker.stage}"
    return (
        f"equity {one.equity:,.2f} {one.base_currency} ({one.pnl_day:+,.2f} today), {orders} orders, {fills} fills,"
        f" {one.open_orders} open, {held}{stage}"
    )
