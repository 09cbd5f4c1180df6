"""The words of the command line, as they arrive on a desk's socket. What is tested: `quarterdeck.cli.control`."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quarterdeck.cli import app
from quarterdeck.desk.control import ControlServer
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Command
from quarterdeck.errors import ConfigError
from tests.desk.builders import desk_folder


def told(folder: Path, *words: str) -> tuple[dict[str, Any], Any]:
    """Says some words to a socket; returns what came out of it that is not as by default, and the command's result."""
    config = desk_folder(folder)
    place, heard = DeskPlace(config.folder), list[Command]()
    place.data.mkdir()

    def obey(command: Command) -> dict[str, object]:
        heard.append(command)
        return {"text": "done", "cancels": 2, "overrides": {"max_daily_loss": {"value": "5"}}}

    async def talk() -> Any:
        server = ControlServer(place.socket, obey)
        await server.open()
        try:
            return await asyncio.to_thread(CliRunner().invoke, app, [words[0], str(folder), *words[1:]])
        finally:
            await server.close()

    result = asyncio.run(talk())
    defaults = Command(verb=heard[0].verb) if heard else None
    fields = [one for one in Command.__struct_fields__ if heard and getattr(heard[0], one) != getattr(defaults, one)]
    facts = {one: getattr(heard[0], one) for one in fields if one != "origin"}
    return ({"verb": heard[0].verb.value, **facts} if heard else {}), result


SAID = [
    (("cancel",), {"verb": "cancel"}),
    (
        ("cancel", "--strategy", "BUY", "--instrument", "XRP", "--protective", "--why", "quiet"),
        {"verb": "cancel", "strategy": "BUY", "instrument": "XRP", "protective": True, "why": "quiet"},
    ),
    (("cancel", "--order", "3-17"), {"verb": "cancel-order", "order_id": "3-17"}),
    (
        ("configure", "--set", "max_daily_loss=500", "--set", "throttle_enabled=false", "--person", "ada"),
        {"verb": "configure", "settings": {"max_daily_loss": "500", "throttle_enabled": "false"}, "person": "ada"},
    ),
    (("stop",), {"verb": "stop"}),
    (("stop", "--keep-orders"), {"verb": "stop", "keep_orders": True}),
    (("stop", "--cancel-orders"), {"verb": "stop", "keep_orders": False}),
]


@pytest.mark.parametrize(("words", "command"), SAID, ids=[" ".join(words) for words, _ in SAID])
def test_what_is_said_arrives(tmp_path: Path, words: tuple[str, ...], command: dict[str, Any]) -> None:
    heard, result = told(tmp_path / "desk", *words)
    assert result.exit_code == 0, result.output
    assert heard == command
    assert "done: cancels 2" in result.output


def test_a_setting_without_a_value_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    for number, word in enumerate(("max_daily_loss", "max_daily_loss=")):
        heard, result = told(tmp_path / str(number), "configure", "--set", word)
        assert heard == {}
        assert isinstance(result.exception, ConfigError)
        assert "NAME=VALUE" in str(result.exception)
