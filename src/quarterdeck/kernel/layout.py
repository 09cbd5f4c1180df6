"""One layout for both worlds: a TypedDict that the type checker reads becomes the numpy record that the kernel runs on.

A field is `Annotated[int, "i8"]` (a numpy format), `Annotated[list[int], "i8", n]` (a row of them) or
`Annotated[Records[Other], Other, n]` (n nested records). Records are laid out in the order written, without padding.
"""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

__all__ = ["Records", "allocate", "record_dtype", "word"]

T = TypeVar("T")


class Records(Protocol[T]):
    """A one-dimensional array of records, as compiled code and tests use it."""

    def __getitem__(self, index: int, /) -> T: ...
    def __setitem__(self, index: int, record: T, /) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[T]: ...


def record_dtype(layout: type) -> "np.dtype[np.void]":
    """Returns the packed numpy dtype of a layout."""
    fields: list[tuple[Any, ...]] = []
    for name, hint in get_type_hints(layout, include_extras=True).items():
        item, *count = hint.__metadata__
        item = record_dtype(item) if isinstance(item, type) else f"<{item}"
        fields.append((name, item, (count[0],)) if count else (name, item))
    return np.dtype(fields)


def allocate(dtype: "np.dtype[np.void]", count: int = 1) -> Any:
    """Returns `count` zeroed records. Typed by whoever asks: `states: Records[State] = allocate(STATE)`."""
    records: NDArray[np.void] = np.zeros(count, dtype)
    return records


def word(value: int) -> int:
    """A constant of compiled code that is handed to functions.

    numba compiles a function anew for each literal or enum that it is called with; a numpy integer is neither.
    """
    return cast(int, np.int64(value))
