"""`quarterdeck check config`: all that can be known of a desk without asking anybody else."""

import time
from collections.abc import Callable
from pathlib import Path

from quarterdeck.backup.envelope import recipients_of
from quarterdeck.checks.findings import Findings, Level
from quarterdeck.checks.machine import check_clock, check_disk, check_folders
from quarterdeck.config import DeskConfig
from quarterdeck.conformance.gate import Proof, Verdict, decide, limits_missing, proof_of
from quarterdeck.conformance.places import is_local
from quarterdeck.conformance.report import kept_at, read_report
from quarterdeck.errors import QuarterdeckError
from quarterdeck.venues.links import open_venue

__all__ = ["check_config", "has_credentials"]

_SIMULATED = "simulated"


def check_config(
    load: Callable[[], DeskConfig], root: Path | None = None, *, wall: Callable[[], int] = time.time_ns
) -> Findings:
    """Returns what is found of the desk that `load` loads; `root` is where it keeps its data, if not in its folder.

    It raises nothing for a desk that cannot be used: that is a finding.
    """
    findings = Findings()
    try:
        config = load()
    except QuarterdeckError as error:
        findings.fail("configuration", str(error), "correct it; what else is wrong is said once it loads")
        return findings
    place = root or config.folder
    counts = (
        f"{len(config.instruments)} instruments at {len(config.venues)} venues, {len(config.strategies)} strategies"
    )
    findings.ok("configuration", f"{config.file}, mode {config.desk.mode}: {counts}")
    _check_limits(findings, config)
    _check_unused(findings, config)
    _check_backup(findings, config)
    _check_venues(findings, config, place / "data", wall())
    check_clock(findings, place / "data" / "journal", wall())
    check_disk(findings, config, place)
    check_folders(findings, config, place)
    return findings


def _check_limits(findings: Findings, config: DeskConfig) -> None:
    missing = limits_missing(config)
    if not missing:
        findings.ok("limits", "every exposure is written by hand, and none is unlimited")
        return
    why = f"not set by hand, or unlimited: {', '.join(missing)}"
    level = Level.FAIL if config.desk.mode == "live" else Level.WARN
    findings.note(level, "limits", why, "write them before desk.mode is live")


def _check_unused(findings: Findings, config: DeskConfig) -> None:
    """Settings that nothing will look at: often a slip of the name that they were meant for."""
    traded = {index for one in config.strategies if one.enabled for word in one.instruments
              for index in config.find_instruments(word)}  # fmt: skip
    idle = [one.symbol for index, one in enumerate(config.instruments) if index not in traded]
    listed = {one.venue for one in config.instruments}
    purses = {(one.venue, one.quote) for one in config.instruments}
    unused = [
        *(f"venues[{one.name}]: no instrument is traded there" for one in config.venues if one.name not in listed),
        *(f"accounts[{one.currency}@{one.venue}]: no instrument settles in it" for one in config.accounts
          if (one.venue, one.currency) not in purses),
        *(f"instruments[{symbol}]: no enabled strategy trades it" for symbol in idle),
        *(f"strategies[{one.name}]: it is not enabled" for one in config.strategies if not one.enabled),
        *(f"venues[{one.name}].{key}: only a simulated venue's is looked at" for one in config.venues
          for key in ("order_latency_ms", "response_latency_ms")
          if one.kind != _SIMULATED and key in one.model_fields_set),
        *([] if config.conformance == type(config.conformance)() or config.desk.mode == "live"
          else ["conformance: only a live desk looks at it"]),
    ]  # fmt: skip
    for one in unused:
        where, _, why = one.partition(": ")
        findings.warn(where, f"it is not used: {why}", "take it out, or use it")
    if not unused:
        findings.ok("settings", "every venue, account, instrument and strategy is used")


def _check_backup(findings: Findings, config: DeskConfig) -> None:
    if not config.backup.answered:
        level = Level.FAIL if config.desk.mode == "live" else Level.WARN
        way = "name [backup] recipients (age-keygen makes a pair), or say unencrypted = true"
        findings.note(level, "backup", "no backup is made: nobody is named who could open it", way)
        return
    try:
        recipients = recipients_of(config.backup, config.folder, config.file)
    except QuarterdeckError as error:
        findings.fail("backup", str(error), "name public keys of age")
        return
    when = f"at {config.backup.schedule} UTC" if config.backup.schedule_ns is not None else "when something asks for it"
    if recipients.words:
        findings.ok("backup", f"encrypted to {len(recipients.words)} recipients, {when}")
    else:
        findings.warn("backup", f"not encrypted, {when}", "name [backup] recipients")


def _check_venues(findings: Findings, config: DeskConfig, data: Path, now_ns: int) -> None:
    """Credentials and conformance of the venues that are real."""
    live, limits = config.desk.mode == "live", not limits_missing(config)
    for row, venue in enumerate(config.venues):
        if venue.kind == _SIMULATED:
            continue
        problem = has_credentials(config, row)
        if problem:
            way = f"set the variable, or quarterdeck keys set {config.desk.name} NAME"
            findings.note(Level.FAIL if live else Level.WARN, f"{venue.name} credentials", problem, way)
        else:
            findings.ok(f"{venue.name} credentials", "what its adapter needs is there")
        report = read_report(kept_at(data, venue.name))
        days, address = config.conformance.max_age_days, venue.address or ""
        proof = proof_of(report, kind=venue.kind, address=address, now_ns=now_ns, days_max=days)
        local = is_local(venue.kind, venue.address)
        verdict = decide(live=live, local=local, proof=proof, limits=limits, credentials=not problem).verdict
        way = f"quarterdeck conformance {config.desk.name} --venue {venue.name}"
        if proof is Proof.PASSED and report is not None:
            findings.ok(f"{venue.name} conformance", f"passed on {report.date}")
        else:
            level = Level.FAIL if verdict is Verdict.REFUSE else Level.WARN
            findings.note(level, f"{venue.name} conformance", proof.value, way)


def has_credentials(config: DeskConfig, row: int) -> str:
    """Returns why the adapter of the venue at that row cannot be made; '' where it can. Nothing is connected to."""
    try:
        open_venue(config, row)
    except QuarterdeckError as error:
        return str(error)
    return ""
