"""Names and indices go both ways, and what has no name says so."""

from pathlib import Path

import pytest

from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.runtime.directory import MACHINE, directory

REPOSITORY = Path(__file__).resolve().parents[2]
DESK = load_desk(REPOSITORY / "desks" / "xrpliquid")


def test_names_go_both_ways() -> None:
    names = directory(DESK)
    for group in (names.instruments, names.strategies, names.venues, names.accounts, names.people):
        assert [group.index(name) for name in group] == list(range(len(group)))
        assert [group[index] for index in range(len(group))] == list(group)
    assert list(names.instruments) == ["XRP", "XRP/USDC"]
    assert list(names.accounts) == ["hyperliquid/USDC"]


def test_the_machine_is_person_zero() -> None:
    assert list(directory(DESK).people) == [MACHINE, "operator-1", "operator-2"]


def test_labels_never_fail() -> None:
    names = directory(DESK).strategies
    assert [names.label(index) for index in (-1, 0, 99, -7)] == ["all", "BUY", "#99", "#-7"]


@pytest.mark.parametrize("index", [-1, 3])
def test_no_name_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError):
        directory(DESK).strategies[index]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        directory(DESK).strategies.index("SELL")
    line = "command: strategy = 'SELL' is not allowed: one of BUY, SCALP, FUNDING_ARBITRAGE"
    assert str(caught.value) == line


def test_one_symbol_at_two_venues_is_told_apart() -> None:
    perpetual = DESK.instruments[0]
    twice = DESK.model_copy(update={"instruments": (perpetual, perpetual.model_copy(update={"venue": "other"}))})
    assert list(directory(twice).instruments) == ["XRP@hyperliquid", "XRP@other"]
