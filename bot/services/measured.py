"""What was measured of one booking's GPUs, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlmodel import col

from bot.domain.window import Window
from bot.services.site import Site
from bot.store import models

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class MeasuredUse:
    """GPU-hours of a booking with a reading, and those of them with work."""

    watched: float
    busy: float


def measured_use(site: Site, booking_id: int) -> MeasuredUse | None:
    """How a booking's GPUs worked so far; None: nothing was measured."""
    use = models.GpuUse
    statement = select(func.sum(col(use.watched_s)), func.sum(col(use.busy_s))).where(
        col(use.booking) == booking_id
    )
    with site.database.snapshot() as connection:
        watched, busy = connection.execute(statement).one()
    return MeasuredUse(watched / _HOUR_S, busy / _HOUR_S) if watched else None


def measured_of_team(connection: Connection, team: str, window: Window) -> MeasuredUse | None:
    """How the GPUs of a team's bookings worked in a window; None: nothing was measured."""
    use, booking = models.GpuUse, models.Booking
    statement = (
        select(func.sum(col(use.watched_s)), func.sum(col(use.busy_s)))
        .join(booking, col(booking.id) == col(use.booking))
        .where(
            col(use.hour_at) >= window.start,
            col(use.hour_at) < window.end,
            col(booking.team) == team,
        )
    )
    watched, busy = connection.execute(statement).one()
    return MeasuredUse(watched / _HOUR_S, busy / _HOUR_S) if watched else None


def idle_since(site: Site, booking_id: int) -> datetime | None:
    """Since when an active booking's GPUs have been idle; None: they are not, or nobody knows."""
    watch = models.GpuWatch
    statement = select(col(watch.idle_since)).where(col(watch.booking) == booking_id)
    with site.database.snapshot() as connection:
        return connection.execute(statement).scalar_one_or_none()
