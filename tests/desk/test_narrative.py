"""Words for people: money as text, and the lines that logs, tally and viewer are made of."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from quarterdeck.config import load_desk
from quarterdeck.desk.demo import Viewer
from quarterdeck.desk.loop import run_session
from quarterdeck.desk.narrative import Line, Narrator, money_text
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.status import positions, profit
from quarterdeck.desk.tally import Tally
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import ConnectionState, EventKind, Flag, LedgerAccount
from tests.desk.builders import REPOSITORY, Buyer, Idle, Quoter, desk_folder, session


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


ORDER = 3 << 40 | 17
PLACE = {"instrument": "XRP", "strategy": "BUY"}


@pytest.mark.parametrize(
    ("words", "channel", "fields"),
    [
        (
            {"kind": EventKind.ORDER_ACCEPTED, "order_id": ORDER},
            "trading",
            {"order_id": "3-17", **PLACE},
        ),
        (
            {
                "kind": EventKind.ORDER_REPLACED, "order_id": ORDER, "price": 1_200_000, "quantity": 15,
                "flags": Flag.SELL,
            },
            "trading",
            {"order_id": "3-17", **PLACE, "side": "SELL", "price": "1.2", "quantity": "15"},
        ),
        (
            {"kind": EventKind.CONNECTION, "strategy": -1, "value": ConnectionState.DOWN},
            "system",
            {"venue": "hyperliquid", "state": "DOWN"},
        ),
        (
            {"kind": EventKind.CONNECTION, "strategy": -1, "value": ConnectionState.UP},
            "system",
            {"venue": "hyperliquid", "state": "UP"},
        ),
        (
            {"kind": EventKind.RECONCILED, "strategy": -1, "value": 1_700_000_000_123_456_789},
            "system",
            {"venue": "hyperliquid", "until": "2023-11-14T22:13:20.123456789Z"},
        ),
        (
            {"kind": EventKind.FUNDING_PAYMENT, "strategy": -1, "amount": -12_345_000},
            "trading",
            {"instrument": "XRP", "strategy": "all", "amount": "-0.12345"},
        ),
    ],
    ids=lambda value: str(value.get("kind", "")) if isinstance(value, dict) else str(value),
)  # fmt: skip
def test_what_venues_report_is_told_by_name(
    tmp_path: Path, words: dict[str, int], channel: str, fields: dict[str, object]
) -> None:
    told: list[Line] = []
    narrator = Narrator(desk_folder(tmp_path / "desk"), told.append)
    event = new_events(1)
    event["time_ns"] = 1_700_000_000_000_000_000
    for word, value in words.items():
        event[word] = value
    narrator.hear(event[0], 42)
    (line,) = told
    assert (line.channel, line.event) == (channel, EventKind(words["kind"]).name)
    assert line.as_dict() == {"time": "2023-11-14T22:13:20.000000000Z", "sequence": 42, **fields}


def test_a_fill_of_an_attempt_says_what_it_earned_and_paid() -> None:
    """On a chain money moves by charges; they come before the fill that closes the order."""
    told: list[Line] = []
    narrator = Narrator(load_desk(REPOSITORY / "desks" / "quant-arbitrage"), told.append)
    events = new_events(4)
    order = 3 << 40 | 17
    rows = (
        (0, LedgerAccount.REALISED, -12_345_678),
        (0, LedgerAccount.PREMIUM, 45),
        (1, LedgerAccount.GAS, 21_000_000),
    )
    for event, (row, column, amount) in zip(events, rows, strict=False):
        event["kind"], event["row"], event["column"], event["amount"] = EventKind.CHARGE, row, column, amount
        event["trade_id"], event["tag"] = 7, order
    events[3]["kind"], events[3]["order_id"], events[3]["quantity"] = EventKind.FILL, order, 5_000_000
    for event in (*events[:3], events[0], events[3]):  # a venue tells charges again
        narrator.hear(event, 1)
    assert told[0].fields == {
        "order_id": "3-17", "instrument": "USDC-CYCLE", "strategy": "CYCLES", "what": "earned", "amount": "12.345678",
        "currency": "USDC",
    }  # fmt: skip
    assert told[-1].fields["charges"] == ["earned 12.345678 USDC", "premium 0.000045 USDC", "gas 0.0021 ETH"]


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
    assert all(Decimal(line["mid"]) > 0 for line in lines if line["event"] == "ORDER_SUBMITTED")
    total = profit(desk.desk.states).total
    assert total == int(desk.desk.states[0]["equity"]) - 10_000 * 10**8
    assert [one["quantity"] for one in positions(desk.desk.states, config, desk.names)] == ["20"]
    system = [json.loads(line)["event"] for line in (config.folder / "logs" / "system.log").read_text().splitlines()]
    assert system[0] == "SESSION_OPENED"
    assert system[-1] == "SESSION_CLOSED"
