"""Words for people: money as text, and the lines that logs, tally and viewer are made of."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from quarterdeck.desk.demo import Viewer
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.narrative import Line, money_text
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.status import positions, profit
from quarterdeck.desk.tally import Tally
from tests.desk.builders import Buyer, Idle, Quoter, desk_folder, session


@pytest.mark.parametrize(
    ("units", "exponent", "places", "text"),
    [
        (999_984_381_022, 8, 2, "9,999.84"),
        (-15_618_978, 8, 4, "-0.1562"),
        (0, 8, 2, "0.00"),
        (-1, 8, 2, "0.00"),
        (12_345, 2, 4, "123.4500"),
    ],
)
def test_money_is_rounded_for_people(units: int, exponent: int, places: int, text: str) -> None:
    assert money_text(units, exponent, places) == text


def test_a_tally_follows_the_deepest_fall() -> None:
    tally = Tally()
    for equity in (100, 120, 90, 130, 125):
        tally.see_equity(equity)
    assert (tally.peak, tally.drawdown, tally.drawdown_share) == (130, 30, 0.25)
    tally.take(Line("trading", "RISK_BLOCK", 1, 1, {"reason": "PRICE_COLLAR"}))
    assert tally.rejected == {"PRICE_COLLAR": 1}


def test_a_session_leaves_logs_that_join_and_a_summary(tmp_path: Path) -> None:
    config, written = desk_folder(tmp_path / "desk"), io.StringIO()
    viewer = Viewer(config, Console(file=written, width=120), every_s=0.2)
    desk = session(config, DeskPlace(config.folder), sources=(Buyer, Quoter, Idle), tell=viewer.tell, say=viewer.say)
    viewer.session = desk
    run_session(desk, 1.5, each=viewer.each)
    viewer.summary(desk, "xrpliquid")
    told = written.getvalue()
    assert "equity" in told
    assert desk.desk.digest.hex() in told
    lines = [json.loads(line) for line in (config.folder / "logs" / "trading.log").read_text().splitlines()]
    submitted = {line["order_id"] for line in lines if line["event"] == "ORDER_SUBMITTED"}
    filled = {line["order_id"] for line in lines if line["event"] == "ORDER_FILLED"}
    decided = {line["order_id"] for line in lines if line["event"] == "RISK_DECISION"}
    assert filled <= submitted <= decided
    assert filled
    total = profit(desk.desk.states).total
    assert total == int(desk.desk.states[0]["equity"]) - 10_000 * 10**8
    assert [one["quantity"] for one in positions(desk.desk.states, config, desk.names)] == ["20"]
    system = [json.loads(line)["event"] for line in (config.folder / "logs" / "system.log").read_text().splitlines()]
    assert system[0] == "SESSION_OPENED"
    assert system[-1] == "SESSION_CLOSED"
