"""The quoter of the benchmark's W2, once for each way of writing a strategy: two quotes around an average."""

from typing import Annotated, Any, TypedDict

import msgspec

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import record_dtype
from quarterdeck.kernel.records import INSTRUMENTS
from quarterdeck.kernel.vocabulary import EventKind, Flag, Reason
from quarterdeck.strategies.asking import ask_cancel_all, ask_limit
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, Place, PythonStrategy
from quarterdeck.strategies.views import DeskView, Quote

ALPHA = 0.02
EVERY = 200
EDGE = 1
SIZE = 30
MOST = 600


class QuoterMemory(TypedDict):
    average: Annotated[float, "f8"]
    count: Annotated[int, "i8"]


def _prepare(memory: Any, parameters: Any, place: Place) -> None:
    """It begins with nothing."""


@compiled
def _on_event(state: Any, strategy: int, memory: Any, event: Any, asks: Any, count: int) -> int:
    if event["kind"] != EventKind.QUOTE:
        return count
    mid = float(event["bid"] + event["ask"]) * 0.5
    if memory["count"] == 0:
        memory["average"] = mid
    memory["average"] += ALPHA * (mid - memory["average"])
    memory["count"] += 1
    if memory["count"] % EVERY != 0:
        return count
    index = event["instrument"]
    held = state["positions"][strategy * INSTRUMENTS + index]["quantity"]
    centre = int(memory["average"])
    count = ask_cancel_all(asks, count, index)
    if held < MOST:
        price = min(centre - EDGE, event["ask"] - 1)
        count = ask_limit(asks, count, index, 1, price, SIZE, Flag.POST_ONLY, Reason.SIGNAL_ENTRY)
    if held > -MOST:
        price = max(centre + EDGE, event["bid"] + 1)
        count = ask_limit(asks, count, index, -1, price, SIZE, Flag.POST_ONLY, Reason.SIGNAL_ENTRY)
    return count


COMPILED_QUOTER = CompiledStrategy("quoter", Parameters, record_dtype(QuoterMemory), _prepare, _on_event)


class Memory(msgspec.Struct):
    average: float = 0.0
    count: int = 0


class PythonQuoter(PythonStrategy):
    kind = "quoter"

    def __init__(self, parameters: Any, place: Place) -> None:
        super().__init__(parameters, place)
        self.memory = Memory()

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        memory = self.memory
        mid = (quote.bid + quote.ask) * 0.5
        if memory.count == 0:
            memory.average = mid
        memory.average += ALPHA * (mid - memory.average)
        memory.count += 1
        if memory.count % EVERY:
            return
        held = desk.position(quote.instrument)
        centre = int(memory.average)
        desk.cancel_all(quote.instrument)
        if held < MOST:
            desk.buy(quote.instrument, SIZE, min(centre - EDGE, quote.ask - 1), post_only=True)
        if held > -MOST:
            desk.sell(quote.instrument, SIZE, max(centre + EDGE, quote.bid + 1), post_only=True)
