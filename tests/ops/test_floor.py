"""The demo of the whole floor, with one desk on it: real twins, a real ops plane, a real console.

What is tested: `quarterdeck.ops.floor` and `quarterdeck.ops.upkeep`, through `quarterdeck.cli.running`.
"""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from quarterdeck.errors import DeskError
from quarterdeck.ops.floor import show_floor
from tests.desk.builders import desk_folder

REPOSITORY = Path(__file__).resolve().parents[2]
STANDS = """
import shutil, sys, time
from pathlib import Path
if sys.argv[1] == "demo":
    source, folder = Path(sys.argv[2]), Path(sys.argv[4])
    shutil.copytree(source, folder)
    (folder / "data").mkdir()
    (folder / "data" / "shown").write_text("no state at all")
time.sleep(60)
"""
CALL = (sys.executable, "-c", "from quarterdeck.cli import main; main()")


@pytest.mark.slow
def test_the_floor_trades_and_winds_down(tmp_path: Path) -> None:
    desks, floor = tmp_path / "desks", tmp_path / "floor"
    shutil.copytree(
        REPOSITORY / "desks" / "xrpliquid", desks / "xrpliquid", ignore=shutil.ignore_patterns("data", "logs")
    )
    environment = {**os.environ, "QUARTERDECK_DESKS": str(desks)}
    words = [*CALL, "demo", "--dir", str(floor), "--for", "3", "--speed", "10"]
    said: list[str] = []
    scraped = b""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "every desk trades" in line:
                port = re.search(r"API: http://localhost:(\d+)/docs", "".join(said))
                assert port is not None
                with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=60) as answer:
                    scraped = answer.read()
    assert process.returncode == 0, "".join(said)
    text = "".join(said)
    assert "console: http://localhost:" in text
    assert "died" not in text
    assert re.search(r"xrpliquid +equity [\d,.]+ USD", text)
    assert b"xrpliquid" in scraped
    assert (floor / "xrpliquid" / "data" / "journal").is_dir()
    assert (floor / ".ops_token").stat().st_mode & 0o077 == 0


def test_a_floor_on_which_a_desk_cannot_begin_ends_at_once(tmp_path: Path) -> None:
    config = desk_folder(tmp_path / "desk")
    said: list[str] = []
    refusing = (sys.executable, "-c", "import sys; print('no such twin', file=sys.stderr); sys.exit(2)")
    floor = tmp_path / "floor"
    assert show_floor([config], refusing, floor, said.append, speed=10, seconds=None) == 1
    name = config.desk.name
    assert f"{name}: refused its settings, and is not started again: no such twin" in said
    assert said[-2] == f"the demo ends, without {name} (refused)"
    assert str(floor) in said[-1]


def test_a_floor_that_cannot_be_watched_ends_and_says_why(tmp_path: Path) -> None:
    """Its desk shows nonsense: nobody would ever say that the time is over."""
    config = desk_folder(tmp_path / "desk")
    said: list[str] = []
    with pytest.raises(DeskError, match="not what a desk shows"):
        show_floor([config], (sys.executable, "-c", STANDS), tmp_path / "floor", said.append, speed=10, seconds=None)
    assert f"{config.desk.name}: by SIGTERM" in said


def test_what_runs_beside_desks_starts_without_their_kernel(tmp_path: Path) -> None:
    """API, alerts and console look at copies of a state: neither compiled code nor a calendar is needed to begin."""
    spared = ("quarterdeck.kernel.account", "quarterdeck.kernel.venue", "quarterdeck.venues.links", "pandas")
    code = (
        "import sys, quarterdeck.ops.process, quarterdeck.ops.console.serving\n"
        f"print([name for name in {spared} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert said.stdout.strip() == "[]"
