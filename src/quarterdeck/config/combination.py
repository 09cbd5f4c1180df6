"""How the JSON files and desk.toml make one setting.

A figure has one place of truth. What a file says of a limit or of the breaker takes effect as if it stood in
desk.toml; where desk.toml says it too, both must say the same.

| file         | key                                            | sets in desk.toml                                    |
|--------------|------------------------------------------------|------------------------------------------------------|
| sizing_file  | hysteresis_settings.kill_switch_cooldown_hours | breaker.cooldown_hours                               |
|              | hysteresis_settings.reduction_threshold        | breaker.drawdown_trip                                |
|              | hysteresis_settings.recovery_threshold         | breaker.drawdown_recovery                            |
|              | hysteresis_settings.recovery_stages            | breaker.stages                                       |
|              | risk_parameters.max_daily_drawdown             | breaker.metrics.daily_drawdown.trigger               |
|              | risk_parameters.max_position_risk              | limits.max_position_risk                             |
| risk_file    | max_daily_loss                                 | limits.max_daily_loss_share                          |
|              | max_drawdown                                   | limits.max_drawdown                                  |
|              | stop_loss                                      | limits.default_stop_bps                              |
|              | max_position_size                              | limits.max_long, max_short of instruments in it      |
| trading_file | min_notional                                   | limits.min_notional of every instrument              |
|              | fees                                           | maker_fee_bps, taker_fee_bps of each instrument      |

The rest of the files is the strategies' (sizing, signals) and the reports' (VaR, ES, correlation).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar, cast

from quarterdeck.config.documents import Document
from quarterdeck.config.figures import Settings, read_decimal
from quarterdeck.config.files import REGIMES, RiskParameters, SizingByRegime, TradingParameters
from quarterdeck.config.mistakes import Bare, dotted
from quarterdeck.errors import ConfigError

__all__ = ["Files", "Named", "Origin", "agree", "combine"]

Location = tuple[int | str, ...]
S = TypeVar("S", bound=Settings)
Figure = Decimal | tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Named(Generic[S]):
    """A file's content, and what errors call the file."""

    name: str
    content: S


@dataclass(frozen=True, slots=True)
class Files:
    """The desk's JSON files, as far as it has them."""

    sizing: Named[SizingByRegime] | None
    risk: Named[RiskParameters] | None
    trading: Named[TradingParameters] | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting was really written."""

    file: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class _Setting:
    at: Location
    figure: Figure
    file: str
    key: str


def _of_sizing(sizing: SizingByRegime, file: str) -> Iterator[_Setting]:
    settings, risk = sizing.hysteresis_settings, sizing.risk_parameters
    hysteresis, limits = "hysteresis_settings", "risk_parameters"
    yield _Setting(
        ("breaker", "cooldown_hours"),
        settings.kill_switch_cooldown_hours,
        file,
        f"{hysteresis}.kill_switch_cooldown_hours",
    )
    yield _Setting(
        ("breaker", "drawdown_trip"), settings.reduction_threshold, file, f"{hysteresis}.reduction_threshold"
    )
    yield _Setting(
        ("breaker", "drawdown_recovery"), settings.recovery_threshold, file, f"{hysteresis}.recovery_threshold"
    )
    yield _Setting(("breaker", "stages"), settings.recovery_stages, file, f"{hysteresis}.recovery_stages")
    drawdown: Location = ("breaker", "metrics", "daily_drawdown", "trigger")
    yield _Setting(drawdown, risk.max_daily_drawdown, file, f"{limits}.max_daily_drawdown")
    yield _Setting(("limits", "max_position_risk"), risk.max_position_risk, file, f"{limits}.max_position_risk")


def _of_risk(risk: RiskParameters, file: str, instruments: list[Document]) -> Iterator[_Setting]:
    yield _Setting(("limits", "max_daily_loss_share"), risk.max_daily_loss, file, "max_daily_loss")
    yield _Setting(("limits", "max_drawdown"), risk.max_drawdown, file, "max_drawdown")
    yield _Setting(("limits", "default_stop_bps"), risk.stop_loss * 10_000, file, "stop_loss")
    for index, instrument in enumerate(instruments):
        if instrument.get("base") != risk.position_size_unit:
            continue
        at: Location = ("instruments", index, "limits")
        yield _Setting((*at, "max_long"), risk.max_position_size, file, "max_position_size")
        if instrument.get("short_allowed", instrument.get("kind") == "perpetual") is True:
            yield _Setting((*at, "max_short"), risk.max_position_size, file, "max_position_size")


def _of_trading(trading: TradingParameters, file: str, instruments: list[Document]) -> Iterator[_Setting]:
    kinds = {"spot", "perpetual", "equity", "token"}
    for index, instrument in enumerate(instruments):
        at: Location = ("instruments", index)
        yield _Setting((*at, "limits", "min_notional"), trading.min_notional, file, "min_notional")
        kind = instrument.get("kind")
        fees = getattr(trading.fees, str(kind)) if kind in kinds else None
        if fees is not None:
            yield _Setting((*at, "maker_fee_bps"), fees.maker_bps, file, f"fees.{kind}.maker_bps")
            yield _Setting((*at, "taker_fee_bps"), fees.taker_bps, file, f"fees.{kind}.taker_bps")


def _written(figure: Figure) -> str | list[str]:
    if isinstance(figure, Decimal):
        return format(figure.normalize(), "f")
    return [format(part.normalize(), "f") for part in figure]


def _same(written: object, figure: Figure) -> bool:
    if isinstance(figure, Decimal):
        return read_decimal(written) == figure
    return isinstance(written, list) and tuple(map(read_decimal, cast(list[object], written))) == figure


def _tables(document: Document, key: str) -> list[Document]:
    tables = document.get(key)
    if not isinstance(tables, list):
        return []
    return [cast(Document, table) if isinstance(table, dict) else {} for table in cast(list[object], tables)]


def _table_at(document: Document, at: Location) -> Document | None:
    """The table at a place, made where it is not there yet; None where something that is no table is in the way."""
    place: Any = document
    for step in at:
        if isinstance(place, dict):
            place = cast(Document, place).setdefault(str(step), {})
        elif isinstance(place, list) and isinstance(step, int):
            place = cast(list[Any], place)[step]
        else:
            return None
    return cast(Document, place) if isinstance(place, dict) else None


def combine(document: Document, shown: str, files: Files) -> dict[str, Origin]:
    """Writes what the files say into desk.toml's tables, in place.

    Returns where each dotted key so written came from. Raises ConfigError where both say different things.
    """
    instruments = _tables(document, "instruments")
    settings: list[_Setting] = []
    if files.sizing:
        settings += _of_sizing(files.sizing.content, files.sizing.name)
    if files.risk:
        settings += _of_risk(files.risk.content, files.risk.name, instruments)
    if files.trading:
        settings += _of_trading(files.trading.content, files.trading.name, instruments)
    origins: dict[str, Origin] = {}
    for setting in settings:
        table = _table_at(document, setting.at[:-1])
        if table is None:
            continue
        key, written = str(setting.at[-1]), _written(setting.figure)
        where = dotted(document, setting.at)
        if key in table and not _same(table[key], setting.figure):
            allowed = f"left out, or {written} as {setting.key} of {setting.file} says"
            raise ConfigError(shown, where, table[key], allowed)
        if key not in table:
            table[key] = written
            origins[where] = Origin(setting.file, setting.key, str(written))
    return origins


def agree(files: Files, bases: list[str]) -> None:
    """Checks the files against each other and against the base currencies traded. Raises ConfigError."""
    for file in (files.sizing, files.risk):
        if file and file.content.position_size_unit not in bases:
            unit = file.content.position_size_unit
            raise ConfigError(file.name, "position_size_unit", unit, f"the base of an instrument: {', '.join(bases)}")
    if not (files.sizing and files.risk):
        return
    sizing, risk = files.sizing.content, files.risk.content
    limit = sizing.risk_parameters.correlation_limit
    if limit != risk.correlation_limit:
        allowed = f"{risk.correlation_limit}, as correlation_limit of {files.risk.name} says"
        raise ConfigError(files.sizing.name, "risk_parameters.correlation_limit", Bare(limit), allowed)
    if sizing.position_size_unit != risk.position_size_unit:
        return
    for name in REGIMES:
        size: Decimal = getattr(sizing.regime_sizing_config, name).max_position_size
        if size > risk.max_position_size:
            key = f"regime_sizing_config.{name}.max_position_size"
            allowed = f"at most {risk.max_position_size}, max_position_size of {files.risk.name}"
            raise ConfigError(files.sizing.name, key, Bare(size), allowed)
