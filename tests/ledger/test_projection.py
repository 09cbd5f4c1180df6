"""What is tested: `quarterdeck.ledger.projection`, with `quarterdeck.ledger.watch`, `quarterdeck.ledger.rows`,
`quarterdeck.ledger.cursor` and `quarterdeck.ledger.agreement`: rows that add up to the kernel, however they came.
"""

import dataclasses
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import delete, update

from quarterdeck.errors import LedgerError, ReplayError
from quarterdeck.journal import JournalReader
from quarterdeck.kernel.records import INSTRUMENTS, ORDERS
from quarterdeck.kernel.vocabulary import EventKind, InstrumentKind, InstrumentTerm, LedgerAccount, TimeInForce
from quarterdeck.ledger.agreement import POSITION_WORDS, balances, positions
from quarterdeck.ledger.database import Database
from quarterdeck.ledger.projection import project
from quarterdeck.ledger.tables import CURSORS, DAYS, ENTRIES, FILLS, MOVES
from tests.kernel.account_program import Life
from tests.kernel.desks import PRICE, SECOND
from tests.ledger.builders import LABELS, NAME, OPERATIONS, Step, Trader, all_rows, life, write_journal, write_life


def built(folder: Path, url: str | None = None, **words: Any) -> Database:
    database = Database(url or f"sqlite:///{folder / 'ledger.sqlite'}")
    project(database, LABELS, folder, **words)
    return database


def check_adds_up(database: Database, state: Any) -> None:
    """Sums of the rows against a state that the projection has never seen."""
    with database.reading() as line:
        booked, moved = balances(database, line, NAME), positions(database, line, NAME)
    for row, purse in enumerate(LABELS.purses[: int(state["accounts_count"])]):
        sums = [booked.get((purse.venue, purse.currency, account.name.lower()), 0) for account in LedgerAccount]
        assert sum(sums) == 0
        assert sums == [int(posting) for posting in state["accounts"][row]["postings"]]
    for index in range(int(state["instruments_count"])):
        name = LABELS.instruments[index]
        owners: list[tuple[str | None, Any]] = [(None, state["instruments"][index]["net"])]
        owners += [
            (LABELS.strategies[strategy], state["positions"][strategy * INSTRUMENTS + index])
            for strategy in range(int(state["strategies_count"]))
        ]
        for owner, position in owners:
            known = tuple(int(position[word]) for word in POSITION_WORDS)
            assert moved.get((name, owner), (0,) * 5) == known, (name, owner)


def check_leads_back(database: Database, folder: Path) -> None:
    """Every row names a record of its kind; every signal a record that can bring an order into being."""
    rows, reader = all_rows(database), JournalReader(folder)
    for name in ("ledger_entries", "ledger_moves"):
        for row in rows[name]:
            record = reader.record(row["sequence"])
            assert EventKind(int(record["kind"][0])).name == row["event"]
            assert int(record["time_ns"][0]) == row["time_ns"]
    for row in rows["ledger_fills"]:
        record = reader.record(row["sequence"])
        assert record["trade_id"][0] == row["trade_id"]
        assert record["price"][0] == row["price_ticks"]
        if row["signal"] is not None:
            asked = reader.record(row["signal"])
            kind = EventKind(int(asked["kind"][0]))
            if kind == EventKind.ORDER_REQUEST:
                assert LABELS.strategies[int(asked["strategy"][0])] == row["strategy"]
                assert LABELS.instruments[int(asked["instrument"][0])] == row["instrument"]
            else:
                assert row["reason_code"] == "emergency_exit"


def check_results(database: Database) -> None:
    """What the fills say was realised is what their owners' positions gained, and what the postings took as fees."""
    rows = all_rows(database)
    exponents = {purse.currency: purse.exponent for purse in LABELS.purses}
    owned = {(row["sequence"], row["strategy"]): row for row in rows["ledger_moves"]}
    for fill in rows["ledger_fills"]:
        move = owned[fill["sequence"], fill["strategy"]]
        assert fill["pnl_realized"].scaleb(exponents[fill["currency"]]) == move["realised"]
        assert fill["fee"].scaleb(exponents[fill["currency"]]) == fill["fee_units"] == move["fees"]
        assert move["quantity"] == (1 if fill["side"] == "BUY" else -1) * fill["quantity_lots"]


@given(OPERATIONS)
@settings(max_examples=60)
def test_rows_add_up_to_the_kernel(operations: list[Step]) -> None:
    trader = Trader().live(operations)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_life(folder, trader.desk)
        database = built(folder)
        check_adds_up(database, trader.desk.state)
        check_leads_back(database, folder)
        check_results(database)
        nets = trader.desk.state["instruments"]["net"]["fills"]
        assert len(all_rows(database)["ledger_fills"]) == int(nets.sum())


def test_charges_say_whose_they_are_and_a_cycle_is_a_fill_that_moves_nothing(tmp_path: Path) -> None:
    """An attempt included, told twice, taken back by a reorganised chain; then the same rows once more."""
    trader = Trader()
    desk = trader.desk
    for term, setting in ((InstrumentTerm.KIND, InstrumentKind.CYCLE), (InstrumentTerm.VALUE, 1)):
        desk.term(term, setting, 3)
    desk.quote(1, instrument=3)
    order = desk.order(1, 700, 1, instrument=3, strategy=2, time_in_force=TimeInForce.IOC)
    charges = ((LedgerAccount.REALISED, 2, -90), (LedgerAccount.PREMIUM, 2, 40), (LedgerAccount.GAS, 0, 20))
    for trade_id, sign in ((71, 1), (71, 1), (72, -1)):
        for column, row, amount in charges:
            words = {"column": column, "row": row, "amount": sign * amount, "trade_id": trade_id, "tag": order}
            desk.event(EventKind.CHARGE, instrument=3, strategy=2, **words)
        desk.fill(order, 700, 1, trade_id=70)
    write_life(tmp_path, desk)
    database = built(tmp_path)
    check_adds_up(database, desk.state)
    rows = all_rows(database)
    entries = [row for row in rows["ledger_entries"] if row["event"] == "CHARGE"]
    assert [(row["debit"], row["credit"], row["amount"], row["trade_id"]) for row in entries] == [
        ("cash", "realised", 90, 71), ("premium", "cash", 40, 71), ("gas", "cash", 20, 71),
        ("realised", "cash", 90, 72), ("cash", "premium", 40, 72), ("cash", "gas", 20, 72),
    ]  # fmt: skip
    known = {(row["strategy"], row["instrument"], row["order_id"]) for row in entries}
    assert known == {(LABELS.strategies[2], LABELS.instruments[3], order)}
    (fill,) = rows["ledger_fills"]
    assert (fill["trade_id"], fill["quantity_lots"], fill["pnl_realized"], fill["slippage_bps"]) == (70, 700, 0, 0)
    assert not rows["ledger_moves"]
    assert all_rows(built(tmp_path, rebuild=True)) == rows


def test_a_life_has_every_kind_of_posting(tmp_path: Path) -> None:
    write_life(tmp_path, life(3, 600).desk)
    database = built(tmp_path)
    check_results(database)
    rows = all_rows(database)
    accounts = {row[side] for row in rows["ledger_entries"] for side in ("debit", "credit")}
    assert accounts == {account.name.lower() for account in LedgerAccount}
    moved = {row["event"] for row in rows["ledger_moves"]}
    assert moved == {"FILL", "POSITION_ADOPTED", "SPLIT", "FUNDING", "FUNDING_PAYMENT"}
    fills = rows["ledger_fills"]
    assert {row["reason_code"] for row in fills} == {None, "signal_entry", "emergency_exit", "liquidated"}
    assert {row["order_state"] for row in fills} >= {None, "FILLED", "PARTIALLY_FILLED"}
    assert {row["person"] for row in fills} == {None, "operator-1", "operator-2"}
    assert {row["strategy"] for row in fills} == {None, *LABELS.strategies}
    assert len({row["day"] for row in rows["ledger_days"]}) > 5


def test_a_wild_life_adds_up(tmp_path: Path) -> None:
    wild = Life(11)
    for _ in range(4000):
        wild.step()
    write_life(tmp_path, wild.desk)
    check_adds_up(built(tmp_path), wild.desk.state)


@pytest.mark.parametrize("cuts", [(1,), (150, 151, 152), (63, 64, 65, 128, 400), (200, 1000)])
def test_step_by_step_gives_the_same_rows(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    """Whether the journal was sealed there or not, and whether the same block was sealed meanwhile."""
    tape = life(5, 500).desk.tape
    stops = [stop for stop in cuts if stop < len(tape)]
    database: Database | None = None
    for index, (first, stop) in enumerate(zip([0, *stops], [*stops, len(tape)], strict=True)):
        write_journal(tmp_path, tape[first:stop], seal=index % 2 == 0)
        database = built(tmp_path)
    assert database is not None
    rows = all_rows(database)
    assert all(rows.values())
    assert all_rows(built(tmp_path, f"sqlite:///{tmp_path / 'anew.sqlite'}")) == rows
    assert all_rows(built(tmp_path, rebuild=True)) == rows


def test_both_databases_hold_the_same(tmp_path: Path, postgres_url: str) -> None:
    tape = life(7, 500).desk.tape
    write_journal(tmp_path, tape[:700], seal=False)
    sqlite, postgres = built(tmp_path), built(tmp_path, postgres_url)
    write_journal(tmp_path, tape[700:])
    sqlite, postgres = built(tmp_path), built(tmp_path, postgres_url)
    rows = all_rows(sqlite)
    assert all_rows(postgres) == rows
    assert all(rows.values())
    assert all_rows(built(tmp_path, postgres_url, rebuild=True)) == rows


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    write_life(tmp_path, life(1, 50).desk)
    database = built(tmp_path)
    again = project(database, LABELS, tmp_path)
    assert (again.begin, again.rows) == (again.sequence, 0)
    assert again.sequence == JournalReader(tmp_path).next_sequence


def test_another_journal_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_journal(one, life(1, 200).desk.tape)
    write_journal(other, life(2, 300).desk.tape)
    built(one)
    shutil.copy(one / "ledger.sqlite", other / "ledger.sqlite")
    with pytest.raises(LedgerError, match=r"hash chain differs.*--rebuild"):
        built(other)
    assert all_rows(built(other, rebuild=True)) != all_rows(Database(f"sqlite:///{one / 'ledger.sqlite'}"))


def test_an_unsealed_end_that_became_another_is_refused(tmp_path: Path) -> None:
    """As after a power cut: the same seals, other records behind them."""
    tape = life(4, 60).desk.tape
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        write_journal(folder, tape[:100])
    write_journal(first, tape[100:120], seal=False)
    write_journal(second, tape[110:140], seal=False)
    built(first)
    shutil.copy(first / "ledger.sqlite", second / "ledger.sqlite")
    with pytest.raises(LedgerError, match="hash chain differs"):
        built(second)


def test_a_shorter_journal_is_refused(tmp_path: Path) -> None:
    tape = life(4, 60).desk.tape
    long, short = tmp_path / "long", tmp_path / "short"
    write_journal(long, tape)
    write_journal(short, tape[:100])
    built(long)
    shutil.copy(long / "ledger.sqlite", short / "ledger.sqlite")
    with pytest.raises(LedgerError, match=r"the journal has 0\.\.103"):
        built(short)


def test_another_desk_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path, life(4, 10).desk.tape)
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with pytest.raises(LedgerError, match="journal of desk harbour, not of island"):
        project(database, dataclasses.replace(LABELS, desk="island"), tmp_path)


def test_two_desks_share_a_database(tmp_path: Path, ledger_url: str) -> None:
    write_life(tmp_path, life(4, 100).desk)
    database = built(tmp_path, ledger_url)
    rows = all_rows(database)
    with database.writing("another") as line:
        for table in (ENTRIES, MOVES, FILLS, DAYS):
            database.insert(line, table, [{**row, "desk": "island"} for row in rows[table.name]])
    project(database, LABELS, tmp_path, rebuild=True)
    after = all_rows(database)
    for name, kept in rows.items():
        assert [row for row in after[name] if row["desk"] == NAME] == kept
        assert len(after[name]) == 2 * len(kept)


def test_names_may_only_grow(tmp_path: Path) -> None:
    trader = life(4, 40)
    write_life(tmp_path, trader.desk)
    database = built(tmp_path)
    project(database, dataclasses.replace(LABELS, people=(*LABELS.people, "operator-3")), tmp_path)
    with pytest.raises(LedgerError, match=r"other strategies than desk\.toml has now.*--rebuild"):
        project(database, dataclasses.replace(LABELS, strategies=("GALE", "WIND", "EBB")), tmp_path)


def test_a_purse_without_a_unit_is_refused(tmp_path: Path) -> None:
    write_life(tmp_path, life(4, 40).desk)
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with pytest.raises(LedgerError, match=r"an account 3, desk\.toml names 2"):
        project(database, dataclasses.replace(LABELS, purses=LABELS.purses[:2]), tmp_path)
    assert not any(all_rows(database).values())


def test_another_layout_is_built_anew(tmp_path: Path) -> None:
    write_life(tmp_path, life(4, 80).desk)
    database = built(tmp_path)
    rows = all_rows(database)
    with database.writing(NAME) as line:
        line.execute(update(CURSORS).values(layout="of an older version", state=b"", labels="{}"))
    assert project(database, LABELS, tmp_path).begin == 0
    assert all_rows(database) == rows


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (ENTRIES, r"account \w+ of purse \w+/\w+ is -?\d+ in the ledger and -?\d+ in the kernel"),
        (MOVES, r"\w+ of [\w ]+ in [\w-]+ is -?\d+ in the ledger and -?\d+ in the kernel"),
    ],
)
def test_a_row_that_was_taken_away_is_found(tmp_path: Path, table: Any, named: str) -> None:
    write_life(tmp_path, life(4, 100).desk)
    database = built(tmp_path)
    sequence = all_rows(database)[table.name][-1]["sequence"]
    with database.writing(NAME) as line:
        line.execute(delete(table).where(table.c.sequence == sequence, table.c.line == 0))
    with pytest.raises(LedgerError, match=named):
        project(database, LABELS, tmp_path)
    project(database, LABELS, tmp_path, rebuild=True)


def test_a_wrong_digest_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    tape = life(4, 100).desk.tape
    write_journal(tmp_path, tape[:150])
    database = built(tmp_path)
    rows = all_rows(database)
    write_journal(tmp_path, tape[150:], state_digest=12345)
    with pytest.raises(ReplayError):
        project(database, LABELS, tmp_path)
    assert all_rows(database) == rows


def test_a_fill_and_its_figures(tmp_path: Path) -> None:
    trader = Trader()
    desk = trader.desk
    desk.quote(PRICE, instrument=1, half_spread=3)
    order_id = desk.order(1, 10, PRICE + 5, instrument=1, strategy=1, person=-1, reason=70)
    signal = len(desk.tape) - 1
    desk.quote(PRICE + 50, instrument=1, half_spread=3)
    desk.fill(order_id, 4, PRICE + 5, fee=2_000, venue_time_ns=desk.now - SECOND, flags=16)
    write_life(tmp_path, desk)
    (fill,) = all_rows(built(tmp_path))["ledger_fills"]
    expected = {
        "strategy": "WIND",
        "instrument": "BTC",
        "side": "BUY",
        "qty": Decimal(4),
        "price": Decimal("1000.5"),
        "fee": Decimal("0.00002000"),
        "fee_bps": Decimal("0.499750"),  # 2,000 of 4 * 10,005 * 1,000 units
        "slippage_bps": Decimal("5.000000"),  # 5 ticks above the middle of 10,000 when it was asked for
        "slippage": Decimal("0.00020000"),
        "arrival": Decimal("1000.00"),
        "pnl_realized": Decimal(0),
        "pnl_unrealized": Decimal("0.00180000"),  # 4 lots, 45 ticks
        "reason_code": "signal_entry",
        "maker_flag": True,
        "order_state": "PARTIALLY_FILLED",
        "signal": signal,
        "person": None,
        "order_id": order_id,
        "sequence": len(desk.tape) - 1,
        "venue_time_ns": desk.now - SECOND,
        "time_ns": desk.now,
    }
    # The journal's seals take sequence numbers of their own.
    reader = JournalReader(tmp_path)
    kinds = {name: int(reader.record(fill[name])["kind"][0]) for name in ("sequence", "signal")}
    assert kinds == {"sequence": EventKind.FILL, "signal": EventKind.ORDER_REQUEST}
    for name in expected.keys() - {"sequence", "signal"}:
        assert fill[name] == expected[name], name


def test_after_a_split_the_old_price_is_no_measure(tmp_path: Path) -> None:
    trader = Trader()
    desk = trader.desk
    order_id = desk.order(1, 10, instrument=2)
    desk.event(EventKind.TICK_SIZE_CHANGE, instrument=2, numerator=10, denominator=1, aux=100)
    desk.fill(order_id, 10, PRICE * 10)
    write_life(tmp_path, desk)
    (fill,) = all_rows(built(tmp_path))["ledger_fills"]
    assert fill["signal"] is not None
    assert (fill["slippage_bps"], fill["arrival"], fill["slippage"]) == (None, None, None)


def test_an_order_that_was_taken_over_has_no_signal(tmp_path: Path) -> None:
    """Not even that of the order whose slot it has."""
    trader = Trader()
    desk = trader.desk
    first = desk.order(1, 10)
    desk.report(EventKind.ORDER_CANCELED, first)
    lost = first + ORDERS
    desk.event(EventKind.ORDER_ADOPTED, instrument=0, strategy=0, price=PRICE, quantity=10, order_id=lost)
    desk.fill(lost, 10)
    write_life(tmp_path, desk)
    (fill,) = all_rows(built(tmp_path))["ledger_fills"]
    assert (fill["order_id"], fill["order_state"]) == (lost, "FILLED")
    assert (fill["signal"], fill["slippage_bps"], fill["person"]) == (None, None, None)


def test_days_join_without_a_gap(tmp_path: Path) -> None:
    trader = Trader()
    desk = trader.desk
    desk.hold(10, instrument=0)
    desk.quote(PRICE + 7, instrument=0)
    desk.quote(PRICE + 100, instrument=0, after=86_400 * SECOND)
    desk.clock(after=86_400 * SECOND)
    write_life(tmp_path, desk)
    days = [row for row in all_rows(built(tmp_path))["ledger_days"] if row["currency"] == "USDT"]
    assert [row["unrealised"] for row in days] == [70_000, 1_000_000]  # before the first quote of each day
