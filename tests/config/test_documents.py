"""A file is read into plain tables, or the line of the slip is named."""

from pathlib import Path

import pytest

from quarterdeck.config.documents import read_json, read_toml
from quarterdeck.config.mistakes import MISSING, Bare, dotted
from quarterdeck.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", "line 2 = 'b =' is not allowed: valid TOML: Invalid value"),
        ("a = 1\na = 2\n", "line 2 = 'a = 2' is not allowed: valid TOML: Cannot overwrite a value"),
        ('a = "x', "line 1 = 'a = \"x' is not allowed: valid TOML: Unterminated string"),
    ],
)
def test_toml_names_the_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "f").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(tmp_path / "f", "f")
    assert str(caught.value) == f"f: {line}"


@pytest.mark.parametrize("reader", [read_toml, read_json])
def test_depth_without_end_is_one_line(tmp_path: Path, reader: type[object]) -> None:
    deep = "[" * 100_000
    (tmp_path / "f").write_text(deep if reader is read_json else f"a = {deep}")
    with pytest.raises(ConfigError, match="valid") as caught:
        reader(tmp_path / "f", "f")  # pyright: ignore[reportCallIssue] both take a path and a name
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [read_toml, read_json])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, reader: type[object]) -> None:
    with pytest.raises(ConfigError, match=r"^f: file = \(unreadable\) is not allowed: a file that can be read"):
        reader(tmp_path / "none", "f")  # pyright: ignore[reportCallIssue] both take a path and a name


def test_a_key_is_said_by_the_names_of_its_tables() -> None:
    document = {"instruments": [{"symbol": "XRP"}, {}, {"limits": {}}], "accounts": [{"currency": "USD"}]}
    assert dotted(document, ("instruments", 0, "limits", "max_notional")) == "instruments[XRP].limits.max_notional"
    assert dotted(document, ("instruments", 1)) == "instruments[#2]"
    assert dotted(document, ("accounts", 0, "rate")) == "accounts[USD].rate"
    assert repr(MISSING) == "(missing)"
    assert repr(Bare("plain")) == "plain"
