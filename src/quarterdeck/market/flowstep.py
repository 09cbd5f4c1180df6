"""One step of the order-flow model, compiled. The model is told in `orderflow`."""

from typing import Annotated, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, record_dtype
from quarterdeck.kernel.records import Event

__all__ = ["DRAWS", "EVENTS_PER_STEP_MAX", "FLOW", "FLOW_TERMS", "LEVELS_MAX", "Flow", "FlowTerms", "simulate_steps"]

LEVELS_MAX: Final = 64
DRAWS: Final = 8  # uniform numbers of one step
EVENTS_PER_STEP_MAX: Final = 8  # a mark, a funding, a trade, and a change of the book in at most two levels

# Compiled code reads plain numbers; the tests hold them to the vocabulary's.
_QUOTE: Final = 1
_TRADE: Final = 2
_LEVEL: Final = 3
_MARK: Final = 6
_FUNDING: Final = 7
_SELL: Final = 1
_LAST: Final = 32
_SETTLE: Final = 64

_SECOND_NS: Final = 1_000_000_000
_HOUR_NS: Final = 3600 * _SECOND_NS

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]


class FlowTerms(TypedDict):
    """The parameters, as `orderflow.OrderFlowTerms` documents them."""

    quote_rate: F8
    trade_rate: F8
    excitation: F8
    excitation_decay: F8
    calm_seconds: F8
    turbulent_seconds: F8
    turbulence: F8
    depletion: F8
    narrowing: F8
    spread_max: I8
    queue_lots: F8
    trade_lots: F8
    flow_weight: F8
    flow_seconds: F8
    reversion: F8
    mark_seconds: F8
    funding_rate_ppb: I8
    levels: I8
    anchor: I8
    floor: I8
    ceiling: I8
    instrument: I8


class Flow(TypedDict):
    """Where the model stands. Queue 0 is the best one; queue k stands k ticks behind it."""

    time_ns: I8
    mark_ns: I8  # when the next mark is due
    funding_ns: I8
    bid: I8
    ask: I8
    update_id: I8
    trade_id: I8
    turbulent: I8
    excited: F8  # trades per second above the base rate
    flow: F8  # signed persistence of trades, -1 to 1
    mark: F8
    bids: Annotated[list[int], "i8", LEVELS_MAX]
    asks: Annotated[list[int], "i8", LEVELS_MAX]


FLOW: Final = record_dtype(Flow)
FLOW_TERMS: Final = record_dtype(FlowTerms)


@compiled
def simulate_steps(
    flows: Records[Flow],
    terms: Records[FlowTerms],
    uniforms: NDArray[np.float64],
    exponentials: NDArray[np.float64],
    out: Records[Event],
) -> int:
    """Runs len(uniforms) steps on flows[0], writes their events into `out` and returns how many.

    `uniforms` has shape (steps, DRAWS), `exponentials` (steps, 3); `out` holds EVENTS_PER_STEP_MAX a step.
    """
    flow, term = flows[0], terms[0]
    count = 0
    for step in range(len(uniforms)):
        activity = term["turbulence"] if flow["turbulent"] else 1.0
        trades = term["trade_rate"] * activity + flow["excited"]
        rate = term["quote_rate"] * activity + trades
        seconds = exponentials[step, 0] / rate
        arrival_ns = flow["time_ns"] + 1 + int(seconds * _SECOND_NS)
        count = _emit_scheduled(flow, term, arrival_ns, out, count)
        flow["time_ns"] = arrival_ns
        _relax(flow, term, seconds, uniforms[step, 0])
        if uniforms[step, 1] * rate < trades:
            count = _trade(flow, term, uniforms[step], exponentials[step], out, count)
        else:
            count = _requote(flow, term, uniforms[step], exponentials[step], activity, out, count)
    return count


@compiled
def _emit_scheduled(flow: Flow, term: FlowTerms, until_ns: int, out: Records[Event], count: int) -> int:
    """Writes the mark and the funding due before `until_ns`. At most one mark is written: what a wait skips is lost."""
    if flow["mark_ns"] <= until_ns:
        flow["mark"] += 0.2 * (0.5 * (flow["bid"] + flow["ask"]) - flow["mark"])
        _begin(out[count], _MARK, flow["mark_ns"], term)
        out[count]["mark"] = int(flow["mark"] + 0.5)
        flow["time_ns"] = flow["mark_ns"]
        flow["mark_ns"] = max(flow["mark_ns"] + int(term["mark_seconds"] * _SECOND_NS), until_ns + 1)
        count += 1
    if flow["funding_ns"] <= until_ns:
        _begin(out[count], _FUNDING, max(flow["funding_ns"], flow["time_ns"]), term)
        out[count]["rate"] = int(term["funding_rate_ppb"] * (1.0 + 4.0 * flow["flow"]))
        out[count]["flags"] = _SETTLE
        flow["time_ns"] = max(flow["funding_ns"], flow["time_ns"])
        flow["funding_ns"] += _HOUR_NS
        count += 1
    return count


@compiled
def _relax(flow: Flow, term: FlowTerms, seconds: float, draw: float) -> None:
    """Lets excitement and persistence fade over `seconds`, and the regime change."""
    flow["excited"] = flow["excited"] / (1.0 + term["excitation_decay"] * seconds)
    flow["flow"] = flow["flow"] / (1.0 + seconds / term["flow_seconds"])
    stay = term["turbulent_seconds"] if flow["turbulent"] else term["calm_seconds"]
    if draw * stay < seconds:
        flow["turbulent"] = 1 - flow["turbulent"]


@compiled
def _upward(flow: Flow, term: FlowTerms) -> float:
    """Returns the chance that the next move of the price is up: flow and queues lead it, the anchor pulls at it."""
    bids, asks = flow["bids"][0], flow["asks"][0]
    queues = (bids - asks) / (bids + asks)
    pull = term["reversion"] * (term["anchor"] - flow["bid"]) / term["anchor"]
    return min(max(0.5 + 0.35 * flow["flow"] + 0.15 * queues + pull, 0.02), 0.98)


@compiled
def _trade(
    flow: Flow,
    term: FlowTerms,
    draws: NDArray[np.float64],
    waits: NDArray[np.float64],
    out: Records[Event],
    count: int,
) -> int:
    """Writes a trade at the best price and the book after it."""
    buy = draws[2] < 0.5 + 0.45 * flow["flow"]
    queues = flow["asks"] if buy else flow["bids"]
    wanted = 1 + int(term["trade_lots"] * waits[1] * waits[2])  # the product of two has a heavy tail
    taken = min(wanted, queues[0])
    if taken == queues[0] and not _may_widen(flow, term, buy):
        taken -= 1
    if taken > 0:
        event = out[count]
        _begin(event, _TRADE, flow["time_ns"], term)
        flow["trade_id"] += 1
        event["price"] = flow["ask"] if buy else flow["bid"]
        event["quantity"] = taken
        event["flags"] = 0 if buy else _SELL
        event["trade_id"] = flow["trade_id"]
        count += 1
    flow["excited"] += term["excitation"]
    sign = 1.0 if buy else -1.0
    flow["flow"] += term["flow_weight"] * (sign - flow["flow"])
    if taken == queues[0]:
        return _widen(flow, term, buy, draws[3], out, count)
    queues[0] -= taken
    return _emit_book(flow, term, buy, 0, out, count)


@compiled
def _requote(
    flow: Flow,
    term: FlowTerms,
    draws: NDArray[np.float64],
    waits: NDArray[np.float64],
    activity: float,
    out: Records[Event],
    count: int,
) -> int:
    """Writes a change of the book: into a wide spread, away from a best price, or of one queue."""
    up = draws[2] < _upward(flow, term)
    if flow["ask"] - flow["bid"] > 1 and draws[3] < term["narrowing"]:
        return _narrow(flow, term, not up, draws[4], out, count)
    if draws[5] < min(term["depletion"] * activity, 0.9) and _may_widen(flow, term, up):
        return _widen(flow, term, up, draws[4], out, count)
    asks = draws[4] < 0.5
    queues = flow["asks"] if asks else flow["bids"]
    place = min(int(draws[6] * draws[6] * term["levels"]), term["levels"] - 1)
    queues[place] = max(1, queues[place] + int(0.4 * (term["queue_lots"] * (1 + place) * waits[1] - queues[place])))
    return _emit_book(flow, term, asks, place, out, count)


@compiled
def _may_widen(flow: Flow, term: FlowTerms, asks: bool) -> bool:
    if flow["ask"] - flow["bid"] >= term["spread_max"]:
        return False
    return flow["ask"] < term["ceiling"] if asks else flow["bid"] > term["floor"] + term["levels"]


@compiled
def _widen(flow: Flow, term: FlowTerms, asks: bool, draw: float, out: Records[Event], count: int) -> int:
    """Takes the best queue of one side away: its next one is the best, and a new one stands at the far end."""
    queues = flow["asks"] if asks else flow["bids"]
    last = term["levels"] - 1
    for place in range(last):
        queues[place] = queues[place + 1]
    queues[last] = 1 + int(term["queue_lots"] * (0.5 + draw) * (1 + last))
    gone = flow["ask"] if asks else flow["bid"]
    if asks:
        flow["ask"] += 1
    else:
        flow["bid"] -= 1
    count = _emit_gone(flow, term, asks, gone, out, count)
    return _emit_book(flow, term, asks, last, out, count)


@compiled
def _narrow(flow: Flow, term: FlowTerms, asks: bool, draw: float, out: Records[Event], count: int) -> int:
    """Puts a new best queue one tick nearer; the one at the far end is no longer shown."""
    queues = flow["asks"] if asks else flow["bids"]
    last = term["levels"] - 1
    for place in range(last, 0, -1):
        queues[place] = queues[place - 1]
    queues[0] = 1 + int(term["queue_lots"] * (0.2 + 0.8 * draw))
    if asks:
        flow["ask"] -= 1
        gone = flow["ask"] + term["levels"]
    else:
        flow["bid"] += 1
        gone = flow["bid"] - term["levels"]
    count = _emit_gone(flow, term, asks, gone, out, count)
    return _emit_book(flow, term, asks, 0, out, count)


@compiled
def _begin(event: Event, kind: int, time_ns: int, term: FlowTerms) -> None:
    event["time_ns"] = time_ns
    event["venue_time_ns"] = time_ns
    event["kind"] = kind
    event["instrument"] = term["instrument"]


@compiled
def _emit_gone(flow: Flow, term: FlowTerms, asks: bool, price: int, out: Records[Event], count: int) -> int:
    """Writes that no quantity stands at `price` any more, where levels are written at all."""
    if term["levels"] == 1:
        return count
    event = out[count]
    _begin(event, _LEVEL, flow["time_ns"], term)
    event["price"] = price
    event["flags"] = _SELL if asks else 0
    event["update_id"] = flow["update_id"] + 1
    return count + 1


@compiled
def _emit_book(flow: Flow, term: FlowTerms, asks: bool, place: int, out: Records[Event], count: int) -> int:
    """Writes one queue as the last LEVEL of a message, or the whole best as a QUOTE where there is one level."""
    event = out[count]
    flow["update_id"] += 1
    if term["levels"] == 1:
        _begin(event, _QUOTE, flow["time_ns"], term)
        event["bid"] = flow["bid"]
        event["ask"] = flow["ask"]
        event["bid_quantity"] = flow["bids"][0]
        event["ask_quantity"] = flow["asks"][0]
    else:
        _begin(event, _LEVEL, flow["time_ns"], term)
        event["price"] = flow["ask"] + place if asks else flow["bid"] - place
        event["quantity"] = flow["asks"][place] if asks else flow["bids"][place]
        event["flags"] = (_SELL if asks else 0) | _LAST
    event["update_id"] = flow["update_id"]
    return count + 1
