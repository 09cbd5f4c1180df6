"""The grid of a file that does not say its grid: as many decimals as its numbers use.

The tick is 10**-d with the least d (0 to 10) at which every price is exact. The lot is 10**-d with the least d (0 to 8)
at which every quantity is exact; where quantities use more, or the largest would be more lots than the kernel admits,
or one tick of one lot would be finer than money can be, the lot is coarser (a million at most) and what lies below it
is rounded down.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from quarterdeck.errors import DataError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.market.grids import decimal_parts
from quarterdeck.market.instruments import CURRENCY_EXPONENT_MAX
from quarterdeck.market.numbers import decimals_used
from quarterdeck.market.rows import Rows

__all__ = ["infer_lot", "infer_tick"]

_PRICE_DECIMALS_MAX: Final = 10
_QUANTITY_DECIMALS_MAX: Final = 8
_QUANTITY_DECIMALS_MIN: Final = -6
_QUANTITY_SANE: Final = 1e18  # a larger one is a bad row, and bends no grid


def infer_tick(tables: Sequence[Rows]) -> Decimal:
    """Returns the tick of all the tables' prices. Raises DataError when there is none that the kernel can count in."""
    decimals = 0
    for rows in tables:
        for role, numbers in rows.prices.items():
            used = decimals_used(numbers, ~rows.inspection.bad, _PRICE_DECIMALS_MAX)
            if used is None:
                raise DataError(
                    rows.table.file,
                    f"{rows.roles[role]} has more than {_PRICE_DECIMALS_MAX} decimals, so no tick can be found: "
                    'give the tick, and off_grid = "round" when prices may be rounded to it',
                )
            decimals = max(decimals, used)
    for rows in tables:
        _require_countable(rows, decimals)
    return Decimal(1).scaleb(-decimals)


def _require_countable(rows: Rows, decimals: int) -> None:
    """Refuses a grid on which many prices are too large to count. A few such prices are bad rows, refused later."""
    for role, numbers in rows.prices.items():
        large = ~rows.inspection.bad & (numbers.values >= PRICE_MAX / 10.0**decimals)
        if 100 * np.count_nonzero(large) > len(large):
            raise DataError(
                rows.table.file,
                f"{rows.roles[role]} uses {decimals} decimals and is more ticks than the kernel counts ({PRICE_MAX}) "
                f'in many rows: give a coarser tick and off_grid = "round"',
                int(np.argmax(large)) + 1,
            )


def infer_lot(tables: Sequence[Rows], tick: Decimal) -> Decimal:
    """Returns the lot of all the tables' quantities; 1 when they have none."""
    decimals, largest = 0, 0.0
    for rows in tables:
        usable = ~rows.inspection.bad
        for numbers in rows.quantities.values():
            used = decimals_used(numbers, usable, _QUANTITY_DECIMALS_MAX)
            decimals = max(decimals, _QUANTITY_DECIMALS_MAX if used is None else used)
            sane = usable & (numbers.values < _QUANTITY_SANE)
            largest = max(largest, float(np.max(numbers.values, initial=0.0, where=sane)))
    decimals = min(decimals, max(0, CURRENCY_EXPONENT_MAX + decimal_parts(tick)[1]))
    while largest * 10.0**decimals >= QUANTITY_MAX and decimals > _QUANTITY_DECIMALS_MIN:
        decimals -= 1
    return Decimal(1).scaleb(-decimals)
