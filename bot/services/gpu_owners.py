"""Whose work it is that a GPU does: by the run that is seen there, by a label, or by the booking.

gpubot gives an active booking its GPUs by index. Runners that give them out by themselves, such as
a device plugin, may take others of the node; what is seen to work counts first, as far as the
booking holds GPUs there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select
from sqlmodel import col

from bot.domain.booking import Booking
from bot.domain.gpu_health import Reading
from bot.store import models, queries

#: A node and an index.
Place = tuple[str, int]

_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
#: How runs, and so their pods, are called; see bot.domain.run.WorkOrder.key.
_RUN = re.compile(r"gpubot-b(\d{1,9})-\d+(-|$)")


def booking_of(reading: Reading) -> int | None:
    """The booking whose run works there, by its pod's or job's name; None: that cannot be seen."""
    found = _RUN.match(reading.pod) or _RUN.match(reading.hpc_job)
    return int(found[1]) if found else None


def users_of(connection: Connection, readings: Sequence[Reading]) -> dict[Place, str]:
    """Who works where, as far as a label or a run says so and they are known."""
    labels = {one.user for one in readings}
    known = {label: find_user(connection, label) for label in labels}
    runs = {booking for one in readings if (booking := booking_of(one)) is not None}
    owners = {b.id: b.owner for b in queries.bookings_by_id(connection, runs).values()}
    found: dict[Place, str] = {}
    for one in readings:
        user = known[one.user] or owners.get(booking_of(one) or 0)
        if user is not None:
            found[one.node, one.gpu] = user
    return found


def by_work(
    readings: Sequence[Reading], bookings: Sequence[Booking], users: Mapping[Place, str]
) -> dict[Place, int]:
    """The active bookings that are seen to work, by where: by their runs, else by their owners."""
    active = {booking.id: booking for booking in bookings}
    by_owner: dict[tuple[str, str], list[Booking]] = defaultdict(list)
    for booking in bookings:
        for node in booking.nodes:
            by_owner[booking.owner, node].append(booking)
    found: dict[Place, int] = {}
    for one in readings:
        place = (one.node, one.gpu)
        run = booking_of(one)
        theirs = by_owner.get((users.get(place, ""), one.node), [])
        if run in active and one.node in active[run].nodes:
            found[place] = run
        elif run is None and len(theirs) == 1:
            found[place] = theirs[0].id
    return _within_bounds(found, bookings)


def _within_bounds(found: dict[Place, int], bookings: Sequence[Booking]) -> dict[Place, int]:
    """Nobody's booking is for more GPUs of a node than it holds there; its own indices first."""
    places: dict[tuple[int, str], list[Place]] = defaultdict(list)
    for place, booking_id in found.items():
        places[booking_id, place[0]].append(place)
    kept: dict[Place, int] = {}
    for booking in bookings:
        own = {(node, gpu) for node, gpus in booking.gpu_ids for gpu in gpus}
        for share in booking.shares:
            found_there = sorted(places[booking.id, share.node])
            theirs = [at for at in found_there if at in own]
            theirs += [at for at in found_there if at not in own]
            kept |= dict.fromkeys(theirs[: share.gpus], booking.id)
    return kept


def find_user(connection: Connection, said: str) -> str | None:
    """The Slack user whom a metric's label names by id or e-mail address; None: nobody known."""
    if not said:
        return None
    person = models.Person
    by_id = col(person.user) == said
    by_email = func.lower(col(person.email)) == said.casefold()
    statement = select(col(person.user)).where(by_id if _USER.fullmatch(said) else by_email)
    found = connection.execute(statement.limit(2)).scalars().all()
    return found[0] if len(found) == 1 else None


def owners_of(
    readings: Sequence[Reading], bookings: Sequence[Booking], at_work: Mapping[Place, int]
) -> dict[Place, Booking]:
    """Whose each GPU is: by the run that works on it (`at_work`, booking ids), else by its index.

    Runners other than our own give out GPUs by themselves, so what is seen to work counts first.
    """
    found: dict[Place, Booking] = {}
    for booking in bookings:
        for node, gpus in booking.gpu_ids:
            found |= {(node, gpu): booking for gpu in gpus}
    known = {booking.id: booking for booking in bookings}
    for reading in readings:
        place = (reading.node, reading.gpu)
        booking_id = at_work.get(place)
        if booking_id in known:
            found[place] = known[booking_id]
    return found


def readings_of(
    readings: Sequence[Reading],
    bookings: Sequence[Booking],
    owners: Mapping[Place, Booking],
    at_work: Mapping[Place, int],
) -> dict[int, list[Reading]]:
    """The readings of each active booking: of the GPUs where its run works, else of its own."""
    found: dict[int, list[Reading]] = defaultdict(list)
    by_run: dict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        place = (reading.node, reading.gpu)
        booking = owners.get(place)
        if booking is None:
            continue
        if at_work.get(place) == booking.id:
            by_run[booking.id].append(reading)
        else:
            found[booking.id].append(reading)
    return {booking.id: by_run.get(booking.id) or found.get(booking.id, []) for booking in bookings}
