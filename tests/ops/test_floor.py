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

REPOSITORY = Path(__file__).resolve().parents[2]
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
