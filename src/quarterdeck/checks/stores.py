"""Whether the database and Redis answer, where the environment names them. No password is ever shown."""

import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from quarterdeck.checks.findings import Findings
from quarterdeck.config import DeskConfig
from quarterdeck.ledger.database import DATABASE_VARIABLE

__all__ = ["REDIS_VARIABLE", "check_database", "check_redis"]

REDIS_VARIABLE: Final = "REDIS_URL"
_REDIS_PORT: Final = 6379
_ANSWER_BYTES: Final = 512


def check_database(findings: Findings, config: DeskConfig, environment: Mapping[str, str], patience_s: float) -> None:
    """Connects to what DATABASE_URL names and asks its version."""
    url = environment.get(DATABASE_VARIABLE, "")
    if not url:
        if config.standby.store == "postgresql":
            findings.fail("database", f'{DATABASE_VARIABLE} is not set, and standby.store is "postgresql"', "set it")
        return
    try:
        parsed = make_url(url)
    except ArgumentError:
        findings.fail("database", f"{DATABASE_VARIABLE} is no URL", "write postgresql://USER:PASSWORD@HOST/NAME")
        return
    if parsed.get_backend_name() == "sqlite":
        findings.ok("database", f"{parsed.render_as_string(hide_password=True)}: a file")
        return
    shown = parsed.render_as_string(hide_password=True)
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=max(2, int(patience_s))) as line:
            version = line.info.server_version
    except psycopg.Error as error:
        why = str(error).replace(parsed.password or "\0", "***")
        findings.fail("database", f"{shown}: {why}", f"start it, or correct {DATABASE_VARIABLE}")
        return
    findings.ok("database", f"{shown} answers: PostgreSQL {version // 10_000}.{version % 10_000}")


def check_redis(findings: Findings, environment: Mapping[str, str], patience_s: float) -> None:
    """Sends PING to what REDIS_URL names."""
    url = environment.get(REDIS_VARIABLE, "")
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _REDIS_PORT
    except ValueError:
        host, port, parts = "", 0, urlsplit("")
    if parts.scheme != "redis" or not host:
        findings.fail("redis", f"{REDIS_VARIABLE} is no URL of it", "write redis://:PASSWORD@HOST:PORT/0")
        return
    words = [word for word in (parts.username, parts.password) if word]
    try:
        answers = _ask(host, port, [["AUTH", *map(unquote, words)]] * bool(words) + [["PING"]], patience_s)
    except OSError as error:
        findings.fail("redis", f"{host}:{port}: {error}", f"start it, or correct {REDIS_VARIABLE}")
        return
    if answers[-1:] == ["+PONG"]:
        findings.ok("redis", f"{host}:{port} answers")
    else:
        findings.fail("redis", f"{host}:{port} says {answers[-1] if answers else 'nothing'}", "correct its password")


def _ask(host: str, port: int, commands: list[list[str]], patience_s: float) -> list[str]:
    """Sends commands in Redis' own protocol and returns the lines that it answers. Raises OSError."""
    sent = b"".join(
        b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
        for words in commands
    )
    heard = b""
    with socket.create_connection((host, port), timeout=patience_s) as line:
        line.sendall(sent)
        while heard.count(b"\r\n") < len(commands) and len(heard) < _ANSWER_BYTES:
            part = line.recv(_ANSWER_BYTES)
            if not part:
                break
            heard += part
    return heard.decode("utf-8", "replace").splitlines()
