"""Reading a file into plain tables: TOML and JSON, with the line of a slip."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from pydantic import ValidationError

from quarterdeck.config.figures import Settings
from quarterdeck.config.mistakes import Bare, config_error
from quarterdeck.errors import ConfigError

__all__ = ["Document", "parse", "read_json", "read_toml"]

Document = dict[str, Any]
S = TypeVar("S", bound=Settings)


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(shown, f"byte {error.start}", Bare("(unreadable)"), "text in UTF-8") from error
    except OSError as error:
        raise ConfigError(shown, "file", Bare("(unreadable)"), f"a file that can be read: {error.strerror}") from error


def _slip(shown: str, text: str, line: int, problem: str, language: str) -> NoReturn:
    lines = text.splitlines()
    content = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    raise ConfigError(shown, f"line {line}", content, f"{language}: {problem}")


def read_toml(path: Path, shown: str) -> Document:
    """Returns the tables of a TOML file. `shown` is what errors call it. Raises ConfigError with the line."""
    text = _text(path, shown)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place.group(1)) if place else len(text.splitlines())
        _slip(shown, text, line, re.sub(r" \(at .*\)$", "", str(error)), "valid TOML")
    except (ValueError, RecursionError) as error:
        raise ConfigError(shown, "file", Bare("(unreadable)"), f"valid TOML: {error}") from error


def read_json(path: Path, shown: str) -> Document:
    """Returns the object of a JSON file; a key given twice is refused. Raises ConfigError with the line or key."""
    text = _text(path, shown)

    def once(pairs: list[tuple[str, Any]]) -> Document:
        table: Document = {}
        for key, value in pairs:
            if key in table:
                raise ConfigError(shown, key, value, "each key once")
            table[key] = value
        return table

    try:
        document = cast(object, json.loads(text, object_pairs_hook=once))
    except json.JSONDecodeError as error:
        _slip(shown, text, error.lineno, error.msg, "valid JSON")
    except (ValueError, RecursionError) as error:
        raise ConfigError(shown, "file", Bare("(unreadable)"), f"valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(shown, "file", Bare(f"a {type(document).__name__}"), "one JSON object")
    return cast(Document, document)


def parse(model: type[S], document: Document, shown: str) -> S:
    """Returns the document as its model. Raises ConfigError for the first mistake."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise config_error(error, model, document, shown) from error
