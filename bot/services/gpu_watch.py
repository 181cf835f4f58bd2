"""What one look at all GPUs leads to: alerts, signs of use, figures, and use without a booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.gpu_health import Reading, Thresholds
from bot.services.activity import note_signs
from bot.services.changing import changing
from bot.services.gpu_activity import (
    active_bookings,
    note_nodes,
    note_use,
    read_at,
    watched_nodes,
)
from bot.services.gpu_alerts import end_outage, note_health, note_silence
from bot.services.gpu_owners import by_work, owners_of, readings_of, users_of
from bot.services.gpu_unbooked import note_unbooked
from bot.services.site import Site
from bot.store import queries

#: Readings of so many intervals ago say that monitoring works.
UP_FOR = 3


def note_readings(
    site: Site,
    readings: Sequence[Reading],
    thresholds: Thresholds,
    interval: timedelta,
    *,
    now: datetime,
) -> int:
    """Write down what all GPUs said at `now`; return how many bookings are at work.

    `readings` has at least one, each of a node of the cluster. `interval` is the usual time
    between two looks.
    """
    with changing(site, now) as change:
        bookings = active_bookings(change.connection)
        users = users_of(change.connection, readings)
        at_work = by_work(readings, bookings, users)
        owners = owners_of(readings, bookings, at_work)
        drained = set(queries.open_drains(change.connection))
        heard = frozenset(one.node for one in readings)
        measured = frozenset(one.node for one in readings if one.utilisation is not None)
        known = {node.name for node in change.cluster.nodes}
        expected = (known & watched_nodes(change.connection, change.now).keys()) - drained
        end_outage(change)
        note_silence(change, expected, heard)
        note_nodes(change, measured)
        note_health(change, readings, owners, thresholds)
        note_unbooked(change, readings, owners, users, drained, thresholds)
        of_bookings = readings_of(readings, bookings, owners, at_work)
        used = note_use(change, bookings, of_bookings, thresholds, interval)
        note_signs(change, used)
    return len(used)


def is_up(site: Site, interval: timedelta, *, now: datetime) -> bool:
    """Whether readings have come lately."""
    with site.database.snapshot() as connection:
        last = read_at(connection)
    return last is not None and now - last <= UP_FOR * interval
