"""A shadow asks for what was asked, and a strategy that would do otherwise is named with its first difference."""

from pathlib import Path

import pytest

from quarterdeck.config import DeskConfig
from quarterdeck.errors import StrategyError
from quarterdeck.journal import JournalReader
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.shadow import shadow
from quarterdeck.strategies.contract import PythonStrategy
from tests.runtime.recording import BOTH, COMPILED_QUOTER, DESK, Quoter, market_data, record, write_desk

EVENTS = 400


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DeskConfig]:
    folder = tmp_path_factory.mktemp("harbour")
    config = write_desk(folder)
    record(folder, config, BOTH, market_data(EVENTS))
    return folder, config


def requests(folder: Path, strategy: int) -> list[int]:
    """Sequences of a strategy's requests."""
    found: list[int] = []
    for block in JournalReader(folder).blocks():
        kinds, owners = block.records["kind"].tolist(), block.records["strategy"].tolist()
        for index, (kind, owner) in enumerate(zip(kinds, owners, strict=True)):
            if EventKind.ORDER_REQUEST <= kind <= EventKind.REPLACE_REQUEST and owner == strategy:
                found.append(block.first_sequence + index)
    return found


def test_the_same_strategies_ask_for_the_same(traded: tuple[Path, DeskConfig]) -> None:
    folder, config = traded
    result = shadow(folder, config, sources=BOTH)
    assert result.equal, result.lines()
    assert result.events == EVENTS - 1  # the last step may have been cut off
    assert result.requests == len(requests(folder, 0)) + len(requests(folder, 1)) > 50
    assert result.strategies == ("TIDE", "WIND")
    assert result.lines()[-1] == "equal"


def test_one_strategy_alone_can_be_shadowed(traded: tuple[Path, DeskConfig]) -> None:
    folder, config = traded
    for strategy, name in enumerate(("TIDE", "WIND")):
        result = shadow(folder, config, sources=BOTH, only=[name])
        assert result.equal, result.lines()
        assert result.requests == len(requests(folder, strategy))
    with pytest.raises(StrategyError, match="no strategy of the desk is called STORM: there are TIDE, WIND"):
        shadow(folder, config, sources=BOTH, only=["STORM"])


def test_another_parameter_shows_where_it_first_matters(traded: tuple[Path, DeskConfig], tmp_path: Path) -> None:
    folder, _ = traded
    other = write_desk(tmp_path, DESK.replace("every = 8", "every = 4"))
    result = shadow(folder, other, sources=BOTH)
    found = result.difference
    assert found is not None
    assert found.strategy == "WIND"
    assert found.asked is not None
    assert found.asked["kind"] == "ORDER_REQUEST"
    assert found.journaled is None  # it asks four quotes earlier than it did
    assert found.sequence < requests(folder, 1)[0]
    assert result.lines()[-1].startswith(f"record {found.sequence}: strategy WIND asks kind=ORDER_REQUEST")
    assert result.as_dict()["equal"] is False


def test_a_strategy_that_asks_later_than_it_did_is_named_at_its_first_request(
    traded: tuple[Path, DeskConfig], tmp_path: Path
) -> None:
    folder, _ = traded
    other = write_desk(tmp_path, DESK.replace("every = 5", "every = 6"))
    found = shadow(folder, other, sources=BOTH).difference
    assert found is not None
    assert (found.strategy, found.sequence, found.asked) == ("TIDE", requests(folder, 0)[0], None)
    assert found.journaled is not None
    assert "asks nothing; journaled is kind=ORDER_REQUEST" in found.text()


class Bolder(Quoter):
    """Asks for one lot more when it sells."""

    def on_quote(self, desk, quote):
        before = desk.count
        super().on_quote(desk, quote)
        for place in range(before, desk.count):
            if desk.asks["flags"][place]:
                desk.asks["quantity"][place] += 1


def test_a_request_that_differs_in_one_figure_is_shown_both_ways(traded: tuple[Path, DeskConfig]) -> None:
    folder, config = traded
    sources: tuple[type[PythonStrategy], object] = (Bolder, COMPILED_QUOTER)
    found = shadow(folder, config, sources=sources).difference  # pyright: ignore[reportArgumentType] both are sources
    assert found is not None
    assert found.asked is not None
    assert found.journaled is not None
    assert (found.asked["quantity"], found.journaled["quantity"]) == (2, 1)
    assert found.sequence == found.journaled["sequence"] == requests(folder, 0)[1]


def test_a_shadow_may_end_early(traded: tuple[Path, DeskConfig]) -> None:
    folder, config = traded
    result = shadow(folder, config, sources=BOTH, until=requests(folder, 0)[3])
    assert result.equal
    assert result.requests < len(requests(folder, 0))
