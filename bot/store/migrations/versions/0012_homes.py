"""Each change finds the App Homes that it makes stale without a look at everybody.

Most people have never opened theirs, or it is stale already.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_index(
        "person_home",
        "person",
        ["home_opened_at"],
        unique=False,
        sqlite_where=sa.text("home_stale IS 0"),
        postgresql_where=sa.text("home_stale IS false"),
    )
