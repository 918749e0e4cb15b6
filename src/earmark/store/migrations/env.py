"""What Alembic runs: apply revisions on the connection that `earmark.store.migrate` opened, inside its transaction."""

from __future__ import annotations

from alembic import context

from earmark.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place; a batch rebuilds the table
    compare_type=True,
)
context.run_migrations()
