"""Versions of the ops plane's tables: a store that is opened is brought to the newest, or refused when it is newer.

A database from before there were versions has none: the first step takes its tables over as they are.
"""

from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from quarterdeck.errors import OpsError

__all__ = ["NEWEST", "VERSION_TABLE", "bring_up_to_date"]

NEWEST: Final = "0001"
VERSION_TABLE: Final = "ops_version"
_VERSIONS: Final = Table(
    VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True)
)  # Alembic's own
_MIGRATIONS: Final = "quarterdeck:ops/migrations"  # quarterdeck.ops.migrations.env runs them


def bring_up_to_date(line: Connection, steps: str = _MIGRATIONS, newest: str = NEWEST) -> None:
    """Brings the tables to the newest version, in the caller's transaction, who is alone meanwhile.

    `steps` is Alembic's script location, `newest` its head: a store that is there already costs one question.
    OpsError: a newer program made the tables, or tables of these names are somebody else's.
    """
    found = _version(line)
    if found == newest:
        return
    from alembic import command  # noqa: PLC0415 - a quarter of a second, for what happens once in a version
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", steps)
    config.attributes["connection"] = line
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise OpsError(
            f"the ops plane's tables are of version {found}, this program knows {newest}: use the newer program, or "
            "another database"
        )
    command.upgrade(config, "head")


def _version(line: Connection) -> str | None:
    if not inspect(line).has_table(VERSION_TABLE):
        return None
    return line.execute(select(_VERSIONS.c.version_num)).scalar()
