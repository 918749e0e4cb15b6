"""Alembic's folder: every shape the database ever had, in order. Run by `earmark.store.migrate`, never by hand."""
