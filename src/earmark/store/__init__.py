"""What Earmark remembers: tickets and their history, candidates, decisions, torrents, file operations, alerts, secrets.

The only room with SQL. Repositories are modules of functions that take an open transaction and core values; they hold
no rules but those that keep the tables true. `Database` opens SQLite or PostgreSQL; the same code runs on both.
"""

from __future__ import annotations

from earmark.store import (
    alerts,
    asked,
    blocklist,
    candidates,
    decisions,
    events,
    indexers,
    journal,
    offers,
    tasks,
    tickets,
    torrents,
    vault,
    verdicts,
)
from earmark.store.alerts import Alert, Severity
from earmark.store.asked import Asked
from earmark.store.claim import DatabaseInUse, sole_service
from earmark.store.database import Database, Tx
from earmark.store.decisions import DecisionRecord
from earmark.store.events import Event
from earmark.store.faults import DatabaseAway, DatabaseDamaged
from earmark.store.indexers import Tag
from earmark.store.journal import JournalEntry, JournalOp, JournalState
from earmark.store.offers import Offer, OutsideGrab
from earmark.store.tasks import TaskRecord
from earmark.store.tickets import Moved, Page, StaleRun, TicketExists, UnknownTicket
from earmark.store.torrents import TorrentRecord
from earmark.store.vault import Vault, VaultLocked

__all__ = [
    "Alert",
    "Asked",
    "Database",
    "DatabaseAway",
    "DatabaseDamaged",
    "DatabaseInUse",
    "DecisionRecord",
    "Event",
    "JournalEntry",
    "JournalOp",
    "JournalState",
    "Moved",
    "Offer",
    "OutsideGrab",
    "Page",
    "Severity",
    "StaleRun",
    "Tag",
    "TaskRecord",
    "TicketExists",
    "TorrentRecord",
    "Tx",
    "UnknownTicket",
    "Vault",
    "VaultLocked",
    "alerts",
    "asked",
    "blocklist",
    "candidates",
    "decisions",
    "events",
    "indexers",
    "journal",
    "offers",
    "sole_service",
    "tasks",
    "tickets",
    "torrents",
    "vault",
    "verdicts",
]
