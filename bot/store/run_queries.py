"""Reading runs as the domain's values; see bot.store.queries."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    select,
)
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.job_json import order_from_json
from bot.domain.run import Checkpoint, Run, RunState
from bot.store import models
from bot.store.prepared import Reading
from bot.store.queries import columns, find, in_chunks, to_booking
from bot.store.tables import table_of


def find_run(connection: Connection, run_id: int) -> Run | None:
    """The run with that id; None when there is none."""
    return find(connection, models.Run, to_run, run_id)


def run_by_key(connection: Connection, key: str) -> Run | None:
    """The run with that key; None when there is none."""
    row = connection.execute(columns(models.Run).where(col(models.Run.key) == key)).one_or_none()
    return None if row is None else to_run(row)


def runs_of(connection: Connection, booking_id: int) -> list[Run]:
    """The runs of a booking, in the order in which they were wanted."""
    return _runs_of().found(connection, {"of": booking_id})


@cache
def _runs_of() -> Reading[Run]:
    run = table_of(models.Run).c
    of_booking = columns(models.Run).where(run.booking == bindparam("of")).order_by(run.number)
    return Reading(of_booking, to_run)


def latest_runs(connection: Connection, booking_ids: Iterable[int]) -> dict[int, Run]:
    """The last run of each of those bookings that has one."""
    found = {}
    for chunk in in_chunks(sorted(set(booking_ids))):
        for row in connection.execute(_of_bookings(), {"bookings": chunk}):
            found[row.booking] = to_run(row)
    return found


def latest_run(connection: Connection, booking_id: int) -> Run | None:
    """The last run of a booking; None when nothing was ever started there."""
    return next(iter(_last_of_booking().found(connection, {"of": booking_id})), None)


@cache
def _of_bookings() -> Select[Any]:
    """By the oldest first."""
    run = table_of(models.Run).c
    ids: BindParameter[int] = bindparam("bookings", expanding=True)
    return columns(models.Run).where(run.booking.in_(ids)).order_by(run.number)


@cache
def _last_of_booking() -> Reading[Run]:
    run = table_of(models.Run).c
    its = columns(models.Run).where(run.booking == bindparam("of"))
    return Reading(its.order_by(run.number.desc()).limit(1), to_run, remembered=256)


def unsettled_runs(connection: Connection) -> list[Run]:
    """The runs about which something is still to be done, oldest first."""
    table = models.Run
    statement = columns(table).where(col(table.settled_at).is_(None)).order_by(col(table.id))
    return [to_run(row) for row in connection.execute(statement)]


def bookings_with_a_run_that_ends(connection: Connection) -> list[Booking]:
    """The bookings that are over and have a run that a runner still has."""
    return [to_booking(row) for row in connection.execute(_WITH_A_RUN_THAT_ENDS)]


#: Of a run that is not over.
_IS_OPEN = (col(models.Run.settled_at).is_(None), col(models.Run.ended_at).is_(None))
_WITH_A_RUN_THAT_ENDS = (
    columns(models.Booking)
    .join(models.Run, col(models.Run.booking) == col(models.Booking.id))
    .where(
        *_IS_OPEN,
        col(models.Run.submitted_at).is_not(None),
        col(models.Booking.state) != BookingState.ACTIVE.value,
    )
)


def settled_among(connection: Connection, keys: Iterable[str]) -> list[str]:
    """Those of the runs with these keys about which nothing is to be done any more."""
    key, settled_at = col(models.Run.key), col(models.Run.settled_at)
    found: list[str] = []
    for chunk in in_chunks(sorted(set(keys))):
        statement = select(key).where(key.in_(chunk), settled_at.is_not(None))
        found += connection.execute(statement).scalars()
    return found


def has_open_run(booking: type[models.Booking] = models.Booking) -> ColumnElement[bool]:
    """A condition on bookings: there is a run of it that is not over."""
    return exists().where(col(models.Run.booking) == col(booking.id), *_IS_OPEN)


def to_run(row: Row[Any]) -> Run:
    """A row as a run."""
    seen = None if row.checkpoint_at is None else Checkpoint(row.checkpoint, row.checkpoint_at)
    return Run(
        id=row.id,
        key=row.key,
        booking=row.booking,
        number=row.number,
        state=RunState(row.state),
        created_at=row.created_at,
        note=row.note,
        is_trouble=row.is_trouble,
        exit_code=row.exit_code,
        submitted_at=row.submitted_at,
        job=order_from_json(row.job),
        started_at=row.started_at,
        ended_at=row.ended_at,
        stop_asked_at=row.stop_asked_at,
        warned_for=row.warned_for,
        warned_at=row.warned_at,
        checkpoint=seen,
        saved_at=row.saved_at,
        answered_at=row.answered_at,
        missing_since=row.missing_since,
        log=row.log,
        settled_at=row.settled_at,
    )
