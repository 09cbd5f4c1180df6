"""Whether the rows add up to what the kernel has: every account of every purse, every position."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, select

from quarterdeck.errors import LedgerError
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import INSTRUMENTS, State
from quarterdeck.kernel.vocabulary import LedgerAccount
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.labels import Labels
from quarterdeck.ledger.tables import ENTRIES, MOVES

__all__ = ["POSITION_WORDS", "Balances", "Positions", "balances", "check_agreement", "positions"]

POSITION_WORDS: Final = ("quantity", "cost", "realised", "fees", "funding")
Balances = dict[tuple[str, str, str], int]
"""Money units by (venue, currency, ledger account)."""
Positions = dict[tuple[str, str | None], tuple[int, ...]]
"""POSITION_WORDS by (instrument, strategy; None: the account's own)."""


def balances(database: Database, line: Connection, desk: str) -> Balances:
    """Sums up all entries of a desk."""
    keys = ENTRIES.c.venue, ENTRIES.c.currency, ENTRIES.c.debit, ENTRIES.c.credit
    asked = select(*keys, database.exact_sum(ENTRIES.c.amount)).where(ENTRIES.c.desk == desk).group_by(*keys)
    found: Balances = defaultdict(int)
    for venue, currency, debit, credit, amount in line.execute(asked):
        found[venue, currency, debit] += amount
        found[venue, currency, credit] -= amount
    return dict(found)


def positions(database: Database, line: Connection, desk: str) -> Positions:
    """Sums up all moves of a desk."""
    keys = MOVES.c.instrument, MOVES.c.strategy
    sums = [database.exact_sum(MOVES.c[name]) for name in POSITION_WORDS]
    asked = select(*keys, *sums).where(MOVES.c.desk == desk).group_by(*keys)
    rows: Any = line.execute(asked)
    return {(name, strategy): tuple(figures) for name, strategy, *figures in rows}


def check_agreement(database: Database, line: Connection, labels: Labels, states: Records[State]) -> None:
    """Raises LedgerError naming the first figure in which the rows differ from a state of the kernel."""
    booked = balances(database, line, labels.desk)
    known = dict(_kernel_balances(states, labels))
    for key in sorted(booked.keys() | known.keys()):
        if booked.get(key, 0) != known.get(key, 0):
            venue, currency, account = key
            what = f"account {account} of purse {venue}/{currency}"
            raise _differs(labels, what, booked.get(key, 0), known.get(key, 0))
    moved = positions(database, line, labels.desk)
    held = dict(_kernel_positions(states, labels))
    nothing = (0,) * len(POSITION_WORDS)
    for name, strategy in sorted(moved.keys() | held.keys(), key=lambda key: (key[0], key[1] or "")):
        pair = moved.get((name, strategy), nothing), held.get((name, strategy), nothing)
        for word, mine, kernel in zip(POSITION_WORDS, *pair, strict=True):
            if mine != kernel:
                raise _differs(labels, f"{word} of {strategy or 'the account'} in {name}", mine, kernel)


def _differs(labels: Labels, what: str, booked: int, kernel: int) -> LedgerError:
    return LedgerError(
        f"desk {labels.desk}: {what} is {booked} in the ledger and {kernel} in the kernel; its rows were changed: "
        "run `quarterdeck ledger DESK --rebuild`"
    )


def _kernel_balances(states: Records[State], labels: Labels) -> Iterator[tuple[tuple[str, str, str], int]]:
    state: Any = states[0]
    for row in range(int(state["accounts_count"])):
        purse = labels.purse(row)
        for account in LedgerAccount:
            name = account.name.lower()
            yield (purse.venue, purse.currency, name), int(state["accounts"][row]["postings"][account])


def _kernel_positions(
    states: Records[State], labels: Labels
) -> Iterator[tuple[tuple[str, str | None], tuple[int, ...]]]:
    state: Any = states[0]
    for index in range(int(state["instruments_count"])):
        name = labels.instrument(index) or ""
        yield (name, None), _figures(state["instruments"][index]["net"])
        for strategy in range(int(state["strategies_count"])):
            yield (name, labels.strategy(strategy)), _figures(state["positions"][strategy * INSTRUMENTS + index])


def _figures(position: Any) -> tuple[int, ...]:
    return tuple(int(position[word]) for word in POSITION_WORDS)
