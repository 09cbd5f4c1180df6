"""What is tested: `quarterdeck.twins.alpaca.history`: pages whose rows share their times, rows that are forgotten."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.twins.alpaca.history import History
from quarterdeck.twins.alpaca.tape import MINUTE_NS
from tests.twins.alpaca.serving import MORNING
from tests.twins.alpaca.test_exchange import Rig

TIMES = st.lists(st.integers(0, 6), max_size=25)


def printed(times: list[int], others: list[int]) -> Rig:
    rig = Rig()
    number = 0
    for index, moments in ((0, times), (1, others)):
        for moment in sorted(moments):
            number += 1
            rig.exchange.tapes[index].print(MORNING + moment, 2_300_000, 1_000_000, number)
    rig.exchange.advance(MORNING + 10**9)
    return rig


@given(TIMES, TIMES, st.integers(1, 7), st.booleans())
def test_pages_are_the_whole(times: list[int], others: list[int], limit: int, backwards: bool) -> None:
    history = History(printed(times, others).exchange)
    query = {"symbols": "AAPL,MSFT", "sort": "desc" if backwards else "asc"}
    whole = history.page("trades", {**query, "limit": "10000"})[1]["trades"]
    found: dict[str, list[Any]] = {}
    token: str | None = ""
    while token is not None:
        answer = history.page("trades", {**query, "limit": str(limit), "page_token": token})[1]
        assert sum(map(len, answer["trades"].values())) <= limit
        for symbol, rows in answer["trades"].items():
            found.setdefault(symbol, []).extend(rows)
        token = answer["next_page_token"]
    assert found == whole
    assert sum(map(len, whole.values())) == len(times) + len(others)


def test_what_is_forgotten_between_pages_moves_nothing() -> None:
    rig = printed(list(range(10)), [])
    history, query = History(rig.exchange), {"symbols": "AAPL", "limit": "4"}
    first = history.page("trades", query)[1]
    for _ in range(3):
        rig.exchange.tapes[0].trades.popleft()
    second = history.page("trades", {**query, "page_token": first["next_page_token"]})[1]
    assert [row["i"] for row in second["trades"]["AAPL"]] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("frame", "starts", "volumes"),
    [
        ("1Min", ["14:35", "14:36", "14:41", "15:05"], [2, 1, 1, 1]),
        ("5Min", ["14:35", "14:40", "15:05"], [3, 1, 1]),
        ("1Hour", ["14:00", "15:00"], [4, 1]),
        ("1Day", ["05:00"], [5]),
    ],
)
def test_frames(frame: str, starts: list[str], volumes: list[int]) -> None:
    rig = Rig()
    for minute in (0, 0, 1, 6, 30):
        rig.exchange.advance(MORNING + minute * MINUTE_NS)
        rig.trade(23_000 + minute, 1)
    rig.exchange.advance(MORNING + 31 * MINUTE_NS)
    bars = History(rig.exchange).page("bars", {"symbols": "AAPL", "timeframe": frame})[1]["bars"]["AAPL"]
    assert [bar["t"][11:16] for bar in bars] == starts
    assert [bar["v"] for bar in bars] == volumes
    assert (bars[0]["o"], bars[-1]["c"]) == (230.0, 230.3)
