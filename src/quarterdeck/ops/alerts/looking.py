"""From what a look found to findings: what holds for long enough fires, what no longer holds is over."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from quarterdeck.config.ops import Thresholds
from quarterdeck.ops.alerts.model import Alert, Case, Finding, fingerprint
from quarterdeck.ops.alerts.rules import RULES, Rule

__all__ = ["CLEAR_S", "Looker"]

CLEAR_S: Final = 2.0
"""For how long looks must not find it: a look may be of a moment before the event that told of it."""
_SECOND_NS: Final = 1_000_000_000


class Looker:
    """Remembers since when something holds, or does not. `limits` give how long an order may be of unknown fate."""

    def __init__(self, limits: Thresholds) -> None:
        self._patience = {"unknown-orders": float(limits.unknown_order_s)}
        self._holds: dict[str, int] = {}
        self._absent: dict[str, int] = {}

    def look(
        self,
        desk: str,
        found: Mapping[str, list[Case]],
        stand: Collection[Alert],
        sequence: int,
        now_ns: int,
    ) -> Iterator[Finding]:
        """Yields what fires, gets worse, or is over. `found` has an entry, perhaps empty, for each rule that looked;
        `stand` are the alerts of this desk that are not resolved; `sequence` is the journal's at the look."""
        standing = {alert.fingerprint: alert for alert in stand if alert.rule in found}
        seen: set[str] = set()
        for name, cases in found.items():
            for case in cases:
                key = fingerprint(name, desk, case.subject)
                seen.add(key)
                self._absent.pop(key, None)
                if self._fires(RULES[name], key, case, standing.get(key), now_ns):
                    yield _finding(RULES[name], desk, case, sequence)
        for key in [key for key in self._holds if key not in seen and key.split("|", 2)[1] == desk]:
            if key.split("|", 1)[0] in found:
                del self._holds[key]
        for key, alert in standing.items():
            if key not in seen and self._over(key, alert, sequence, now_ns):
                yield _finding(RULES[alert.rule], desk, Case(alert.subject, "it is over", clears=True), sequence)

    def _fires(self, rule: Rule, key: str, case: Case, alert: Alert | None, now_ns: int) -> bool:
        if alert is not None and rule.quiet_s is None:
            return (case.severity or rule.severity) < alert.severity
        since_ns = self._holds.setdefault(key, now_ns)
        if now_ns - since_ns < self._patience.get(rule.name, rule.for_s) * _SECOND_NS:
            return False
        del self._holds[key]
        return True

    def _over(self, key: str, alert: Alert, sequence: int, now_ns: int) -> bool:
        if RULES[alert.rule].quiet_s is not None:
            return False
        since_ns = max(self._absent.setdefault(key, now_ns), alert.last_ns)
        if now_ns - since_ns < CLEAR_S * _SECOND_NS or 0 < sequence < alert.sequence:
            return False
        del self._absent[key]
        return True


def _finding(rule: Rule, desk: str, case: Case, sequence: int) -> Finding:
    return Finding(
        rule=rule.name, desk=desk, subject=case.subject, severity=case.severity or rule.severity, summary=case.summary,
        facts=case.facts, clears=case.clears, sequence=sequence,
    )  # fmt: skip
