"""Deadlines count from when people could read of them.

Slack may be away, and so may gpubot: a warning or an offer that arrived late gives its whole
time all the same (design: nobody is reclaimed without having had the full warning).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.services.change import Change
from bot.store import queries

#: A message that arrives within this time of its writing counts as in time.
TOLERANCE = timedelta(minutes=1)


def later_if_undelivered(
    change: Change,
    topic: str,
    subject: str,
    deadline: datetime,
    period: timedelta,
    *,
    since: datetime | None = None,
) -> datetime:
    """`deadline`, or later: `period` after the message about `subject` reached Slack.

    While it has not, `period` from now. `since`: what was said before that does not count.
    """
    delivered = queries.first_delivered(change.connection, topic, subject, since)
    if delivered is None:
        return max(deadline, change.now + period)
    return deadline if delivered + period <= deadline + TOLERANCE else delivered + period
