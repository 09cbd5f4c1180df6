"""Hyperliquid as a `Venue`: a websocket that is kept, three sending threads, rate limits, the dead man's switch.

| thread    | does                                                                              |
|-----------|-----------------------------------------------------------------------------------|
| line      | connects, checks the key, subscribes, reads the websocket, delivers news           |
| orders    | signs and posts orders and their changes                                           |
| cancels   | signs and posts cancels and the switch, on a connection of its own                 |
| questions | asks for orders, fills and the account                                             |

A key is taken only after the venue said whose it is. An agent's key can trade and cannot withdraw; a master key can do
both and is refused unless the desk allows it. What a master key's other agents may do is not for this key to see.

Without a key it brings market data alone: nothing of the account is subscribed to, and what would need a signature is
Unsent.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.hyperliquid.answers import AnswerReader
from quarterdeck.venues.hyperliquid.limits import RateLimiter, info_weight
from quarterdeck.venues.hyperliquid.lineage import Lineage
from quarterdeck.venues.hyperliquid.reader import Reader
from quarterdeck.venues.hyperliquid.requests import Action, Encoder, Question, schedule_cancel_action
from quarterdeck.venues.hyperliquid.schema import Meta, SpotMeta, UserRole
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE, Nonces, Signer
from quarterdeck.venues.hyperliquid.socket import StreamSocket
from quarterdeck.venues.hyperliquid.stream import StreamReader
from quarterdeck.venues.hyperliquid.universe import Universe
from quarterdeck.venues.line import Backoff, StandingLine
from quarterdeck.venues.malformed import BadMessage
from quarterdeck.venues.messages import (
    Amend,
    Answer,
    AskAccount,
    AskFills,
    Cancel,
    FillsAnswer,
    FundingNews,
    Line,
    Lost,
    Message,
    OrderAnswer,
    OrderNews,
    OrdersAnswer,
    Place,
    Refused,
    Request,
    Taken,
    Unsent,
)
from quarterdeck.venues.posting import Endpoint, NotSent, Poster, Reply, Unanswered
from quarterdeck.venues.protocol import Capabilities, Deliver
from quarterdeck.venues.quarantine import Quarantine
from quarterdeck.venues.senders import Sender

__all__ = ["HyperliquidOptions", "HyperliquidVenue"]

_WAITING_MAX: Final = 1_024
_MARGIN_NS: Final = 1_000_000_000  # how far the answers to questions may lag behind the stream
_ROWS_PER_WEIGHT: Final = 20
_FUNDING_EVERY_S: Final = 10.0  # less than what FUNDING_OVERLAP_NS covers
_NOTHING: Final = Reply(200, b"[]")
_CONFIRMED_S: Final = 15.0  # within which every subscription is


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperliquidOptions:
    """`address` of the venue or its twin; `account` is the master's address, which trades.

    `dead_man_s`: unless the desk says within so many seconds that it lives, the venue cancels its orders; 0: not used
    (the venue asks for 1,000,000 USDC of traded volume before it takes the switch). It never closes positions.
    """

    address: str
    account: str
    name: str = "hyperliquid"
    mainnet: bool = False
    depth: bool = False
    dead_man_s: float = 0.0
    timeout_s: float = 5.0
    allow_master_key: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to send; without a request nobody waits for the answer."""

    request: Request | None
    action: Action | None = None


class HyperliquidVenue:
    """One account. `say` is told, in a sentence, what a person should know."""

    def __init__(
        self,
        instruments: Sequence[tuple[int, int, Instrument]],
        tag: str,
        options: HyperliquidOptions,
        signer: Signer | None,
        say: Callable[[str], None],
    ) -> None:
        """`instruments` are (the desk's index, its purse's index, the instrument). Raises ConfigError.

        `signer` None: market data alone.
        """
        # Its modify ends one order and opens another: what fills meanwhile comes on top of the new size, and after a
        # restart nobody knows any more what the old ones had filled.
        self.capabilities = Capabilities(amend=False, latest_ms=int(options.timeout_s * 1_000))
        self._instruments, self._tag, self._options, self._say = tuple(instruments), tag, options, say
        self._signer, self._name = signer, options.name
        self._endpoint = Endpoint.read(options.address)
        self._account = options.account.lower()
        self._nonces = Nonces()
        self._limiter, self._limiting = RateLimiter(), threading.Lock()
        self.quarantine = Quarantine(options.name, say)
        self._lineage = Lineage()
        self._encoder: Encoder | None = None
        self._answers: AnswerReader | None = None
        self._stream: StreamReader | None = None
        self._deliver: Deliver = _nobody
        self._up = False
        self._speaks = False  # for a desk; who asks for fills and the account alone has no orders to be cancelled
        self._refusal = ""
        self._attended_s, self._funding_asked_s = 0.0, -_FUNDING_EVERY_S
        self._awaited: set[tuple[str, str]] = set()
        self._alive_s = 0.0
        self._posters = [Poster(self._endpoint, options.timeout_s) for _ in range(4)]
        self._senders = [
            Sender(f"{self._name} {task}", self._act_with(poster), _WAITING_MAX)
            for task, poster in zip(("orders", "cancels", "questions"), self._posters[:3], strict=True)
        ]
        self._line: StandingLine[StreamSocket] = StandingLine(
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
        if not self._senders[place].put(_Job(request)):
            self._deliver(Unsent(request_id=request.request_id, text=f"{_WAITING_MAX} requests wait already"))

    def close(self) -> None:
        """Ends all threads. A switch that is set is taken back: who leaves in order has cancelled what he wants to."""
        self._deliver = _nobody
        was_up = self._up
        self._line.close()
        for sender in self._senders:
            sender.close()
        if self._options.dead_man_s and was_up and self._speaks:
            self._switch(self._posters[3], schedule_cancel_action(None))
        for poster in self._posters:
            poster.close()

    # The line.

    def _connect(self) -> StreamSocket:
        try:
            self._prepare(self._posters[3])
        except (ConfigError, BadMessage) as error:
            if str(error) != self._refusal:  # the same every few seconds is said once
                self._refusal = str(error)
                self._say(f"{self._name}: {error}")
            raise ConnectionError(str(error)) from error
        return StreamSocket(f"{self._endpoint.stream}/ws")

    def _prepare(self, poster: Poster) -> None:
        """Learns what is listed, and whose key this is. Raises OSError, ConfigError, BadMessage."""
        if self._encoder is not None:
            return
        meta = _read(Meta, self._asked(poster, {"type": "meta"}))
        spot_meta = _read(SpotMeta, self._asked(poster, {"type": "spotMeta"}))
        if self._signer is not None:
            self._check_key(poster, self._signer.address)
        universe = Universe.bind(self._instruments, meta, spot_meta)
        reader = Reader(universe, self._tag)
        self._stream = StreamReader(universe, reader, self._lineage, self.quarantine.hold)
        self._answers = AnswerReader(universe, reader)
        self._encoder = Encoder(universe, self._tag, self._account)

    def _asked(self, poster: Poster, body: dict[str, Any]) -> bytes:
        self._admit(info_weight(body["type"]), urgent=True)
        reply = _posted(poster, "/info", body)
        if reply.status != 200:
            raise ConnectionError(f"HTTP {reply.status} to {body['type']}")
        return reply.body

    def _check_key(self, poster: Poster, signer: str) -> None:
        account = self._account
        found: UserRole = _read(UserRole, self._asked(poster, {"type": "userRole", "user": signer}))
        whose = (found.data or {}).get("user", "").lower()
        if found.role == "agent" and whose == account:
            return
        if found.role == "agent":
            key = f"venues[{self._name}].account"
            raise ConfigError("desk.toml", key, account, f"the account that approved this agent: {whose}")
        if found.role == "missing":
            allowed = f"an agent's key that the account {account} has approved"
        elif signer != account:
            allowed = f"an agent's key of {account}"
        elif not self._options.allow_master_key:
            allowed = "an agent's key: a master key may withdraw (allow_master_key)"
        else:
            return
        raise ConfigError("environment", KEY_VARIABLE, f"the key of {signer}", allowed)

    def _attend(self, wire: StreamSocket) -> str:
        stream = self._stream
        assert stream is not None
        stream.touch.clear()
        self._attended_s, self._funding_asked_s = time.monotonic(), -_FUNDING_EVERY_S
        wanted = list(self._subscriptions())
        self._awaited = {_subscribed(one) for one in wanted}
        for subscription in wanted:
            wire.send({"method": "subscribe", "subscription": subscription})

        def hear(raw: bytes) -> None:
            if not self._up and b'"subscriptionResponse"' in raw[:64]:
                self._confirmed(raw)
            for message in stream.read(raw):
                self._deliver(message)
            if stream.said:
                self._pass_on(stream, wire)

        return wire.serve(hear, self._tick)

    def _subscriptions(self) -> Sequence[dict[str, str]]:
        coins = [one[2] for one in self._instruments]
        listed = self._stream.universe.listed if self._stream is not None else ()
        assert len(coins) == len(listed)
        kinds = ["trades", "bbo", "activeAssetCtx", *(["l2Book"] if self._options.depth else [])]
        market = [{"type": kind, "coin": one.coin} for one in listed for kind in kinds]
        private = () if self._signer is None else ("orderUpdates", "userFills", "userFundings")
        user = [{"type": kind, "user": self._account} for kind in private]
        return [*user, *market]

    def _confirmed(self, raw: bytes) -> None:
        """The line is up when every subscription was confirmed: whatever happens after that is told."""
        try:
            said: Any = msgspec.json.decode(raw)
            self._awaited.discard(_subscribed(said["data"]["subscription"]))
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return  # the stream's reader puts it aside
        if not self._awaited:
            self._up = True
            self._deliver(Line(up=True))

    def _pass_on(self, stream: StreamReader, wire: StreamSocket) -> None:
        said, stream.said = stream.said, []
        for sentence in said:
            self._say(f"{self._name}: {sentence}")
        if not self._up:
            wire.close()

    def _tick(self) -> None:
        """Once a second: says that the desk lives, and gives up on a venue that does not confirm."""
        every = self._options.dead_man_s
        now_s = time.monotonic()
        if not self._up and now_s - self._attended_s > _CONFIRMED_S:
            self._line.break_off()
        if every and self._up and self._speaks and now_s - self._alive_s >= every / 3:
            self._alive_s = now_s
            until_ms = time.time_ns() // 1_000_000 + int(every * 1_000)
            self._senders[1].put(_Job(None, schedule_cancel_action(until_ms)))

    def _went_down(self, why: str) -> None:
        self._up = False
        self._deliver(Line(up=False, text=why))

    # The senders.

    def _act_with(self, poster: Poster) -> Callable[[_Job], None]:
        def act(job: _Job) -> None:
            for message in self._answered(poster, job):
                self._deliver(message)

        return act

    def _answered(self, poster: Poster, job: _Job) -> Sequence[Message]:
        request = job.request
        if request is None:
            self._switch(poster, job.action)
            return ()
        if self._encoder is None or self._stream is None:
            return (Unsent(request_id=request.request_id, text="the venue was not reached yet"),)
        filled, sent = 0, request
        if isinstance(request, Amend):
            filled = self._lineage.begin_amend(request)
            sent = msgspec.structs.replace(request, quantity=request.quantity - filled)
        try:
            touch = self._stream.touch.get(getattr(request, "instrument", -1), (0, 0))
            encoded = self._encoder.encode(sent, touch)
            answer = encoded if isinstance(encoded, Refused | Unsent) else self._exchange(poster, sent, encoded)
        except BadMessage as error:
            self.quarantine.hold(error.kind, b"", error.problem)
            answer = Lost(request_id=request.request_id, text=str(error))
        return self._noted(request, answer, filled)

    def _exchange(self, poster: Poster, request: Request, encoded: Action | tuple[Question, ...]) -> Answer:
        assert self._answers is not None
        assert self._stream is not None
        venue_ns = max(0, self._stream.newest_ns - _MARGIN_NS)
        replies: list[Reply] = []
        for call in (encoded,) if isinstance(encoded, Action) else encoded:
            if isinstance(request, AskFills) and replies and not self._funding_due():
                replies.append(_NOTHING)
                continue
            asked = isinstance(call, Question)
            wait_s = self._admit(call.weight, urgent=not asked and call.urgent, question=asked)
            if wait_s:
                text = f"the rate limit has room again in {wait_s:.1f} s"
                return Unsent(request_id=request.request_id, text=text, reason=Reason.MESSAGE_RATE_EXCEEDED)
            try:
                replies.append(self._call(poster, call))
            except NotSent as error:
                return Unsent(request_id=request.request_id, text=str(error))
            except Unanswered as error:
                return Lost(request_id=request.request_id, text=str(error))
        try:
            answer = self._answers.read(request, replies, venue_ns)
            if isinstance(answer, FillsAnswer):
                self._pay(self._answers.funding(replies), len(answer.fills))
        except BadMessage as error:
            self.quarantine.hold(error.kind, replies[-1].body, error.problem)
            return Lost(request_id=request.request_id, text=str(error))
        return answer

    def _funding_due(self) -> bool:
        """Whether funding is asked for with the fills: not with each of the listings that follow one another."""
        now_s = time.monotonic()
        due = now_s - self._funding_asked_s >= _FUNDING_EVERY_S
        self._funding_asked_s = now_s if due else self._funding_asked_s
        return due

    def _pay(self, funding: FundingNews | None, fills: int) -> None:
        """Tells of the funding that came with a list of fills, before that list; charges for the rows of both."""
        rows = fills + (len(funding.payments) if funding is not None else 0)
        with self._limiting:
            self._limiter.charge(rows // _ROWS_PER_WEIGHT, time.monotonic())
        if funding is not None:
            self._deliver(funding)

    def _call(self, poster: Poster, call: Action | Question) -> Reply:
        if isinstance(call, Question):
            reply = _posted(poster, "/info", call.body)
        elif self._signer is None:
            raise NotSent("this line has no key: it brings market data alone")
        else:
            nonce, expires = self._nonces.take(), call.expires_ms or None
            signature = self._signer.sign(call.body, nonce, expires)
            envelope = {
                "action": call.body, "nonce": nonce, "signature": signature,
                "vaultAddress": None, "expiresAfter": expires,
            }  # fmt: skip
            reply = _posted(poster, "/exchange", envelope)
        if reply.status == 429:
            with self._limiting:
                self._limiter.rebuked(time.monotonic())
        return reply

    def _admit(self, weight: int, *, urgent: bool = False, question: bool = False) -> float:
        with self._limiting:
            return self._limiter.admit(weight, time.monotonic(), urgent=urgent, question=question)

    def _switch(self, poster: Poster, action: Action | None) -> None:
        if action is None or self._admit(action.weight, urgent=True):
            return
        try:
            reply = self._call(poster, action)
        except OSError as error:
            self._say(f"{self._name}: the dead man's switch was not set: {error}")
            return
        if reply.status != 200 or b'"status":"ok"' not in reply.body.replace(b" ", b""):
            self._say(f"{self._name}: the dead man's switch was refused: {reply.body[:200].decode('utf-8', 'replace')}")

    def _noted(self, request: Request, answer: Answer, filled: int) -> Sequence[Message]:
        """Keeps the lineage of orders, and says what was held back for an amend."""
        if isinstance(request, Amend):
            taken = isinstance(answer, Taken)
            held = self._lineage.end_amend(request.order_id, answer.venue_order_id if isinstance(answer, Taken) else 0)
            if isinstance(answer, Taken) and answer.filled >= 0:
                answer = msgspec.structs.replace(answer, filled=answer.filled + filled)
            # Of a lost amend the order is asked about anyway: its cancel may have been half of it.
            tell = held is not None and not taken and not isinstance(answer, Lost)
            return (answer, OrderNews(orders=(held,))) if tell and held is not None else (answer,)
        if isinstance(request, Place) and isinstance(answer, Taken):
            self._lineage.placed(request.order_id, request.strategy, answer.venue_order_id, answer.filled)
        if isinstance(answer, FillsAnswer):
            answer = msgspec.structs.replace(answer, fills=tuple(map(self._lineage.saw_fill, answer.fills)))
        if isinstance(answer, OrderAnswer) and answer.order is not None:
            answer = msgspec.structs.replace(answer, order=self._lineage.whole(answer.order))
        if isinstance(answer, OrdersAnswer):
            answer = msgspec.structs.replace(answer, orders=tuple(map(self._lineage.whole, answer.orders)))
        return (answer,)


def _read(kind: Any, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise BadMessage(f"{kind.__name__} answer", str(error)[:200]) from error


def _subscribed(subscription: dict[str, str]) -> tuple[str, str]:
    """What a subscription is for: the venue's confirmation of it has more in it than was asked."""
    return subscription["type"], subscription.get("coin") or subscription["user"].lower()


def _nobody(message: Message) -> None:
    """Whoever closed hears nothing more."""


def _posted(poster: Poster, path: str, body: dict[str, Any]) -> Reply:
    return poster.call("POST", path, {"Content-Type": "application/json"}, msgspec.json.encode(body))
