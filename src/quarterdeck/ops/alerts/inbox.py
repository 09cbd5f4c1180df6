"""Findings that wait for the engine: one entry for each alert, so a flood becomes counts. Safe for threads."""

import threading
from typing import Final

import msgspec

from quarterdeck.ops.alerts.model import Finding, Severity

__all__ = ["ALERTS_MAX", "Inbox"]

ALERTS_MAX: Final = 2000
"""How many different alerts may wait; more are counted, and that is told."""
_TURNS_MAX: Final = 4  # of one alert between firing and clearing before it is taken


class Inbox:
    """`put` from any thread, `take` all. `flooded` counts what was left out since the last take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Finding]] = {}
        self._flooded = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, finding: Finding) -> None:
        """Adds a finding: repeats are counted into the one that waits, the newest words stay."""
        with self._lock:
            turns = self._waiting.get(finding.fingerprint)
            if turns is None:
                if len(self._waiting) >= ALERTS_MAX:
                    self._flooded += 1
                    return
                self._waiting[finding.fingerprint] = [finding]
            elif turns[-1].clears == finding.clears:
                turns[-1] = msgspec.structs.replace(finding, count=turns[-1].count + finding.count)
            elif len(turns) < _TURNS_MAX:
                turns.append(finding)
            else:
                turns.pop()  # it goes to and fro: the first turns and the newest are kept
                turns[-1] = msgspec.structs.replace(finding, count=turns[-1].count + finding.count)

    def take(self) -> list[Finding]:
        """Returns what waits, each alert's turns in order, and with it the alert about what was left out."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            flooded, self._flooded = self._flooded, 0
        found = [one for turns in waiting.values() for one in turns]
        if flooded:
            said = f"{flooded} findings were not kept: more than {ALERTS_MAX} different ones at once"
            found.append(
                Finding(
                    rule="alerts-overflow", desk="", subject="inbox", severity=Severity.P2, summary=said, count=flooded
                )
            )
        return found
