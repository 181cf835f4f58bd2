"""Indexes for what is asked every few seconds, and for what has years of rows behind it.

1. What the clock asks about bookings that run is found without a look at each of them.
2. The calendar is loaded, at a start, from the index of the claims that count alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    silent = ["state", "used_at", "start_at"]
    _index("booking_silent", "booking", silent, "state = 'active' AND asked_at IS NULL")
    asked = ["state", "asked_at"]
    _index("booking_asked", "booking", asked, "state = 'active' AND asked_at IS NOT NULL")
    op.create_index("ix_drain_state", "drain", ["state"], unique=False)
    op.drop_index("claim_counting", table_name="claim")
    _index("claim_counting", "claim", ["node", "end_s", "start_s", "gpus"], "gone IS NULL")


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
