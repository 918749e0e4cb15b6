"""The house: tickets and their history, candidates, decisions, torrents, stages, file operations, alerts, secrets.

Written out in plain types on purpose: a revision says what was, and must not change when the code does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
        sa.Column("cleared_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_alert"),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secret"),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("headline_folded", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("wake_at", TIME, nullable=True),
        sa.Column("waiting", sa.Text(), nullable=True),
        sa.Column("waiting_code", sa.Text(), nullable=True),
        sa.Column("torrent_hash", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("holds_slot", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
    )
    op.create_index(
        "ix_ticket_due",
        "ticket",
        [sa.text("priority DESC"), "created_at", "id", "wake_at"],
        unique=False,
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_index(
        "ix_ticket_listing", "ticket", ["created_at", "id", "state", "kind", "headline_folded"], unique=False
    )
    op.create_index("ix_ticket_state", "ticket", ["state", "created_at", "id"], unique=False)
    op.create_index(
        "ix_ticket_waiting",
        "ticket",
        ["waiting_code", sa.text("priority DESC"), "created_at"],
        unique=False,
        sqlite_where=sa.text("waiting_code IS NOT NULL"),
        postgresql_where=sa.text("waiting_code IS NOT NULL"),
    )
    op.create_index("ix_ticket_torrent", "ticket", ["torrent_hash", "holds_slot"], unique=False)
    op.create_table(
        "blocked_release",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_blocked_release_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", "guid", name="pk_blocked_release"),
    )
    op.create_table(
        "candidate",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("indexer", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("rejected", sa.Boolean(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_candidate_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", "idx", name="pk_candidate"),
    )
    op.create_table(
        "decision",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("chosen_guid", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("queries", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_decision_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
    )
    op.create_index("ix_decision_ticket", "decision", ["ticket_id", "id"], unique=False)
    op.create_table(
        "journal",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("temp", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("inode", sa.Text(), nullable=True),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("act", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_journal_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sa.UniqueConstraint("ticket_id", "act", "target", name="uq_journal_ticket_id_act_target"),
    )
    op.create_index("ix_journal_target", "journal", ["target"], unique=False, postgresql_using="hash")
    op.create_table(
        "processing_task",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_processing_task_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_processing_task"),
        sa.UniqueConstraint("ticket_id", "stage", "run", name="uq_processing_task_ticket_id_stage_run"),
    )
    op.create_table(
        "ticket_event",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_ticket_event_ticket_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_ticket_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ticket_event_ticket", "ticket_event", ["ticket_id", "seq"], unique=False)
    op.create_index("ix_ticket_event_at", "ticket_event", ["at", "type"], unique=False)
    op.create_index("ix_ticket_event_type", "ticket_event", ["type", "seq"], unique=False)
    op.create_table(
        "torrent",
        sa.Column("info_hash", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=True),
        sa.Column("indexer", sa.Text(), nullable=True),
        sa.Column("guid", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("save_path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("downloaded", sa.BigInteger(), nullable=False),
        sa.Column("uploaded", sa.BigInteger(), nullable=False),
        sa.Column("ratio", sa.Float(), nullable=False),
        sa.Column("seeding_secs", sa.BigInteger(), nullable=False),
        sa.Column("last_client_secs", sa.BigInteger(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("removed_at", TIME, nullable=True),
        sa.Column("last_seen_at", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_torrent_ticket_id"),
        sa.PrimaryKeyConstraint("info_hash", name="pk_torrent"),
    )
    op.create_index("ix_torrent_client", "torrent", ["client", "removed_at"], unique=False)
    op.create_index("ix_torrent_guid", "torrent", ["guid"], unique=False, postgresql_using="hash")
    op.create_index("ix_torrent_ticket", "torrent", ["ticket_id"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
    )
    op.create_index("ix_verdict_digest", "verdict", ["digest", "id"], unique=False)
    op.create_index("ix_verdict_at", "verdict", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("verdict")
    op.drop_table("torrent")
    op.drop_table("ticket_event")
    op.drop_table("processing_task")
    op.drop_table("journal")
    op.drop_table("decision")
    op.drop_table("candidate")
    op.drop_table("blocked_release")
    op.drop_table("ticket")
    op.drop_table("secret")
    op.drop_table("alert")
