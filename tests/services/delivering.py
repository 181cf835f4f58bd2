"""Slack, as far as time is concerned: what is pending in the outbox arrives when a test says so."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from bot.services import delivery
from bot.services.delivery import Outcome
from bot.services.keep_time import STEPS, keep_time
from bot.services.site import Site

LEASE = timedelta(minutes=1)


def deliver(site: Site, now: datetime) -> None:
    """Have everything that is pending reach Slack at `now`."""
    for recipient in delivery.heads(site, now=now):
        while (row := delivery.claim(site, recipient, now=now, wall=now, lease=LEASE)) is not None:
            delivery.settle(site, row, Outcome.SENT, now=now)


def tick(site: Site, now: datetime) -> int:
    """What happens at `now` in a healthy process: what is due is done, and told."""
    deliver(site, now)
    done = keep_time(site, now=now)
    _check_that_nothing_was_left(site, now)
    deliver(site, now)
    return done


def _check_that_nothing_was_left(site: Site, now: datetime) -> None:
    """A step that says that nothing is due has nothing to do."""
    for step in STEPS:
        with site.database.snapshot() as connection:
            is_due = step.is_due(site, connection, now)
        if not is_due:
            assert step.run(site, now=now) == 0, step.run.__name__


def told(site: Site, topic: str, since: int = 0) -> list[str]:
    """Who gets messages of a topic, one name a row, in order; those after row `since`."""
    rows = text("SELECT recipient FROM outbox WHERE topic = :topic AND id > :since ORDER BY id")
    with site.database.snapshot() as connection:
        found = connection.execute(rows, {"topic": topic, "since": since})
        return [row.recipient for row in found]


def last_row(site: Site) -> int:
    """The id of the newest outbox row, as a mark for `told`."""
    with site.database.snapshot() as connection:
        return connection.execute(text("SELECT coalesce(max(id), 0) FROM outbox")).scalar_one()
