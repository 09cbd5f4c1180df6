"""What is tested: `quarterdeck.ledger.rows`: what the kernel posted, taken apart into pairs; and
`quarterdeck.ledger.labels`.
"""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import LedgerError
from quarterdeck.kernel.vocabulary import EventKind, LedgerAccount
from quarterdeck.ledger.labels import Labels, labels_of
from quarterdeck.ledger.rows import pairs
from tests.ledger.builders import LABELS
from tests.runtime.recording import write_desk

CASH, INVENTORY, REALISED, FEES, REBATES, FUNDING, CAPITAL = range(7)
WIDTH = len(LedgerAccount)


def gains(**words: int) -> list[int]:
    return [words.get(account.name, 0) for account in LedgerAccount]


@pytest.mark.parametrize(
    ("kind", "gained", "expected"),
    [
        (EventKind.TRANSFER, gains(CASH=100, CAPITAL=-100), [(CASH, CAPITAL, 100)]),
        (EventKind.TRANSFER, gains(CASH=-100, CAPITAL=100), [(CAPITAL, CASH, 100)]),
        (EventKind.FUNDING, gains(CASH=-3, FUNDING=3), [(FUNDING, CASH, 3)]),
        (EventKind.CHARGE, gains(CASH=-9, GAS=9), [(LedgerAccount.GAS, CASH, 9)]),
        (EventKind.FILL, gains(CASH=-2, FEES=2), [(FEES, CASH, 2)]),
        (EventKind.FILL, gains(CASH=2, REBATES=-2), [(CASH, REBATES, 2)]),
        (
            EventKind.FILL,  # a spot sale: bought at 90, sold at 100, fee 1
            gains(CASH=99, INVENTORY=-90, REALISED=-10, FEES=1),
            [(CASH, INVENTORY, 90), (CASH, REALISED, 10), (FEES, CASH, 1)],
        ),
        (EventKind.POSITION_ADOPTED, gains(INVENTORY=50, CAPITAL=-50), [(INVENTORY, CAPITAL, 50)]),
        (
            EventKind.POSITION_ADOPTED,  # against what was held: some of it is realised
            gains(CASH=5, REALISED=-5, INVENTORY=-40, CAPITAL=40),
            [(CAPITAL, INVENTORY, 40), (CASH, REALISED, 5)],
        ),
        (EventKind.FUNDING, gains(), []),
    ],
)
def test_pairs(kind: EventKind, gained: list[int], expected: list[tuple[int, int, int]]) -> None:
    assert list(pairs(kind, gained)) == expected


@given(st.lists(st.integers(-(2**62), 2**62), min_size=WIDTH - 1, max_size=WIDTH - 1))
def test_pairs_add_up(others: list[int]) -> None:
    gained = [-sum(others), *others]
    back = [0] * WIDTH
    for debit, credit, amount in pairs(EventKind.FILL, gained):
        assert amount > 0
        back[debit] += amount
        back[credit] -= amount
    assert back == gained


@pytest.mark.parametrize("kind", [EventKind.FILL, EventKind.POSITION_ADOPTED])
def test_what_is_no_pair_is_refused(kind: EventKind) -> None:
    with pytest.raises(LedgerError, match="not made of pairs"):
        list(pairs(kind, gains(CASH=1, INVENTORY=5)))


def test_labels() -> None:
    assert [LABELS.strategy(index) for index in (-1, 0, 2, 7)] == [None, "TIDE", "EBB", "#7"]
    assert LABELS.person(-1) is None
    assert LABELS.exponent("south", "ETH") == 12
    text = LABELS.as_text()
    LABELS.check_against(text)
    dataclasses.replace(LABELS, people=(*LABELS.people, "x")).check_against(text)
    with pytest.raises(LedgerError, match="other purses"):
        dataclasses.replace(LABELS, purses=LABELS.purses[1:]).check_against(text)


def test_labels_of_a_desk(tmp_path: object) -> None:
    found = labels_of(write_desk(tmp_path))  # pyright: ignore[reportArgumentType] a Path
    assert found == Labels(
        "harbour", ("BTCUSDT",), ("TIDE", "WIND"), ("desk", "operator-1"), found.purses, found.lots, (0,)
    )
    assert [(one.venue, one.currency, one.exponent) for one in found.purses] == [("sim", "USDT", 8)]
