"""One mistake in a file becomes one ConfigError that names the file, the key, the value and what may stand there."""

import difflib
from collections.abc import Sequence
from typing import Any, Final, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from quarterdeck.config.figures import rule_of
from quarterdeck.errors import ConfigError

__all__ = ["MISSING", "Bare", "config_error", "dotted"]

Location = Sequence[int | str]
_SHOWN_MAX: Final = 60


class Bare(str):
    """A text that an error shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


MISSING: Final = Bare("(missing)")

_TYPES: Final = {
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
}


def _item(raw: object, step: int | str) -> object:
    if isinstance(raw, dict) and step in raw:
        return cast(dict[int | str, object], raw)[step]
    if isinstance(raw, list) and isinstance(step, int) and step < len(cast(list[object], raw)):
        return cast(list[object], raw)[step]
    return MISSING


def dotted(raw: object, location: Location) -> str:
    """The key as a person says it: `instruments[XRP].limits.max_notional`."""
    key = ""
    for step in location:
        raw = _item(raw, step)
        if isinstance(step, str):
            key += f".{step}" if key else step
            continue
        named = [_item(raw, name) for name in ("name", "symbol", "currency")]
        name = next((name for name in named if isinstance(name, str) and name is not MISSING), f"#{step + 1}")
        key += f"[{name}]"
    return key


def _value(raw: object, location: Location) -> object:
    for step in location:
        raw = _item(raw, step)
    return raw


def _shown(value: object) -> object:
    text = repr(value)
    return value if len(text) <= _SHOWN_MAX else Bare(text[: _SHOWN_MAX - 3] + "...")


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _inner_model(part))), None)


def _field(model: type[BaseModel], location: Location) -> tuple[type[BaseModel], FieldInfo | None]:
    """The table that the location's last key stands in, and that key's field when the table has one."""
    field: FieldInfo | None = None
    inner: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, int):
            continue
        model = inner or model
        field = model.model_fields.get(step)
        inner = _inner_model(field.annotation) if field else None
    return model, field


def _unknown(model: type[BaseModel], key: str) -> str:
    known = list(model.model_fields)
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f'unknown key; did you mean "{near[0]}"?'
    return f"unknown key; known here: {', '.join(known)}"


def _described(field: FieldInfo | None, key: str) -> str:
    if field is None:
        return "a value"
    rule = rule_of(field)
    if rule is not None:
        return rule.allowed
    if _inner_model(field.annotation):
        return f"a [[{key}]] table" if get_origin(field.annotation) is tuple else f"a [{key}] table"
    parts = get_args(field.annotation)
    choices = [choice for part in parts for choice in (part, *get_args(part)) if isinstance(choice, str)]
    return f"one of {', '.join(choices)}" if choices else "a value"


def _allowed(error: ErrorDetails, model: type[BaseModel]) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    table, field = _field(model, error["loc"])
    key = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            return _unknown(table, key)
        case "missing":
            return f"required: {_described(field, key)}"
        case "refused":
            return str(context["allowed"])
        case "literal_error":
            return _described(field, key)
        case kind:
            return _TYPES.get(kind, error["msg"])


def config_error(
    error: ValidationError, model: type[BaseModel], raw: object, file: str, prefix: Location = ()
) -> ConfigError:
    """Returns the first mistake; an unknown key comes first, for a missing one is often the same slip.

    `raw` is what the file held, `prefix` where in it `model` stands.
    """
    mistakes = sorted(error.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    context: dict[str, Any] = first.get("ctx", {})
    location = (*prefix, *first["loc"], *context.get("key", ()))
    value = _value(raw, location)
    if value is MISSING and context.get("value", MISSING) != MISSING:
        value = Bare(f"{context['value']} (by default)")
    allowed = _allowed(first, model)
    if len(mistakes) > 1:
        allowed += f" (and {len(mistakes) - 1} more mistake{'s' if len(mistakes) > 2 else ''} in this file)"
    return ConfigError(file, dotted(raw, location), _shown(value), allowed)
