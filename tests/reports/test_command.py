"""What is tested: `quarterdeck.reports.command`, `quarterdeck.reports.books` and `quarterdeck.cli.reconcile`: a day of
a desk against its venue's own statement, as a file and an exit code.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

import quarterdeck.cli.reconcile
from quarterdeck.cli.shared import app
from quarterdeck.config import DeskConfig
from quarterdeck.errors import ConfigError, DataError, JournalCorrupt
from quarterdeck.journal import JournalWriter
from quarterdeck.kernel.vocabulary import EventKind, OrderType, Side, TimeInForce
from quarterdeck.reports.books import DECOMPOSITION, day_of
from quarterdeck.reports.command import ATTEMPTS, reconcile_desk
from quarterdeck.reports.reconciliation import Reconciliation
from quarterdeck.venues.messages import AskFills, FillsAnswer
from tests.reports.builders import (
    BEGIN_NS,
    CASH,
    DATE,
    DAY,
    HOUR,
    NOW_NS,
    ON_THE_DAY,
    OPTIONS,
    OTHERS,
    SOL,
    TRADES,
    XRP,
    StatementVenue,
    VenueBooks,
    desk_in,
    event,
    fill_event,
    journal_of,
    opening,
    trade,
)
from tests.runtime.recording import BOTH, market_data, record, write_desk
from tests.twins.serving import Ear, Serving, place, venue_at


@pytest.fixture(autouse=True)
def _no_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def config(tmp_path: Path) -> DeskConfig:
    made = desk_in(tmp_path)
    journal_of(made)
    return made


def look(
    config: DeskConfig, books: VenueBooks, day: str = DATE, now_ns: int = NOW_NS, **words: Any
) -> tuple[Reconciliation, Path]:
    venue = StatementVenue(books, now_ns=now_ns, **words)
    found = reconcile_desk(config, day, opens=opening(venue), wall_ns=lambda: now_ns, pause=lambda _: None)
    assert venue.closed
    return found


def test_a_clean_day(config: DeskConfig) -> None:
    report, path = look(config, VenueBooks.true())
    assert path == config.folder / "reports" / "reconciliation" / f"exchange_vs_ledger_{DATE}.json"
    written = json.loads(path.read_text())
    assert written == report.as_dict()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert report.clean, report.lines()
    assert written["trade_reconciliation"]["matched_trades"] == len(ON_THE_DAY)
    assert written["position_reconciliation"]["compared"] == 2
    assert written["balance_reconciliation"]["compared"] == 1


def without(place: int) -> Callable[[VenueBooks], None]:
    def change(books: VenueBooks) -> None:
        del books.fills[place]

    return change


def altered(place: int, **words: Any) -> Callable[[VenueBooks], None]:
    def change(books: VenueBooks) -> None:
        books.fills[place] = msgspec.structs.replace(books.fills[place], **words)

    return change


def held(instrument: int, lots: int) -> Callable[[VenueBooks], None]:
    def change(books: VenueBooks) -> None:
        books.holdings[instrument] = lots

    return change


def paid(units: int) -> Callable[[VenueBooks], None]:
    def change(books: VenueBooks) -> None:
        books.cash += units

    return change


def added(books: VenueBooks) -> None:
    books.fills.append(trade(99, BEGIN_NS + 7 * HOUR, SOL, 1, 20_000, 1))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without(2), "trade 3 is ledger_only: BUY 50 XRP at 1.0100"),
        (without(6), "trade 7 is ledger_only: BUY 0.5 SOL at 201.00"),
        (added, "trade 99 is exchange_only: BUY 0.1 SOL at 200.00"),
        (altered(3, quantity=11), "trade 4 of SOL: quantity is 1.1 at the exchange and 1.0 in the ledger"),
        (altered(3, price=20_501), "trade 4 of SOL: price is 205.01 at the exchange and 205.00 in the ledger"),
        (altered(5, fee=5_000_000), "trade 6 of XRP: fee is 0.05000000 at the exchange and 0.00001000 in the ledger"),
        (altered(5, side=Side.SELL), "trade 6 is exchange_only: SELL 20 XRP"),
        (altered(6, venue_time_ns=BEGIN_NS + DAY), "trade 7 is ledger_only"),
        (held(SOL, 26), "position SOL is 2.6 at the exchange and 2.5 in the ledger"),
        (held(XRP, 0), "position XRP is 0 at the exchange and -23 in the ledger"),
        (paid(1), "cash practice/USDC"),
    ],
)
def test_whatever_differs_is_dirty_and_named(
    config: DeskConfig, change: Callable[[VenueBooks], None], named: str
) -> None:
    books = VenueBooks.true()
    change(books)
    report, path = look(config, books)
    assert not report.clean
    assert json.loads(path.read_text())["overall_status"] == "DIRTY"
    assert any(named in line for line in report.lines()), report.lines()


def test_fees_may_differ_a_little(config: DeskConfig) -> None:
    books = VenueBooks.true()
    altered(5, fee=1_001)(books)
    assert look(config, books)[0].clean  # a hundredth of a basis point of 20 XRP is 20 units
    strict = config.model_copy(update={"ledger": config.ledger.model_copy(update={"fee_tolerance_bps": Decimal(0)})})
    assert not look(strict, books)[0].clean


def test_what_made_the_result(config: DeskConfig) -> None:
    shown = look(config, VenueBooks.true())[0].as_dict()
    parts = {name: Decimal(value) for name, value in shown["pnl_decomposition"].items()}  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType] JSON
    assert tuple(parts) == DECOMPOSITION
    # XRP: 100 at 10,000 and 50 at 10,100, on average 10,033.3; 150 of 200 sold at 10,300 close it. SOL: 10 at +500.
    directional = Decimal(150 * 10_300 - 100 * 10_000 - 50 * 10_100) * 10_000 + Decimal(10 * 500) * 100_000
    assert parts["directional"] == (directional + (50 * 10_300 - 20 * 10_200 - 30 * 10_300) * 10_000).scaleb(-8)
    assert parts["fees_paid"] == Decimal(5_000 + 2_000 + 1_000 + 900).scaleb(-8)
    assert parts["rebates"] == Decimal(3_000).scaleb(-8)
    assert parts["funding"] == Decimal(-7_000).scaleb(-8)
    assert parts["borrow_costs"] == Decimal(1_500).scaleb(-8)
    assert parts["fees_received"] == Decimal(600).scaleb(-8)
    assert (parts["gas"], parts["adjustment"], parts["slippage"]) == (0, 0, 0)
    pnl: Any = shown["pnl_reconciliation"]
    assert Decimal(pnl["ledger_pnl"]) == parts["directional"] - parts["fees_paid"] + parts["rebates"]
    # Held when the day began: 100 XRP and 30 SOL at their marks. When the next one began, and the last fill was not
    # heard yet: -30 XRP from 10,300, marked at 10,400, and 20 SOL at their mark.
    assert parts["inventory"] == Decimal(-30 * 100 * 10_000).scaleb(-8)


def test_positions_of_an_older_day_are_as_of_now(config: DeskConfig) -> None:
    report, _ = look(config, VenueBooks.true(), day="2026-11-19")
    shown: Any = report.as_dict()
    assert report.clean, report.lines()
    assert shown["position_reconciliation"]["compared"] == 2
    assert shown["trade_reconciliation"]["total_ledger_trades"] == 2


def test_a_ledger_that_ends_on_the_day_has_no_positions_of_now(tmp_path: Path) -> None:
    config = desk_in(tmp_path)
    journal_of(config, TRADES[:6], OTHERS[:-1])
    report, _ = look(config, VenueBooks.true(TRADES[:6]))
    shown: Any = report.as_dict()
    assert shown["position_reconciliation"]["reconciliation_status"] == "NOT_COMPARED"
    assert DATE in shown["balance_reconciliation"]["why"]
    assert report.clean


def test_today_counts_up_to_the_venues_now(tmp_path: Path) -> None:
    config = desk_in(tmp_path)
    journal_of(config, TRADES[:5], OTHERS[:-1])
    books, now_ns = VenueBooks.true(TRADES[:5]), BEGIN_NS + 7 * HOUR
    report, _ = look(config, books, now_ns=now_ns)
    shown: Any = report.as_dict()
    assert report.clean, report.lines()
    assert (shown["trade_reconciliation"]["matched_trades"], shown["position_reconciliation"]["compared"]) == (3, 2)


def test_a_fill_on_its_way_is_looked_for_again(tmp_path: Path) -> None:
    """The venue has it in its books, the desk hears of it a moment later."""
    config = desk_in(tmp_path)
    journal_of(config, TRADES[:4], OTHERS[:-1])
    books, now_ns = VenueBooks.true(TRADES[:5]), BEGIN_NS + 7 * HOUR
    pauses: list[float] = []

    def hear(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            journal_again(config, now_ns)

    venue = StatementVenue(books, now_ns=now_ns)
    report, _ = reconcile_desk(config, DATE, opens=opening(venue), wall_ns=lambda: now_ns, pause=hear)
    assert report.clean, report.lines()
    assert len(pauses) == 1


def journal_again(config: DeskConfig, now_ns: int) -> None:
    """The desk goes on, and hears the fifth trade late."""
    late = fill_event(TRADES[4], now_ns - TRADES[4].venue_time_ns)
    with JournalWriter(config.folder / "data" / "journal", "tester", OPTIONS) as writer:
        writer.append(late)


def test_what_stays_different_today_is_dirty(tmp_path: Path) -> None:
    config = desk_in(tmp_path)
    journal_of(config, TRADES[:4], OTHERS[:-1])
    pauses: list[float] = []
    now_ns = BEGIN_NS + 7 * HOUR
    venue = StatementVenue(VenueBooks.true(TRADES[:5]), now_ns=now_ns)
    report, _ = reconcile_desk(config, DATE, opens=opening(venue), wall_ns=lambda: now_ns, pause=pauses.append)
    assert not report.clean
    assert len(pauses) == ATTEMPTS - 1


# Bought at 10,000, bought at 10,200, sold at 10,300: the desk hears of the second purchase after the sale.
OUT_OF_ORDER = (
    trade(11, BEGIN_NS + HOUR, XRP, 1, 10_000, 100, 10_000),
    trade(12, BEGIN_NS + 2 * HOUR, XRP, 1, 10_200, 60, 5_000),
    trade(13, BEGIN_NS + 3 * HOUR, XRP, -1, 10_300, 100, 4_000),
)


@pytest.mark.parametrize("missing", [0, 1, -1])
def test_fills_heard_in_another_order_are_clean_and_a_missing_unit_is_not(tmp_path: Path, missing: int) -> None:
    config = desk_in(tmp_path)
    journal_of(config, (OUT_OF_ORDER[0], OUT_OF_ORDER[2]), (*OTHERS, fill_event(OUT_OF_ORDER[1], 2 * HOUR)))
    books = VenueBooks.true(OUT_OF_ORDER)
    # Of the 60 left each cost 10,075 at the venue, on average; here 10,200, and so much more is in cash.
    assert books.costs[XRP] == 60 * 10_075 * 10_000
    books.cash -= missing
    report, _ = look(config, books)
    assert report.clean is (not missing), report.lines()
    shown: Any = report.as_dict()
    assert shown["trade_reconciliation"]["reconciliation_status"] == "CLEAN"
    assert shown["pnl_reconciliation"]["reconciliation_status"] == "CLEAN"
    assert [Decimal(one["difference"]) for one in shown["balance_reconciliation"]["discrepancies"]] == (
        [Decimal(-missing).scaleb(-8)] if missing else []
    )


def nothing_written(config: DeskConfig) -> bool:
    return not (config.folder / "reports").exists()


@pytest.mark.parametrize(("day", "said"), [("2026-11-18", "no journal of 2026-11-18"), ("2026-11-20", None)])
def test_a_day_without_a_journal(config: DeskConfig, day: str, said: str | None) -> None:
    if said is None:
        assert look(config, VenueBooks.true(), day=day)[0].clean
        return
    with pytest.raises(DataError, match=said):
        look_at_nothing(config, day)
    assert nothing_written(config)


def look_at_nothing(config: DeskConfig, day: str) -> None:
    """The venue need not even be asked."""

    def refuse(_config: DeskConfig, _row: int) -> StatementVenue:
        raise AssertionError("the venue was asked")

    reconcile_desk(config, day, opens=refuse, wall_ns=lambda: NOW_NS + 100 * DAY)


def test_a_day_after_the_journals_end(config: DeskConfig) -> None:
    with pytest.raises(DataError, match="it holds 2026-11-19 to 2026-11-21"):
        look_at_nothing(config, "2026-11-25")


def test_no_journal_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no journal of {DATE}") as raised:
        look_at_nothing(desk_in(tmp_path), DATE)
    assert raised.value.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_a_journal_that_was_changed_is_no_missing_day(config: DeskConfig) -> None:
    path = next((config.folder / "data" / "journal").glob("*.qdj"))
    raw = bytearray(path.read_bytes())
    raw[4096 + 64 * 3 + 30] ^= 1
    path.write_bytes(raw)
    with pytest.raises(JournalCorrupt):
        look_at_nothing(config, DATE)


@pytest.mark.parametrize("day", ["2026-11-31", "yesterday", "2026-12-24", "1969-12-31"])
def test_a_day_that_is_none(config: DeskConfig, day: str) -> None:
    with pytest.raises(ConfigError, match="--date"):
        look(config, VenueBooks.true(), day=day)


def test_a_venue_that_is_away(config: DeskConfig) -> None:
    patient = config.model_copy(update={"ledger": config.ledger.model_copy(update={"statement_timeout_s": 1})})
    with pytest.raises(DataError, match=r"venue practice: .*not connected.*nothing was written"):
        look(patient, VenueBooks.true(), fails=10**9)
    assert nothing_written(config)


class Yesterdays(StatementVenue):
    """A venue whose statement ends before the day does."""

    def _answer(self, request: Any) -> Any:
        answer = super()._answer(request)
        if isinstance(request, AskFills) and isinstance(answer, FillsAnswer) and not answer.more:
            return msgspec.structs.replace(answer, until_ns=BEGIN_NS + 23 * HOUR)
        return answer


def test_a_statement_that_ends_too_early(config: DeskConfig) -> None:
    venue = Yesterdays(VenueBooks.true())
    with pytest.raises(DataError, match="end before the day does"):
        reconcile_desk(config, DATE, opens=opening(venue), wall_ns=lambda: NOW_NS)
    assert nothing_written(config)


def test_a_simulated_venue_has_no_statement(tmp_path: Path) -> None:
    config = write_desk(tmp_path)
    record(tmp_path, config, BOTH, market_data(20))
    found = CliRunner().invoke(app, ["reconcile", str(tmp_path), "--date", "2023-11-14"])
    assert isinstance(found.exception, DataError)
    assert "no statement from outside" in str(found.exception)
    assert found.exception.exit_code == 2
    assert nothing_written(config)


@pytest.mark.parametrize(("ns", "day"), [(0, "1970-01-01"), (BEGIN_NS - 1, "2026-11-19"), (BEGIN_NS, DATE)])
def test_day_of(ns: int, day: str) -> None:
    assert day_of(ns) == day


def test_with_a_real_exchange(tmp_path: Path) -> None:
    """Orders over a socket, the exchange's own books, the command: clean; then one trade more at the exchange."""
    assert quarterdeck.cli.reconcile.__all__
    with Serving(tmp_path, port=True) as serving:
        config = desk_in(tmp_path / "desk", str(serving.address))
        venue, ear = venue_at(serving.address), Ear()
        venue.open(ear)
        ear.line(up=True)
        serving.quote(9_990, 10_010)
        market = {"price": 0, "order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
        for number, (side, lots) in enumerate(((Side.BUY, 30), (Side.SELL, 50), (Side.BUY, 5)), 1):
            venue.send(place(number, number, side=side, quantity=lots, **market))
        venue.send(AskFills(request_id=50, since_ns=0))
        fills = ear.next(FillsAnswer).fills
        assert [one.quantity for one in fills] == [30, 50, 5]
        begun = event(EventKind.TRANSFER, BEGIN_NS - 11 * HOUR, row=0, amount=CASH)
        journal_of(config, fills, [begun])
        day = day_of(fills[-1].venue_time_ns)
        words = ["reconcile", str(config.folder), "--date", day]
        clean = CliRunner().invoke(app, words)
        assert clean.exit_code == 0, clean.output
        assert f"{day}: CLEAN: of 3 trades" in clean.output
        venue.send(place(9, 9, side=Side.BUY, quantity=4, **market))
        venue.send(AskFills(request_id=51, since_ns=fills[-1].venue_time_ns + 1))
        (unheard,) = ear.next(FillsAnswer, lambda answer: answer.request_id == 51).fills
        dirty = CliRunner().invoke(app, [*words, "--json"])
        assert dirty.exit_code == 1, dirty.output
        shown = json.loads(dirty.output)
        assert [one["trade_id"] for one in shown["trade_reconciliation"]["unmatched_trades"]] == [unheard.trade_id]
        assert [one["field"] for one in shown["position_reconciliation"]["discrepancies"]] == ["position XRP"]
        assert shown["balance_reconciliation"]["reconciliation_status"] == "DIRTY"
        venue.close()
