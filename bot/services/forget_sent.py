"""Messages that were sent long ago are dropped: nothing has to know any more that they were."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from bot.services.delivery import PENDING
from bot.services.site import Site
from bot.store import models
from bot.store.tables import table_of

#: How long a row is kept after the last of what it can have told of: a booking as far ahead and as
#: long as policy allows.
KEPT = timedelta(days=90)
#: How many rows are dropped at once, and how often in a row.
BATCH, MOST_BATCHES = 500, 200


def forget_sent(site: Site, *, now: datetime) -> int:
    """Drop what was settled so long ago that nothing it told of can still be ahead; how many.

    A few at a time, the oldest first, so that nobody waits for it.
    """
    policy = site.cluster.policy
    before = now - policy.horizon - max(policy.max_length.values()) - KEPT
    total = 0
    for _ in range(MOST_BATCHES):
        dropped, is_last = _forget_some(site, before)
        total += dropped
        if is_last:
            break
    return total


def _forget_some(site: Site, before: datetime) -> tuple[int, bool]:
    """Drop some of the oldest rows; how many, and whether there are no more such."""
    box = table_of(models.Outbox)
    # By id, which is by age: no index is kept for what is asked once an hour.
    oldest = select(box.c.id, box.c.state, box.c.created_at).order_by(box.c.id).limit(BATCH)
    with site.database.snapshot() as connection:
        rows = connection.execute(oldest).all()
    old = [row.id for row in rows if row.state != PENDING and row.created_at < before]
    if old:
        with site.database.transaction(exclusive=False) as connection:
            connection.execute(delete(box).where(box.c.id.in_(old)))
    return len(old), len(old) < BATCH
