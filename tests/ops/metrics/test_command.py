"""`quarterdeck metrics`: the exporter as a command.

What is tested: `quarterdeck.cli.metrics` and `quarterdeck.ops.metrics.exporter`.
"""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

CALL = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
DESK = Path(__file__).resolve().parents[3] / "desks" / "xrpliquid"


def test_it_serves_and_ends_in_order(tmp_path: Path) -> None:
    (tmp_path / "ops.toml").write_text(f'[ops]\ndesks = ["{DESK}"]\n')
    words = [*CALL, "metrics", "--port", "0", "--ops", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+/metrics)", said)
        assert found is not None, said
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            assert b"quarterdeck_" in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_desk_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run([*CALL, "metrics", str(tmp_path / "nobody")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nobody" in done.stderr
