"""Somebody's own bookings, page by page: what is asked most after booking itself.

Statements are made once, and read what they sort from the index `booking_owner` alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, exists, func, select

from bot.domain.booking import Booking
from bot.domain.drain import DrainState
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.store import models, queries
from bot.store.prepared import Prepared, Reading
from bot.store.tables import in_sql, table_of

_BOOKING = table_of(models.Booking)
_DRAIN = table_of(models.Drain)
_PREEMPTION = table_of(models.Preemption)


class Found(NamedTuple):
    """One of somebody's bookings, with what is to be known about all of them."""

    booking: Booking
    #: How many they have.
    total: int
    #: Whether any node is drained, and whether anybody's booking has been warned that it gives way.
    #: Mostly neither is, and then there is nothing more to read.
    any_drained: bool
    any_warned: bool


def _found(row: Any) -> Found:
    return Found(queries.to_booking(row), row.total, row.any_drained, row.any_warned)


def _own(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(_BOOKING)
        .where(
            _BOOKING.c.owner == bindparam("owner"),
            # Written out: a list that is bound would be spread out anew each time.
            _BOOKING.c.state.in_(map(in_sql, queries.LIVE)),
            _BOOKING.c.end_at > bindparam("after"),
        )
    )


def _any(table: Any, state: str) -> Any:
    return exists().where(table.c.state == in_sql(state))


_COUNT = Prepared(_own(func.count()))
_PAGE = Reading(
    select(
        *_BOOKING.c,
        _own(func.count()).scalar_subquery().label("total"),
        _any(_DRAIN, DrainState.DRAINING).label("any_drained"),
        _any(_PREEMPTION, PreemptionState.WARNED).label("any_warned"),
    )
    .where(
        _BOOKING.c.id.in_(
            _own(_BOOKING.c.id)
            .order_by(_BOOKING.c.start_at, _BOOKING.c.id)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
    )
    .order_by(_BOOKING.c.start_at, _BOOKING.c.id),
    _found,
    remembered=4096,
)
_GAVE_WAY: Select[Any] = (
    select(*_PREEMPTION.c)
    .where(_PREEMPTION.c.preemptee.in_(bindparam("preemptees", expanding=True)))
    .order_by(_PREEMPTION.c.id)
)


def own_bookings(
    connection: Connection, owner: str, *, after: datetime, limit: int, offset: int
) -> list[Found]:
    """Live bookings of `owner` that end after `after`, by start."""
    values = {"owner": owner, "after": after, "limit": limit, "offset": offset}
    return _PAGE.found(connection, values)


def count_own_bookings(connection: Connection, owner: str, *, after: datetime) -> int:
    """How many of them there are."""
    ((count,),) = _COUNT.rows(connection, {"owner": owner, "after": after})
    return int(count)


def warnings_of(connection: Connection, running: Collection[int]) -> dict[int, Preemption]:
    """The open warnings of those bookings, by booking."""
    if not running:
        return {}
    rows = connection.execute(_GAVE_WAY, {"preemptees": list(running)})
    last = {row.preemptee: queries.to_preemption(row) for row in rows}
    return {one: found for one, found in last.items() if found.state is PreemptionState.WARNED}
