"""What one look at all GPUs leads to: alerts, signs of use, figures, and use without a booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.domain.booking import Booking
from bot.domain.gpu_health import Reading, Thresholds
from bot.services.activity import saw_use
from bot.services.changing import changing
from bot.services.gpu_activity import (
    active_bookings,
    note_nodes,
    note_use,
    read_at,
    watched_nodes,
)
from bot.services.gpu_alerts import end_outage, note_health, note_silence
from bot.services.gpu_unbooked import Place, find_user, note_unbooked, owners_of, readings_of
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
        by_work = _by_work(change.connection, readings, bookings)
        owners = owners_of(readings, bookings, by_work)
        drained = set(queries.open_drains(change.connection))
        nodes = frozenset(one.node for one in readings)
        known = {node.name for node in change.cluster.nodes}
        expected = (known & watched_nodes(change.connection, change.now).keys()) - drained
        end_outage(change)
        note_silence(change, expected, nodes)
        note_nodes(change, nodes)
        note_health(change, readings, owners, thresholds)
        note_unbooked(change, readings, owners, drained, thresholds)
        of_bookings = readings_of(readings, bookings, owners, by_work)
        at_work = note_use(change, bookings, of_bookings, thresholds, interval)
    for booking in at_work:
        saw_use(site, booking, now=now)
    return len(at_work)


def is_up(site: Site, interval: timedelta, *, now: datetime) -> bool:
    """Whether readings have come lately."""
    with site.database.snapshot() as connection:
        last = read_at(connection)
    return last is not None and now - last <= UP_FOR * interval


def _by_work(
    connection: Connection, readings: Sequence[Reading], bookings: Sequence[Booking]
) -> dict[Place, int]:
    """Whose the GPUs are that work for a person who has booked GPUs of that node."""
    found: dict[Place, int] = {}
    users = {one.user: find_user(connection, one.user) for one in readings if one.user}
    for one in readings:
        user = users.get(one.user)
        theirs = [b for b in bookings if b.owner == user and one.node in b.nodes]
        if user is not None and len(theirs) == 1:
            found[one.node, one.gpu] = theirs[0].id
    return _within_bounds(found, bookings)


def _within_bounds(found: dict[Place, int], bookings: Sequence[Booking]) -> dict[Place, int]:
    """Nobody's booking is for more GPUs of a node than it holds there; its own indices first."""
    kept: dict[Place, int] = {}
    for booking in bookings:
        own = {(node, gpu) for node, gpus in booking.gpu_ids for gpu in gpus}
        for share in booking.shares:
            places = [p for p, owner in found.items() if owner == booking.id and p[0] == share.node]
            places.sort(key=lambda place: (place not in own, place))
            kept |= dict.fromkeys(places[: share.gpus], booking.id)
    return kept
