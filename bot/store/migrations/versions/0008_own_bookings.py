"""Somebody's own bookings are found, counted and put in order by an index alone."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_index("booking_owner", "booking")
    op.create_index("booking_owner", "booking", ["owner", "state", "end_at", "start_at"])
