"""What gpubot measures of itself, as far as it stands in the tables.

Everything is read through indices: what is over is counted for the last day only, so that years of
bookings cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, or_, select
from sqlmodel import SQLModel, col

from bot.domain.booking import BookingState
from bot.domain.gpu_health import Kind
from bot.domain.preemption_notice import PreemptionState
from bot.domain.run import RunState
from bot.domain.waitlist import EntryState, OfferState
from bot.services.delivery import PENDING
from bot.services.gpu_alert_rows import OPEN
from bot.services.site import Site
from bot.store import models
from bot.store.tables import in_sql

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers by state, all of one instant."""

    #: Reserved and active ones.
    bookings: Mapping[str, int]
    #: Those whose end lies within the last day, by how they ended.
    bookings_over: Mapping[str, int]
    gpus: int
    gpus_booked: int
    waiting: Mapping[str, int]
    offers: Mapping[str, int]
    preemptions: Mapping[str, int]
    alerts: Mapping[str, int]
    #: Those that are not over, or not cleared away yet.
    runs: Mapping[str, int]
    outbox_pending: int
    #: Seconds that the oldest message that could be sent has waited; 0: there is none.
    outbox_oldest_s: float


def read_figures(site: Site, *, now: datetime) -> Figures:
    """Count everything."""
    live = [state for state in BookingState if state.is_live]
    over = [state for state in BookingState if not state.is_live]
    booking, entry = models.Booking, models.WaitlistEntry
    with site.database.snapshot() as connection:
        active = col(booking.state) == BookingState.ACTIVE.value
        booked = connection.execute(select(func.sum(col(booking.gpus))).where(active)).scalar_one()
        waiting = [EntryState.WAITING, EntryState.OFFERED]
        pending, oldest_s = _outbox(connection, now)
        return Figures(
            bookings=_by_state(connection, booking, live),
            bookings_over={state.value: _lately(connection, state, now) for state in over},
            gpus=site.cluster.gpus,
            gpus_booked=int(booked or 0),
            waiting=_by_state(connection, entry, waiting),
            offers=_by_state(connection, models.Offer, OfferState),
            preemptions=_by_state(connection, models.Preemption, PreemptionState),
            alerts=_alerts(connection),
            runs=_runs(connection),
            outbox_pending=pending,
            outbox_oldest_s=oldest_s,
        )


def _by_state(
    connection: Connection, table: type[SQLModel], states: Iterable[StrEnum]
) -> dict[str, int]:
    """How many rows there are of each state, also of those that have none."""
    state = table.__table__.c.state  # type: ignore[attr-defined]
    names = [one.value for one in states]
    statement = select(state, func.count()).where(state.in_(names)).group_by(state)
    return {**dict.fromkeys(names, 0), **{row[0]: row[1] for row in connection.execute(statement)}}


def _lately(connection: Connection, state: BookingState, now: datetime) -> int:
    booking = models.Booking
    statement = select(func.count()).where(
        col(booking.state) == state.value, col(booking.end_at) > now - _DAY,
        col(booking.end_at) <= now,
    )  # fmt: skip
    return int(connection.execute(statement).scalar_one())


def _alerts(connection: Connection) -> dict[str, int]:
    alert = models.GpuAlert
    statement = (
        select(col(alert.kind), func.count())
        .where(col(alert.state) == OPEN)
        .group_by(col(alert.kind))
    )
    found = {row[0]: row[1] for row in connection.execute(statement)}
    return {kind.value: found.get(kind.value, 0) for kind in Kind}


def _runs(connection: Connection) -> dict[str, int]:
    run = models.Run
    statement = (
        select(col(run.state), func.count())
        .where(col(run.settled_at).is_(None))
        .group_by(col(run.state))
    )
    found = {row[0]: row[1] for row in connection.execute(statement)}
    return {state.value: found.get(state.value, 0) for state in RunState}


def _outbox(connection: Connection, now: datetime) -> tuple[int, float]:
    """How many messages wait, and how long the oldest of those that are not held back has."""
    box = models.Outbox
    pending = col(box.state) == in_sql(PENDING)
    count = connection.execute(select(func.count()).where(pending)).scalar_one()
    held = or_(col(box.held_until).is_(None), col(box.held_until) <= now)
    first = select(col(box.created_at)).where(pending, held).order_by(col(box.created_at)).limit(1)
    oldest = connection.execute(first).scalar_one_or_none()
    return int(count), 0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0)
