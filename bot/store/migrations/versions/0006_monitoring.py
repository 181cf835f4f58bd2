"""What the GPUs themselves say: alerts, and use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _alerts()
    op.create_table(
        "gpuwatch",
        sa.Column("booking", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("booking"),
    )
    op.create_table(
        "gpuuse",
        sa.Column("booking", sa.Integer(), nullable=False),
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_s", sa.Integer(), nullable=False),
        sa.Column("busy_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("booking", "hour_at"),
    )
    op.create_index("gpuuse_hour", "gpuuse", ["hour_at"], unique=False)


def _alerts() -> None:
    op.create_table(
        "gpualert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=True),
        sa.Column("gpus", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("booking", sa.Integer(), nullable=True),
        sa.Column("user", sa.String(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queried", sa.Boolean(), nullable=False),
        sa.Column("notified", sa.Boolean(), nullable=False),
        sa.Column("notified_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lingers", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    going = sa.text("state != 'resolved'")
    op.create_index(
        "gpualert_going",
        "gpualert",
        ["key"],
        unique=True,
        sqlite_where=going,
        postgresql_where=going,
    )
    op.create_index("gpualert_key", "gpualert", ["key", "id"], unique=False)
    op.create_index("gpualert_state", "gpualert", ["state", "kind"], unique=False)
