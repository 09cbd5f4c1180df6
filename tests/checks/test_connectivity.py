"""What is tested: `quarterdeck.checks.connectivity` and `quarterdeck.checks.stores`, against real servers."""

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck import cli
from quarterdeck.checks.connectivity import check_connectivity, offset_level
from quarterdeck.checks.findings import Findings, Level
from quarterdeck.checks.stores import REDIS_VARIABLE, check_redis
from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.ledger.database import DATABASE_VARIABLE
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE
from tests.desk.builders import desk_folder
from tests.desk.hyperliquid_folder import write_desk
from tests.desk.live_rig import DESK_TOML
from tests.twins.hyperliquid.serving import KEYS, Twin, running
from tests.twins.serving import Serving

PASSWORD = "planted-password-4ac1"
MS = 1_000_000
LITTLE_S = 1.0  # where nothing comes of it


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    monkeypatch.setenv(KEY_VARIABLE, KEYS["agent"])
    with running(seed=5) as served:
        yield served


def by_name(findings: Findings) -> dict[str, Level]:
    return {one.what: one.level for one in findings.found}


def text(findings: Findings) -> str:
    return "\n".join(findings.lines())


def test_a_venue_that_answers(tmp_path: Path, twin: Twin) -> None:
    findings = check_connectivity(load_desk(write_desk(tmp_path / "desk", twin.server.port)), {})
    levels = by_name(findings)
    assert findings.exit_code == 0, text(findings)
    assert list(levels) == [f"hl {one}" for one in (
        "reachable", "line", "key", "terms", "market data", "account", "clock")]  # fmt: skip
    assert "cannot withdraw" in text(findings)
    assert twin.do(lambda exchange: len(exchange.accounts)) == 2  # nothing was made, and nothing ordered


@pytest.mark.parametrize(
    ("key", "said"),
    [("ann", "a master key may withdraw"), ("bob", "an agent's key of"), ("thief", "an agent's key that the account")],
)
def test_a_key_that_is_not_the_right_one(
    tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEYS[key])
    findings = check_connectivity(load_desk(write_desk(tmp_path / "desk", twin.server.port)), {}, LITTLE_S)
    assert by_name(findings)["hl line"] is Level.FAIL
    assert said in text(findings)
    assert KEYS[key] not in text(findings)
    assert findings.exit_code == 1


def test_a_master_key_that_is_allowed_is_a_warning(tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEYS["ann"])
    allowed = ("\n[venues.limits]", "\nallow_master_key = true\n[venues.limits]")
    findings = check_connectivity(load_desk(write_desk(tmp_path / "desk", twin.server.port, allowed)), {})
    assert by_name(findings)["hl key"] is Level.WARN
    assert findings.exit_code == 0


def test_terms_that_are_not_the_venues(tmp_path: Path, twin: Twin) -> None:
    other = ('tick = "0.000001"', 'tick = "0.0001"')
    findings = check_connectivity(load_desk(write_desk(tmp_path / "desk", twin.server.port, other)), {}, LITTLE_S)
    assert by_name(findings)["hl line"] is Level.FAIL
    assert "instrument XRP: tick = '0.0001' is not allowed: 0.000001, as listed" in text(findings)


def test_a_venue_that_is_not_there_and_a_key_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = check_connectivity(load_desk(write_desk(tmp_path / "desk", 9)), {}, LITTLE_S)
    assert by_name(findings) == {"hl reachable": Level.FAIL}
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = load_desk(write_desk(tmp_path / "other", server.getsockname()[1]))
        findings = check_connectivity(config, {}, LITTLE_S)
    assert by_name(findings)["hl credentials"] is Level.FAIL
    assert KEY_VARIABLE in text(findings)


def practised(folder: Path) -> DeskConfig:
    """A desk at the tests' practice exchange: XRP and SOL."""
    text = DESK_TOML.replace('"USD"', '"USDC"').replace("ABC", "XRP").replace('tick = "0.01"', 'tick = "0.0001"')
    tables = re.split(r"\n(?=\[\[)", text)
    xrp = next(table for table in tables if table.startswith("[[instruments]]"))
    sol = xrp.replace("XRP", "SOL").replace('"0.0001"', '"0.01"').replace('lot = "1"', 'lot = "0.1"')
    (folder / "desk.toml").write_text("\n".join([*tables, sol]))
    return load_desk(folder)


def test_a_market_that_says_nothing(tmp_path: Path) -> None:
    config = practised(tmp_path)
    with Serving(tmp_path) as exchange:
        findings = check_connectivity(config, {}, LITTLE_S)
        assert by_name(findings)["practice market data"] is Level.FAIL
        done = threading.Event()

        def quoting() -> None:
            while not done.wait(0.02):
                exchange.quote(9_999, 10_001)

        thread = threading.Thread(target=quoting)
        thread.start()
        try:
            findings = check_connectivity(config, {})
        finally:
            done.set()
            thread.join()
    assert findings.exit_code == 0, text(findings)


def test_a_simulated_venue_is_nowhere(tmp_path: Path) -> None:
    findings = check_connectivity(desk_folder(tmp_path), {})
    assert [one.why for one in findings.found] == ["simulated: there is nothing to reach"]


@pytest.mark.parametrize(
    ("offset_ms", "expected"),
    [(0, Level.OK), (249, Level.OK), (-250, Level.WARN), (999, Level.WARN), (1_000, Level.FAIL), (-5_000, Level.FAIL)],
)
def test_how_far_clocks_may_be_apart(offset_ms: int, expected: Level) -> None:
    assert offset_level(offset_ms * MS) is expected


def test_a_clock_that_is_off_is_a_failure(tmp_path: Path, twin: Twin) -> None:
    config = load_desk(write_desk(tmp_path / "desk", twin.server.port))
    findings = check_connectivity(config, {}, wall=lambda: time.time_ns() - 7_000 * MS)
    assert by_name(findings)["hl clock"] is Level.FAIL
    assert "ahead of this machine's" in text(findings)


def test_a_database_that_answers(tmp_path: Path, postgres_url: str) -> None:
    findings = check_connectivity(desk_folder(tmp_path), {DATABASE_VARIABLE: postgres_url})
    assert by_name(findings)["database"] is Level.OK
    assert "answers: PostgreSQL" in text(findings)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@127.0.0.1:9/name",
        f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:9/name",
        f"nothing {PASSWORD}",
    ],
)
def test_a_database_that_does_not_is_named_without_its_password(tmp_path: Path, url: str) -> None:
    findings = check_connectivity(desk_folder(tmp_path), {DATABASE_VARIABLE: url}, LITTLE_S)
    assert by_name(findings)["database"] is Level.FAIL
    assert PASSWORD not in text(findings)


def test_a_standby_in_a_database_needs_one(tmp_path: Path) -> None:
    desk = write_desk(tmp_path / "desk", 9, ("[operators]", '[standby]\nstore = "postgresql"\n\n[operators]'))
    findings = check_connectivity(load_desk(desk), {}, LITTLE_S)
    assert by_name(findings)["database"] is Level.FAIL


class Redis:
    """What a Redis answers, over a real socket: a password, then PING."""

    def __init__(self, password: str = "") -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._password = password
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Redis":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)
        self._server.close()

    def _serve(self) -> None:
        line, _ = self._server.accept()
        with line:
            heard = line.recv(4_096)
            auth = f"$4\r\nAUTH\r\n${len(self._password)}\r\n{self._password}\r\n".encode()
            known = not self._password or auth in heard
            said = b"+OK\r\n" if known else b"-WRONGPASS invalid\r\n"
            pong = b"+PONG\r\n" if known else b"-NOAUTH Authentication required.\r\n"
            line.sendall((said if b"AUTH" in heard else b"") + pong)


@pytest.mark.parametrize(
    ("password", "given", "expected"),
    [("", "", Level.OK), (PASSWORD, PASSWORD, Level.OK), (PASSWORD, "", Level.FAIL), (PASSWORD, "other", Level.FAIL)],
)
def test_redis_is_asked_with_its_password(password: str, given: str, expected: Level) -> None:
    findings = Findings()
    with Redis(password) as redis:
        word = f":{given}@" if given else ""
        check_redis(findings, {REDIS_VARIABLE: f"redis://{word}127.0.0.1:{redis.port}/0"}, 30)
    assert by_name(findings) == {"redis": expected}
    assert PASSWORD not in text(findings)


@pytest.mark.parametrize("url", ["redis://", "redis://127.0.0.1:9", f"http://:{PASSWORD}@a", "redis://h:port"])
def test_a_redis_that_is_not_there_or_is_none(url: str) -> None:
    findings = Findings()
    check_redis(findings, {REDIS_VARIABLE: url}, LITTLE_S)
    assert by_name(findings) == {"redis": Level.FAIL}
    assert PASSWORD not in text(findings)


def test_the_command(
    tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUARTERDECK_CAPACITY", CAPACITY.name)
    desk = write_desk(tmp_path / "desk", twin.server.port)
    monkeypatch.setattr(sys, "argv", ["quarterdeck", "check", "connectivity", str(desk)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in {0, None}
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "7 ok, 0 WARN, 0 FAIL", said
