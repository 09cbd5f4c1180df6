"""What operators set while a desk ran: limits in place of desk.toml's, until they set others or take them back.

They are kept in data/overrides.json, written before the command is acknowledged, and in the journal, for whoever
continues it elsewhere: a standby, or a restored backup. A session opens with them, so a restart loosens nothing that
was tightened, and says which of its limits are not desk.toml's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final, TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from quarterdeck.config import DeskConfig
from quarterdeck.config.figures import read_decimal
from quarterdeck.config.limits import DeskLimits, InstrumentLimits
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Setting
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.journal import Block, Disk, JournalReader, payload_of
from quarterdeck.journal.recovery import UNFINISHED, create_file, disk_errors
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import State
from quarterdeck.kernel.vocabulary import DeskLimit, EventKind, InstrumentLimit, Table
from quarterdeck.runtime.opening import opening_events

__all__ = ["DEFAULT", "NAMES", "OVERRIDES_FILE", "Override", "Overrides", "find_overrides"]

OVERRIDES_FILE: Final = "overrides.json"
DEFAULT: Final = "default"  # the value that takes an override back
_ORDERS_PER_MINUTE_MOST: Final = 1_000_000  # the highest figure that there is: the throttle is off
_FIGURE_MOST: Final = 40  # characters
_SESSION_NOTE: Final = b"session "
_LIMITS: Final = (Table.DESK_LIMIT, Table.INSTRUMENT_LIMIT)

_Change: TypeAlias = Callable[[DeskConfig, Any], DeskConfig]


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure, and who set it when (RFC 3339) and why. Money and shares are texts."""

    value: str | int | bool
    person: str = ""
    time: str = ""
    why: str = ""


class _Kept(msgspec.Struct, frozen=True):
    """What rides behind a record of the journal, and what the file holds."""

    overrides: dict[str, Override] | None = None


@dataclass(frozen=True, slots=True)
class _Meaning:
    """How a setting's value is read, what it changes in desk.toml's, and which of the kernel's figures follow."""

    read: Callable[[str, object], str | int | bool]
    change: _Change
    columns: tuple[int, ...]
    table: Table = Table.DESK_LIMIT


def _refused(name: str, value: object, allowed: str) -> ConfigError:
    return ConfigError("command", f"settings.{name}", value, allowed)


def _figure(name: str, value: object) -> str:
    read = read_decimal(value)
    if read is None or not read.is_finite() or len(str(value)) > _FIGURE_MOST:
        raise _refused(name, str(value)[:_FIGURE_MOST], f'a number, or "{DEFAULT}" for what desk.toml says')
    return f"{read.normalize():f}"


def _amount(name: str, value: object) -> str:
    """A loss may be written with either sign."""
    return _figure(name, value).removeprefix("-")


def _count(name: str, value: object) -> int:
    figure = Decimal(_figure(name, value))
    if figure != int(figure) or figure < 1:
        raise _refused(name, value, f'a whole number, 1 or more, or "{DEFAULT}"')
    return int(figure)


def _switch(name: str, value: object) -> bool:
    words = {"true": True, "false": False}
    found = value if isinstance(value, bool) else words.get(str(value).lower())
    if found is None:
        raise _refused(name, value, f'true, false, or "{DEFAULT}"')
    return found


def _valid(model: type[BaseModel], before: BaseModel, **changes: object) -> Any:
    """The table with some figures changed. ConfigError where it may not be so."""
    try:
        return model.model_validate({**before.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or ", ".join(changes)
        raise _refused(key, str(first["input"])[:80], str(first["msg"])) from error


def _limits(**more: object) -> Callable[[str], _Change]:
    """Changes one key of [limits]; `more` is what would stand in its way."""

    def by_key(key: str) -> _Change:
        def change(config: DeskConfig, value: Any) -> DeskConfig:
            limits = _valid(DeskLimits, config.limits, **{key: value}, **more)
            return config.model_copy(update={"limits": limits})

        return change

    return by_key


def _throttle(config: DeskConfig, enabled: Any) -> DeskConfig:
    return config if enabled else _limits()("orders_per_minute")(config, _ORDERS_PER_MINUTE_MOST)


def _position_size(config: DeskConfig, value: Any) -> DeskConfig:
    """The exposure of each instrument; no order may be larger either."""
    size, changed = Decimal(value), list[Any]()
    for instrument in config.instruments:
        least = min(instrument.limits.max_notional, size)
        limits = _valid(InstrumentLimits, instrument.limits, max_exposure=size, max_notional=least)
        changed.append(instrument.model_copy(update={"limits": limits}))
    limits = config.limits.model_copy(update={"max_position_risk": None})
    return config.model_copy(update={"instruments": tuple(changed), "limits": limits})


# In the order in which they are applied: the throttle's switch is above its figure.
_MEANINGS: Final = {
    "max_daily_loss": _Meaning(
        _amount, _limits(max_daily_loss_share=None)("max_daily_loss"), (DeskLimit.MAX_DAILY_LOSS,)
    ),
    "portfolio_heat_limit": _Meaning(_figure, _limits()("heat"), (DeskLimit.HEAT_PPM,)),
    "max_drawdown": _Meaning(_amount, _limits()("max_drawdown"), (DeskLimit.MAX_DRAWDOWN_PPM,)),
    "max_position_size": _Meaning(
        _amount,
        _position_size,
        (
            InstrumentLimit.MAX_EXPOSURE,
            InstrumentLimit.MAX_NOTIONAL,
            InstrumentLimit.MAX_LOTS,
            InstrumentLimit.MAX_LONG_LOTS,
            InstrumentLimit.MAX_SHORT_LOTS,
        ),
        Table.INSTRUMENT_LIMIT,
    ),
    "equity_floor": _Meaning(_figure, _limits()("equity_floor"), (DeskLimit.EQUITY_FLOOR,)),
    "max_exposure": _Meaning(_amount, _limits()("max_exposure"), (DeskLimit.MAX_EXPOSURE,)),
    "max_unacknowledged": _Meaning(_count, _limits()("max_unacknowledged"), (DeskLimit.MAX_UNACKNOWLEDGED,)),
    "max_orders_per_minute": _Meaning(_count, _limits()("orders_per_minute"), (DeskLimit.ORDERS_PER_MINUTE,)),
    "throttle_enabled": _Meaning(_switch, _throttle, (DeskLimit.ORDERS_PER_MINUTE,)),
}
NAMES: Final = tuple(_MEANINGS)


@dataclass(frozen=True)
class Overrides:
    """The overrides of one desk by their names. Nothing in it changes: `with_settings` gives another."""

    held: Mapping[str, Override] = field(default_factory=dict[str, Override])

    def with_settings(self, settings: Mapping[str, Setting], person: str, time: str, why: str) -> "Overrides":
        """Returns what holds after a command. ConfigError for a name or a value that cannot be."""
        held = dict(self.held)
        if not settings:
            raise ConfigError("command", "settings", {}, f"at least one of {', '.join(NAMES)}")
        for name, value in settings.items():
            if name not in _MEANINGS:
                raise _refused(name[:_FIGURE_MOST], value, f"the name is one of {', '.join(NAMES)}")
            if value == DEFAULT:
                held.pop(name, None)
            else:
                held[name] = Override(_MEANINGS[name].read(name, value), person, time, why)
        return Overrides({name: held[name] for name in NAMES if name in held})

    def applied(self, config: DeskConfig) -> DeskConfig:
        """Returns the desk's settings with these in place of its own. ConfigError where they do not go together."""
        for name, meaning in _MEANINGS.items():
            if name in self.held:
                config = meaning.change(config, self.held[name].value)
        return config

    def events(self, config: DeskConfig, names: Mapping[str, Setting], time_ns: int) -> NDArray[np.void]:
        """Returns the CONFIGURE events, at least one, that put the named settings into the kernel."""
        rows = _rows(self.applied(config), time_ns)
        wanted = np.zeros(len(rows), bool)
        for name in names:
            meaning = _MEANINGS[name]
            wanted |= (rows["table"] == meaning.table) & np.isin(rows["column"], meaning.columns)
        return rows[wanted]

    def shown(self) -> dict[str, object]:
        """Returns them as others read them: by name, each with value, person, time and why."""
        return cast("dict[str, object]", msgspec.to_builtins(dict(self.held)))

    def lines(self) -> Iterator[str]:
        """Yields a sentence for each: a limit that is not desk.toml's is never silent."""
        for name, one in self.held.items():
            why = f": {one.why}" if one.why else ""
            yield f"{name} is {one.value}, not what desk.toml says: set by {one.person} at {one.time}{why}"

    def payload(self, words: Mapping[str, object]) -> bytes:
        """Returns a text for the journal: the words, and all overrides that hold from there on."""
        return msgspec.json.encode({**words, "overrides": self.held})

    def keep(self, place: DeskPlace, disk: Disk) -> None:
        """Returns when they are on the medium. JournalFull: they could not be written."""
        path = place.data / OVERRIDES_FILE
        unfinished = path.with_name(path.name + UNFINISHED)
        with disk_errors(place.data):
            if unfinished.name in disk.names(place.data):
                disk.remove(unfinished)
            disk.close(create_file(disk, path, self.payload({}) + b"\n"))


def find_overrides(
    place: DeskPlace, config: DeskConfig, states: Records[State] | None, last_epoch: int, disk: Disk
) -> Overrides:
    """Returns what a new session opens with. `last_epoch` is the last session that was begun in this place.

    The file speaks where the journal's last session was this place's own. Else, as after a failover or a restoration,
    the journal does: it is searched where the state's limits are not desk.toml's. DeskError: a file of nonsense.
    """
    kept = _read(place, disk)
    if states is None or int(states[0]["epoch"]) == last_epoch:
        return kept or Overrides()
    found = Overrides() if _as_configured(config, states) else _journaled(place, disk)
    if found != (kept or Overrides()):
        found.keep(place, disk)
    return found


def _read(place: DeskPlace, disk: Disk) -> Overrides | None:
    path = place.data / OVERRIDES_FILE
    try:
        held = msgspec.json.decode(disk.read(path), type=_Kept).overrides
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DeskError(
            f"{path}: {error}: these are limits that an operator set; put it right, or remove it and set them again"
        ) from error
    unknown = sorted(set(held or {}) - set(NAMES))
    if unknown:
        raise DeskError(f"{path}: {unknown[0]!r} is no setting: it is one of {', '.join(NAMES)}")
    return Overrides(held or {})


def _rows(config: DeskConfig, time_ns: int) -> NDArray[np.void]:
    opening = opening_events(config, 1, time_ns, fresh=False)
    return opening[(opening["kind"] == EventKind.CONFIGURE) & np.isin(opening["table"], _LIMITS)]


def _as_configured(config: DeskConfig, states: Records[State]) -> bool:
    """Whether the state's limits are those of desk.toml."""
    state: Any = states[0]
    for row in _rows(config, 1):
        instrument = row["table"] == Table.INSTRUMENT_LIMIT
        limits = state["instruments"][row["row"]]["limits"] if instrument else state["limits"]
        if limits[row["column"]] != row["setting"]:
            return False
    return True


def _journaled(place: DeskPlace, disk: Disk) -> Overrides:
    """Searches the journal's last session, from its end."""
    reader = JournalReader(place.journal, disk=disk)
    end = reader.next_sequence
    for segment in reversed(reader.segments):
        blocks = reader.blocks(segment.first_sequence, verify=False)
        for block in reversed(list(takewhile(lambda one, end=end: one.first_sequence < end, blocks))):
            found = _last_word(block)
            if found is not None:
                return found
        end = segment.first_sequence
    return Overrides()


def _last_word(block: Block) -> Overrides | None:
    """The overrides that a block says last; none at all where a session begins in it that says none."""
    heads = block.positions[block.records["kind"][block.positions] == EventKind.CONTINUATION] - 1
    for index in reversed(heads[heads >= 0].tolist()):
        kind = block.records["kind"][index]
        if kind not in (EventKind.CONFIGURE, EventKind.NOTE):
            continue
        raw = payload_of(block.records, index)
        if kind == EventKind.NOTE and raw.startswith(_SESSION_NOTE):
            return Overrides()
        try:
            held = msgspec.json.decode(raw, type=_Kept).overrides
        except msgspec.DecodeError:
            continue  # a note in words
        if held is not None:
            return Overrides(held)
    return None
