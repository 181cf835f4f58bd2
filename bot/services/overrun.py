"""Overrun: a run that is still alive may go on a little while nobody needs its GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import select
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, BookingState, Placement, Shape
from bot.domain.calendar import Calendar
from bot.domain.overrun import allowance, seems_alive
from bot.domain.placement import NO_HINTS, Hints, place
from bot.domain.window import Window
from bot.services.change import Change, claims_of
from bot.services.record import record_booking
from bot.services.rows import update_booking
from bot.store import models, queries
from bot.store.prepared import Prepared

_MINUTE = timedelta(minutes=1)


def overrun(change: Change, booking: Booking) -> Booking | None:
    """Let a booking that has come to its end go on as long as it may; None: it ends.

    It may when its run showed a sign of life, for a part of its length that policy sets, and
    only until somebody else has its GPUs.
    """
    if booking.overrun_from is not None or booking.queued:
        return None
    if not seems_alive(booking, booking.window.end):
        return None
    more = allowance(booking.window.length, change.cluster.policy.overrun)
    until = _free_until(change.calendar, booking, booking.window.end + more)
    if until is None or until <= change.now:
        return None
    end = booking.window.end
    change.take(booking.id, Placement(Window(end, until), booking.shares))
    after = update_booking(
        change, booking, window=Window(booking.window.start, until), overrun_from=end
    )
    record_booking(change, GPUBOT, "overran", before=booking, after=after, quiet=True)
    return after


def _free_until(calendar: Calendar, booking: Booking, latest: datetime) -> datetime | None:
    """Until when, in whole minutes and at most `latest`, its GPUs are free after its end."""
    end = booking.window.end
    low, high = 0, max(int((latest - end) / _MINUTE), 0)
    while low < high:
        middle = (low + high + 1) // 2
        window = Window(end, end + middle * _MINUTE)
        if calendar.fits(Placement(window, booking.shares)):
            low = middle
        else:
            high = middle - 1
    return end + low * _MINUTE if low else None


@dataclass(frozen=True, slots=True)
class Room:
    """Where something fits, once the runs that only finish there have stopped."""

    placement: Placement
    stopping: tuple[Booking, ...] = ()


def place_over_overruns(
    change: Change, shape: Shape, window: Window, hints: Hints = NO_HINTS
) -> Placement | None:
    """Where `shape` fits; runs that only finish make room for it, if there is time to warn them."""
    room = find_room_over_overruns(change, shape, window, hints)
    return None if room is None else make_room(change, room)


def make_room(change: Change, room: Room) -> Placement:
    """Have the runs stop in time; return where there is room now."""
    for booking in room.stopping:
        cut_overrun(change, booking, room.placement.window.start)
    return room.placement


def find_room_over_overruns(
    change: Change, shape: Shape, window: Window, hints: Hints = NO_HINTS
) -> Room | None:
    """Where `shape` fits, and which runs would have to stop for it; changes nothing.

    Other free GPUs are taken first. A window that begins sooner than a warning lasts makes nobody
    stop (design: "Overrun").
    """
    found = place(change.calendar, shape, window, hints)
    if found is not None:
        return Room(found)
    if window.start < change.now + change.cluster.policy.warning:
        return None
    if not (yielding := _overrunning(change, window)):
        return None
    without = change.calendar.fork()
    _remove(without, change, yielding)
    if (found := place(without, shape, window, hints)) is None:
        return None
    nodes = {share.node for share in found.shares}
    return Room(
        found, tuple(_in_the_way(change, found, [b for b in yielding if nodes & {*b.nodes}]))
    )


def _in_the_way(
    change: Change, placement: Placement, yielding: Iterable[Booking]
) -> Iterator[Booking]:
    """The first of `yielding` without which there is room."""
    calendar = change.calendar.fork()
    for booking in yielding:
        yield booking
        _remove(calendar, change, [booking])
        if calendar.fits(placement):
            return


def _overrunning(change: Change, window: Window) -> list[Booking]:
    """Bookings that finish during the window; the shortest rest first."""
    ids = [number for (number,) in _finishing().rows(change.connection, {"start": window.start})]
    if not ids:
        return []  # As most of the time.
    bookings = queries.bookings_by_id(change.connection, ids)
    return [bookings[number] for number in ids]


@cache
def _finishing() -> Prepared:
    table, start = models.Booking, queries.instant("start")
    return Prepared(
        select(col(table.id))
        .where(
            col(table.state) == BookingState.ACTIVE.value,
            col(table.end_at) > start,
            # Not null, and never before the promised end: the clock may have been put back.
            col(table.overrun_from) <= start,
        )
        .order_by(col(table.end_at), col(table.id))
    )


def _remove(calendar: Calendar, change: Change, bookings: Iterable[Booking]) -> None:
    for booking in bookings:
        for claim in claims_of(change.connection, "booking", booking.id):
            calendar.remove(claim)


def cut_overrun(change: Change, booking: Booking, until: datetime) -> Booking:
    """Somebody needs the GPUs from `until` on: the run has until then to finish."""
    change.give_back("booking", booking.id, from_instant=until)
    after = update_booking(change, booking, window=Window(booking.window.start, until))
    record_booking(change, GPUBOT, "overrun_ended", before=booking, after=after)
    return after
