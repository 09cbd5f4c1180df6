"""What is tested: `quarterdeck.cli.twin`: `quarterdeck twin hyperliquid` as a person starts and stops it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence

import pytest

from tests.twins.hyperliquid.serving import ADDRESSES

PROGRAM = "from quarterdeck.cli import main; import quarterdeck.cli.twin; main()"


def start(words: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, "twin", "hyperliquid", *words]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_twin_serves_until_it_is_told_to_stop() -> None:
    with start(["--seed", "5", "--fund", f"{ADDRESSES['ann']}=250"]) as twin:
        assert twin.stdout is not None
        said = twin.stdout.readline()
        assert said.endswith("seed 5\n")
        port = int(said.split(",")[0].rsplit(":", 1)[1])
        question = json.dumps({"type": "clearinghouseState", "user": ADDRESSES["ann"]}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/info", question)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.loads(answer.read())["marginSummary"]["accountValue"] == "250.0"
        twin.send_signal(signal.SIGINT)
        assert twin.stdout.readline() == "the twin has stopped\n"
        assert twin.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fund", "0x1"], "--fund"),
        (["--agent", f"{ADDRESSES['agent']}={ADDRESSES['ann']}"], "--agent"),
        (["--replay", "nowhere.parquet"], "nowhere.parquet"),
        (["--replay", "nowhere.parquet", "--coin", "DOGE"], "--coin"),
    ],
)
def test_twin_says_what_is_wrong_in_one_line(words: list[str], said: str) -> None:
    with start(words) as twin:
        _, errors = twin.communicate(timeout=60)
        assert twin.returncode == 2
        assert said in errors
        assert errors.count("\n") == 1
