"""The simulated engine: a kernel, a simulated venue and strategies, fed with arrays of events."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quarterdeck.errors import StrategyError
from quarterdeck.kernel.account import digest, new_actions, new_state
from quarterdeck.kernel.compiled import JIT_ENABLED
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.market_records import Market
from quarterdeck.kernel.records import EVENT, State
from quarterdeck.runtime.exchange import TAPE_MARGIN, new_asks, new_reports, new_tape, run, step_context, step_one, take
from quarterdeck.runtime.host import CompiledHost, Host, PythonHost
from quarterdeck.strategies.asking import ASKS
from quarterdeck.strategies.views import view_of, views_of

__all__ = ["SimulatedEngine", "TapeSink"]

TapeSink = Callable[[NDArray[np.void]], None]

_COUNT_SHIFT = 32  # how `step_one` packs its two results
_TAPED = 2**_COUNT_SHIFT - 1
_VIEW_BATCH = 4_096  # events whose views are built at once: few enough to stay in the cache


class SimulatedEngine:
    """Feeds events to the venue, the kernel and the strategies, in the order that `exchange` states.

    `sink` is given every record that was applied to the kernel, in order, before `feed` returns: it is what a journal
    holds. Without a sink nothing is kept, which is faster. `bind` gives it strategies, which need the state it makes.
    """

    def __init__(self, market: Records[Market], sink: TapeSink | None = None) -> None:
        self.states: Records[State] = new_state()
        self.market = market
        self.hosts: tuple[Host, ...] = ()
        self._sink = sink
        self._reports = new_reports()
        self._actions = new_actions()
        self._asks = new_asks()
        self._tape = new_tape() if sink is not None else new_tape(0)
        self._targets: Any = None
        self._memories: Any = None

    def bind(self, hosts: Sequence[Host]) -> None:
        """Puts strategies to work. They must have been made with this engine's `states`."""
        self.hosts = tuple(hosts)
        compiled = [host for host in self.hosts if isinstance(host, CompiledHost)]
        if len(compiled) != len(self.hosts):
            return
        targets = [host.target for host in compiled]
        memories = [host.memory_handle for host in compiled]
        self._targets = np.array(targets, np.int64) if JIT_ENABLED else targets
        self._memories = np.array(memories, np.int64) if JIT_ENABLED else memories

    @property
    def digest(self) -> bytes:
        """SHA-256 of the kernel's state."""
        return digest(self.states)

    def feed(self, events: NDArray[np.void]) -> None:
        """Takes a batch of events, dtype EVENT. Raises StrategyError when a strategy breaks its contract."""
        if events.dtype != EVENT:
            raise TypeError("events must have the layout EVENT: np.concatenate changes it, market.join_events does not")
        if self._targets is not None:
            self._feed_compiled(events)
        else:
            for first in range(0, len(events), _VIEW_BATCH):
                self._feed_python(events[first : first + _VIEW_BATCH])

    def _feed_compiled(self, events: NDArray[np.void]) -> None:
        done = 0
        while done < len(events):
            done, taped, greedy = cast(Any, run)(
                self.states,
                self.market,
                events,
                done,
                len(events),
                self._reports,
                self._actions,
                self._asks,
                self._tape,
                self._targets,
                self._memories,
            )
            self._drain(taped)
            if greedy >= 0:
                raise _greedy(self.hosts[int(greedy)])

    def _feed_python(self, events: NDArray[np.void]) -> None:
        """The same order as `exchange.run`, with Python calls for each event: the lean ones stand in this loop."""
        context = step_context(self.states, self.market, self._reports, self._actions, self._tape, events)
        do_step = cast(Any, step_one)
        full = len(self._tape) - TAPE_MARGIN if self._sink is not None else 2**32
        views = views_of(events) if self.hosts else [None] * len(events)
        taped = 0
        for index, view in enumerate(views):
            if taped > full:
                self._drain(taped)
                taped = 0
            done = do_step(context, index, taped)
            taped = done & _TAPED
            count = done >> _COUNT_SHIFT
            for host in self.hosts:
                if isinstance(host, CompiledHost):
                    taped = self._ask(host, count, events, index, taped)
                    continue
                if count:
                    self._show_reports(host, count)
                handler = host.handlers.get(type(view))
                if handler is not None:
                    handler(host.view, view)
                if host.view.count:
                    taped = self._take(host.place.strategy, host.view.asks, host.view.count, taped)
                    host.view.count = 0
        self._drain(taped)

    def _show_reports(self, host: PythonHost, count: int) -> None:
        for place in range(count):
            report = view_of(self._reports[place])
            if report is not None:
                host.show(report)

    def _ask(self, host: CompiledHost, count: int, events: NDArray[np.void], index: int, taped: int) -> int:
        asked = 0
        for place in range(count):
            asked = host.ask(self.states, self._reports, place, self._asks, asked)
        asked = host.ask(self.states, events, index, self._asks, asked)
        if asked > ASKS:
            raise _greedy(host)
        return self._take(host.place.strategy, self._asks, asked, taped) if asked else taped

    def _take(self, strategy: int, asks: NDArray[np.void], count: int, taped: int) -> int:
        do_take = cast(Any, take)
        return do_take(self.states, self.market, strategy, asks, count, self._actions, self._tape, taped)

    def _drain(self, taped: int) -> None:
        if taped and self._sink is not None:
            self._sink(self._tape[:taped])


def _greedy(host: Host) -> StrategyError:
    return StrategyError(f"strategy {host.place.name} asked for more than {ASKS} things at one event: ask for less")
