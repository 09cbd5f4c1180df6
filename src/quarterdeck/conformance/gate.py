"""Whether a session may open at a venue: one table of what it is (mode, place) and what was done for it.

A row's first four columns are compared, None is any value; the first row that fits decides.

| mode, place     | conformance | limits | credentials | verdict |
|-----------------|-------------|--------|-------------|---------|
| not live        | any         | any    | any         | open    |
| live, here      | passed      | set    | there       | open    |
| live, here      | any of them is not                 | warn    |
| live, elsewhere | passed      | set    | there       | open    |
| live, elsewhere | any of them is not                 | refuse  |

"Here" is this machine's own loopback: a twin, where no money can be lost. A run counts for the venue of its kind, at
the same address, by the adapters that are installed now, for as many days as the desk's settings say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Final

from quarterdeck.config import DeskConfig, is_unlimited
from quarterdeck.conformance.places import is_local
from quarterdeck.conformance.report import Report, adapter_hash, kept_at, read_report
from quarterdeck.errors import DeskError

__all__ = ["GATE", "Proof", "Row", "Verdict", "check_gate", "decide", "limits_missing", "proof_of"]

_DAY_NS: Final = 86_400 * 1_000_000_000


class Verdict(Enum):
    """What the gate says."""

    OPEN = "open"
    WARN = "warn"
    REFUSE = "refuse"


class Proof(Enum):
    """How a venue's latest conformance run stands."""

    PASSED = "passed"
    NONE = "no conformance run of it is kept"
    FAILED = "its latest conformance run failed"
    STALE = "its latest conformance run is too old"
    OTHER_CODE = "its latest conformance run was of another version of the adapters"
    OTHER_KIND = "its latest conformance run was of another kind of venue"
    ELSEWHERE = "its latest conformance run was at another address"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; `why` says what is missing. None fits any value."""

    live: bool | None
    local: bool | None
    proof: Proof | None
    limits: bool | None
    credentials: bool | None
    verdict: Verdict
    why: str = ""


_LIMITS: Final = "limits are not all set by hand and finite"
_KEYS: Final = "its credentials are not there"
_UNPROVEN: Final = tuple(proof for proof in Proof if proof is not Proof.PASSED)

GATE: Final = (
    Row(False, None, None, None, None, Verdict.OPEN),
    # At a twin nothing can be lost: what a real venue would be refused for is said.
    Row(None, True, None, False, None, Verdict.WARN, _LIMITS),
    Row(None, True, None, None, False, Verdict.WARN, _KEYS),
    *(Row(None, True, proof, None, None, Verdict.WARN, proof.value) for proof in _UNPROVEN),
    Row(None, True, Proof.PASSED, True, True, Verdict.OPEN),
    # Anywhere else everything has to be there.
    Row(None, False, None, False, None, Verdict.REFUSE, _LIMITS),
    Row(None, False, None, None, False, Verdict.REFUSE, _KEYS),
    *(Row(None, False, proof, None, None, Verdict.REFUSE, proof.value) for proof in _UNPROVEN),
    Row(None, False, Proof.PASSED, True, True, Verdict.OPEN),
)


def decide(*, live: bool, local: bool, proof: Proof, limits: bool, credentials: bool) -> Row:
    """Returns the first row of GATE that fits."""
    facts = (live, local, proof, limits, credentials)
    for row in GATE:
        wanted = (row.live, row.local, row.proof, row.limits, row.credentials)
        if all(want is None or want is fact for want, fact in zip(wanted, facts, strict=True)):
            return row
    raise AssertionError(f"the gate has no row for {facts}")


def proof_of(report: Report | None, *, kind: str, address: str, now_ns: int, days_max: int) -> Proof:
    """Returns what a report proves of a venue of that kind at that address, now."""
    if report is None:
        return Proof.NONE
    if report.kind != kind:
        return Proof.OTHER_KIND
    if not report.passed:
        return Proof.FAILED
    if report.source != adapter_hash():
        return Proof.OTHER_CODE
    if not 0 <= now_ns - report.time_ns <= days_max * _DAY_NS:
        return Proof.STALE
    if report.address != address:
        return Proof.ELSEWHERE
    return Proof.PASSED


def limits_missing(config: DeskConfig) -> list[str]:
    """Returns the limits that a live desk lacks: exposures that nobody wrote by hand, and any that is unlimited.

    The configuration refuses these itself when it is loaded as live; here they are looked at once more, at the door.
    """
    tables = [("limits", config.limits)]
    tables += [(f"venues[{one.name}].limits", one.limits) for one in config.venues]
    tables += [(f"instruments[{one.symbol}].limits", one.limits) for one in config.instruments]
    tables += [(f"strategies[{one.name}].limits", one.limits) for one in config.strategies]
    missing: list[str] = []
    for where, table in tables:
        if "max_exposure" not in table.model_fields_set:
            missing.append(f"{where}.max_exposure")
        for key in type(table).model_fields:
            figure: object = getattr(table, key)
            if isinstance(figure, Decimal) and is_unlimited(figure):
                missing.append(f"{where}.{key}")
    return missing


def check_gate(
    config: DeskConfig,
    data: Path,
    *,
    now_ns: int,
    has_credentials: Callable[[int], bool],
    say: Callable[[str], None],
) -> None:
    """Returns where every venue of the desk may be traded at. DeskError: one may not; it says what is missing.

    `has_credentials` is asked for a row of the configuration's venues; `say` hears the warnings.
    """
    live, missing = config.desk.mode == "live", limits_missing(config)
    for index, venue in enumerate(config.venues):
        local = is_local(venue.kind, venue.address)
        address = venue.address or ""
        days = config.conformance.max_age_days
        report = read_report(kept_at(data, venue.name))
        row = decide(
            live=live,
            local=local,
            proof=proof_of(report, kind=venue.kind, address=address, now_ns=now_ns, days_max=days),
            limits=not missing,
            credentials=not live or has_credentials(index),
        )
        lacking = f" ({', '.join(missing)})" if row.why == _LIMITS else ""
        if row.verdict is Verdict.REFUSE:
            way = f"quarterdeck conformance {config.desk.name} --venue {venue.name}"
            where = f"desk {config.desk.name} may not go live at {venue.name} ({address})"
            raise DeskError(f"{where}: {row.why}{lacking}; {way}")
        if row.verdict is Verdict.WARN:
            say(f"{venue.name} is on this machine, so it is only said: {row.why}{lacking}")
