"""The figures that people write: how they are read, and the range that each may have.

Money, prices, quantities and shares are `Decimal`. In a file they are a text ("0.05") or a number; a number with a
point is taken as the shortest decimal that means the same float, so 0.05 is exactly 0.05.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated, Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

__all__ = [
    "UNLIMITED",
    "BasisPoints",
    "Fee",
    "Hours",
    "Identifier",
    "Limit",
    "Milliseconds",
    "Minutes",
    "Money",
    "Name",
    "Path",
    "PositiveMilliseconds",
    "PositiveSeconds",
    "PositiveShare",
    "Quantity",
    "QuantityLimit",
    "Seconds",
    "Settings",
    "Share",
    "StopDistance",
    "Text",
    "Within",
    "exact_power_of_ten",
    "exact_units",
    "is_unlimited",
    "read_decimal",
    "refusal",
    "rule_of",
]

UNLIMITED: Final = Decimal("Infinity")
_UNLIMITED_WORD: Final = "unlimited"
_PLACES_MAX: Final = 18


class Settings(BaseModel):
    """Base of every table: no unknown keys, no silent conversions, no change after loading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def is_unlimited(figure: Decimal) -> bool:
    return figure == UNLIMITED


def refusal(key: str | tuple[int | str, ...], value: object, allowed: str) -> PydanticCustomError:
    """What a check over several keys raises: the key at fault (below the checking table) and what may stand there."""
    location = tuple(key.split(".")) if isinstance(key, str) else key
    return PydanticCustomError("refused", "{allowed}", {"key": location, "value": value, "allowed": allowed})


def exact_units(figure: Decimal, unit: Decimal | Fraction) -> int | None:
    """How many whole units of that size the figure is; None when it is not a whole number of them."""
    units = Fraction(figure) / Fraction(unit)
    return units.numerator if units.denominator == 1 else None


def exact_power_of_ten(figure: Decimal) -> bool:
    return figure.normalize().as_tuple().digits == (1,)


def read_decimal(value: object) -> Decimal | None:
    """The figure that a file's value means; None when it means none."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class Within:
    """The range of a figure, both ends included. `step` is the finest that is told apart."""

    low: str
    high: str
    unit: str = ""
    step: str = ""
    unlimited: bool = False
    money: bool = False

    @property
    def allowed(self) -> str:
        """The range in words."""
        unit = f" ({self.unit})" if self.unit else ""
        step = f" in steps of {self.step}" if self.step else ""
        more = f', or "{_UNLIMITED_WORD}"' if self.unlimited else ""
        return f"a number from {self.low} to {self.high}{step}{unit}{more}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        check = self._whole if source is int else self._read
        return core_schema.no_info_plain_validator_function(check)

    def _refused(self) -> PydanticCustomError:
        return PydanticCustomError("refused", "{allowed}", {"allowed": self.allowed})

    def _read(self, value: object) -> Decimal:
        if self.unlimited and value in (_UNLIMITED_WORD, UNLIMITED):
            return UNLIMITED
        figure = read_decimal(value)
        if figure is None or not figure.is_finite() or not Decimal(self.low) <= figure <= Decimal(self.high):
            raise self._refused()
        # Fewer places than a person writes by mistake, and few enough that exact fractions stay small.
        if abs(int(figure.as_tuple().exponent)) > _PLACES_MAX:
            raise PydanticCustomError("refused", "{allowed}", {"allowed": f"{self.allowed}, at most 18 decimal places"})
        if self.step and figure % Decimal(self.step):
            raise self._refused()
        return figure

    def _whole(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not int(self.low) <= value <= int(self.high):
            raise PydanticCustomError("refused", "{allowed}", {"allowed": f"{self.allowed}, whole"})
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """The letters that a text may have."""

    first: str
    letters: str
    longest: int
    words: str

    @property
    def allowed(self) -> str:
        """The rule in words."""
        return self.words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.longest:
            raise PydanticCustomError("refused", "{allowed}", {"allowed": self.allowed})
        if value[0] not in self.first or any(letter not in self.letters for letter in value):
            raise PydanticCustomError("refused", "{allowed}", {"allowed": self.allowed})
        return value


def rule_of(field: FieldInfo) -> Within | Text | None:
    """The rule that a field's value is held to, also where the field may be left out."""
    parts = [*field.metadata, *(part for choice in get_args(field.annotation) for part in get_args(choice))]
    return next((part for part in parts if isinstance(part, Within | Text)), None)


_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
_DIGITS: Final = "0123456789"

Name: TypeAlias = Annotated[
    str, Text(_LOWER, _LOWER + _DIGITS + "-", 32, "a name: a small letter, then small letters, digits, -; at most 32")
]
Identifier: TypeAlias = Annotated[
    str,
    Text(
        _LOWER + _UPPER + _DIGITS,
        _LOWER + _UPPER + _DIGITS + "-_./",
        32,
        "a symbol or name: letters, digits, - _ . /; the first a letter or digit; at most 32",
    ),
]
Path: TypeAlias = Annotated[
    str,
    Text(
        _LOWER + _UPPER + _DIGITS + "_",
        _LOWER + _UPPER + _DIGITS + "-_./",
        255,
        'a path below the desk\'s folder, such as "config/sizing_by_regime.json"',
    ),
]
Money: TypeAlias = Annotated[Decimal, Within("0", "10000000000", "money", money=True)]
Limit: TypeAlias = Annotated[Decimal, Within("0", "10000000000", "money", unlimited=True, money=True)]
Quantity: TypeAlias = Annotated[Decimal, Within("0", "4000000000000", "quantity")]
QuantityLimit: TypeAlias = Annotated[Decimal, Within("0", "4000000000000", "quantity", unlimited=True)]
Share: TypeAlias = Annotated[Decimal, Within("0", "1", "share", step="0.000001")]
BasisPoints: TypeAlias = Annotated[Decimal, Within("0", "1000000", "basis points", step="0.01")]
StopDistance: TypeAlias = Annotated[Decimal, Within("0.01", "10000", "basis points", step="0.01")]
Fee: TypeAlias = Annotated[Decimal, Within("-1000", "1000", "basis points; negative is a rebate", step="0.00001")]
Milliseconds: TypeAlias = Annotated[Decimal, Within("0", "86400000", "milliseconds", step="0.000001")]
Seconds: TypeAlias = Annotated[Decimal, Within("0", "31536000", "seconds", step="0.001")]
PositiveMilliseconds: TypeAlias = Annotated[Decimal, Within("0.001", "86400000", "milliseconds", step="0.000001")]
PositiveSeconds: TypeAlias = Annotated[Decimal, Within("0.001", "31536000", "seconds", step="0.001")]
PositiveShare: TypeAlias = Annotated[Decimal, Within("0.000001", "1", "share", step="0.000001")]
Minutes: TypeAlias = Annotated[Decimal, Within("0", "525600", "minutes", step="0.001")]
Hours: TypeAlias = Annotated[Decimal, Within("0", "8760", "hours", step="0.001")]
