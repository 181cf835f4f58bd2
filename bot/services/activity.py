"""Signs that somebody uses what they booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, update
from sqlmodel import col

from bot.domain.booking import Booking
from bot.services.change import Change
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
    saw_uses(site, [booking_id], now=now)


def saw_uses(site: Site, booking_ids: Sequence[int], *, now: datetime) -> None:
    """The same for several bookings, in one transaction."""
    with site.database.snapshot() as connection:
        chunks = queries.in_chunks(booking_ids)
        if all(connection.execute(_news(chunk, now)).first() is None for chunk in chunks):
            return
    with changing(site, now) as change:
        note_signs(change, booking_ids)


def note_signs(change: Change, booking_ids: Sequence[int]) -> None:
    """Note that several bookings are used, in the caller's transaction."""
    table = models.Booking
    for chunk in queries.in_chunks(booking_ids):
        rows = change.connection.execute(_news(chunk, change.now)).all()
        change.connection.execute(
            update(table)
            .where(col(table.id).in_([row.id for row in rows]))
            .values(used_at=change.now, asked_at=None)
        )
        for row in rows:
            if row.asked_at is not None:
                state = f"seen:{int(change.now.timestamp())}"
                tell_owner(change, "idle", f"idle:{row.id}", state, row.team, row.owner)


def answering(booking: Booking, now: datetime) -> dict[str, datetime | None]:
    """What to write of a booking that somebody goes on with whose owner was asked about it.

    Who makes it longer or smaller, or takes it over, needs it: that answers the question.
    """
    return {} if booking.asked_at is None else {"used_at": now, "asked_at": None}


def _news(booking_ids: Sequence[int], now: datetime) -> Select[Any]:
    """Those of the bookings that have shown no sign for a while."""
    table = models.Booking
    silent = or_(col(table.used_at).is_(None), col(table.used_at) < now - NOT_OFTENER)
    return queries.columns(table).where(col(table.id).in_(booking_ids), silent)
