"""The whole floor as a demo: every desk live on twins of its venues, the ops plane and the console beside them.

Everything lies in one folder: a folder for each desk, ops.toml, and a token for the API in `.ops_token`. Somebody who
may do everything is made for the console, with a password that is said once.
"""

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from quarterdeck.config import DeskConfig
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

    `command` is how quarterdeck is called, tethered. To be called in the main thread.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, console_port = _free_port(_API_PORT), _free_port(_API_PORT + 1)
    names = [config.desk.name for config in desks]
    (folder / OPS_FILE).write_text(_settings(names, port, console_port))
    _introduce(load_ops(folder), desks[0].operators.people[0], console_port, port, say)

    def ready() -> bool:
        return all((folder / name / "desk.toml").is_file() for name in names)

    place = str(folder)
    children = [
        _child(name, (*command, "demo", str(config.folder), "--dir", str(folder / name), "--speed", f"{speed:g}"))
        for name, config in zip(names, desks, strict=True)
    ]
    children.append(_child("ops", (*command, "ops", place), 1, ready))
    children.append(_child("console", (*command, "console", place), 2, ready))
    ended = threading.Event()
    watching = folder, names, ready, (port, console_port), say, seconds, ended
    watcher = threading.Thread(target=_watch, args=watching, name="watcher", daemon=True)
    watcher.start()
    try:
        return Upkeep(children, folder / "logs", say).run()
    finally:
        ended.set()
        watcher.join()
        _last_words(folder, names, say)


def _child(name: str, argv: Sequence[str], rank: int = 0, after: Callable[[], bool] = lambda: True) -> Child:
    """A demo leaves nothing behind, however it ends: `command` listens to its standard input."""
    return Child(name, argv, rank, after=after, tethered=True)


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


def _watch(
    folder: Path,
    names: Sequence[str],
    ready: Callable[[], bool],
    ports: Sequence[int],
    say: _Say,
    seconds: float | None,
    ended: threading.Event,
) -> None:
    """Says every few seconds how the desks stand; ends the demo when its time is over."""
    while not ready():
        if ended.wait(_LOOK_S):
            return
    desks = Desks.load([folder / name for name in names])
    ends = told = None
    while not ended.wait(_LOOK_S):
        seen = {name: see(desk) for name, desk in desks.items()}
        now = time.monotonic()
        trading = all(one is not None and one.recovered for one in seen.values())
        if ends is None and trading and all(map(_listens, ports)):
            ends = float("inf") if seconds is None else now + seconds
            say("every desk trades, and API and console answer")
        if told is None or now - told >= _EVERY_S:
            told = now
            _tell(seen, say)
        if ends is not None and now >= ends:
            os.kill(os.getpid(), signal.SIGTERM)
            break
    desks.close()


def _tell(seen: Mapping[str, DeskFigures | None], say: _Say) -> None:
    for name, one in seen.items():
        say(f"{name:14} {'starts' if one is None else _sentence(one)}")


def _sentence(one: DeskFigures) -> str:
    counts = one.counts
    orders, fills = counts.get("ORDER_ACCEPTED", 0), counts.get("FILL", 0)
    held = ", ".join(f"{position.quantity:+f} {position.instrument}" for position in one.positions) or "flat"
    stage = "" if one.breaker.stage == "NORMAL" else f", breaker {one.breaker.stage}"
    return (
        f"equity {one.equity:,.2f} {one.base_currency} ({one.pnl_day:+,.2f} today), {orders} orders, {fills} fills,"
        f" {one.open_orders} open, {held}{stage}"
    )


def _last_words(folder: Path, names: Sequence[str], say: _Say) -> None:
    if not all((folder / name / "desk.toml").is_file() for name in names):
        return
    desks = Desks.load([folder / name for name in names])
    _tell({name: see(desk) for name, desk in desks.items()}, say)
    desks.close()
    say(f"everything of this demo lies in {folder}: logs, journals, the ops plane's own files")
    say(f"look back: quarterdeck replay {folder / names[0]}; quarterdeck journal verify {folder / names[0]}")
