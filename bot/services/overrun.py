"""Overrun: a run that is still alive may go on a little while nobody needs its GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

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


def place_over_overruns(
    change: Change, shape: Shape, window: Window, hints: Hints = NO_HINTS
) -> Placement | None:
    """Where `shape` fits; runs that only finish make room for it, if there is time to warn them.

    Other free GPUs are taken first. A window that begins sooner than a warning lasts makes nobody
    stop (design: "Overrun").
    """
    found = place(change.calendar, shape, window, hints)
    if found is not None or window.start < change.now + change.cluster.policy.warning:
        return found
    yielding = _overrunning(change, window)
    without = change.calendar.fork()
    _remove(without, change, yielding)
    found = place(without, shape, window, hints)
    if found is None:
        return None
    for booking in yielding:
        if booking.nodes and not set(booking.nodes).isdisjoint(s.node for s in found.shares):
            cut_overrun(change, booking, window.start)
            if change.calendar.fits(found):
                break
    return found


def _overrunning(change: Change, window: Window) -> list[Booking]:
    """Bookings that finish during the window; the shortest rest first."""
    table = models.Booking
    finishing = (
        queries.columns(table)
        .where(
            col(table.state) == BookingState.ACTIVE.value,
            col(table.end_at) > window.start,
            # Not null, and never before the promised end: the clock may have been put back.
            col(table.overrun_from) <= window.start,
        )
        .order_by(col(table.end_at), col(table.id))
    )
    return [queries.to_booking(row) for row in change.connection.execute(finishing)]


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
