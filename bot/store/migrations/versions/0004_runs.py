"""What runs on bookings: jobs and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _jobs()
    _runs()


def _jobs() -> None:
    for table in ("booking", "waitlistentry"):
        op.add_column(table, sa.Column("job", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("continues", sa.Integer(), nullable=True))


def _runs() -> None:
    def instant(name: str) -> sa.Column:
        return sa.Column(name, sa.DateTime(timezone=True), nullable=True)

    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("booking", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("is_trouble", sa.Boolean(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        instant("submitted_at"),
        sa.Column("job", sa.Text(), nullable=True),
        instant("started_at"),
        instant("ended_at"),
        instant("stop_asked_at"),
        instant("warned_for"),
        instant("warned_at"),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        instant("checkpoint_at"),
        instant("saved_at"),
        instant("answered_at"),
        instant("missing_since"),
        sa.Column("log", sa.Text(), nullable=False),
        instant("settled_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_run_booking", "run", ["booking"], unique=False)
    op.create_index("run_open", "run", ["settled_at"], unique=False)
