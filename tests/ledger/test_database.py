"""What is tested: `quarterdeck.ledger.database`, `quarterdeck.ledger.tables`, `quarterdeck.ledger.migrations.env` and
`quarterdeck.ledger.migrations.versions.v0001_tables`: one ledger in two kinds of database.
"""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text, update

from quarterdeck.errors import LedgerError
from quarterdeck.ledger.database import Database, database_url
from quarterdeck.ledger.migrations.versions import v0001_tables
from quarterdeck.ledger.tables import DAYS, METADATA, VERSION_TABLE

DAY = {"desk": "one", "day": "2026-11-21", "venue": "v", "currency": "USD", "sequence": 1, "unrealised": 5}


def test_where_a_ledger_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert database_url(tmp_path) == f"sqlite:///{tmp_path}/ledger.sqlite"
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@somewhere/desk")
    assert database_url(tmp_path) == "postgresql://somebody@somewhere/desk"


def test_the_steps_make_the_tables(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.reading() as line:
        context = MigrationContext.configure(line, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_heads() == (v0001_tables.revision,)
    Database(ledger_url)  # a second opening finds them


def test_tables_of_a_newer_program_are_refused(ledger_url: str) -> None:
    with Database(ledger_url).writing("test") as line:
        line.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - our own constant
    with pytest.raises(LedgerError, match="version 9999, this program knows 0001"):
        Database(ledger_url)


def test_other_tables_of_the_database_are_left_alone(ledger_url: str) -> None:
    with Database(ledger_url).writing("test") as line:
        line.execute(text("CREATE TABLE somebody_elses (word text)"))
    Database(ledger_url)
    with Database(ledger_url).reading() as line:
        assert line.execute(text("SELECT count(*) FROM somebody_elses")).scalar() == 0


def write_and_fail(database: Database) -> None:
    with database.writing("test") as line:
        database.insert(line, DAYS, [DAY])
        raise RuntimeError


def write_twice(database: Database) -> None:
    with database.writing("test") as line:
        database.insert(line, DAYS, [DAY])
        database.insert(line, DAYS, [DAY])


def test_what_fails_leaves_nothing(ledger_url: str) -> None:
    database = Database(ledger_url)
    with pytest.raises(RuntimeError):
        write_and_fail(database)
    with database.reading() as line:
        assert line.execute(DAYS.select()).all() == []
    with pytest.raises(LedgerError, match="cannot be used"):
        write_twice(database)
    with database.reading() as line:
        assert line.execute(DAYS.select()).all() == []


def test_one_writer_at_a_time(ledger_url: str) -> None:
    """Each adds one to a figure that it has read: none of them is lost."""
    database = Database(ledger_url)
    with database.writing("test") as line:
        database.insert(line, DAYS, [{**DAY, "unrealised": 0}])

    def add() -> None:
        own = Database(ledger_url)
        for _ in range(5):
            with own.writing("test") as line:
                known = line.execute(DAYS.select()).one().unrealised
                line.execute(update(DAYS).values(unrealised=known + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as line:
        assert line.execute(DAYS.select()).one().unrealised == 20


def test_a_reader_sees_one_moment(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.reading() as reader:
        assert reader.execute(DAYS.select()).all() == []
        with database.writing("test") as line:
            database.insert(line, DAYS, [DAY])
        assert reader.execute(DAYS.select()).all() == []
    with database.reading() as reader:
        assert len(reader.execute(DAYS.select()).all()) == 1


def test_many_openings_at_once(ledger_url: str) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(ledger_url)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no URL"),
        ("mysql://somebody@somewhere/desk", "mysql is not known"),
        ("postgresql://somebody:hush-hush@127.0.0.1:1/desk", "cannot be used"),
        ("postgres://somebody:hush-hush@127.0.0.1:1/desk", "cannot be used"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_password(url: str, said: str) -> None:
    with pytest.raises(LedgerError, match=said) as raised:
        Database(url)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)
