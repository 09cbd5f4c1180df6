"""Whether a recorded book was crossed or locked after any whole message."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import compiled

__all__ = ["BookCheck"]

_CROSSED, _LOCKED, _BATCHES, _CROSSED_FIRST, _LOCKED_FIRST, _ROWS, _BEST_BID, _BEST_ASK = range(8)
_FIGURES: Final = 8


class BookCheck:
    """Follows one instrument's book through its levels. `prices` are all prices that occur, sorted: a level is a place.

    `crossed` and `locked` count messages after which the best bid was above, or at, the best ask; the `_row`s are the
    rows of the first, counted from 1, 0 without one.
    """

    def __init__(self, prices: NDArray[np.int64]) -> None:
        self._prices = prices
        self._bids, self._asks = np.zeros(len(prices), np.bool_), np.zeros(len(prices), np.bool_)
        self._figures = np.zeros(_FIGURES, np.int64)
        self._figures[_BEST_BID], self._figures[_BEST_ASK] = -1, len(prices)

    def take(
        self,
        prices: NDArray[np.int64],
        present: NDArray[np.bool_],
        asks: NDArray[np.bool_],
        clears: NDArray[np.bool_],
        lasts: NDArray[np.bool_],
    ) -> None:
        """Takes the next rows, each of shape (rows,); what is not `present` is taken out of the book."""
        places = np.searchsorted(self._prices, prices).astype(np.int64)
        _follow(places, present, asks, clears, lasts, self._bids, self._asks, self._figures)

    @property
    def crossed(self) -> int:
        return int(self._figures[_CROSSED])

    @property
    def locked(self) -> int:
        return int(self._figures[_LOCKED])

    @property
    def crossed_row(self) -> int:
        return int(self._figures[_CROSSED_FIRST])

    @property
    def locked_row(self) -> int:
        return int(self._figures[_LOCKED_FIRST])

    @property
    def messages(self) -> int:
        """Whole messages, as their last rows tell."""
        return int(self._figures[_BATCHES])


@compiled
def _follow(
    places: NDArray[np.int64],
    present: NDArray[np.bool_],
    asks: NDArray[np.bool_],
    clears: NDArray[np.bool_],
    lasts: NDArray[np.bool_],
    bid_book: NDArray[np.bool_],
    ask_book: NDArray[np.bool_],
    figures: NDArray[np.int64],
) -> None:
    """The levels of both sides are marks at their prices' places; the best ones are looked for from where they were."""
    span = len(bid_book)
    best_bid, best_ask = figures[_BEST_BID], figures[_BEST_ASK]
    for row in range(len(places)):
        figures[_ROWS] += 1
        if clears[row]:
            bid_book[:], ask_book[:] = False, False
            best_bid, best_ask = -1, span
        elif asks[row]:
            ask_book[places[row]] = present[row]
            if present[row]:
                best_ask = min(best_ask, places[row])
            while best_ask < span and not ask_book[best_ask]:
                best_ask += 1
        else:
            bid_book[places[row]] = present[row]
            if present[row]:
                best_bid = max(best_bid, places[row])
            while best_bid >= 0 and not bid_book[best_bid]:
                best_bid -= 1
        if not lasts[row]:
            continue
        figures[_BATCHES] += 1
        if best_ask < span and best_bid > best_ask:
            figures[_CROSSED] += 1
            if figures[_CROSSED_FIRST] == 0:
                figures[_CROSSED_FIRST] = figures[_ROWS]
        elif best_ask < span and best_bid == best_ask:
            figures[_LOCKED] += 1
            if figures[_LOCKED_FIRST] == 0:
                figures[_LOCKED_FIRST] = figures[_ROWS]
    figures[_BEST_BID], figures[_BEST_ASK] = best_bid, best_ask
