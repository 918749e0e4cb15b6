"""The tables, one name each, singular. Migrations make them; this module only describes them to the repositories.

Document names that mean the same thing: a job is a `ticket`, an event row is a `ticket_event`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.indexing import IndexerFacts, Standing
from earmark.core.newznab import Capabilities
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.ticket import Waiting
from earmark.core.torrents import TorrentEntry
from earmark.core.wish import TicketRequest
from earmark.store.codec import JsonObject, UtcTime, Value

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for plain INTEGER


class TicketColumns(TypedColumns):
    id = Column(Text, primary_key=True)
    kind = Column(Text, nullable=False)
    headline = Column(Text, nullable=False)
    headline_folded = Column(Text, nullable=False)  # for searching without regard to case, in every script
    priority = Column(Integer, nullable=False)
    request: Column[TicketRequest] = Column(Value(TicketRequest), nullable=False)
    request_digest = Column(Text, nullable=False)
    state = Column(Text, nullable=False)
    payload = Column(Text, nullable=False)  # JSON; `state` says of which class
    run = Column(Integer, nullable=False)
    attempt = Column(Integer, nullable=False)
    wake_at: Column[datetime | None] = Column(UtcTime)
    waiting: Column[Waiting | None] = Column(Value(Waiting))
    waiting_code: Column[str | None] = Column(Text)  # of `waiting`, to find by
    torrent_hash: Column[str | None] = Column(Text)
    answers: Column[dict[str, str]] = Column(Value(dict[str, str]), nullable=False)
    holds_slot = Column(Boolean, nullable=False)  # downloads, and the last byte has not arrived
    created_at: Column[datetime] = Column(UtcTime, nullable=False)
    updated_at: Column[datetime] = Column(UtcTime, nullable=False)


ticket = Table("ticket", metadata, TicketColumns)

# Lists and counts read these indexes alone; the rows, heavy with JSON, are fetched only for the page shown.
Index("ix_ticket_listing", ticket.c.created_at, ticket.c.id, ticket.c.state, ticket.c.kind, ticket.c.headline_folded)
Index("ix_ticket_state", ticket.c.state, ticket.c.created_at, ticket.c.id)
Index(
    "ix_ticket_due",
    ticket.c.priority.desc(),
    ticket.c.created_at,
    ticket.c.id,
    ticket.c.wake_at,
    sqlite_where=ticket.c.wake_at.is_not(None),
    postgresql_where=ticket.c.wake_at.is_not(None),
)


class EventColumns(TypedColumns):
    seq = Column(Serial, primary_key=True)
    at: Column[datetime] = Column(UtcTime, nullable=False)
    ticket_id: Column[str | None] = Column(Text, ForeignKey("ticket.id"))
    type = Column(Text, nullable=False)
    payload: Column[JsonObject] = Column(Value(JsonObject), nullable=False)


# AUTOINCREMENT: a number once given never comes back, whatever is deleted.
ticket_event = Table("ticket_event", metadata, EventColumns, sqlite_autoincrement=True)
Index("ix_ticket_event_ticket", ticket_event.c.ticket_id, ticket_event.c.seq)
Index("ix_ticket_event_at", ticket_event.c.at, ticket_event.c.type)
Index("ix_ticket_event_type", ticket_event.c.type, ticket_event.c.seq)


Index(
    "ix_ticket_waiting",
    ticket.c.waiting_code,
    ticket.c.priority.desc(),
    ticket.c.created_at,
    sqlite_where=ticket.c.waiting_code.is_not(None),
    postgresql_where=ticket.c.waiting_code.is_not(None),
)
Index("ix_ticket_torrent", ticket.c.torrent_hash, ticket.c.holds_slot)


class CandidateColumns(TypedColumns):
    ticket_id = Column(Text, ForeignKey("ticket.id"), primary_key=True)
    idx = Column(Integer, primary_key=True, autoincrement=False)
    guid = Column(Text, nullable=False)
    indexer = Column(Text, nullable=False)
    score = Column(Float, nullable=False)
    rejected = Column(Boolean, nullable=False)
    candidate: Column[ScoredCandidate] = Column(Value(ScoredCandidate), nullable=False)


candidate = Table("candidate", metadata, CandidateColumns)


class DecisionColumns(TypedColumns):
    id = Column(Serial, primary_key=True)
    ticket_id = Column(Text, ForeignKey("ticket.id"), nullable=False)
    at: Column[datetime] = Column(UtcTime, nullable=False)
    policy_version = Column(Text, nullable=False)
    chosen_guid: Column[str | None] = Column(Text)
    confidence = Column(Float, nullable=False)
    wish: Column[JsonObject] = Column(Value(JsonObject), nullable=False)
    queries: Column[list[str]] = Column(Value(list[str]), nullable=False)
    decision: Column[Decision] = Column(Value(Decision), nullable=False)


decision = Table("decision", metadata, DecisionColumns)
Index("ix_decision_ticket", decision.c.ticket_id, decision.c.id)


class TorrentColumns(TypedColumns):
    info_hash = Column(Text, primary_key=True)
    client = Column(Text, nullable=False)
    ticket_id: Column[str | None] = Column(Text, ForeignKey("ticket.id"))
    indexer: Column[str | None] = Column(Text)
    guid: Column[str | None] = Column(Text)
    name = Column(Text, nullable=False)
    save_path = Column(Text, nullable=False)
    size_bytes = Column(BigInteger, nullable=False)
    private = Column(Boolean, nullable=False)
    entries: Column[tuple[TorrentEntry, ...]] = Column(Value(tuple[TorrentEntry, ...]), nullable=False)
    state = Column(Text, nullable=False)
    progress = Column(Float, nullable=False)
    downloaded = Column(BigInteger, nullable=False)
    uploaded = Column(BigInteger, nullable=False)
    ratio = Column(Float, nullable=False)
    seeding_secs = Column(BigInteger, nullable=False)
    last_client_secs = Column(BigInteger, nullable=False)  # the client's own counter when last seen
    added_at: Column[datetime] = Column(UtcTime, nullable=False)
    completed_at: Column[datetime | None] = Column(UtcTime)
    removed_at: Column[datetime | None] = Column(UtcTime)
    last_seen_at: Column[datetime | None] = Column(UtcTime)
    error: Column[Reason | None] = Column(Value(Reason))


torrent = Table("torrent", metadata, TorrentColumns)
Index("ix_torrent_ticket", torrent.c.ticket_id)
Index("ix_torrent_guid", torrent.c.guid, postgresql_using="hash")  # a hash: guids may be longer than a tree can hold
Index("ix_torrent_client", torrent.c.client, torrent.c.removed_at)


class TaskColumns(TypedColumns):
    id = Column(Serial, primary_key=True)
    ticket_id = Column(Text, ForeignKey("ticket.id"), nullable=False)
    stage = Column(Text, nullable=False)
    run = Column(Integer, nullable=False)
    started_at: Column[datetime] = Column(UtcTime, nullable=False)
    finished_at: Column[datetime | None] = Column(UtcTime)
    seconds: Column[float | None] = Column(Float)
    detail: Column[JsonObject] = Column(Value(JsonObject), nullable=False)
    error: Column[Reason | None] = Column(Value(Reason))


processing_task = Table("processing_task", metadata, TaskColumns, UniqueConstraint("ticket_id", "stage", "run"))


class JournalColumns(TypedColumns):
    id = Column(Serial, primary_key=True)
    ticket_id = Column(Text, ForeignKey("ticket.id"), nullable=False)
    op = Column(Text, nullable=False)
    source: Column[str | None] = Column(Text)
    target = Column(Text, nullable=False)
    temp: Column[str | None] = Column(Text)
    method: Column[str | None] = Column(Text)
    size: Column[int | None] = Column(BigInteger)
    sha256: Column[str | None] = Column(Text)
    inode: Column[str | None] = Column(Text)
    kept: Column[str | None] = Column(Text)
    root = Column(Text, nullable=False)
    act = Column(Integer, nullable=False)
    state = Column(Text, nullable=False)
    at: Column[datetime] = Column(UtcTime, nullable=False)


journal = Table("journal", metadata, JournalColumns, UniqueConstraint("ticket_id", "act", "target"))
Index("ix_journal_target", journal.c.target, postgresql_using="hash")


class BlockColumns(TypedColumns):
    ticket_id = Column(Text, ForeignKey("ticket.id"), primary_key=True)
    guid = Column(Text, primary_key=True)
    reason: Column[Reason] = Column(Value(Reason), nullable=False)
    at: Column[datetime] = Column(UtcTime, nullable=False)


# Releases that were tried for a ticket and failed, or that a person refused: never taken again for it (failed_attempt).
blocked_release = Table("blocked_release", metadata, BlockColumns)


class VerdictColumns(TypedColumns):
    id = Column(Serial, primary_key=True)
    digest = Column(Text, nullable=False)  # of the question, the provider and the model
    at: Column[datetime] = Column(UtcTime, nullable=False)
    provider = Column(Text, nullable=False)
    model = Column(Text, nullable=False)
    answer: Column[str | None] = Column(Text)  # None: none came, or none that could be read
    fault: Column[str | None] = Column(Text)  # why not, as a reason's code


# Every question to the language model: what it costs a day, and what need not be asked again.
verdict = Table("verdict", metadata, VerdictColumns)
Index("ix_verdict_digest", verdict.c.digest, verdict.c.id)
Index("ix_verdict_at", verdict.c.at)


class AlertColumns(TypedColumns):
    key = Column(Text, primary_key=True)
    severity = Column(Text, nullable=False)
    reason: Column[Reason] = Column(Value(Reason), nullable=False)
    raised_at: Column[datetime] = Column(UtcTime, nullable=False)
    cleared_at: Column[datetime | None] = Column(UtcTime)


alert = Table("alert", metadata, AlertColumns)


class SecretColumns(TypedColumns):
    name = Column(Text, primary_key=True)
    sealed = Column(Text, nullable=False)  # a Fernet token; the key is never in the database
    updated_at: Column[datetime] = Column(UtcTime, nullable=False)


secret = Table("secret", metadata, SecretColumns)


class IndexerColumns(TypedColumns):
    id = Column(Integer, primary_key=True, autoincrement=False)
    key = Column(Text, nullable=False, unique=True)
    sort = Column(Text, nullable=False)
    name = Column(Text, nullable=False)
    enabled = Column(Boolean, nullable=False)
    priority = Column(Integer, nullable=False)
    managed = Column(Boolean, nullable=False)
    facts: Column[IndexerFacts] = Column(Value(IndexerFacts), nullable=False)
    tags: Column[tuple[int, ...]] = Column(Value(tuple[int, ...]), nullable=False)
    capabilities: Column[Capabilities | None] = Column(Value(Capabilities))
    capabilities_at: Column[datetime | None] = Column(UtcTime)
    standing: Column[Standing] = Column(Value(Standing), nullable=False)
    added_at: Column[datetime] = Column(UtcTime, nullable=False)
    removed_at: Column[datetime | None] = Column(UtcTime)


# Rows of removed indexers stay: other programs keep the numbers, which must never come to mean another place.
indexer = Table("indexer", metadata, IndexerColumns)


class OfferColumns(TypedColumns):
    key = Column(Text, primary_key=True)  # a digest of the indexer's number and the guid
    indexer_id = Column(Integer, nullable=False)
    release: Column[Release] = Column(Value(Release), nullable=False)
    seen_at: Column[datetime] = Column(UtcTime, nullable=False)


# What searches for other programs found: a release can be grabbed for weeks after it was shown.
offer = Table("offer", metadata, OfferColumns)
Index("ix_offer_seen", offer.c.seen_at)


class AskedColumns(TypedColumns):
    id = Column(Serial, primary_key=True)
    indexer_id = Column(Integer, nullable=False)
    at: Column[datetime] = Column(UtcTime, nullable=False)
    type = Column(Text, nullable=False)
    successful = Column(Boolean, nullable=False)
    elapsed_ms = Column(Integer, nullable=False)
    source = Column(Text, nullable=False)
    host = Column(Text, nullable=False)
    data: Column[dict[str, str]] = Column(Value(dict[str, str]), nullable=False)


# Every question to an indexer, for its figures, its limits and Prowlarr's history.
indexer_history = Table("indexer_history", metadata, AskedColumns)
Index("ix_indexer_history_indexer", indexer_history.c.indexer_id, indexer_history.c.type, indexer_history.c.at)
Index("ix_indexer_history_at", indexer_history.c.at)


class OutsideColumns(TypedColumns):
    key = Column(Text, primary_key=True)  # of the offer
    source = Column(Text, primary_key=True)  # the program that took it
    indexer_id = Column(Integer, nullable=False)
    release: Column[Release] = Column(Value(Release), nullable=False)
    info_hash: Column[str | None] = Column(Text)
    host = Column(Text, nullable=False)
    times = Column(Integer, nullable=False)
    first_at: Column[datetime] = Column(UtcTime, nullable=False)
    last_at: Column[datetime] = Column(UtcTime, nullable=False)


# Torrents that other programs took through our links: not our tickets, and yet the account's duties.
outside_grab = Table("outside_grab", metadata, OutsideColumns)
Index("ix_outside_grab_hash", outside_grab.c.info_hash)
Index("ix_outside_grab_last", outside_grab.c.last_at)


class TagColumns(TypedColumns):
    id = Column(Integer, primary_key=True, autoincrement=False)
    label = Column(Text, nullable=False, unique=True)


# Labels that other programs give indexers through the Prowlarr interface.
tag = Table("tag", metadata, TagColumns)
