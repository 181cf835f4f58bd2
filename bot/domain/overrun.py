"""Overrun: the first part of a booking's length after its end, in which a run may finish."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.booking import Booking

#: Never less than this, and never more (design: "Overrun").
LEAST, MOST = timedelta(minutes=10), timedelta(hours=2)

#: A run is taken to be alive when it showed a sign of use within this time before the end.
SIGN_OF_LIFE = timedelta(minutes=30)


def allowance(length: timedelta, fraction: float) -> timedelta:
    """How much longer than its `length` a booking's run may use its GPUs; zero for no overrun."""
    if fraction <= 0:
        return timedelta(0)
    wanted = timedelta(seconds=int(length.total_seconds() * fraction))
    return min(max(wanted, LEAST), MOST)


def seems_alive(booking: Booking, now: datetime) -> bool:
    """Whether something was heard of the booking's run shortly before `now`."""
    return booking.used_at is not None and booking.used_at >= now - SIGN_OF_LIFE
