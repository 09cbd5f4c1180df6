"""The parts of the API that need no running desk.

What is tested: `quarterdeck.ops.api.recent`, `quarterdeck.ops.api.idempotency`, `quarterdeck.ops.api.tables`,
`quarterdeck.ops.api.logbook`, `quarterdeck.ops.api.replies`, `quarterdeck.ops.api.views`, `quarterdeck.ops.api.pages`,
`quarterdeck.ops.api.asking`, `quarterdeck.ops.api.people`, `quarterdeck.ops.api.alerts`,
`quarterdeck.ops.api.incidents`, `quarterdeck.ops.api.stream`.
"""

import asyncio
import json
import logging
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import OpsError
from quarterdeck.ops.api.asking import found, possible
from quarterdeck.ops.api.idempotency import Answers, Kept, fingerprint
from quarterdeck.ops.api.logbook import Logbook
from quarterdeck.ops.api.pages import dashboard
from quarterdeck.ops.api.problems import Problem
from quarterdeck.ops.api.recent import Recent
from quarterdeck.ops.api.replies import SecretReply, encode
from quarterdeck.ops.api.views import aggregate_portfolio, currency_of, position_list, risk_limits
from quarterdeck.ops.figures import DeskFigures
from quarterdeck.ops.store import Store
from tests.ops.figures.rig import open_desk

ORDER = {"order_id": "1-1", "instrument": "XRP", "strategy": "SCALP", "side": "BUY", "price": "1.2", "quantity": "10"}


def line(event: str, second: int, **fields: Any) -> str:
    facts = {"time": f"2026-05-02T10:00:{second:02}Z", "sequence": second, **ORDER, **fields, "event": event}
    return json.dumps(facts) + "\n"


def fill(second: int, trade: int, quantity: str) -> str:
    return line("ORDER_FILLED", second, trade_id=trade, quantity=quantity, fee="0.01", liquidity="maker")


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_an_orders_way_is_told_from_the_log(tmp_path: Path) -> None:
    path = tmp_path / "trading.log"
    recent = Recent("d", path)
    assert recent.fills() == []
    path.write_text(
        line("SIGNAL_GENERATED", 0, reason="SIGNAL_ENTRY") + line("ORDER_SUBMITTED", 1) + line("ORDER_ACCEPTED", 2)
    )
    with path.open("a") as file:
        file.write(fill(3, 7, "4") + fill(4, 7, "4") + fill(5, 8, "6"))
    assert [one.trade_id for one in recent.fills()] == [7, 8]  # a repeat is no fill
    steps = [(one.from_state, one.to_state) for one in recent.steps("1-1")]
    assert steps == [
        ("NEW", "SUBMITTED"),
        ("SUBMITTED", "ACCEPTED"),
        ("ACCEPTED", "PARTIALLY_FILLED"),
        ("PARTIALLY_FILLED", "FILLED"),
    ]
    assert recent.fills_on("2026-05-02") == 2
    assert recent.signals()[0].price == Decimal("1.2")
    with path.open("a") as file:
        file.write(fill(6, 9, "1"))
    assert len(recent.fills()) == 3
    assert recent.clear() > 0
    assert len(recent.fills()) == 3  # read anew
    recent.close()


def test_a_day_that_was_not_read_whole_has_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trading.log"
    path.write_text("".join(fill(second % 60, second, "1") for second in range(100)))
    monkeypatch.setattr("quarterdeck.ops.api.recent._TAIL", 2_000)
    recent = Recent("d", path)
    assert recent.fills_on("2026-05-02") is None
    assert recent.fills_on("2026-05-03") == 0
    assert len(recent.fills()) < 100
    recent.close()


def test_a_key_is_done_once(store: Store) -> None:
    answers, kept = Answers(store), Kept(200, "application/json", b"{}")
    one = fingerprint("POST", "1/kill?", b"")
    assert answers.begin("me", "k", one) is None
    with pytest.raises(Problem, match="under way") as running:
        answers.begin("me", "k", one)
    assert running.value.status == 409
    assert answers.begin("you", "k", one) is None
    answers.end("me", "k", kept)
    assert answers.begin("me", "k", one) == kept
    with pytest.raises(Problem, match="another request") as other:
        answers.begin("me", "k", fingerprint("POST", "1/kill?", b"x"))
    assert other.value.status == 422
    answers.forget("you", "k")
    assert answers.begin("you", "k", one) is None
    for bad in ("", "a b", "x" * 256, "\u00fc"):
        with pytest.raises(Problem, match="printable"):
            answers.begin("me", bad, one)


def test_money_is_written_with_all_its_digits() -> None:
    assert encode({"a": Decimal("0.1000000000000000000001")}) == b'{"a":0.1000000000000000000001}'
    reply = SecretReply({"token": "s", "id": 1}, "token", 201)
    assert (bytes(reply.body), reply.kept) == (b'{"token":"s","id":1}', b'{"token":null,"id":1}')


def test_the_log_has_the_servers_errors(tmp_path: Path) -> None:
    log = Logbook(tmp_path)
    try:
        raise ValueError("planted")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it failed")
    log.error("PART_FAILED", part="alerts")
    log.close()
    lines = [json.loads(one) for one in log.path.read_text().splitlines()]
    assert [(one["level"], one["event"]) for one in lines] == [
        ("INFO", "OPS_STARTED"),
        ("ERROR", "SERVER"),
        ("ERROR", "PART_FAILED"),
    ]
    assert "planted" in lines[1]["trace"]


def test_what_is_not_there_and_what_cannot_be_are_problems_and_a_broken_store_is_not(store: Store) -> None:
    def absent() -> None:
        raise OpsError("there is none")

    with pytest.raises(Problem) as none:
        asyncio.run(found(absent))
    assert none.value.status == 404
    with pytest.raises(Problem) as cannot:
        asyncio.run(possible(absent, 409))
    assert cannot.value.status == 409

    def broken() -> None:
        with store.writing() as opened:
            opened.exec_driver_sql("select nothing")

    with pytest.raises(OpsError) as failed:
        asyncio.run(found(broken))
    assert not isinstance(failed.value, Problem)


@pytest.fixture
def figures(tmp_path: Path) -> Generator[DeskFigures]:
    desk = open_desk(tmp_path)
    desk.pump(lambda state: int(state["open_count"]) > 0)
    yield desk.figures()
    desk.close()


def test_figures_in_the_words_of_the_runbooks(figures: DeskFigures) -> None:
    page = dashboard([figures], ["absent"])
    assert figures.desk in page
    assert "absent has never run" in page
    assert position_list([figures])["currency"] == "USDC"
    limits = risk_limits(figures, {})
    assert limits["max_daily_loss"] == 500
    portfolio = aggregate_portfolio([figures])
    assert portfolio["baseline_equity_usd"] == 10_000


def test_currencies_are_summed_where_they_are_dollars(tmp_path: Path) -> None:
    class Said:
        def __init__(self, currency: str) -> None:
            self.base_currency = currency

    def one(*currencies: str) -> str:
        desks: Any = [Said(currency) for currency in currencies]
        return currency_of(desks)

    assert one("USDC") == "USDC"
    assert one("USD", "USDT") == "USD"
    with pytest.raises(Problem, match="EUR, USD"):
        one("EUR", "USD")
