"""Reading rows as the domain's values.

Statements are SQLAlchemy Core on the SQLModel tables: model objects cost twice the time of the
statement itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select
from sqlmodel import SQLModel, col

from bot.domain.actor import Person
from bot.domain.booking import Booking, BookingState, Priority, Shape, Share
from bot.domain.drain import Drain, DrainState
from bot.domain.transfer import Transfer, TransferState
from bot.domain.window import Window
from bot.store import models

LIVE = (BookingState.RESERVED.value, BookingState.ACTIVE.value)


def columns(model: type[SQLModel]) -> Select[Any]:
    """A statement that selects every column of `model`, as plain rows."""
    return select(*model.__table__.columns)  # type: ignore[attr-defined]


def find_booking(connection: Connection, booking_id: int) -> Booking | None:
    """The booking with that id; None when there is none."""
    statement = columns(models.Booking).where(col(models.Booking.id) == booking_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else to_booking(row)


def bookings_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Booking]:
    """The bookings with those ids, by id."""
    statement = columns(models.Booking).where(col(models.Booking.id).in_(set(ids)))
    return {row.id: to_booking(row) for row in connection.execute(statement)}


def open_bookings(
    connection: Connection,
    *,
    after: datetime,
    owner: str | None = None,
    team: str | None = None,
    limit: int | None = None,
) -> tuple[Booking, ...]:
    """Live bookings that end after `after`, by start; of one owner or team where given."""
    booking = models.Booking
    statement = columns(booking).where(col(booking.state).in_(LIVE), col(booking.end_at) > after)
    if owner is not None:
        statement = statement.where(col(booking.owner) == owner)
    if team is not None:
        statement = statement.where(col(booking.team) == team)
    statement = statement.order_by(col(booking.start_at), col(booking.id)).limit(limit)
    return tuple(to_booking(row) for row in connection.execute(statement))


def claims_overlapping(
    connection: Connection, nodes: Sequence[str], start_s: int, end_s: int
) -> Sequence[Row[Any]]:
    """Counting claims of those nodes that overlap the span, by node and end."""
    claim = models.Claim
    statement = (
        columns(claim)
        .where(
            col(claim.node).in_(nodes),
            col(claim.gone).is_(None),
            col(claim.end_s) > start_s,
            col(claim.start_s) < end_s,
        )
        .order_by(col(claim.node), col(claim.end_s))
    )
    return connection.execute(statement).all()


def open_drains(connection: Connection) -> dict[str, Drain]:
    """Drains that hold their node now or later, by node."""
    statement = columns(models.Drain).where(col(models.Drain.state) == DrainState.DRAINING.value)
    return {row.node: to_drain(row) for row in connection.execute(statement)}


def find_drain(connection: Connection, drain_id: int) -> Drain | None:
    """The drain with that id; None when there is none."""
    statement = columns(models.Drain).where(col(models.Drain.id) == drain_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else to_drain(row)


def find_transfer(connection: Connection, transfer_id: int) -> Transfer | None:
    """The transfer with that id; None when there is none."""
    statement = columns(models.Transfer).where(col(models.Transfer.id) == transfer_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else to_transfer(row)


def open_transfer(connection: Connection, booking_id: int) -> Transfer | None:
    """The transfer of that booking that still waits for its receiver; None when none does."""
    statement = columns(models.Transfer).where(
        col(models.Transfer.booking) == booking_id,
        col(models.Transfer.state) == TransferState.OPEN.value,
    )
    row = connection.execute(statement).first()
    return None if row is None else to_transfer(row)


def find_person(connection: Connection, user: str) -> Person | None:
    """What is remembered of that user; None when nothing is."""
    person = models.Person
    statement = select(
        col(person.user), col(person.name), col(person.zone_name), col(person.locale),
        col(person.email), col(person.refreshed_at),
    ).where(col(person.user) == user)  # fmt: skip
    row = connection.execute(statement).one_or_none()
    return None if row is None else Person(*row)


def to_booking(row: Row[Any]) -> Booking:
    """A booking's row as the domain's value."""
    return Booking(
        id=row.id,
        owner=row.owner,
        team=row.team,
        window=Window(row.start_at, row.end_at),
        shares=tuple(Share(node, gpus) for node, gpus in json.loads(row.shares)),
        shape=Shape(row.gpus, row.asked_node, row.asked_model, row.spread),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        purpose=row.purpose,
        state=BookingState(row.state),
        created_at=row.created_at,
        created_by=row.created_by,
        revision=row.revision,
    )


def to_drain(row: Row[Any]) -> Drain:
    """A drain's row as the domain's value."""
    return Drain(
        id=row.id,
        node=row.node,
        start=row.start_at,
        end=row.end_at,
        reason=row.reason,
        actor=row.actor,
        state=DrainState(row.state),
    )


def to_transfer(row: Row[Any]) -> Transfer:
    """A transfer's row as the domain's value."""
    return Transfer(
        id=row.id,
        booking=row.booking,
        giver=row.giver,
        receiver=row.receiver,
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
        state=TransferState(row.state),
    )
