"""The desk's logs: one file for each channel, one of all, and no secret in any of them.

What is tested: `quarterdeck.desk.logs`, `quarterdeck.desk.redaction`.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyrage
import pytest

from quarterdeck.backup.logs import roll_logs
from quarterdeck.config.backup import Backup
from quarterdeck.config.credentials import CredentialsFile
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from quarterdeck.desk.logs import DeskLogs
from quarterdeck.desk.narrative import Line
from quarterdeck.desk.redaction import Redactor, environment_secrets

DAY_NS = 86_400 * 1_000_000_000
NAMES = ("system", "trading", "error", "trading_platform")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[DeskLogs]:
    with DeskLogs(tmp_path / "logs", "tested") as opened:
        yield opened


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "logs" / f"{name}.log").read_text().splitlines()]


def test_every_line_is_in_the_one_of_all_once_and_its_level_is_in_capitals(tmp_path: Path, logs: DeskLogs) -> None:
    logs.system("SESSION_OPENED", epoch=1)
    logs.tell(Line("trading", "RISK_BLOCK", 5, 7, {"order_id": "1-2", "reason": "PRICE_COLLAR"}))
    logs.tell(Line("error", "ANOMALY", 6, 8, {"order_id": "1-3"}))
    logs.error("TRADING_STOPPED", error='it said "level":"error" of itself')
    found = lines(tmp_path, "trading_platform")
    assert [(line["event"], line["level"]) for line in found] == [
        ("SESSION_OPENED", "INFO"), ("RISK_BLOCK", "INFO"), ("ANOMALY", "ERROR"), ("TRADING_STOPPED", "ERROR"),
    ]  # fmt: skip
    assert found[3]["error"] == 'it said "level":"error" of itself'
    assert {line["desk"] for line in found} == {"tested"}
    assert [line["event"] for line in lines(tmp_path, "system")] == ["SESSION_OPENED", "ANOMALY", "TRADING_STOPPED"]
    assert [line["event"] for line in lines(tmp_path, "trading")] == ["RISK_BLOCK"]
    assert [line["level"] for line in lines(tmp_path, "error")] == ["error", "error"]


def test_the_one_of_all_is_rolled_with_the_others(tmp_path: Path, logs: DeskLogs) -> None:
    for event in ("BEFORE", "AFTER"):
        logs.tell(Line("trading", event, 5, 7, {}))
        logs.error(event)
        if event == "BEFORE":
            youngest = max(path.stat().st_mtime_ns for path in (tmp_path / "logs").iterdir())
            report = roll_logs(tmp_path / "logs", Backup(), None, youngest + DAY_NS)
            assert {name.partition(".")[0] for name in report.rolled} == set(NAMES)
            logs.refresh()
    for name in NAMES:
        assert {line["event"] for line in lines(tmp_path, name)} == {"AFTER"}


PRIVATE = secrets.token_hex(32)
BODY = base64.b64encode(secrets.token_bytes(60)).decode()
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{BODY}\n-----END EC PRIVATE KEY-----"
TOKEN = "aB3" + secrets.token_urlsafe(32)
AGE = str(pyrage.x25519.Identity.generate())
PLANTED = [
    (f"could not sign with {PRIVATE}", PRIVATE, "private key"),
    (f"key=0x{PRIVATE.upper()}", PRIVATE.upper(), "private key"),
    (f"{PEM} was read", BODY, "private key"),
    (f"opened by {AGE}", AGE, "age identity"),
    (f"GET / Authorization: Bearer {TOKEN}\n", TOKEN, "authorization header"),
    (f"{{'Authorization': 'Basic {TOKEN}'}}", TOKEN, "authorization header"),
    ("headers: X-OPS-TOKEN: short-1", "short-1", "authorization header"),
    ("x-api-key=short-2&more", "short-2", "authorization header"),
    (f"bearer {TOKEN}", TOKEN, "authorization header"),
    (f"token {TOKEN} expired", TOKEN, "token"),
    ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ended", "c2lnbmF0dXJl", "token"),
    ("postgresql://desk:hunter2@127.0.0.1/ledger refused", "hunter2", "password"),
    ("redis://:hunter2@127.0.0.1:6379", "hunter2", "password"),
    ("login with password=hunter2 failed", "hunter2", "secret"),
    ('{"api_key": "short-3"}', "short-3", "secret"),
    ("123456789:AAF-abcdefghijklmnopqrstuvwxyz012345 is Telegram's", "AAF-abcdef", "token"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "key"),
]


@pytest.mark.parametrize(("text", "secret", "kind"), PLANTED, ids=[f"{row}" for row in range(len(PLANTED))])
def test_what_looks_like_a_secret_is_replaced_by_its_kind(text: str, secret: str, kind: str) -> None:
    redactor = Redactor()
    for fields in (
        {"error": text},
        {"said": [text, "more"]},
        {"deep": {"deeper": [{"deepest": (text,)}]}},
        {text: "as a key"},
        {"event": text, "count": 3},
    ):
        line = redactor.line(fields)
        assert secret not in line, line
        assert f"<{kind}>" in line, line


@pytest.mark.parametrize("name", ["private_key", "api_key", "secret", "password", "authorization", "token", "mnemonic"])
def test_a_field_of_such_a_name_is_replaced_whatever_it_holds(name: str) -> None:
    line = Redactor().line({"request": {name: "abc"}, name: ["def"], f"venue_{name}": 123})
    assert json.loads(line) == {"request": {name: f"<{name}>"}, name: f"<{name}>", f"venue_{name}": f"<venue_{name}>"}


@pytest.mark.parametrize(
    "fields",
    [
        {"digest": PRIVATE, "source_hash": PRIVATE, "said": f"the digest is {PRIVATE}"},
        {"order_id": "1-23", "time": "2026-11-21T23:10:36.123456789Z", "sequence": 2**53, "price": "1.2"},
        {"path": "/srv/desks/Quarterdeck_2/data/journal/00000000000000000001.qdj", "event": "ALERTS_UNACKNOWLEDGED"},
        {"origin": "ada@bridge uid=1000 pid=4711", "why": "the token feed stutters", "key": "XRP", "token_id": "t-1"},
        {"snapshot": "xrpliquid-20261121T003000Z-snapshot-00000000000000000001", "password": "", "token": None},
        {"figures": [1, 2.5, True, None], "money": Decimal("1.25")},
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(fields: dict[str, Any]) -> None:
    plain = {key: str(value) if isinstance(value, Decimal) else value for key, value in fields.items()}
    assert json.loads(Redactor().line(fields)) == plain


def test_known_values_are_found_however_they_are_written() -> None:
    redactor = Redactor({"VENUE_SECRET_KEY": 'pa"ss\\wörd 9', "VENUE_PRIVATE_KEY": f"0x{PRIVATE}", "SHORT_KEY": "ab1"})
    for text in ('x pa"ss\\wörd 9', "pa%22ss%5Cw%C3%B6rd%209", 'PA"SS\\WÖRD 9'):
        line = redactor.line({"error": text})
        assert "<VENUE_SECRET_KEY>" in line, line
    for text in (PRIVATE, PRIVATE.upper(), f"digest 0x{PRIVATE}"):
        assert "<VENUE_PRIVATE_KEY>" in redactor.line({"error": text})
    assert PRIVATE not in redactor.line({"digest": PRIVATE})
    assert redactor.line({"word": "cab1e"}) == '{"word":"cab1e"}'


def test_the_environments_secrets_are_those_of_such_names() -> None:
    found = environment_secrets(
        {
            "ALPACA_SECRET_KEY": "one", "OPS_API_TOKEN": "two", "LANG": "C", "QUARTERDECK_PERSON": "ada",
            "DATABASE_URL": "postgresql://u:three@127.0.0.1/x", "REDIS_URL": "redis://127.0.0.1", "HOME": "/x",
        }
    )  # fmt: skip
    assert found == {"ALPACA_SECRET_KEY": "one", "OPS_API_TOKEN": "two", "password in DATABASE_URL": "three"}


def test_secrets_of_the_environment_and_of_the_credentials_file_are_in_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IDENTITY_VARIABLE, AGE)
    monkeypatch.setenv("OTHER_API_TOKEN", "plain-words-as-a-token")
    CredentialsFile(tmp_path).set("VENUE_PASSPHRASE", "correct horse battery")
    with DeskLogs(tmp_path / "logs", "tested") as logs:
        logs.learn(tmp_path)
        for text in ("plain-words-as-a-token", "correct horse battery", PEM, TOKEN, AGE):
            logs.error("FAILED", error=f"said {text}!")
            logs.tell(Line("trading", "SIGNAL_GENERATED", 5, 7, {"reason": text}))
    written = "".join((tmp_path / "logs" / f"{name}.log").read_text() for name in NAMES)
    for secret in ("plain-words-as-a-token", "correct horse battery", BODY, TOKEN, AGE):
        assert secret not in written
    assert written.count("<VENUE_PASSPHRASE>") == written.count("<OTHER_API_TOKEN>") > 0


def test_a_credentials_file_that_nobody_can_open_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IDENTITY_VARIABLE, AGE)
    CredentialsFile(tmp_path).set("VENUE_PASSPHRASE", "correct horse battery")
    monkeypatch.delenv(IDENTITY_VARIABLE)
    monkeypatch.delenv(IDENTITY_FILE_VARIABLE, raising=False)
    with DeskLogs(tmp_path / "logs", "tested") as logs:
        logs.learn(tmp_path)
    (line,) = lines(tmp_path, "system")
    assert line["event"] == "CREDENTIALS_NOT_READ"
    assert IDENTITY_FILE_VARIABLE in line["error"]
