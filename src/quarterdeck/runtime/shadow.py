"""A shadow: strategies are shown a journal again, and must ask for what they asked then.

The journal holds each step of the exchange in its order: the reports of an event, the event, then what each strategy
asked, in strategy order. A shadow applies those records, shows each strategy the reports and the event at the same
place, and compares what it asks with what stands there. It sends nothing: what is journaled is applied, so one
difference does not bring others. Strategies begin with the memory of their `prepare`.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.config import DeskConfig
from quarterdeck.errors import StrategyError
from quarterdeck.journal import Block, decode
from quarterdeck.kernel.account import apply, new_events
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.host import CompiledHost, Host, PythonHost, StrategySource, host_strategies
from quarterdeck.runtime.replay import Progress, Replayer, desk_replayer
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.views import view_of

__all__ = ["Difference", "ShadowResult", "shadow"]

_REQUESTS: Final = range(EventKind.ORDER_REQUEST, EventKind.REPLACE_REQUEST + 1)
_REPORTS: Final = range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_ADOPTED + 1)
_OPENING: Final = frozenset({EventKind.CONFIGURE, EventKind.SESSION_START, EventKind.CONNECTION, EventKind.TRANSFER})
_CHECK: Final = slice(22, 24)  # bytes that the journal stamps


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a strategy asks for something else.

    `sequence` is the first journaled request that differs, or where the one that is asked for now would stand; `asked`
    and `journaled` are decoded records, None where there is none.
    """

    sequence: int
    strategy: str
    asked: dict[str, object] | None
    journaled: dict[str, object] | None

    def text(self) -> str:
        asked, journaled = (_words(one) for one in (self.asked, self.journaled))
        return f"record {self.sequence}: strategy {self.strategy} asks {asked}; journaled is {journaled}"


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """How a shadow went: events shown, requests compared, and the first difference if there is one."""

    events: int
    requests: int
    strategies: tuple[str, ...]
    difference: Difference | None

    @property
    def equal(self) -> bool:
        return self.difference is None

    def as_dict(self) -> dict[str, object]:
        found = self.difference
        return {
            "equal": self.equal,
            "events": self.events,
            "requests": self.requests,
            "strategies": list(self.strategies),
            "difference": None
            if found is None
            else {
                "sequence": found.sequence,
                "strategy": found.strategy,
                "asked": found.asked,
                "journaled": found.journaled,
            },
        }

    def lines(self) -> list[str]:
        who = ", ".join(self.strategies)
        shown = f"{self.events} events shown to {who}; {self.requests} requests are the journaled ones"
        return [shown, "equal" if self.difference is None else self.difference.text()]


def shadow(
    path: Path,
    config: DeskConfig,
    *,
    sources: Sequence[StrategySource] | None = None,
    only: Collection[str] | None = None,
    until: int | None = None,
    progress: Progress | None = None,
) -> ShadowResult:
    """Shows the desk's strategies the journal at `path`, up to record `until`, and compares what they ask.

    `sources` as in `host_strategies`; `only` names the strategies to compare (default: all). Ends at the first
    difference. ReplayError, JournalCorrupt and ConfigError as `replay` and `host_strategies`; StrategyError when a
    strategy breaks its contract.
    """
    replayer = desk_replayer(path)

    def begin() -> tuple[Host, ...]:
        hosts = host_strategies(config, replayer.states, sources)
        return tuple(host for host in hosts if only is None or host.place.name in only)

    chosen = begin()
    if not chosen:
        names = ", ".join(strategy.name for strategy in config.strategies)
        raise StrategyError(f"no strategy of the desk is called {', '.join(only or ())}: there are {names}")
    watch = _Shadow(replayer, begin)
    replayer.advance(until, progress, watch.move)
    names = tuple(host.place.name for host in chosen)
    return ShadowResult(watch.events, watch.requests, names, watch.difference)


class _Shadow:
    """Reads the journal step by step: reports, the event, then the requests, strategy by strategy."""

    def __init__(self, replayer: Replayer, begin: Callable[[], tuple[Host, ...]]) -> None:
        self.difference: Difference | None = None
        self.events = 0
        self.requests = 0
        self._replayer = replayer
        self._states: Any = replayer.states
        self._begin = begin
        self._hosts: tuple[Host, ...] = ()
        self._opening = True  # strategies are put to work when a session has opened
        self._shown: list[NDArray[np.void]] = []  # the step's reports, then its event
        self._complete = False  # the step has its event
        self._next = 0  # the host that is shown this step next
        self._asked: deque[NDArray[np.void]] = deque()  # by the host before that one, not compared yet
        self._asks = new_events(ASKS)

    def move(self, block: Block, begin: int, end: int) -> int:
        """Applies a stretch of a block; until the first difference, strategies are shown it."""
        skipped = set(block.positions.tolist())
        indices = [index for index in range(begin, end) if index not in skipped]
        for index in indices:
            if self.difference is None:
                self._meet(block.records[index : index + 1], block.first_sequence + index)
            apply(self._states, cast(Any, block.records), index, cast(Any, self._replayer.actions))
        return len(indices)

    def _meet(self, record: NDArray[np.void], sequence: int) -> None:
        """Looks at a record before it is applied. The last step is never closed: it may have been cut off."""
        kind = int(record["kind"][0])
        if kind in _REQUESTS and record["person"][0] < 0 and self._shown:
            self._compare(record, sequence)
            return
        if self._complete:
            self._close_step(sequence)
        if kind == EventKind.SESSION_START:
            self._hosts = self._begin()  # a desk's strategies begin anew with each session
            self._shown, self._complete, self._next = [], False, 0
            self._opening = True
        if self._opening and (kind in _OPENING or kind == EventKind.SESSION_START):
            return
        self._opening = False
        self._shown.append(record)
        self._complete = kind not in _REPORTS

    def _compare(self, record: NDArray[np.void], sequence: int) -> None:
        """A request of the present step: every strategy up to its own is shown the step, its own must ask for this."""
        self._complete = True  # where a venue's report stands alone, it is itself the event
        strategy = int(record["strategy"][0])
        while self._next < len(self._hosts) and self._hosts[self._next].place.strategy <= strategy:
            if self._asked:
                self._differ(sequence, self._hosts[self._next - 1], self._asked[0], None)
                return
            self._show(self._hosts[self._next])
            self._next += 1
        host = self._hosts[self._next - 1] if self._next else None
        if host is None or host.place.strategy != strategy:
            if self._asked and host is not None:
                self._differ(sequence, host, self._asked[0], None)
            return
        asked = self._asked.popleft() if self._asked else None
        if asked is None or not _same(asked, record):
            self._differ(sequence, host, asked, record)
        else:
            self.requests += 1

    def _close_step(self, sequence: int) -> None:
        """The step has no more requests in the journal: nobody may ask for more."""
        while not self._asked and self._next < len(self._hosts):
            self._show(self._hosts[self._next])
            self._next += 1
        if self._asked:
            self._differ(sequence, self._hosts[self._next - 1], self._asked[0], None)
        self.events += 1
        self._shown, self._complete, self._next = [], False, 0

    def _show(self, host: Host) -> None:
        count = self._show_python(host) if isinstance(host, PythonHost) else self._show_compiled(host)
        asks = host.view.asks if isinstance(host, PythonHost) else self._asks
        for place in range(count):
            ask = asks[place : place + 1].copy()
            ask["time_ns"] = self._states[0]["time_ns"]
            ask["strategy"] = host.place.strategy
            self._asked.append(ask)

    def _show_python(self, host: PythonHost) -> int:
        host.view.count = 0
        for record in self._shown:
            view = view_of(record[0])
            if view is not None:
                host.show(view)
        return host.view.count

    def _show_compiled(self, host: CompiledHost) -> int:
        count = 0
        for record in self._shown:
            count = host.ask(self._states, record, 0, self._asks, count)
        if count > ASKS:
            raise StrategyError(
                f"strategy {host.place.name} asked for more than {ASKS} things at one event: ask for less"
            )
        return count

    def _differ(
        self, sequence: int, host: Host, asked: NDArray[np.void] | None, journaled: NDArray[np.void] | None
    ) -> None:
        was, now = (None if one is None else decode(one, 0, sequence) for one in (journaled, asked))
        self.difference = Difference(sequence, host.place.name, now, was)


def _same(asked: NDArray[np.void], journaled: NDArray[np.void]) -> bool:
    """Whether two records are equal but for the check that the journal stamps."""
    one, other = asked.tobytes(), journaled.tobytes()
    return one[: _CHECK.start] == other[: _CHECK.start] and one[_CHECK.stop :] == other[_CHECK.stop :]


def _words(record: dict[str, object] | None) -> str:
    if record is None:
        return "nothing"
    return " ".join(f"{name}={value}" for name, value in record.items() if name not in {"sequence", "time", "strategy"})
