"""The venue of one simulated process: a real codec, and a line of bytes to the exchange."""

from collections.abc import Callable

from quarterdeck.simulation.desk import INSTRUMENTS, NAME
from quarterdeck.simulation.disk import ProcessDisk
from quarterdeck.simulation.network import Line
from quarterdeck.venues import messages
from quarterdeck.venues.messages import Message, Request
from quarterdeck.venues.practice.codec import Garbled, PracticeCodec
from quarterdeck.venues.protocol import Capabilities, Deliver

__all__ = ["SimulatedVenue"]


class SimulatedVenue:
    """Keeps the `Venue` protocol of one process. `watch` sees each request when it leaves.

    Whoever made it sets `line` before the session opens it.
    """

    def __init__(self, disk: ProcessDisk, capabilities: Capabilities, watch: Callable[[bytes], None]) -> None:
        self.capabilities = capabilities
        self.line: Line
        self.codec = PracticeCodec(NAME, tuple(range(INSTRUMENTS)), tuple(range(INSTRUMENTS)))
        self._disk = disk
        self._watch = watch
        self._deliver: Deliver | None = None
        self.heard_up = False

    def open(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self.line.connect()

    def send(self, request: Request) -> None:
        self._disk.step()
        if not self.heard_up:
            self._answer(messages.Unsent(request_id=request.request_id, text="not connected"))
            return
        raw = self.codec.encode(request)
        self._watch(raw)
        self.line.request(raw)

    def close(self) -> None:
        self._deliver = None
        self.line.close()

    def notice(self, up: bool) -> None:
        """The line is up or down, as far as the process can know."""
        self.heard_up = up
        self._answer(messages.Line(up=up))

    def arrive(self, raw: bytes) -> None:
        """Takes bytes from the exchange."""
        message = self.codec.decode(raw)
        if not isinstance(message, Garbled):
            self._answer(message)

    def _answer(self, message: Message) -> None:
        if self._deliver is not None:
            self._deliver(message)
