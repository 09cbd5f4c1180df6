"""The two connections that are kept: the account's news, and the market's data. Each has a thread of its own.

The account's decides whether the desk may trade: when it breaks, everything is asked for anew. When only the market's
breaks, prices grow old, and the kernel's rail on stale data keeps entries out.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from quarterdeck.venues.alpaca.hours import MarketHours
from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.news import NewsReader
from quarterdeck.venues.alpaca.schema import Authorization, DataError, DataSubscription, Listening
from quarterdeck.venues.alpaca.socket import StreamSocket
from quarterdeck.venues.alpaca.stream import Control, DataReader
from quarterdeck.venues.line import Backoff, StandingLine
from quarterdeck.venues.messages import Line, Message

__all__ = ["DataLine", "NewsLine"]

_CONFIRMED_S: Final = 15.0  # within which a connection is what was asked for
_MSGPACK: Final = {"Content-Type": "application/msgpack"}
_UPDATES: Final = "trade_updates"

Tell = Callable[[Message], None]
Say = Callable[[str], None]


class NewsLine:
    """Keeps /stream. `prepare` returns the reader once the venue was asked what is needed; OSError: not yet.

    `tell` hears messages and whether the line is up; `tick` is called once a second while there is a connection.
    """

    def __init__(
        self, name: str, address: str, keys: Keys, prepare: Callable[[], NewsReader], tell: Tell, say: Say,
        tick: Callable[[], None],
    ) -> None:  # fmt: skip
        self._address, self._keys, self._prepare = address, keys, prepare
        self._tell, self._say, self._tick = tell, say, tick
        self._reader: NewsReader | None = None
        self.up = False
        self._began_s = 0.0
        self._refused = ""
        self._line: StandingLine[StreamSocket] = StandingLine(
            f"{name} news", self._connect, self._attend, self._went_down, Backoff()
        )
        self.open, self.close = self._line.open, self._line.close

    def _connect(self) -> StreamSocket:
        self._reader = self._prepare()
        return StreamSocket(self._address)

    def _attend(self, wire: StreamSocket) -> str:
        reader = self._reader
        assert reader is not None
        reader.controls, self._began_s = [], time.monotonic()
        wire.send(self._keys.lend(_authenticate), text=True)

        def hear(raw: bytes) -> None:
            for message in reader.read(raw):
                self._tell(message)
            controls, reader.controls = reader.controls, []
            for control in controls:
                self._heard(control, wire)
            said, reader.said = reader.said, []
            for sentence in said:
                self._say(sentence)

        return wire.serve(hear, self._look)

    def _heard(self, control: Any, wire: StreamSocket) -> None:
        if isinstance(control, Authorization) and control.data.status == "authorized":
            wire.send(msgspec.json.encode({"action": "listen", "data": {"streams": [_UPDATES]}}), text=True)
        elif isinstance(control, Listening) and _UPDATES in (control.data.streams or ()):
            if not self.up:
                self.up, self._refused = True, ""
                self._tell(Line(up=True))
        else:
            why = "the keys are not authorized" if isinstance(control, Authorization) else "it tells no trade updates"
            if why != self._refused:  # the same at each attempt is said once
                self._refused = why
                self._say(f"the venue refused the account's stream: {why}")
            wire.close()

    def _look(self) -> None:
        if not self.up and time.monotonic() - self._began_s > _CONFIRMED_S:
            self._line.break_off()
        self._tick()

    def _went_down(self, why: str) -> None:
        self.up = False
        self._tell(Line(up=False, text=why))


class DataLine:
    """Keeps the market's data of `symbols`. A connection that says nothing for `stale_s` of a session is given up.

    `alone`: there is no other line, so this one tells whether it is up. `tick` is called once a second.
    """

    def __init__(
        self, name: str, address: str, keys: Keys, symbols: Sequence[str], prepare: Callable[[], DataReader],
        hours: MarketHours, tell: Tell, say: Say, tick: Callable[[], None], stale_s: float, *, alone: bool = False,
    ) -> None:  # fmt: skip
        self._address, self._keys, self._symbols, self._prepare = address, keys, tuple(symbols), prepare
        self._hours, self._tell, self._say, self._stale_s = hours, tell, say, stale_s
        self._tick, self._alone = tick, alone
        self._reader: DataReader | None = None
        self.up = False
        self._began_s = self._heard_s = 0.0
        self._told_down = False
        self._refused = 0
        self._line: StandingLine[StreamSocket] = StandingLine(
            f"{name} data", self._connect, self._attend, self._went_down, Backoff()
        )
        self.open, self.close = self._line.open, self._line.close

    def _connect(self) -> StreamSocket:
        self._reader = None
        self._reader = self._prepare()
        return StreamSocket(self._address, _MSGPACK)

    def _attend(self, wire: StreamSocket) -> str:
        reader = self._reader
        assert reader is not None
        reader.touch.clear()
        reader.halted.clear()  # that trading goes on again may have been missed
        reader.controls = []
        self._began_s = self._heard_s = time.monotonic()

        def hear(raw: bytes) -> None:
            for message in reader.read(raw):
                self._heard_s = time.monotonic()
                self._tell(message)
            controls, reader.controls = reader.controls, []
            for control in controls:
                self._heard(control, wire)
            said, reader.said = reader.said, []
            for sentence in said:
                self._say(sentence)

        return wire.serve(hear, self._look)

    def _heard(self, control: Control, wire: StreamSocket) -> None:
        if isinstance(control, DataError):
            if control.code != self._refused:  # the same at each attempt is said once
                self._refused = control.code
                self._say(f"the venue refused market data: {control.code} {control.msg[:100]}")
            wire.close()
        elif isinstance(control, DataSubscription):
            if set(self._symbols) <= set(control.quotes) & set(control.trades) and not self.up:
                self.up, self._refused = True, 0
                if self._alone:
                    self._tell(Line(up=True))
                if self._told_down:
                    self._told_down = False
                    self._say("market data comes again")
        elif control.msg == "connected":
            wire.send(self._keys.lend(_data_authenticate))
        elif control.msg == "authenticated":
            wanted = list(self._symbols)
            channels = dict.fromkeys(("trades", "quotes", "bars", "statuses"), wanted)
            wire.send(msgspec.msgpack.encode({"action": "subscribe", **channels}))

    def _look(self) -> None:
        now_s = time.monotonic()
        if not self.up and now_s - self._began_s > _CONFIRMED_S:
            self._line.break_off()
        elif not self._hours.open_now(now_s):
            self._heard_s = now_s  # silence is what a closed market is like
        elif now_s - self._heard_s > self._stale_s:
            self._say(f"no market data for {self._stale_s:g} s while the market is open: the line is made anew")
            self._line.break_off()
        self._tick()

    def _went_down(self, why: str) -> None:
        self.up = False
        if self._alone:
            self._tell(Line(up=False, text=why))
        if (
            self._reader is not None and not self._told_down
        ):  # else the venue was not reached at all: that is told apart
            self._told_down = True
            self._say(f"no market data: {why}")


def _authenticate(key: str, secret: str) -> bytes:
    return msgspec.json.encode({"action": "authenticate", "data": {"key_id": key, "secret_key": secret}})


def _data_authenticate(key: str, secret: str) -> bytes:
    return msgspec.msgpack.encode({"action": "auth", "key": key, "secret": secret})
