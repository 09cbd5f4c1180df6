"""What Alembic runs: the steps, in the transaction of whoever opens the store."""

from alembic import context

from quarterdeck.ops.schema import VERSION_TABLE
from quarterdeck.ops.store import METADATA

__all__: list[str] = []

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=False,  # the transaction is not ours to end
)
context.run_migrations()
