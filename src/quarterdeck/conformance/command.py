"""What `quarterdeck conformance DESK` does, and what a live session asks at the gate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.conformance.conversation import Conversation
from quarterdeck.conformance.gate import check_gate
from quarterdeck.conformance.hand import Hand
from quarterdeck.conformance.places import is_local
from quarterdeck.conformance.report import Report, adapter_hash, kept_at, line_of, timings, write_report
from quarterdeck.conformance.suite import run_scenarios
from quarterdeck.conformance.switches import open_switch
from quarterdeck.conformance.terms import terms_of
from quarterdeck.desk.place import DeskPlace
from quarterdeck.errors import AuditError, ConfigError, DeskError
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.links import open_venue

__all__ = ["ConformanceOptions", "conformance_command", "pass_gate"]

_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceOptions:
    """As on the command line. `say` hears sentences, and the table's rows as they come."""

    venue: str | None = None
    instrument: str | None = None
    twin: str | None = None
    most: Decimal | None = None
    yes: bool = False
    patience_s: float = 10.0
    folder: Path | None = None
    say: Callable[[str], None]


def conformance_command(config: DeskConfig, options: ConformanceOptions) -> tuple[Report, Path]:
    """Runs every scenario at one venue of the desk, keeps the report, and returns it and where it is kept.

    ConfigError: no such venue, no adapter, no key. DeskError: the desk is running, or it would cost money and nobody
    said yes to that.
    """
    row = _row(config, options.venue)
    venue = config.venues[row]
    place = DeskPlace(options.folder or config.folder)
    local = is_local(venue.kind, venue.address)
    _agree(config, row, options, local=local)
    _not_running(place)
    terms = terms_of(config, row, options.instrument, options.most)
    switch = None if options.twin is None else open_switch(venue.kind, options.twin, config.folder)
    talk = Conversation(lambda: open_venue(config, row, options.say), options.patience_s)
    findings = run_scenarios(talk, Hand(talk, terms, switch), lambda found: options.say(line_of(found)))
    now_ns = time.time_ns()
    report = Report(
        desk=config.desk.name, venue=venue.name, kind=venue.kind, address=venue.address or "",
        instrument=terms.instrument.symbol, date=datetime.fromtimestamp(now_ns / 1e9, UTC).isoformat("T", "seconds"),
        time_ns=now_ns, source=adapter_hash(), adapter=type(talk.latest).__name__, twin=local,
        scenarios=tuple(findings), timings_ms=timings(talk.took_ms),
    )  # fmt: skip
    path = kept_at(place.data, venue.name)
    write_report(path, report)
    return report, path


def _row(config: DeskConfig, name: str | None) -> int:
    names = [venue.name for venue in config.venues]
    if name is not None and name not in names:
        raise ConfigError("command", "--venue", name, f"one of {', '.join(names)}")
    return 0 if name is None else names.index(name)


def _agree(config: DeskConfig, row: int, options: ConformanceOptions, *, local: bool) -> None:
    """At a real venue it costs money: a person says yes to that, and to how much."""
    venue = config.venues[row]
    if local:
        return
    cost = (
        f"conformance at {venue.name} ({venue.address}) trades real money: each of about 30 orders, its fee, its spread"
    )
    if not options.yes or options.most is None:
        raise DeskError(f"{cost}; say so with --yes, and --max-notional with what one order may be worth")
    options.say(f"{cost}; no order is worth more than {options.most:f}")


def _not_running(place: DeskPlace) -> None:
    """A desk that trades the account would take the run's orders for somebody else's."""
    try:
        Address(path=place.socket).connect(_LOOK_S).close()
    except OSError:
        return  # nobody listens there
    raise DeskError(f"the desk is running at {place.root}: one account, one desk; stop it before a conformance run")


def pass_gate(config: DeskConfig, say: Callable[[str], None], folder: Path | None = None) -> None:
    """Returns where the desk's session may open.

    DeskError: it is live, and a venue of it is not proven (see `gate`), or its credentials cannot be read.
    """

    def has_credentials(row: int) -> bool:
        try:
            open_venue(config, row)
        except ConfigError as error:
            if error.file == "environment":
                return False
            raise
        except AuditError as error:  # a file that others may read, or that no identity opens, is not "not there"
            where = f"desk {config.desk.name} may not open at {config.venues[row].name}"
            raise DeskError(f"{where}: its credentials cannot be read: {error}") from error
        return True

    data = DeskPlace(folder or config.folder).data
    check_gate(config, data, now_ns=time.time_ns(), has_credentials=has_credentials, say=say)
