#!/usr/bin/env python3
"""Emergency shutdown: locks the running desk, tells people, and writes the incident down.

    python3 scripts/emergency_shutdown.py "Security breach detected"

A locked desk sends nothing more, not even what reduces a position, until a person unlocks it. Its process goes on, so
that what is in flight on the chain is still followed and booked.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("QUARTERDECK_DESK", str(HERE))

from alerting import get_alerting  # noqa: E402 - the desk's folder must be on the path
from circuit_breaker import get_circuit_breaker  # noqa: E402 - as above

from quarterdeck.errors import QuarterdeckError  # noqa: E402 - as above
from quarterdeck.ops.attempts.place import desk_here  # noqa: E402 - as above


def say(sentence: str) -> None:
    """For whoever looks on: at once, even into a pipe."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def emergency_shutdown(reason: str) -> bool:
    """Does all of it, each step even where one before it failed; returns whether the desk is locked."""
    say("EXECUTING EMERGENCY SHUTDOWN")
    say(f"Reason: {reason}")
    locked = False
    try:
        get_circuit_breaker().emergency_stop(reason)
        locked = True
        say("1. The desk is locked: it sends nothing more")
    except QuarterdeckError as error:
        say(f"1. NOT LOCKED: {error}")
    try:
        told = get_alerting().alert_emergency_shutdown(reason)
        say(f"2. People are told by the ops plane ({told['alerts_room']})" if told["alerts_room"] else
              "2. NOBODY IS TOLD: there is no ops plane here")  # fmt: skip
    except QuarterdeckError as error:
        say(f"2. NOBODY IS TOLD: {error}")
    say("3. Processes go on, so that what is in flight is still booked; `quarterdeck stop` ends the desk")
    desk = desk_here()
    desk.place.logs.mkdir(parents=True, exist_ok=True)
    done = "locked" if locked else "not locked"
    with (desk.place.logs / "emergency-shutdown.log").open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat()} - {done} - {' '.join(reason.split())}\n")
    say(f"4. The incident is in {desk.place.logs / 'emergency-shutdown.log'}")
    say("\nCall the people on duty: `quarterdeck alerts` shows who has taken the alert.")
    return locked


if __name__ == "__main__":
    if len(sys.argv) < 2:
        say("Usage: python3 scripts/emergency_shutdown.py 'reason'")
        sys.exit(2)
    sys.exit(0 if emergency_shutdown(" ".join(sys.argv[1:])) else 1)
