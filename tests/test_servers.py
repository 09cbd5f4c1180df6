"""What is tested: `tests.servers`: the tests' own PostgreSQL, and that it does not outlive them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests.servers import FOLDER_VARIABLE, Run, fresh_database, server_url

DYING_RUN = """
import sys, time
from tests.servers import Run, server_url
run = Run()
print(run.folder, server_url(run.folder), flush=True)
time.sleep(60)
"""


def test_each_test_has_a_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as line:
        line.execute("CREATE TABLE one (word text)")
        assert line.execute("SELECT count(*) FROM one").fetchone() == (0,)
    with fresh_database(postgres_url.rsplit("/", 1)[0]) as other, psycopg.connect(other) as line:
        assert line.execute("SELECT to_regclass('one')").fetchone() == (None,)


def test_workers_share_one_server(postgres_url: str) -> None:
    assert postgres_url.startswith(server_url(Path(os.environ[FOLDER_VARIABLE])))


def test_a_run_that_asks_for_nothing_leaves_nothing() -> None:
    run = Run()
    assert run.folder.is_dir()
    run.end()
    assert not run.folder.exists()


def test_the_server_ends_with_a_run_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DYING_RUN]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        folder, url = run.stdout.readline().split()
        with psycopg.connect(f"{url}/postgres") as line:
            assert line.execute("SELECT 1").fetchone() == (1,)
        run.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while Path(folder).exists():
        assert time.monotonic() < until, "the server's folder is still there"
        time.sleep(0.05)
