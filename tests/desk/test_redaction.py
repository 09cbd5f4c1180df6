"""A live desk's secrets are nowhere to be read: not in its files, what it says, its errors, or the process list.

What is tested: `quarterdeck.config.credentials` with `quarterdeck.venues.links`, by everything that a session leaves.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest

from quarterdeck.config.credentials import CredentialsFile
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE
from tests.desk.hyperliquid_folder import write_desk
from tests.twins.hyperliquid.serving import ADDRESSES, KEYS, Twin, running

PATIENCE_S = 240.0
COMMAND = [sys.executable, "-c", "from quarterdeck.cli import main; main()"]
PASSWORD = "planted-password-77e0"
KEY = KEYS["agent"].removeprefix("0x")
ANN = ADDRESSES["ann"].lower()
SHIPPED = Path(__file__).resolve().parents[2] / "desks" / "xrpliquid"
SIZING = "config/sizing_by_regime.json"
MAKING = (
    ('kind = "momentum"', 'kind = "maker"'),
    ("[strategies.limits]", "[strategies.parameters]\nnotional = 100\ninventory_notional = 450\n[strategies.limits]"),
    ("[operators]", f'[risk]\nsizing_file = "{SIZING}"\n\n[operators]'),
)


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running(seed=5) as served:
        yield served


class Session:
    """Commands of one desk, and all that they said."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity
        self.said: list[bytes] = []

    def environment(self, **more: str) -> dict[str, str]:
        left_out = {KEY_VARIABLE, KEY_FILE_VARIABLE, IDENTITY_VARIABLE, IDENTITY_FILE_VARIABLE}
        inherited = {name: value for name, value in os.environ.items() if name not in left_out}
        given = {IDENTITY_VARIABLE: self.identity, "DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1:9/n"}
        return {**inherited, **given, **more}

    def begin(self, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment()
        )

    def call(self, *words: str, code: int = 0, typed: str = "", **more: str) -> bytes:
        done = subprocess.run(
            [*COMMAND, *words], input=typed.encode(), capture_output=True, env=self.environment(**more),
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.said += [done.stdout, done.stderr]
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr


def spellings(secret: str) -> list[bytes]:
    return [secret.encode(), secret.lower().encode(), secret.upper().encode(), secret.encode("utf-16-le")]


def command_lines(process: "subprocess.Popen[bytes]") -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


def wait_for(holds: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_secret_of_a_live_session_is_anywhere(tmp_path: Path, twin: Twin) -> None:
    identity = str(pyrage.x25519.Identity.generate())
    desk = write_desk(tmp_path / "desk", twin.server.port, *MAKING)
    (desk / "config").mkdir()
    shutil.copy(SHIPPED / SIZING, desk / SIZING)
    session = Session(desk, identity)
    session.call("keys", "set", str(desk), KEY_VARIABLE, typed=f"0x{KEY}\n")
    running_desk = session.begin("run", str(desk))
    wait_for((desk / "data" / "control.sock").exists, running_desk)
    wait_for(
        lambda: twin.do(lambda exchange: bool(exchange.accounts[ANN].open_orders())), running_desk
    )  # it has signed
    session.said.append(command_lines(running_desk))
    status = session.call("status", str(desk), "--json")
    session.call("capture", str(desk), "--for", "1", "--json")
    session.call("check", "config", str(desk), "--json", code=1)  # no backup of a live desk
    session.call("check", "connectivity", str(desk), "--json", "--patience", "20", code=1)  # its database is not there
    session.call("keys", "list", str(desk), "--json")
    running_desk.send_signal(signal.SIGINT)
    session.said += running_desk.communicate(timeout=PATIENCE_S)
    assert running_desk.returncode == 0, session.said[-1]
    assert b'"mode"' in status
    session.call("journal", "cat", str(desk), "--json")
    session.call("journal", "stat", str(desk), "--json")
    fail_on_purpose(session, desk)
    haystack = [*session.said, *(path.read_bytes() for path in desk.rglob("*") if path.is_file())]
    assert len(haystack) > 20
    for secret in (KEY, identity, PASSWORD):
        for spelling in spellings(secret):
            assert not any(spelling in hay for hay in haystack), secret[:4]


def fail_on_purpose(session: Session, desk: Path) -> None:
    """Every way in which a credential can be wrong."""
    other = str(pyrage.x25519.Identity.generate())
    loose = desk / "loose.key"
    loose.write_bytes(b"nothing")
    loose.chmod(0o644)
    assert b"none of the identities given opens it" in session.call(
        "run", str(desk), code=1, **{IDENTITY_VARIABLE: other}
    )
    for name, value, code in (
        (KEY_VARIABLE, KEY[:-1], 2),
        (KEY_VARIABLE, f"{KEY}{KEY}", 2),
        (KEY_FILE_VARIABLE, str(loose), 2),
        (IDENTITY_VARIABLE, f"{session.identity}x", 1),
    ):
        assert name.encode() in session.call("run", str(desk), code=code, **{name: value})
    session.call("keys", "set", str(desk), "OTHER_KEY", code=2, typed=f"{KEY}\x07{KEY}\n")


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A test that looks for secrets must be able to see one."""
    CredentialsFile(tmp_path)
    (tmp_path / "log").write_text(f"key={KEY.upper()}")
    assert any(spelling in (tmp_path / "log").read_bytes() for spelling in spellings(KEY))
