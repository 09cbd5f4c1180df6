"""Processes that are started, started again, given up and wound down: real ones.

What is tested: `quarterdeck.ops.upkeep`, `quarterdeck.cli.up`.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck.config.ops import load_ops
from quarterdeck.ops.upkeep import Child, Patience, Upkeep, children_of, desk_runs
from tests.desk.builders import desk_folder

PATIENCE_S = 120.0
QUICK = Patience(first_s=0.01, longest_s=0.05, steady_s=30, deaths=3, ending_s=20)
UP = "import quarterdeck.cli.up; from quarterdeck.cli import main; main()"
LIVES = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit({code})); print('up'); time.sleep(60)"
)
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def child(name: str, code: str, rank: int = 0, **more: object) -> Child:
    return Child(name, (sys.executable, "-c", code), rank, **more)  # type: ignore[arg-type]  # few words for tests


class Said(list[str]):
    """What an upkeep says; `when` acts once a sentence is said that matches."""

    def __init__(self) -> None:
        super().__init__()
        self._acts: list[tuple[str, Callable[[], object]]] = []

    def when(self, pattern: str, act: Callable[[], object]) -> None:
        self._acts.append((pattern, act))

    def __call__(self, words: str) -> None:
        self.append(words)
        for pattern, act in list(self._acts):
            if re.search(pattern, words):
                self._acts.remove((pattern, act))
                act()

    def about(self, name: str) -> list[str]:
        return [line.removeprefix(f"{name}: ") for line in self if line.startswith(f"{name}: ")]


@pytest.fixture
def said() -> Said:
    return Said()


def end_soon(after_s: float = 0.5) -> None:
    """As a person does who presses Ctrl-C a moment later."""
    threading.Timer(after_s, lambda: os.kill(os.getpid(), signal.SIGINT)).start()


def test_one_that_ends_in_order_stays_down_and_one_that_refuses_its_settings_too(tmp_path: Path, said: Said) -> None:
    children = [child("good", "pass"), child("bad", "import sys; sys.exit('quarterdeck: desk.toml: no')")]
    children[1].argv = (
        sys.executable,
        "-c",
        "import sys; print('desk.toml: a = 1 is not', file=sys.stderr); sys.exit(2)",
    )
    assert Upkeep(children, tmp_path, said, QUICK).run() == 1
    assert said.about("good")[1:] == ["ended in order; it is not started again"]
    assert said.about("bad")[1:] == ["refused its settings, and is not started again: desk.toml: a = 1 is not"]
    assert [one.starts for one in children] == [1, 1]


def test_one_that_dies_is_started_again_later_and_later_and_then_given_up(tmp_path: Path, said: Said) -> None:
    dying = child("dying", "import sys; sys.exit('no luck today')")
    assert Upkeep([dying], tmp_path, said, QUICK).run() == 1
    assert dying.starts == 4
    told = [line for line in said.about("dying") if "started," not in line]
    assert told == [
        "died (exit code 1): no luck today; started again in 0.01 s",
        "died (exit code 1): no luck today; started again in 0.02 s",
        "died (exit code 1): no luck today; started again in 0.04 s",
        "died (exit code 1): no luck today; given up after 4 deaths in a row",
    ]


def test_one_that_is_not_to_be_started_again_is_given_up_when_it_dies(tmp_path: Path, said: Said) -> None:
    assert Upkeep([child("once", "raise SystemExit(1)", again=False)], tmp_path, said, QUICK).run() == 1
    assert said.about("once")[1:] == ["died (exit code 1); it is not started again"]


def test_an_end_without_a_signal_hastens_nobody(tmp_path: Path, said: Said) -> None:
    """As a demo whose time is over says it, while a person says so too: what ends in order is not killed."""
    slow = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(0))); {then}"
    ready = tmp_path / "ready"
    then = f"open({str(ready)!r}, 'w').close(); time.sleep(60)"
    keep = Upkeep([child("slow", slow.format(then=then))], tmp_path, said, QUICK)

    def stop() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        keep.stop()

    def insist() -> None:
        keep.stop()
        os.kill(os.getpid(), signal.SIGINT)
        keep.stop()

    said.when("told to end", insist)
    threading.Thread(target=stop).start()
    assert keep.run() == 0
    assert said.about("slow")[1:] == ["told to end", "ended in order"]


def test_one_that_was_steady_begins_to_count_anew(tmp_path: Path, said: Said) -> None:
    steady = child("steady", "raise SystemExit(1)")
    patience = Patience(first_s=0.01, longest_s=0.01, steady_s=0, deaths=1)
    threading.Timer(3.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    Upkeep([steady], tmp_path, said, patience).run()
    assert steady.starts > 2
    assert not steady.over


def test_a_killed_one_is_back_and_all_end_in_order_of_rank(tmp_path: Path, said: Said) -> None:
    children = [
        child("console", LIVES, 2),
        child("desk", LIVES),
        child("ops", LIVES, 1),
    ]
    keep = Upkeep(children, tmp_path, said, QUICK)

    def shoot() -> None:
        process = children[1].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    threading.Timer(1.0, shoot).start()
    said.when("desk: died", end_soon)
    keep.run()
    assert children[1].starts == 2
    assert said.about("desk")[1].startswith("died (by SIGKILL); started again in 0.01 s")
    ending = [line for line in said if line.endswith("told to end")]
    assert ending == ["desk: told to end", "ops: told to end", "console: told to end"]
    assert said.index("desk: told to end") < said.index("ops: told to end") - 1  # it is waited for
    assert all(one.process is None for one in children)


def test_a_deaf_one_is_killed_after_its_time_and_at_once_when_asked_again(tmp_path: Path, said: Said) -> None:
    impatient = Patience(ending_s=0.2)
    assert Upkeep([child("deaf", DEAF)], tmp_path, said, impatient).run(1.0) == 1
    assert said.about("deaf")[-2:] == ["did not end in time; killed", "by SIGKILL"]
    said.clear()
    said.when("told to end", end_soon)
    end_soon(1.0)
    began = time.monotonic()
    assert Upkeep([child("deaf", DEAF)], tmp_path, said, Patience(ending_s=60)).run() == 1
    assert time.monotonic() - began < 30
    assert said.about("deaf")[-1] == "by SIGKILL"


def test_what_cannot_be_started_is_said(tmp_path: Path, said: Said) -> None:
    lost = Child("lost", (str(tmp_path / "nothing"),))
    assert Upkeep([lost], tmp_path, said, Patience(first_s=0.01, deaths=1)).run() == 1
    assert "could not be started" in said[0]
    assert "given up" in said[-1]


def test_what_runs_already_is_left_alone(tmp_path: Path, said: Said) -> None:
    assert Upkeep([child("desk", "raise SystemExit(1)", runs=lambda: True)], tmp_path, said, QUICK).run() == 0
    assert said == ["desk: runs already; it is left alone"]


# The command.


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    """An ops.toml with one desk that runs, and one whose settings cannot be."""
    desk_folder(tmp_path / "steady")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "desk.toml").write_text('[desk]\nname = "broken"\n')
    (tmp_path / "ops.toml").write_text("[ops]\n")
    return tmp_path


class CommandLine:
    """`quarterdeck up`, with what it prints."""

    def __init__(self, floor: Path) -> None:
        argv = [sys.executable, "-c", UP, "up", str(floor), "--without", "ops", "--without", "console"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    def await_line(self, pattern: str, count: int = 1) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = [line for line in list(self.lines) if re.search(pattern, line)]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def command_line(floor: Path) -> Iterator[CommandLine]:
    line = CommandLine(floor)
    yield line
    if line.process.poll() is None:
        line.end()


def answers(floor: Path) -> None:
    """Waits until the desk answers: one that was killed left its socket behind, the next one opens its own late."""
    deadline = time.monotonic() + PATIENCE_S
    while not desk_runs(floor / "steady"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_up_starts_restarts_and_winds_down(floor: Path, command_line: CommandLine) -> None:
    command_line.await_line("broken: its settings cannot be used")
    refused = command_line.await_line("broken: refused its settings")
    assert "desk.toml" in refused
    pid = int(command_line.await_line("steady: started, process").rsplit(" ", 1)[1])
    answers(floor)
    os.kill(pid, signal.SIGKILL)
    command_line.await_line("steady: died")
    command_line.await_line("steady: started, process", 2)
    deadline = time.monotonic() + PATIENCE_S
    log = floor / "steady" / "logs" / "system.log"
    while log.read_text().count("SESSION_OPENED") < 2:  # it recovered, and trades
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answers(floor)
    assert command_line.end() == 1  # one desk was refused
    assert command_line.lines[-2:] == ["steady: told to end", "steady: ended in order"]
    assert sum("broken: started" in line for line in command_line.lines) == 1
    assert not (floor / "steady" / "data" / "control.sock").exists()
    assert "SESSION_CLOSED" in log.read_text()


def test_the_children_of_an_ops_plane(floor: Path) -> None:
    made = children_of(load_ops(floor), ("quarterdeck",))
    assert [(one.name, one.rank) for one in made] == [("broken", 0), ("steady", 0), ("ops", 1), ("console", 2)]
    assert made[1].argv == ("quarterdeck", "run", str(floor / "steady"))
    assert not made[1].runs()
    assert [one.name for one in children_of(load_ops(floor), (), without=["ops", "steady"])] == ["broken", "console"]
