"""What time does to bookings: they begin, and they end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, BookingState
from bot.services.change import Change, changing
from bot.services.record import record_booking
from bot.services.rows import update_booking
from bot.services.site import Site
from bot.services.transfer import overtake_transfer
from bot.store import models, queries

#: How many bookings one transaction turns over; what is left is due at the next tick.
AT_ONCE = 100


def turn_over(site: Site, *, now: datetime) -> int:
    """Begin the bookings whose start has come, end those whose end has; return how many.

    Those that end come first: at one instant GPUs pass from one booking to the next. Doing it
    twice, or late, changes nothing more: what is due is read again inside the transaction.
    """
    booking = models.Booking
    reserved, active = BookingState.RESERVED.value, BookingState.ACTIVE.value
    due = (
        queries.columns(booking)
        .where(
            or_(
                (col(booking.state) == active) & (col(booking.end_at) <= now),
                (col(booking.state) == reserved) & (col(booking.start_at) <= now),
            )
        )
        .order_by(col(booking.state), col(booking.end_at), col(booking.id))
        .limit(AT_ONCE)
    )
    with site.database.snapshot() as connection:
        if connection.execute(due).first() is None:
            return 0
    with changing(site, now) as change:
        found = [queries.to_booking(row) for row in change.connection.execute(due)]
        for found_due in found:
            _turn(change, found_due)
        return len(found)


def _turn(change: Change, booking: Booking) -> None:
    if booking.window.end <= change.now:
        after = update_booking(change, booking, state=BookingState.ENDED)
        _record(change, "ended", booking, after)
        overtake_transfer(change, GPUBOT, after)
    else:
        after = update_booking(change, booking, state=BookingState.ACTIVE)
        _record(change, "started", booking, after)


def _record(change: Change, action: str, before: Booking, after: Booking) -> None:
    """The card shows it; nobody needs a message about what they planned."""
    record_booking(change, GPUBOT, action, before=before, after=after, quiet=True)
