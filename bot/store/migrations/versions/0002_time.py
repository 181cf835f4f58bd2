"""What time does: preemptions, the waitlist and its offers, overrun, reminders."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _bookings()
    _preemptions()
    _waitlist()
    op.create_table(
        "memory",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("outbox", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("audit_at", "audit", ["at"], unique=False)
    op.create_index("outbox_subject", "outbox", ["subject", "topic"], unique=False)


def _bookings() -> None:
    def instant(name: str) -> sa.Column:
        return sa.Column(name, sa.DateTime(timezone=True), nullable=True)

    no, none = sa.false(), sa.text("0")
    op.add_column("booking", sa.Column("gpu_ids", sa.Text(), nullable=True))
    op.add_column("booking", sa.Column("queued", sa.Boolean(), nullable=False, server_default=no))
    for name in ("overrun_from", "used_at", "asked_at", "reminded_start", "reminded_end"):
        op.add_column("booking", instant(name))
    op.add_column("booking", sa.Column("asked", sa.Integer(), nullable=False, server_default=none))


def _preemptions() -> None:
    op.create_table(
        "preemption",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("preemptor", sa.Integer(), nullable=False),
        sa.Column("preemptee", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reclaim_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_shares", sa.Text(), nullable=False),
        sa.Column("new_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged", sa.Boolean(), nullable=False),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_preemption_preemptor"), "preemption", ["preemptor"], unique=False)
    op.create_index(op.f("ix_preemption_preemptee"), "preemption", ["preemptee"], unique=False)
    op.create_index("preemption_due", "preemption", ["state", "reclaim_at"], unique=False)


def _waitlist() -> None:
    op.create_table(
        "waitlistentry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("asked_node", sa.String(), nullable=True),
        sa.Column("asked_model", sa.String(), nullable=True),
        sa.Column("spread", sa.Boolean(), nullable=False),
        sa.Column("length_s", sa.Integer(), nullable=False),
        sa.Column("earliest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("preemptible", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unanswered", sa.Integer(), nullable=False),
        sa.Column("booking", sa.Integer(), nullable=True),
        sa.CheckConstraint("gpus > 0", name="entry_wants_gpus"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "entry_order", "waitlistentry", ["state", "priority", "created_at"], unique=False
    )
    op.create_index("entry_owner", "waitlistentry", ["owner", "state"], unique=False)
    op.create_table(
        "offer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shares", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("booking", sa.Integer(), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_offer_entry"), "offer", ["entry"], unique=False)
    op.create_index("offer_due", "offer", ["state", "expires_at"], unique=False)
