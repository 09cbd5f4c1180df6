"""The ops plane's tables in both databases: made step by step, taken over from before there were versions, refused from
a newer program.

What is tested: `quarterdeck.ops.store`, `quarterdeck.ops.schema`, `quarterdeck.ops.migrations.env` and
`quarterdeck.ops.migrations.versions.v0001_tables`.
"""

import re
import shutil
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from quarterdeck.errors import OpsError
from quarterdeck.ops import hearing, migrations
from quarterdeck.ops.access import People, Role
from quarterdeck.ops.access import tables as access
from quarterdeck.ops.alerts import tables as alerts
from quarterdeck.ops.api import tables as api
from quarterdeck.ops.incidents import tables as incidents
from quarterdeck.ops.metrics import tables as metrics
from quarterdeck.ops.migrations.versions import v0001_tables
from quarterdeck.ops.schema import NEWEST, VERSION_TABLE, bring_up_to_date
from quarterdeck.ops.store import METADATA, Store

ROOMS = (access, alerts, api, incidents, metrics, hearing)  # imported, so METADATA knows all tables
FIRST = Path(__file__).with_name("first_tables.sql")
NEXT_STEP = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("access_people", sa.Column("team", sa.Text(), nullable=False, server_default="none"))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh, empty database: a SQLite file, then a real PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ops.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


def old_database(url: str, *only: str) -> None:
    """A database as create_all left it, with a person in it; with only some of the tables where these are named."""
    words = "\n".join(line for line in FIRST.read_text().splitlines() if not line.startswith("--"))
    if url.startswith("postgresql"):  # where the two databases' words differ
        words = words.replace("id INTEGER NOT NULL", "id SERIAL NOT NULL").replace("BLOB", "BYTEA")
    engine = create_engine(url)
    with engine.begin() as line:
        for word in words.split(";"):
            of = re.search(r"(?:CREATE TABLE|ON) (\w+)", word)
            if of is not None and (not only or of[1] in only):
                line.execute(text(word))
        person = "INSERT INTO access_people VALUES ('operator-1', 'risk', '', NULL, NULL, 1700000000000000000, NULL)"
        line.execute(text(person))
    engine.dispose()


def differences(line: Connection) -> list[object]:
    context = MigrationContext.configure(line, opts={"version_table": VERSION_TABLE, "compare_type": True})
    return list(compare_metadata(context, METADATA))


def version(store: Store) -> object:
    with store.reading() as line:
        return line.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - our own constant


def test_the_steps_make_the_tables_that_the_rooms_say(url: str, tmp_path: Path) -> None:
    store = Store(tmp_path, url)
    with store.reading() as line:
        assert differences(line) == []
        assert set(METADATA.tables) == set(v0001_tables.TABLES.tables)
    store.close()
    again = Store(tmp_path, url)  # a second opening finds them
    assert version(again) == NEWEST == v0001_tables.revision
    again.close()


def test_the_newest_version_is_the_last_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


@pytest.mark.parametrize("only", [(), ("access_people", "access_tokens", "alerts")], ids=["all", "some"])
def test_a_database_from_before_there_were_versions_is_taken_over_whole(
    url: str, tmp_path: Path, only: tuple[str, ...]
) -> None:
    """Some processes made only the tables that they knew: the others are made now."""
    old_database(url, *only)
    store = Store(tmp_path, url)
    with store.reading() as line:
        assert differences(line) == []
    assert version(store) == NEWEST
    found = People(store, tmp_path).get("operator-1")
    assert found is not None
    assert (found.role, found.created_ns) == (Role.RISK, 1_700_000_000_000_000_000)
    store.close()


def test_an_older_version_is_upgraded_and_keeps_what_it_holds(url: str, tmp_path: Path) -> None:
    """The next version of this program, made here of this one and one step more, opens what this one has left."""
    old_database(url)
    store = Store(tmp_path, url)
    following = tmp_path / "following"
    shutil.copytree(Path(migrations.__file__).parent, following)
    (following / "versions" / "v0002_team.py").write_text(NEXT_STEP)
    for _ in range(2):
        with store.writing() as line:
            bring_up_to_date(line, str(following), "0002")
        assert version(store) == "0002"
    with store.reading() as line:
        assert line.execute(text("SELECT name, team FROM access_people")).all() == [("operator-1", "none")]
    store.close()
    with pytest.raises(OpsError, match="version 0002, this program knows 0001: use the newer program"):
        Store(tmp_path, url)


def test_a_strangers_table_of_that_name_is_refused_and_nothing_is_changed(url: str, tmp_path: Path) -> None:
    engine = create_engine(url)
    with engine.begin() as line:
        line.execute(text("CREATE TABLE incidents (id INTEGER, colour TEXT)"))
    with pytest.raises(OpsError, match=r"a table incidents that is not the ops plane's .*colour.*: give"):
        Store(tmp_path, url)
    with engine.connect() as line:
        assert inspect(line).get_table_names() == ["incidents"]
    engine.dispose()


def test_other_tables_of_the_database_are_left_alone(url: str, tmp_path: Path) -> None:
    engine = create_engine(url)
    with engine.begin() as line:
        line.execute(text("CREATE TABLE somebody_elses (word TEXT)"))
        line.execute(text("INSERT INTO somebody_elses VALUES ('kept')"))
    Store(tmp_path, url).close()
    with engine.connect() as line:
        assert line.execute(text("SELECT word FROM somebody_elses")).all() == [("kept",)]
    engine.dispose()


@pytest.mark.parametrize("old", [False, True], ids=["empty", "old"])
def test_many_openings_at_once(url: str, tmp_path: Path, old: bool) -> None:
    if old:
        old_database(url)
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Store(tmp_path, url).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_tables_can_be_taken_away_again(url: str, tmp_path: Path) -> None:
    from alembic import command

    store = Store(tmp_path, url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with store.writing() as line:
        config.attributes["connection"] = line
        command.downgrade(config, "base")
    with store.reading() as line:
        assert inspect(line).get_table_names() == [VERSION_TABLE]
    store.close()
    Store(tmp_path, url).close()


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(OpsError) as raised:
        Store(tmp_path, "postgres://somebody:hush-hush@127.0.0.1:1/desk")
    assert "hush" not in str(raised.value)
    with pytest.raises(OpsError, match="no URL"):
        Store(tmp_path, "nonsense")
