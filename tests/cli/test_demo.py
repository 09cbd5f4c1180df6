"""The demo: a desk trades on twins of its venues, shows it, and leaves nothing running.

What is tested: `quarterdeck.cli.running` with `quarterdeck.desk.demo`.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.runtime.replay import replay
from tests.desk.builders import REPOSITORY

COMMAND = [sys.executable, "-c", "from quarterdeck.cli import main; main()", "demo", "xrpliquid"]
PATIENCE_S = 300.0


@pytest.mark.slow
def test_a_newcomer_sees_orders_fills_a_warning_and_a_summary(tmp_path: Path) -> None:
    """Ctrl-C goes to the whole group, as a terminal sends it; the twin outlives it until the desk has ended."""
    process = subprocess.Popen(
        [*COMMAND, "--dir", str(tmp_path / "demo"), "--speed", "60"], cwd=REPOSITORY, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stdout is not None
    said = list[str]()
    wanted = {"SCALP buys", "SCALP sells", "warning"}
    try:
        for line in process.stdout:
            said.append(line)
            wanted = {one for one in wanted if one not in line}
            if not wanted:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    told = "".join(said) + rest
    assert not wanted, told
    assert process.returncode == 0, told
    assert re.search(r"orders\s+\d+ sent, [1-9]\d* fills", told), told
    digest = re.search(r"digest\s+([0-9a-f]{64})", told)
    assert digest is not None, told
    assert replay(tmp_path / "demo" / "data" / "journal").digest.hex() == digest[1]
    assert "hyperliquid" in (tmp_path / "demo" / "desk.toml").read_text("utf-8")
