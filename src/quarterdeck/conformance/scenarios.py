"""The scenarios, in their order: the same list for every venue and every twin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quarterdeck.conformance import accounts, orders, troubles
from quarterdeck.conformance.hand import Hand

__all__ = ["SCENARIOS", "Scenario"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`run` returns what was seen, or raises Failed or NotApplicable. Without a `vital` one nothing else is run."""

    name: str
    run: Callable[[Hand], str]
    vital: bool = False


SCENARIOS: Final = (
    Scenario("connect and account", accounts.connect, vital=True),
    Scenario("place, see, cancel", orders.place_and_cancel, vital=True),
    Scenario("fill at once", orders.fill_at_once),
    Scenario("partial fill", orders.fill_in_part),
    Scenario("replace", orders.amend),
    Scenario("post-only", orders.post_only),
    Scenario("reduce-only", orders.reduce_only),
    Scenario("self-match", orders.self_match),
    Scenario("duplicate order id", orders.duplicate_id),
    Scenario("order that comes too late", orders.expired),
    Scenario("cancel of an unknown order", orders.unknown_cancel),
    Scenario("fills in list and stream", accounts.fills),
    Scenario("position and cash", accounts.books),
    Scenario("restart mid-order", troubles.restarted),
    Scenario("answer lost", troubles.answer_lost),
    Scenario("line cut", troubles.line_cut),
    Scenario("garbled messages", troubles.garbled),
    Scenario("order turned away", troubles.turned_away),
    Scenario("market halted", troubles.halted),
    Scenario("kill", accounts.kill),
    Scenario("nothing left behind", accounts.leave_nothing),
    # The last one: after it the venue may hear nothing but cancels for a minute.
    Scenario("rate limit", troubles.rate_limit),
)
