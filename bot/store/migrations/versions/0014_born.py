"""On SQLite: claims are in no index by the revision in which they were born.

It is for replicas, which catch up with one another; there is one process there.
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.drop_index("claim_born", table_name="claim")
