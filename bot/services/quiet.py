"""Quiet hours: which messages wait until somebody's morning."""

from __future__ import annotations

from datetime import datetime, tzinfo

from bot.domain.quiet import quiet_until
from bot.domain.zones import zone_named
from bot.services.change import Change
from bot.store import queries


def held_until(change: Change, recipient: str) -> datetime | None:
    """Until when a message that can wait is held back from `recipient`; None: send it now.

    Only people have quiet hours: their policy's, on their own clock as far as it is known, else
    on the cluster's. A channel is read when somebody looks.
    """
    hours = change.cluster.policy.quiet_hours
    if hours is None or not recipient.startswith(("U", "W")):
        return None
    return quiet_until(change.now, _zone_of(change, recipient), hours)


def _zone_of(change: Change, user: str) -> tzinfo:
    person = queries.find_person(change.connection, user)
    found = None if person is None else zone_named(person.zone_name)
    return found or change.cluster.zone
