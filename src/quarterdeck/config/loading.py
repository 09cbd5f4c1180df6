"""Finding a desk and reading it."""

from pathlib import Path
from typing import Final, TypeVar, cast

from pydantic import ValidationError

from quarterdeck.config.combination import Files, Named, Origin, agree, combine
from quarterdeck.config.desk import DeskConfig, DeskSettings
from quarterdeck.config.documents import Document, parse, read_json, read_toml
from quarterdeck.config.environment import ENVIRONMENT, VARIABLE_PREFIX, Environment, read_environment
from quarterdeck.config.figures import Settings
from quarterdeck.config.files import RiskParameters, SizingByRegime, TradingParameters
from quarterdeck.config.mistakes import Bare, config_error
from quarterdeck.config.sections import RiskFiles
from quarterdeck.errors import ConfigError

__all__ = ["DESK_FILE", "find_desk", "load_desk"]

DESK_FILE: Final = "desk.toml"
S = TypeVar("S", bound=Settings)


def find_desk(place: str | Path, desks: str | Path = "desks") -> Path:
    """Returns the desk.toml of a desk given as its folder, its desk.toml, or its name in the folder `desks`.

    Raises ConfigError naming the desks there are.
    """
    path = Path(place)
    if path.is_file():
        return path
    for folder in (path, Path(desks) / path):
        if (folder / DESK_FILE).is_file():
            return folder / DESK_FILE
    known = sorted(found.parent.name for found in Path(desks).glob(f"*/{DESK_FILE}"))
    there = f"; in {desks}/ there is {', '.join(known)}" if known else f"; {desks}/ holds no desk"
    raise ConfigError("command", "desk", str(place), f"a desk's folder, its {DESK_FILE}, or its name{there}")


def load_desk(place: str | Path) -> DeskConfig:
    """Returns a desk's settings, its JSON files and the environment combined.

    `place` is a desk's folder, its desk.toml, or a name in ./desks (QUARTERDECK_DESKS). Raises ConfigError (exit 2)
    for the first mistake, naming file, key, value and what may stand there.
    """
    environment = read_environment()
    path = find_desk(place, environment.desks)
    shown = str(path)
    document = read_toml(path, shown)
    origins = _override(document, environment)
    files = _read_files(document, path, shown)
    origins |= combine(document, shown, files)
    try:
        settings = DeskSettings.model_validate(document)
    except ValidationError as error:
        raise _where_written(config_error(error, DeskSettings, document, shown), origins) from error
    agree(files, sorted({instrument.base for instrument in settings.instruments}))
    return DeskConfig(
        **{key: getattr(settings, key) for key in settings.model_fields_set},
        folder=path.parent,
        file=shown,
        sizing=files.sizing and files.sizing.content,
        risk_parameters=files.risk and files.risk.content,
        trading_parameters=files.trading and files.trading.content,
    )


def _override(document: Document, environment: Environment) -> dict[str, Origin]:
    desk: object = document.get("desk")
    if not isinstance(desk, dict):
        return {}
    origins: dict[str, Origin] = {}
    for key in ("mode", "capacity"):
        value: str | None = getattr(environment, key)
        if value is not None:
            cast(Document, desk)[key] = value
            origins[f"desk.{key}"] = Origin(ENVIRONMENT, VARIABLE_PREFIX + key.upper(), value)
    return origins


def _read_files(document: Document, path: Path, shown: str) -> Files:
    table: object = document.get("risk", {})
    try:
        names = RiskFiles.model_validate(table)
    except ValidationError as error:
        raise config_error(error, RiskFiles, document, shown, ("risk",)) from error

    def read(key: str, model: type[S]) -> Named[S] | None:
        name: str | None = getattr(names, key)
        if name is None:
            return None
        place = path.parent / name
        if not place.is_file():
            raise ConfigError(shown, f"risk.{key}", name, f"a file below the desk's folder {path.parent}")
        return Named(str(place), parse(model, read_json(place, str(place)), str(place)))

    return Files(
        read("sizing_file", SizingByRegime), read("risk_file", RiskParameters), read("trading_file", TradingParameters)
    )


def _where_written(error: ConfigError, origins: dict[str, Origin]) -> ConfigError:
    origin = origins.get(error.key)
    if origin is None:
        return error
    return ConfigError(origin.file, origin.key, Bare(origin.value), f"as {error.key} of {error.file}: {error.allowed}")
