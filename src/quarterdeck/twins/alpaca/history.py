"""What the market data API answers: bars, quotes and trades in pages, the latest of each, snapshots.

Rows have their times as text. A page holds the rows of all symbols, symbol after symbol; `next_page_token` says where
the next one begins. Bars are made of the minutes that the twin has seen.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from quarterdeck.twins.alpaca.calendar import NEW_YORK
from quarterdeck.twins.alpaca.exchange import TwinExchange
from quarterdeck.twins.alpaca.figures import instant, read_count, read_instant
from quarterdeck.twins.alpaca.refusals import Refusal
from quarterdeck.twins.alpaca.tape import MINUTE_NS, Bar, Row, Tape, bar_row, merge_bars

__all__ = ["History"]

Query = Mapping[str, str]
_LIMIT: Final = 1_000
_LIMIT_MAX: Final = 10_000
_NS_PER_S: Final = 1_000_000_000
_FRAME: Final = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D)")
_SYMBOL: Final = re.compile(r"[A-Z][A-Z.]{0,9}")
_LATEST: Final = {"bars": "bars", "quotes": "quotes", "trades": "trades"}


def _bad(message: str) -> Refusal:
    """The data API's errors have no code."""
    refusal = Refusal(400, 0, message)
    refusal.body = {"message": message}
    return refusal


def _dated(row: Row | None) -> Row | None:
    return None if row is None else {**row, "t": instant(row["t"])}


def _after(rows: list[Row], time_ns: int, count: int, *, backwards: bool) -> list[Row]:
    """The rows that follow `count` rows of a time: older rows may have been forgotten between two pages."""
    later = [row for row in rows if (row["t"] < time_ns if backwards else row["t"] > time_ns)]
    return [row for row in rows if row["t"] == time_ns][count:] + later


def _token(symbol: str, shown: list[Row], begin: tuple[str, int, int] | None, *, backwards: bool) -> str:
    """Where the next page begins; before the symbol's first row where the page was full already."""
    time_ns = shown[-1]["t"] if shown else 2**62 if backwards else -1
    count = sum(row["t"] == time_ns for row in shown)
    if begin is not None and (symbol, time_ns) == begin[:2]:
        count += begin[2]
    return base64.urlsafe_b64encode(f"{symbol}|{time_ns}|{count}".encode()).decode()


def _read(text: str, days: int) -> int:
    """A moment; of a whole day in New York its beginning, or with `days` 1 its end."""
    time_ns = read_instant(text)
    if len(text) > len("2026-11-20"):
        return time_ns
    day = datetime.fromtimestamp(time_ns // _NS_PER_S, UTC).replace(tzinfo=NEW_YORK) + timedelta(days=days)
    return int(day.timestamp()) * _NS_PER_S - days


class History:
    """The data API of one exchange."""

    def __init__(self, exchange: TwinExchange) -> None:
        self._exchange = exchange

    def _tapes(self, query: Query) -> list[Tape]:
        names = [one for one in query.get("symbols", "").split(",") if one]
        if not names:
            raise _bad("symbols is required")
        for name in names:
            if not _SYMBOL.fullmatch(name):
                raise _bad(f"invalid symbol: {name}")
        known = self._exchange.by_symbol
        return [self._exchange.tapes[known[name].index] for name in sorted(set(names)) if name in known]

    def page(self, kind: str, query: Query) -> tuple[int, Any]:
        """GET /v2/stocks/{bars, quotes or trades}."""
        tapes = self._tapes(query)
        frame = self._frame(query) if kind == "bars" else 0
        first, last = self._range(query)
        limit, backwards = self._limit(query), query.get("sort", "asc") == "desc"
        begin = self._begin(query)
        rows: dict[str, list[Row]] = {}
        left = limit
        for tape in tapes:
            symbol = tape.listing.symbol
            if begin is not None and symbol < begin[0]:
                continue
            found = [row for row in self._rows(tape, kind, frame) if first <= row["t"] <= last]
            if backwards:
                found.reverse()
            if begin is not None and symbol == begin[0]:
                found = _after(found, begin[1], begin[2], backwards=backwards)
            shown, left = found[:left], left - len(found)
            if shown:
                rows[symbol] = [{**row, "t": instant(row["t"])} for row in shown]
            if left < 0:
                return 200, {kind: rows, "next_page_token": _token(symbol, shown, begin, backwards=backwards)}
        return 200, {kind: rows, "next_page_token": None}

    def _rows(self, tape: Tape, kind: str, frame: int) -> Iterable[Row]:
        if kind == "bars":
            return [bar_row(bar) for bar in self._merged(tape, frame)]
        return list(tape.quotes if kind == "quotes" else tape.trades)

    def _merged(self, tape: Tape, frame_ns: int) -> list[Bar]:
        """Bars of a longer time; those of days begin at midnight in New York, others count from it."""
        groups: dict[int, list[Bar]] = {}
        for bar in tape.bars:
            groups.setdefault(self._start(bar.start_ns, frame_ns), []).append(bar)
        days = [tape.previous_day] if frame_ns == 0 and tape.previous_day is not None else []
        merged = [merge_bars(parts, start_ns) for start_ns, parts in groups.items()]
        known = {bar.start_ns for bar in merged}
        return [*(day for day in days if day.start_ns not in known), *merged]

    def _start(self, time_ns: int, frame_ns: int) -> int:
        midnight_ns = self._exchange.calendar.day_start_ns(time_ns)
        return midnight_ns + (time_ns - midnight_ns) // frame_ns * frame_ns if frame_ns else midnight_ns

    def _frame(self, query: Query) -> int:
        """The time of one bar in ns; 0: a day."""
        found = _FRAME.fullmatch(query.get("timeframe", ""))
        if found is None:
            raise _bad(f"invalid timeframe: {query.get('timeframe', '')}")
        count, unit = int(found[1]), found[2]
        minutes = count if unit in {"Min", "T"} else count * 60
        most = {"Min": 59, "T": 59, "Hour": 23, "H": 23}.get(unit, 1)
        if not 1 <= count <= most:
            raise _bad(f"invalid timeframe: {query['timeframe']}")
        return 0 if unit in {"Day", "D"} else minutes * MINUTE_NS

    def _range(self, query: Query) -> tuple[int, int]:
        now = self._exchange.now_ns
        today = self._exchange.calendar.day_start_ns(now)
        try:
            first = _read(query["start"], 0) if query.get("start") else today
            last = _read(query["end"], 1) if query.get("end") else now
        except ValueError as error:
            raise _bad(f"invalid time: {error}") from None
        if first > last:
            raise _bad("end should not be before start")
        return first, last

    def _limit(self, query: Query) -> int:
        try:
            return read_count(query["limit"], _LIMIT_MAX) if query.get("limit") else _LIMIT
        except ValueError as error:
            raise _bad(f"invalid limit: {error}") from None

    def _begin(self, query: Query) -> tuple[str, int, int] | None:
        """The symbol and the time of the last row told, and how many of that time were."""
        token = query.get("page_token")
        if not token:
            return None
        try:
            symbol, time_ns, count = base64.urlsafe_b64decode(token).decode().split("|")
            return symbol, int(time_ns), int(count)
        except ValueError:
            raise _bad("invalid page_token") from None

    def latest(self, kind: str, query: Query) -> tuple[int, Any]:
        """GET /v2/stocks/{bars, quotes or trades}/latest."""
        rows = {tape.listing.symbol: _dated(self._latest(tape, kind)) for tape in self._tapes(query)}
        return 200, {_LATEST[kind]: {symbol: row for symbol, row in rows.items() if row is not None}}

    def _latest(self, tape: Tape, kind: str) -> Row | None:
        if kind == "bars":
            return bar_row(tape.bars[-1]) if tape.bars else None
        rows = tape.quotes if kind == "quotes" else tape.trades
        return rows[-1] if rows else None

    def snapshots(self, query: Query) -> tuple[int, Any]:
        """GET /v2/stocks/snapshots."""
        return 200, {
            tape.listing.symbol: {
                "latestTrade": _dated(self._latest(tape, "trades")),
                "latestQuote": _dated(self._latest(tape, "quotes")),
                "minuteBar": _dated(self._latest(tape, "bars")), "dailyBar": _dated(tape.day_row()),
                "prevDailyBar": _dated(bar_row(tape.previous_day)) if tape.previous_day is not None else None,
            }
            for tape in self._tapes(query)
        }  # fmt: skip
