"""The control socket: one line in, one line out, whatever is sent; and a clear word where no desk runs."""

import asyncio
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.desk.control import ControlServer
from quarterdeck.desk.wire import LINE_MAX, Command, Verb, ask
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.venues.addresses import reachable


def obey(command: Command) -> dict[str, object]:
    if command.verb is Verb.RESUME:
        raise ConfigError("command", "person", "(missing)", "signed")
    return {"verb": command.verb, "origin": command.origin}


def talk(path: Path, act: Callable[[], Any]) -> Any:
    async def run() -> Any:
        server = ControlServer(path, obey)
        await server.open()
        try:
            return await asyncio.to_thread(act)
        finally:
            await server.close()

    return asyncio.run(run())


def send(path: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line, reachable(path) as name:
        line.settimeout(5)
        line.connect(name)
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(4096):
            parts.append(part)
        return b"".join(parts)


def test_an_answer_says_who_asked_by_the_operating_systems_word(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    answer = talk(path, lambda: ask(path, "test", Command(verb=Verb.STATUS, origin="me@here")))
    assert answer["ok"] is True
    assert str(answer["origin"]).startswith("me@here uid=")
    assert not path.exists()


def test_a_socket_works_below_a_long_path(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120) / "control.sock"
    path.parent.mkdir()
    assert talk(path, lambda: ask(path, "test", Command(verb=Verb.STATUS)))["ok"] is True


def test_only_the_owner_may_open_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    mode = talk(path, lambda: path.stat().st_mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_refusal_keeps_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with pytest.raises(DeskError, match="signed") as refused:
        talk(path, lambda: ask(path, "test", Command(verb=Verb.RESUME)))
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "raw",
    [b"\n", b"nonsense\n", b'{"verb":"dance"}\n', b'{"verb":"kill","extra":1}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n"],
)
def test_nonsense_is_answered_and_does_nothing(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "control.sock"
    assert b'"ok":false' in talk(path, lambda: send(path, raw))


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    try:
        answer = talk(path, lambda: send(path, b"x" * (3 * LINE_MAX)))
    except ConnectionError:  # the desk may hang up while the line is still being sent
        return
    assert b'"ok":false' in answer


def test_several_commands_on_one_line_of_talk(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    answer = talk(path, lambda: send(path, b'{"verb":"status"}\n{"verb":"pause"}\n'))
    assert answer.count(b'"ok":true') == 2


def test_a_desk_that_does_not_run_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match="not running: start it"):
        ask(tmp_path / "control.sock", "test", Command(verb=Verb.STATUS))


def test_a_socket_left_behind_is_no_desk(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left, reachable(path) as name:
        left.bind(name)
    with pytest.raises(DeskError, match="it left"):
        ask(path, "test", Command(verb=Verb.STATUS))
