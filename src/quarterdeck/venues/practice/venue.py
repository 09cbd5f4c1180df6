"""The practice venue as a desk meets it: JSON lines over a stream socket, connected again whenever the line breaks.

Three threads: the line's own reads, one sends orders and questions, one sends cancels. A request becomes exactly one
answer: the exchange's, Unsent when none of it left, or Lost when the line broke before the answer came.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from quarterdeck.venues.addresses import Address
from quarterdeck.venues.line import Backoff, StandingLine
from quarterdeck.venues.messages import Answer, Cancel, Line, Lost, Message, Request, Unsent
from quarterdeck.venues.practice.codec import Garbled, PracticeCodec
from quarterdeck.venues.practice.terms import VERSION, DeskTerms, Greeting, Hello, Welcome
from quarterdeck.venues.protocol import Capabilities, Deliver
from quarterdeck.venues.quarantine import Quarantine, complaint_kind
from quarterdeck.venues.senders import Sender
from quarterdeck.venues.streams import LineCutter, StreamWire, WireBroken

__all__ = ["LINE_BYTES_MAX", "QUEUED_MAX", "UNANSWERED_MAX", "PracticeOptions", "PracticeVenue"]

LINE_BYTES_MAX: Final = 8 * 1024 * 1024
QUEUED_MAX: Final = 4_096  # requests that wait in each sender; more come back as Unsent
UNANSWERED_MAX: Final = 8_192  # requests that wait for their answers; more come back as Unsent
_BEAT: Final = b'{"type":"Beat"'


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeOptions:
    """`silence_s`: a line on which nothing is heard, or nothing taken, for so long is given up.

    `say` is given sentences for people, from any of the venue's threads.
    """

    connect_s: float = 3.0
    silence_s: float = 10.0
    backoff: Backoff = field(default_factory=Backoff)
    say: Callable[[str], None] = _silent


class _Talk:
    """One greeted connection: its wire, its codec, and the requests that wait for an answer."""

    def __init__(self, wire: StreamWire, codec: PracticeCodec) -> None:
        self.wire, self.codec = wire, codec
        self._lock = threading.Lock()
        self._waiting: set[int] = set()
        self._over = False

    def begin(self, number: int) -> str:
        """Notes that a request is about to leave; says why it must not."""
        with self._lock:
            if self._over:
                return "not connected"
            if len(self._waiting) >= UNANSWERED_MAX:
                return f"{UNANSWERED_MAX} requests wait for their answers already"
            self._waiting.add(number)
            return ""

    def end(self, number: int) -> bool:
        """Notes a request's answer; False where none was waited for."""
        with self._lock:
            known = number in self._waiting
            self._waiting.discard(number)
            return known

    def over(self) -> list[int]:
        """Nothing more begins; returns the requests that will not be answered, as they were numbered."""
        with self._lock:
            self._over = True
            waiting, self._waiting = sorted(self._waiting), set()
            return waiting


class PracticeVenue:
    """One account at a practice exchange. See `quarterdeck.venues.protocol.Venue`."""

    capabilities = Capabilities(latest_ms=2_000)  # the exchange refuses what is late, by its own clock

    def __init__(
        self, address: Address, desk: str, account: str, terms: DeskTerms, options: PracticeOptions | None = None
    ) -> None:
        self._address, self._desk, self._account, self._terms = address, desk, account, terms
        self._options = options or PracticeOptions()
        self.quarantine = Quarantine(f"the practice exchange at {address}", self._options.say)
        self._gate = threading.RLock()  # whoever is delivered to may send at once
        self._deliver: Deliver | None = None
        self._talk: _Talk | None = None
        self._told_down = False
        name = f"practice {account}"
        self._line = StandingLine(name, self._connect, self._attend, self._down, self._options.backoff)
        self._orders = Sender(f"{name} orders", self._send, QUEUED_MAX)
        self._cancels = Sender(f"{name} cancels", self._send, QUEUED_MAX)

    def open(self, deliver: Deliver) -> None:
        """Begins to connect. Line says when news flows."""
        self._deliver = deliver
        self._orders.open()
        self._cancels.open()
        self._line.open()

    def send(self, request: Request) -> None:
        """Hands a request to its sender, and returns at once."""
        sender = self._cancels if isinstance(request, Cancel) else self._orders
        if not sender.put(request):
            self._hand_over(Unsent(request_id=request.request_id, text=f"{QUEUED_MAX} requests wait to be sent"))

    def close(self) -> None:
        """Gives up the connection; nothing is delivered after this, and no thread is left."""
        with self._gate:
            self._deliver = None
        self._line.close()
        self._orders.close()
        self._cancels.close()

    def _hand_over(self, message: Message) -> None:
        with self._gate:
            if self._deliver is not None:
                self._deliver(message)

    # The senders' threads.

    def _send(self, request: Request) -> None:
        number, talk = request.request_id, self._talk
        if talk is None:
            self._hand_over(Unsent(request_id=number, text="not connected"))
            return
        try:
            line = talk.codec.encode(request)
        except KeyError:
            self._hand_over(Unsent(request_id=number, text="that instrument is not traded there"))
            return
        objection = talk.begin(number)
        if objection:
            self._hand_over(Unsent(request_id=number, text=objection))
            return
        try:
            talk.wire.write(line + b"\n")
        except WireBroken as error:
            if talk.end(number):
                kind = Lost if error.left else Unsent
                self._hand_over(kind(request_id=number, text=str(error)))

    # The line's thread.

    def _connect(self) -> StreamWire:
        return StreamWire(self._address.connect(self._options.connect_s), self._options.silence_s)

    def _down(self, why: str) -> None:
        """Says once that the line is down, however often it is tried again."""
        if not self._told_down:
            self._told_down = True
            self._options.say(f"no line to the practice exchange at {self._address} ({why}); it is tried again")
            self._hand_over(Line(up=False, text=why))

    def _attend(self, wire: StreamWire) -> str:
        cutter = LineCutter(LINE_BYTES_MAX, self._oversized)
        hello = Hello(version=VERSION, account=self._account)
        wire.write(msgspec.json.encode(hello) + b"\n")
        talk: _Talk | None = None
        try:
            while chunk := wire.read():
                for line in cutter.cut(chunk):
                    if talk is not None:
                        self._hear(talk, line)
                        continue
                    greeted = self._greeted(wire, line)
                    if isinstance(greeted, str):
                        return greeted
                    self._talk = talk = greeted
                    self._told_down = False
                    self._options.say(f"the line to the practice exchange at {self._address} is up")
                    self._hand_over(Line(up=True))
            return "the exchange hung up"
        finally:
            self._talk = None
            if talk is not None:
                for number in talk.over():
                    self._hand_over(Lost(request_id=number, text="the line broke before the answer came"))

    def _greeted(self, wire: StreamWire, line: bytes) -> _Talk | str:
        """Begins to talk, or says why not."""
        try:
            greeting = msgspec.json.decode(line, type=Greeting)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.quarantine.hold("greeting", line, str(error))
            return "what answers there is no practice exchange"
        if not isinstance(greeting, Welcome):
            return f"the exchange does not talk to us: {greeting.why}"
        try:
            instruments, purses = self._terms.rows(greeting.instruments, greeting.purses)
        except ValueError as error:
            return f"the exchange is not the one that desk.toml means: {error}"
        return _Talk(wire, PracticeCodec(self._desk, instruments, purses))

    def _hear(self, talk: _Talk, line: bytes) -> None:
        if line.startswith(_BEAT):
            return
        message = talk.codec.decode(line)
        if isinstance(message, Garbled):
            self._set_aside(line, message.problem)
            return
        if isinstance(message, Lost):  # an answer that makes no sense
            self._set_aside(line, message.text)
        if isinstance(message, Answer) and not talk.end(message.request_id):
            self.quarantine.hold("an answer to nothing that was asked", line)
            return
        self._hand_over(message)

    def _set_aside(self, line: bytes, problem: str) -> None:
        self.quarantine.hold(complaint_kind(problem), line, problem)

    def _oversized(self, beginning: bytes) -> None:
        self.quarantine.hold(f"a line of more than {LINE_BYTES_MAX} bytes", beginning)
