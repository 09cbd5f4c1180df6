"""The page is whole in itself and says what the result says."""

import re
from dataclasses import replace

import pytest

from quarterdeck.market import FileQuality, Finding, Quality
from quarterdeck.research import BacktestResult, Sharpe, render_page
from quarterdeck.research.charts import time_ticks, value_ticks
from tests.research.builders import run, wandering_bars, write


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> BacktestResult:
    return run(write(tmp_path_factory.mktemp("data") / "sim_ABCUSDT_5m.parquet", wandering_bars(400)))


def test_the_page_needs_nothing_else(result: BacktestResult) -> None:
    page = render_page(result)
    assert not re.search(r"https?:|//cdn|<script|<link|@import|url\(", page)
    assert page.startswith("<!doctype html>")
    assert "$" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_page_says_the_figures(result: BacktestResult) -> None:
    page = render_page(result)
    for said in (result.digest, f"{result.fills:,}", f"{result.orders:,}", "BUY", "SCALP", "ABCUSDT", "Drawdown"):
        assert said in page
    assert page.count("<svg") == 3
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower()


def test_what_is_unknown_is_said_to_be(result: BacktestResult) -> None:
    page = render_page(replace(result, sharpe=Sharpe(None, "none: fewer than 30 returns of at least 1 h")))
    assert "n/a" in page
    assert "fewer than 30 returns" in page


def test_names_and_findings_from_files_are_escaped(result: BacktestResult) -> None:
    finding = Finding("odd_thing", 3, 7, True, "<script>alert(1)</script>")
    quality = Quality((FileQuality("<b>.csv", "bars", 10, 3, 7, (finding,), {}),))
    page = render_page(replace(result, data=replace(result.data, quality=quality)))
    assert "<script>" not in page
    assert "&lt;b&gt;.csv" in page
    assert "odd thing" in page


@pytest.mark.parametrize(("low", "high"), [(0, 1), (9917.8, 10_012.2), (-8.9, 0), (5, 5), (0, 0), (1e-8, 3e-8)])
def test_ticks_stand_inside_the_axis_and_are_told_apart(low: float, high: float) -> None:
    axis = value_ticks(low, high)
    assert axis.low <= low <= high <= axis.high
    assert all(axis.low <= at <= axis.high for at, _ in axis.ticks)
    labels = [label for _, label in axis.ticks]
    assert len(labels) >= 2
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("span", [0.5, 5, 343, 86_400, 5 * 86_400, 40 * 86_400, 250 * 86_400, 23 * 365 * 86_400])
def test_times_have_a_few_ticks_at_any_span(span: float) -> None:
    axis = time_ticks(1_704_067_200.0, 1_704_067_200.0 + span)
    assert len(axis.ticks) <= 9
    assert all(axis.low <= at <= axis.high for at, _ in axis.ticks)
    assert len({label for _, label in axis.ticks}) == len(axis.ticks)
