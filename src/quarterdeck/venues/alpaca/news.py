"""What the account's stream says, as order news and fills. Nothing that comes in raises anything.

| message                        | becomes                                                                       |
|--------------------------------|-------------------------------------------------------------------------------|
| trade_updates fill,            | FillsNews, then OrderNews: who is told that an order ended has its fills       |
| partial_fill                   |                                                                               |
| trade_updates trade_bust,      | said aloud: the venue took a fill back, and no record of a fill can be undone  |
| trade_correct                  |                                                                               |
| trade_updates, any other       | OrderNews, by the order's own status                                          |
| authorization, listening       | kept in `controls` for whoever keeps the line                                 |
"""

from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck.venues.alpaca.reader import Reader
from quarterdeck.venues.alpaca.schema import (
    Authorization,
    Listening,
    StreamError,
    StreamMessage,
    TradeUpdate,
    TradeUpdates,
)
from quarterdeck.venues.alpaca.stream import MESSAGE_BYTES_MAX
from quarterdeck.venues.messages import FillsNews, Message, OrderNews

__all__ = ["NewsReader"]

_PROBLEM_MAX: Final = 160
_CONTROLS_MAX: Final = 64
_FILLS: Final = frozenset({"fill", "partial_fill"})
_TAKEN_BACK: Final = frozenset({"trade_bust", "trade_correct"})


class NewsReader:
    """Reads the messages of one connection, in one thread. `bad` is told of what cannot be read."""

    def __init__(self, reader: Reader, bad: Callable[[str, bytes, str], None]) -> None:
        self._reader, self._bad = reader, bad
        self._decoder = msgspec.json.Decoder(StreamMessage)
        self.controls: list[Authorization | Listening | StreamError] = []
        self.said: list[str] = []

    def read(self, raw: bytes) -> tuple[Message, ...]:
        """Returns what a message says; nothing for one that is not for us, or is put aside."""
        try:
            if len(raw) > MESSAGE_BYTES_MAX:
                self._bad("oversized message", raw, f"{len(raw)} bytes")
                return ()
            message = self._decoder.decode(raw)
            if isinstance(message, TradeUpdates):
                return self._update(message.data)
            self.controls = [*self.controls[-_CONTROLS_MAX:], message]
        except msgspec.ValidationError as error:
            kind = "unknown stream" if "$.stream" in str(error) else "wrong type"
            self._bad(kind, raw, str(error)[:_PROBLEM_MAX])
        except msgspec.DecodeError as error:
            self._bad("not JSON", raw, str(error)[:_PROBLEM_MAX])
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._bad("wrong figure", raw, str(error)[:_PROBLEM_MAX])
        return ()

    def _update(self, update: TradeUpdate) -> tuple[Message, ...]:
        # The fill is read first: an order's status that nobody knows keeps no fill from being told.
        fill = self._reader.news(update) if update.event in _FILLS else None
        told: list[Message] = [] if fill is None else [FillsNews(fills=(fill,))]
        if update.event in _TAKEN_BACK:
            self.said.append(
                f"the venue took back a fill of {update.order.symbol[:_PROBLEM_MAX]} ({update.event}): position and "
                "cash will differ until a person adopts them"
            )
        try:
            order = self._reader.order(update.order)
        except (ValueError, ArithmeticError) as error:
            if not told:
                raise
            self._bad("wrong figure", msgspec.json.encode(update), str(error)[:_PROBLEM_MAX])
            return tuple(told)
        if order is not None:
            told.append(OrderNews(orders=(order,)))
        return tuple(told)
