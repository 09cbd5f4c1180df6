"""The parameters of one request, read in the venue's words."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

import msgspec

from quarterdeck.twins.binance.refusals import Refused, malformed, missing

__all__ = ["Parameters"]

_CLIENT_ID: Final = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
_LEGAL: Final = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_DIGITS_MAX: Final = 30
_Rows = list[dict[str, str | int | bool | None]]
_Kind = TypeVar("_Kind")


class Parameters:
    """Texts by name. What is read is named in errors as the venue names it."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def text(self, name: str, default: str | None = None) -> str:
        """Returns a text. Raises Refused where it is missing and there is no default."""
        value = self.values.get(name, "")
        if value:
            return value
        if default is None:
            raise missing(name)
        return default

    def choice(self, name: str, allowed: frozenset[str], refusal: Refused, default: str | None = None) -> str:
        """Returns one of the words allowed. Raises `refusal` for another."""
        value = self.text(name, default)
        if value not in allowed:
            raise refusal
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """Returns a whole number. Raises Refused for anything else, and where it is missing without a default."""
        found = self.maybe(name)
        if found is None:
            if default is None:
                raise missing(name)
            return default
        return found

    def maybe(self, name: str) -> int | None:
        """Returns a whole number, None where it is not sent. Raises Refused for anything else."""
        value = self.values.get(name, "")
        if not value:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            legal = "^[0-9]{1,20}$"
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """Returns how many rows are wanted, at most `most`."""
        limit = self.whole("limit", default)
        if limit <= 0:
            raise malformed("limit")
        return min(limit, most)

    def number(self, name: str) -> Decimal | None:
        """Returns a figure, None where it is not sent. Raises Refused for what is none."""
        value = self.values.get(name, "")
        if not value:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite() or len(value) > _DIGITS_MAX or "e" in value.lower():
            legal = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        return number

    def due(self, name: str) -> Decimal:
        """Returns a figure that must be there."""
        number = self.number(name)
        if number is None:
            raise missing(name)
        return number

    def flag(self, name: str) -> bool:
        """Returns a truth value, False where it is not sent."""
        value = self.text(name, "false").lower()
        if value not in {"true", "false"}:
            raise malformed(name)
        return value == "true"

    def client_id(self, name: str, default: str) -> str:
        """Returns a client's order id."""
        value = self.text(name, default)
        if not _CLIENT_ID.match(value):
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_LEGAL}'.")
        return value

    def rows(self, name: str) -> list["Parameters"]:
        """Returns a JSON list of objects, each as parameters of its own."""
        rows = self._json(name, _Rows)
        return [Parameters({key: str(value) for key, value in row.items() if value is not None}) for row in rows]

    def texts(self, name: str) -> list[str]:
        """Returns a JSON list of texts or whole numbers, as texts."""
        return [str(one) for one in self._json(name, list[str | int])]

    def _json(self, name: str, kind: type[_Kind]) -> _Kind:
        try:
            return msgspec.json.decode(self.text(name), type=kind)
        except msgspec.DecodeError:  # of another type, too
            raise malformed(name) from None
