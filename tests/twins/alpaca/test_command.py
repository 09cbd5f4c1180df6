"""What is tested: `quarterdeck twin alpaca`, by `quarterdeck.twins.alpaca.command` and `quarterdeck.cli.twin`."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.twins.alpaca.serving import ANN, HEADERS

START = "2026-11-20T09:25-05:00"


@pytest.mark.slow
@pytest.mark.timeout(900)  # the command compiles the kernel where nobody has yet
def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-c", "from quarterdeck.cli import main; main()", "twin", "alpaca", "--start", START]
    environment = {**os.environ, "APCA_API_KEY_ID": ANN.key, "APCA_API_SECRET_KEY": ANN.secret}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as run:
        assert run.stdout is not None
        said: list[str] = []
        while not said or "listens at" not in said[-1]:
            said.append(run.stdout.readline())
            assert said[-1], said  # it has ended
        try:
            address = said[-1].partition("listens at ")[2].partition(",")[0]
            request = urllib.request.Request(f"http://{address}/v2/clock", headers=HEADERS)
            with urllib.request.urlopen(request, timeout=60) as answer:
                clock = json.loads(answer.read())
        finally:
            run.send_signal(signal.SIGINT)
            rest = run.communicate(timeout=60)[0]
    assert clock["timestamp"].startswith("2026-11-20T09:")
    assert clock["next_close"] == "2026-11-20T16:00:00-05:00"
    assert run.returncode == 0
    assert "the twin has stopped" in rest
    assert ANN.secret not in "".join(said) + rest
