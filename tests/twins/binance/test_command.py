"""What is tested: `quarterdeck twin binance` as a person runs it, by `quarterdeck.twins.binance.command`."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence

import pytest

from quarterdeck.twins.binance.command import SECRETS_VARIABLE
from tests.twins.binance.serving import KEYS, SECRETS

PROGRAM = "from quarterdeck.cli import main; import quarterdeck.cli.twin; main()"


def start(words: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, "twin", "binance", *words]
    secrets = {SECRETS_VARIABLE: f"{KEYS['ann']}={SECRETS['ann']}"}
    environment = {**os.environ, **secrets, "NUMBA_DISABLE_JIT": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_twin_serves_until_it_is_told_to_stop() -> None:
    with start(["--seed", "5", "--key", f"{KEYS['ann']}=USDT:250", "--key", "new"]) as twin:
        assert twin.stdout is not None
        made, said = twin.stdout.readline(), twin.stdout.readline()
        assert made.endswith(": said this once\n")
        assert said.endswith("seed 5\n")
        port = int(said.split(",")[0].rsplit(":", 1)[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v3/time", timeout=30) as answer:
            assert b"serverTime" in answer.read()
        twin.send_signal(signal.SIGINT)
        assert twin.stdout.readline() == "the twin has stopped\n"
        assert twin.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key", "short"], "--key"),
        (["--secrets", "nowhere"], "--secrets"),
        (["--replay", "nowhere.parquet"], "nowhere.parquet"),
        (["--replay", "nowhere.parquet", "--symbol", "DOGEUSDT"], "--symbol"),
    ],
)
def test_twin_says_what_is_wrong_in_one_line(words: list[str], said: str) -> None:
    with start(words) as twin:
        _, errors = twin.communicate(timeout=60)
        assert twin.returncode == 2
        assert said in errors
        assert errors.count("\n") == 1
