"""Column types that keep figures exact in both databases: PostgreSQL has them, SQLite is given none of its own.

SQLite would make a float of a whole number beyond 64 bits, and of any decimal. So whole numbers stand there as integers
while they fit and as text beyond, in a column of no affinity; decimals are text.
"""

from decimal import Context, Decimal
from typing import Any, Final

from sqlalchemy import Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

__all__ = ["Figure", "Units", "figure"]

_WORD: Final = 2**63
_DIGITS_MAX: Final = 78  # 2**256 has so many
_EXACT: Final = Context(prec=_DIGITS_MAX)


def figure(units: int, exponent: int) -> Decimal:
    """Returns units * 10**exponent, exactly, without an exponent in its text."""
    scaled = Decimal(units).scaleb(exponent, _EXACT)
    return scaled if exponent <= 0 else Decimal(f"{scaled:f}")


class _Unaffected(UserDefinedType[Any]):
    """A SQLite column of no affinity: each value stands there as it comes."""

    cache_ok = True

    def get_col_spec(self, **_words: Any) -> str:
        return "BLOB"


class Units(TypeDecorator[int]):
    """A whole number of any size: NUMERIC, or in SQLite an integer that turns to text where it leaves 64 bits."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_Unaffected())
        return dialect.type_descriptor(Numeric(_DIGITS_MAX, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | str | None:
        if value is None or dialect.name != "sqlite" or -_WORD <= value < _WORD:
            return value
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return None if value is None else int(value)


class Figure(TypeDecorator[Decimal]):
    """A decimal of any size: NUMERIC, or text in SQLite."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return None if value is None else Decimal(value)
