"""A practice exchange with a moving market, a desk on it, and venues that lie in between."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import uvloop

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.conformance.conversation import Conversation
from quarterdeck.conformance.hand import Hand
from quarterdeck.conformance.outcome import Finding
from quarterdeck.conformance.scenarios import SCENARIOS
from quarterdeck.conformance.suite import run_scenarios
from quarterdeck.conformance.switches import PracticeSwitch
from quarterdeck.conformance.terms import terms_of
from quarterdeck.twins.practice import PracticeServer
from quarterdeck.twins.practice_core import PracticeCore, practice_terms
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.links import open_venue
from quarterdeck.venues.messages import Message, Request
from quarterdeck.venues.protocol import Capabilities, Deliver, Venue
from tests.desk.live_rig import DESK_TOML

START_S = 60.0
PURSE = 'venue = "practice"\ncurrency = "USD"'


def desk_at(folder: Path, *changes: tuple[str, str]) -> DeskConfig:
    """A live desk whose account at the exchange opens with 100,000 USD."""
    text = DESK_TOML
    for old, new in ((PURSE, PURSE + '\ndeposit = "100000"'), *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.toml").write_text(text)
    return load_desk(str(folder))


@contextlib.contextmanager
def serving(config: DeskConfig, quotes: float = 50.0, requests: int = 0) -> Iterator[None]:
    """The exchange of a desk, at its address, with a market that moves."""
    ready = threading.Event()
    inside: list[tuple[PracticeServer, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        core = PracticeCore(practice_terms(config, 0), requests_per_second=requests)
        server = PracticeServer(core, seed=3, quotes_per_second=quotes)
        await server.open(Address.read("practice.sock", config.folder))
        inside.append((server, asyncio.get_running_loop()))
        ready.set()
        await server.until_stopped()
        await server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="practice exchange")
    thread.start()
    try:
        assert ready.wait(START_S)
        yield
    finally:
        for server, loop in inside:
            loop.call_soon_threadsafe(server.stop)
        thread.join(START_S)


class Twisted:
    """A venue that is not what it says: it changes what it is asked, or what it says, or what it declares."""

    def __init__(
        self,
        venue: Venue,
        asked: Callable[[Request], Request | None] = lambda request: request,
        said: Callable[[Message], Iterable[Message]] = lambda message: (message,),
        declared: Capabilities | None = None,
    ) -> None:
        self.capabilities = declared or venue.capabilities
        self._venue, self._asked, self._said = venue, asked, said

    def open(self, deliver: Deliver) -> None:
        def hear(message: Message) -> None:
            for one in self._said(message):
                deliver(one)

        self._venue.open(hear)

    def send(self, request: Request) -> None:
        changed = self._asked(request)
        if changed is not None:
            self._venue.send(changed)

    def close(self) -> None:
        self._venue.close()


def found(
    config: DeskConfig,
    *names: str,
    twist: Callable[[Venue], Venue] = lambda venue: venue,
    switch: bool = True,
    patience_s: float = 10.0,
) -> dict[str, Finding]:
    """The findings of some scenarios, the first always among them."""
    talk = Conversation(lambda: twist(open_venue(config, 0)), patience_s)
    fault_switch = PracticeSwitch(Address.read("practice.sock", config.folder)) if switch else None
    wanted = [one for one in SCENARIOS if not names or one.name in {"connect and account", *names}]
    assert not names or len(wanted) == len({"connect and account", *names})
    hand = Hand(talk, terms_of(config, 0, None, None), fault_switch)
    told: list[Finding] = []
    findings = run_scenarios(talk, hand, told.append, wanted)
    assert told == findings
    return {one.name: one for one in findings}
