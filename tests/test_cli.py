"""The command line: each mistake is one line with its exit code, help is quick, and a killed desk goes on.

What is tested: `quarterdeck.cli.shared`, `quarterdeck.cli.running`, `quarterdeck.cli.control`,
`quarterdeck.cli.history`, `quarterdeck.cli.journal`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quarterdeck import cli
from quarterdeck.cli import shared
from quarterdeck.journal.segment import Header
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.runtime.replay import replay

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "desks" / "xrpliquid"
COMMAND = [sys.executable, "-c", "from quarterdeck.cli import main; main()"]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED / "config", tmp_path / "desk" / "config")
    shutil.copy(SHIPPED / "desk.toml", tmp_path / "desk" / "desk.toml")
    return tmp_path / "desk"


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["quarterdeck", *words])
    monkeypatch.setenv("QUARTERDECK_CAPACITY", CAPACITY.name)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


MISTAKES: list[tuple[tuple[str, ...], int, str]] = [
    (("run", "nowhere"), 2, "desk"),
    (("status", "nowhere"), 2, "desk"),
    (("status", "DESK"), 1, "not running: start it"),
    (("kill", "DESK"), 1, "not running: start it"),
    (("resume", "DESK", "--person", "operator-1"), 1, "not running: start it"),
    (("journal", "verify", "nowhere"), 1, "nowhere"),
    (("journal", "stat", "nowhere"), 1, "nowhere"),
    (("journal", "cat", "nowhere"), 1, "nowhere"),
    (("replay", "DESK"), 1, "no journal is here"),
    (("why", "1-1", "--desk", "DESK"), 1, "no journal is here"),
    (("demo", "DESK", "--data", "nowhere.parquet"), 2, "nowhere.parquet"),
    (("demo", "DESK", "--speed", "61"), 2, "at most 60"),
    (("backtest", "DESK", "--data", "nowhere.parquet"), 2, "nowhere.parquet"),
]


@pytest.mark.parametrize(
    ("words", "code", "said"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else None
)
def test_a_mistake_is_one_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    desk: Path,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    assert call(monkeypatch, *(str(desk) if word == "DESK" else word for word in words)) == code
    error = capsys.readouterr().err
    assert error.startswith("quarterdeck: ")
    assert error.count("\n") == 1
    assert said in error


def test_a_mistake_in_desk_toml_names_key_value_and_range(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], desk: Path
) -> None:
    file = desk / "desk.toml"
    file.write_text(file.read_text().replace("seal_s = 10", "seal_s = 0"))
    assert call(monkeypatch, "run", str(desk)) == 2
    assert "journal.seal_s" in capsys.readouterr().err
    assert not (desk / "data").exists()


@pytest.mark.parametrize("words", [("--no-such-option",), ("dance",), ("run",), ("run", "xrpliquid", "--for", "soon")])
def test_wrong_usage_is_exit_2(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert call(monkeypatch, *words) == 2


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "version") == 0
    assert capsys.readouterr().out.startswith("quarterdeck ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from quarterdeck import cli; "
        "print([name for name in ('numba', 'numpy', 'polars', 'pydantic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_capacity_is_found_in_a_journals_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = Header("test", 0, 1, bytes(32))
    (tmp_path / "000000000000.qdj").write_bytes(header.pack())
    monkeypatch.delenv("QUARTERDECK_CAPACITY")
    shared.choose_capacity(tmp_path)
    assert os.environ["QUARTERDECK_CAPACITY"] == header.capacity


def ask_status(desk: Path) -> dict[str, object] | None:
    asked = subprocess.run([*COMMAND, "status", str(desk), "--json"], capture_output=True, text=True, check=False)
    return json.loads(asked.stdout) if asked.returncode == 0 else None


def started(desk: Path, *words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "run", str(desk), "--speed", "20", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 240  # the first start may compile
    while time.monotonic() < deadline and process.poll() is None:
        status = ask_status(desk)
        if status is not None and int(str(status["events"])) > 400:
            return process
    process.kill()
    raise AssertionError(process.communicate()[0])


@pytest.mark.slow
def test_a_desk_that_is_killed_goes_on_with_the_same_money_and_ends_in_order(desk: Path) -> None:
    first = started(desk)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    before = replay(desk)
    state = before.states[0]
    held = [int(one["net"]["quantity"]) for one in state["instruments"]]

    second = started(desk)
    status = ask_status(desk)
    assert status is not None
    assert (status["epoch"], status["recovered"]) == (2, True)
    second.send_signal(signal.SIGTERM)
    told, _ = second.communicate(timeout=60)
    assert second.returncode == 0, told
    assert "recovered:" in told
    after = replay(desk)
    assert after.seals_checked > 0
    assert f"{after.digest.hex()}" in told.replace("\n", "")
    assert after.states[0]["open_count"] == 0
    kept = replay(desk, until=_next_session(desk))
    assert [int(one["net"]["quantity"]) for one in kept.states[0]["instruments"]] == held


def _next_session(desk: Path) -> int:
    """Where the second session begins to trade."""
    from quarterdeck.journal import cat

    starts = [int(str(record["sequence"])) for record in cat(desk) if record["kind"] == "SESSION_START"]
    assert len(starts) == 2
    return starts[1] + 1
