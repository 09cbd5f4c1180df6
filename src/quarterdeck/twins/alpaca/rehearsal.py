"""The market of the test stream: one symbol that nobody trades and that never closes, in real time."""

from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.twins.alpaca.listings import stream_listing
from quarterdeck.twins.alpaca.tape import Row, Tape, bar_row
from quarterdeck.twins.feed import GeneratedFeed

__all__ = ["RehearsalMarket"]


class RehearsalMarket:
    """Quotes, trades and bars of FAKEPACA from the time at which it was made."""

    def __init__(self, start_ns: int, seed: int) -> None:
        listing = stream_listing(start_ns)
        self._feed = GeneratedFeed([listing], seed)
        self._tape = Tape(listing, listing.first_ticks, listing.first_ticks)
        self._trades = 0

    def take(self, now_ns: int) -> list[tuple[str, Row]]:
        """Returns what happened up to now, as (channel, row)."""
        rows: list[tuple[str, Row]] = []
        if self._feed.next_ns() > now_ns:
            return rows
        tape, listing = self._tape, self._tape.listing
        for event in self._feed.take(now_ns):
            time_ns, kind = int(event["time_ns"]), int(event["kind"])
            bar = tape.end_minute(time_ns)
            if bar is not None:
                rows.append(("bars", bar_row(bar)))
            if kind == EventKind.TRADE:
                self._trades += 1
                row = tape.print(time_ns, int(event["price"]), int(event["quantity"]), self._trades)
                rows.append(("trades", row))
            elif kind == EventKind.QUOTE:
                tape.clear()
                tape.level(int(event["bid"]) * listing.step, int(event["bid_quantity"]) * listing.lots, 0)
                tape.level(int(event["ask"]) * listing.step, int(event["ask_quantity"]) * listing.lots, 1)
                quote = tape.quote(time_ns, ())
                if quote is not None:
                    rows.append(("quotes", quote))
        return rows
