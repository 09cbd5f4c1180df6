"""What `quarterdeck demo` and `quarterdeck run` show: a few lines a second for people, and a summary at the end."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.desk.bell import Bell
from quarterdeck.desk.live import LiveOptions, LiveSession
from quarterdeck.desk.loop import AnySession, run_session
from quarterdeck.desk.narrative import Line, money_text
from quarterdeck.desk.pace import FastClock
from quarterdeck.desk.paper import PaperSession, SessionOptions
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.seat import Seat
from quarterdeck.desk.session import Voices
from quarterdeck.desk.status import positions, profit
from quarterdeck.errors import DeskError
from quarterdeck.journal import rfc3339
from quarterdeck.kernel.vocabulary import BreakerStage
from quarterdeck.market import Events

__all__ = ["Viewer", "run_on_twins", "run_visibly"]

_ALWAYS_SHOWN: Final = ("realised", "unrealised", "fees", "funding")
_FILLS_A_SECOND: Final = 4
_TRADES_KEPT: Final = 20_000
_TOLD: Final = {
    "BREAKER_CHANGE": "[bold red]breaker[/]",
    "METRIC_CHANGE": "[red]metric[/]",
    "WARNING": "[yellow]warning[/]",
    "ANOMALY": "[bold red]anomaly[/]",
    "REFUSED": "[red]event refused[/]",
    "LIQUIDATION": "[bold red]liquidation[/]",
    "THROTTLED": "[yellow]throttled[/]",
    "FLATTENED": "[cyan]flattened[/]",
    "ORDER_REJECTED": "[yellow]venue refused[/]",
}


class Viewer:
    """Shows a session on a console. Fills are told singly up to a few a second, the rest is counted."""

    def __init__(self, config: DeskConfig, console: Console, every_s: float = 5.0) -> None:
        self._config, self._console = config, console
        self._every = every_s
        self._due = 0.0
        self._second = 0
        self._told = 0
        self._untold = 0
        self._blocks: Counter[str] = Counter()
        self._trades: dict[tuple[object, object], None] = {}  # the latest, oldest first
        self._fills = 0
        self._seen = (0, 0, 0)
        self.session: AnySession | None = None

    def say(self, sentence: str) -> None:
        """Prints a sentence."""
        self._console.print(f"[dim]·[/] {escape(sentence)}", highlight=False, soft_wrap=True)

    def tell(self, line: Line) -> None:
        """Takes a narrated line, and prints it when it is worth it."""
        if line.event == "ORDER_FILLED":
            if self._news(line):
                self._fill(line)
        elif line.event.startswith("COMMAND_"):
            scope = f"{line.fields['strategy']}/{line.fields['instrument']}"
            verb = line.event.removeprefix("COMMAND_").lower()
            self._print(line.time_ns, f"[bold magenta]{verb}[/] {scope}, by {line.fields['person']}")
        elif line.event in _TOLD and self._room():
            words = ", ".join(f"{name} {value}" for name, value in line.fields.items())
            self._print(line.time_ns, f"{_TOLD[line.event]} {escape(words)}")

    def _news(self, line: Line) -> bool:
        """Whether a fill is told for the first time: a venue's lists repeat them, and the kernel takes each once."""
        trade = line.fields["instrument"], line.fields["trade_id"]
        if trade in self._trades:
            return False
        self._trades[trade] = None
        if len(self._trades) > _TRADES_KEPT:
            del self._trades[next(iter(self._trades))]
        self._fills += 1
        return True

    def each(self) -> None:
        """Called after every turn of the loop: prints the state of things every few seconds."""
        now = time.monotonic()
        if now >= self._due and self.session is not None:
            first, self._due = self._due == 0.0, now + self._every
            if not first:
                self._heartbeat(self.session)

    def header(self, facts: Sequence[tuple[str, str]]) -> None:
        self._console.print(
            f"[bold]{self._config.desk.name}[/]: {escape(self._config.desk.description)}", highlight=False
        )
        self._table(facts)

    def summary(self, session: AnySession, command: str) -> None:
        """Prints what the session did, and how to look at it again."""
        state, tally, config = session.desk.states[0], session.tally, self._config
        exponent, currency = config.base_exponent, config.desk.base_currency
        result = profit(session.desk.states)
        rejected = ", ".join(f"{reason} {count}" for reason, count in tally.rejected.most_common()) or "none"
        flat = self._holding(session)
        money = {
            name: money_text(getattr(result, name), exponent, 4)
            for name in ("realised", "unrealised", "fees", "funding", "gas", "premium")
            if getattr(result, name) or name in _ALWAYS_SHOWN
        }
        self._console.print()
        self._table(
            [
                (
                    "events",
                    f"{int(state['events']):,} applied, journal at record {session.recovered.writer.next_sequence:,}",
                ),
                (
                    "orders",
                    f"{tally.orders:,} sent, {self._fills:,} fills, {tally.modified:,} cut to size by the rails",
                ),
                ("rejected", f"{sum(tally.rejected.values()):,} by the rails ({rejected})"),
                *self._venue_refusals(session),
                (
                    "PnL",
                    f"{money_text(result.total, exponent, 4)} {currency} since the first session: "
                    + ", ".join(f"{k} {v}" for k, v in money.items()),
                ),
                ("positions", flat),
                ("equity", f"{money_text(int(state['equity']), exponent)} {currency}"),
                (
                    "drawdown",
                    f"{money_text(tally.drawdown, exponent)} {currency} at most ({100 * tally.drawdown_share:.3f}%)",
                ),
                ("breaker", BreakerStage(int(state["breaker"]["stage"])).name),
                ("digest", session.desk.digest.hex()),
                ("journal", str(session.place.journal)),
                ("verify it", f"quarterdeck journal verify {session.place.journal}"),
                ("replay it", f"quarterdeck replay {command}"),
            ]
        )

    def _holding(self, session: AnySession) -> str:
        held = positions(session.desk.states, self._config, session.names)
        return ", ".join(f"{one['strategy']} {one['quantity']} {one['instrument']}" for one in held) or "flat"

    def _venue_refusals(self, session: AnySession) -> list[tuple[str, str]]:
        refused = session.tally.refused_by_venue
        words = ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
        return [("refused", f"{sum(refused.values()):,} by the venue ({words})")] if refused else []

    def _table(self, rows: Sequence[tuple[str, str]]) -> None:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in rows:
            table.add_row(name, escape(text))
        self._console.print(table, highlight=False)

    def _fill(self, line: Line) -> None:
        if not self._room():
            return
        fields = line.fields
        side = "[green]buys [/]" if fields["side"] == "BUY" else "[red]sells[/]"
        what = f"{fields['quantity']} {fields['instrument']} at {fields['price']}"
        charges = fields.get("charges")
        paid = f"{fields['liquidity']}, fee {fields['fee']}"
        if isinstance(charges, list):
            paid = ", ".join(map(str, cast(list[object], charges)))
        how = f"({paid}), order {fields['order_id']}"
        self._print(line.time_ns, f"{fields['strategy']} {side} {escape(what)} {how}")

    def _room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        if self._told > _FILLS_A_SECOND:
            self._untold += 1
            return False
        return True

    def _heartbeat(self, session: AnySession) -> None:
        state, tally, exponent = session.desk.states[0], session.tally, self._config.base_exponent
        counts = (tally.orders, self._fills, sum(tally.rejected.values()))
        orders, fills, blocked = (now - before for now, before in zip(counts, self._seen, strict=True))
        self._seen = counts
        holding = self._holding(session)
        pnl = money_text(profit(session.desk.states).total, exponent, 4)
        more = f"; {self._untold} lines not shown" if self._untold else ""
        self._untold = 0
        stage = BreakerStage(int(state["breaker"]["stage"])).name.lower()
        self._print(
            int(state["time_ns"]),
            f"[bold]equity {money_text(int(state['equity']), exponent)}[/], PnL {pnl}, {escape(holding)}; "
            f"+{orders} orders, +{fills} fills, +{blocked} refused, {int(state['open_count'])} open; "
            f"breaker {stage}{more}",
        )

    def _print(self, time_ns: int, words: str) -> None:
        recorded = isinstance(self.session, PaperSession) and self.session.options.data is not None
        moment = rfc3339(time_ns)[5:19].replace("T", " ") if recorded else rfc3339(time_ns)[11:23]
        self._console.print(f"[dim]{moment}[/] {words}", highlight=False, soft_wrap=True)


def run_visibly(
    config: DeskConfig,
    *,
    seconds: float | None,
    data: Sequence[Path],
    speed: float | None,
    seed: int | None,
    folder: Path | None,
    command: str,
    follow: bool = False,
) -> None:
    """Runs a desk, paper or live as its desk.mode says, and shows it. `command` is how its person names it.

    `follow`: as a standby of the process that leads it, until that one's lease is over.

    With `data`, recorded events take the place of the generated market, at `speed` times their own pace (by default so
    that they last `seconds`, or a minute), and the desk keeps a journal of its own for them; it trades on paper then.
    ConfigError, DataError: nothing was begun; JournalFull, LeaseLost: trading stopped.
    """
    viewer = Viewer(config, Console(width=None if Console().is_terminal else 120))
    stop = ("stop it", f"Ctrl-C, or quarterdeck stop {command}" + (f"; it ends after {seconds:g} s" if seconds else ""))
    if config.desk.mode == "live" and not data:
        if seed is not None or folder is not None or speed not in (None, 1.0):
            raise DeskError(f"desk {config.desk.name} trades live: --speed, --seed and --dir are for paper and --data")
        _run_live(config, viewer, (stop,), seconds, command, follow=follow)
        return
    events: Events | None = None
    changes: tuple[str, ...] = ()
    if data:
        from quarterdeck.research.fitting import DataRequest, fit_desk  # noqa: PLC0415 - only recorded data needs it

        fitted = fit_desk(config, DataRequest(paths=tuple(data)))
        config = fitted.config.model_copy(update={"desk": fitted.config.desk.model_copy(update={"mode": "paper"})})
        events, changes = fitted.data.events, fitted.changes
        span = (int(events["time_ns"][-1]) - int(events["time_ns"][0])) / 1e9
        speed = speed or max(1.0, span / (seconds or 60.0))
        folder = folder or config.folder / "data" / "recorded" / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    if config.desk.mode != "paper":
        raise DeskError(f"{config.file}: desk.mode is {config.desk.mode!r}: only a paper or a live desk is run")
    place = DeskPlace(folder or config.folder)
    seat = Seat(config, place, viewer.say, follow=follow, leased=events is None)
    options = SessionOptions(
        seed=seed, speed=speed or 1.0, data=events, tell=viewer.tell, say=viewer.say, recover=seat.recover
    )
    session = PaperSession(config, place, options)
    source = f"{len(events):,} recorded events" if events is not None else "a generated market: it shows no real one"
    viewer.header([("market", f"{source}, {options.speed:g} times as fast as the clock"), *_facts(config, place), stop])
    for change in changes:
        viewer.say(change)
    viewer.session = session
    if seat.take(seconds):
        run_session(session, seconds, each=viewer.each, leadership=seat.leadership)
        viewer.summary(session, command if folder is None else str(folder))


def _facts(config: DeskConfig, place: DeskPlace) -> list[tuple[str, str]]:
    return [
        ("strategies", ", ".join(f"{one.name} ({one.kind})" for one in config.strategies)),
        ("journal", str(place.journal)),
    ]


def run_on_twins(config: DeskConfig, *, seconds: float | None, speed: float, seed: int, folder: Path) -> None:
    """Runs a desk live on twins of its venues, in that folder, and shows it. The twins' market goes `speed` times as
    fast as the clock, and so does the desk.

    ConfigError: no twin is known of a venue, or the speed is none; DeskError: a twin did not start.
    """
    from quarterdeck.desk.twinned import Twinned  # noqa: PLC0415 - brings the twins' servers, which other desks spare

    console = Console(width=None if Console().is_terminal else 120)
    viewer = Viewer(config, console)
    with Twinned(config, folder, speed=speed, seed=seed, say=viewer.say) as twinned:
        live = load_desk(folder)
        stop = (
            "stop it",
            f"Ctrl-C, or quarterdeck stop {folder}" + (f"; it ends after {seconds:g} s" if seconds else ""),
        )
        more = (("market", f"a twin's own, {speed:g} times as fast as the clock: it shows no real one"), stop)
        _run_live(live, Viewer(live, console), more, seconds, str(folder), follow=False, clock=twinned.clock)


def _run_live(
    config: DeskConfig,
    viewer: Viewer,
    facts: Sequence[tuple[str, str]],
    seconds: float | None,
    command: str,
    *,
    follow: bool,
    clock: FastClock | None = None,
) -> None:
    from quarterdeck.venues.links import open_venue  # noqa: PLC0415 - every real venue's libraries: paper needs none

    place, bell = DeskPlace(config.folder), Bell()
    venues = [open_venue(config, row, viewer.say) for row in range(len(config.venues))]
    latest_ms = max((one.capabilities.latest_ms for one in venues if not one.capabilities.expiry), default=0)
    seat = Seat(config, place, viewer.say, follow=follow, latest_ms=latest_ms)
    voices = Voices(tell=viewer.tell, say=viewer.say)
    options = LiveOptions(wake=bell.ring, voices=voices, lease=seat, recover=seat.recover)
    if clock is not None:
        options = replace(options, wall=clock.wall, monotonic=clock.monotonic, wait=clock.wait)
    session = LiveSession(config, place, venues, options)
    named = ", ".join(f"{one.name} ({one.kind}{' at ' + one.address if one.address else ''})" for one in config.venues)
    viewer.header([("orders go to", named), *_facts(config, place), *facts])
    viewer.session = session
    if seat.take(seconds):
        run_session(session, seconds, each=viewer.each, bell=bell, leadership=seat.leadership)
        viewer.summary(session, command)
