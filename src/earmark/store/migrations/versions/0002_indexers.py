"""Indexers as rows with numbers of their own, what they offered, what was asked of them, and what others took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "indexer",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=True),
        sa.Column("capabilities_at", TIME, nullable=True),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_indexer"),
        sa.UniqueConstraint("key", name="uq_indexer_key"),
    )
    op.create_table(
        "offer",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("indexer_id", sa.Integer(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_offer"),
    )
    op.create_index("ix_offer_seen", "offer", ["seen_at"], unique=False)
    op.create_table(
        "indexer_history",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("indexer_id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("successful", sa.Boolean(), nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_indexer_history"),
    )
    op.create_index("ix_indexer_history_indexer", "indexer_history", ["indexer_id", "type", "at"], unique=False)
    op.create_index("ix_indexer_history_at", "indexer_history", ["at"], unique=False)
    op.create_table(
        "outside_grab",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("indexer_id", sa.Integer(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("info_hash", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", "source", name="pk_outside_grab"),
    )
    op.create_index("ix_outside_grab_hash", "outside_grab", ["info_hash"], unique=False)
    op.create_index("ix_outside_grab_last", "outside_grab", ["last_at"], unique=False)
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tag"),
        sa.UniqueConstraint("label", name="uq_tag_label"),
    )


def downgrade() -> None:
    for table in ("tag", "outside_grab", "indexer_history", "offer", "indexer"):
        op.drop_table(table)
