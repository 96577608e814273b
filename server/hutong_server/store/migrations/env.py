"""Run by Alembic: applies migrations on the connection that the program gives."""

from alembic import context

from hutong_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
