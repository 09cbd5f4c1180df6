"""`quarterdeck check connectivity`: the way to each of a desk's venues and stores, tried through the real adapters.

Nothing is ordered: a venue is asked for the account alone. What its adapter finds out before its line is up is found
out here as well: that the key is this account's and may not withdraw, that the instruments are listed with these steps.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from quarterdeck.checks.findings import Findings, Level
from quarterdeck.checks.stores import check_database, check_redis
from quarterdeck.config import DeskConfig
from quarterdeck.conformance.conversation import Conversation
from quarterdeck.desk.offset import ClockOffset
from quarterdeck.errors import QuarterdeckError
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.links import open_venue
from quarterdeck.venues.messages import AccountAnswer, AskAccount

__all__ = ["check_connectivity", "offset_level"]

_MS: Final = 1_000_000
_OFFSET_WARN_NS: Final = 250 * _MS
_OFFSET_FAIL_NS: Final = 1_000 * _MS
_MARKET_SLOW_MS: Final = 5_000
_SAMPLES: Final = 3
_SIMULATED: Final = "simulated"
_KEYS: Final[Mapping[str, str]] = {  # what a line that is up says of the key, by the kind of venue
    "practice": "it asks for none",
    "hyperliquid": "the venue knows it as an agent's of the account: it can trade and cannot withdraw",
    "binance": "the venue took it, and says that it may trade and may not withdraw",
    "binance-usdm": "the venue took it, and says that it may trade and may not withdraw",
    "alpaca": "the venue took it; its trading keys cannot withdraw",
}


def check_connectivity(
    config: DeskConfig,
    environment: Mapping[str, str],
    patience_s: float = 15.0,
    *,
    wall: Callable[[], int] = time.time_ns,
) -> Findings:
    """Returns what is found of each venue that is real, and of the database and Redis where they are configured.

    `patience_s` bounds each wait. It raises nothing for what cannot be reached: that is a finding.
    """
    findings = Findings()
    for row, venue in enumerate(config.venues):
        if venue.kind == _SIMULATED:
            findings.ok(venue.name, "simulated: there is nothing to reach")
        elif _reach(findings, config, row, patience_s):
            _talk(findings, config, row, patience_s, wall)
    check_database(findings, config, environment, patience_s)
    check_redis(findings, environment, patience_s)
    return findings


def _reach(findings: Findings, config: DeskConfig, row: int, patience_s: float) -> bool:
    venue = config.venues[row]
    what = f"{venue.name} reachable"
    try:
        address = Address.read(venue.address or "", config.folder)
        began = time.monotonic()
        address.connect(patience_s).close()
    except (OSError, QuarterdeckError) as error:
        findings.fail(what, f"{venue.address}: {error}", "begin the venue's server, or correct venues.address")
        return False
    findings.ok(what, f"{venue.address} took a connection after {_ms(began):.1f} ms")
    return True


def _talk(findings: Findings, config: DeskConfig, row: int, patience_s: float, wall: Callable[[], int]) -> None:
    """The line, the key, the terms, the first market data, the account, the clock."""
    venue, said = config.venues[row], list[str]()
    talk = Conversation(lambda: open_venue(config, row, said.append), patience_s)
    began = time.monotonic()
    try:
        talk.open()
    except QuarterdeckError as error:
        findings.fail(f"{venue.name} credentials", str(error), f"quarterdeck check config {config.desk.name}")
        return
    try:
        if not talk.until(lambda: talk.up or None):
            why = " ".join(dict.fromkeys([*said[-1:], talk.why_down])) or "nothing was heard"
            findings.fail(
                f"{venue.name} line", f"not up after {patience_s:g} s: {why}", "correct what the venue refuses"
            )
            return
        findings.ok(f"{venue.name} line", f"up after {_ms(began):.1f} ms: websocket and subscriptions")
        _tell_key(findings, config, row)
        mine = sum(one.venue == venue.name for one in config.instruments)
        findings.ok(f"{venue.name} terms", f"it lists all {mine} instruments, with the ticks and lots of desk.toml")
        _first_market(findings, venue.name, talk, began)
        _account(findings, venue.name, talk, wall)
    finally:
        talk.close()


def _tell_key(findings: Findings, config: DeskConfig, row: int) -> None:
    venue = config.venues[row]
    if venue.allow_master_key:
        why = "allow_master_key is set: the key may be the account's own, and could withdraw"
        findings.warn(f"{venue.name} key", why, "approve an agent and use its key")
    else:
        findings.ok(f"{venue.name} key", _KEYS.get(venue.kind, "the venue took it"))


def _first_market(findings: Findings, name: str, talk: Conversation, began: float) -> None:
    if not talk.until(lambda: talk.quotes or None):
        why = f"no quote within {talk.patience_s:g} s of the line: the market may be closed or halted"
        findings.fail(f"{name} market data", why, "look at the venue's own status")
        return
    took = _ms(began)
    level = Level.OK if took < _MARKET_SLOW_MS else Level.WARN
    findings.note(level, f"{name} market data", f"the first quote after {took:.1f} ms", "look at the way to the venue")


def _account(findings: Findings, name: str, talk: Conversation, wall: Callable[[], int]) -> None:
    """Asks for the account; its answer says the venue's time as well."""
    offset = ClockOffset()
    for _ in range(_SAMPLES):
        sent_ns = wall()
        answer = talk.ask(AskAccount(request_id=talk.number()))
        if not isinstance(answer, AccountAnswer):
            why = "no answer" if answer is None else f"{type(answer).__name__}: {getattr(answer, 'text', '')}"
            findings.fail(f"{name} account", f"it cannot be asked for: {why}", "look at the key's permissions")
            return
        if answer.venue_time_ns:
            offset.sample(sent_ns, wall(), answer.venue_time_ns)
    findings.ok(f"{name} account", "positions and balances were told")
    if not offset.known:
        findings.ok(f"{name} clock", "the venue does not say its time with the account")
        return
    off_ms = offset.middle_ns / _MS
    why = f"the venue's is {abs(off_ms):.1f} ms {'ahead of' if off_ms > 0 else 'behind'} this machine's"
    findings.note(offset_level(offset.middle_ns), f"{name} clock", why, "run an NTP client here")


def offset_level(offset_ns: int) -> Level:
    """Returns how an offset of the venue's clock stands: requests carry times that the venue holds against its own."""
    size = abs(offset_ns)
    return Level.FAIL if size >= _OFFSET_FAIL_NS else Level.WARN if size >= _OFFSET_WARN_NS else Level.OK


def _ms(began_s: float) -> float:
    return (time.monotonic() - began_s) * 1_000
