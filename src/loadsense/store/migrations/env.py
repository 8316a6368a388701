"""How Alembic runs a migration: on the connection that it is given, in the transaction that it finds."""

from alembic import context

from loadsense.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
