"""What the facts of one head make of the transactions that are watched: pure, so each case is a row of a test.

Transactions of one nonce exclude each other, so they are judged together:

| on the chain                           | the one that is mined         | others of that nonce              |
|----------------------------------------|-------------------------------|-----------------------------------|
| one of ours, deep enough               | Included, Reverted or Spent   | Dropped                           |
| one of ours, not deep enough           | wait                          | wait                              |
| the block of one of ours is gone       | Orphaned if it was told       | wait again                        |
| none of ours, and the nonce is used    |                               | Dropped: another one has to be found |
| none of ours, the nonce is not used    |                               | wait (again)                      |

A node that has no block at a height below the head says nothing: then nothing changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from quarterdeck.venues.evm.nonces import Taker
from quarterdeck.venues.evm.receipts import (
    Dropped,
    Facts,
    Included,
    Orphaned,
    Outcome,
    Receipt,
    Reverted,
    Spent,
    Trouble,
)
from quarterdeck.venues.evm.store import Row

__all__ = ["Judged", "foreign_trouble", "judge", "named", "take_away"]


@dataclass(slots=True)
class Judged:
    """Rows that changed, outcomes in their order, and nonces that somebody else has used."""

    rows: list[Row] = field(default_factory=list[Row])
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    foreign: list[int] = field(default_factory=list[int])


def judge(rows: Sequence[Row], facts: Facts, depth: int, final: int) -> Judged:
    """Judges all that is watched, sorted by nonce. A block counts when `depth` deep, and is left alone when `final`."""
    judged = Judged()
    for _, several in groupby(rows, key=lambda row: row.nonce):
        before = list(several)
        after = _judge_nonce(before, facts, depth, final, judged)
        judged.rows += [new for old, new in zip(before, after, strict=True) if new != old]
    return judged


def _judge_nonce(before: list[Row], facts: Facts, depth: int, final: int, judged: Judged) -> list[Row]:
    group = [_placed(row, facts, judged) for row in before]
    place = next((place for place, row in enumerate(group) if row.block_hash), None)
    if place is None:
        return _judge_unmined(group, facts, final, judged)
    mined = group[place]
    deep = facts.head - mined.block + 1
    if deep < depth:
        return group
    receipt = facts.receipts.get(mined.hash)
    if not mined.told and receipt is not None:
        judged.outcomes.append(_landed(mined, receipt))
        mined = group[place] = replace(mined, told=True)
    for other, row in enumerate(group):
        if other != place and not row.taken_by:
            group[other] = replace(row, taken_by=mined.hash, block=mined.block)
            if not row.freed:
                judged.outcomes += _dropped(row, group, mined, facts)
    return [replace(row, closed=True) for row in group] if mined.told and deep >= final else group


def _placed(row: Row, facts: Facts, judged: Judged) -> Row:
    """Where it stands now."""
    if row.block_hash:
        there = facts.canonical.get(row.block)
        if there is not None and there[0] == row.block_hash:
            return row
        if there is None and facts.head >= row.block:
            return row
        if row.told:
            gone = Orphaned(**named(row, facts.at_ns), block=row.block, block_hash=row.block_hash)
            judged.outcomes.append(gone)
        row = replace(row, block=0, block_hash="", told=False)
    receipt = facts.receipts.get(row.hash)
    if receipt is not None:
        row = replace(row, block=receipt.block, block_hash=receipt.block_hash, taken_by="")
    return row


def _judge_unmined(group: list[Row], facts: Facts, final: int, judged: Judged) -> list[Row]:
    nonce = group[0].nonce
    if facts.count <= nonce:
        forgotten = facts.head - final
        return [
            replace(
                row, taken_by="", block=0, closed=row.freed and row.head < forgotten and row.hash not in facts.known
            )
            for row in group
        ]
    used = facts.count if facts.settled is None else facts.settled
    if used > nonce and not all(row.taken_by for row in group):
        judged.foreign.append(nonce)
    if all(row.taken_by and facts.head - row.block + 1 >= final for row in group):
        return [replace(row, closed=True) for row in group]
    return group


def take_away(group: Sequence[Row], taker: Taker | None, facts: Facts) -> Judged:
    """The transactions of a nonce that a transaction which is not ours has used. None: nobody knows which."""
    judged = Judged()
    by = "unknown" if taker is None else taker.hash
    block = facts.head if taker is None else taker.block
    for place, row in enumerate(group):
        if row.taken_by:
            continue
        judged.rows.append(replace(row, taken_by=by, block=block))
        if not row.freed and row.order_id:
            closes = row.of_order and not any(one.of_order for one in group[place + 1 :] if not one.freed)
            reason = f"its nonce {row.nonce} was used by {_name(taker)}, which this desk did not sign"
            judged.outcomes.append(Dropped(**named(row, facts.at_ns), reason=reason, by=by, closes=closes))
    judged.outcomes.append(foreign_trouble(group[0].nonce, taker, facts.at_ns))
    return judged


def foreign_trouble(nonce: int, taker: Taker | None, at_ns: int) -> Trouble:
    """The key has another user."""
    text = (
        f"nonce {nonce} of the desk's account was used by {_name(taker)}, which this desk did not sign: somebody else "
        f"has the key; end the other sender, or follow quarterdeck keys compromise"
    )
    by = "" if taker is None else taker.hash
    return Trouble(order_id=0, plan=0, hash=by, nonce=nonce, at_ns=at_ns, kind="foreign", text=text)


def named(row: Row, at_ns: int) -> dict[str, Any]:
    """What every outcome of a transaction says first."""
    return {"order_id": row.order_id, "plan": row.plan, "hash": row.hash, "nonce": row.nonce, "at_ns": at_ns}


def _landed(row: Row, receipt: Receipt) -> Outcome:
    if not row.of_order:
        return Spent(**named(row, receipt.at_ns), receipt=receipt)
    return (Included if receipt.success else Reverted)(**named(row, receipt.at_ns), receipt=receipt)


def _dropped(row: Row, group: Sequence[Row], mined: Row, facts: Facts) -> list[Outcome]:
    """A transaction that lost its nonce to another one of ours; a gap's is of nobody's interest."""
    if not row.order_id:
        return []
    later = group[group.index(next(one for one in group if one.hash == row.hash)) + 1 :]
    survives = mined.of_order and mined.order_id == row.order_id
    last = not any(one.of_order and one.order_id == row.order_id and not one.freed for one in later)
    if mined.order_id != row.order_id:
        reason = f"order {mined.order_id} has its nonce {row.nonce}"
    elif survives:
        reason = "another transaction of its order was mined"
    else:
        reason = "it was cancelled"
    closes = row.of_order and last and not survives
    return [Dropped(**named(row, facts.at_ns), reason=reason, by=mined.hash, closes=closes)]


def _name(taker: Taker | None) -> str:
    return "a transaction that the node does not name" if taker is None else f"transaction {taker.hash}"
