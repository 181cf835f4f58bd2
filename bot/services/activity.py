"""Signs that somebody uses what they booked."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import col

from bot.services.changing import changing
from bot.services.record import tell_owner
from bot.services.site import Site
from bot.store import models, queries

#: Signs that come more often are not written down.
NOT_OFTENER = timedelta(minutes=1)


def saw_use(site: Site, booking_id: int, *, now: datetime) -> None:
    """Note that a booking is used; signs that follow one another closely count as one.

    Whoever was asked whether they need it need not answer any more.
    """
    table = models.Booking
    news = or_(col(table.used_at).is_(None), col(table.used_at) < now - NOT_OFTENER)
    known = queries.columns(table).where(col(table.id) == booking_id, news)
    with site.database.snapshot() as connection:
        if connection.execute(known).first() is None:
            return
    with changing(site, now) as change:
        row = change.connection.execute(known).one_or_none()
        if row is None:
            return
        change.connection.execute(
            update(table).where(col(table.id) == booking_id).values(used_at=now, asked_at=None)
        )
        if row.asked_at is not None:
            state = f"seen:{int(change.now.timestamp())}"
            tell_owner(change, "idle", f"idle:{booking_id}", state, row.team, row.owner)
