"""Atomic arbitrage: takes up the plans that discovery shows as quotes of a cycle, each once and a few at a time.

A venue on a chain quotes a cycle (`InstrumentKind.CYCLE`) for each token that can be borrowed: `ask_quantity` lots are
what the best plan of this block borrows, `update_id` is the plan's number, and nothing to borrow is a block without a
plan. The answer is one order, at once or not at all, tagged with the plan. Whether a plan is worth it was judged by
discovery, and the venue proves it again before it sends anything: here is only decided to try.

Open orders are counted in all instruments of the strategy, for attempts share the account's nonces. A plan that the
rails refused is not asked for again; the next block brings a new one.
"""

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.layout import Records, record_dtype, word
from quarterdeck.kernel.records import INSTRUMENTS, Event, State
from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind, Reason, Side
from quarterdeck.strategies.asking import ask_at_once
from quarterdeck.strategies.contract import CompiledStrategy, Parameters, Place

__all__ = ["STRATEGY", "Arbitrage", "ArbitrageParameters"]

I8 = Annotated[int, "i8"]

_BUY = word(Side.BUY)
_SIGNAL_ENTRY = word(Reason.SIGNAL_ENTRY)


class ArbitrageParameters(Parameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it can be told."""

    in_flight: Annotated[int, Meta(ge=1, le=16)] = 1
    """Attempts that may be on their way at once. Two of one block often want the same pools: the second reverts."""


class Arbitrage(TypedDict):
    """All that it remembers."""

    in_flight: I8
    mine: Annotated[list[int], "i8", INSTRUMENTS]  # 1 where it may trade
    plans: Annotated[list[int], "i8", INSTRUMENTS]  # the newest plan that was asked for, by instrument


def _prepare(memory: Any, parameters: Any, place: Place) -> None:
    told: ArbitrageParameters = parameters
    for specification in place.specifications:
        if specification.kind is not InstrumentKind.CYCLE:
            key, found = f"strategies[{place.name}].instruments", specification.symbol
            allowed = f"cycles only: {found} is of the kind {specification.kind.name.lower()}"
            raise ConfigError(place.config.file, key, found, allowed)
    memory["in_flight"] = told.in_flight
    memory["mine"][list(place.instruments)] = 1


@compiled
def _on_their_way(state: State, strategy: int) -> int:
    """How many orders of the strategy are open."""
    count = 0
    for place in range(state["open_count"]):
        if state["orders"][state["open_orders"][place]]["strategy"] == strategy:
            count += 1
    return count


@compiled
def _on_event(state: State, strategy: int, memory: Arbitrage, event: Event, asks: Records[Event], count: int) -> int:
    if event["kind"] != EventKind.QUOTE:
        return count
    index = int(event["instrument"])
    plan, ticks, lots = event["update_id"], event["ask"], event["ask_quantity"]
    if not memory["mine"][index] or lots <= 0 or ticks <= 0 or plan <= 0 or plan == memory["plans"][index]:
        return count
    if _on_their_way(state, strategy) >= memory["in_flight"]:
        return count
    memory["plans"][index] = plan
    return ask_at_once(asks, count, index, _BUY, ticks, lots, plan, _SIGNAL_ENTRY)


STRATEGY = CompiledStrategy("arbitrage", ArbitrageParameters, record_dtype(Arbitrage), _prepare, _on_event)
