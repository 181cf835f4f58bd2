"""What runs on bookings: jobs and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _jobs()


def _jobs() -> None:
    for table in ("booking", "waitlistentry"):
        op.add_column(table, sa.Column("job", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("continues", sa.Integer(), nullable=True))
