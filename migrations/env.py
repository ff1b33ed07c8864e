"""Runs the migrations on the connection that `genie.adapters.postgres.migrate` has opened; the
transaction and the lock around them are its own."""

from alembic import context

from genie.adapters.postgres.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
