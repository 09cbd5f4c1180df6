"""Alpaca as a `Venue`: two websockets that are kept, three sending threads, the rate limit, the market's hours.

| thread    | does                                                                                    |
|-----------|-----------------------------------------------------------------------------------------|
| news      | asks what is listed and whether the account may trade; reads the account's stream        |
| data      | reads the market's                                                                      |
| orders    | posts new orders                                                                        |
| cancels   | deletes orders, with connections of its own                                             |
| questions | asks for orders, fills, the account and the clock                                       |

An order is changed by the venue by making another one of it, so a desk cancels and places anew. There is no dead man's
switch. A key of the trading API cannot withdraw.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.answers import Reply, refusal
from quarterdeck.venues.alpaca.asking import Delayed
from quarterdeck.venues.alpaca.hours import MarketHours
from quarterdeck.venues.alpaca.keys import Keys
from quarterdeck.venues.alpaca.limits import RateLimiter
from quarterdeck.venues.alpaca.lines import DataLine, NewsLine
from quarterdeck.venues.alpaca.posting import NotSent, Poster, Unanswered, stream_address
from quarterdeck.venues.alpaca.preparing import Context, prepare
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.requests import Call, clock_call
from quarterdeck.venues.alpaca.schema import Clock
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    Amend,
    Answer,
    Cancel,
    Lost,
    Message,
    Place,
    Refused,
    Request,
    Unsent,
)
from quarterdeck.venues.protocol import Capabilities, Deliver
from quarterdeck.venues.quarantine import Quarantine
from quarterdeck.venues.senders import Sender

__all__ = ["AlpacaOptions", "AlpacaVenue"]

_WAITING_MAX: Final = 1_024
_CONNECT_S: Final = 2.0  # what a connection may take on top, see Poster


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaOptions:
    """`address` of the trading API and of its twin; `data_address`, if another, of the data stream's host.

    `feed`: "iex", which every account has, or "sip". `orders` False: market data alone, and nothing can be ordered.
    """

    address: str
    name: str = "alpaca"
    data_address: str = ""
    feed: str = "iex"
    timeout_s: float = 5.0
    stale_s: float = 30.0
    orders: bool = True


class AlpacaVenue:
    """One account. `say` is told, in a sentence, what a person should know."""

    def __init__(
        self,
        instruments: Sequence[tuple[int, int, Instrument]],
        tag: str,
        options: AlpacaOptions,
        keys: Keys,
        say: Callable[[str], None],
    ) -> None:
        """`instruments` are (the desk's index, its purse's index, the instrument). Raises ConfigError."""
        self.capabilities = Capabilities(
            post_only=False,
            reduce_only=False,
            amend=False,
            expiry=False,
            latest_ms=int((options.timeout_s + _CONNECT_S) * 1_000),
        )
        self._instruments, self._tag, self._name = tuple(instruments), tag, options.name
        self._say_plainly = say
        self.quarantine = Quarantine(options.name, say)
        self.hours = MarketHours()
        self._limiter, self._limiting = RateLimiter(), threading.Lock()
        self._registry = Registry(tag)
        self._preparing = threading.Lock()
        self._context: Context | None = None
        self._refusal = ""
        self._deliver: Deliver = _nobody
        self._closing = False
        self._posters = [Poster(options.address, keys, options.timeout_s) for _ in range(4)]
        self._senders = [
            Sender(f"{self._name} {task}", self._act_with(poster), _WAITING_MAX)
            for task, poster in zip(("orders", "cancels", "questions"), self._posters[:3], strict=True)
        ]
        self._news = NewsLine(
            self._name, stream_address(options.address, "/stream"), keys, lambda: self._prepared().news,
            self._tell, self._say, self._tick,
        )  # fmt: skip
        self._data = DataLine(
            self._name, stream_address(options.data_address or options.address, f"/v2/{options.feed}"), keys,
            [one.symbol for _, _, one in self._instruments], lambda: self._prepared().data, self.hours,
            self._tell, self._say, self._tick, options.stale_s, alone=not options.orders,
        )  # fmt: skip
        self._orders = options.orders

    # The protocol.

    def open(self, deliver: Deliver) -> None:
        """Begins to connect."""
        self._deliver = deliver
        for sender in self._senders:
            sender.open()
        if self._orders:
            self._news.open()
        self._data.open()

    def send(self, request: Request) -> None:
        """Hands a request to its thread; what cannot be handed over comes back as Unsent."""
        if not self._orders:
            self._tell(Unsent(request_id=request.request_id, text="this is the market's data alone"))
            return
        place = 0 if isinstance(request, Place | Amend) else 1 if isinstance(request, Cancel) else 2
        if not self._senders[place].put(request):
            self._tell(Unsent(request_id=request.request_id, text=f"{_WAITING_MAX} requests wait already"))

    def close(self) -> None:
        """Ends all threads. Working orders stay: the venue has no switch that would have to be taken back."""
        self._deliver, self._closing = _nobody, True
        self._news.close()
        self._data.close()
        for sender in self._senders:
            sender.close()
        for poster in self._posters:
            poster.close()

    # What the lines need.

    def _tell(self, message: Message) -> None:
        self._deliver(message)

    def _say(self, sentence: str) -> None:
        if not self._closing:
            self._say_plainly(f"{self._name}: {sentence}")

    def _prepared(self) -> Context:
        """Returns what every message is read with, once the venue said what it lists. Raises OSError: not yet."""
        with self._preparing:
            if self._context is not None:
                return self._context
            try:
                context = prepare(
                    self._instruments, self._tag, self._registry, self._send_with(self._posters[3], urgent=True),
                    self.hours, self._took_clock, self.quarantine.hold,
                )  # fmt: skip
            except (ConfigError, BadMessage) as error:
                if str(error) != self._refusal:  # the same every few seconds is said once
                    self._refusal = str(error)
                    self._say(str(error))
                raise ConnectionError(str(error)) from error
            self._context = context
            return context

    def _tick(self) -> None:
        """Once a second: has the clock read when it is due."""
        if self._context is not None and self.hours.due(time.monotonic()):
            self._senders[2].put(None)

    def _took_clock(self, clock: Clock) -> None:
        try:
            changed = self.hours.take(clock, time.monotonic())
        except ValueError as error:
            self.quarantine.hold("clock answer", repr(clock).encode(), str(error))
            return
        if changed:
            until = clock.next_close if clock.is_open else clock.next_open
            self._say(f"the market is {'open until' if clock.is_open else 'closed; it opens'} {until}")

    # The senders.

    def _act_with(self, poster: Poster) -> Callable[[Request | None], None]:
        def act(request: Request | None) -> None:
            if request is None:
                self._read_clock(poster)
            else:
                self._tell(self._answered(poster, request))

        return act

    def _answered(self, poster: Poster, request: Request) -> Answer:
        context, number = self._context, request.request_id
        if context is None:
            return Unsent(request_id=number, text="the venue was not reached yet")
        try:
            if isinstance(request, Place):
                return self._placed(context, poster, request)
            return context.asker.answer(request, self._send_with(poster), self.hours.read_ns)
        except Delayed as error:
            return Unsent(request_id=number, text=str(error), reason=Reason.MESSAGE_RATE_EXCEEDED)
        except NotSent as error:
            return Unsent(request_id=number, text=str(error))
        except Unanswered as error:
            return Lost(request_id=number, text=str(error))
        except BadMessage as error:
            self.quarantine.hold(error.kind, b"", error.problem)
            return Lost(request_id=number, text=str(error))

    def _placed(self, context: Context, poster: Poster, request: Place) -> Answer:
        """Posts a new order, once; a rate limit of our own turns it away for good."""
        now_s = time.monotonic()
        call = context.encoder.place(
            request, market_open=self.hours.open_now(now_s), halted=request.instrument in context.data.halted
        )
        if isinstance(call, Refused):
            return call
        try:
            reply = self._send_with(poster)(call)
        except Delayed as error:
            return Refused(request_id=request.request_id, reason=Reason.MESSAGE_RATE_EXCEEDED, text=str(error))
        return context.answers.placed(request, reply) if reply.good else refusal(request, reply)

    def _send_with(self, poster: Poster, *, urgent: bool = False) -> Callable[[Call], Reply]:
        def send(call: Call) -> Reply:
            with self._limiting:
                wait_s = self._limiter.admit(
                    time.monotonic(), urgent=urgent or call.urgent, question=call.question and not call.urgent
                )
            if wait_s or self._closing:
                raise Delayed(f"the rate limit has room again in {wait_s:.1f} s")
            reply = poster.call(call)
            with self._limiting:
                now_s = time.monotonic()
                self._limiter.learn(reply.limit, reply.left, reply.resets_s - time.time(), now_s)
                if reply.status == 429:
                    self._limiter.rebuked(now_s)
            return reply

        return send

    def _read_clock(self, poster: Poster) -> None:
        """What goes wrong is tried again: the next reading is a few seconds off."""
        context = self._context
        if context is None:
            return
        try:
            reply = self._send_with(poster)(clock_call())
            if reply.good:
                self._took_clock(context.answers.clock(reply))
        except OSError:
            return
        except BadMessage as error:
            self.quarantine.hold(error.kind, b"", error.problem)


def _nobody(message: Message) -> None:
    """Whoever closed hears nothing more."""
