"""Runs the scenarios against one venue, each after the other, and cleans up between them."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from quarterdeck.conformance.conversation import Conversation
from quarterdeck.conformance.hand import Hand
from quarterdeck.conformance.outcome import Failed, Finding, NotApplicable, Outcome
from quarterdeck.conformance.scenarios import SCENARIOS, Scenario
from quarterdeck.errors import DeskError, QuarterdeckError

__all__ = ["run_scenarios"]

_WHY_MAX: Final = 400


def run_scenarios(
    talk: Conversation,
    hand: Hand,
    tell: Callable[[Finding], None],
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> list[Finding]:
    """Returns one finding for each scenario, in order; `tell` hears each as it is found.

    The conversation is opened and closed here. ConfigError, DeskError of opening it pass up.
    """
    findings: list[Finding] = []
    stopped = ""
    talk.open()
    try:
        for scenario in scenarios:
            if stopped:
                finding = Finding(name=scenario.name, outcome=Outcome.NOT_RUN, why=stopped, took_ms=0)
            else:
                finding = _run(scenario, hand)
                if finding.outcome is Outcome.FAILED:
                    left = _clean(hand)
                    vital = f"{scenario.name!r} failed" if scenario.vital else ""
                    stopped = left or vital
            findings.append(finding)
            tell(finding)
    finally:
        talk.close()
    return findings


def _run(scenario: Scenario, hand: Hand) -> Finding:
    began = time.monotonic()
    try:
        outcome, why = Outcome.PASSED, scenario.run(hand)
    except NotApplicable as error:
        outcome, why = Outcome.NOT_APPLICABLE, str(error)
    except (Failed, DeskError) as error:
        outcome, why = Outcome.FAILED, str(error)
    took_ms = int((time.monotonic() - began) * 1_000)
    return Finding(name=scenario.name, outcome=outcome, why=why[:_WHY_MAX], took_ms=took_ms)


def _clean(hand: Hand) -> str:
    """Ends what a failed scenario left working, and its position. Returns why it could not."""
    try:
        if hand.switch is not None:
            hand.switch.set("halt", 0)
            hand.switch.set("clear")
        if not hand.lots:
            return ""  # it never came to an order
        for order in hand.open_orders():
            if order.order_id in hand.placed:
                hand.end(order.order_id)
        hand.flatten()
    except QuarterdeckError as error:
        return f"what a failed scenario left could not be cleaned up: {error}"[:_WHY_MAX]
    return ""
