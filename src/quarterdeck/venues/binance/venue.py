"""Binance as a `Venue`, spot or USD-M futures: websockets that are kept, three sending threads, the dead man's switch.

| thread    | does                                                                                             |
|-----------|--------------------------------------------------------------------------------------------------|
| line      | connects, checks the key and the terms, reads the websockets, delivers news                      |
| orders    | posts orders                                                                                     |
| cancels   | posts cancels and the switch (futures), on a connection of its own                               |
| questions | asks for orders, fills and the account, for whole books, and that the listen key be kept         |

A key is taken only after the venue said what it may do: one that may withdraw is refused, and so is one of which the
venue does not say it. Without a key there is market data alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.binance.answers import UNREADABLE, AnswerReader, decoded, failure_of
from quarterdeck.venues.binance.caller import LATEST_MS, Caller, Limited, checked_ms
from quarterdeck.venues.binance.keys import KEY_VARIABLE, ApiKey
from quarterdeck.venues.binance.limits import TOLD
from quarterdeck.venues.binance.listing import FundingLister, Lister, Turned
from quarterdeck.venues.binance.markets import RESTRICTIONS, Market
from quarterdeck.venues.binance.reader import Reader
from quarterdeck.venues.binance.requests import Call, Encoder
from quarterdeck.venues.binance.schema import ExchangeInfo, ListenKey, Restrictions, WsAnswer
from quarterdeck.venues.binance.socket import StreamSockets
from quarterdeck.venues.binance.stream import StreamReader, stream_names
from quarterdeck.venues.binance.universe import Universe, limits_of
from quarterdeck.venues.line import Backoff, StandingLine
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    Amend,
    Answer,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Cancel,
    FundingNews,
    Line,
    Lost,
    Message,
    Place,
    Request,
    Unsent,
)
from quarterdeck.venues.posting import Endpoint, NotSent, Poster, Reply, Unanswered
from quarterdeck.venues.protocol import Capabilities, Deliver
from quarterdeck.venues.quarantine import Quarantine
from quarterdeck.venues.senders import Sender

__all__ = ["BinanceOptions", "BinanceVenue"]

_WAITING_MAX: Final = 1_024
_CONFIRMED_S: Final = 15.0  # within which the account's stream is subscribed to
_KEPT_S: Final = 1_800.0  # the venue forgets a listen key after an hour
_FUNDING_EVERY_S: Final = 10.0  # less than what is asked for twice
_SUBSCRIBE: Final = "userDataStream.subscribe.signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceOptions:
    """`address` of the market or its twin, which also answers what a key may do.

    `dead_man_s` (futures): unless the desk says within so many seconds that it lives, the venue cancels the orders of
    its symbols; 0: not used. It never closes positions.
    """

    address: str
    market: Market
    name: str = "binance"
    depth: bool = False
    dead_man_s: float = 0.0
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class _Codec:
    """What is made once the venue has said what it lists."""

    universe: Universe
    reader: Reader
    encoder: Encoder
    answers: AnswerReader
    stream: StreamReader
    fills: Lister
    funding: FundingLister


_Job = Request | Callable[[Poster, "_Codec"], None]  # something asked for, or something that nobody waits for


class BinanceVenue:
    """One account. `say` is told, in a sentence, what a person should know."""

    def __init__(
        self,
        instruments: Sequence[tuple[int, int, Instrument]],
        tag: str,
        options: BinanceOptions,
        key: ApiKey | None,
        say: Callable[[str], None],
    ) -> None:
        """`instruments` are (the desk's index, its purse's index, the instrument). Raises ConfigError.

        `key` None: market data alone.
        """
        spot = options.market.spot
        # The venue bounds when a request comes in, and says itself that what it took may take effect later: no expiry.
        self.capabilities = Capabilities(
            reduce_only=not spot, stops=spot, amend=False, expiry=False, latest_ms=LATEST_MS
        )
        self._instruments, self._tag, self._options, self._say = tuple(instruments), tag, options, say
        self._market, self._name = options.market, options.name
        self._endpoint = Endpoint.read(options.address)
        self._caller, self._trades = Caller(options.market, key), key is not None
        self.quarantine = Quarantine(options.name, say)
        self._codec: _Codec | None = None
        self._deliver: Deliver = _nobody
        self._up = False
        self._speaks = False  # for a desk; who asks for fills and the account alone has no orders to be cancelled
        self._refusal = ""
        self._met_ms = 0  # the venue's time when it was last connected to
        self._attended_s = self._alive_s = self._kept_s = 0.0
        self._funding_asked_s = -_FUNDING_EVERY_S
        self._books_wanted: set[int] = set()
        self._fees_said: set[str] = set()
        self._posters = [Poster(self._endpoint, options.timeout_s, TOLD) for _ in range(4)]
        self._senders = [
            Sender(f"{self._name} {task}", self._act_with(poster), _WAITING_MAX)
            for task, poster in zip(("orders", "cancels", "questions"), self._posters[:3], strict=True)
        ]
        self._line: StandingLine[StreamSockets] = StandingLine(
            self._name, self._connect, self._attend, self._went_down, Backoff()
        )

    # The protocol.

    def open(self, deliver: Deliver) -> None:
        """Begins to connect."""
        self._deliver = deliver
        for sender in self._senders:
            sender.open()
        self._line.open()

    def send(self, request: Request) -> None:
        """Hands a request to its thread; what cannot be handed over comes back as Unsent."""
        self._speaks = self._speaks or not isinstance(request, AskFills | AskAccount)
        place = 0 if isinstance(request, Place | Amend) else 1 if isinstance(request, Cancel) else 2
        if not self._senders[place].put(request):
            self._deliver(Unsent(request_id=request.request_id, text=f"{_WAITING_MAX} requests wait already"))

    def close(self) -> None:
        """Ends all threads. A switch that is set is taken back: who leaves in order has cancelled what he wants to."""
        self._deliver = _nobody
        was_up = self._up
        self._line.close()
        for sender in self._senders:
            sender.close()
        if self._options.dead_man_s and was_up and self._speaks and self._codec is not None:
            self._switch(self._posters[3], self._codec, 0)
        for poster in self._posters:
            poster.close()

    # The line.

    def _connect(self) -> StreamSockets:
        poster = self._posters[3]
        try:
            codec = self._prepare(poster)
            addresses = self._addresses(poster, codec)
        except (ConfigError, BadMessage) as error:
            if str(error) != self._refusal:  # the same every few seconds is said once
                self._refusal = str(error)
                self._say(f"{self._name}: {error}")
            raise ConnectionError(str(error)) from error
        return StreamSockets(addresses)

    def _prepare(self, poster: Poster) -> _Codec:
        """Learns the time, what is listed, and what this key may do. Raises OSError, ConfigError, BadMessage."""
        self._met_ms = self._caller.measure(poster)
        if self._codec is not None:
            return self._codec
        if self._trades:
            self._check_key(poster)
        market = self._market
        listing = Call(
            method="GET", path=market.paths.listing, weight=market.weights.listing, signed=False, keyed=False,
            parameters=self._symbols(),
        )  # fmt: skip
        info: ExchangeInfo = decoded(ExchangeInfo, self._asked(poster, listing), "exchangeInfo")
        self._caller.learn(*limits_of(info.rate_limits))
        universe = Universe.bind(market, self._instruments, info)
        reader, encoder = Reader(universe, self._tag), Encoder(market, universe, self._tag)
        answers = AnswerReader(universe, reader)
        stream = StreamReader(universe, reader, self.quarantine.hold, self._books_wanted.add)
        # The market's time: a fast twin's is far ahead of /time, and while it is halted no stream tells of it.
        stream.begin_anew(checked_ms(info.server_time, "exchangeInfo") if info.server_time else self._met_ms)
        lister = Lister(market, universe, encoder, answers, reader)
        self._codec = _Codec(universe, reader, encoder, answers, stream, lister, FundingLister(encoder, answers))
        return self._codec

    def _symbols(self) -> tuple[tuple[str, str], ...]:
        """Spot lists thousands of pairs, and gives only those that are asked for; futures know no such question."""
        if not self._market.spot:
            return ()
        names = ",".join(f'"{one.symbol}"' for _, _, one in self._instruments)
        return (("symbols", f"[{names}]"),)

    def _asked(self, poster: Poster, call: Call) -> Reply:
        reply = self._caller.call(poster, call)
        if reply.status != 200:
            failure = failure_of(reply)
            raise ConnectionError(f"HTTP {reply.status} to {call.path}: {failure.code} {failure.msg[:120]}")
        return reply

    def _check_key(self, poster: Poster) -> None:
        weight = self._market.weights.restrictions
        reply = self._caller.call(poster, Call(method="GET", path=RESTRICTIONS, weight=weight, question=True))
        if reply.status in {418, 429} or reply.status >= 500:
            raise ConnectionError(f"HTTP {reply.status} to {RESTRICTIONS}")
        if reply.status != 200:
            failure = failure_of(reply)
            said = f"HTTP {reply.status} {failure.code} {failure.msg[:120]}".rstrip()
            allowed = f"a key of which this address says what it may do ({RESTRICTIONS} was answered by {said})"
            raise ConfigError("environment", KEY_VARIABLE, "(not shown)", allowed)
        found: Restrictions = decoded(Restrictions, reply, "apiRestrictions")
        trades = found.enable_spot_and_margin_trading if self._market.spot else found.enable_futures
        for holds, allowed in (
            (not found.enable_withdrawals, "a key that may not withdraw: take that permission from it"),
            (
                found.enable_reading and trades,
                f"a key that may read and trade {'spot' if self._market.spot else 'futures'}",
            ),
        ):
            if not holds:
                raise ConfigError("environment", KEY_VARIABLE, "(not shown)", allowed)

    def _addresses(self, poster: Poster, codec: _Codec) -> list[str]:
        """The websockets: the account's is the last, and only there with a key."""
        names = [stream_names(one, depth=self._options.depth) for one in codec.universe.listed]
        books, others = ("/".join(name for group in names for name in group[kind]) for kind in (0, 1))
        where = self._endpoint.stream
        if self._market.spot:
            return [f"{where}/stream?streams={books}/{others}", *([f"{where}/ws-api/v3"] if self._trades else [])]
        public, market = f"{where}/public/stream?streams={books}", f"{where}/market/stream?streams={others}"
        if not self._trades:
            return [public, market]
        key: ListenKey = decoded(ListenKey, self._asked(poster, self._listen("POST")), "listenKey")
        if not key.listen_key.isalnum():
            raise BadMessage("listenKey", "it is not letters and digits")
        return [public, market, f"{where}/private/ws/{key.listen_key}"]

    def _listen(self, method: str) -> Call:
        weight = self._market.weights.listen_key
        return Call(method=method, path=self._market.paths.listen_key, weight=weight, signed=False)

    def _attend(self, wire: StreamSockets) -> str:
        codec = self._codec
        assert codec is not None
        stream = codec.stream
        stream.begin_anew(self._met_ms)
        self._attended_s = self._kept_s = time.monotonic()
        self._books_wanted.clear()
        if self._options.depth:
            self._books_wanted.update(one.index for one in codec.universe.listed)
        account = 1 if self._market.spot else 2
        if self._market.spot and self._trades:
            wire.send(account, {"id": 1, "method": _SUBSCRIBE, "params": self._caller.user_subscription()})
        else:
            self._went_up()

        def hear(place: int, raw: bytes) -> None:
            if place != account:
                messages = stream.read(raw)
            elif self._up:
                messages = stream.read_account(raw)
                self._heard_of_account(codec, wire)
            else:
                self._confirmed(raw, wire)
                return
            for message in messages:
                self._deliver(message)

        return wire.serve(hear, lambda: self._tick(wire))

    def _confirmed(self, raw: bytes, wire: StreamSockets) -> None:
        """Spot's line is up once the account's stream is subscribed to: what happens after that is told."""
        try:
            answer = msgspec.json.decode(raw, type=WsAnswer)
        except UNREADABLE as error:
            self.quarantine.hold("subscription answer", raw, str(error))
            return
        if answer.status == 200:
            self._went_up()
            return
        failure = answer.error
        said = f"{failure.code} {failure.msg[:120]}" if failure is not None else f"status {answer.status}"
        self._say(f"{self._name}: the venue refused the account's stream: {said}")
        wire.close()

    def _went_up(self) -> None:
        self._up = True
        self._deliver(Line(up=True))

    def _went_down(self, why: str) -> None:
        self._up = False
        self._deliver(Line(up=False, text=why))

    def _heard_of_account(self, codec: _Codec, wire: StreamSockets) -> None:
        stream = codec.stream
        if stream.over:
            self._say(f"{self._name}: {stream.over}; a new one is begun")
            wire.close()
        if stream.funding_due:
            stream.funding_due = False
            self._senders[2].put(self._ask_funding)
        self._name_fees(codec)

    def _name_fees(self, codec: _Codec) -> None:
        for asset in sorted(codec.reader.fees_elsewhere - self._fees_said):
            self._fees_said.add(asset)
            self._say(
                f"{self._name} takes fees in {asset}, which is in no purse of this desk: its fills say a fee of 0, and "
                f"what is paid in {asset} is in none of its figures (switch off paying fees in {asset} at the venue)"
            )

    def _tick(self, wire: StreamSockets) -> None:
        """Once a second: says that the desk lives, keeps the listen key, fetches books, gives up on a mute venue."""
        every, now_s = self._options.dead_man_s, time.monotonic()
        if not self._up:
            if now_s - self._attended_s > _CONFIRMED_S:
                wire.close()
            return
        if every and self._speaks and now_s - self._alive_s >= every / 3:
            self._alive_s = now_s
            self._senders[1].put(lambda poster, codec: self._switch(poster, codec, int(every * 1_000)))
        if self._trades and self._market.paths.listen_key and now_s - self._kept_s >= _KEPT_S:
            self._kept_s = now_s
            self._senders[2].put(lambda poster, _: self._keep(poster, wire))
        while self._books_wanted:
            index = self._books_wanted.pop()
            self._senders[2].put(lambda poster, codec, index=index: self._fetch_book(poster, codec, index, wire))

    # The senders.

    def _act_with(self, poster: Poster) -> Callable[[_Job], None]:
        def act(job: _Job) -> None:
            codec = self._codec
            if not callable(job):
                self._deliver(self._answered(poster, codec, job))
            elif codec is not None:
                job(poster, codec)

        return act

    def _answered(self, poster: Poster, codec: _Codec | None, request: Request) -> Answer:
        number = request.request_id
        if codec is None:
            return Unsent(request_id=number, text="the venue was not reached yet")
        try:
            return self._exchange(poster, codec, request)
        except Turned as turned:
            return turned.answer
        except BadMessage as error:
            self.quarantine.hold(error.kind, b"", error.problem)
            return Lost(request_id=number, text=str(error))
        except Limited as error:
            return Unsent(request_id=number, text=str(error), reason=Reason.MESSAGE_RATE_EXCEEDED)
        except NotSent as error:
            return Unsent(request_id=number, text=str(error))
        except OSError as error:  # Unanswered, and a question that got a server's failure
            return Lost(request_id=number, text=str(error))

    def _exchange(self, poster: Poster, codec: _Codec, request: Request) -> Answer:
        encoder, answers = codec.encoder, codec.answers

        def ask(call: Call) -> Reply:
            return self._caller.call(poster, call)

        if isinstance(request, Place):
            call = encoder.place(request)
            return answers.acted(request, ask(call)) if isinstance(call, Call) else call
        if isinstance(request, Cancel):
            return answers.acted(request, ask(encoder.cancel(request)))
        if isinstance(request, Amend):
            return encoder.amend(request)
        if isinstance(request, AskOrder):
            return answers.order(request, ask(encoder.order(request)))
        if isinstance(request, AskOrders):
            return answers.orders(request, [ask(call) for call in encoder.open_orders()])
        # What the stream has told is in every answer from here on: a market's clock may be ahead of the gateway's.
        now_ms = max(self._caller.measure(poster), codec.stream.newest_ns // 1_000_000)
        if isinstance(request, AskAccount):
            return answers.account(request, ask(encoder.account()), now_ms, self._prices(codec, ask))
        if self._market.paths.income and self._funding_is_due():
            self._pay(codec, request, ask)
        answer = codec.fills.fills(request, ask, now_ms)
        self._name_fees(codec)
        return answer

    def _prices(self, codec: _Codec, ask: Callable[[Call], Reply]) -> Mapping[int, int]:
        """The market's prices of the pairs (spot): as streamed, else they are asked for."""
        if not self._market.paths.ticker:
            return {}
        prices = dict(codec.stream.prices)
        for listed in codec.universe.listed:
            if not prices.get(listed.index):
                prices[listed.index] = codec.answers.price(listed, ask(codec.encoder.ticker(listed)))
        return prices

    # What nobody waits for.

    def _funding_is_due(self) -> bool:
        """Whether funding is asked for with the fills: not with each of the listings that follow one another."""
        now_s = time.monotonic()
        due = now_s - self._funding_asked_s >= _FUNDING_EVERY_S
        self._funding_asked_s = now_s if due else self._funding_asked_s
        return due

    def _pay(self, codec: _Codec, request: AskFills, ask: Callable[[Call], Reply]) -> None:
        """Tells of the funding paid: it is in no other answer, and whoever missed it would differ for ever."""
        payments = codec.funding.payments(request, ask)
        if payments:
            self._deliver(FundingNews(payments=payments))

    def _ask_funding(self, poster: Poster, codec: _Codec) -> None:
        """Funding was paid just now. Where the answer does not come, the next list of fills brings it."""
        request = AskFills(request_id=0, since_ns=codec.stream.newest_ns)
        try:
            self._pay(codec, request, lambda call: self._caller.call(poster, call))
        except BadMessage as error:
            self.quarantine.hold(error.kind, b"", error.problem)
        except (Turned, OSError) as error:
            self._funding_asked_s = -_FUNDING_EVERY_S
            self._say(f"{self._name}: funding was paid, and what it was is asked for again: {error}")

    def _switch(self, poster: Poster, codec: _Codec, milliseconds: int) -> None:
        for listed in codec.universe.listed:
            try:
                reply = self._caller.call(poster, codec.encoder.countdown(listed, milliseconds))
            except OSError as error:
                self._say(f"{self._name}: the dead man's switch of {listed.symbol} was not set: {error}")
                continue
            if reply.status != 200:
                failure = failure_of(reply)
                said = f"{failure.code} {failure.msg[:120]}"
                self._say(f"{self._name}: the dead man's switch of {listed.symbol} was refused: {said}")

    def _keep(self, poster: Poster, wire: StreamSockets) -> None:
        """Keeps the listen key for another hour; without it the account's stream would fall silent."""
        try:
            reply = self._caller.call(poster, self._listen("PUT"))
        except (Limited, NotSent, Unanswered) as error:
            self._kept_s = time.monotonic() - _KEPT_S / 2
            self._say(f"{self._name}: the listen key was not kept, and is tried again: {error}")
            return
        if reply.status != 200:
            self._say(f"{self._name}: the listen key is gone (HTTP {reply.status}); a new one is begun")
            wire.close()

    def _fetch_book(self, poster: Poster, codec: _Codec, index: int, wire: StreamSockets) -> None:
        listed = codec.universe.by_index[index]
        try:
            reply = self._caller.call(poster, codec.encoder.snapshot(listed))
        except OSError:
            reply = None
        stream = codec.stream

        def take() -> None:
            if reply is None or reply.status != 200:
                self._books_wanted.add(index)  # the next tick asks again
                return
            for message in stream.take_snapshot(index, reply.body):
                self._deliver(message)

        wire.call_soon(take)


def _nobody(message: Message) -> None:
    """Whoever closed hears nothing more."""
