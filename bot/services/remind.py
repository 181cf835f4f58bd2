"""Reminders: one living message a booking, before its start, while it runs, before its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Select, or_, update
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.preemption_rows import open_preemption, update_preemption
from bot.services.record import post
from bot.services.site import Site
from bot.store import models, queries

#: How long before a start or an end its owner is reminded (design: 30 minutes).
AHEAD = timedelta(minutes=30)
#: Who was warned only so long before the 30 minutes begin needs no second word then.
JUST_TOLD = timedelta(minutes=10)


def remind(site: Site, *, now: datetime) -> int:
    """Remind owners of what begins or ends within AHEAD, once each; return how many.

    Also those whose GPUs are reclaimed soon and who were told of it long ago.
    """
    with changing(site, now) as change:
        due = change.connection.execute(_due(), _instants(change.now)).all()
        for row in due:
            _remind(change, queries.to_booking(row))
        for preemption in _to_nudge(change.connection, site, change.now):
            update_preemption(change, preemption, nudged=True)
        return len(due)


def reminders_are_due(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there is somebody to remind."""
    if connection.execute(_due(), _instants(now)).first() is not None:
        return True
    return bool(_to_nudge(connection, site, now))


def _instants(now: datetime) -> dict[str, datetime]:
    return {"now": now, "soon": now + AHEAD, "knowing": now - JUST_TOLD}


@cache
def _due() -> Select[tuple[object, ...]]:
    table = models.Booking
    now, soon = queries.instant("now"), queries.instant("soon")
    starts = (
        (col(table.state) == BookingState.RESERVED.value)
        & (col(table.start_at) > now)
        & (col(table.start_at) <= soon)
        & or_(
            col(table.reminded_start).is_(None),
            col(table.reminded_start) != col(table.start_at),
        )
        # Whoever booked it just now knows.
        & (col(table.created_at) <= queries.instant("knowing"))
    )
    ends = (
        (col(table.state) == BookingState.ACTIVE.value)
        & (col(table.end_at) > now)
        & (col(table.end_at) <= soon)
        & or_(col(table.reminded_end).is_(None), col(table.reminded_end) != col(table.end_at))
        & col(table.queued).is_(False)
    )
    return queries.columns(table).where(or_(starts, ends)).order_by(col(table.id))


def _remind(change: Change, booking: Booking) -> None:
    starts = booking.state is BookingState.RESERVED
    at = booking.window.start if starts else booking.window.end
    table = models.Booking
    noted = {"reminded_start": at} if starts else {"reminded_end": at}
    change.connection.execute(update(table).where(col(table.id) == booking.id).values(noted))
    if not starts and open_preemption(change, booking.id) is not None:
        return  # The warning says it all.
    _post(change, booking, f"{'start' if starts else 'end'}:{int(at.timestamp())}")


def _post(change: Change, booking: Booking, state: str) -> None:
    subject = f"reminder:{booking.id}"
    post(change, "reminder", booking.owner, subject, f"{subject}:{state}:{booking.owner}")


def _to_nudge(connection: Connection, site: Site, now: datetime) -> list[Preemption]:
    """Warnings that come true soon and were heard well before the last notice of them is due."""
    warning = site.cluster.policy.warning
    rows = connection.execute(_reclaimed_soon(), {"now": now, "soon": now + warning})
    found = [queries.to_preemption(row) for row in rows]
    return [p for p in found if _heard_long_before(connection, p, p.reclaim_at - warning)]


@cache
def _reclaimed_soon() -> Select[tuple[object, ...]]:
    table = models.Preemption
    return queries.columns(table).where(
        col(table.state) == PreemptionState.WARNED.value,
        col(table.nudged).is_(False),
        col(table.reclaim_at) > queries.instant("now"),
        col(table.reclaim_at) <= queries.instant("soon"),
        col(table.extended).is_(False),
    )


def _heard_long_before(connection: Connection, preemption: Preemption, at: datetime) -> bool:
    heard = queries.first_delivered(connection, "warning", f"preemption:{preemption.id}")
    return heard is not None and heard + JUST_TOLD < at
