"""Measures Quarterdeck beside what a user would otherwise pick, and writes bench/RESULTS.md.

    make bench                                   five interleaved rounds of every row
    make bench ARGS='--rounds 3 --rows W1,W2'    some rows, fewer rounds; prints, and leaves RESULTS.md as it is
    make bench ARGS=--quick                      one round of a tenth: does everything still run?

A row of ROWS is one figure of ours, one to hold it against, and the target. A command is run once per round however
many rows read it, one after another, so that a busy minute of the machine falls on all. Every command is a process of
its own, and its last line on stdout is one JSON object; `"ok": false` in it means that its result was not the expected
one, and then its speed does not count.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["ROWS", "Figure", "Row", "Verdict", "judge", "main", "table"]

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
PEER_VENVS = ("hft", "nautilus", "vectorbt")

Command = tuple[str, ...]
Lines = dict[Command, list[dict[str, Any]]]


@dataclass(frozen=True)
class Figure:
    """Where a number comes from: a command, and the keys that lead to the number in the JSON line it prints."""

    who: str
    command: Command
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """`target` is how many times better than `peer` ours has to be; without a peer it is the figure itself.

    `lower_is_better` for latencies. A row without a target is shown for what it is. `why` explains a missed target.
    """

    name: str
    unit: str
    ours: Figure
    peer: Figure | None = None
    target: float | None = None
    lower_is_better: bool = False
    why: str = ""


def peer(name: str, work: str, *keys: str) -> Figure:
    return Figure(name, ("peers/run.py", "--peer", name, "--work", work), keys)


def own(script: str, *keys: str) -> Figure:
    return Figure("quarterdeck", (script,), keys)


def decoders(stream: str) -> tuple[Figure, Figure]:
    """A stream's messages through our codec, and through ccxt.pro's."""
    ours, other = (
        Figure(who, ("wire.py", "--client", who, "--passes", "1"), (f"{stream}_us",)) for who in ("quarterdeck", "ccxt")
    )
    return ours, other


LOOP = ("wire.py", "--loop")
SPEED, WITH_PREPARATION, LATENCY = "events_per_s", "events_per_s_incl_prep", "tick_to_submit_us"
PYTHON = "quarterdeck:python"
W3_WHY = (
    "after a millisecond of sleep the caches are cold, and what is left is Python's own: the strategy and "
    "its two requests a quarter, the venue's two calls a quarter, the kernel with all rails a third, no system call"
)

DUPLICATES = (
    "the desk's duplicate window is 0.001 ms: W3's rule asks for the same price and size about each millisecond, and "
    "after a stall of the machine several quotes come back to back; a longer window would rightly refuse those orders"
)

ROWS = (
    Row(
        "W1 1M bars",
        "bars/s",
        peer("quarterdeck", "W1", SPEED),
        peer("vectorbt", "W1", SPEED),
        3,
        why="a bar takes about 27 ns, 35 while something is held; the 38,952 orders with rails, reports and fills "
        "take the rest, about 1.4 us each and spread over a hundred functions; vectorbt has none of these",
    ),
    Row(
        "W1 with data preparation",
        "bars/s",
        peer("quarterdeck", "W1", WITH_PREPARATION),
        peer("vectorbt", "W1", WITH_PREPARATION),
    ),
    Row("W2 5M quotes, compiled", "quotes/s", peer("quarterdeck", "W2", SPEED), peer("hftbacktest", "W2", SPEED), 2),
    Row(
        "W2 with data preparation",
        "quotes/s",
        peer("quarterdeck", "W2", WITH_PREPARATION),
        peer("hftbacktest", "W2", WITH_PREPARATION),
    ),
    Row("W2 5M quotes, plain Python", "quotes/s", peer(PYTHON, "W2", SPEED), peer("nautilus", "W2", SPEED), 5),
    Row(
        "W2 plain Python with data preparation",
        "quotes/s",
        peer(PYTHON, "W2", WITH_PREPARATION),
        peer("nautilus", "W2", WITH_PREPARATION),
    ),
    Row(
        "W3 quote to submit, p50",
        "us",
        peer("quarterdeck", "W3", LATENCY, "p50"),
        peer("nautilus", "W3", LATENCY, "p50"),
        8,
        lower_is_better=True,
        why=W3_WHY,
    ),
    Row(
        "W3 quote to submit, p99",
        "us",
        peer("quarterdeck", "W3", LATENCY, "p99"),
        peer("nautilus", "W3", LATENCY, "p99"),
        5,
        lower_is_better=True,
        why=W3_WHY,
    ),
    Row("replay of 10M events to a digest", "events/s", own("replay.py", "events_per_s"), target=10e6),
    Row("recovery of a 10M-event day", "s", own("recovery.py", "snapshot_s"), target=5, lower_is_better=True),
    Row("recovery without any snapshot", "s", own("recovery.py", "scratch_s"), target=5, lower_is_better=True),
    Row("journal append, group commit", "records/s", own("journal.py", "records_per_s"), target=2e6),
    Row(
        "kill of 10,000 open orders: last cancel sent",
        "ms",
        own("ops_kill.py", "simulated_last_ms"),
        target=1000,
        lower_is_better=True,
    ),
    Row(
        "kill of 10,000 open orders: first cancel sent",
        "ms",
        own("ops_kill.py", "sink_first_ms"),
        target=5,
        lower_is_better=True,
    ),
    Row(
        "trading loop beside readers that take a core, to without",
        "times",
        own("ops_load.py", "ratio"),
        target=1.1,
        lower_is_better=True,
    ),
    Row(
        "API p99 under readers that take a core",
        "ms",
        own("ops_load.py", "api_p99_ms"),
        target=50,
        lower_is_better=True,
    ),
    Row(
        "a block of 100 changed pools among 10,000",
        "ms",
        own("arbitrage.py", "block_ms"),
        target=20,
        lower_is_better=True,
    ),
    *(
        Row(
            f"decode a message: {name.replace('_', ', ')}",
            "us",
            *decoders(name),
            target=10,
            lower_is_better=True,
        )
        for name in ("hyperliquid_trades", "hyperliquid_book", "binance_trades", "binance_quotes", "binance_depth")
    ),
    *(
        Row(f"capture: {name.replace('_', ', ')}", "messages/s", own("capture.py", f"{name}_per_s"), target=target)
        for name, target in (
            ("hyperliquid_ticks", 100e3),
            ("hyperliquid_books", 30e3),
            ("binance_ticks", 100e3),
            ("binance_depth", 30e3),
        )
    ),
    Row("decode a message: hyperliquid, bbo", "us", decoders("hyperliquid_bbo")[0]),
    Row("quote out of the twin to order in, p50", "ms", Figure("quarterdeck", LOOP, ("p50_ms",)), lower_is_better=True),
    Row(
        "quote out of the twin to order in, p95",
        "ms",
        Figure("quarterdeck", LOOP, ("p95_ms",)),
        target=2,
        lower_is_better=True,
    ),
    Row(
        "quote out of the twin to order in, p95 of the quietest 50",
        "ms",
        Figure("quarterdeck", LOOP, ("quiet_p95_ms",)),
        lower_is_better=True,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What a row came to. A side without a figure says why in `problems`."""

    row: Row
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    problems: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer, or than the target itself where there is no peer."""
        if not self.ours or (self.row.peer and not self.peer):
            return None
        ours = statistics.median(self.ours)
        other = statistics.median(self.peer) if self.row.peer else self.row.target
        if other is None or not ours or not other:
            return None
        return other / ours if self.row.lower_is_better else ours / other

    @property
    def needed(self) -> float | None:
        """The ratio that meets the target; None where there is none."""
        return self.row.target if self.row.peer or self.row.target is None else 1.0

    @property
    def word(self) -> str:
        if self.problems:
            return "**not measured**"
        if self.needed is None:
            return "shown"
        return "met" if self.ratio is not None and self.ratio >= self.needed else "**missed**"


def read(figure: Figure, lines: Lines) -> tuple[list[float], list[str]]:
    """The numbers of one figure over all rounds, and what kept any from counting."""
    numbers: list[float] = []
    problems: list[str] = []
    for line in lines.get(figure.command, []):
        number: Any = line
        for key in figure.keys:
            number = number.get(key) if isinstance(number, dict) else None
        if line.get("error"):
            problems.append(f"{figure.who}: {line['error']}")
        elif line.get("ok") is False:
            problems.append(f"{figure.who}: wrong result: {', '.join(map(str, line.get('diff', [])))}")
        elif not isinstance(number, int | float):
            problems.append(f"{figure.who}: no {'.'.join(figure.keys)} in what it printed")
        else:
            numbers.append(float(number))
    if not numbers and not problems:
        problems.append(f"{figure.who}: not run")
    return numbers, problems


def judge(row: Row, lines: Lines) -> Verdict:
    ours, problems = read(row.ours, lines)
    others, more = read(row.peer, lines) if row.peer else ([], [])
    return Verdict(row, ours, others, tuple(dict.fromkeys(problems + more)))


def short(number: float) -> str:
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def spread(numbers: list[float]) -> str:
    if not numbers:
        return "-"
    middle = short(statistics.median(numbers))
    return middle if len(numbers) == 1 else f"{middle} ({short(min(numbers))} to {short(max(numbers))})"


def table(verdicts: list[Verdict]) -> str:
    """Markdown: one line per row, then what was missed or not measured and why."""
    rows = ["| work | unit | ours | peer | ratio | target | |", "|---|---|---|---|---|---|---|"]
    for verdict in verdicts:
        row = verdict.row
        beside = f"{row.peer.who} {spread(verdict.peer)}" if row.peer else ""
        bound = "<=" if row.lower_is_better else ">="
        target = "" if row.target is None else f"{row.target:g}x" if row.peer else f"{bound} {short(row.target)}"
        ratio = f"{verdict.ratio:.2f}x" if row.peer and verdict.ratio is not None else ""
        cells = (row.name, row.unit, spread(verdict.ours), beside, ratio, target, verdict.word)
        rows.append(f"| {' | '.join(cells)} |")
    notes = [f"- {verdict.row.name}: {'; '.join(verdict.problems)}" for verdict in verdicts if verdict.problems]
    for verdict in verdicts:
        if verdict.word == "**missed**" and verdict.ratio is not None and verdict.needed is not None:
            share = verdict.ratio / verdict.needed
            why = verdict.row.why or "why is not known yet"
            notes.append(f"- {verdict.row.name}: missed, at {share:.0%} of the target; {why}")
    return "\n".join([*rows, "", *notes]).rstrip() + "\n"


def machine() -> str:
    facts = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":", 1)[1].strip() for line in facts if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {cpu}, {memory:.0f} GiB, Python {platform.python_version()}"


def versions(lines: Lines) -> str:
    known = [line for runs in lines.values() for line in runs if {"peer", "version"} <= line.keys()]
    return ", ".join(sorted({f"{line['peer'].partition(':')[0]} {line['version']}" for line in known}))


def page(verdicts: list[Verdict], lines: Lines, rounds: int) -> str:
    loads = [line["load1"] for runs in lines.values() for line in runs if "load1" in line]
    busy = f"; load average at the start of a run {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return (
        "# Figures\n\n"
        "Written by `make bench`: medians, with the lowest and highest in brackets. What the works are, and what a\n"
        "figure includes, stands in `peers/README.md`. A ratio above 1 is in our favour, of latencies too.\n\n"
        f"- machine: {machine()}{busy}\n"
        f"- versions: {versions(lines)}\n"
        f"- {rounds} interleaved rounds, {datetime.now(UTC):%Y-%m-%d}\n"
        f"- {DUPLICATES}\n\n"
        f"{table(verdicts)}"
    )


def run(command: Command, extra: Command, timeout_s: float) -> dict[str, Any]:
    script, *arguments = command
    if not (HERE / script).exists():
        return {"error": f"bench/{script} is not there"}
    argv = [sys.executable, script, *arguments, *extra]
    try:
        done = subprocess.run(argv, cwd=HERE, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {timeout_s:.0f} s"}
    printed = done.stdout.strip().splitlines()
    if done.returncode == 0 and printed:
        return json.loads(printed[-1])
    said = done.stderr.replace(f"{HERE.parent}/", "").strip().splitlines()
    return {"error": said[-1] if said else f"exit status {done.returncode}"}


def measure(rows: list[Row], rounds: int, quick: bool, timeout_s: float) -> Lines:
    figures = [figure for row in rows for figure in (row.ours, row.peer) if figure]
    commands = list(dict.fromkeys(figure.command for figure in figures))
    lines: Lines = {command: [] for command in commands}
    for number in range(1, rounds + 1):
        for command in commands:
            print(f"bench: round {number} of {rounds}: {' '.join(command)}", file=sys.stderr, flush=True)
            lines[command].append(run(command, ("--quick",) if quick else (), timeout_s))
    return lines


def prepare() -> None:
    print(f"bench: the peers' virtual environments: {', '.join(PEER_VENVS)} (minutes and 3 GB, once)", file=sys.stderr)
    subprocess.run([sys.executable, "peers/run.py", "--setup", *PEER_VENVS], cwd=HERE, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", help="only rows whose name begins with one of these, with commas")
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of each work")
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="for one run")
    asked = parser.parse_args()
    begins = tuple(asked.rows.split(",")) if asked.rows else ("",)
    rows = [row for row in ROWS if row.name.startswith(begins)]
    if not rows:
        parser.error(f"no row begins with {asked.rows}; there are: {'; '.join(row.name for row in ROWS)}")
    if any(row.peer and row.peer.command[0].startswith("peers/") for row in rows):
        prepare()
    rounds = 1 if asked.quick else asked.rounds
    lines = measure(rows, rounds, asked.quick, asked.timeout)
    verdicts = [judge(row, lines) for row in rows]
    print(table(verdicts))
    if len(rows) == len(ROWS) and not asked.quick:
        RESULTS.write_text(page(verdicts, lines, rounds))
        print(f"bench: written to {RESULTS.relative_to(HERE.parent)}", file=sys.stderr)
    return 1 if any(verdict.problems for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
