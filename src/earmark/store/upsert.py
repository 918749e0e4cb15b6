"""The one statement the two databases spell through different constructs: insert, unless the row is there."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from earmark.store.database import Tx
from earmark.store.location import POSTGRESQL


def insert(tx: Tx, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if tx.dialect == POSTGRESQL else sqlite.insert(table)
