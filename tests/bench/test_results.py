"""The table of figures: a missed target is said to be missed, and a wrong result has no speed."""

import pytest

from bench.run import ROWS, Figure, Row, Verdict, judge, table

OURS = Figure("quarterdeck", ("ours.py",), ("events_per_s",))
PEER = Figure("other", ("peer.py",), ("latency", "p50"))


def lines(ours: object, peer: object) -> dict:
    return {OURS.command: [{"events_per_s": ours}], PEER.command: [{"latency": {"p50": peer}}]}


@pytest.mark.parametrize(
    ("ours", "peer", "lower_is_better", "ratio", "word"),
    [
        (30.0, 10.0, False, 3.0, "met"),
        (29.0, 10.0, False, 2.9, "**missed**"),
        (10.0, 30.0, True, 3.0, "met"),
        (11.0, 30.0, True, 30 / 11, "**missed**"),
    ],
)
def test_target_is_a_multiple_of_the_peer(
    ours: float, peer: float, lower_is_better: bool, ratio: float, word: str
) -> None:
    verdict = judge(Row("row", "x/s", OURS, PEER, 3, lower_is_better), lines(ours, peer))
    assert verdict.ratio == pytest.approx(ratio)
    assert verdict.word == word


@pytest.mark.parametrize(("ours", "word"), [(2e6, "met"), (1.9e6, "**missed**")])
def test_target_without_a_peer_is_the_figure(ours: float, word: str) -> None:
    assert judge(Row("row", "x/s", OURS, target=2e6), lines(ours, None)).word == word


def test_row_without_a_target_is_shown() -> None:
    assert judge(Row("row", "x/s", OURS, PEER), lines(1.0, 2.0)).word == "shown"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"events_per_s": 1e9, "ok": False, "diff": ["fills 3 != 4"]}, "quarterdeck: wrong result: fills 3 != 4"),
        ({"error": "took more than 900 s"}, "quarterdeck: took more than 900 s"),
        ({"fills": 4}, "quarterdeck: no events_per_s in what it printed"),
    ],
)
def test_run_without_a_right_result_is_not_measured(line: dict, said: str) -> None:
    verdict = judge(Row("row", "x/s", OURS, target=1), {OURS.command: [{"events_per_s": 5.0}, line]})
    assert verdict.word == "**not measured**"
    assert verdict.problems == (said,)
    assert f"- row: {said}" in table([verdict])


def test_figure_of_several_rounds_is_the_median() -> None:
    runs = {OURS.command: [{"events_per_s": number} for number in (1e6, 9e6, 2e6)]}
    assert "| 2 M (1 M to 9 M) |" in table([judge(Row("row", "x/s", OURS, target=2e6), runs)])


def test_missed_row_says_by_how_much_and_why() -> None:
    row = Row("row", "x/s", OURS, PEER, 4, why="half of the time is spent in the strategy")
    assert "- row: missed, at 50% of the target; half of the time is spent in the strategy" in table(
        [judge(row, lines(20.0, 10.0))]
    )


def test_every_row_can_be_drawn_without_figures() -> None:
    drawn = table([Verdict(row) for row in ROWS])
    assert all(row.name in drawn for row in ROWS)
