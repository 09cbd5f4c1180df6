"""What is asked before the first order: whether the account may trade, what is listed, when the market is open."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from quarterdeck.errors import ConfigError
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.answers import AnswerReader, Reply
from quarterdeck.venues.alpaca.asking import Asker, Send
from quarterdeck.venues.alpaca.hours import MarketHours
from quarterdeck.venues.alpaca.keys import KEY_VARIABLE
from quarterdeck.venues.alpaca.news import NewsReader
from quarterdeck.venues.alpaca.numbers import nanoseconds
from quarterdeck.venues.alpaca.reader import Reader
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.requests import Encoder, account_call, asset_call, calendar_call, clock_call
from quarterdeck.venues.alpaca.schema import Account, Asset, CalendarDay, Clock
from quarterdeck.venues.alpaca.stream import DataReader
from quarterdeck.venues.alpaca.universe import Universe
from quarterdeck.venues.malformed import BadMessage

__all__ = ["Context", "prepare"]

_DAYS_AHEAD: Final = 10  # within which there is a session
_CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True)
class Context:
    """What messages are made and read with, once the venue has said what it lists."""

    universe: Universe
    encoder: Encoder
    answers: AnswerReader
    asker: Asker
    news: NewsReader
    data: DataReader


def prepare(
    instruments: Sequence[tuple[int, int, Instrument]],
    tag: str,
    registry: Registry,
    send: Send,
    hours: MarketHours,
    took_clock: Callable[[Clock], None],
    bad: Callable[[str, bytes, str], None],
) -> Context:
    """Returns the context. Raises ConfigError, by name; BadMessage; OSError: the venue did not answer."""
    _check_account(_told(Account, _asked(send(account_call()), "account")))
    assets = {one.symbol: _asset(send(asset_call(one.symbol))) for _, _, one in instruments}
    universe = Universe.bind(instruments, assets)
    clock: Clock = _told(Clock, _asked(send(clock_call()), "clock"))
    took_clock(clock)
    _take_session(hours, clock, send)
    reader = Reader(universe, registry)
    answers, encoder = AnswerReader(universe, reader), Encoder(universe, tag)
    asker = Asker(universe, answers, encoder, registry, took_clock)
    return Context(universe, encoder, answers, asker, NewsReader(reader, bad), DataReader(universe, bad))


def _check_account(account: Account) -> None:
    blocked = account.trading_blocked or account.account_blocked or account.trade_suspended_by_user
    if account.status != "ACTIVE" or blocked:
        why = "trading is blocked in it" if blocked else f"it is {account.status[:40]}"
        raise ConfigError("environment", KEY_VARIABLE, "(not shown)", f"the key of an account that may trade: {why}")
    if account.currency != _CURRENCY:
        raise ConfigError("environment", KEY_VARIABLE, "(not shown)", f"the key of an account in {_CURRENCY}")


def _asset(reply: Reply) -> Asset | None:
    return None if reply.status in {404, 422} else _told(Asset, _asked(reply, "asset"))


def _take_session(hours: MarketHours, clock: Clock, send: Send) -> None:
    """Today's hours from the calendar, or those of the next day that has some."""
    try:
        now_ns, day = nanoseconds(clock.timestamp), clock.timestamp[:10]
        last = datetime.date.fromisoformat(day) + datetime.timedelta(days=_DAYS_AHEAD)
        days: list[CalendarDay] = _told(
            list[CalendarDay], _asked(send(calendar_call(day, last.isoformat())), "calendar")
        )
        for one in days:
            hours.take_day(one, clock)
            if hours.session is not None and hours.session.closes_ns > now_ns:
                return
    except ValueError as error:
        raise BadMessage("calendar answer", str(error)[:200]) from error
    raise BadMessage("calendar answer", f"no session from {day} to {last}")


def _asked(reply: Reply, what: str) -> bytes:
    if reply.status in {401, 403}:
        raise ConfigError("environment", KEY_VARIABLE, "(not shown)", "a key and a secret that the venue knows")
    if not reply.good:
        raise ConnectionError(f"HTTP {reply.status} to {what}")
    return reply.body


def _told(kind: Any, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        name = getattr(kind, "__name__", "calendar")
        raise BadMessage(f"{name} answer", str(error)[:200]) from error
