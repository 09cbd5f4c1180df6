"""Bugs put in on purpose, in processes of their own: a simulator that does not find them proves nothing.

A mutant is a JSON file: {"why": one sentence, "changes": [{"file": path below the package, "old": text, "new": text}]}.
`old` must stand there exactly once, so that a mutant which no longer fits is noticed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

import quarterdeck
from quarterdeck.errors import DataError
from quarterdeck.simulation.campaign import seeds_of

__all__ = ["Change", "Found", "Mutant", "apply_mutant", "hunt", "read_mutants"]

_COMPILED: Final = (
    "kernel/",
    "runtime/",
    "strategies/",
    "desk/trading.py",
)  # a change here would compile everything anew
_STEP: Final = 100  # seeds of one search
_TIMEOUT_S: Final = 3_600


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One replacement of text."""

    file: str
    old: str
    new: str


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bug."""

    why: str
    changes: tuple[Change, ...]
    name: str = ""

    @property
    def compiled(self) -> bool:
        """Whether it is in compiled code: then the copy runs uncompiled."""
        return any(change.file.startswith(_COMPILED) for change in self.changes)


class Found(NamedTuple):
    """The first seed that shows the bug, and what it shows; None: no seed did."""

    name: str
    seed: int | None
    what: str


def read_mutants(folder: Path) -> list[Mutant]:
    """Returns the mutants of a folder, by name. DataError for a file that is none, or a folder without any."""
    mutants: list[Mutant] = []
    for path in sorted(folder.glob("*.json")):
        try:
            mutant = msgspec.json.decode(path.read_bytes(), type=Mutant)
        except msgspec.DecodeError as error:
            raise DataError(str(path), f"no mutant: {error}") from error
        mutants.append(msgspec.structs.replace(mutant, name=path.stem))
    if not mutants:
        raise DataError(str(folder), "no mutant (*.json) is there")
    return mutants


def apply_mutant(mutant: Mutant, package: Path, folder: Path) -> dict[str, str]:
    """Writes each changed module of `package` into `folder`; returns module name -> file.

    DataError when an old text does not stand there exactly once.
    """
    texts: dict[str, str] = {}
    for change in mutant.changes:
        text = texts.get(change.file) or (package / change.file).read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            found = text.count(change.old)
            raise DataError(change.file, f"mutant {mutant.name}: the old text stands there {found} times")
        texts[change.file] = text.replace(change.old, change.new)
    modules: dict[str, str] = {}
    for number, (file, text) in enumerate(texts.items()):
        changed = folder / f"{number}.py"
        changed.write_text(text, encoding="utf-8")
        modules["quarterdeck." + file.removesuffix(".py").replace("/", ".")] = str(changed)
    return modules


def hunt(mutants: Sequence[Mutant], seeds: str, events: int, workers: int) -> Iterator[Found]:
    """Looks for each bug among the seeds, several at once; yields what was found, in order."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        yield from pool.map(_search, mutants, repeat(seeds), repeat(events))


def _search(mutant: Mutant, seeds: str, events: int) -> Found:
    wanted, played = seeds_of(seeds), 0
    with tempfile.TemporaryDirectory(prefix="quarterdeck-mutant-") as folder:
        modules = apply_mutant(mutant, Path(quarterdeck.__file__).parent, Path(folder))
        for start in range(0, len(wanted), _STEP):
            told = _run(mutant, modules, wanted[start : start + _STEP], events)
            played += told["seeds"]
            if told["found"]:
                first = told["found"][0]
                return Found(mutant.name, first["seed"], first["violation"])
    return Found(mutant.name, None, f"{played} seeds show nothing of: {mutant.why}")


# What the process does first: the changed modules are found before the package's own. The package itself is not copied,
# since numba would compile a copy anew.
_CHILD: Final = """
import importlib.util, json, sys
changed = json.loads(sys.argv.pop(1))
class Changed:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, changed[name]) if name in changed else None
sys.meta_path.insert(0, Changed)
from quarterdeck.cli import main
main()
"""


def _run(mutant: Mutant, modules: dict[str, str], seeds: range, events: int) -> dict[str, Any]:
    """Plays seeds in a process that has the bug."""
    environment = {**os.environ, "QUARTERDECK_CAPACITY": "small"}
    if mutant.compiled:
        environment["NUMBA_DISABLE_JIT"] = "1"
    command = [sys.executable, "-c", _CHILD, json.dumps(modules), "sim", "--json", "--first", "--workers", "1"]
    command += ["--seeds", f"{seeds[0]}..{seeds[-1]}", "--events", str(events)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        raise DataError(mutant.name, f"the mutant does not run: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)
