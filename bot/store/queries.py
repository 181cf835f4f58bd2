"""Reading rows as the domain's values.

Statements are SQLAlchemy Core on the SQLModel tables: model objects cost twice the time of the
statement itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Insert,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
)
from sqlmodel import SQLModel, col

from bot.domain.actor import Person
from bot.domain.booking import Booking, BookingState, Priority, Shape, Share
from bot.domain.drain import Drain, DrainState
from bot.domain.job_json import order_from_json
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.transfer import Transfer, TransferState
from bot.domain.window import Window
from bot.store import models
from bot.store.prepared import Reading
from bot.store.tables import in_sql, table_of

T = TypeVar("T")

LIVE = (BookingState.RESERVED.value, BookingState.ACTIVE.value)


#: How many ids one statement may name; older SQLites take 999.
MOST_IDS = 500


def in_chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """`ids` in parts that one statement may name."""
    for first in range(0, len(ids), MOST_IDS):
        yield ids[first : first + MOST_IDS]


@cache
def columns(model: type[SQLModel]) -> Select[Any]:
    """A statement that selects every column of `model`, as plain rows."""
    return select(*table_of(model).columns)


@cache
def inserting(model: type[SQLModel]) -> Insert:
    """A statement that inserts a row, whose values it is given when it runs."""
    return insert(table_of(model))


def instant(name: str) -> BindParameter[datetime]:
    """An instant that a statement is given when it runs.

    Building a statement takes five times as long as running it; one that a tick needs every few
    seconds is built once.
    """
    return bindparam(name)


def find_booking(connection: Connection, booking_id: int) -> Booking | None:
    """The booking with that id; None when there is none."""
    return find(connection, models.Booking, to_booking, booking_id)


def find(
    connection: Connection, model: type[SQLModel], make: Callable[[Any], T], id_: int
) -> T | None:
    """What `make` makes of the row of `model` with that id; None when there is none."""
    of_id: Reading[T] = _of_id(model, make)
    return next(iter(of_id.found(connection, {"of": id_})), None)


@cache
def _of_id(model: type[SQLModel], make: Callable[[Any], T]) -> Reading[T]:
    return Reading(columns(model).where(table_of(model).c.id == bindparam("of")), make)


def bookings_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Booking]:
    """The bookings with those ids, by id."""
    rows = connection.execute(_BOOKINGS, {"ids": list(set(ids))})
    return {row.id: to_booking(row) for row in rows}


def open_bookings(
    connection: Connection,
    *,
    after: datetime,
    before: datetime | None = None,
    owner: str | None = None,
    team: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[Booking, ...]:
    """Live bookings that end after `after` and start before `before`, by start.

    Of one owner or team where given.
    """
    booking = models.Booking
    statement = columns(booking).where(col(booking.state).in_(LIVE), col(booking.end_at) > after)
    if before is not None:
        statement = statement.where(col(booking.start_at) < before)
    if owner is not None:
        statement = statement.where(col(booking.owner) == owner)
    if team is not None:
        statement = statement.where(col(booking.team) == team)
    statement = statement.order_by(col(booking.start_at), col(booking.id)).limit(limit)
    rows = connection.execute(statement.offset(offset) if offset else statement)
    return tuple(to_booking(row) for row in rows)


_BOOKING = table_of(models.Booking)
_BOOKINGS = columns(models.Booking).where(_BOOKING.c.id.in_(bindparam("ids", expanding=True)))


def bookings_until(
    connection: Connection, *, now: datetime, until: datetime
) -> tuple[Booking, ...]:
    """Live bookings that have not ended at `now` and begin before `until`, by start.

    They are found without a look at those that begin later, of which there may be years.
    """
    rows = connection.execute(_UNTIL, {"now": now, "until": until})
    return tuple(to_booking(row) for row in rows if row.end_at > now)


_UNTIL = (
    select(*_BOOKING.columns)
    .where(
        or_(
            (_BOOKING.c.state == BookingState.ACTIVE.value) & (_BOOKING.c.end_at > instant("now")),
            (_BOOKING.c.state == BookingState.RESERVED.value)
            & (_BOOKING.c.start_at < instant("until")),
        )
    )
    .order_by(_BOOKING.c.start_at, _BOOKING.c.id)
)


def claims_overlapping(
    connection: Connection, nodes: Sequence[str], start_s: int, end_s: int
) -> Sequence[Row[Any]]:
    """Counting claims of those nodes that overlap the span, by node and end."""
    values = {"nodes": list(nodes), "start": start_s, "end": end_s}
    return connection.execute(_OVERLAPPING, values).all()


_CLAIM = table_of(models.Claim)
_OVERLAP = (
    _CLAIM.c.node.in_(bindparam("nodes", expanding=True)),
    _CLAIM.c.gone.is_(None),
    _CLAIM.c.end_s > bindparam("start"),
    _CLAIM.c.start_s < bindparam("end"),
)
_OVERLAPPING = columns(models.Claim).where(*_OVERLAP).order_by(_CLAIM.c.node, _CLAIM.c.end_s)


def open_drains(connection: Connection) -> dict[str, Drain]:
    """Drains that hold their node now or later, by node."""
    return {drain.node: drain for drain in _open_drains().found(connection)}


@cache
def _open_drains() -> Reading[Drain]:
    drain = table_of(models.Drain).c
    return Reading(columns(models.Drain).where(drain.state == in_sql("draining")), to_drain)


def find_drain(connection: Connection, drain_id: int) -> Drain | None:
    """The drain with that id; None when there is none."""
    return find(connection, models.Drain, to_drain, drain_id)


def find_transfer(connection: Connection, transfer_id: int) -> Transfer | None:
    """The transfer with that id; None when there is none."""
    return find(connection, models.Transfer, to_transfer, transfer_id)


def open_transfer(connection: Connection, booking_id: int) -> Transfer | None:
    """The transfer of that booking that still waits for its receiver; None when none does."""
    return next(iter(_open_transfer().found(connection, {"of": booking_id})), None)


@cache
def _open_transfer() -> Reading[Transfer]:
    transfer = table_of(models.Transfer).c
    is_open: ColumnElement[str] = in_sql(TransferState.OPEN)
    of_booking = columns(models.Transfer).where(
        transfer.booking == bindparam("of"), transfer.state == is_open
    )
    return Reading(of_booking, to_transfer)


def warned(connection: Connection) -> set[int]:
    """The bookings that give way already, and have been told so."""
    return set(connection.execute(_WARNED).scalars())


_PREEMPTION = table_of(models.Preemption)
_WARNED = select(_PREEMPTION.c.preemptee).where(_PREEMPTION.c.state == PreemptionState.WARNED.value)


def holding(
    connection: Connection, nodes: Sequence[str], start_s: int, end_s: int
) -> list[Booking]:
    """Bookings that claim GPUs of those nodes in the span, by id; none that are warned already."""
    values = {"nodes": list(nodes), "start": start_s, "end": end_s}
    return [to_booking(row) for row in connection.execute(_HOLDING, values)]


_HOLDING = (
    columns(models.Booking)
    .where(
        _BOOKING.c.id.in_(
            select(_CLAIM.c.holder).where(_CLAIM.c.kind == in_sql("booking"), *_OVERLAP)
        ),
        _BOOKING.c.id.not_in(_WARNED),
    )
    .order_by(_BOOKING.c.id)
)


def find_preemption(connection: Connection, preemption_id: int) -> Preemption | None:
    """The preemption with that id; None when there is none."""
    return find(connection, models.Preemption, to_preemption, preemption_id)


def preemptions_of(
    connection: Connection, *, preemptee: int | None = None, preemptor: int | None = None
) -> list[Preemption]:
    """The preemptions of one who gives way, or by one who takes; the oldest first."""
    table = models.Preemption
    statement = columns(table).order_by(col(table.id))
    if preemptee is not None:
        statement = statement.where(col(table.preemptee) == preemptee)
    if preemptor is not None:
        statement = statement.where(col(table.preemptor) == preemptor)
    return [to_preemption(row) for row in connection.execute(statement)]


def told(*subjects: str, topic: str | None = None) -> ColumnElement[bool]:
    """Messages about `subjects` that are no cards, in the words of the index that finds them."""
    box = table_of(models.Outbox).c
    found = and_(box.subject.in_(subjects), box.topic != in_sql("card"))
    return found if topic is None else and_(found, box.topic == topic)


def first_delivered(
    connection: Connection, topic: str, subject: str, since: datetime | None = None
) -> datetime | None:
    """When a message about `subject` first reached Slack, or was refused for good; None: not yet.

    By the bot's clock. With `since`, only messages written then or later count.
    """
    box = models.Outbox
    statement = select(func.min(col(box.settled_at))).where(told(subject, topic=topic))
    if since is not None:
        statement = statement.where(col(box.created_at) >= since)
    found: datetime | None = connection.execute(statement).scalar_one()
    return found


def find_person(connection: Connection, user: str) -> Person | None:
    """What is remembered of that user; None when nothing is."""
    row = connection.execute(_profile(), {"of": user}).one_or_none()
    return None if row is None else Person(*row)


@cache
def _profile() -> Select[Any]:
    person = table_of(models.Person).c
    return select(
        person.user, person.name, person.zone_name, person.locale, person.email,
        person.refreshed_at,
    ).where(person.user == bindparam("of"))  # fmt: skip


def to_booking(row: Row[Any]) -> Booking:
    """A booking's row as the domain's value."""
    return Booking(
        id=row.id,
        owner=row.owner,
        team=row.team,
        window=Window(row.start_at, row.end_at),
        shares=to_shares(row.shares),
        shape=Shape(row.gpus, row.asked_node, row.asked_model, row.spread),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        purpose=row.purpose,
        state=BookingState(row.state),
        created_at=row.created_at,
        created_by=row.created_by,
        revision=row.revision,
        gpu_ids=_to_gpu_ids(row.gpu_ids),
        queued=row.queued,
        overrun_from=row.overrun_from,
        used_at=row.used_at,
        asked_at=row.asked_at,
        job=order_from_json(row.job),
        continues=row.continues,
    )


def on_node(name: str) -> ColumnElement[bool]:
    """Whether a booking has GPUs of that node; its name stands there as JSON writes it."""
    written = json.dumps([name]).removesuffix("]")
    return col(models.Booking.shares).contains(f"{written}, ", autoescape=True)


# Most bookings have one of a few hundred.
@lru_cache(maxsize=4096)
def to_shares(text: str) -> tuple[Share, ...]:
    """Shares as a table keeps them: [["gpu-01", 4], …]."""
    return tuple(Share(node, gpus) for node, gpus in json.loads(text))


def _to_gpu_ids(text: str | None) -> tuple[tuple[str, tuple[int, ...]], ...]:
    if text is None:
        return ()
    return tuple((node, tuple(ids)) for node, ids in json.loads(text))


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


def to_preemption(row: Row[Any]) -> Preemption:
    """A preemption's row as the domain's value."""
    moved = row.new_start is not None
    return Preemption(
        id=row.id,
        preemptor=row.preemptor,
        preemptee=row.preemptee,
        reason=row.reason,
        created_at=row.created_at,
        asked_start=row.asked_start,
        reclaim_at=row.reclaim_at,
        old_window=Window(row.old_start, row.old_end),
        old_shares=to_shares(row.old_shares),
        new_window=Window(row.new_start, row.new_end) if moved else None,
        state=PreemptionState(row.state),
        nudged=row.nudged,
        extended=row.extended,
        kept=row.kept,
        again=row.again,
    )
