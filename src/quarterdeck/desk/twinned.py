"""A live desk on twins of its venues, for a demo or a proof: twins as child processes, a key of its own, a folder.

    with Twinned(config, folder, speed=10, seed=7, say=print) as twinned:
        run the desk in `twinned.folder` with a clock from `twinned.clock()`

Keys are made here and live in this process's and its children's environment alone; nobody else's account can be meant.
The folder gets the desk's own desk.toml, changed so that its venues are the twins, and copies of its JSON files.
"""

import os
import queue
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import requests
from eth_account import Account

from quarterdeck.config import DeskConfig
from quarterdeck.config.documents import Document, read_toml
from quarterdeck.desk.pace import SPEED_MAX, FastClock, paced
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.strategies.sessions import sessions_of
from quarterdeck.twins.binance.command import SECRETS_VARIABLE
from quarterdeck.venues.alpaca import keys as alpaca_keys
from quarterdeck.venues.binance import keys as binance_keys
from quarterdeck.venues.evm import wallet as evm_keys
from quarterdeck.venues.hyperliquid import signing as hyperliquid_keys

__all__ = ["RECIPES", "Recipe", "Twinned", "toml_text"]

_PATIENCE_S: Final = 300.0  # for a twin's first line; the first start on a machine compiles
_END_S: Final = 20.0
_SECOND_NS: Final = 1_000_000_000
_BEFORE_OPENING_S: Final = 30  # of the market
_STARTING_S: Final = 20  # real seconds that a desk may take to start
_CHAIN_BLOCK_S: Final = 12.0  # of the market's time, as on the main chain
_PORT: Final = re.compile(r" listens at 127\.0\.0\.1:(\d+)")
_CHILD: Final = "from quarterdeck.cli.tethered import main; main()"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one twin is started, and what the desk must know to reach it.

    `venues`: for each venue that it serves, by the name it has in the desk, the keys of its [[venues]] table beside
    name, address and limits. `given` goes to the environment of the twin, `kept` to that of this process. `opening_ns`
    is when its market opens: its clock begins a little before. None: it begins at the real time. `files` are what the
    running twin says, by the path that it answers and the file in the desk's folder that it becomes.
    """

    arguments: Sequence[str]
    venues: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    opening_ns: int | None = None
    files: Mapping[str, str] = field(default_factory=dict[str, str])

    def begins_ns(self, speed: float) -> int | None:
        """Returns where the market's clock begins: a desk that is still starting at the opening has missed it."""
        if self.opening_ns is None:
            return None
        return self.opening_ns - int(max(_BEFORE_OPENING_S, _STARTING_S * speed)) * _SECOND_NS


def _deposit(config: DeskConfig, venue: str) -> str:
    return str(sum(account.deposit for account in config.accounts if account.venue == venue))


def _hyperliquid(config: DeskConfig) -> Recipe:
    """An account that nobody has the key of, and an agent that may trade on it but not withdraw."""
    key, master = "0x" + secrets.token_hex(32), "0x" + secrets.token_hex(20)
    agent = str(Account.from_key(key).address)
    fund = f"{master}={_deposit(config, 'hyperliquid')}"
    return Recipe(
        arguments=("hyperliquid", "--fund", fund, "--agent", f"{agent}={master}"),
        venues={"hyperliquid": {"kind": "hyperliquid", "account": master}},
        kept={hyperliquid_keys.KEY_VARIABLE: key},
    )


def _binance(config: DeskConfig) -> Recipe:
    """One twin for spot and futures. It has BNB for the spot fees, which a buy would else pay in the coin bought."""
    key, secret = secrets.token_hex(32), secrets.token_hex(32)
    spot, futures = _deposit(config, "binance"), _deposit(config, "binance-usdm")
    return Recipe(
        arguments=("binance", "--key", f"{key}=USDT:{spot},BNB:5,futures:{futures}"),
        venues={"binance": {"kind": "binance"}, "binance-usdm": {"kind": "binance-usdm"}},
        given={SECRETS_VARIABLE: f"{key}={secret}"},
        kept={binance_keys.KEY_VARIABLE: key, binance_keys.SECRET_VARIABLE: secret},
    )


def _alpaca(config: DeskConfig) -> Recipe:
    """Its market is that of the latest session."""
    pair = {alpaca_keys.KEY_VARIABLE: "PK" + secrets.token_hex(9).upper(),
            alpaca_keys.SECRET_VARIABLE: secrets.token_urlsafe(30)}  # fmt: skip
    return Recipe(
        arguments=("alpaca", "--cash", _deposit(config, "alpaca")),
        venues={"alpaca": {"kind": "alpaca"}},
        given=pair,
        kept=pair,
        opening_ns=sessions_of("XNYS").latest(time.time_ns()).open_ns,
    )


def _evm(config: DeskConfig) -> Recipe:
    """A chain with a market of its own, and an account with coin for gas, whose executor stands there already."""
    key = "0x" + secrets.token_hex(32)
    address = str(Account.from_key(key).address)
    coin = sum(one.deposit for one in config.accounts if one.venue == "ethereum" and one.currency == "ETH")
    fund = f"{address}={coin}"
    return Recipe(
        arguments=("evm", "--block", f"{_CHAIN_BLOCK_S:g}", "--fund", fund),
        venues={"ethereum": {"kind": "evm"}},
        kept={evm_keys.KEY_VARIABLE: key},
        files={"/twin/universe": "config/universe.json"},
    )


RECIPES: Final[Mapping[str, Callable[[DeskConfig], Recipe]]] = {
    "hyperliquid": _hyperliquid,
    "binance": _binance,
    "binance-usdm": _binance,
    "alpaca": _alpaca,
    "ethereum": _evm,
}
"""By the name of the desk's venue."""


class _Child:
    """A twin's process, in a group of its own: a Ctrl-C is the desk's, which still needs its venue to end in order.

    It ends when its standard input does, so it never outlives this process.
    """

    def __init__(self, arguments: Sequence[str], secret: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, "twin", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, **secret}, start_new_session=True,
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="twin's words", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self._lines.put(line.rstrip())
        self._lines.put(None)

    def port(self) -> int:
        """Waits until it listens; returns where. DeskError: it ended, or said nothing for too long."""
        while True:
            try:
                line = self._lines.get(timeout=_PATIENCE_S)
            except queue.Empty as error:
                raise DeskError(f"the twin did not begin to listen within {_PATIENCE_S:g} s") from error
            if line is None:
                raise DeskError(f"the twin ended with status {self._process.wait()} before it listened")
            found = _PORT.search(line)
            if found:
                return int(found[1])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Lets it end in order, and waits for that."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_S)


class Twinned:
    """The twins of a desk's venues, and its live folder. A context manager: at its end the twins are gone."""

    def __init__(self, config: DeskConfig, folder: Path, *, speed: float, seed: int, say: Say) -> None:
        if not 0 < speed <= SPEED_MAX:
            raise ConfigError("command", "--speed", speed, f"above 0, at most {SPEED_MAX:g}: as fast as a twin goes")
        unknown = [venue.name for venue in config.venues if venue.name not in RECIPES]
        if unknown:
            raise ConfigError(config.file, "venues.name", unknown[0], f"one that has a twin: {', '.join(RECIPES)}")
        if (folder / "desk.toml").exists() or (folder / "data").exists():
            allowed = "a folder without a desk: the twins' accounts begin anew, and nothing of yours is written over"
            raise ConfigError("command", "--dir", str(folder), allowed)
        self.folder, self.speed = folder, speed
        self._config, self._seed, self._say = config, seed, say
        self._children: list[_Child] = []
        self._clock: FastClock | None = None
        self._kept = dict[str, str | None]()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def alive(self) -> bool:
        """Whether all twins still serve."""
        return all(child.alive for child in self._children)

    @property
    def clock(self) -> FastClock:
        """The market's time, as the desk is to have it."""
        assert self._clock is not None
        return self._clock

    def _begin(self) -> None:
        document = read_toml(Path(self._config.file), self._config.file)
        document["desk"]["mode"] = "live"
        tables = {str(table["name"]): table for table in document["venues"]}
        for make in dict.fromkeys(RECIPES[name] for name in tables):
            recipe = make(self._config)
            port = self._start(recipe)
            for path, file in recipe.files.items():
                self._fetch(port, path, self.folder / file)
            for name, keys in recipe.venues.items():
                if name in tables:
                    for key in ("order_latency_ms", "response_latency_ms"):
                        tables[name].pop(key, None)  # of a simulated venue
                    tables[name] |= {**keys, "address": f"127.0.0.1:{port}"}
            if self._clock is None:
                self._clock = FastClock(self.speed, recipe.begins_ns(self.speed))
        paced(document, self.speed)
        self._write(document)

    def _start(self, recipe: Recipe) -> int:
        """Starts a twin and takes its secrets into this process's environment; returns its port."""
        self._say(f"starting a twin of {recipe.arguments[0]}")
        more = ["--port", "0", "--speed", f"{self.speed:g}", "--seed", str(self._seed)]
        begins_ns = recipe.begins_ns(self.speed)
        if begins_ns is not None:
            more += ["--start", datetime.fromtimestamp(begins_ns // _SECOND_NS, UTC).isoformat()]
        child = _Child((*recipe.arguments, *more), recipe.given)
        self._children.append(child)
        for name, value in recipe.kept.items():
            self._kept.setdefault(name, os.environ.get(name))
            os.environ[name] = value
        return child.port()

    @staticmethod
    def _fetch(port: int, path: str, file: Path) -> None:
        answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=_END_S)
        if not answer.ok:
            raise DeskError(f"the twin answers {path} with status {answer.status_code}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)

    def _write(self, document: Document) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in document.get("risk", {}).values():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._config.folder / name, self.folder / name)
        unfinished = self.folder / "desk.toml.unfinished"
        unfinished.write_text(toml_text(document), "utf-8")
        unfinished.replace(self.folder / "desk.toml")  # whoever waits for it never sees half of it

    def _end(self) -> None:
        for child in self._children:
            child.stop()
        for name, value in self._kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def toml_text(document: Document) -> str:
    """Returns tables of texts, numbers, truths and lists of these as TOML."""
    return "\n".join(_table((), document)) + "\n"


def _table(path: tuple[str, ...], table: Document) -> list[str]:
    lines = [f"{key} = {_value(value)}" for key, value in table.items() if not _inner(value)]
    for key, value in table.items():
        name, array = ".".join((*path, key)), isinstance(value, list)
        for one in _inner(value):
            lines += ["", f"[[{name}]]" if array else f"[{name}]", *_table((*path, key), one)]
    return lines


def _inner(value: object) -> list[Document]:
    """The tables that a value holds: itself, or those of a list; none where it is plain."""
    parts = cast(list[object], value) if isinstance(value, list) else [value]
    return [cast(Document, one) for one in parts if isinstance(one, dict)]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, cast(list[object], value))) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return repr(value)
