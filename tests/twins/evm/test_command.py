"""What is tested: `quarterdeck twin evm` as a person runs it, by `quarterdeck.twins.evm.command`."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.twins.evm.command import read_funds

PROGRAM = "from quarterdeck.cli import main; import quarterdeck.cli.twin; main()"
ANN = "0x" + "aB" * 20


def start(words: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, "twin", "evm", *words]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_twin_serves_until_it_is_told_to_stop() -> None:
    with start(["--seed", "5", "--block", "0.2", "--fund", f"{ANN}=2.5"]) as twin:
        assert twin.stdout is not None
        said = twin.stdout.readline()
        assert said.endswith("seed 5\n")
        port = int(said.split(",")[0].rsplit(":", 1)[1])

        def ask(method: str, *words: str) -> int:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": words}).encode()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", body, timeout=30) as answer:
                return int(json.load(answer)["result"], 16)

        assert ask("eth_getBalance", ANN) == 25 * 10**17
        while ask("eth_blockNumber") < 3:
            assert twin.poll() is None
        twin.send_signal(signal.SIGINT)
        assert twin.stdout.readline() == "the twin has stopped\n"
        assert twin.wait(30) == 0


def test_funds_are_read_to_the_last_wei() -> None:
    assert read_funds([f"{ANN}=1.000000000000000001"]) == {ANN.lower(): 10**18 + 1}


@pytest.mark.parametrize(
    "text", ["", ANN, f"{ANN}=", f"{ANN}=-1", f"{ANN}=NaN", f"{ANN}=1e-19", f"{ANN}=1e30", "0x12=1"]
)
def test_funds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--fund"):
        read_funds([text])


def test_twin_says_what_is_wrong_in_one_line() -> None:
    with start(["--fund", "nobody=5"]) as twin:
        _, errors = twin.communicate(timeout=60)
        assert twin.returncode == 2
        assert "--fund" in errors
        assert errors.count("\n") == 1
